//! The table of `docs/failures.md`: its rows and its last column, which is generated.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};

use super::harness::Test;

/// Minimum number of faults. The table may grow, but no fault is ever removed.
pub(super) const MIN_FAULTS: u8 = 55;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) fault: &'a str,
    promise: &'a str,
}

impl<'a> Row<'a> {
    /// Parses a line of the document. Returns the fault's number and its row if the line is a row of the
    /// table.
    fn parse(line: &'a str) -> anyhow::Result<Option<(u8, Self)>> {
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix('|')) else {
            return Ok(None);
        };
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        let Some(number) = cells.first().and_then(|number| number.parse().ok()) else { return Ok(None) };
        let [_, fault, promise, _tests] = cells.as_slice() else {
            bail!("row {number} of the failure model does not have four cells");
        };
        ensure!(
            !fault.is_empty() && !promise.is_empty(),
            "row {number} of the failure model has an empty cell"
        );
        Ok(Some((number, Self { fault, promise })))
    }

    /// Formats the row as a line, with the names of its tests.
    fn to_line(&self, number: u8, tests: &[Test]) -> String {
        let names: BTreeSet<&str> =
            tests.iter().filter(|test| test.fault == number).map(Test::function).collect();
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        let names = if names.is_empty() { "none yet".to_owned() } else { names.join("<br>") };
        format!("| {number} | {} | {} | {names} |", self.fault, self.promise)
    }
}

/// Returns the rows of the table and checks that their numbers start at 1 and have no gaps.
pub(super) fn rows(text: &str) -> anyhow::Result<BTreeMap<u8, Row<'_>>> {
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        if let Some((number, row)) = Row::parse(line)? {
            ensure!(rows.insert(number, row).is_none(), "duplicate fault {number} in the failure model");
        }
    }
    let last = rows.keys().last().map_or(MIN_FAULTS, |last| MIN_FAULTS.max(*last));
    if let Some(missing) = (1..=last).find(|number| !rows.contains_key(number)) {
        bail!("the failure model does not list fault {missing}");
    }
    Ok(rows)
}

/// Returns the document with the names of the tests in the last column of its table.
pub(super) fn with_test_names(text: &str, tests: &[Test]) -> anyhow::Result<String> {
    let mut document = String::with_capacity(text.len());
    for line in text.lines() {
        match Row::parse(line).context("cannot write the test names")? {
            Some((number, row)) => document.push_str(&row.to_line(number, tests)),
            None => document.push_str(line),
        }
        document.push('\n');
    }
    Ok(document)
}
