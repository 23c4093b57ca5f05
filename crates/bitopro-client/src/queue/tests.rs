use std::time::Duration;

use bitopro_model::{
    AccountBalance, Balances, Event, EventData, Message, PrivateStream, Stream, Timestamp, Trade, UserTrade,
};

use super::{QUEUE_BYTES, Queue};
use crate::account::Account;
use crate::item::{
    Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed, MalformedReason, StreamItem,
};
use crate::samples::{self, balances, event};
use crate::system::test_start;
use crate::{Error, ErrorKind, Settings};

type BalanceItem = Item<AccountBalance>;

fn connected(number: u64) -> BalanceItem {
    let url = "wss://one/ws".parse().unwrap();
    let connected = Connected { url, number, dialed: test_start(), closed_since_dial: Vec::new() };
    Item::Connected(Box::new(connected))
}

fn disconnected_event() -> Disconnected {
    let error = Error::new(ErrorKind::Network, "connection lost");
    Disconnected { error, retry_in: Duration::ZERO, refusals: None, repeats: 1 }
}

/// Creates an unreadable message of this size.
fn malformed(bytes: usize) -> BalanceItem {
    let raw = vec![b'x'; bytes].into();
    Item::Malformed(Box::new(Malformed { reason: MalformedReason::Binary, raw }))
}

/// Returns the items of a connection and its snapshot.
fn connected_with_snapshot() -> Vec<BalanceItem> {
    vec![connected(1), Item::Snapshot(balances(1, &[("A", 1)]))]
}

fn disconnected() -> BalanceItem {
    Item::Disconnected(Box::new(disconnected_event()))
}

/// A queue, and the state into which its items are merged.
struct Bench {
    queue: Queue,
    account: Account,
}

fn bench_with(capacity: usize, items: Vec<BalanceItem>) -> Bench {
    let streams = PrivateStream::ALL.iter().copied().map(Stream::from);
    let mut bench =
        Bench { queue: Queue::new(capacity, streams), account: Account::new(&Settings::default()) };
    for item in items {
        bench.put(item);
    }
    bench
}

impl Bench {
    /// Adds an item, with the size of the raw message that it contains.
    fn put<D: EventData>(&mut self, item: Item<Event<D>>) {
        let item = item.map(Message::from);
        let bytes = match &item {
            Item::Malformed(malformed) => malformed.raw.len(),
            Item::Unknown(unknown) => unknown.raw().len(),
            _ => 0,
        };
        self.put_sized::<D>(item, bytes);
    }

    fn put_sized<D: EventData>(&mut self, item: Item<Message>, bytes: usize) {
        self.account.apply(D::STREAM, &item);
        self.queue.push(StreamItem::new(D::STREAM.into(), item), bytes);
    }

    fn pop<D: EventData>(&mut self) -> Option<Item<Event<D>>> {
        self.queue.pop(&self.account)?.0.item.try_map(D::from_message).ok()
    }
}

/// Removes all items and returns a short description of each, such as `snapshot 3: A=1 B=2` or `gap 1-3 (2)`.
fn drain(bench: &mut Bench) -> Vec<String> {
    let describe = |event: &AccountBalance| {
        let amounts = event.data.iter().map(|balance| format!(" {}={}", balance.currency, balance.amount));
        format!("{}:{}", event.timestamp.as_millis(), amounts.collect::<String>())
    };
    std::iter::from_fn(|| bench.pop::<Balances>())
        .map(|item| match item {
            Item::Connected(connected) => format!("connected {}", connected.number),
            Item::Snapshot(event) => format!("snapshot {}", describe(&event)),
            Item::Update(event) => format!("update {}", describe(&event)),
            Item::Gap(gap) => match (gap.before, gap.after, gap.reason) {
                (Some(before), Some(after), GapReason::Overrun { missed, .. }) => {
                    format!("gap {}-{} ({missed})", before.timestamp.as_millis(), after.timestamp.as_millis())
                }
                other => format!("gap {other:?}"),
            },
            Item::Malformed(_) => "malformed".to_owned(),
            Item::MissingPairs(_) => "missing pairs".to_owned(),
            Item::Disconnected(_) => "disconnected".to_owned(),
            Item::RecoveredTrade(_) | Item::RecoveredOrder(_) | Item::Backfilled(_) => unreachable!(),
            Item::Closed(closed) => closed.to_string(),
            Item::Unknown(_) => "unknown".to_owned(),
        })
        .collect()
}

#[test]
fn items_are_delivered_in_order() {
    let mut bench = bench_with(
        8,
        vec![connected(1), Item::Snapshot(balances(1, &[("A", 1)])), Item::Update(balances(2, &[("A", 2)]))],
    );
    assert_eq!(drain(&mut bench), ["connected 1", "snapshot 1: A=1", "update 2: A=2"]);
}

