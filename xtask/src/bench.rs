//! Measures the library against other code that does the same work in the same run. Figures are ratios where possible,
//! because times depend on the machine.

pub(crate) mod counts;
mod page;
mod peers;
mod report;
mod rows;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, anyhow, ensure};

use crate::bench::report::Report;
use crate::bench::rows::{SETS, Set, Slow};
use crate::bench::table::Measured;
use crate::workspace;

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "independent options of a command")]
pub(crate) struct Args {
    /// Measure only the rows whose name contains one of these words.
    #[arg(value_name = "ROW")]
    filters: Vec<String>,
    /// Also measure other clients, which takes about 8 minutes; installs them, about 140 MB.
    #[arg(long)]
    peers: bool,
    /// Also measure 8,000 streams in one process, which takes about 6 minutes.
    #[arg(long)]
    scale: bool,
    /// Write the figures into this file instead of target/bench/latest.json.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also show the figures in this file, which an earlier run has written.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Instead, count instructions, and fail if there are more than CI accepts.
    #[arg(long, conflicts_with_all = ["filters", "json", "compare"])]
    counts: bool,
    /// Write the table into docs/performance.md, or the counts into the file that CI compares with.
    #[arg(long, conflicts_with = "filters")]
    write: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match (args.counts, args.write) {
        (true, true) => return counts::write(),
        (true, false) => return counts::check()?.map_err(|reason| anyhow!(reason)),
        (false, _) => {}
    }
    // Read first, because it may be the file that this run overwrites.
    let earlier = args.compare.as_ref().map(Report::read).transpose()?;
    let mut report = Report::new()?;
    for set in SETS.iter().filter(|set| args.includes(set.option)) {
        let names: Vec<String> = set.names().filter(|name| args.selects(name)).collect();
        if !names.is_empty() {
            report.add(set, &names, &measure(set, &names)?)?;
        }
    }
    ensure!(!report.is_empty(), "no row has a name that contains {}", args.filters.join(" or "));
    print!("{}", report.table(earlier.as_ref()));
    if args.write {
        page::write(&report.table(None))?;
    }
    let file = args.json.clone().unwrap_or_else(|| workspace::root().join("target/bench/latest.json"));
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(&file, report.json()?).with_context(|| format!("cannot write {}", file.display()))
}

impl Args {
    fn includes(&self, option: Option<Slow>) -> bool {
        match option {
            None => true,
            Some(Slow::Scale) => self.scale,
            Some(Slow::Peers) => self.peers,
        }
    }

    fn selects(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter))
    }
}

/// Runs the program that measures these rows.
fn measure(set: &Set, names: &[String]) -> anyhow::Result<Vec<Measured>> {
    let mut bench = set.program.cargo_bench();
    if set.option == Some(Slow::Peers) {
        bench.envs(peers::variables()?);
    }
    let output = bench.arg("--").args(names).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the benchmark `{}` failed: {}", set.program.bench, output.status);
    table::parse(&String::from_utf8_lossy(&output.stdout))
}
