use std::time::{Duration, SystemTime};

use http::header::DATE;

use super::{Bench, SECOND, WALL_MS};
use crate::engine::dialer::unix_ms;
use crate::item::{Closed, Item};
use crate::{ErrorKind, Settings};

/// Returns the lead of the last nonce over this clock, in milliseconds.
fn last_nonce_lead_ms(bench: &Bench, clock: SystemTime) -> i64 {
    i64::try_from(*bench.nonces.last().unwrap()).unwrap() - unix_ms(clock)
}

#[test]
fn a_dial_is_signed_at_the_moment_it_is_made() {
    let mut bench = Bench::new();
    let (request, waited) = bench.wait_for_dial();
    assert_eq!(*request.url(), "wss://one/ws/v1/pub/auth/account-balance");
    assert_eq!(request.deadline(), 10 * SECOND);
    assert_eq!((waited, bench.nonces[0]), (Duration::ZERO, WALL_MS));
    bench.fail_dial_on_network();
    let (_, waited) = bench.wait_for_dial();
    assert_eq!(u128::from(bench.nonces[1] - WALL_MS), waited.as_millis().max(1));
}

#[test]
fn a_time_before_1970_is_negative() {
    assert_eq!(unix_ms(SystemTime::UNIX_EPOCH - 5 * SECOND), -5000);
}

#[test]
fn fault_22_a_clock_that_is_set_back_never_repeats_a_nonce() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.wait_for_dial();
        bench.wall -= 10 * SECOND;
        bench.fail_dial_on_network();
    }
    assert!(bench.nonces.is_sorted_by(|a, b| a < b), "{:?}", bench.nonces);
}

/// Refuses the next dial because of the clock. The clock of the server is `ahead_s` seconds ahead of the
/// machine's.
fn refuse_clock(bench: &mut Bench, ahead_s: i64) {
    bench.wait_for_dial();
    refuse_clock_now(bench, ahead_s);
}

fn refuse_clock_now(bench: &mut Bench, ahead_s: i64) {
    let server_ms = u64::try_from(unix_ms(bench.wall) + ahead_s * 1_000).unwrap();
    let server = SystemTime::UNIX_EPOCH + Duration::from_millis(server_ms);
    bench.refuse_dial(409, &[(DATE, &httpdate::fmt_http_date(server))]);
}

#[test]
fn fault_21_a_409_is_retried_with_a_new_nonce_before_the_clock_is_corrected() {
    let mut bench = Bench::new();
    refuse_clock(&mut bench, 1_800);
    assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: Some(1_800_000) });
    bench.wait_for_dial();
    assert_eq!(last_nonce_lead_ms(&bench, bench.wall), 0, "the clock is not corrected yet");
    refuse_clock_now(&mut bench, 1_800);
    bench.wait_for_dial();
    assert!((1_799_000..=1_800_000).contains(&last_nonce_lead_ms(&bench, bench.wall)));
    refuse_clock_now(&mut bench, 1_800);
    assert!(bench.link.is_closed(), "the third refusal is final, since it corrects nothing");
}

#[test]
fn fault_21_a_correction_by_more_than_an_hour_needs_two_consistent_refusals() {
    const YEARS: i64 = 56 * 365 * 86_400;
    for ahead in [3_602, YEARS] {
        let mut bench = Bench::new();
        refuse_clock(&mut bench, ahead);
        refuse_clock(&mut bench, ahead);
        bench.wait_for_dial();
        let lead_ms = last_nonce_lead_ms(&bench, bench.wall);
        assert!((ahead * 1_000 - 1_000..=ahead * 1_000).contains(&lead_ms), "{lead_ms}");
    }
    let mut bench = Bench::new();
    refuse_clock(&mut bench, 7_200);
    refuse_clock(&mut bench, 36_000);
    bench.wait_for_dial();
    assert_eq!(last_nonce_lead_ms(&bench, bench.wall), 0, "the two refusals are inconsistent");
    refuse_clock_now(&mut bench, 36_000);
    assert!(!bench.link.is_closed(), "the corrected clock is worth another dial");
    bench.wait_for_dial();
    assert!(last_nonce_lead_ms(&bench, bench.wall) > 35_000_000);
}

#[test]
fn fault_21_the_next_dial_waits_until_the_exchange_reaches_a_nonce_that_is_ahead() {
    let mut bench = Bench::new();
    // This nonce is ahead; those of later dials would not be.
    bench.link.engine.signer.as_ref().unwrap().sign_identity(WALL_MS + 300_000);
    refuse_clock(&mut bench, 0);
    refuse_clock(&mut bench, 0);
    let Some(Item::Disconnected(waiting)) = bench.items.last() else { panic!() };
    assert!(waiting.error.to_string().contains("once the server's clock has caught up"), "{}", waiting.error);
    let (retry_in, (_, waited)) = (waiting.retry_in, bench.wait_for_dial());
    assert_eq!(retry_in, waited);
    assert!((298..=305).contains(&waited.as_secs()), "{waited:?}");
    assert!(last_nonce_lead_ms(&bench, bench.wall) <= 1, "the exchange has caught up");
}

#[test]
fn fault_21_nonces_that_are_too_far_ahead_end_the_stream() {
    for (limit, ahead) in [(600, 3_600), (60, 300)] {
        let settings = Settings { clock_wait: limit * SECOND, ..Settings::default() };
        let mut bench = Bench::with(settings, &["wss://one/ws"]);
        // The machine's clock is ahead by the same amount.
        refuse_clock(&mut bench, -ahead);
        refuse_clock(&mut bench, -ahead);
        assert!(bench.link.is_closed());
        let ErrorKind::ClockSkew { ahead_ms: Some(off) } = bench.last_error() else { panic!() };
        assert!((-ahead * 1_000 - 1_000..=-ahead * 1_000).contains(&off), "{off}");
        let Some(Item::Closed(Closed::Failed(error))) = bench.items.last() else { panic!() };
        let nonce = bench.nonces.last().unwrap().to_string();
        assert!(error.to_string().contains(&nonce) && error.to_string().contains("ahead"), "{error}");
    }
}

#[test]
fn fault_21_clock_refusals_of_a_key_that_has_worked_are_retried_for_the_patience() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.lose_connection();
    bench.wait_for_dial();
    let start = bench.now;
    while !bench.link.is_closed() {
        bench.refuse_dial(409, &[]);
        if !bench.link.is_closed() {
            bench.wait_for_dial();
        }
    }
    assert!((900..960).contains(&(bench.now - start).as_secs()), "{:?}", bench.now - start);
}

#[test]
fn setting_the_machine_clock_does_not_affect_a_corrected_clock() {
    let mut bench = Bench::new();
    refuse_clock(&mut bench, 1_800);
    refuse_clock(&mut bench, 1_800);
    bench.connect_with_snapshot("1", 10);
    bench.wall += 1_800 * SECOND;
    bench.lose_connection();
    bench.wait_for_dial();
    assert!((-1_000..=1).contains(&last_nonce_lead_ms(&bench, bench.wall)));
}

#[test]
fn an_implausible_server_time_corrects_nothing() {
    for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let mut bench = Bench::new();
        for _ in 0..2 {
            bench.wait_for_dial();
            bench.refuse_dial(409, &[(DATE, date)]);
            assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: None });
        }
        bench.wait_for_dial();
        assert_eq!(last_nonce_lead_ms(&bench, bench.wall), 0);
    }
}
