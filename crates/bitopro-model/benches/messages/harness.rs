//! Compares two ways of doing the same work. They run in turn, in many short batches, so that whatever else the machine
//! does slows down both.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Duration of a batch. Longer batches are more often interrupted by other programs.
const BATCH: Duration = Duration::from_micros(500);
/// Number of batches of each contestant.
const ROUNDS: usize = 201;

/// A table of comparisons, printed row by row.
#[derive(Debug)]
pub(crate) struct Table {
    filters: Vec<String>,
}

impl Table {
    /// Prints the header. The arguments of the program select the rows whose name contains one of them.
    pub(crate) fn new() -> Self {
        println!("{:<24}{:>12}{:>12}{:>8}", "row", "baseline_ns", "ns", "ratio");
        Self { filters: std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect() }
    }

    /// Measures both and prints the median time of each, and the median of the ratios of neighbouring batches.
    pub(crate) fn compare<A, B>(
        &self,
        name: &str,
        mut baseline: impl FnMut() -> A,
        mut subject: impl FnMut() -> B,
    ) {
        if !self.filters.is_empty() && !self.filters.iter().any(|filter| name.contains(filter)) {
            return;
        }
        let (runs, subject_runs) = (runs_of_a_batch(&mut baseline), runs_of_a_batch(&mut subject));
        let rounds: Vec<_> =
            (0..ROUNDS).map(|_| (batch(runs, &mut baseline), batch(subject_runs, &mut subject))).collect();
        let baseline = median(rounds.iter().map(|(baseline, _)| *baseline));
        let subject = median(rounds.iter().map(|(_, subject)| *subject));
        let ratio = median(rounds.iter().map(|(baseline, subject)| subject / baseline));
        println!("{name:<24}{baseline:>12.1}{subject:>12.1}{ratio:>8.3}");
    }
}

/// Returns the number of runs that take as long as a batch should.
fn runs_of_a_batch<T>(work: &mut impl FnMut() -> T) -> u32 {
    let mut runs = 1;
    while runs < 1 << 20 && batch(runs, work) * f64::from(runs) < BATCH.as_secs_f64() * 1e9 {
        runs *= 2;
    }
    runs
}

/// Returns the nanoseconds of one run.
fn batch<T>(runs: u32, work: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..runs {
        black_box(work());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(runs)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
