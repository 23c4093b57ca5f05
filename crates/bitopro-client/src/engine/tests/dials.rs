use std::time::{Duration, SystemTime};

use bitopro_model::PrivateStream;
use bitopro_transport::{self as transport, Frame, Refusal, Request};
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::{Bench, SECOND, Session, WALL_MS};
use crate::engine::{LinkId, SubscriberId};
use crate::item::Item;
use crate::samples::balance;
use crate::{ErrorKind, Settings};

#[test]
fn delays_grow_until_a_connection_has_proved_itself() {
    let mut bench = Bench::new();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        bench.settle("1", 10);
        bench.pass(29 * SECOND);
        bench.lose();
        longest = longest.max(bench.session.poll_timeout().unwrap() - bench.now);
    }
    assert!(longest > 15 * SECOND && longest <= 30 * SECOND, "{longest:?}");
    bench.settle("1", 10);
    bench.pass(Duration::from_millis(29_999));
    bench.text(&balance("1", 11));
    bench.pass(Duration::from_millis(1));
    bench.lose();
    let delay = bench.session.poll_timeout().unwrap() - bench.now;
    assert!(delay <= SECOND, "{delay:?}");
}

/// When a server that accepts and closes at once is dialled, for a thousand times.
fn flapping_dials(settings: Settings) -> Vec<Duration> {
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    let start = bench.now;
    (0..1_000)
        .map(|round| {
            bench.connect();
            let at = bench.now - start;
            // A snapshot proves nothing either: the connection must last.
            if round % 2 == 0 {
                bench.text(&balance("1", 10));
            }
            bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::Close(None)));
            bench.items.clear();
            at
        })
        .collect()
}

#[test]
fn fault_13_a_server_that_accepts_and_closes_a_thousand_times_is_dialled_ever_later_and_within_the_budget() {
    let within_budget = flapping_dials(Settings::default());
    assert!(within_budget.windows(31).all(|window| window[0] + 300 * SECOND <= window[30]));
    // The delays grow by themselves too, where no budget holds them up.
    let unmetered = flapping_dials(Settings { dial_budget: 100_000, ..Settings::default() });
    for (dial, bound) in [(1, 1), (2, 3), (3, 7), (4, 15)] {
        assert!(unmetered[dial] <= bound * SECOND + SECOND, "{dial}: {:?}", unmetered[dial]);
    }
    let mean = unmetered[999].saturating_sub(unmetered[99]) / 900;
    assert!((13 * SECOND..17 * SECOND).contains(&mean), "half of the longest backoff, on average: {mean:?}");
}

#[test]
fn fault_16_a_key_that_is_not_accepted_twice_is_final_and_not_dialled_again() {
    for (status, kind) in [(401, ErrorKind::Unauthorized), (403, ErrorKind::Forbidden)] {
        let mut bench = Bench::new();
        bench.refuse(status, &[]);
        assert_eq!(bench.names(), ["disconnected"]);
        bench.wait_for_dial();
        bench.refuse(status, &[]);
        assert_eq!(bench.last_error(), kind);
        assert_eq!(bench.names(), ["closed"]);
        assert!(bench.session.is_closed());
        bench.pass(3_600 * SECOND);
        assert_eq!(bench.nonces.len(), 2, "no dial after the end");
    }
}

#[test]
fn how_often_a_refusal_is_tried_again_can_be_set() {
    let settings =
        Settings { auth_attempts: 3, clock_attempts: 2, certificate_attempts: 4, ..Settings::default() };
    let certificate = |_: u32| transport::Error::new(transport::ErrorKind::Certificate, "expired");
    let refused = |status| transport::Error::refused(Refusal::new(StatusCode::from_u16(status).unwrap()));
    let failures: [(&dyn Fn(u32) -> transport::Error, u32); 3] =
        [(&|_| refused(401), 3), (&|_| refused(409), 2), (&certificate, 4)];
    for (failure, attempts) in failures {
        let mut bench = Bench::with(settings.clone(), &["wss://one/ws"]);
        for attempt in 1..=attempts {
            bench.wait_for_dial();
            bench.fail(failure(attempt));
            assert_eq!(bench.session.is_closed(), attempt == attempts);
        }
    }
}

#[test]
fn the_dial_s_deadline_can_be_set() {
    let settings = Settings { dial_deadline: 3 * SECOND, ..Settings::default() };
    assert_eq!(Bench::with(settings, &["wss://one/ws"]).wait_for_dial().0.deadline(), 3 * SECOND);
}

