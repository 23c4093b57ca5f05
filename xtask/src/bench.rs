//! Measures the library against other code that does the same work in the same run. Figures are ratios where possible,
//! because times depend on the machine.

mod report;
mod rows;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, ensure};

use crate::bench::report::Report;
use crate::bench::rows::{Program, SETS, Set};
use crate::bench::table::Measured;
use crate::workspace::{self, cargo};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure only the rows whose name contains one of these words.
    #[arg(value_name = "ROW")]
    filters: Vec<String>,
    /// Write the figures into this file instead of target/bench/latest.json.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also show the figures in this file, which an earlier run has written.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    // Read first, because it may be the file that this run overwrites.
    let earlier = args.compare.as_ref().map(Report::read).transpose()?;
    let mut report = Report::new()?;
    for set in SETS {
        let names: Vec<String> = set.names().filter(|name| args.selects(name)).collect();
        if !names.is_empty() {
            report.add(set, &names, &measure(set, &names)?)?;
        }
    }
    ensure!(!report.is_empty(), "no row has a name that contains {}", args.filters.join(" or "));
    print!("{}", report.table(earlier.as_ref()));
    let file = args.json.clone().unwrap_or_else(|| workspace::root().join("target/bench/latest.json"));
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(&file, report.json()?).with_context(|| format!("cannot write {}", file.display()))
}

impl Args {
    fn selects(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter))
    }
}

/// Runs the program that measures these rows.
fn measure(set: &Set, names: &[String]) -> anyhow::Result<Vec<Measured>> {
    let Program { package, bench } = set.program;
    let output = cargo(&["bench", "--locked", "--quiet", "--package", package, "--bench", bench, "--"])
        .args(names)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the benchmark `{bench}` failed: {}", output.status);
    table::parse(&String::from_utf8_lossy(&output.stdout))
}