#[test]
fn items_that_overflow_the_queue_become_one_gap_and_one_snapshot() {
    let mut bench = bench_with(2, vec![connected(1), Item::Snapshot(balances(1, &[("A", 1), ("B", 1)]))]);
    for step in 2..100 {
        bench.put(Item::Update(balances(step, &[("A", step)])));
    }
    assert_eq!(bench.queue.entries.len(), 2 + 1);
    assert_eq!(
        drain(&mut bench),
        ["connected 1", "snapshot 1: A=1 B=1", "gap 1-99 (98)", "snapshot 99: A=99 B=1"]
    );
    bench.put(Item::Update(balances(100, &[("A", 7)])));
    assert_eq!(drain(&mut bench), ["update 100: A=7"]);
}

#[test]
fn an_overrun_ends_with_the_current_state_of_the_connection() {
    let mut lost_connection = bench_with(2, connected_with_snapshot());
    lost_connection.put(disconnected());
    assert_eq!(drain(&mut lost_connection)[2..], ["gap 1-1 (1)", "snapshot 1: A=1", "disconnected"]);

    let mut reconnected = bench_with(2, connected_with_snapshot());
    for item in [disconnected(), connected(2), Item::Snapshot(balances(5, &[("A", 5)]))] {
        reconnected.put(item);
    }
    assert_eq!(drain(&mut reconnected)[2..], ["gap 1-5 (3)", "connected 2", "snapshot 5: A=5"]);

    let mut awaiting_snapshot = bench_with(2, connected_with_snapshot());
    for item in [disconnected(), connected(2)] {
        awaiting_snapshot.put(item);
    }
    assert_eq!(drain(&mut awaiting_snapshot)[2..], ["gap 1-1 (2)", "connected 2"]);
    awaiting_snapshot.put(Item::Snapshot(balances(5, &[("A", 5)])));
    assert_eq!(drain(&mut awaiting_snapshot), ["snapshot 5: A=5"]);
}

#[test]
fn a_merged_snapshot_is_delivered_although_an_unreadable_message_followed_it() {
    let mut bench = bench_with(2, connected_with_snapshot());
    for item in [disconnected(), connected(2), Item::Snapshot(balances(5, &[("A", 5)])), malformed(0)] {
        bench.put(item);
    }
    assert_eq!(drain(&mut bench)[2..], ["gap 1-5 (4)", "connected 2", "snapshot 5: A=5", "malformed"]);
    for item in
        [malformed(0), disconnected(), connected(3), Item::Snapshot(balances(6, &[("A", 6)])), connected(4)]
    {
        bench.put(item);
    }
    assert_eq!(drain(&mut bench), ["malformed", "disconnected", "gap 5-6 (3)", "connected 4"]);
}

#[test]
fn a_merged_snapshot_does_not_hide_an_earlier_unreadable_message() {
    let mut bench = bench_with(3, connected_with_snapshot());
    bench.put(malformed(0));
    bench.put(Item::Update(balances(2, &[("A", 2)])));
    assert_eq!(drain(&mut bench)[2..], ["malformed", "gap 1-2 (1)", "snapshot 2: A=2", "malformed"]);
    // A snapshot from the exchange does replace the unreadable message.
    for item in connected_with_snapshot().into_iter().chain([Item::Update(balances(3, &[("A", 3)]))]) {
        bench.put(item.clone());
        bench.put(item);
    }
    assert_eq!(drain(&mut bench).last().map(String::as_str), Some("snapshot 3: A=3"));
}

#[test]
fn large_waiting_messages_are_bounded_by_their_total_size() {
    let mut bench = bench_with(1_000, Vec::new());
    for _ in 0..100 {
        bench.put(malformed(1 << 20));
    }
    assert_eq!(bench.queue.entries.len(), 32 + 1);
    assert_eq!(drain(&mut bench).len(), 32 + 2);
    bench.put(malformed(1 << 20));
    assert_eq!(drain(&mut bench), ["malformed"], "there is room again");
}

#[test]
fn an_unreadable_message_that_is_delivered_again_counts_towards_the_size() {
    let mut bench = bench_with(1, Vec::new());
    bench.put(malformed(1));
    bench.put(malformed(QUEUE_BYTES));
    for _ in 0..2 {
        assert!(bench.pop::<Balances>().is_some());
    }
    let waiting = |bench: &Bench| {
        let mut streams = bench.queue.streams.iter();
        let stream = streams.find(|queue| queue.stream == PrivateStream::AccountBalance).unwrap();
        (stream.items, stream.bytes)
    };
    assert_eq!(waiting(&bench), (1, QUEUE_BYTES), "the last unreadable message");
    assert_eq!((drain(&mut bench).len(), waiting(&bench)), (1, (0, 0)));
}

