//! Runs one test by name. `cargo test` reports success even if no test has this name, so this module checks
//! that the test exists.

use std::process::{Command, Stdio};

use anyhow::ensure;

use crate::workspace::cargo;

#[derive(Debug)]
pub(crate) struct NamedTest {
    /// The arguments of `cargo test` that select the test binary.
    pub(crate) binary: &'static [&'static str],
    /// The full name, modules included.
    pub(crate) name: &'static str,
}

impl NamedTest {
    /// Runs the test with these environment variables, even if it is marked as ignored.
    ///
    /// # Errors
    /// Returns an error if the binary has no such test, or if the test fails.
    pub(crate) fn run(&self, variables: &[(&str, String)]) -> anyhow::Result<()> {
        self.check_exists()?;
        let mut test = self.cargo("--nocapture");
        test.envs(variables.iter().map(|(name, value)| (name, value)));
        ensure!(test.status()?.success(), "the test `{}` failed; see its output", self.name);
        Ok(())
    }

    /// Checks that the test exists.
    pub(crate) fn check_exists(&self) -> anyhow::Result<()> {
        let list = self.cargo("--list").stderr(Stdio::inherit()).output()?;
        ensure!(list.status.success(), "cannot list the tests of `cargo test {}`", self.binary.join(" "));
        self.check_listed(&String::from_utf8_lossy(&list.stdout))
    }

    fn check_listed(&self, list: &str) -> anyhow::Result<()> {
        let name = self.name;
        ensure!(names(list).any(|listed| listed == name), "no test is named `{name}`; was it renamed?");
        Ok(())
    }

    fn cargo(&self, option: &str) -> Command {
        let mut cargo = cargo(&["test", "--locked", "--all-features"]);
        cargo.args(self.binary).args(["--", "--exact", self.name, "--include-ignored", option]);
        cargo
    }
}

/// Returns the names in the output of a test binary's `--list`.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter_map(|line| line.strip_suffix(": test"))
}

#[cfg(test)]
mod tests {
    use super::NamedTest;

    #[test]
    fn a_test_that_is_not_listed_is_an_error() {
        let test = NamedTest { binary: &[], name: "a::b" };
        test.check_listed("a::b: test\n\n1 test, 0 benchmarks\n").unwrap();
        for list in ["", "0 tests, 0 benchmarks\n", "a::bc: test\n", "a::b: benchmark\n"] {
            assert!(test.check_listed(list).is_err(), "{list}");
        }
    }
}
