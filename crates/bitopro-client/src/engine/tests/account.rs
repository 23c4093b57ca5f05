//! The rules that connect the streams of an account, on a virtual clock.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::{PrivateStream, Stream};
use bitopro_transport::{self as transport, Frame};
use http::StatusCode;

use super::{SECOND, WALL_MS, engine};
use crate::Settings;
use crate::account::{Change, Changes, CurrentAccount};
use crate::engine::{Action, Engine, LinkId, SubscriberId};
use crate::samples::{active, balance, history, order, text};
use crate::system::test_start;

const ACTIVE: PrivateStream = PrivateStream::ActiveOrders;
const HISTORY: PrivateStream = PrivateStream::HistoryOrders;

/// An engine with one account on a virtual clock.
struct AccountBench {
    engine: Engine,
    subscriber: SubscriberId,
    now: Instant,
    wall: SystemTime,
}

impl AccountBench {
    /// Creates an account whose streams are connected and have sent their snapshots, without any orders.
    fn connected(settings: Settings) -> Self {
        let mut engine = engine(settings, &["wss://one/ws"]);
        let (now, wall) = (test_start(), SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS));
        let subscriber = engine.subscribe(now, wall, PrivateStream::ALL);
        let mut bench = Self { engine, subscriber, now, wall };
        bench.connect(4);
        bench.receive_snapshots();
        assert!(bench.current().is_fresh());
        bench
    }

    fn link(&self, stream: PrivateStream) -> LinkId {
        LinkId { subscriber: self.subscriber, stream: stream.into() }
    }

    /// Accepts the next dials. Returns the streams in the order of their dials.
    fn connect(&mut self, count: usize) -> Vec<Stream> {
        let mut dialed = Vec::new();
        while dialed.len() < count {
            match self.engine.poll_action(self.now, self.wall) {
                Some((link, Action::Dial(_))) => {
                    self.engine.handle_connected(self.now, self.wall, link);
                    dialed.push(link.stream);
                }
                Some(_) => {}
                None => self.advance_to_timeout(),
            }
        }
        dialed
    }

    /// Fails the next dials with this status, or on the network if it is `None`.
    fn fail_dials(&mut self, count: usize, status: Option<u16>) {
        let mut failed = 0;
        while failed < count {
            match self.engine.poll_action(self.now, self.wall) {
                Some((link, Action::Dial(_))) => {
                    let error = match status.map(|status| StatusCode::from_u16(status).unwrap()) {
                        Some(status) => transport::Error::refused(transport::Refusal::new(status)),
                        None => transport::Error::new(transport::ErrorKind::Connect, "no route"),
                    };
                    self.engine.handle_dial_failed(self.now, self.wall, link, error);
                    failed += 1;
                }
                Some(_) => {}
                None => self.advance_to_timeout(),
            }
        }
    }

    fn advance_to_timeout(&mut self) {
        let next = self.engine.poll_timeout().unwrap();
        self.wall += next.saturating_duration_since(self.now);
        self.now = self.now.max(next);
        self.engine.handle_timeout(self.now, self.wall);
    }

    fn receive_text(&mut self, stream: PrivateStream, text: &str) {
        self.engine.handle_frame(self.now, self.wall, self.link(stream), Frame::text(text));
    }

    /// Receives orders with these ids, statuses and executed amounts.
    fn receive_orders(&mut self, stream: PrivateStream, orders: &[(&str, i64, &str)]) {
        let orders = orders.iter().map(|(id, status, executed)| order(id, *status, executed, 1));
        self.receive_text(
            stream,
            &if stream == HISTORY { text(&history(orders)) } else { text(&active(orders)) },
        );
    }

    fn receive_snapshots(&mut self) {
        self.receive_orders(HISTORY, &[]);
        self.receive_orders(ACTIVE, &[]);
        self.receive_text(PrivateStream::AccountBalance, &balance("1", 1));
    }

    fn lose_connection(&mut self, stream: PrivateStream) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "connection lost");
        self.engine.handle_lost(self.now, self.wall, self.link(stream), error);
    }

    fn current(&self) -> CurrentAccount {
        self.engine.current(self.now, self.wall, self.subscriber)
    }

    /// Returns the ids of the open orders, and whether they are fresh.
    fn open_orders(&self) -> (Vec<String>, bool) {
        let open = self.current().open_orders.unwrap();
        (open.state().iter().map(|order| order.id.to_string()).collect(), !open.is_stale())
    }

    /// Reads all items, and applies their changes to the set of open orders. Returns whether the last change
    /// was not across a gap.
    fn apply_changes(&mut self, changes: &mut Changes, open: &mut BTreeSet<String>) -> bool {
        let mut is_fresh = true;
        while let Some(item) = self.engine.poll_item(self.subscriber) {
            for change in changes.apply(&item) {
                match change {
                    Change::Balance(_) | Change::OrderTriggered(_) => {}
                    Change::OrderOpened(change) | Change::OrderPartiallyFilled(change) => {
                        open.insert(change.order.id.to_string());
                        is_fresh = !change.across_gap;
                    }
                    Change::OrderFilled(change)
                    | Change::OrderClosedPartiallyFilled(change)
                    | Change::OrderCancelled(change)
                    | Change::OrderRejectedPostOnly(change)
                    | Change::OrderMissing(change) => {
                        open.remove(change.order.id.as_str());
                        is_fresh = !change.across_gap;
                    }
                }
            }
        }
        is_fresh
    }
}

