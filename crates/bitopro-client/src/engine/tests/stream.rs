use std::time::Duration;

use bitopro_transport::Frame;
use bytes::Bytes;

use super::{Bench, SECOND, SingleLink, WALL_MS, name};
use crate::engine::Action;
use crate::engine::dialer::unix_ms;
use crate::item::{Closed, GapReason, Item};
use crate::samples::balance;
use crate::{ErrorKind, Settings};

#[test]
fn the_first_data_message_is_the_snapshot_and_the_others_are_updates() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.receive_text(&balance("2", 11));
    bench.receive_text(&balance("2", 11));
    assert_eq!(bench.take_names(), ["connected", "snapshot", "update", "update"]);
}

#[test]
fn a_reconnect_emits_a_gap_with_both_edges_before_its_snapshot() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.receive_text(&balance("2", 11));
    bench.advance(5 * SECOND);
    bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::Ping(vec![].into())));
    bench.advance(3 * SECOND);
    bench.lose_connection();
    assert!(bench.is_disconnected());
    bench.connect_with_snapshot("3", 20);
    let reconnected_at = unix_ms(bench.wall);
    bench.advance(SECOND);
    let items = std::mem::take(&mut bench.items);
    let names: Vec<_> = items.iter().map(name).collect();
    assert_eq!(names, ["connected", "snapshot", "update", "disconnected", "connected", "gap", "snapshot"]);
    let Item::Gap(gap) = &items[5] else { panic!("{items:?}") };
    let GapReason::Reconnected { since, until } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(since.as_millis(), i64::try_from(WALL_MS).unwrap() + 5_000, "the gap starts at the last ping");
    assert_eq!(until.as_millis(), reconnected_at);
    assert_eq!(gap.before.as_ref().map(|edge| edge.timestamp.as_millis()), Some(11));
    assert_eq!(gap.after.as_ref().map(|edge| edge.timestamp.as_millis()), Some(20));
}

/// The machine sleeps while it is connected: its wall clock advances, its monotonic clock does not.
#[test]
fn the_edges_of_a_gap_are_correct_after_a_sleep() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.wall += 600 * SECOND;
    bench.advance(3 * SECOND);
    bench.lose_connection();
    bench.connect_with_snapshot("2", 20);
    let items = std::mem::take(&mut bench.items);
    let Some(Item::Gap(gap)) = items.iter().find(|item| name(item) == "gap") else { panic!("{items:?}") };
    let GapReason::Reconnected { since, until } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(since.as_millis(), i64::try_from(WALL_MS).unwrap());
    assert_eq!(until.as_millis(), unix_ms(bench.wall));
    assert!(until.as_millis() - since.as_millis() >= 600_000);
}

#[test]
fn a_gap_does_not_end_before_it_starts_if_the_clock_is_set_back() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.lose_connection();
    bench.wall -= 3_600 * SECOND;
    bench.connect_with_snapshot("2", 20);
    let items = std::mem::take(&mut bench.items);
    let Some(Item::Gap(gap)) = items.iter().find(|item| name(item) == "gap") else { panic!("{items:?}") };
    let GapReason::Reconnected { since, until } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(since, until);
}

#[test]
fn a_gap_before_an_unreadable_snapshot_is_emitted_before_the_next_update() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 1);
    bench.lose_connection();
    bench.connect();
    bench.take_names();
    bench.receive_text("{");
    bench.receive_text(&balance("5", 5));
    assert_eq!(bench.take_names(), ["malformed", "gap", "update"]);
    bench.lose_connection();
    bench.connect_with_snapshot("9", 9);
    let items = std::mem::take(&mut bench.items);
    let Some(Item::Gap(gap)) = items.iter().find(|item| name(item) == "gap") else { panic!("{items:?}") };
    assert_eq!(gap.before.as_ref().map(|edge| edge.timestamp.as_millis()), Some(5));
}

#[test]
fn a_gap_over_several_connections_is_emitted_once() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    for _ in 0..3 {
        bench.lose_connection();
        bench.connect();
    }
    bench.receive_text(&balance("2", 20));
    bench.receive_text(&balance("3", 21));
    assert_eq!(bench.take_names().iter().filter(|name| **name == "gap").count(), 1);
}

#[test]
fn there_is_no_gap_before_the_first_event() {
    let mut bench = Bench::new();
    bench.connect();
    bench.lose_connection();
    bench.connect_with_snapshot("1", 10);
    assert_eq!(bench.take_names(), ["connected", "disconnected", "connected", "snapshot"]);
}

