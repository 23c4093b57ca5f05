use std::time::{Duration, SystemTime};

use bitopro_model::PrivateStream;
use bitopro_transport::{self as transport, Frame, Refusal, Request};
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::{Bench, SECOND, SingleLink, WALL_MS};
use crate::engine::{LinkId, SubscriberId};
use crate::item::Item;
use crate::samples::balance;
use crate::{ErrorKind, Settings};

#[test]
fn delays_grow_until_a_connection_is_stable() {
    let mut bench = Bench::new();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        bench.connect_with_snapshot("1", 10);
        bench.advance(29 * SECOND);
        bench.lose_connection();
        longest = longest.max(bench.link.poll_timeout().unwrap() - bench.now);
    }
    assert!(longest > 15 * SECOND && longest <= 30 * SECOND, "{longest:?}");
    bench.connect_with_snapshot("1", 10);
    bench.advance(Duration::from_millis(29_999));
    bench.receive_text(&balance("1", 11));
    bench.advance(Duration::from_millis(1));
    bench.lose_connection();
    let delay = bench.link.poll_timeout().unwrap() - bench.now;
    assert!(delay <= SECOND, "{delay:?}");
}

/// Returns the times of a thousand dials of a server that accepts each connection and closes it immediately.
fn flapping_dials(settings: Settings) -> Vec<Duration> {
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    let start = bench.now;
    (0..1_000)
        .map(|round| {
            bench.connect();
            let at = bench.now - start;
            // A snapshot alone does not make a connection stable.
            if round % 2 == 0 {
                bench.receive_text(&balance("1", 10));
            }
            bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::Close(None)));
            bench.items.clear();
            at
        })
        .collect()
}

#[test]
fn fault_13_a_server_that_closes_a_thousand_connections_is_dialled_with_growing_delays_within_the_budget() {
    let within_budget = flapping_dials(Settings::default());
    assert!(within_budget.windows(31).all(|window| window[0] + 300 * SECOND <= window[30]));
    // The delays also grow if the budget does not limit the dials.
    let unmetered = flapping_dials(Settings { dial_budget: 100_000, ..Settings::default() });
    for (dial, bound) in [(1, 1), (2, 3), (3, 7), (4, 15)] {
        assert!(unmetered[dial] <= bound * SECOND + SECOND, "{dial}: {:?}", unmetered[dial]);
    }
    let mean = unmetered[999].saturating_sub(unmetered[99]) / 900;
    assert!(
        (13 * SECOND..17 * SECOND).contains(&mean),
        "the mean must be half of the longest backoff, but is {mean:?}"
    );
}

#[test]
fn fault_16_a_key_that_is_refused_twice_ends_the_stream_without_further_dials() {
    for (status, kind) in [(401, ErrorKind::Unauthorized), (403, ErrorKind::Forbidden)] {
        let mut bench = Bench::new();
        bench.refuse_dial(status, &[]);
        assert_eq!(bench.take_names(), ["disconnected"]);
        bench.wait_for_dial();
        bench.refuse_dial(status, &[]);
        assert_eq!(bench.last_error(), kind);
        assert_eq!(bench.take_names(), ["closed"]);
        assert!(bench.link.is_closed());
        bench.advance(3_600 * SECOND);
        assert_eq!(bench.nonces.len(), 2, "no dial after the end");
    }
}

#[test]
fn the_number_of_attempts_after_a_refusal_can_be_set() {
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
            bench.fail_dial(failure(attempt));
            assert_eq!(bench.link.is_closed(), attempt == attempts);
        }
    }
}

#[test]
fn the_dial_deadline_can_be_set() {
    let settings = Settings { dial_deadline: 3 * SECOND, ..Settings::default() };
    assert_eq!(Bench::with(settings, &["wss://one/ws"]).wait_for_dial().0.deadline(), 3 * SECOND);
}

