//! The rules between the streams of an account, on a virtual clock.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::PrivateStream;
use bitopro_transport::{self as transport, Frame};

use super::{SECOND, WALL_MS, engine};
use crate::Settings;
use crate::account::{Change, Changes, CurrentAccount};
use crate::engine::{Action, Engine, LinkId, SubscriberId};
use crate::samples::{active, balance, history, order, text};
use crate::system::test_start;

const ACTIVE: PrivateStream = PrivateStream::ActiveOrders;
const HISTORY: PrivateStream = PrivateStream::HistoryOrders;

/// An engine with one account.
struct AccountBench {
    engine: Engine,
    subscriber: SubscriberId,
    now: Instant,
    wall: SystemTime,
}

impl AccountBench {
    /// An account whose streams are connected and have sent their snapshots, in which there are no orders.
    fn settled(settings: Settings) -> Self {
        let mut engine = engine(settings, &["wss://one/ws"]);
        let (now, wall) = (test_start(), SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS));
        let subscriber = engine.subscribe(now, wall, PrivateStream::ALL);
        let mut bench = Self { engine, subscriber, now, wall };
        bench.connect(4);
        bench.snapshots();
        assert!(bench.current().is_fresh());
        bench
    }

    fn link(&self, stream: PrivateStream) -> LinkId {
        LinkId { subscriber: self.subscriber, stream }
    }

    /// Accepts the next dials. Returns the streams in the order of their dials.
    fn connect(&mut self, count: usize) -> Vec<PrivateStream> {
        let mut dialed = Vec::new();
        while dialed.len() < count {
            match self.engine.poll_action(self.now, self.wall) {
                Some((link, Action::Dial(_))) => {
                    self.engine.handle_connected(self.now, self.wall, link);
                    dialed.push(link.stream);
                }
                Some(_) => {}
                None => self.pass_to_next(),
            }
        }
        dialed
    }

    fn pass_to_next(&mut self) {
        let next = self.engine.poll_timeout().unwrap();
        self.wall += next.saturating_duration_since(self.now);
        self.now = self.now.max(next);
        self.engine.handle_timeout(self.now, self.wall);
    }

    fn text(&mut self, stream: PrivateStream, text: &str) {
        self.engine.handle_frame(self.now, self.wall, self.link(stream), Frame::text(text));
    }

    /// Sends orders with these ids, statuses and executed amounts.
    fn orders(&mut self, stream: PrivateStream, orders: &[(&str, i64, &str)]) {
        let orders = orders.iter().map(|(id, status, executed)| order(id, *status, executed, 1));
        self.text(stream, &if stream == HISTORY { text(&history(orders)) } else { text(&active(orders)) });
    }

    fn snapshots(&mut self) {
        self.orders(HISTORY, &[]);
        self.orders(ACTIVE, &[]);
        self.text(PrivateStream::AccountBalance, &balance("1", 1));
    }

    fn lose(&mut self, stream: PrivateStream) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "gone");
        self.engine.handle_lost(self.now, self.wall, self.link(stream), error);
    }

    fn current(&self) -> CurrentAccount {
        self.engine.current(self.now, self.wall, self.subscriber)
    }

    fn open(&self) -> (Vec<String>, bool) {
        let open = self.current().open_orders.unwrap();
        (open.state().iter().map(|order| order.id.to_string()).collect(), !open.is_stale())
    }

    /// Reads everything, and returns the orders that are open by the changes, and whether the last change was sure.
    fn read(&mut self, changes: &mut Changes, open: &mut BTreeSet<String>) -> bool {
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
fn the_history_is_dialled_before_the_open_orders_also_after_an_outage() {
    let mut bench = AccountBench::settled(Settings::default());
    for stream in PrivateStream::ALL {
        bench.lose(*stream);
    }
    let dialed = bench.connect(4);
    assert_eq!(dialed[..2], [HISTORY, ACTIVE], "{dialed:?}");
    bench.snapshots();
    assert!(bench.current().is_fresh(), "no further list of open orders is needed");
}

#[test]
fn a_new_connection_of_the_history_makes_the_open_orders_stale_until_their_next_list() {
    let mut bench = AccountBench::settled(Settings::default());
    bench.orders(ACTIVE, &[("1", 0, "0")]);
    bench.lose(HISTORY);
    assert_eq!(
        bench.open(),
        (vec!["1".to_owned()], false),
        "perhaps only the history would report their ends"
    );
    assert_eq!(bench.connect(1), [HISTORY]);
    bench.orders(HISTORY, &[]);
    assert!(!bench.open().1);
    assert_eq!(bench.connect(1), [ACTIVE], "a fresh list is requested");
    bench.orders(ACTIVE, &[]);
    assert_eq!(bench.open(), (Vec::new(), true));
}

#[test]
fn an_end_that_the_history_reports_during_the_dial_of_the_open_orders_holds() {
    let mut bench = AccountBench::settled(Settings::default());
    bench.orders(ACTIVE, &[("1", 0, "0"), ("2", 0, "0")]);
    bench.orders(HISTORY, &[("1", 4, "0")]);
    bench.lose(ACTIVE);
    let link = loop {
        match bench.engine.poll_action(bench.now, bench.wall) {
            Some((link, Action::Dial(_))) => break link,
            Some(_) => {}
            None => bench.pass_to_next(),
        }
    };
    bench.orders(HISTORY, &[("2", 4, "0")]);
    bench.engine.handle_connected(bench.now, bench.wall, link);
    bench.orders(ACTIVE, &[("1", 0, "0"), ("2", 0, "0")]);
    assert_eq!(
        bench.open(),
        (vec!["1".to_owned()], true),
        "the list overrides what was known before the dial"
    );
    let (mut changes, mut open) = (bench.engine.changes(), BTreeSet::new());
    bench.read(&mut changes, &mut open);
    assert_eq!(open.into_iter().collect::<Vec<_>>(), ["1"], "the changes lead to the same");
}

#[test]
fn a_contradiction_that_was_merged_leaves_the_changes_unsure() {
    let mut bench = AccountBench::settled(Settings { queue_capacity: 3, ..Settings::default() });
    let (mut changes, mut open) = (bench.engine.changes(), BTreeSet::new());
    bench.read(&mut changes, &mut open);
    for executed in ["0.1", "0.2", "0.3", "0.4", "0.25"] {
        bench.orders(ACTIVE, &[("1", 1, executed)]);
    }
    assert!(!bench.open().1, "the last one takes back progress");
    bench.read(&mut changes, &mut open);
    bench.orders(ACTIVE, &[("1", 1, "0.50")]);
    assert!(!bench.read(&mut changes, &mut open), "the snapshot in between was made from that state");
    assert_eq!(bench.connect(1), [ACTIVE]);
    bench.orders(ACTIVE, &[("1", 1, "0.50")]);
    bench.read(&mut changes, &mut open);
    bench.orders(ACTIVE, &[("1", 1, "0.60")]);
    assert!(bench.read(&mut changes, &mut open) && bench.open().1);
}

#[test]
fn a_state_is_stale_while_its_connection_closes() {
    let mut bench = AccountBench::settled(Settings::default());
    bench.engine.handle_close(bench.now, bench.wall, bench.subscriber);
    bench.text(PrivateStream::AccountBalance, &balance("2", 2));
    let current = bench.current();
    assert!(!current.is_fresh() && current.balances.unwrap().is_stale(), "frames are no longer read");
    assert!(current.open_orders.unwrap().is_stale());
}

#[test]
fn progress_that_the_history_takes_back_makes_what_follows_unsure() {
    let mut bench = AccountBench::settled(Settings::default());
    let (mut changes, mut open) = (bench.engine.changes(), BTreeSet::new());
    bench.orders(ACTIVE, &[("1", 0, "0")]);
    bench.orders(HISTORY, &[("2", 2, "0.40")]);
    bench.orders(HISTORY, &[("2", 2, "0.30")]);
    assert!(bench.current().closed_orders.unwrap().is_stale());
    bench.orders(HISTORY, &[("1", 4, "0")]);
    assert!(!bench.read(&mut changes, &mut open));
    assert!(open.is_empty() || open.iter().eq(["1"]), "{open:?}");
}

#[test]
fn of_a_long_history_the_latest_ends_are_remembered() {
    let mut bench = AccountBench::settled(Settings::default());
    bench.lose(HISTORY);
    bench.connect(1);
    // The latest first.
    let closed = (0..5_000).map(|number| order(number, 2, 1, 1_700_000_000_000 - number));
    let text = text(&history(closed));
    bench.text(HISTORY, &text);
    bench.connect(1);
    bench.orders(ACTIVE, &[]);
    bench.lose(HISTORY);
    bench.connect(1);
    bench.text(HISTORY, &text);
    bench.orders(ACTIVE, &[("0", 0, "0"), ("4999", 0, "0")]);
    assert_eq!(bench.open().0, ["4999"], "an old end is forgotten, the latest one is not");
}

#[test]
fn a_dial_does_not_begin_beside_one_that_is_to_be_dropped() {
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
