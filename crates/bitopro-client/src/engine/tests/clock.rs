use std::time::{Duration, SystemTime};

use http::header::DATE;

use super::{Bench, SECOND, WALL_MS};
use crate::engine::dialer::unix_ms;
use crate::item::{Closed, Item};
use crate::{ErrorKind, Settings};

/// The nonce of the last dial, less the session's idea of the time by this clock.
fn last_nonce_beyond(bench: &Bench, clock: SystemTime) -> i64 {
    i64::try_from(*bench.nonces.last().unwrap()).unwrap() - unix_ms(clock)
}

#[test]
fn a_dial_is_signed_when_it_is_made_and_not_before() {
    let mut bench = Bench::new();
    let (request, waited) = bench.wait_for_dial();
    assert_eq!(*request.url(), "wss://one/ws/v1/pub/auth/account-balance");
    assert_eq!(request.deadline(), 10 * SECOND);
    assert_eq!((waited, bench.nonces[0]), (Duration::ZERO, WALL_MS));
    bench.fail_network();
    let (_, waited) = bench.wait_for_dial();
    assert_eq!(u128::from(bench.nonces[1] - WALL_MS), waited.as_millis().max(1));
}

#[test]
fn a_time_before_1970_is_negative() {
    assert_eq!(unix_ms(SystemTime::UNIX_EPOCH - 5 * SECOND), -5000);
}

#[test]
fn fault_22_a_clock_that_steps_back_never_repeats_a_nonce() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.wait_for_dial();
        bench.wall -= 10 * SECOND;
        bench.fail_network();
    }
    assert!(bench.nonces.is_sorted_by(|a, b| a < b), "{:?}", bench.nonces);
}

/// Refuses the next dial because of the clock. `ahead` is how far the server's is ahead of the machine's.
fn refuse_clock(bench: &mut Bench, ahead: i64) {
    bench.wait_for_dial();
    refuse_clock_now(bench, ahead);
}

fn refuse_clock_now(bench: &mut Bench, ahead: i64) {
    let server_ms = u64::try_from(unix_ms(bench.wall) + ahead * 1_000).unwrap();
    let server = SystemTime::UNIX_EPOCH + Duration::from_millis(server_ms);
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(server))]);
}

#[test]
fn fault_21_a_409_is_retried_with_a_fresh_nonce_before_the_clock_is_corrected() {
    let mut bench = Bench::new();
    refuse_clock(&mut bench, 1_800);
    assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: Some(1_800_000) });
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 0, "the same clock");
    refuse_clock_now(&mut bench, 1_800);
    bench.wait_for_dial();
    assert!((1_799_000..=1_800_000).contains(&last_nonce_beyond(&bench, bench.wall)));
    refuse_clock_now(&mut bench, 1_800);
    assert!(bench.session.is_closed(), "the third one is final, since nothing new was learned");
}

#[test]
fn fault_21_a_jump_of_more_than_an_hour_needs_two_refusals_that_agree() {
    const YEARS: i64 = 56 * 365 * 86_400;
    for ahead in [3_602, YEARS] {
        let mut bench = Bench::new();
        refuse_clock(&mut bench, ahead);
        refuse_clock(&mut bench, ahead);
        bench.wait_for_dial();
        let beyond = last_nonce_beyond(&bench, bench.wall);
        assert!((ahead * 1_000 - 1_000..=ahead * 1_000).contains(&beyond), "{beyond}");
    }
    let mut bench = Bench::new();
    refuse_clock(&mut bench, 7_200);
    refuse_clock(&mut bench, 36_000);
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 0, "they disagree");
    refuse_clock_now(&mut bench, 36_000);
    assert!(!bench.session.is_closed(), "what was learned deserves a dial");
    bench.wait_for_dial();
    assert!(last_nonce_beyond(&bench, bench.wall) > 35_000_000);
}

#[test]
fn fault_21_nonces_that_are_ahead_are_waited_for() {
    let mut bench = Bench::new();
    // Ahead for one dial only.
    bench.session.engine.signer.sign_identity(WALL_MS + 300_000);
    refuse_clock(&mut bench, 0);
    refuse_clock(&mut bench, 0);
    let Some(Item::Disconnected(waiting)) = bench.items.last() else { panic!() };
    assert!(waiting.error.to_string().contains("waiting until"), "{}", waiting.error);
    let (told, (_, waited)) = (waiting.retry_in, bench.wait_for_dial());
    assert_eq!(told, waited);
    assert!((298..=305).contains(&waited.as_secs()), "{waited:?}");
    assert!(last_nonce_beyond(&bench, bench.wall) <= 1, "the exchange has caught up");
}

#[test]
fn fault_21_nonces_that_are_ahead_for_too_long_are_a_typed_error() {
    for (limit, ahead) in [(600, 3_600), (60, 300)] {
        let settings = Settings { clock_wait: limit * SECOND, ..Settings::default() };
        let mut bench = Bench::with(settings, &["wss://one/ws"]);
        // The machine's clock is ahead by as much.
        refuse_clock(&mut bench, -ahead);
        refuse_clock(&mut bench, -ahead);
        assert!(bench.session.is_closed());
        let ErrorKind::ClockSkew { ahead_ms: Some(off) } = bench.last_error() else { panic!() };
        assert!((-ahead * 1_000 - 1_000..=-ahead * 1_000).contains(&off), "{off}");
        let Some(Item::Closed(Closed::Failed(error))) = bench.items.last() else { panic!() };
        let nonce = bench.nonces.last().unwrap().to_string();
        assert!(error.to_string().contains(&nonce) && error.to_string().contains("ahead"), "{error}");
    }
}

#[test]
fn fault_21_refusals_after_the_key_has_worked_are_retried_for_the_patience() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.lose();
    bench.wait_for_dial();
    let start = bench.now;
    while !bench.session.is_closed() {
        bench.refuse(409, &[]);
        if !bench.session.is_closed() {
            bench.wait_for_dial();
        }
    }
    assert!((900..960).contains(&(bench.now - start).as_secs()), "{:?}", bench.now - start);
}

#[test]
fn a_clock_that_is_set_right_after_it_was_corrected_does_no_harm() {
    let mut bench = Bench::new();
    refuse_clock(&mut bench, 1_800);
    refuse_clock(&mut bench, 1_800);
    bench.settle("1", 10);
    bench.wall += 1_800 * SECOND;
    bench.lose();
    bench.wait_for_dial();
    assert!((-1_000..=1).contains(&last_nonce_beyond(&bench, bench.wall)));
}

#[test]
fn an_absurd_time_of_the_server_corrects_nothing() {
    for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let mut bench = Bench::new();
        for _ in 0..2 {
            bench.wait_for_dial();
            bench.refuse(409, &[(DATE, date)]);
            assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: None });
        }
        bench.wait_for_dial();
        assert_eq!(last_nonce_beyond(&bench, bench.wall), 0);
    }
}
