//! The results, and the table of them in the documentation.

use std::fmt;
use std::fs;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::compat::CLIENTS;
use crate::workspace;

const PAGE: &str = "docs/compatibility.md";
const HEAD: &str = "| client | version | call | result |\n| --- | --- | --- | --- |\n";

/// The result of one call of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    client: String,
    version: String,
    call: String,
    outcome: Outcome,
}

/// The outcome of a call. The order is that of severity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    Missing(String),
    ClientFault(String),
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => write!(f, "passed"),
            Self::Missing(cause) => write!(f, "not simulated: {cause}"),
            Self::ClientFault(cause) => write!(f, "fails through its own fault: {cause}"),
            Self::Failed(cause) => write!(f, "FAILED: {cause}"),
        }
    }
}

/// A line of a script's output.
#[derive(Debug, Deserialize)]
struct Line {
    call: String,
    result: String,
    #[serde(default)]
    cause: String,
}

impl Row {
    /// Parses the output of a script for a client.
    pub(super) fn parse_lines(output: &[u8], client: &str, version: &str) -> anyhow::Result<Vec<Self>> {
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Ok(Self::new(serde_json::from_slice(line)?, client, version))).collect()
    }

    fn new(Line { call, result, cause }: Line, client: &str, version: &str) -> Self {
        let outcome = match result.as_str() {
            "passed" => Outcome::Passed,
            "missing" => Outcome::Missing(cause),
            "client" => Outcome::ClientFault(cause),
            _ => Outcome::Failed(cause),
        };
        Self { client: client.to_owned(), version: version.to_owned(), call, outcome }
    }

    /// Adds a row, or replaces an earlier row of the same call if the outcome is worse.
    pub(super) fn merge(rows: &mut Vec<Self>, row: Self) {
        match rows.iter_mut().find(|earlier| earlier.call == row.call) {
            Some(earlier) => earlier.outcome = earlier.outcome.clone().max(row.outcome),
            None => rows.push(row),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, version, call, outcome } = self;
        let outcome = outcome.to_string().replace('|', "\\|").replace('\n', " ");
        writeln!(f, "| {client} | {version} | {call} | {outcome} |")
    }
}

/// Returns the table of these rows.
pub(super) fn text(rows: &[Row]) -> String {
    rows.iter().fold(HEAD.to_owned(), |table, row| table + &row.to_string())
}

pub(super) fn fail_on_failures(rows: &[Row]) -> anyhow::Result<()> {
    let failed = rows.iter().filter(|row| matches!(row.outcome, Outcome::Failed(_))).count();
    ensure!(failed == 0, "{failed} calls failed; see the table");
    Ok(())
}

/// Checks that the page has the results of the clients that were run.
pub(super) fn check(rows: &[Row]) -> anyhow::Result<()> {
    let page = read()?;
    ensure!(
        updated(&page, rows)? == page,
        "the results differ from the table in {PAGE}; update it with `--write`"
    );
    Ok(())
}

/// Replaces the results of the clients that were run.
pub(super) fn write(rows: &[Row]) -> anyhow::Result<()> {
    let page = updated(&read()?, rows)?;
    fs::write(workspace::root().join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))
}

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))
}

/// Returns the page with these rows instead of all rows of the same clients. The rows of other clients remain, except
/// for those of a version that is no longer pinned.
fn updated(page: &str, rows: &[Row]) -> anyhow::Result<String> {
    let (before, rest) = page.split_once(HEAD).with_context(|| format!("{PAGE} has no table"))?;
    let end = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    let (old, after) = rest.split_at(end);
    let mut table = HEAD.to_owned();
    for client in &CLIENTS {
        let version = client.version();
        let new: Vec<_> =
            rows.iter().filter(|row| row.client == client.name && row.version == version).collect();
        if new.is_empty() {
            let prefix = format!("| {} | {version} |", client.name);
            table.extend(old.split_inclusive('\n').filter(|line| line.starts_with(&prefix)));
        } else {
            table.extend(new.into_iter().map(Row::to_string));
        }
    }
    Ok([before, &table, after].concat())
}

#[cfg(test)]
mod tests {
    use super::{HEAD, PAGE, Row, fail_on_failures, read, text, updated};
    use crate::compat::CLIENTS;

    fn rows(lines: &str) -> Vec<Row> {
        Row::parse_lines(lines.as_bytes(), CLIENTS[0].name, &CLIENTS[0].version()).unwrap()
    }

    #[test]
    fn the_page_has_results_of_every_client_in_its_pinned_version() {
        let page = read().unwrap();
        assert_eq!(updated(&page, &[]).unwrap(), page, "{PAGE} lists a version that is not pinned");
        for client in CLIENTS {
            let prefix = format!("\n| {} | {} |", client.name, client.version());
            assert!(page.contains(&prefix), "{PAGE} has no results of {} {}", client.name, client.version());
        }
    }

    #[test]
    fn a_call_passes_only_if_it_passes_in_every_run() {
        let mut merged =
            rows("{\"call\":\"a\",\"result\":\"passed\"}\n{\"call\":\"b\",\"result\":\"passed\"}\n");
        for row in rows("{\"call\":\"a\",\"result\":\"client\",\"cause\":\"x | y\"}\n") {
            Row::merge(&mut merged, row);
        }
        let (client, version) = (CLIENTS[0].name, CLIENTS[0].version());
        let expected = format!(
            "{HEAD}| {client} | {version} | a | fails through its own fault: x \\| y |\n\
             | {client} | {version} | b | passed |\n"
        );
        assert_eq!(text(&merged), expected);
        assert!(fail_on_failures(&merged).is_ok());
        for result in ["failed", "unknown"] {
            assert!(fail_on_failures(&rows(&format!("{{\"call\":\"a\",\"result\":\"{result}\"}}"))).is_err());
        }
        assert!(Row::parse_lines(b"{}", "a", "1").is_err());
    }

    #[test]
    fn only_the_rows_of_the_clients_that_ran_are_replaced() {
        let other = format!("| {} | {} | c | passed |\n", CLIENTS[1].name, CLIENTS[1].version());
        let old = format!("| {} | {} | a | passed |\n", CLIENTS[0].name, CLIENTS[0].version());
        let page = format!("Text\n\n{HEAD}{old}{other}| gone | 1 | a | passed |\n\nEnd\n");
        let new = rows("{\"call\":\"b\",\"result\":\"passed\"}");
        let expected = format!("Text\n\n{}{other}\nEnd\n", text(&new));
        assert_eq!(updated(&page, &new).unwrap(), expected);
        assert_eq!(updated(&page, &[]).unwrap(), page.replace("| gone | 1 | a | passed |\n", ""));
    }
}
