use std::time::Duration;

use bitopro_transport::Frame;
use bytes::Bytes;

use super::{Bench, SECOND, Session, WALL_MS, name};
use crate::engine::Action;
use crate::engine::dialer::unix_ms;
use crate::item::{Closed, GapReason, Item};
use crate::samples::balance;
use crate::{ErrorKind, Settings};

#[test]
fn the_first_data_is_the_snapshot_and_the_rest_are_updates() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.text(&balance("2", 11));
    bench.text(&balance("2", 11));
    assert_eq!(bench.names(), ["connected", "snapshot", "update", "update"]);
}

#[test]
fn a_reconnect_tells_the_gap_with_both_edges_before_its_snapshot() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.text(&balance("2", 11));
    bench.pass(5 * SECOND);
    bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::Ping(vec![].into())));
    bench.pass(3 * SECOND);
    bench.lose();
    assert!(bench.is_disconnected());
    bench.settle("3", 20);
    let until = unix_ms(bench.wall);
    bench.pass(SECOND);
    let items = std::mem::take(&mut bench.items);
    let names: Vec<_> = items.iter().map(name).collect();
    assert_eq!(names, ["connected", "snapshot", "update", "disconnected", "connected", "gap", "snapshot"]);
    let Item::Gap(gap) = &items[5] else { panic!("{items:?}") };
    let GapReason::Reconnected { since, until: told_until } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(since.as_millis(), i64::try_from(WALL_MS).unwrap() + 5_000, "the last ping");
    assert_eq!(told_until.as_millis(), until);
    assert_eq!(gap.before.as_ref().map(|edge| edge.timestamp.as_millis()), Some(11));
    assert_eq!(gap.after.as_ref().map(|edge| edge.timestamp.as_millis()), Some(20));
}

/// The machine slept while it was connected: its clock went on, and its deadlines did not.
#[test]
fn a_gap_s_edges_are_right_over_the_machine_s_sleep() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.wall += 600 * SECOND;
    bench.pass(3 * SECOND);
    bench.lose();
    bench.settle("2", 20);
    let items = std::mem::take(&mut bench.items);
    let Some(Item::Gap(gap)) = items.iter().find(|item| name(item) == "gap") else { panic!("{items:?}") };
    let GapReason::Reconnected { since, until } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(since.as_millis(), i64::try_from(WALL_MS).unwrap());
    assert_eq!(until.as_millis(), unix_ms(bench.wall));
    assert!(until.as_millis() - since.as_millis() >= 600_000);
}

#[test]
fn a_gap_whose_clock_was_set_back_does_not_end_before_it_began() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.lose();
    bench.wall -= 3_600 * SECOND;
    bench.settle("2", 20);
    let items = std::mem::take(&mut bench.items);
    let Some(Item::Gap(gap)) = items.iter().find(|item| name(item) == "gap") else { panic!("{items:?}") };
    let GapReason::Reconnected { since, until } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(since, until);
}

#[test]
fn a_gap_before_a_snapshot_that_cannot_be_read_is_told_before_what_follows() {
    let mut bench = Bench::new();
    bench.settle("1", 1);
    bench.lose();
    bench.connect();
    bench.names();
    bench.text("{");
    bench.text(&balance("5", 5));
    assert_eq!(bench.names(), ["malformed", "gap", "update"]);
    bench.lose();
    bench.settle("9", 9);
    let items = std::mem::take(&mut bench.items);
    let Some(Item::Gap(gap)) = items.iter().find(|item| name(item) == "gap") else { panic!("{items:?}") };
    assert_eq!(gap.before.as_ref().map(|edge| edge.timestamp.as_millis()), Some(5));
}

#[test]
fn a_gap_over_several_connections_is_told_once() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    for _ in 0..3 {
        bench.lose();
        bench.connect();
    }
    bench.text(&balance("2", 20));
    bench.text(&balance("3", 21));
    assert_eq!(bench.names().iter().filter(|name| **name == "gap").count(), 1);
}

#[test]
fn nothing_was_missed_before_the_first_event() {
    let mut bench = Bench::new();
    bench.connect();
    bench.lose();
    bench.settle("1", 10);
    assert_eq!(bench.names(), ["connected", "disconnected", "connected", "snapshot"]);
}

