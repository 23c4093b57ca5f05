//! The faults that a stream survives. `docs/failures.md` lists them and tests are named after them; neither may be
//! without the other.

mod chapter;
mod harness;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, bail};

use crate::workspace;
use chapter::Row;
use harness::{Ran, Test};

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
    if args.check {
        check()
    } else if args.write {
        write()
    } else {
        run_and_show()
    }
}

/// Whether every fault has a test, and the chapter names exactly the tests there are. Runs none of them.
pub(crate) fn check() -> anyhow::Result<()> {
    let (text, tests) = (read()?, harness::list()?);
    let rows = chapter::rows(&text)?;
    let problems = problems(&text, &rows, &tests);
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    println!("{} in {}", covered(&rows, &tests), count(tests.len()));
    Ok(())
}

fn write() -> anyhow::Result<()> {
    let (text, tests) = (read()?, harness::list()?);
    let file = workspace::root().join(CHAPTER);
    fs::write(&file, chapter::filled(&text, &tests)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} in {}", covered(&chapter::rows(&text)?, &tests), count(tests.len()));
    Ok(())
}

fn run_and_show() -> anyhow::Result<()> {
    let (text, tests) = (read()?, harness::list()?);
    let rows = chapter::rows(&text)?;
    let mut problems = problems(&text, &rows, &tests);
    let ran = harness::run(&tests)?;
    let failed = ran.iter().filter(|ran| !ran.passed).count();
    for (number, row) in &rows {
        print!("{}", shown(*number, row, &ran));
    }
    for ran in ran.iter().filter(|ran| !ran.passed) {
        println!("\n== {}\n{}", ran.test.name, ran.output.trim_end());
        problems.push(format!("failed: {} of {}", ran.test.name, ran.test.package));
    }
    let failures = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    println!("\n{}, {} passed{failures}", covered(&rows, &tests), count(ran.len() - failed));
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(())
}

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(CHAPTER)).with_context(|| format!("cannot read {CHAPTER}"))
}

fn count(tests: usize) -> String {
    format!("{tests} {}", if tests == 1 { "test" } else { "tests" })
}

fn of(number: u8, tests: &[Test]) -> impl Iterator<Item = &Test> {
    tests.iter().filter(move |test| test.fault == number)
}

fn covered(rows: &BTreeMap<u8, Row<'_>>, tests: &[Test]) -> String {
    let covered = rows.keys().filter(|number| of(**number, tests).next().is_some()).count();
    format!("{covered} of {} faults have tests", rows.len())
}

/// What is wrong before any test has run.
fn problems(text: &str, rows: &BTreeMap<u8, Row<'_>>, tests: &[Test]) -> Vec<String> {
    let untested = rows.iter().filter(|(number, _)| of(**number, tests).next().is_none());
    let mut problems: Vec<String> = untested
        .map(|(number, row)| format!("fault {number} has no test `fault_{number:02}_…`: {}", row.fault))
        .collect();
    let strangers = tests.iter().filter(|test| !rows.contains_key(&test.fault));
    problems.extend(strangers.map(|test| {
        format!("{} of {} is named after a fault that {CHAPTER} does not list", test.name, test.package)
    }));
    if chapter::filled(text, tests).is_ok_and(|filled| filled != text) {
        problems
            .push(format!("{CHAPTER} does not name the tests as they are: run `cargo xtask faults --write`"));
    }
    problems
}

/// A fault, and under it its tests with what came of them.
fn shown(number: u8, row: &Row<'_>, ran: &[Ran<'_>]) -> String {
    let of_it = ran.iter().filter(|ran| ran.test.fault == number);
    let mut results: Vec<String> = of_it
        .map(|ran| {
            let result = if ran.passed { "passed" } else { "FAILED" };
            format!("    {result}  {}: {}\n", ran.test.package, ran.test.function())
        })
        .collect();
    if results.is_empty() {
        results.push("    NO TEST\n".to_owned());
    }
    format!("{number:>2}  {}\n{}", row.fault, results.concat())
}

#[cfg(test)]
mod tests;
