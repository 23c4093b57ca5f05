//! The steps of CI, in order. All steps run even if one fails, so that a single run shows every problem.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::workspace::{self, cargo, command};
use crate::{bench, compat, faults, features, fixtures, layering, msrv, package, public_api, readme, soak};

pub(crate) fn run() -> ExitCode {
    let mut tally = Tally::default();
    let began = now();
    match steps() {
        Ok(steps) => steps.into_iter().for_each(|step| step.run(&mut tally)),
        Err(error) => tally.record("preparation", &Err(error).into()),
    }
    let seconds = began.elapsed().as_secs();
    println!("\n== total: {} min {} s", seconds / 60, seconds % 60);
    println!("\n{}", tally.summary());
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[allow(clippy::disallowed_methods, reason = "measures durations, which are only printed")]
fn now() -> Instant {
    Instant::now()
}

struct Step {
    name: String,
    check: Box<dyn FnOnce() -> Outcome>,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

impl From<anyhow::Result<()>> for Outcome {
    fn from(result: anyhow::Result<()>) -> Self {
        result.map_or_else(|error| Self::Failed(format!("{error:#}")), |()| Self::Passed)
    }
}

impl Step {
    fn new<O: Into<Outcome>>(name: impl Into<String>, check: impl FnOnce() -> O + 'static) -> Self {
        Self { name: name.into(), check: Box::new(|| check().into()) }
    }

    fn command(name: impl Into<String>, command: Command) -> Self {
        Self::new(name, || succeed(command))
    }

    fn run(self, tally: &mut Tally) {
        println!("\n== {}", self.name);
        let start = now();
        let outcome = (self.check)();
        let verdict = match &outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(reason) => format!("FAILED: {reason}"),
            Outcome::Skipped(reason) => format!("SKIPPED: {reason}"),
        };
        println!("== {}: {verdict} ({:.1} s)", self.name, start.elapsed().as_secs_f32());
        tally.record(&self.name, &outcome);
    }
}

fn steps() -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for line in readme::ci_commands()? {
        let mut shell = command("sh");
        shell.args(["-c", &line]);
        steps.push(Step::command(format!("README: {line}"), shell));
    }
    let mut doc = cargo(&["doc", "--workspace", "--all-features", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    steps.extend([
        // The README's test command has already run the tests of the faults.
        Step::new("faults", faults::check),
        Step::new("soak tests exist", soak::check),
        Step::new("other clients, code of the documentation", || skippable(compat::check())),
        Step::command("formatting", cargo(&["fmt", "--all", "--check"])),
        Step::command("clippy", clippy(&["--workspace", "--all-targets", "--all-features"])),
        Step::command("documentation", doc),
        Step::new("layering", layering::check),
        Step::new("minimum Rust version", msrv::check),
        Step::new("fixtures", fixtures::check),
        Step::new("README", readme::check),
        Step::new("public items", || skippable(public_api::check())),
        Step::new("packages", package::check),
        Step::new("instruction counts", || skippable(bench::counts::check())),
    ]);
    for choice in features::combinations(&workspace::metadata()?) {
        steps.push(Step::command(format!("features: {}", choice.join(" ")), clippy(&choice)));
    }
    steps.push(Step::new("dependencies", deny));
    Ok(steps)
}

/// Converts the result of a check whose inner error states why this machine cannot run it.
fn skippable(result: anyhow::Result<Result<(), String>>) -> Outcome {
    match result {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(reason)) => Outcome::Skipped(reason),
        Err(error) => Err(error).into(),
    }
}

/// Runs cargo-deny. Leaves out advisories, which may change any day without a change in this repository.
fn deny() -> Outcome {
    let version = cargo(&["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if version.is_ok_and(|status| status.success()) {
        succeed(cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"])).into()
    } else {
        Outcome::Skipped("cargo-deny is not installed (`cargo install cargo-deny --locked`)".to_owned())
    }
}

/// Returns a clippy command, which includes `cargo check` and can deny the warnings of our crates only.
fn clippy<A: AsRef<str>>(args: &[A]) -> Command {
    let mut clippy = cargo(&["clippy", "--locked"]);
    clippy.args(args.iter().map(AsRef::as_ref)).args(["--", "-D", "warnings"]);
    clippy
}

fn succeed(mut command: Command) -> anyhow::Result<()> {
    let status =
        command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    not_passed: Vec<String>,
}

impl Tally {
    fn record(&mut self, step: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => {
                self.failed += 1;
                self.not_passed.push(format!("failed: {step}\n"));
            }
            Outcome::Skipped(_) => self.not_passed.push(format!("skipped: {step}\n")),
        }
    }

    /// Returns the steps that did not pass, and a last line of counts, which other programs parse.
    fn summary(&self) -> String {
        format!("{}{} passed, {} failed", self.not_passed.concat(), self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Tally, command, steps, succeed};

    #[test]
    fn the_summary_names_the_steps_that_did_not_pass_and_ends_in_counts() {
        let mut tally = Tally::default();
        tally.record("a", &Outcome::Passed);
        tally.record("b", &Outcome::Passed);
        assert_eq!(tally.summary(), "2 passed, 0 failed");
        tally.record("c", &Outcome::Failed("exit 1".to_owned()));
        tally.record("d", &Outcome::Skipped("not installed".to_owned()));
        assert_eq!(tally.summary(), "failed: c\nskipped: d\n2 passed, 1 failed");
    }

    #[test]
    fn the_test_command_of_the_readme_runs_first() {
        let first = steps().unwrap().remove(0);
        assert_eq!(first.name, "README: cargo test --workspace --all-features");
    }

    #[test]
    fn a_command_that_fails_or_does_not_exist_fails_its_step() {
        let outcome = |program: &str| Outcome::from(succeed(command(program)));
        assert!(matches!(outcome("true"), Outcome::Passed));
        assert!(matches!(outcome("false"), Outcome::Failed(_)));
        assert!(matches!(outcome("no-such-program-here"), Outcome::Failed(_)));
    }
}