#[test]
fn fault_32_a_message_that_cannot_be_read_is_an_item_and_the_connection_lives() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    for text in ["", "{", "[]", r#"{"event":"ACCOUNT_BALANCE"}"#, &balance("7", 3).replacen('7', "1e5", 1)] {
        bench.text(text);
        let Some(Item::Malformed(malformed)) = bench.items.last() else { panic!("{:?}", bench.items) };
        assert_eq!(malformed.raw, text.as_bytes());
    }
    bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::Binary(vec![1, 2].into())));
    bench.text(&balance("2", 11));
    assert_eq!(bench.items.len(), 9);
    assert!(matches!(bench.items.last(), Some(Item::Update(_))));
    assert!(bench.session.is_open());
}

#[test]
fn fault_32_a_snapshot_that_cannot_be_read_is_not_replaced_by_the_next_update() {
    let mut bench = Bench::new();
    bench.connect();
    bench.text("{");
    bench.text(&balance("1", 10));
    assert_eq!(bench.names(), ["connected", "malformed", "update"]);
    bench.pass(10 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::NoSnapshot);
    assert!(bench.is_disconnected());
}

#[test]
fn fault_31_an_unknown_event_is_carried_and_is_no_snapshot() {
    let mut bench = Bench::new();
    bench.connect();
    bench.text(r#"{"event":"MARGIN_BALANCE_INFO","data":[]}"#);
    bench.text(&balance("1", 10));
    assert_eq!(bench.names(), ["connected", "unknown", "snapshot"]);
}

#[test]
fn fault_28_a_snapshot_that_never_comes_ends_the_connection_although_pings_flow() {
    let mut bench = Bench::new();
    bench.connect();
    for _ in 0..9 {
        bench.pass(SECOND);
        bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::Ping(vec![].into())));
    }
    assert!(bench.session.is_open());
    bench.pass(SECOND);
    assert_eq!(bench.last_error(), ErrorKind::NoSnapshot);
}

#[test]
fn pings_alone_keep_a_settled_connection_for_ever() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    for _ in 0..1_000 {
        bench.pass(29 * SECOND);
        bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::Ping(vec![].into())));
    }
    assert_eq!(bench.names(), ["connected", "snapshot"]);
}

#[test]
fn silence_ends_the_connection_exactly_at_the_idle_limit() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.pass(20 * SECOND);
    bench.text(&balance("2", 11));
    bench.pass(Duration::from_millis(29_999));
    assert!(bench.session.is_open());
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Idle);
    assert!(bench.is_disconnected());
}

#[test]
fn a_close_by_the_server_leads_to_a_redial() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::close(1001, "going\naway")));
    assert_eq!(bench.last_error(), ErrorKind::ClosedByServer { code: Some(1001) });
    let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
    assert_eq!(
        disconnected.error.to_string(),
        "the exchange closed the connection with code 1001: going\\naway"
    );
    bench.settle("2", 20);
    assert_eq!(bench.nonces.len(), 2);
}

#[test]
fn silence_is_noticed_before_the_snapshot_too() {
    let settings = Settings { snapshot_deadline: 100 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    bench.connect();
    bench.pass(30 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::Idle);
}

#[test]
fn a_connection_that_is_lost_while_it_closes_is_closed() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(Session::handle_close);
    bench.lose();
    assert!(bench.session.is_closed());
    assert!(matches!(bench.items.last(), Some(Item::Closed(Closed::Requested))));
}

#[test]
fn a_close_is_polite_and_bounded() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(Session::handle_close);
    assert!(
        matches!(bench.actions.last(), Some(Action::Send(Frame::Close(Some(close)))) if close.code == 1000)
    );
    let mut answered = Bench::new();
    std::mem::swap(&mut bench, &mut answered);
    answered.step(|session, now, wall| session.handle_frame(now, wall, Frame::close(1000, "")));
    assert!(answered.session.is_closed() && answered.is_disconnected());

    bench.settle("1", 10);
    bench.step(Session::handle_close);
    bench.text(&balance("2", 11));
    bench.pass(Duration::from_millis(1_999));
    bench.step(Session::handle_timeout);
    assert!(!bench.session.is_closed() && !bench.is_disconnected());
    bench.pass(Duration::from_millis(1));
    assert!(bench.session.is_closed() && bench.is_disconnected());
    assert_eq!(bench.names(), ["connected", "snapshot", "closed"]);
}

#[test]
fn a_close_before_there_is_a_connection_is_at_once() {
    let mut dialing = Bench::new();
    let mut waiting = Bench::new();
    waiting.fail_network();
    for bench in [&mut dialing, &mut waiting] {
        bench.step(Session::handle_close);
        assert!(bench.session.is_closed() && bench.is_disconnected());
        assert!(matches!(bench.items.last(), Some(Item::Closed(Closed::Requested))));
    }
}

