//! Virtual environments in cargo's target directory: one with the SDK and pytest, and one with ccxt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail};

use crate::workspace;

/// A virtual environment with pinned packages.
#[derive(Debug)]
pub(super) struct Environment {
    directory: &'static str,
    requirements: &'static str,
    /// The statements that must succeed once the packages are installed.
    imports: &'static str,
}

pub(super) const SDK: Environment = Environment {
    directory: "compat",
    requirements: include_str!("requirements.txt"),
    imports: "import pytest; from bitoproClient import bitopro_websocket_client",
};

/// Separate, since ccxt takes about 125 MB and is optional.
pub(super) const CCXT: Environment = Environment {
    directory: "compat-ccxt",
    requirements: include_str!("ccxt-requirements.txt"),
    imports: "import ccxt, ccxt.pro",
};

/// Installs the packages if needed. Returns the interpreter that can import them, or the reason why this machine
/// cannot install them.
pub(super) fn prepare(environment: &Environment) -> anyhow::Result<Result<PathBuf, String>> {
    let dir = workspace::metadata()?.target_directory.as_std_path().join(environment.directory);
    let python = dir.join("bin").join("python");
    let installed = dir.join("requirements.txt");
    // Written last, so that an interrupted installation is repeated.
    if fs::read_to_string(&installed).is_ok_and(|text| text == environment.requirements)
        && imports(&python, environment)
    {
        return Ok(Ok(python));
    }
    let _ = fs::remove_file(&installed);
    let venv = workspace::command("python3").args(["-m", "venv", "--clear"]).arg(&dir).output();
    if let Some(reason) = failure(venv) {
        return Ok(Err(format!("`python3 -m venv` failed: {reason}")));
    }
    let wanted = dir.join("wanted.txt");
    fs::write(&wanted, environment.requirements)
        .with_context(|| format!("cannot write {}", wanted.display()))?;
    let install = interpreter(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--no-deps", "--only-binary", ":all:", "--require-hashes"])
        // Fail quickly on a machine without a network.
        .args(["--retries", "1", "--timeout", "15", "--requirement"])
        .arg(&wanted)
        .output();
    if let Some(reason) = failure(install) {
        // A package that differs from the pinned one is an error, not a reason to skip.
        if reason.contains("HASHES") {
            bail!("the packages do not match the pinned hashes: {reason}");
        }
        return Ok(Err(format!("cannot install the packages: {reason}")));
    }
    if !imports(&python, environment) {
        bail!("the packages are installed, but {} cannot import them", python.display());
    }
    fs::rename(&wanted, &installed).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(Ok(python))
}

pub(super) fn interpreter(python: &Path) -> Command {
    workspace::command(&python.to_string_lossy())
}

fn imports(python: &Path, environment: &Environment) -> bool {
    failure(interpreter(python).args(["-I", "-c", environment.imports]).output()).is_none()
}

/// Returns the output of the program if it failed.
fn failure(output: std::io::Result<Output>) -> Option<String> {
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
    use super::{CCXT, SDK, failure, workspace};

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
        for (environment, count) in [(SDK, 9), (CCXT, 18)] {
            let text = environment.requirements.replace("\\\n", "");
            let packages: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(packages.len(), count);
            for package in packages {
                assert!(package.contains("==") && package.contains(" --hash=sha256:"), "{package}");
            }
        }
    }
}
