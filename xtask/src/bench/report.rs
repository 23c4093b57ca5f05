//! The figures of one run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::bench::rows::Set;
use crate::bench::table::Measured;
use crate::workspace::command;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// The revision of the repository.
    revision: String,
    rustc: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    name: String,
    baseline: String,
    figure: f64,
    goal: Option<f64>,
    /// Everything that was measured, such as the time of the baseline.
    columns: BTreeMap<String, f64>,
}

impl Report {
    pub(super) fn new() -> anyhow::Result<Self> {
        let revision = output("git", &["describe", "--always", "--dirty"])?;
        Ok(Self { revision, rustc: output("rustc", &["--version"])?, rows: Vec::new() })
    }

    pub(super) fn read(file: impl AsRef<Path>) -> anyhow::Result<Self> {
        let file = file.as_ref();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a report", file.display()))
    }

    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the rows with these names.
    pub(super) fn add(&mut self, set: &Set, names: &[String], measured: &[Measured]) -> anyhow::Result<()> {
        for rows in set.rows {
            for name in rows.names().filter(|name| names.contains(name)) {
                let found = measured.iter().find(|measured| measured.name == name);
                let columns = found
                    .with_context(|| format!("no benchmark has printed the row {name}"))?
                    .columns
                    .clone();
                let figure = columns.get(rows.column).copied();
                let figure =
                    figure.with_context(|| format!("the row {name} has no column {}", rows.column))?;
                let baseline = rows.baseline.to_owned();
                self.rows.push(Row { name, baseline, figure, goal: rows.goal, columns });
            }
        }
        Ok(())
    }

    /// Returns the table as Markdown, with the figures of an earlier run if any.
    pub(super) fn table(&self, earlier: Option<&Self>) -> String {
        let mut text = String::from("| row | compared with | figure | goal | met |");
        text.push_str(if earlier.is_some() { " before | change |\n" } else { "\n" });
        text.push_str("|---|---|---:|---:|---|");
        text.push_str(if earlier.is_some() { "---:|---:|\n" } else { "\n" });
        for row in &self.rows {
            let goal = row.goal.map_or_else(|| "–".to_owned(), |goal| format!("≤ {goal}"));
            let _ = write!(
                text,
                "| `{}` | {} | {} | {goal} | {} |",
                row.name,
                row.baseline,
                number(row.figure),
                row.verdict()
            );
            if let Some(earlier) = earlier {
                let before = earlier.rows.iter().find(|before| before.name == row.name);
                let _ = match before {
                    Some(before) => {
                        let change = (row.figure / before.figure - 1.0) * 100.0;
                        write!(text, " {} | {change:+.0} % |", number(before.figure))
                    }
                    None => write!(text, " – | – |"),
                };
            }
            text.push('\n');
        }
        let with_goal = self.rows.iter().filter(|row| row.goal.is_some()).count();
        let met = self.rows.iter().filter(|row| row.meets_goal() == Some(true)).count();
        let _ = writeln!(text, "\n{met} of {with_goal} goals met at {} with {}", self.revision, self.rustc);
        text
    }
}

impl Row {
    fn meets_goal(&self) -> Option<bool> {
        self.goal.map(|goal| self.figure <= goal)
    }

    fn verdict(&self) -> &'static str {
        match self.meets_goal() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "–",
        }
    }
}

/// Formats a figure with three significant digits.
fn number(figure: f64) -> String {
    match figure.abs() {
        small if small < 10.0 => format!("{figure:.2}"),
        medium if medium < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

fn output(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = command(program).args(args).output().with_context(|| format!("cannot start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Report, Row};

    fn report(figure: f64, goal: Option<f64>) -> Report {
        let row = Row { name: "decode/a".into(), baseline: "serde".into(), figure, goal, columns: [].into() };
        Report { revision: "abc".to_owned(), rustc: "rustc 1".to_owned(), rows: vec![row] }
    }

    #[test]
    fn the_table_shows_each_figure_beside_its_goal() {
        let met = report(0.2, Some(0.2)).table(None);
        assert!(met.contains("| `decode/a` | serde | 0.20 | ≤ 0.2 | yes |\n"), "{met}");
        assert!(met.ends_with("\n1 of 1 goals met at abc with rustc 1\n"), "{met}");
        assert!(report(0.21, Some(0.2)).table(None).contains("| 0.21 | ≤ 0.2 | no |\n"));
        assert!(report(1234.5, None).table(None).contains("| 1234 | – | – |\n"));
    }

    #[test]
    fn a_comparison_shows_the_change_since_an_earlier_report() {
        let earlier = report(0.4, None);
        let earlier: Report = serde_json::from_str(&earlier.json().unwrap()).unwrap();
        let table = report(0.3, None).table(Some(&earlier));
        assert!(table.contains("| 0.30 | – | – | 0.40 | -25 % |\n"), "{table}");
    }
}
