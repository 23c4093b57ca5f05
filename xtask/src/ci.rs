//! Everything that CI runs, in order. A step that fails does not keep the next one from running, so that one run
//! shows all that is wrong.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::compat::{self, Verdict};
use crate::workspace::{self, cargo, command};
use crate::{faults, features, fixtures, layering, msrv, readme};

pub(crate) fn run() -> ExitCode {
    let mut tally = Tally::default();
    let began = now();
    let unprepared =
        |error| vec![Step { name: "preparation".to_owned(), run: Box::new(move || Err(error).into()) }];
    for step in steps().unwrap_or_else(unprepared) {
        println!("\n== {}", step.name);
        let start = now();
        let outcome = (step.run)();
        let verdict = match &outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(why) => format!("FAILED: {why}"),
            Outcome::Skipped(why) => format!("SKIPPED: {why}"),
        };
        println!("== {}: {verdict} ({:.1} s)", step.name, start.elapsed().as_secs_f32());
        tally.count(step.name, &outcome);
    }
    println!("\n== everything: {}", minutes(began.elapsed()));
    println!("\n{}", tally.summary());
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[allow(clippy::disallowed_methods, reason = "how long steps take is shown, and nothing depends on it")]
fn now() -> Instant {
    Instant::now()
}

fn minutes(span: Duration) -> String {
    let seconds = span.as_secs();
    format!("{} min {} s", seconds / 60, seconds % 60)
}

struct Step {
    name: String,
    run: Box<dyn FnOnce() -> Outcome>,
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
    fn check(name: &str, check: fn() -> anyhow::Result<()>) -> Self {
        Self { name: name.to_owned(), run: Box::new(move || check().into()) }
    }

    fn command(name: impl Into<String>, command: Command) -> Self {
        Self { name: name.into(), run: Box::new(move || succeed(command).into()) }
    }

    /// A step that needs Python and a package index.
    fn compat() -> Self {
        let run = || match compat::check() {
            Ok(Verdict::Agrees) => Outcome::Passed,
            Ok(Verdict::NotRun(why)) => Outcome::Skipped(why),
            Err(error) => Err(error).into(),
        };
        Self { name: "the exchange's own SDK".to_owned(), run: Box::new(run) }
    }

    /// A step whose tool is not part of the Rust toolchain.
    fn if_installed(name: &str, tool: &'static str, args: &'static [&'static str]) -> Self {
        let run = move || {
            let version = cargo(&[tool, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if version.is_ok_and(|status| status.success()) {
                succeed(cargo(args)).into()
            } else {
                Outcome::Skipped(format!(
                    "cargo-{tool} is not installed (`cargo install cargo-{tool} --locked`)"
                ))
            }
        };
        Self { name: name.to_owned(), run: Box::new(run) }
    }
}

fn steps() -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for line in readme::run_by_ci()? {
        let mut shell = command("sh");
        shell.args(["-c", &line]);
        steps.push(Step::command(format!("README: {line}"), shell));
    }
    // Only that every fault has its tests: they ran among all others.
    steps.push(Step::check("faults", faults::check));
    steps.push(Step::compat());
    steps.push(Step::command("formatting", cargo(&["fmt", "--all", "--check"])));
    steps.push(Step::command("clippy", clippy(&["--workspace", "--all-targets", "--all-features"])));
    let mut doc = cargo(&["doc", "--workspace", "--all-features", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    steps.push(Step::command("documentation", doc));
    steps.push(Step::check("layering", layering::check));
    steps.push(Step::check("minimum Rust version", msrv::check));
    steps.push(Step::check("fixtures", fixtures::check));
    steps.push(Step::check("README", readme::check));
    for choice in features::combinations(&workspace::metadata()?) {
        steps.push(Step::command(format!("features: {}", choice.join(" ")), clippy(&choice)));
    }
    // Advisories are left out: they change from one day to the next without a change of ours.
    steps.push(Step::if_installed(
        "dependencies",
        "deny",
        &["deny", "--locked", "check", "bans", "licenses", "sources"],
    ));
    Ok(steps)
}

/// Clippy rather than a mere check: it checks too, and can deny the warnings of our crates alone.
fn clippy<A: AsRef<str>>(args: &[A]) -> Command {
    let mut clippy = cargo(&["clippy", "--locked"]);
    clippy.args(args.iter().map(AsRef::as_ref)).args(["--", "-D", "warnings"]);
    clippy
}

fn succeed(mut command: Command) -> anyhow::Result<()> {
    let status =
        command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Tally {
    fn count(&mut self, step: String, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => self.failed.push(step),
            Outcome::Skipped(_) => self.skipped.push(step),
        }
    }

    /// What did not pass, and a last line of counts whose form machines rely on.
    fn summary(&self) -> String {
        let skipped = self.skipped.iter().map(|step| format!("skipped: {step}\n"));
        let failed = self.failed.iter().map(|step| format!("failed: {step}\n"));
        let named: String = skipped.chain(failed).collect();
        format!("{named}{} passed, {} failed", self.passed, self.failed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_did_not_pass_and_ends_in_counts() {
        let mut tally = Tally::default();
        tally.count("a".to_owned(), &Outcome::Passed);
        tally.count("b".to_owned(), &Outcome::Passed);
        assert_eq!(tally.summary(), "2 passed, 0 failed");
        tally.count("c".to_owned(), &Outcome::Failed("exit 1".to_owned()));
        tally.count("d".to_owned(), &Outcome::Skipped("not installed".to_owned()));
        assert_eq!(tally.summary(), "skipped: d\nfailed: c\n2 passed, 1 failed");
    }

    #[test]
    fn the_readme_s_tests_come_first() {
        let first = steps().unwrap().remove(0);
        assert_eq!(first.name, "README: cargo test --workspace --all-features");
    }

    #[test]
    fn the_whole_time_is_told_in_minutes() {
        assert_eq!(minutes(Duration::from_millis(59_999)), "0 min 59 s");
        assert_eq!(minutes(Duration::from_secs(3_725)), "62 min 5 s");
    }

    #[test]
    fn a_command_that_fails_or_does_not_exist_fails_its_step() {
        let outcome = |program: &str| Outcome::from(succeed(command(program)));
        assert!(matches!(outcome("true"), Outcome::Passed));
        assert!(matches!(outcome("false"), Outcome::Failed(_)));
        assert!(matches!(outcome("no-such-program-here"), Outcome::Failed(_)));
    }
}
