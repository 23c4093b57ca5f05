//! Refusals, before and after the refused key or path has worked.

use std::time::{Duration, SystemTime};

use bitopro_model::PrivateStream;
use bitopro_transport::{self as transport, Frame, Refusal};
use bytes::Bytes;
use http::StatusCode;

use super::multi_link::{DialOutcome, MultiLinkBench};
use super::{Bench, SECOND, SingleLink, WALL_MS, engine};
use crate::engine::Action;
use crate::item::{Closed, Item};
use crate::samples::balance;
use crate::system::test_start;
use crate::{ErrorKind, Settings};

const MINUTE: Duration = Duration::from_secs(60);

/// Creates a bench whose stream has worked and is being dialled again.
fn dialling_after_success() -> Bench {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.advance(SECOND);
    bench.lose_connection();
    bench.wait_for_dial();
    bench.items.clear();
    bench
}

fn certificate() -> transport::Error {
    transport::Error::new(transport::ErrorKind::Certificate, "expired")
}

fn refused(status: u16) -> transport::Error {
    transport::Error::refused(Refusal::new(StatusCode::from_u16(status).unwrap()))
}

/// Fails each dial until the stream ends. Returns the time that this took, and the number of dials.
fn until_closed(bench: &mut Bench, failure: &dyn Fn() -> transport::Error) -> (Duration, usize) {
    let (start, before) = (bench.now, bench.nonces.len());
    loop {
        bench.fail_dial(failure());
        if bench.link.is_closed() {
            return (bench.now - start, bench.nonces.len() - before);
        }
        assert!(bench.now - start < 60 * MINUTE, "the stream must end within an hour");
        bench.wait_for_dial();
    }
}

#[test]
fn fault_18_a_path_that_has_worked_is_retried_for_the_patience() {
    for status in [200, 204, 301, 302, 307, 400, 404, 422] {
        let mut bench = dialling_after_success();
        let (span, dials) = until_closed(&mut bench, &|| refused(status));
        assert!((15 * MINUTE..16 * MINUTE).contains(&span), "{status}: {span:?}");
        assert!((30..=60).contains(&dials), "{status}: {dials} dials");
        let Some(Item::Disconnected(last)) = bench.items.iter().rev().nth(1) else { panic!() };
        let refusals = last.refusals.unwrap();
        assert!(refusals.count > 10, "{refusals:?}");
        let is_redirect = (300..400).contains(&status);
        assert!(
            is_redirect || last.error.to_string().contains("a gateway may have answered"),
            "{}",
            last.error
        );
        let first = u64::try_from(refusals.first.as_millis()).unwrap();
        assert!((WALL_MS + 1_000..WALL_MS + 60_000).contains(&first), "{refusals:?}");
    }
}

#[test]
fn fault_19_a_page_instead_of_the_upgrade_is_final_before_the_path_has_worked() {
    let mut bench = Bench::new();
    let mut refusal = Refusal::new(StatusCode::OK);
    refusal.body = "<html>hello</html>".into();
    bench.fail_dial(transport::Error::refused(refusal));
    assert_eq!((bench.last_error(), bench.link.is_closed()), (ErrorKind::WrongPath, true));
}

#[test]
fn fault_18_an_accepted_upgrade_resets_the_patience() {
    let mut bench = dialling_after_success();
    for _ in 0..3 {
        let start = bench.now;
        while bench.now - start < 14 * MINUTE {
            bench.fail_dial(refused(404));
            bench.wait_for_dial();
        }
        bench.step(SingleLink::handle_connected);
        bench.receive_text(&balance("1", 11));
        bench.advance(SECOND);
        bench.lose_connection();
        bench.wait_for_dial();
    }
    bench.fail_dial(refused(404));
    assert!(!bench.link.is_closed());
}

#[test]
fn the_patience_can_be_set() {
    let settings = Settings { patience: 3 * MINUTE, key_patience: 2 * MINUTE, ..Settings::default() };
    for (status, minutes) in [(404, 3), (401, 2)] {
        let mut bench = Bench::with(settings.clone(), &["wss://one/ws"]);
        bench.connect_with_snapshot("1", 10);
        bench.lose_connection();
        bench.wait_for_dial();
        let (span, _) = until_closed(&mut bench, &|| refused(status));
        assert!((minutes * MINUTE..(minutes + 2) * MINUTE).contains(&span), "{status}: {span:?}");
    }
}

