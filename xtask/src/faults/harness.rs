//! Lists and runs the tests that are named after a fault.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};

use anyhow::{Context, ensure};

use crate::named_test::names;
use crate::workspace::cargo;

/// A test whose function begins with `fault_NN_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) fault: u8,
    /// The full name, modules included.
    pub(super) name: String,
}

impl Test {
    /// Parses the name of a test. Returns `None` if its function is not named after a fault.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (number, rest) = function(name).strip_prefix("fault_")?.split_at_checked(2)?;
        rest.strip_prefix('_')?;
        let fault = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some(Self { fault, name: name.to_owned() })
    }

    pub(super) fn function(&self) -> &str {
        function(&self.name)
    }
}

fn function(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// Lists all tests that are named after a fault, except those that are ignored by default.
pub(super) fn list() -> anyhow::Result<Vec<Test>> {
    let list = |options: &[&str]| {
        let output = cargo_test(&["--quiet"], options)?;
        ensure!(output.status.success(), "cannot list the tests: {}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    };
    let (all, ignored) = (list(&["--list"])?, list(&["--list", "--ignored"])?);
    let mut tests: Vec<Test> = names(&all).filter_map(Test::parse).collect();
    let ignored: Vec<&str> = names(&ignored).collect();
    tests.retain(|test| !ignored.contains(&test.name.as_str()));
    tests.sort();
    tests.dedup();
    Ok(tests)
}

/// Runs the tests. Returns whether each one passed, and the output.
pub(super) fn run() -> anyhow::Result<(BTreeMap<Test, bool>, String)> {
    let text = String::from_utf8(cargo_test(&[], &[])?.stdout)?;
    Ok((results(&text), text))
}

/// Parses lines such as `test NAME ... ok`. A test that occurs in several binaries has passed if it passed in
/// each.
pub(super) fn results(text: &str) -> BTreeMap<Test, bool> {
    let mut results = BTreeMap::new();
    for line in text.lines() {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
        else {
            continue;
        };
        if let (Some(test), "ok" | "FAILED") = (Test::parse(name), result) {
            *results.entry(test).or_insert(true) &= result == "ok";
        }
    }
    results
}

fn cargo_test(cargo_args: &[&str], test_args: &[&str]) -> anyhow::Result<Output> {
    // The same selection as the README's command, so that CI builds nothing twice.
    let mut cargo =
        cargo(&["test", "--locked", "--workspace", "--all-features", "--tests", "--no-fail-fast"]);
    cargo.args(cargo_args).args(["--", "fault_"]).args(test_args).stderr(Stdio::inherit());
    cargo.output().context("cannot start cargo")
}
