//! Convergence under random faults: once all faults have ended, the account and the replayed items match the
//! exchange again within a bounded time.
//!
//! The faults are drawn from a seed. `cargo xtask soak` plays more seeds than an ordinary test run, or a
//! single one with every step printed.
#![allow(clippy::print_stdout, reason = "a run of thousands of seeds prints its progress")]

mod checks;
mod dial_order;
mod harness;
pub(crate) mod network;
pub(crate) mod schedule;
mod stalled_subscriber;
mod trading_days;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;
use tokio::time::sleep;

use harness::Harness;
use schedule::Schedule;

/// Seeds that once diverged.
const DIVERGED: &[u64] = &[250, 277, 634, 697];

pub(crate) fn paused_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Plays a schedule and returns its longest recovery as a fraction of the bound.
async fn play_schedule(schedule: &Schedule, is_verbose: bool) -> f64 {
    let mut harness = Harness::new(schedule, is_verbose);
    for step in &schedule.steps {
        harness.run_step(step).await;
        // Gives the sent messages time to arrive.
        sleep(Duration::from_millis(20)).await;
        harness.assert_fresh_state_matches();
    }
    harness.recover().await;
    // An unreadable message leaves the state stale until a fresh snapshot, which the subscriber has to
    // request.
    if !harness.oracle.replay.malformed.is_empty() {
        harness.account.resync();
        harness.oracle.replay.malformed.clear();
        harness.recover().await;
    }
    harness.finish_backfill().await;
    harness.assert_only_refused_streams_ended();
    harness.assert_matches(schedule);
    harness.assert_dials_keep_to_the_rules();
    let recovery = harness.longest_recovery;
    assert_nothing_is_left(harness, schedule.seed.is_multiple_of(2)).await;
    recovery
}

/// Closes or drops the account and asserts that no task and no socket is left.
async fn assert_nothing_is_left(harness: Harness, closes: bool) {
    let Harness { simulator, account, .. } = harness;
    if closes {
        account.close().await;
    } else {
        drop(account);
        for _ in 0..10 {
            yield_now().await;
        }
    }
    assert_eq!(simulator.connections(), 0, "sockets are still open");
    simulator.stop().await;
    // The rate limits count a call for a minute.
    sleep(Duration::from_secs(61)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks are still running");
}

/// Plays a seed and returns its longest recovery as a fraction of the bound. If the account diverges, prints
/// the schedule and returns `None`.
fn play_seed(seed: u64, is_verbose: bool) -> Option<f64> {
    let schedule = Schedule::draw(seed);
    if is_verbose {
        println!("{schedule}");
    }
    let played =
        catch_unwind(AssertUnwindSafe(|| paused_runtime().block_on(play_schedule(&schedule, is_verbose))));
    if played.is_err() {
        println!("\nDIVERGED: {schedule}\nto reproduce it: cargo xtask soak --seed {seed}\n");
    }
    played.ok()
}

/// Plays these seeds and asserts that none of them diverges.
fn assert_all_converge(seeds: impl IntoIterator<Item = u64>, is_verbose: bool) {
    let (mut diverged, mut longest) = (Vec::new(), 0.0_f64);
    let report = |played: u64, diverged: &[u64], longest: f64| {
        println!(
            "{played} seeds played, {} diverged {diverged:?}; the longest recovery took {:.0} % of its bound",
            diverged.len(),
            longest * 100.0
        );
    };
    let mut played = 0;
    for seed in seeds {
        match play_seed(seed, is_verbose) {
            Some(recovery) => longest = longest.max(recovery),
            None => diverged.push(seed),
        }
        played += 1;
        if played % 1_000 == 0 {
            report(played, &diverged, longest);
        }
    }
    report(played, &diverged, longest);
    assert!(diverged.is_empty(), "seeds that diverged: {diverged:?}");
}

/// The variables that `cargo xtask soak` may set.
const VARIABLES: [&str; 5] = [
    "BITOPRO_SOAK_DAYS",
    "BITOPRO_SOAK_FROM",
    "BITOPRO_SOAK_SEEDS",
    "BITOPRO_SOAK_SHOW",
    "BITOPRO_SOAK_STALL_SECONDS",
];

/// Returns the number in this environment variable, if any. An unknown variable would have no effect, so it
/// fails the test.
fn number_from_env(variable: &str) -> Option<u64> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown =
        names.filter(|name| name.starts_with("BITOPRO_SOAK_") && !VARIABLES.contains(&name.as_str()));
    assert_eq!(unknown.collect::<Vec<_>>(), [""; 0], "unknown variables");
    assert!(VARIABLES.contains(&variable), "{variable}");
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

/// Plays the seeds 1 to 200 by default.
#[test]
fn after_random_faults_the_account_matches_the_exchange_again() {
    let from = number_from_env("BITOPRO_SOAK_FROM").unwrap_or(1);
    let count = number_from_env("BITOPRO_SOAK_SEEDS").unwrap_or(200);
    assert_all_converge(from..from + count, number_from_env("BITOPRO_SOAK_SHOW").is_some());
}

#[test]
fn seeds_that_once_diverged_converge() {
    assert_all_converge(DIVERGED.iter().copied(), false);
}
