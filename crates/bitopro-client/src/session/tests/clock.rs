use super::*;

/// The nonce of the last dial, less the session's idea of the time by this clock.
fn last_nonce_beyond(bench: &Bench, clock: SystemTime) -> i64 {
    i64::try_from(*bench.nonces.last().unwrap()).unwrap() - unix_ms(clock)
}

#[test]
fn a_dial_is_signed_when_it_is_made_and_not_before() {
    let mut bench = Bench::new();
    let (request, waited) = bench.wait_for_dial();
    assert_eq!(request.url().as_str(), "wss://one/ws/v1/pub/auth/account-balance");
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

#[test]
fn a_clock_that_is_behind_is_corrected_once_from_the_server_s() {
    let mut bench = Bench::new();
    let ahead = bench.wall + 3_600 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(ahead))]);
    assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: Some(3_600_000) });
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 3_600_000);
    let further = bench.wall + 7_200 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(further))]);
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 3_600_000, "not corrected again");
    bench.refuse(409, &[]);
    assert!(bench.session.is_closed());
    assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: None });
}

#[test]
fn a_clock_that_is_set_right_after_it_was_corrected_does_no_harm() {
    let mut bench = Bench::new();
    let server = bench.wall + 3_600 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(server))]);
    bench.settle("1", 10);
    bench.wall += 3_600 * SECOND;
    bench.lose();
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 0);
    // After a connection, a clock that is off again is corrected again.
    bench.step(|session, now, _| session.handle_connected(now));
    bench.lose();
    bench.wait_for_dial();
    let server = bench.wall + 60 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(server))]);
    bench.wait_for_dial();
    assert!((59_000..=60_000).contains(&last_nonce_beyond(&bench, bench.wall)));
}

#[test]
fn an_absurd_time_of_the_server_corrects_nothing() {
    for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let mut bench = Bench::new();
        bench.refuse(409, &[(DATE, date)]);
        assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: None });
        bench.wait_for_dial();
        assert_eq!(i64::try_from(bench.nonces[1]).unwrap(), unix_ms(bench.wall));
    }
}
