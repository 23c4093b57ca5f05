//! Days of ordinary trading with a disconnect every few minutes.

use std::time::Duration;

use allocation_counter::measure;
use bitopro_client::model::PrivateStream;
use fastrand::Rng;

use super::schedule::{Fault, Schedule, Step};
use super::world::World;

const TICK: Duration = Duration::from_secs(10);
/// How much more than at the end of the first day client and simulator may hold together at the end of another,
const SLACK_BYTES: i64 = 256 << 10;
/// and for each trade or dial that the simulator remembers beyond those of the first, until it has 10,000 of each.
const TRADE_BYTES: i64 = 512;
const DIAL_BYTES: i64 = 256;

/// So many seconds of a day like any other.
async fn trade(world: &mut World, random: &mut Rng, seconds: u64) {
    let mut quiet = random.u64(2..8) * 60;
    for second in (0..seconds).step_by(10) {
        world.play(&Step { fault: Fault::Tick, pause: TICK }).await;
        if second >= quiet {
            let stream = random.choice(PrivateStream::ALL).copied();
            let which = stream.filter(|_| random.u8(0..4) > 0);
            world.play(&Step { fault: Fault::Disconnect(which), pause: Duration::ZERO }).await;
            quiet = second + random.u64(2..8) * 60;
        }
    }
    world.recover().await;
    world.assert_holdings();
    world.assert_calm_dials();
    // What the test itself notes is no part of what is measured.
    world.forget();
}

fn remembered_bytes(world: &World) -> i64 {
    let bytes = |count: usize, each: i64| i64::try_from(count).unwrap() * each;
    bytes(world.simulator.trades().len(), TRADE_BYTES)
        + bytes(world.simulator.upgrade_attempts().len(), DIAL_BYTES)
}

/// A day is so long that after the first one everything is full that is bounded, but for what the
/// simulator remembers.
fn days(count: u64, seconds: u64) {
    let runtime = super::paused();
    let schedule = Schedule::ordinary();
    let mut world = runtime.block_on(async { World::new(&schedule, false) });
    let mut random = Rng::with_seed(1);
    let (mut grown, mut allowed) = (0, SLACK_BYTES);
    for day in 1..=count {
        let known = remembered_bytes(&world);
        let during = measure(|| runtime.block_on(trade(&mut world, &mut random, seconds))).bytes_current;
        if day > 1 {
            grown += during;
            allowed += remembered_bytes(&world) - known;
        }
        println!("day {day}: {during} bytes more, {grown} since the first, of which {allowed} may be");
        assert!(grown <= allowed, "day {day}: {grown} bytes more than after the first");
    }
    runtime.block_on(super::leaves_nothing(world, true));
}

/// Two short ones in every run; 30 whole ones with `cargo xtask soak --days 30`.
#[test]
fn after_days_of_disconnects_the_account_is_exact_and_the_memory_flat() {
    match super::asked("BITOPRO_SOAK_DAYS") {
        Some(count) => days(count, 86_400),
        None => days(2, 30_000),
    }
}
