//! Compares two ways of doing the same work. They run in turn, in many short batches, so that whatever else the machine
//! does slows down both.

#![allow(dead_code, reason = "each benchmark uses only a part of it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Duration of a batch. Longer batches are more often interrupted by other programs.
const BATCH: Duration = Duration::from_micros(500);
/// Number of batches of each contestant.
const ROUNDS: usize = 201;

/// A table of comparisons, printed row by row.
#[derive(Debug)]
pub(crate) struct Table {
    /// True if the program runs the work of [`count`](Self::count) in place of the comparisons.
    pub(crate) counts: bool,
    filters: Vec<String>,
}

impl Table {
    /// Prints the header. The arguments of the program select the rows whose name contains one of them; `count` is not
    /// a name, but counts instructions.
    pub(crate) fn new() -> Self {
        let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
        let (counts, filters): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word == "count");
        let counts = !counts.is_empty();
        if !counts {
            println!("{:<24}{:>12}{:>12}{:>8}", "row", "baseline_ns", "ns", "ratio");
        }
        Self { counts, filters }
    }

    /// Measures both and prints the median time of each, and the median of the ratios of neighbouring batches.
    pub(crate) fn compare<A, B>(
        &self,
        name: &str,
        mut baseline: impl FnMut() -> A,
        mut subject: impl FnMut() -> B,
    ) {
        self.compare_with_inputs(name, (|| (), |()| baseline()), (|| (), |()| subject()));
    }

    /// Measures both like [`compare`](Self::compare). The first function of each prepares the input of one run, and is
    /// not measured.
    pub(crate) fn compare_with_inputs<I, A, J, B>(
        &self,
        name: &str,
        (mut prepare_baseline, mut baseline): (impl FnMut() -> I, impl FnMut(I) -> A),
        (mut prepare, mut subject): (impl FnMut() -> J, impl FnMut(J) -> B),
    ) {
        if !self.measures(name) {
            return;
        }
        let mut baseline = |runs| batch(runs, &mut prepare_baseline, &mut baseline);
        let mut subject = |runs| batch(runs, &mut prepare, &mut subject);
        let (runs, subject_runs) = (runs_of_a_batch(&mut baseline), runs_of_a_batch(&mut subject));
        let rounds: Vec<_> = (0..ROUNDS).map(|_| (baseline(runs), subject(subject_runs))).collect();
        let baseline = median(rounds.iter().map(|(baseline, _)| *baseline));
        let subject = median(rounds.iter().map(|(_, subject)| *subject));
        let ratio = median(rounds.iter().map(|(baseline, subject)| subject / baseline));
        println!("{name:<24}{baseline:>12.1}{subject:>12.1}{ratio:>8.3}");
    }

    /// Runs the work in [`counted_work`] if the program counts instructions, and prints the name.
    pub(crate) fn count<T>(&self, name: &str, mut work: impl FnMut() -> T) {
        if self.counts && self.is_selected(name) {
            // The first run may allocate what later runs use again.
            black_box(work());
            counted_work(&mut || drop(black_box(work())));
            println!("{name}");
        }
    }

    /// Returns whether the row will be measured.
    pub(crate) fn measures(&self, name: &str) -> bool {
        !self.counts && self.is_selected(name)
    }

    fn is_selected(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter))
    }
}

/// Runs the work. Callgrind recognizes this function by its name, and counts nothing else.
#[inline(never)]
fn counted_work(work: &mut dyn FnMut()) {
    work();
}

/// Returns the number of runs that take as long as a batch should.
fn runs_of_a_batch(batch: &mut impl FnMut(u32) -> f64) -> u32 {
    let mut runs = 1;
    while runs < 1 << 20 && batch(runs) * f64::from(runs) < BATCH.as_secs_f64() * 1e9 {
        runs *= 2;
    }
    runs
}

/// Returns the nanoseconds of one run.
fn batch<I, T>(runs: u32, prepare: &mut impl FnMut() -> I, work: &mut impl FnMut(I) -> T) -> f64 {
    let inputs: Vec<I> = (0..runs).map(|_| prepare()).collect();
    let start = Instant::now();
    for input in inputs {
        black_box(work(input));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(runs)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
