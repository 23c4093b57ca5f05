//! The tests that are named after a fault: what the test binaries of the workspace list, and what comes of them.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, bail, ensure};
use cargo_metadata::Message;

use crate::named_test::names;
use crate::workspace::{cargo, command};

/// A test whose function begins with `fault_NN_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) fault: u8,
    pub(super) package: String,
    /// Its whole path in its binary.
    pub(super) name: String,
    binary: PathBuf,
    /// Where cargo would run it.
    dir: PathBuf,
}

impl Test {
    /// One that cannot be run.
    #[cfg(test)]
    pub(super) fn new(fault: u8, package: &str, name: &str) -> Self {
        let (binary, dir) = (PathBuf::new(), PathBuf::new());
        Self { fault, package: package.to_owned(), name: name.to_owned(), binary, dir }
    }

    /// The name of its function.
    pub(super) fn function(&self) -> &str {
        function(&self.name)
    }
}

fn function(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// The fault that a function's name begins with.
fn fault(function: &str) -> Option<u8> {
    let (number, rest) = function.strip_prefix("fault_")?.split_at_checked(2)?;
    rest.strip_prefix('_')?;
    number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A test that was run.
#[derive(Debug, Clone)]
pub(super) struct Ran<'a> {
    pub(super) test: &'a Test,
    pub(super) passed: bool,
    pub(super) output: String,
}

/// All tests that are named after a fault, by fault. Those that are ignored by default are left out: nobody runs
/// them.
pub(super) fn list() -> anyhow::Result<Vec<Test>> {
    // The same choice as that of the README's command, so that CI builds nothing twice.
    let mut build = cargo(&["test", "--locked", "--workspace", "--all-features", "--tests", "--no-run"]);
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let built = build.output().context("cannot start cargo")?;
    ensure!(built.status.success(), "the tests cannot be built: {}", built.status);
    let mut tests = Vec::new();
    for message in Message::parse_stream(built.stdout.as_slice()) {
        let Message::CompilerArtifact(artifact) = message.context("cannot understand cargo")? else {
            continue;
        };
        let Some(binary) = artifact.executable.filter(|_| artifact.profile.test) else { continue };
        let dir = artifact.manifest_path.parent().context("a manifest has no folder")?.to_owned();
        let package = dir.file_name().unwrap_or_default().to_owned();
        let ignored = listed(binary.as_str(), &["--ignored"])?;
        for name in listed(binary.as_str(), &[])?.into_iter().filter(|name| !ignored.contains(name)) {
            if let Some(fault) = fault(function(&name)) {
                let (binary, dir) = (binary.clone().into(), dir.clone().into());
                tests.push(Test { fault, package: package.clone(), name, binary, dir });
            }
        }
    }
    tests.sort();
    Ok(tests)
}

/// The names that a test binary lists.
fn listed(binary: &str, which: &[&str]) -> anyhow::Result<Vec<String>> {
    let output = command(binary).args(["--list", "--format", "terse"]).args(which).output();
    let output = output.with_context(|| format!("cannot start {binary}"))?;
    if !output.status.success() {
        bail!("{binary} does not list its tests: {}", output.status);
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("cannot understand {binary}"))?;
    Ok(names(&text).map(str::to_owned).collect())
}

/// Runs each test in a process of its own, as many at a time as there are processors.
pub(super) fn run(tests: &[Test]) -> anyhow::Result<Vec<Ran<'_>>> {
    let queue = Mutex::new(tests.iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).map(run_one).collect::<anyhow::Result<Vec<_>>>();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut ran = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|_| bail!("a thread that runs tests panicked"))
        };
        workers.into_iter().map(join).collect::<anyhow::Result<Vec<_>>>()
    })?
    .concat();
    ran.sort_by_key(|ran| ran.test);
    Ok(ran)
}

fn run_one(test: &Test) -> anyhow::Result<Ran<'_>> {
    let output = command(&test.binary.to_string_lossy())
        .args(["--exact", &test.name])
        .current_dir(&test.dir)
        .output()
        .with_context(|| format!("cannot start {}", test.binary.display()))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Ran { test, passed: output.status.success(), output: String::from_utf8_lossy(&text).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_digits_in_their_place_name_a_fault() {
        for (name, expected) in [
            ("fault_07_frozen", Some(7)),
            ("faults::frozen::fault_44_x", Some(44)),
            ("fault_7_frozen", None),
            ("fault_107_frozen", None),
            ("fault_+7_frozen", None),
            ("fault_07", None),
            ("fault_é", None),
            ("a_fault_07_in_the_middle", None),
            ("fault_07_module::other", None),
        ] {
            assert_eq!(fault(function(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_binary_lists_its_tests() {
        let this = std::env::current_exe().unwrap();
        let names = listed(this.to_str().unwrap(), &[]).unwrap();
        assert!(names.contains(&"faults::harness::tests::a_binary_lists_its_tests".to_owned()), "{names:?}");
    }
}
