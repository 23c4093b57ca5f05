//! Days of ordinary trading with a disconnect every few minutes.

use std::time::Duration;

use allocation_counter::measure;
use bitopro_client::model::PrivateStream;
use bitopro_sim::OrderQuery;
use fastrand::Rng;

use super::harness::Harness;
use super::schedule::{Fault, Schedule, Step};

const TICK: Duration = Duration::from_secs(10);
/// The allowed growth of client and simulator together after the first day.
const SLACK_BYTES: i64 = 256 << 10;
/// The additional allowance for each trade that the simulator stores after the first day. It stores at most
/// 10,000.
const TRADE_BYTES: i64 = 768;
/// The additional allowance for each order that the simulator stores after the first day. It stores at most
/// 10,000 closed ones.
const ORDER_BYTES: i64 = 1_280;
/// The additional allowance for each dial that the simulator stores after the first day. It stores at most
/// 10,000.
const DIAL_BYTES: i64 = 256;

/// Trades for this many seconds, with a disconnect every few minutes.
async fn trade(harness: &mut Harness, random: &mut Rng, seconds: u64) {
    let mut next_disconnect = random.u64(2..8) * 60;
    for second in (0..seconds).step_by(10) {
        harness.run_step(&Step { fault: Fault::Tick, rest_fault: None, pause: TICK }).await;
        if second >= next_disconnect {
            let stream = random.choice(PrivateStream::ALL).copied();
            let which = stream.filter(|_| random.u8(0..4) > 0);
            harness
                .run_step(&Step { fault: Fault::Disconnect(which), rest_fault: None, pause: Duration::ZERO })
                .await;
            next_disconnect = second + random.u64(2..8) * 60;
        }
    }
    harness.recover().await;
    harness.assert_balances_and_orders_match();
    harness.assert_dials_keep_to_the_rules();
    // The records of the test itself must not count as growth.
    harness.clear_records();
}

fn stored_bytes(harness: &Harness) -> i64 {
    let bytes = |count: usize, each: i64| i64::try_from(count).unwrap() * each;
    let account = harness.simulator.account("demo").unwrap();
    let orders = account.read(|account| account.orders(&OrderQuery::default()).len());
    bytes(harness.simulator.trades().len(), TRADE_BYTES)
        + bytes(orders, ORDER_BYTES)
        + bytes(harness.simulator.upgrade_attempts().len(), DIAL_BYTES)
}

/// Trades for this many days. After the first one, every bounded buffer is full except those of the
/// simulator.
fn trade_days(count: u64, seconds: u64) {
    let runtime = super::paused_runtime();
    let schedule = Schedule::ordinary();
    let mut harness = runtime.block_on(async { Harness::new(&schedule, false) });
    let mut random = Rng::with_seed(1);
    let (mut grown, mut allowed) = (0, SLACK_BYTES);
    for day in 1..=count {
        let known = stored_bytes(&harness);
        let during = measure(|| runtime.block_on(trade(&mut harness, &mut random, seconds))).bytes_current;
        if day > 1 {
            grown += during;
            allowed += stored_bytes(&harness) - known;
        }
        println!("day {day}: grew by {during} bytes, by {grown} since the first day; the limit is {allowed}");
        assert!(
            grown <= allowed,
            "day {day}: grew by {grown} bytes since the first day; the limit is {allowed}"
        );
    }
    runtime.block_on(super::assert_nothing_is_left(harness, true));
}

/// Trades for two short days by default, and for 30 full days with `cargo xtask soak --days 30`.
#[test]
fn after_days_of_disconnects_the_account_is_exact_and_memory_has_not_grown() {
    match super::number_from_env("BITOPRO_SOAK_DAYS") {
        Some(count) => trade_days(count, 86_400),
        None => trade_days(2, 30_000),
    }
}