#[test]
fn fault_32_an_unreadable_message_is_an_item_and_the_connection_remains_open() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    for text in ["", "{", "[]", r#"{"event":"ACCOUNT_BALANCE"}"#, &balance("7", 3).replacen('7', "1e5", 1)] {
        bench.receive_text(text);
        let Some(Item::Malformed(malformed)) = bench.items.last() else { panic!("{:?}", bench.items) };
        assert_eq!(malformed.raw, text.as_bytes());
    }
    bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::Binary(vec![1, 2].into())));
    bench.receive_text(&balance("2", 11));
    assert_eq!(bench.items.len(), 9);
    assert!(matches!(bench.items.last(), Some(Item::Update(_))));
    assert!(bench.link.is_open());
}

#[test]
fn fault_32_an_unreadable_snapshot_is_not_replaced_by_the_next_update() {
    let mut bench = Bench::new();
    bench.connect();
    bench.receive_text("{");
    bench.receive_text(&balance("1", 10));
    assert_eq!(bench.take_names(), ["connected", "malformed", "update"]);
    bench.advance(10 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::NoSnapshot);
    assert!(bench.is_disconnected());
}

#[test]
fn fault_31_an_unknown_event_is_an_item_but_not_the_snapshot() {
    let mut bench = Bench::new();
    bench.connect();
    bench.receive_text(r#"{"event":"MARGIN_BALANCE_INFO","data":[]}"#);
    bench.receive_text(&balance("1", 10));
    assert_eq!(bench.take_names(), ["connected", "unknown", "snapshot"]);
}

#[test]
fn fault_28_a_missing_snapshot_ends_the_connection_even_if_pings_arrive() {
    let mut bench = Bench::new();
    bench.connect();
    for _ in 0..9 {
        bench.advance(SECOND);
        bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::Ping(vec![].into())));
    }
    assert!(bench.link.is_open());
    bench.advance(SECOND);
    assert_eq!(bench.last_error(), ErrorKind::NoSnapshot);
}

#[test]
fn pings_alone_keep_a_connection_open_after_its_snapshot() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    for _ in 0..1_000 {
        bench.advance(29 * SECOND);
        bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::Ping(vec![].into())));
    }
    assert_eq!(bench.take_names(), ["connected", "snapshot"]);
}

#[test]
fn silence_ends_the_connection_exactly_at_the_idle_limit() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.advance(20 * SECOND);
    bench.receive_text(&balance("2", 11));
    bench.advance(Duration::from_millis(29_999));
    assert!(bench.link.is_open());
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Idle);
    assert!(bench.is_disconnected());
}

#[test]
fn a_close_by_the_server_leads_to_a_redial() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::close(1001, "going\naway")));
    assert_eq!(bench.last_error(), ErrorKind::ClosedByServer { code: Some(1001) });
    let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
    assert_eq!(
        disconnected.error.to_string(),
        "the server closed the connection with code 1001: going\\naway"
    );
    bench.connect_with_snapshot("2", 20);
    assert_eq!(bench.nonces.len(), 2);
}

/// No peer may send these codes. A connector may use them for a connection that ended without a code.
#[test]
fn a_close_code_that_cannot_be_sent_is_not_reported_as_sent() {
    for code in [1005, 1006, 1015] {
        let mut bench = Bench::new();
        bench.connect_with_snapshot("1", 10);
        bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::close(code, "")));
        assert_eq!(bench.last_error(), ErrorKind::ClosedByServer { code: None });
        let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
        assert_eq!(disconnected.error.to_string(), "the server closed the connection");
    }
}

#[test]
fn the_idle_limit_also_applies_before_the_snapshot() {
    let settings = Settings { snapshot_deadline: 100 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    bench.connect();
    bench.advance(30 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::Idle);
}

#[test]
fn a_loss_of_a_closing_connection_completes_the_close() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.step(SingleLink::handle_close);
    bench.lose_connection();
    assert!(bench.link.is_closed());
    assert!(matches!(bench.items.last(), Some(Item::Closed(Closed::Requested))));
}

#[test]
fn a_close_sends_a_close_frame_and_waits_at_most_for_the_close_deadline() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.step(SingleLink::handle_close);
    assert!(
        matches!(bench.actions.last(), Some(Action::Send(Frame::Close(Some(close)))) if close.code == 1000)
    );
    let mut answered = Bench::new();
    std::mem::swap(&mut bench, &mut answered);
    answered.step(|link, now, wall| link.handle_frame(now, wall, Frame::close(1000, "")));
    assert!(answered.link.is_closed() && answered.is_disconnected());

    bench.connect_with_snapshot("1", 10);
    bench.step(SingleLink::handle_close);
    bench.receive_text(&balance("2", 11));
    bench.advance(Duration::from_millis(1_999));
    bench.step(SingleLink::handle_timeout);
    assert!(!bench.link.is_closed() && !bench.is_disconnected());
    bench.advance(Duration::from_millis(1));
    assert!(bench.link.is_closed() && bench.is_disconnected());
    assert_eq!(bench.take_names(), ["connected", "snapshot", "closed"]);
}

