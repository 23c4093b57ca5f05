//! The faults that a stream survives. `docs/failures.md` lists them, and tests are named after them; every fault has a
//! test, and every such test has a fault.

mod chapter;
mod harness;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, bail};

use crate::workspace;
use chapter::Row;
use harness::Test;

const CHAPTER: &str = "docs/failures.md";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run nothing; only check that every fault has tests and that the chapter names them.
    #[arg(long, conflicts_with = "write")]
    check: bool,

    /// Run nothing; write the names of the tests into the chapter.
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

/// Checks that every fault has a test and that the chapter names exactly the existing tests. Runs none of them.
pub(crate) fn check() -> anyhow::Result<()> {
    let (text, tests) = (read()?, harness::list()?);
    let rows = chapter::rows(&text)?;
    report(&problems(&text, &rows, &tests))?;
    println!("{} in {} tests", covered(&rows, &tests), tests.len());
    Ok(())
}

fn write() -> anyhow::Result<()> {
    let file = workspace::root().join(CHAPTER);
    fs::write(&file, chapter::filled(&read()?, &harness::list()?)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    check()
}

fn run_and_show() -> anyhow::Result<()> {
    let (text, tests) = (read()?, harness::list()?);
    let rows = chapter::rows(&text)?;
    let mut problems = problems(&text, &rows, &tests);
    let (results, output) = harness::run()?;
    for (number, row) in &rows {
        print!("{}", shown(*number, row, &results));
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
    println!("\n{}, {passed} of {} tests passed", covered(&rows, &tests), tests.len());
    report(&problems)
}

fn report(problems: &[String]) -> anyhow::Result<()> {
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(())
}

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(CHAPTER)).with_context(|| format!("cannot read {CHAPTER}"))
}

fn is_tested(number: u8, tests: &[Test]) -> bool {
    tests.iter().any(|test| test.fault == number)
}

fn covered(rows: &BTreeMap<u8, Row<'_>>, tests: &[Test]) -> String {
    let covered = rows.keys().filter(|number| is_tested(**number, tests)).count();
    format!("{covered} of {} faults have tests", rows.len())
}

/// Lists everything that is wrong before any test has run.
fn problems(text: &str, rows: &BTreeMap<u8, Row<'_>>, tests: &[Test]) -> Vec<String> {
    let untested = rows.iter().filter(|(number, _)| !is_tested(**number, tests));
    let mut problems: Vec<String> = untested
        .map(|(number, row)| format!("fault {number} has no test `fault_{number:02}_…`: {}", row.fault))
        .collect();
    let unlisted = tests.iter().filter(|test| !rows.contains_key(&test.fault));
    problems
        .extend(unlisted.map(|test| format!("{CHAPTER} does not list the fault of the test {}", test.name)));
    if chapter::filled(text, tests).is_ok_and(|filled| filled != text) {
        problems.push(format!("the tests in {CHAPTER} are not current: run `cargo xtask faults --write`"));
    }
    problems
}

/// Returns a fault, and under it its tests with their results.
fn shown(number: u8, row: &Row<'_>, results: &BTreeMap<Test, bool>) -> String {
    let mut shown = format!("{number:>2}  {}\n", row.fault);
    let own = results.iter().filter(|(test, _)| test.fault == number);
    let lines: Vec<String> = own
        .map(|(test, passed)| format!("    {}  {}\n", if *passed { "passed" } else { "FAILED" }, test.name))
        .collect();
    if lines.is_empty() {
        shown.push_str("    NO TEST\n");
    }
    shown + &lines.concat()
}

#[cfg(test)]
mod tests;