#[test]
fn fault_17_a_key_that_has_worked_is_given_up_after_three_refusals_over_five_minutes() {
    for status in [401, 403] {
        let mut bench = dialling_after_success();
        let (span, dials) = until_closed(&mut bench, &|| refused(status));
        assert!((5 * MINUTE..7 * MINUTE).contains(&span), "{status}: {span:?}");
        assert!((3..=12).contains(&dials), "{status}: {dials} dials");
    }
}

#[test]
fn fault_17_a_key_that_has_worked_and_is_refused_for_a_minute_recovers() {
    let mut bench = dialling_after_success();
    let start = bench.now;
    while bench.now - start < MINUTE {
        bench.fail_dial(refused(401));
        let Some(Item::Disconnected(last)) = bench.items.last() else { panic!() };
        assert!(last.retry_in >= 5 * SECOND, "{last:?}");
        assert!(last.error.to_string().contains("its clock may be ahead"), "{}", last.error);
        bench.wait_for_dial();
    }
    bench.step(SingleLink::handle_connected);
    assert!(bench.link.is_open());
}

#[test]
fn fault_17_while_a_key_is_refused_one_stream_dials_for_all() {
    let mut bench = MultiLinkBench::new(4, &Settings::default());
    bench.run_for(SECOND, &mut |_| DialOutcome::Accept);
    (0..4).for_each(|index| bench.lose_connection(index));
    bench.dials.clear();
    bench.run_for(4 * MINUTE, &mut |_| DialOutcome::Refuse(401));
    let between: Vec<Duration> = bench.dials.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(between.iter().all(|between| *between >= 5 * SECOND), "{between:?}");
    assert!(
        between.is_sorted_by_key(|between| between.as_secs() / 5 * 5) && bench.dials.len() <= 9,
        "{between:?}"
    );
    bench.run_for(2 * MINUTE, &mut |_| DialOutcome::Accept);
    assert!((0..4).all(|index| bench.is_open(index)));
}

#[test]
fn fault_16_a_refused_key_ends_the_streams_that_wait_but_not_one_that_is_connected() {
    let mut bench = MultiLinkBench::new(4, &Settings::default());
    bench.run_for(SECOND, &mut |_| DialOutcome::Accept);
    (0..3).for_each(|index| bench.lose_connection(index));
    bench.run_for(10 * MINUTE, &mut |_| DialOutcome::Refuse(401));
    assert!((0..3).all(|index| bench.is_closed(index)));
    assert!(bench.is_open(3));
    // A later dial of the connected stream is not refused without asking the exchange.
    let before = bench.dials.len();
    bench.lose_connection(3);
    bench.run_for(MINUTE, &mut |_| DialOutcome::Accept);
    assert!(bench.is_open(3));
    assert_eq!(bench.dials.len(), before + 1);
}

#[test]
fn fault_17_an_accepted_upgrade_of_another_stream_resets_the_refusals_of_the_key() {
    let mut bench = MultiLinkBench::new(2, &Settings::default());
    bench.run_for(SECOND, &mut |_| DialOutcome::Accept);
    bench.lose_connection(0);
    for _ in 0..6 {
        bench.run_for(2 * MINUTE, &mut |_| DialOutcome::Refuse(401));
        bench.lose_connection(1);
        bench.run_for(2 * MINUTE, &mut |index| {
            if index == 1 { DialOutcome::Accept } else { DialOutcome::Refuse(401) }
        });
        assert!(bench.is_open(1));
    }
    assert!(!bench.is_closed(0));
}

#[test]
fn fault_38_a_bad_certificate_is_final_after_two_dials_or_after_the_patience_if_the_key_has_worked() {
    let mut bench = Bench::new();
    assert_eq!(until_closed(&mut bench, &certificate).1, 1);
    let mut bench = dialling_after_success();
    let (span, _) = until_closed(&mut bench, &certificate);
    assert!((15 * MINUTE..16 * MINUTE).contains(&span), "{span:?}");
}

