//! Checks and runs the tests of the failure model.
//!
//! `docs/failures.md` lists the faults, and tests are named after their numbers. Every fault must have a
//! test, and every such test must belong to a listed fault.

mod failure_model;
mod harness;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, bail};

use crate::workspace;
use failure_model::Row;
use harness::Test;

const DOCUMENT: &str = "docs/failures.md";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run no tests; only check that every fault has tests and that docs/failures.md names them.
    #[arg(long, conflicts_with = "write")]
    check: bool,

    /// Run no tests; write the names of the tests into docs/failures.md.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match (args.check, args.write) {
        (true, _) => check(),
        (_, true) => write(),
        _ => run_and_show(),
    }
}

/// Checks that every fault has a test and that the document names exactly the existing tests. Runs none of
/// them.
pub(crate) fn check() -> anyhow::Result<()> {
    let (text, tests) = (read()?, harness::list()?);
    let rows = failure_model::rows(&text)?;
    fail_on(&problems(&text, &rows, &tests))?;
    println!("{} in {} tests", coverage(&rows, &tests), tests.len());
    Ok(())
}

fn write() -> anyhow::Result<()> {
    let file = workspace::root().join(DOCUMENT);
    fs::write(&file, failure_model::with_test_names(&read()?, &harness::list()?)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    check()
}

fn run_and_show() -> anyhow::Result<()> {
    let (text, tests) = (read()?, harness::list()?);
    let rows = failure_model::rows(&text)?;
    let mut problems = problems(&text, &rows, &tests);
    let (results, output) = harness::run()?;
    for (number, row) in &rows {
        print!("{}", fault_with_results(*number, row, &results));
    }
    for test in &tests {
        match results.get(test) {
            Some(true) => {}
            Some(false) => problems.push(format!("failed: {}", test.name)),
            None => problems.push(format!("no result: {}", test.name)),
        }
    }
    if !problems.is_empty() {
        println!("\n{output}");
    }
    let passed = results.values().filter(|passed| **passed).count();
    println!("\n{}, {passed} of {} tests passed", coverage(&rows, &tests), tests.len());
    fail_on(&problems)
}

fn fail_on(problems: &[String]) -> anyhow::Result<()> {
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(())
}

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(DOCUMENT)).with_context(|| format!("cannot read {DOCUMENT}"))
}

fn is_tested(number: u8, tests: &[Test]) -> bool {
    tests.iter().any(|test| test.fault == number)
}

fn coverage(rows: &BTreeMap<u8, Row<'_>>, tests: &[Test]) -> String {
    let covered = rows.keys().filter(|number| is_tested(**number, tests)).count();
    format!("{covered} of {} faults have tests", rows.len())
}

/// Lists the problems that are known before any test has run.
fn problems(text: &str, rows: &BTreeMap<u8, Row<'_>>, tests: &[Test]) -> Vec<String> {
    let untested = rows.iter().filter(|(number, _)| !is_tested(**number, tests));
    let mut problems: Vec<String> = untested
        .map(|(number, row)| format!("fault {number} has no test `fault_{number:02}_…`: {}", row.fault))
        .collect();
    let unlisted = tests.iter().filter(|test| !rows.contains_key(&test.fault));
    problems.extend(
        unlisted.map(|test| format!("{DOCUMENT} does not list the fault of the test `{}`", test.name)),
    );
    if failure_model::with_test_names(text, tests).is_ok_and(|current| current != text) {
        problems
            .push(format!("the test names in {DOCUMENT} are out of date; run `cargo xtask faults --write`"));
    }
    problems
}

/// Formats a fault, followed by its tests with their results.
fn fault_with_results(number: u8, row: &Row<'_>, results: &BTreeMap<Test, bool>) -> String {
    let mut lines = format!("{number:>2}  {}\n", row.fault);
    let own = results.iter().filter(|(test, _)| test.fault == number);
    let tests: Vec<String> = own
        .map(|(test, passed)| format!("    {}  {}\n", if *passed { "passed" } else { "FAILED" }, test.name))
        .collect();
    if tests.is_empty() {
        lines.push_str("    NO TEST\n");
    }
    lines + &tests.concat()
}

#[cfg(test)]
mod tests;