#[test]
fn the_history_is_dialled_before_the_open_orders_even_after_an_outage() {
    for status in [None, Some(404), Some(502)] {
        for failures in 0..10 {
            let mut bench = AccountBench::connected(Settings::default());
            for stream in PrivateStream::ALL {
                bench.lose_connection(*stream);
            }
            bench.fail_dials(failures, status);
            let dialed = bench.connect(4);
            let position = |stream| dialed.iter().position(|dialed| *dialed == stream).unwrap();
            assert!(position(HISTORY) < position(ACTIVE), "{failures} failures: {dialed:?}");
            bench.receive_snapshots();
            assert!(bench.current().is_fresh(), "no further snapshot of the open orders is needed");
        }
    }
}

#[test]
fn a_history_that_fails_alone_does_not_stop_the_open_orders() {
    let mut bench = AccountBench::connected(Settings::default());
    for stream in PrivateStream::ALL {
        bench.lose_connection(*stream);
    }
    let mut dialed = Vec::new();
    while dialed.len() < 3 {
        match bench.engine.poll_action(bench.now, bench.wall) {
            Some((link, Action::Dial(_))) if link.stream == HISTORY => {
                let refusal = transport::Refusal::new(StatusCode::NOT_FOUND);
                bench.engine.handle_dial_failed(
                    bench.now,
                    bench.wall,
                    link,
                    transport::Error::refused(refusal),
                );
            }
            Some((link, Action::Dial(_))) => {
                bench.engine.handle_connected(bench.now, bench.wall, link);
                dialed.push(link.stream);
            }
            Some(_) => {}
            None => bench.advance_to_timeout(),
        }
    }
    assert!(dialed.contains(&ACTIVE.into()), "{dialed:?}");
}

#[test]
fn after_two_short_outages_the_streams_reconnect_within_seconds() {
    let mut bench = AccountBench::connected(Settings::default());
    // A deploy for 10 s, and a restart for 10 s half a minute later.
    for (status, pause) in [(Some(404), 25 * SECOND), (None, SECOND)] {
        for stream in PrivateStream::ALL {
            bench.lose_connection(*stream);
        }
        let end = bench.now + 10 * SECOND;
        while bench.now < end {
            bench.fail_dials(1, status);
        }
        let begin = bench.now;
        bench.connect(4);
        let duration = bench.now - begin;
        assert!(duration < 30 * SECOND, "{status:?}: {duration:?}");
        bench.receive_snapshots();
        bench.now += pause;
        bench.wall += pause;
    }
}

#[test]
fn the_first_dial_after_a_loss_leaves_no_reserve_for_the_others() {
    // With the first connections, 12 of the 15 dials that are allowed immediately.
    let mut bench = AccountBench::connected(Settings::default());
    for _ in 0..3 {
        let lost_at = bench.now;
        for stream in PrivateStream::ALL {
            bench.lose_connection(*stream);
        }
        bench.connect(1);
        assert!(bench.now - lost_at < 5 * SECOND);
        bench.connect(3);
        bench.receive_snapshots();
    }
}

#[test]
fn a_reconnect_of_the_history_makes_the_open_orders_stale_until_their_next_snapshot() {
    let mut bench = AccountBench::connected(Settings::default());
    bench.receive_orders(ACTIVE, &[("1", 0, "0")]);
    bench.lose_connection(HISTORY);
    assert_eq!(
        bench.open_orders(),
        (vec!["1".to_owned()], false),
        "only the history may report that an order has closed"
    );
    assert_eq!(bench.connect(1), [HISTORY]);
    bench.receive_orders(HISTORY, &[]);
    assert!(!bench.open_orders().1);
    assert_eq!(bench.connect(1), [ACTIVE], "a new snapshot is requested");
    bench.receive_orders(ACTIVE, &[]);
    assert_eq!(bench.open_orders(), (Vec::new(), true));
}

#[test]
fn an_order_that_the_history_closes_during_the_dial_of_the_open_orders_remains_closed() {
    let mut bench = AccountBench::connected(Settings::default());
    bench.receive_orders(ACTIVE, &[("1", 0, "0"), ("2", 0, "0")]);
    bench.receive_orders(HISTORY, &[("1", 4, "0")]);
    bench.lose_connection(ACTIVE);
    let link = loop {
        match bench.engine.poll_action(bench.now, bench.wall) {
            Some((link, Action::Dial(_))) => break link,
            Some(_) => {}
            None => bench.advance_to_timeout(),
        }
    };
    bench.receive_orders(HISTORY, &[("2", 4, "0")]);
    bench.engine.handle_connected(bench.now, bench.wall, link);
    bench.receive_orders(ACTIVE, &[("1", 0, "0"), ("2", 0, "0")]);
    assert_eq!(
        bench.open_orders(),
        (vec!["1".to_owned()], true),
        "the snapshot overrides only what was known before the dial"
    );
    let (mut changes, mut open) = (bench.engine.changes(), BTreeSet::new());
    bench.apply_changes(&mut changes, &mut open);
    assert_eq!(open.into_iter().collect::<Vec<_>>(), ["1"], "the changes lead to the same state");
}