#[test]
fn closed_is_delivered_last_and_once_even_if_the_queue_is_full() {
    let mut bench = bench_with(1, connected_with_snapshot());
    bench.put(BalanceItem::Closed(Closed::Requested));
    bench.put(disconnected());
    bench.put(BalanceItem::Closed(Closed::Requested));
    assert_eq!(drain(&mut bench).last().map(String::as_str), Some("closed on request"));
    assert!(bench.queue.is_empty());
    assert_eq!(drain(&mut bench), [""; 0]);
}

#[test]
fn merged_trades_lie_between_two_edges_and_a_later_gap_is_still_delivered() {
    let trade = |at| Item::Update(event(at, samples::trade("1", at)));
    let lost = || Item::<UserTrade>::Disconnected(Box::new(disconnected_event()));
    let reconnected = || {
        let (since, until) = (Timestamp::from_millis(30), Timestamp::from_millis(40));
        let reason = GapReason::Reconnected { since, until };
        Item::Gap(Box::new(Gap { before: None, after: None, reason, leaves_stale: false }))
    };
    let url = "wss://one/ws".parse().unwrap();
    let connection = Connected { url, number: 2, dialed: test_start(), closed_since_dial: Vec::new() };
    let connected = || Item::Connected(Box::new(connection.clone()));
    let mut bench = bench_with(1, Vec::new());
    for item in [trade(1), trade(2), trade(3), lost(), connected(), reconnected()] {
        bench.put(item);
    }
    let items: Vec<_> = std::iter::from_fn(|| bench.pop::<Trade>()).collect();
    let [Item::Update(_), Item::Gap(overrun), Item::Connected(_), Item::Gap(after)] = &items[..] else {
        panic!("{items:?}")
    };
    let GapReason::Overrun { last, missed: 5, .. } = &overrun.reason else { panic!("{overrun:?}") };
    let at = |edge: &Option<Edge>| edge.as_ref().map(|edge| edge.timestamp.as_millis());
    assert_eq!((at(&overrun.before), at(last), at(&overrun.after)), (Some(1), Some(3), None));
    assert!(matches!(after.reason, GapReason::Reconnected { .. }));

    // The merged gap of the reconnect lies between the edges of the overrun.
    for item in [trade(4), lost(), connected(), reconnected(), trade(5)] {
        bench.put(item);
    }
    let items: Vec<_> = std::iter::from_fn(|| bench.pop::<Trade>()).collect();
    let [Item::Update(_), Item::Gap(overrun), Item::Connected(_)] = &items[..] else { panic!("{items:?}") };
    let GapReason::Overrun { last, .. } = &overrun.reason else { panic!("{overrun:?}") };
    assert_eq!((at(&overrun.before), at(last)), (Some(4), Some(5)));
}

#[test]
fn a_merged_connection_is_delivered_together_with_its_end() {
    let mut bench = bench_with(2, connected_with_snapshot());
    for item in [disconnected(), connected(2), Item::Snapshot(balances(2, &[("A", 2)])), disconnected()] {
        bench.put(item);
    }
    assert_eq!(drain(&mut bench)[2..], ["gap 1-2 (4)", "connected 2", "snapshot 2: A=2", "disconnected"]);
    for item in connected_with_snapshot().into_iter().chain([disconnected(), connected(2), disconnected()]) {
        bench.put(item);
    }
    let rest = ["gap 1-1 (3)", "snapshot 1: A=1", "connected 2", "disconnected"];
    assert_eq!(drain(&mut bench)[2..], rest, "the snapshot is older than the connection");
}

#[test]
fn a_connection_that_was_delivered_without_data_gets_no_snapshot_of_the_previous_connection() {
    let mut bench = bench_with(2, connected_with_snapshot());
    drain(&mut bench);
    for item in [disconnected(), connected(2), malformed(0), malformed(0)] {
        bench.put(item);
    }
    assert_eq!(drain(&mut bench), ["disconnected", "connected 2", "gap 1-1 (2)", "malformed"]);
    bench.put(Item::Snapshot(balances(5, &[("A", 5)])));
    assert_eq!(drain(&mut bench), ["snapshot 5: A=5"]);
}

#[test]
fn an_unreadable_message_is_not_delivered_again_after_a_new_connection() {
    let mut bench = bench_with(2, connected_with_snapshot());
    for item in [malformed(0), disconnected(), connected(2)] {
        bench.put(item);
    }
    assert_eq!(
        drain(&mut bench)[2..],
        ["gap 1-1 (3)", "connected 2"],
        "a malformed item here would be mistaken for the first data message"
    );
}
