//! Directories in cargo's target directory with the pinned packages of a client.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail};

use crate::workspace;

/// The packages of a client.
#[derive(Debug)]
pub(crate) enum Environment {
    /// A virtual environment.
    Python {
        directory: &'static str,
        /// The parts of the requirements file. All packages have hashes.
        requirements: &'static [&'static str],
        /// The statements that must succeed once the packages are installed.
        imports: &'static str,
    },
    /// A directory with `node_modules`.
    Node { directory: &'static str, package: &'static str, lock: &'static str },
}

/// Returns the interpreter of a virtual environment.
pub(crate) fn python(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

impl Environment {
    /// Installs the packages if needed. Returns the directory, or the reason why this machine cannot install them.
    pub(crate) fn prepare(&self) -> anyhow::Result<Result<PathBuf, String>> {
        let (Self::Python { directory, .. } | Self::Node { directory, .. }) = self;
        let directory = workspace::metadata()?.target_directory.as_std_path().join(directory);
        let installed = directory.join("installed.txt");
        let wanted = self.packages();
        // Written last, so that an interrupted installation is repeated.
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted)
            && failure(self.check(&directory).output()).is_none()
        {
            return Ok(Ok(directory));
        }
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        if let Some(reason) = self.install(&directory)? {
            // A package that differs from the pinned one is an error, not a reason to skip.
            if ["HASHES", "EINTEGRITY"].iter().any(|word| reason.contains(word)) {
                bail!("the packages do not match the pinned hashes: {reason}");
            }
            return Ok(Err(reason));
        }
        if let Some(reason) = failure(self.check(&directory).output()) {
            bail!("the packages are installed in {}, but do not work: {reason}", directory.display());
        }
        write(&installed, &wanted)?;
        Ok(Ok(directory))
    }

    /// Returns the pinned version of a package.
    pub(super) fn version(&self, package: &str) -> String {
        let (packages, prefix, end) = match self {
            Self::Python { .. } => (self.packages(), format!("{package}=="), ' '),
            Self::Node { package: text, .. } => ((*text).to_owned(), format!("\"{package}\": \""), '"'),
        };
        let version = packages.split_once(&prefix).and_then(|(_, rest)| rest.split(end).next());
        version.unwrap_or_default().to_owned()
    }

    /// Returns the text that defines the packages.
    fn packages(&self) -> String {
        match self {
            Self::Python { requirements, .. } => requirements.concat(),
            Self::Node { package, lock, .. } => [*package, *lock].concat(),
        }
    }

    /// Returns a command that fails if the packages do not work.
    fn check(&self, directory: &Path) -> Command {
        match self {
            Self::Python { imports, .. } => command(&python(directory), ["-I", "-c", imports]),
            Self::Node { .. } => command(Path::new("npm"), ["ls", "--prefix", &directory.to_string_lossy()]),
        }
    }

    /// Returns the reason if the packages cannot be installed.
    fn install(&self, directory: &Path) -> anyhow::Result<Option<String>> {
        match self {
            Self::Python { .. } => {
                let venv = workspace::command("python3").args(["-m", "venv"]).arg(directory).output();
                if let Some(reason) = failure(venv) {
                    return Ok(Some(format!("`python3 -m venv` failed: {reason}")));
                }
                let requirements = directory.join("requirements.txt");
                write(&requirements, &self.packages())?;
                let install = workspace::command(&python(directory).to_string_lossy())
                    .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
                    .args(["--no-deps", "--only-binary", ":all:", "--require-hashes"])
                    // Fail quickly on a machine without a network.
                    .args(["--retries", "1", "--timeout", "15", "--requirement"])
                    .arg(&requirements)
                    .output();
                Ok(failure(install).map(|reason| format!("cannot install the packages: {reason}")))
            }
            Self::Node { package, lock, .. } => {
                write(&directory.join("package.json"), package)?;
                write(&directory.join("package-lock.json"), lock)?;
                let install = workspace::command("npm")
                    .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries", "1"])
                    .arg("--prefix")
                    .arg(directory)
                    .output();
                Ok(failure(install).map(|reason| format!("`npm ci` failed: {reason}")))
            }
        }
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn command(program: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = workspace::command(&program.to_string_lossy());
    command.args(args);
    command
}

/// Returns the output of the program if it failed.
pub(super) fn failure(output: std::io::Result<Output>) -> Option<String> {
    let output = match output {
        Ok(output) if output.status.success() => return None,
        Ok(output) => output,
        Err(error) => return Some(error.to_string()),
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(if words.is_empty() { output.status.to_string() } else { words })
}

#[cfg(test)]
mod tests {
    use super::{Environment, failure, workspace};
    use crate::compat::CLIENTS;

    #[test]
    fn a_failing_program_is_reported_with_its_output() {
        assert!(failure(workspace::command("true").output()).is_none());
        assert!(failure(workspace::command("false").output()).unwrap().contains("exit status: 1"));
        let failing = workspace::command("sh").args(["-c", "echo no; echo index >&2; exit 3"]).output();
        assert_eq!(failure(failing).unwrap(), "no index");
        assert!(failure(workspace::command("no-such-program-here").output()).is_some());
    }

    #[test]
    fn every_package_is_pinned_by_its_hash() {
        for client in CLIENTS {
            let version = client.version();
            assert!(version.split('.').count() == 3, "{}: {version}", client.name);
            match client.environment {
                Environment::Python { requirements, .. } => {
                    let text = requirements.concat().replace("\\\n", "");
                    let packages: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
                    assert!(packages.len() > 10, "{}", packages.len());
                    for package in packages {
                        assert!(package.contains("==") && package.contains(" --hash=sha256:"), "{package}");
                    }
                }
                Environment::Node { lock, .. } => {
                    let count = |name: &str| lock.matches(name).count();
                    assert_eq!(count("\"node_modules/"), count("\"integrity\": \"sha512-"));
                    assert_eq!(count("\"resolved\""), 0, "the lock file names a registry");
                }
            }
        }
    }
}