#[test]
fn a_connection_without_a_snapshot_has_proved_nothing() {
    let settings =
        Settings { snapshot_deadline: 100 * SECOND, idle_limit: 200 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    for _ in 0..8 {
        bench.connect();
        bench.pass(60 * SECOND);
        bench.lose();
    }
    let delays: Vec<Duration> = (0..5)
        .map(|_| {
            bench.connect();
            bench.pass(60 * SECOND);
            bench.lose();
            bench.session.poll_timeout().unwrap() - bench.now
        })
        .collect();
    assert!(delays.iter().any(|delay| *delay > 2 * SECOND), "{delays:?}");
}

#[test]
fn fault_17_a_key_that_was_just_rotated_recovers() {
    let mut bench = Bench::new();
    bench.refuse(401, &[]);
    bench.settle("1", 10);
    bench.lose();
    bench.wait_for_dial();
    bench.refuse(401, &[]);
    assert!(!bench.session.is_closed(), "the refusals were not in a row");
}

#[test]
fn what_no_retry_can_mend_ends_at_once() {
    for (status, kind) in [
        (200, ErrorKind::WrongPath),
        (404, ErrorKind::WrongPath),
        (400, ErrorKind::BadRequest),
        (422, ErrorKind::BadRequest),
        (301, ErrorKind::Redirected),
        (307, ErrorKind::Redirected),
    ] {
        let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
        bench.refuse(status, &[]);
        assert_eq!(bench.last_error(), kind, "{status}");
        assert_eq!(bench.names(), ["closed"], "{status}");
        assert_eq!(bench.nonces.len(), 1);
    }
    for (beneath, kind) in [
        (transport::ErrorKind::InsecureUrl, ErrorKind::InvalidUrl),
        (transport::ErrorKind::InvalidRequest, ErrorKind::InvalidUrl),
        (transport::ErrorKind::Setup, ErrorKind::Setup),
    ] {
        let mut bench = Bench::new();
        bench.fail(transport::Error::new(beneath, "here"));
        assert_eq!((bench.last_error(), bench.session.is_closed()), (kind, true));
    }
}

#[test]
fn a_server_that_is_down_is_tried_again_without_end() {
    for status in [408, 500, 502, 503, 418] {
        let mut bench = Bench::new();
        for _ in 0..100 {
            bench.refuse(status, &[]);
            assert!(!bench.session.is_closed());
            bench.wait_for_dial();
        }
    }
}

#[test]
fn fault_15_a_wait_that_the_server_asks_for_is_kept_capped_and_told() {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
    let date = |seconds: u32| httpdate::fmt_http_date(wall + seconds * SECOND);
    let (soon, past, in_days) = (date(90), httpdate::fmt_http_date(wall - SECOND), date(100_000));
    for (asked, least, most) in [
        (Some("7"), 7, 8),
        (Some("0"), 0, 1),
        (Some(soon.as_str()), 90, 91),
        (Some(past.as_str()), 0, 1),
        (Some(in_days.as_str()), 3600, 3601),
        (Some("99999999999"), 3600, 3601),
        (Some("99999999999999999999999"), 3600, 3601),
        (Some("soon"), 0, 1),
        (Some("-7"), 0, 1),
        (None, 0, 1),
    ] {
        for status in [429, 503] {
            let mut bench = Bench::new();
            let headers: Vec<_> = asked.map(|asked| (RETRY_AFTER, asked)).into_iter().collect();
            bench.refuse(status, &headers);
            let Some(Item::Disconnected(told)) = bench.items.last() else { panic!() };
            let told = told.clone();
            let (_, waited) = bench.wait_for_dial();
            // A 429 that gives no time has its own.
            let is_unsaid = status == 429 && [None, Some("soon"), Some("-7")].contains(&asked);
            let (least, most) = if is_unsaid { (5, 6) } else { (least, most) };
            assert!((least..=most).contains(&waited.as_secs()), "{asked:?}: {waited:?}");
            assert_eq!(told.retry_in, waited);
            match (status, told.error.kind()) {
                (429, ErrorKind::RateLimited { retry_after })
                | (503, ErrorKind::Unavailable { retry_after }) => {
                    assert_eq!(
                        retry_after.is_some(),
                        asked.is_some_and(|asked| !["soon", "-7"].contains(&asked))
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_dial_that_fails_on_the_network_moves_on_and_the_one_that_worked_is_kept() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    let host = |request: &Request| request.url().host().unwrap().to_owned();
    let (first, _) = bench.wait_for_dial();
    bench.fail_network();
    let (second, waited) = bench.wait_for_dial();
    assert_eq!(
        (host(&first).as_str(), host(&second).as_str(), waited),
        ("one", "two", Duration::from_millis(100))
    );
    bench.step(Session::handle_connected);
    bench.text(&balance("1", 10));
    bench.lose();
    assert_eq!(host(&bench.wait_for_dial().0), "two");
    bench.refuse(503, &[]);
    assert_eq!(host(&bench.wait_for_dial().0), "two", "a refusal does not move on");
    bench.fail_network();
    assert_eq!(host(&bench.wait_for_dial().0), "one");
    bench.fail_network();
    let (after_a_round, waited) = bench.wait_for_dial();
    assert_eq!(host(&after_a_round), "two");
    assert!(waited > Duration::from_millis(100), "a whole round failed, so there is a pause: {waited:?}");
}

#[test]
fn an_endpoint_whose_certificate_is_wrong_is_left_for_the_next() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    bench.fail(transport::Error::new(transport::ErrorKind::Certificate, "expired"));
    assert_eq!(bench.wait_for_dial().0.url().host(), Some("two"));
}

#[test]
fn the_wait_that_is_told_is_the_wait_there_is_although_the_budget_is_spent() {
    let settings = Settings { dial_budget: 3, dial_budget_span: 300 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    for _ in 0..4 {
        bench.wait_for_dial();
        bench.fail_network();
        let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
        let told = disconnected.retry_in;
        assert!(told > 100 * SECOND, "{told:?}");
        let (_, waited) = bench.wait_for_dial();
        assert_eq!(told, waited);
        bench.fail_network();
    }
}

#[test]
fn a_wait_that_the_server_asks_for_holds_for_every_stream_of_the_client() {
    let mut bench = Bench::new();
    bench.refuse(429, &[(RETRY_AFTER, "100")]);
    assert_eq!(bench.session.engine.dialer.free_at(bench.now), bench.now + 100 * SECOND);
}

#[test]
fn a_network_failure_between_two_certificate_errors_refutes_neither() {
    let certificate = || transport::Error::new(transport::ErrorKind::Certificate, "expired");
    let mut bench = Bench::new();
    bench.fail(certificate());
    bench.wait_for_dial();
    bench.fail_network();
    bench.wait_for_dial();
    bench.fail(certificate());
    assert_eq!((bench.last_error(), bench.session.is_closed()), (ErrorKind::Certificate, true));
}

#[test]
fn a_retry_limit_counts_rounds_without_a_snapshot() {
    let settings = Settings { retry_limit: Some(2), ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws", "wss://two/ws"]);
    for _ in 0..2 {
        bench.fail_network();
        bench.wait_for_dial();
        assert!(!bench.session.is_closed());
        bench.fail_network();
        if !bench.session.is_closed() {
            bench.settle("1", 10);
            bench.lose();
            bench.wait_for_dial();
        }
    }
    assert_eq!(bench.last_error(), ErrorKind::Network);
    assert!(bench.session.is_closed());
}

#[test]
fn a_connector_that_does_not_keep_the_deadline_is_given_up() {
    let mut bench = Bench::new();
    bench.wait_for_dial();
    bench.pass(Duration::from_millis(10_999));
    assert_eq!(bench.names(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Network);
    assert!(bench.is_disconnected());
}

#[test]
fn an_outage_of_any_length_is_over_within_the_longest_backoff() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    let mut longest = Duration::ZERO;
    for _ in 0..500 {
        bench.wait_for_dial();
        bench.fail_network();
        longest = longest.max(bench.session.poll_timeout().unwrap().saturating_duration_since(bench.now));
    }
    assert!(longest <= 30 * SECOND + Duration::from_millis(100), "{longest:?}");
}

#[test]
fn what_is_out_for_all_streams_is_found_out_by_one_of_them() {
    for outage in [None, Some(503)] {
        let mut bench = Bench::new();
        match outage {
            None => bench.fail_network(),
            Some(status) => bench.refuse(status, &[]),
        }
        let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
        assert_eq!(bench.session.engine.dialer.free_at(bench.now), bench.now + disconnected.retry_in);
    }
}

#[test]
fn a_stream_that_fails_alone_holds_up_nobody() {
    for outage in [None, Some(503)] {
        let mut bench = Bench::new();
        let dialer = &mut bench.session.engine.dialer;
        let other = LinkId { subscriber: SubscriberId(9), stream: PrivateStream::UserTrades };
        dialer.add(other, bench.now);
        dialer.accept(other, other.stream, bench.now);
        for _ in 0..5 {
            bench.wait_for_dial();
            match outage {
                None => bench.fail_network(),
                Some(status) => bench.refuse(status, &[]),
            }
            let soon = bench.now + Duration::from_millis(100);
            assert_eq!(bench.session.engine.dialer.free_at(soon), soon);
        }
    }
    // A connection that is lost says nothing about whether a new one can be made.
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.pass(SECOND);
    bench.lose();
    assert_eq!(bench.session.engine.dialer.free_at(bench.now), bench.now);
}

#[test]
fn a_stream_that_joins_an_outage_waits_as_if_it_had_been_there_from_the_start() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.session.engine.dialer.count_outage();
    }
    bench.fail_network();
    let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
    // More than a first delay can be.
    assert!(disconnected.retry_in > 2 * SECOND, "{:?}", disconnected.retry_in);
}

/// Found by the fuzzer.
#[test]
fn a_403_and_a_401_are_two_refusals_for_the_key_s_sake() {
    for (first, second) in [(401, 403), (403, 401)] {
        let mut bench = Bench::new();
        bench.refuse(first, &[]);
        bench.wait_for_dial();
        assert!(!bench.session.is_closed());
        bench.refuse(second, &[]);
        assert!(bench.session.is_closed());
    }
}
