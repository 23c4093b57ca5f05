use std::time::{Duration, SystemTime};

use bitopro_client::{ErrorKind, Item, WallClock};
use bitopro_sim::{Nonces, Quirks, Simulator};
use tokio::time::Instant;

use super::exchange::{Exchange, failure, read};

/// Returns the simulator's time at its start.
fn simulator_start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// Returns a clock that starts at this time.
fn clock_from(time: SystemTime) -> WallClock {
    let start = Instant::now();
    WallClock::new(move || time + start.elapsed())
}

fn ahead_ms(kind: ErrorKind) -> i64 {
    match kind {
        ErrorKind::ClockSkew { ahead_ms: Some(ahead_ms) } => ahead_ms,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn fault_21_a_clock_that_is_behind_is_reported_and_corrected() {
    let hour = Duration::from_secs(3600);
    for (local_time, expected) in
        [(simulator_start() - hour, 3_600_000), (SystemTime::UNIX_EPOCH, 1_767_225_600_000)]
    {
        let exchange = Exchange::start(Simulator::builder());
        let client = exchange.client().with_wall_clock(clock_from(local_time));
        let mut balances = client.build().unwrap().balances();
        let items = read(&mut balances, Duration::from_secs(60)).await;
        let Item::Disconnected(disconnected) = &items[0] else { panic!("{items:?}") };
        // HTTP dates have a precision of one second.
        let ahead_ms = ahead_ms(disconnected.error.kind());
        assert!((expected - 1_000..=expected).contains(&ahead_ms), "{ahead_ms}");
        exchange.assert_balances_match(&balances);
        assert_eq!(
            exchange.simulator.upgrade_attempts().len(),
            3,
            "the first dial, a retry with a fresh nonce, and one with the corrected time"
        );
    }
}

/// The refused nonce is larger than any nonce that would be accepted, and nonces never decrease.
#[tokio::test(start_paused = true)]
async fn fault_21_a_clock_that_is_an_hour_ahead_is_a_typed_error_after_two_dials() {
    let exchange = Exchange::start(Simulator::builder());
    let client = exchange.client().with_wall_clock(clock_from(simulator_start() + Duration::from_secs(3600)));
    let items = read(&mut client.build().unwrap().balances(), Duration::from_secs(3600)).await;
    let error = failure(&items);
    let ahead_ms = ahead_ms(error.kind());
    assert!((-3_601_000..=-3_600_000).contains(&ahead_ms), "{ahead_ms}");
    assert!(error.to_string().contains("s ahead of the server's clock"), "{error}");
    assert_eq!(exchange.simulator.upgrade_attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn fault_23_four_dials_in_one_millisecond_have_increasing_nonces() {
    let quirks = Quirks::default().with(Nonces::Increasing);
    let exchange = Exchange::start(Simulator::builder().with_quirks(quirks));
    let client =
        exchange.client().with_wall_clock(WallClock::new(simulator_start)).with_dial_spacing(Duration::ZERO);
    let mut account = client.build().unwrap().account();
    read(&mut account, Duration::from_secs(1)).await;
    let start = exchange.nonces()[0];
    assert_eq!(exchange.nonces(), [start, start + 1, start + 2, start + 3]);
    assert!(exchange.simulator.upgrade_attempts().iter().all(bitopro_sim::UpgradeAttempt::is_accepted));
    exchange.assert_account_matches(&account);
}