#[test]
fn fault_47_a_429_without_retry_after_pauses_all_streams_for_longer_each_time() {
    let mut bench = MultiLinkBench::new(4, &Settings::default());
    bench.run_for(SECOND, &mut |_| DialOutcome::Accept);
    (0..4).for_each(|index| bench.lose_connection(index));
    bench.run_for(SECOND * 2, &mut |_| DialOutcome::Refuse(429));
    bench.dials.drain(..bench.dials.len() - 1);
    bench.run_for(5 * MINUTE, &mut |_| DialOutcome::Refuse(429));
    let between: Vec<u64> = bench.dials.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs()).collect();
    for (between, pause) in between.iter().zip([5, 10, 20, 40, 60]) {
        assert!((pause..pause + 30).contains(between), "{between:?} instead of {pause}");
    }
}

#[test]
fn fault_45_after_a_storm_of_dials_every_healthy_path_is_connected_within_four_refills() {
    for failure in [
        DialOutcome::AcceptThenClose,
        DialOutcome::Refuse(502),
        DialOutcome::Refuse(404),
        DialOutcome::Refuse(401),
        DialOutcome::Fail,
    ] {
        let mut bench = MultiLinkBench::new(4, &Settings { backoff_longest: SECOND, ..Settings::default() });
        bench.run_for(SECOND, &mut |_| DialOutcome::Accept);
        // Spends the whole budget.
        for _ in 0..40 {
            (0..4).for_each(|index| bench.lose_connection(index));
            bench.run_for(SECOND, &mut |_| DialOutcome::AcceptThenClose);
        }
        (0..4).for_each(|index| bench.lose_connection(index));
        let refill = 20 * SECOND;
        // A refused key also pauses all streams.
        let pause = if matches!(failure, DialOutcome::Refuse(401)) { MINUTE } else { Duration::ZERO };
        bench
            .run_for(4 * refill + pause, &mut |index| if index == 0 { failure } else { DialOutcome::Accept });
        assert!((1..4).all(|index| bench.is_open(index)), "next to {failure:?}");
    }
}

#[test]
fn fault_16_a_key_that_never_worked_ends_all_streams_with_two_dials() {
    let mut bench = MultiLinkBench::new(4, &Settings::default());
    bench.run_for(10 * MINUTE, &mut |_| DialOutcome::Refuse(401));
    assert!((0..4).all(|index| bench.is_closed(index)));
    assert_eq!(bench.dials.len(), 2);
}

/// Accepts the next connection, and then refuses it with a close frame.
fn refuse_after_upgrade(bench: &mut Bench) {
    bench.wait_for_dial();
    bench.step(SingleLink::handle_connected);
    bench.receive_text(r#"{"error":"key is disabled"}"#);
    bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::close(1008, "not allowed")));
}

#[test]
fn closing_three_accepted_connections_with_code_1008_is_a_refusal() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        refuse_after_upgrade(&mut bench);
        assert_eq!(bench.last_error(), ErrorKind::ClosedByServer { code: Some(1008) });
    }
    refuse_after_upgrade(&mut bench);
    assert_eq!((bench.last_error(), bench.link.is_closed()), (ErrorKind::Refused, true));
    let Some(Item::Closed(Closed::Failed(error))) = bench.items.last() else { panic!() };
    assert!(error.to_string().contains("1008: not allowed"), "{error}");

    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.lose_connection();
    let start = bench.now;
    let mut count = 0;
    while !bench.link.is_closed() {
        refuse_after_upgrade(&mut bench);
        count += 1;
    }
    assert!(bench.now - start >= 15 * MINUTE && count > 20, "{count} in {:?}", bench.now - start);
    let Some(Item::Disconnected(last)) =
        bench.items.iter().rev().find(|item| matches!(item, Item::Disconnected(_)))
    else {
        panic!()
    };
    assert_eq!((last.error.kind(), last.refusals.unwrap().count), (ErrorKind::Refused, count - 1));
}

#[test]
fn a_stable_connection_without_data_resets_earlier_refusals() {
    let mut now = test_start();
    let mut wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
    let engine = engine(Settings::default(), &["wss://one/ws"]);
    let mut link = SingleLink::new(engine, PrivateStream::UserTrades, now, wall);
    for minutes in [0, 0, 60] {
        while !matches!(link.poll_action(now, wall), Some(Action::Dial(_))) {
            now += SECOND;
            wall += SECOND;
        }
        link.handle_connected(now, wall);
        for _ in 0..minutes * 3 {
            now += 20 * SECOND;
            wall += 20 * SECOND;
            link.handle_frame(now, wall, Frame::Ping(Bytes::new()));
        }
        link.handle_frame(now, wall, Frame::close(1008, "restart"));
    }
    assert!(!link.is_closed());
}
