//! The table of `docs/failures.md`: its rows, and its last column, which is generated.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};

use super::harness::Test;

/// The minimum number of faults: the chapter may grow, but never drops one.
const FAULTS: u8 = 55;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) fault: &'a str,
    promise: &'a str,
}

impl<'a> Row<'a> {
    /// Returns the number and the row in a line of the chapter, if it is a row of the table.
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

    /// Returns the row as a line, with the names of these tests.
    fn written(&self, number: u8, tests: &[Test]) -> String {
        let names: BTreeSet<&str> =
            tests.iter().filter(|test| test.fault == number).map(Test::function).collect();
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        let names = if names.is_empty() { "none yet".to_owned() } else { names.join("<br>") };
        format!("| {number} | {} | {} | {names} |", self.fault, self.promise)
    }
}

/// Returns the faults of the chapter, which are numbered from 1 without a gap.
pub(super) fn rows(text: &str) -> anyhow::Result<BTreeMap<u8, Row<'_>>> {
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        if let Some((number, row)) = Row::parse(line)? {
            ensure!(rows.insert(number, row).is_none(), "duplicate fault {number} in the failure model");
        }
    }
    let last = rows.keys().last().map_or(FAULTS, |last| FAULTS.max(*last));
    if let Some(missing) = (1..=last).find(|number| !rows.contains_key(number)) {
        bail!("the failure model does not list fault {missing}");
    }
    Ok(rows)
}

/// Returns the chapter with the last column of its table filled in.
pub(super) fn filled(text: &str, tests: &[Test]) -> anyhow::Result<String> {
    let mut filled = String::with_capacity(text.len());
    for line in text.lines() {
        match Row::parse(line).context("cannot fill in the failure model")? {
            Some((number, row)) => filled.push_str(&row.written(number, tests)),
            None => filled.push_str(line),
        }
        filled.push('\n');
    }
    Ok(filled)
}
