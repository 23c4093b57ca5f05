//! The oracle of convergence. Whatever goes wrong, and however often: once it has healed, the account is the
//! exchange's again within a known time, and so is what the items add up to.
//!
//! What goes wrong is drawn from a seed. `cargo xtask soak` plays more of them than every run does, and one
//! alone, told step by step.
#![allow(clippy::print_stdout, reason = "who waits for thousands of seeds wants to see them pass")]

mod checks;
mod days;
pub(crate) mod network;
mod schedule;
mod stall;
mod turns;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;
use tokio::time::sleep;

use schedule::Schedule;
use world::World;

/// Seeds that diverged once.
const DIVERGED: &[u64] = &[250, 277, 634, 697];

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Plays a schedule, and tells how much of the time that is allowed for it the recovery took.
async fn converges(schedule: &Schedule, shows: bool) -> f64 {
    let mut world = World::new(schedule, shows);
    for step in &schedule.steps {
        world.play(step).await;
        // What was sent has arrived by then.
        sleep(Duration::from_millis(20)).await;
        world.assert_honest();
    }
    world.recover().await;
    // What could not be read leaves the state in doubt until a fresh snapshot, which is the user's to ask for.
    if !world.oracle.replay.malformed.is_empty() {
        world.account.resync();
        world.oracle.replay.malformed.clear();
        world.recover().await;
    }
    world.assert_only_due_ends();
    world.assert_true(schedule);
    world.assert_calm_dials();
    let recovery = world.longest_recovery;
    leaves_nothing(world, schedule.seed.is_multiple_of(2)).await;
    recovery
}

/// After a close, or after a drop at once, no task and no socket is left.
async fn leaves_nothing(world: World, politely: bool) {
    let World { simulator, account, .. } = world;
    if politely {
        account.close().await;
    } else {
        drop(account);
        for _ in 0..10 {
            yield_now().await;
        }
    }
    assert_eq!(simulator.connections(), 0, "sockets are left");
    simulator.stop().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks are left");
}

/// Plays a seed, and tells how much of its bound the recovery took; nothing if it went wrong, which has been
/// printed then.
fn play(seed: u64, shows: bool) -> Option<f64> {
    let schedule = Schedule::draw(seed);
    if shows {
        println!("{schedule}");
    }
    let played = catch_unwind(AssertUnwindSafe(|| paused().block_on(converges(&schedule, shows))));
    if played.is_err() {
        println!("\nDIVERGED: {schedule}\nagain: cargo xtask soak --seed {seed}\n");
    }
    played.ok()
}

/// Plays seeds one after the other, and fails with those that diverged.
fn all_converge(seeds: impl IntoIterator<Item = u64>, shows: bool) {
    let (mut diverged, mut longest) = (Vec::new(), 0.0_f64);
    let tell = |played: u64, diverged: &[u64], longest: f64| {
        println!(
            "{played} seeds played, {} diverged {diverged:?}; the longest recovery took {:.0} % of its bound",
            diverged.len(),
            longest * 100.0
        );
    };
    let mut played = 0;
    for seed in seeds {
        match play(seed, shows) {
            Some(recovery) => longest = longest.max(recovery),
            None => diverged.push(seed),
        }
        played += 1;
        if played % 1_000 == 0 {
            tell(played, &diverged, longest);
        }
    }
    tell(played, &diverged, longest);
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

/// Returns the number that the caller of `cargo xtask soak` chose. A variable of another name would have no effect, so it
/// fails the test.
fn asked(variable: &str) -> Option<u64> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown =
        names.filter(|name| name.starts_with("BITOPRO_SOAK_") && !VARIABLES.contains(&name.as_str()));
    assert_eq!(unknown.collect::<Vec<_>>(), [""; 0], "unknown variables");
    assert!(VARIABLES.contains(&variable), "{variable}");
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

/// Those of every run are 1 to 200.
#[test]
fn whatever_goes_wrong_the_account_becomes_the_exchange_s_again() {
    let from = asked("BITOPRO_SOAK_FROM").unwrap_or(1);
    let count = asked("BITOPRO_SOAK_SEEDS").unwrap_or(200);
    all_converge(from..from + count, asked("BITOPRO_SOAK_SHOW").is_some());
}

#[test]
fn what_diverged_once_does_not_again() {
    all_converge(DIVERGED.iter().copied(), false);
}