#[test]
fn a_connection_without_a_snapshot_is_not_stable() {
    let settings =
        Settings { snapshot_deadline: 100 * SECOND, idle_limit: 200 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    for _ in 0..8 {
        bench.connect();
        bench.advance(60 * SECOND);
        bench.lose_connection();
    }
    let delays: Vec<Duration> = (0..5)
        .map(|_| {
            bench.connect();
            bench.advance(60 * SECOND);
            bench.lose_connection();
            bench.link.poll_timeout().unwrap() - bench.now
        })
        .collect();
    assert!(delays.iter().any(|delay| *delay > 2 * SECOND), "{delays:?}");
}

#[test]
fn fault_17_an_accepted_upgrade_resets_the_refusals_of_a_key_that_was_just_rotated() {
    let mut bench = Bench::new();
    bench.refuse_dial(401, &[]);
    bench.connect_with_snapshot("1", 10);
    bench.lose_connection();
    bench.wait_for_dial();
    bench.refuse_dial(401, &[]);
    assert!(!bench.link.is_closed(), "the refusals were not consecutive");
}

#[test]
fn permanent_failures_end_the_stream_immediately() {
    for (status, kind) in [
        (200, ErrorKind::WrongPath),
        (404, ErrorKind::WrongPath),
        (400, ErrorKind::BadRequest),
        (422, ErrorKind::BadRequest),
        (301, ErrorKind::Redirected),
        (307, ErrorKind::Redirected),
    ] {
        let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
        bench.refuse_dial(status, &[]);
        assert_eq!(bench.last_error(), kind, "{status}");
        assert_eq!(bench.take_names(), ["closed"], "{status}");
        assert_eq!(bench.nonces.len(), 1);
    }
    for (transport_kind, kind) in [
        (transport::ErrorKind::InsecureUrl, ErrorKind::InvalidUrl),
        (transport::ErrorKind::InvalidRequest, ErrorKind::InvalidUrl),
        (transport::ErrorKind::Setup, ErrorKind::Setup),
    ] {
        let mut bench = Bench::new();
        bench.fail_dial(transport::Error::new(transport_kind, "test"));
        assert_eq!((bench.last_error(), bench.link.is_closed()), (kind, true));
    }
}

#[test]
fn a_server_that_is_down_is_retried_forever() {
    for status in [408, 500, 502, 503, 418] {
        let mut bench = Bench::new();
        for _ in 0..100 {
            bench.refuse_dial(status, &[]);
            assert!(!bench.link.is_closed());
            bench.wait_for_dial();
        }
    }
}

#[test]
fn fault_15_retry_after_is_obeyed_capped_and_reported() {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
    let date = |seconds: u32| httpdate::fmt_http_date(wall + seconds * SECOND);
    let (soon, past, in_days) = (date(90), httpdate::fmt_http_date(wall - SECOND), date(100_000));
    for (retry_after_header, least, most) in [
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
            let headers: Vec<_> = retry_after_header.map(|value| (RETRY_AFTER, value)).into_iter().collect();
            bench.refuse_dial(status, &headers);
            let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
            let disconnected = disconnected.clone();
            let (_, waited) = bench.wait_for_dial();
            // A 429 without a valid time pauses for 5 s.
            let is_default = status == 429 && [None, Some("soon"), Some("-7")].contains(&retry_after_header);
            let (least, most) = if is_default { (5, 6) } else { (least, most) };
            assert!((least..=most).contains(&waited.as_secs()), "{retry_after_header:?}: {waited:?}");
            assert_eq!(disconnected.retry_in, waited);
            match (status, disconnected.error.kind()) {
                (429, ErrorKind::RateLimited { retry_after })
                | (503, ErrorKind::Unavailable { retry_after }) => {
                    assert_eq!(
                        retry_after.is_some(),
                        retry_after_header.is_some_and(|value| !["soon", "-7"].contains(&value))
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_network_failure_moves_to_the_next_base_url_and_a_working_base_url_is_kept() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    let host = |request: &Request| request.url().host().unwrap().to_owned();
    let (first, _) = bench.wait_for_dial();
    bench.fail_dial_on_network();
    let (second, waited) = bench.wait_for_dial();
    assert_eq!(
        (host(&first).as_str(), host(&second).as_str(), waited),
        ("one", "two", Duration::from_millis(100))
    );
    bench.step(SingleLink::handle_connected);
    bench.receive_text(&balance("1", 10));
    bench.lose_connection();
    assert_eq!(host(&bench.wait_for_dial().0), "two");
    bench.refuse_dial(503, &[]);
    assert_eq!(host(&bench.wait_for_dial().0), "two", "a refusal does not change the base URL");
    bench.fail_dial_on_network();
    assert_eq!(host(&bench.wait_for_dial().0), "one");
    bench.fail_dial_on_network();
    let (after_a_round, waited) = bench.wait_for_dial();
    assert_eq!(host(&after_a_round), "two");
    assert!(
        waited > Duration::from_millis(100),
        "there must be a delay after a failed round, but it was {waited:?}"
    );
}

#[test]
fn a_bad_certificate_moves_to_the_next_base_url() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    bench.fail_dial(transport::Error::new(transport::ErrorKind::Certificate, "expired"));
    assert_eq!(bench.wait_for_dial().0.url().host(), Some("two"));
}

#[test]
fn the_reported_delay_is_exact_even_if_the_budget_is_spent() {
    let settings = Settings { dial_budget: 3, dial_budget_span: 300 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    for _ in 0..4 {
        bench.wait_for_dial();
        bench.fail_dial_on_network();
        let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
        let retry_in = disconnected.retry_in;
        assert!(retry_in > 100 * SECOND, "{retry_in:?}");
        let (_, waited) = bench.wait_for_dial();
        assert_eq!(retry_in, waited);
        bench.fail_dial_on_network();
    }
}

#[test]
fn retry_after_applies_to_every_stream_of_the_client() {
    let mut bench = Bench::new();
    bench.refuse_dial(429, &[(RETRY_AFTER, "100")]);
    assert_eq!(bench.link.engine.dialer.free_at(bench.now), bench.now + 100 * SECOND);
}

#[test]
fn a_network_failure_does_not_reset_the_certificate_errors() {
    let certificate = || transport::Error::new(transport::ErrorKind::Certificate, "expired");
    let mut bench = Bench::new();
    bench.fail_dial(certificate());
    bench.wait_for_dial();
    bench.fail_dial_on_network();
    bench.wait_for_dial();
    bench.fail_dial(certificate());
    assert_eq!((bench.last_error(), bench.link.is_closed()), (ErrorKind::Certificate, true));
}

#[test]
fn a_retry_limit_counts_rounds_without_a_snapshot() {
    let settings = Settings { retry_limit: Some(2), ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws", "wss://two/ws"]);
    for _ in 0..2 {
        bench.fail_dial_on_network();
        bench.wait_for_dial();
        assert!(!bench.link.is_closed());
        bench.fail_dial_on_network();
        if !bench.link.is_closed() {
            bench.connect_with_snapshot("1", 10);
            bench.lose_connection();
            bench.wait_for_dial();
        }
    }
    assert_eq!(bench.last_error(), ErrorKind::Network);
    assert!(bench.link.is_closed());
}

#[test]
fn a_connector_that_exceeds_the_dial_deadline_is_abandoned() {
    let mut bench = Bench::new();
    bench.wait_for_dial();
    bench.advance(Duration::from_millis(10_999));
    assert_eq!(bench.take_names(), [""; 0]);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Network);
    assert!(bench.is_disconnected());
}

#[test]
fn the_delay_in_a_long_outage_never_exceeds_the_longest_backoff() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    let mut longest = Duration::ZERO;
    for _ in 0..500 {
        bench.wait_for_dial();
        bench.fail_dial_on_network();
        longest = longest.max(bench.link.poll_timeout().unwrap().saturating_duration_since(bench.now));
    }
    assert!(longest <= 30 * SECOND + Duration::from_millis(100), "{longest:?}");
}

#[test]
fn an_outage_delays_the_dials_of_all_streams() {
    for outage in [None, Some(404), Some(503)] {
        let mut bench = Bench::new();
        bench.connect_with_snapshot("1", 10);
        bench.lose_connection();
        bench.wait_for_dial();
        match outage {
            None => bench.fail_dial_on_network(),
            Some(status) => bench.refuse_dial(status, &[]),
        }
        let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
        assert_eq!(bench.link.engine.dialer.free_at(bench.now), bench.now + disconnected.retry_in);
    }
}

#[test]
fn a_stream_that_fails_alone_does_not_delay_the_others() {
    for outage in [None, Some(503)] {
        let mut bench = Bench::new();
        let dialer = &mut bench.link.engine.dialer;
        let other = LinkId { subscriber: SubscriberId(9), stream: PrivateStream::UserTrades.into() };
        dialer.add(other, bench.now);
        dialer.record_upgrade(other, PrivateStream::UserTrades.path(), bench.now);
        for _ in 0..5 {
            bench.wait_for_dial();
            match outage {
                None => bench.fail_dial_on_network(),
                Some(status) => bench.refuse_dial(status, &[]),
            }
            let soon = bench.now + Duration::from_millis(100);
            assert_eq!(bench.link.engine.dialer.free_at(soon), soon);
        }
    }
    // A lost connection does not mean that the exchange is unreachable.
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.advance(SECOND);
    bench.lose_connection();
    assert_eq!(bench.link.engine.dialer.free_at(bench.now), bench.now);
}

#[test]
fn a_stream_that_joins_an_outage_starts_with_the_backoff_of_the_outage() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.link.engine.dialer.count_outage();
    }
    bench.fail_dial_on_network();
    let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
    // A first delay is at most 1 s.
    assert!(disconnected.retry_in > 2 * SECOND, "{:?}", disconnected.retry_in);
}

// Found by fuzzing.
#[test]
fn a_401_and_a_403_count_as_two_refusals_of_the_key() {
    for (first, second) in [(401, 403), (403, 401)] {
        let mut bench = Bench::new();
        bench.refuse_dial(first, &[]);
        bench.wait_for_dial();
        assert!(!bench.link.is_closed());
        bench.refuse_dial(second, &[]);
        assert!(bench.link.is_closed());
    }
}