#[test]
fn changes_after_a_merged_contradiction_are_across_a_gap() {
    let mut bench = AccountBench::connected(Settings { queue_capacity: 3, ..Settings::default() });
    let (mut changes, mut open) = (bench.engine.changes(), BTreeSet::new());
    bench.apply_changes(&mut changes, &mut open);
    for executed in ["0.1", "0.2", "0.3", "0.4", "0.25"] {
        bench.receive_orders(ACTIVE, &[("1", 1, executed)]);
    }
    assert!(!bench.open_orders().1, "the last update reverses progress");
    bench.apply_changes(&mut changes, &mut open);
    bench.receive_orders(ACTIVE, &[("1", 1, "0.50")]);
    assert!(
        !bench.apply_changes(&mut changes, &mut open),
        "the snapshot of the overrun was made from the stale state"
    );
    assert_eq!(bench.connect(1), [ACTIVE]);
    bench.receive_orders(ACTIVE, &[("1", 1, "0.50")]);
    bench.apply_changes(&mut changes, &mut open);
    bench.receive_orders(ACTIVE, &[("1", 1, "0.60")]);
    assert!(bench.apply_changes(&mut changes, &mut open) && bench.open_orders().1);
}

#[test]
fn a_state_is_stale_while_its_connection_closes() {
    let mut bench = AccountBench::connected(Settings::default());
    bench.engine.handle_close(bench.now, bench.wall, bench.subscriber);
    bench.receive_text(PrivateStream::AccountBalance, &balance("2", 2));
    let current = bench.current();
    assert!(!current.is_fresh() && current.balances.unwrap().is_stale(), "frames are no longer read");
    assert!(current.open_orders.unwrap().is_stale());
}

#[test]
fn changes_after_the_history_reverses_progress_are_across_a_gap() {
    let mut bench = AccountBench::connected(Settings::default());
    let (mut changes, mut open) = (bench.engine.changes(), BTreeSet::new());
    bench.receive_orders(ACTIVE, &[("1", 0, "0")]);
    bench.receive_orders(HISTORY, &[("2", 2, "0.40")]);
    bench.receive_orders(HISTORY, &[("2", 2, "0.30")]);
    assert!(bench.current().closed_orders.unwrap().is_stale());
    bench.receive_orders(HISTORY, &[("1", 4, "0")]);
    assert!(!bench.apply_changes(&mut changes, &mut open));
    assert!(open.is_empty() || open.iter().eq(["1"]), "{open:?}");
}

#[test]
fn the_latest_closed_orders_of_a_long_history_are_remembered() {
    let mut bench = AccountBench::connected(Settings::default());
    bench.lose_connection(HISTORY);
    bench.connect(1);
    // Sorted with the latest first.
    let closed = (0..5_000).map(|number| order(number, 2, 1, 1_700_000_000_000 - number));
    let text = text(&history(closed));
    bench.receive_text(HISTORY, &text);
    bench.connect(1);
    bench.receive_orders(ACTIVE, &[]);
    bench.lose_connection(HISTORY);
    bench.connect(1);
    bench.receive_text(HISTORY, &text);
    bench.receive_orders(ACTIVE, &[("0", 0, "0"), ("4999", 0, "0")]);
    assert_eq!(
        bench.open_orders().0,
        ["4999"],
        "an old closed order is forgotten, but the latest one is not"
    );
}

#[test]
fn a_dial_does_not_start_before_another_one_is_dropped() {
    let (now, wall) = (test_start(), SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS));
    let mut engine = engine(Settings::default(), &["wss://one/ws"]);
    let [first, second] = [(); 2].map(|()| engine.subscribe(now, wall, &[HISTORY]));
    let Some((link, Action::Dial(_))) = engine.poll_action(now, wall) else { panic!("no dial") };
    engine.handle_dial_failed(now, wall, link, transport::Error::new(transport::ErrorKind::Connect, "no"));
    let (now, wall) = (now + 2 * SECOND, wall + 2 * SECOND);
    let Some((link, Action::Dial(_))) = engine.poll_action(now, wall) else { panic!("no dial") };
    assert_eq!(link.subscriber, second);
    let (now, wall) = (now + 2 * SECOND, wall + 2 * SECOND);
    engine.handle_close(now, wall, second);
    let actions: Vec<_> = std::iter::from_fn(|| engine.poll_action(now, wall)).collect();
    assert!(matches!(actions[..], [(_, Action::Disconnect), (_, Action::Dial(_))]), "{actions:?}");
    assert_eq!(actions[1].0.subscriber, first);
}