#[test]
fn a_resync_is_a_new_connection() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(Session::handle_resync);
    assert_eq!(bench.last_error(), ErrorKind::Resync);
    bench.settle("2", 20);
    assert_eq!(bench.names(), ["connected", "snapshot", "disconnected", "connected", "gap", "snapshot"]);
}

#[test]
fn a_resync_is_no_failure() {
    let settings = Settings { retry_limit: Some(1), ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    bench.settle("1", 10);
    for _ in 0..5 {
        bench.pass(SECOND);
        bench.step(Session::handle_resync);
        let (_, waited) = bench.wait_for_dial();
        assert_eq!(waited, Duration::ZERO);
        bench.step(Session::handle_connected);
        bench.text(&balance("1", 11));
    }
    assert!(bench.session.is_open());
    bench.lose();
    assert!(bench.session.is_closed(), "a loss is one");
}

#[test]
fn what_comes_from_an_old_connection_is_ignored() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.lose();
    bench.names();
    bench.text(&balance("2", 11));
    bench.lose();
    bench.step(Session::handle_connected);
    assert_eq!(bench.names(), [""; 0]);
}

#[test]
fn nothing_of_a_session_shows_a_secret() {
    let mut bench = Bench::new();
    bench.refuse(401, &[]);
    let shown = format!(
        "{:?} {:#?} {:?} {:?}",
        bench.session.engine, bench.session.engine.subscribers, bench.actions, bench.items
    );
    for secret in ["s3cr3t", "k3y", "me@example.com", "eyJ"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn fault_53_a_gap_begins_at_the_first_loss_although_connections_are_lost_before_their_snapshots() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.pass(SECOND);
    bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::Ping(Bytes::new())));
    let lost = u64::try_from(unix_ms(bench.wall)).unwrap();
    bench.lose();
    for _ in 0..2 {
        bench.connect();
        bench.pass(SECOND);
        bench.lose();
    }
    bench.names();
    bench.settle("2", 20);
    let gaps: Vec<_> = bench.items.iter().filter(|item| matches!(item, Item::Gap(_))).collect();
    let [Item::Gap(gap)] = gaps[..] else { panic!("{gaps:?}") };
    let GapReason::Reconnected { since, .. } = gap.reason else { panic!("{gap:?}") };
    assert_eq!(u64::try_from(since.as_millis()).unwrap(), lost);
    assert_eq!(gap.before.as_ref().unwrap().timestamp.as_millis(), 10);
}

#[test]
fn a_close_reason_that_echoes_the_key_does_not_show_it() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(|session, now, wall| session.handle_frame(now, wall, Frame::close(1001, "bye k3y")));
    let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
    assert!(disconnected.error.to_string().ends_with("1001: bye (redacted)"), "{}", disconnected.error);
}

#[test]
fn fresh_snapshots_that_no_subscriber_requested_keep_their_distance() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(|session, now, wall| session.handle_snapshot_request(now, wall, "once"));
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Resync);

    bench.settle("2", 20);
    bench.names();
    bench.step(|session, now, wall| session.handle_snapshot_request(now, wall, "twice"));
    bench.pass(20 * SECOND);
    bench.text(&balance("2", 21));
    assert_eq!(bench.names(), ["update"]);
    bench.pass(10 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::Resync);

    bench.settle("3", 30);
    bench.step(|session, now, wall| {
        session.handle_snapshot_request(now, wall, "a new connection makes it unnecessary");
    });
    bench.lose();
    bench.settle("4", 40);
    bench.names();
    bench.pass(29 * SECOND);
    assert_eq!(bench.names(), [""; 0]);
}

#[test]
fn a_resync_of_a_connection_that_has_proved_itself_begins_small_again() {
    let mut bench = Bench::new();
    for _ in 0..8 {
        bench.settle("1", 10);
        bench.lose();
    }
    bench.settle("1", 10);
    bench.pass(20 * SECOND);
    bench.text(&balance("1", 11));
    bench.pass(20 * SECOND);
    bench.step(Session::handle_resync);
    bench.settle("1", 12);
    bench.lose();
    let delay = bench.session.poll_timeout().unwrap() - bench.now;
    // The spacing of dials may be on top.
    assert!(delay <= SECOND + Duration::from_millis(100), "{delay:?}");
}