#[test]
fn a_close_without_a_connection_is_immediate() {
    let mut dialing = Bench::new();
    let mut waiting = Bench::new();
    waiting.fail_dial_on_network();
    for bench in [&mut dialing, &mut waiting] {
        bench.step(SingleLink::handle_close);
        assert!(bench.link.is_closed() && bench.is_disconnected());
        assert!(matches!(bench.items.last(), Some(Item::Closed(Closed::Requested))));
    }
}

#[test]
fn a_resync_opens_a_new_connection() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.step(SingleLink::handle_resync);
    assert_eq!(bench.last_error(), ErrorKind::Resync);
    bench.connect_with_snapshot("2", 20);
    assert_eq!(bench.take_names(), ["connected", "snapshot", "disconnected", "connected", "gap", "snapshot"]);
}

#[test]
fn a_resync_is_not_a_failure() {
    let settings = Settings { retry_limit: Some(1), ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    bench.connect_with_snapshot("1", 10);
    for _ in 0..5 {
        bench.advance(SECOND);
        bench.step(SingleLink::handle_resync);
        let (_, waited) = bench.wait_for_dial();
        assert_eq!(waited, Duration::ZERO);
        bench.step(SingleLink::handle_connected);
        bench.receive_text(&balance("1", 11));
    }
    assert!(bench.link.is_open());
    bench.lose_connection();
    assert!(bench.link.is_closed(), "the loss of a connection is a failure");
}

#[test]
fn events_of_an_old_connection_are_ignored() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.lose_connection();
    bench.take_names();
    bench.receive_text(&balance("2", 11));
    bench.lose_connection();
    bench.step(SingleLink::handle_connected);
    assert_eq!(bench.take_names(), [""; 0]);
}

#[test]
fn debug_output_contains_no_secrets() {
    let mut bench = Bench::new();
    bench.refuse_dial(401, &[]);
    let shown = format!(
        "{:?} {:#?} {:?} {:?}",
        bench.link.engine, bench.link.engine.subscribers, bench.actions, bench.items
    );
    for secret in ["s3cr3t", "k3y", "me@example.com", "eyJ"] {
        assert!(!shown.contains(secret), "found {secret} in {shown}");
    }
}

#[test]
fn fault_53_a_gap_starts_at_the_first_loss_even_if_later_connections_are_lost_before_their_snapshots() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.advance(SECOND);
    bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::Ping(Bytes::new())));
    let lost = u64::try_from(unix_ms(bench.wall)).unwrap();
    bench.lose_connection();
    for _ in 0..2 {
        bench.connect();
        bench.advance(SECOND);
        bench.lose_connection();
    }
    bench.take_names();
    bench.connect_with_snapshot("2", 20);
    let gaps: Vec<_> = bench.items.iter().filter(|item| matches!(item, Item::Gap(_))).collect();
    let [Item::Gap(gap)] = gaps[..] else { panic!("{gaps:?}") };
    let GapReason::Reconnected { since, .. } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(u64::try_from(since.as_millis()).unwrap(), lost);
    assert_eq!(gap.before.as_ref().unwrap().timestamp.as_millis(), 10);
}

#[test]
fn an_echoed_key_in_a_close_reason_is_redacted() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::close(1001, "bye k3y")));
    let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
    assert!(disconnected.error.to_string().ends_with("1001: bye (redacted)"), "{}", disconnected.error);
}

#[test]
fn automatic_resyncs_are_at_least_30_seconds_apart() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.step(|link, now, wall| link.handle_snapshot_request(now, wall, "first request"));
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Resync);

    bench.connect_with_snapshot("2", 20);
    bench.take_names();
    bench.step(|link, now, wall| link.handle_snapshot_request(now, wall, "second request"));
    bench.advance(20 * SECOND);
    bench.receive_text(&balance("2", 21));
    assert_eq!(bench.take_names(), ["update"]);
    bench.advance(10 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::Resync);

    bench.connect_with_snapshot("3", 30);
    bench.step(|link, now, wall| {
        link.handle_snapshot_request(now, wall, "unnecessary after a new connection");
    });
    bench.lose_connection();
    bench.connect_with_snapshot("4", 40);
    bench.take_names();
    bench.advance(29 * SECOND);
    assert_eq!(bench.take_names(), [""; 0]);
}

#[test]
fn a_resync_of_a_stable_connection_resets_the_backoff() {
    let mut bench = Bench::new();
    for _ in 0..8 {
        bench.connect_with_snapshot("1", 10);
        bench.lose_connection();
    }
    bench.connect_with_snapshot("1", 10);
    bench.advance(20 * SECOND);
    bench.receive_text(&balance("1", 11));
    bench.advance(20 * SECOND);
    bench.step(SingleLink::handle_resync);
    bench.connect_with_snapshot("1", 12);
    bench.lose_connection();
    let delay = bench.link.poll_timeout().unwrap() - bench.now;
    // The dial spacing may be added.
    assert!(delay <= SECOND + Duration::from_millis(100), "{delay:?}");
}
