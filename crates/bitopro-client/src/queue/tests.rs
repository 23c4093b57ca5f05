use std::time::Duration;

use bitopro_model::{
    AccountBalance, Balances, Event, EventData, Message, PrivateStream, Timestamp, Trade, UserTrade,
};

use super::{QUEUE_BYTES, Queue};
use crate::account::Account;
use crate::item::{
    AccountItem, Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed, MalformedReason,
};
use crate::samples::{self, balances, event};
use crate::system::test_start;
use crate::{Error, ErrorKind, Settings};

type BalanceItem = Item<AccountBalance>;

fn connected(number: u64) -> BalanceItem {
    let url = "wss://one/ws".parse().unwrap();
    Item::Connected(Connected { url, number, dialed: test_start(), ended_since_dial: Vec::new() })
}

fn gone() -> Disconnected {
    let error = Error::new(ErrorKind::Network, "gone");
    Disconnected { error, retry_in: Duration::ZERO, refusals: None }
}

/// A message that could not be read.
fn malformed(bytes: usize) -> BalanceItem {
    let raw = vec![b'x'; bytes].into();
    Item::Malformed(Malformed { reason: MalformedReason::Binary, raw })
}

/// A connection and its snapshot.
fn settled() -> Vec<BalanceItem> {
    vec![connected(1), Item::Snapshot(balances(1, &[("A", 1)]))]
}

fn disconnected() -> BalanceItem {
    Item::Disconnected(gone())
}

/// A queue and the state into which it merges.
struct Bench {
    queue: Queue,
    account: Account,
}

fn mailbox(capacity: usize, items: Vec<BalanceItem>) -> Bench {
    let mut bench = Bench { queue: Queue::new(capacity), account: Account::new(&Settings::default()) };
    for item in items {
        bench.put(item);
    }
    bench
}

impl Bench {
    /// Adds an item with the size of what it keeps of its message.
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
        self.queue.push(AccountItem::new(D::STREAM, item), bytes);
    }

    fn pop<D: EventData>(&mut self) -> Option<Item<Event<D>>> {
        self.queue.pop(&self.account)?.item.try_map(D::from_message).ok()
    }
}

/// What a subscriber gets, in short: `snapshot 3: A=1 B=2`, `gap 1-3 (2)`.
fn drain(mailbox: &mut Bench) -> Vec<String> {
    let told = |event: &AccountBalance| {
        let each = event.data.iter().map(|balance| format!(" {}={}", balance.currency, balance.amount));
        format!("{}:{}", event.timestamp.as_millis(), each.collect::<String>())
    };
    std::iter::from_fn(|| mailbox.pop::<Balances>())
        .map(|item| match item {
            Item::Connected(connected) => format!("connected {}", connected.number),
            Item::Snapshot(event) => format!("snapshot {}", told(&event)),
            Item::Update(event) => format!("update {}", told(&event)),
            Item::Gap(gap) => match (gap.before, gap.after, gap.reason) {
                (Some(before), Some(after), GapReason::Overrun { missed, .. }) => {
                    format!("gap {}-{} ({missed})", before.timestamp.as_millis(), after.timestamp.as_millis())
                }
                other => format!("gap {other:?}"),
            },
            Item::Malformed(_) => "malformed".to_owned(),
            Item::Disconnected(_) => "disconnected".to_owned(),
            Item::Closed(closed) => closed.to_string(),
            Item::Unknown(_) => "unknown".to_owned(),
        })
        .collect()
}

#[test]
fn items_come_out_as_they_went_in() {
    let mut mailbox = mailbox(
        8,
        vec![connected(1), Item::Snapshot(balances(1, &[("A", 1)])), Item::Update(balances(2, &[("A", 2)]))],
    );
    assert_eq!(drain(&mut mailbox), ["connected 1", "snapshot 1: A=1", "update 2: A=2"]);
}

#[test]
fn what_is_not_read_is_merged_into_one_gap_and_one_snapshot() {
    let mut mailbox = mailbox(2, vec![connected(1), Item::Snapshot(balances(1, &[("A", 1), ("B", 1)]))]);
    for step in 2..100 {
        mailbox.put(Item::Update(balances(step, &[("A", step)])));
    }
    assert_eq!(mailbox.queue.entries.len(), 2 + 1);
    assert_eq!(
        drain(&mut mailbox),
        ["connected 1", "snapshot 1: A=1 B=1", "gap 1-99 (98)", "snapshot 99: A=99 B=1"]
    );
    mailbox.put(Item::Update(balances(100, &[("A", 7)])));
    assert_eq!(drain(&mut mailbox), ["update 100: A=7"]);
}

#[test]
fn after_an_overrun_the_subscriber_knows_whether_there_is_a_connection() {
    let mut lost = mailbox(2, settled());
    lost.put(disconnected());
    assert_eq!(drain(&mut lost)[2..], ["gap 1-1 (1)", "snapshot 1: A=1", "disconnected"]);

    let mut back = mailbox(2, settled());
    for item in [disconnected(), connected(2), Item::Snapshot(balances(5, &[("A", 5)]))] {
        back.put(item);
    }
    assert_eq!(drain(&mut back)[2..], ["gap 1-5 (3)", "connected 2", "snapshot 5: A=5"]);

    let mut not_yet = mailbox(2, settled());
    for item in [disconnected(), connected(2)] {
        not_yet.put(item);
    }
    assert_eq!(drain(&mut not_yet)[2..], ["gap 1-1 (2)", "connected 2"]);
    not_yet.put(Item::Snapshot(balances(5, &[("A", 5)])));
    assert_eq!(drain(&mut not_yet), ["snapshot 5: A=5"]);
}

#[test]
fn a_snapshot_that_was_merged_is_delivered_although_there_is_doubt_about_what_followed() {
    let mut mailbox = mailbox(2, settled());
    for item in [disconnected(), connected(2), Item::Snapshot(balances(5, &[("A", 5)])), malformed(0)] {
        mailbox.put(item);
    }
    assert_eq!(drain(&mut mailbox)[2..], ["gap 1-5 (4)", "connected 2", "snapshot 5: A=5", "malformed"]);
    for item in
        [malformed(0), disconnected(), connected(3), Item::Snapshot(balances(6, &[("A", 6)])), connected(4)]
    {
        mailbox.put(item);
    }
    assert_eq!(drain(&mut mailbox), ["malformed", "disconnected", "gap 5-6 (3)", "connected 4"]);
}

#[test]
fn a_merged_snapshot_does_not_hide_a_doubt_from_before_it() {
    let mut mailbox = mailbox(3, settled());
    mailbox.put(malformed(0));
    mailbox.put(Item::Update(balances(2, &[("A", 2)])));
    assert_eq!(drain(&mut mailbox)[2..], ["malformed", "gap 1-2 (1)", "snapshot 2: A=2", "malformed"]);
    // A snapshot of the exchange's own has no doubt in it.
    for item in settled().into_iter().chain([Item::Update(balances(3, &[("A", 3)]))]) {
        mailbox.put(item.clone());
        mailbox.put(item);
    }
    assert_eq!(drain(&mut mailbox).last().map(String::as_str), Some("snapshot 3: A=3"));
}

#[test]
fn large_messages_that_nobody_reads_are_bounded_by_their_bytes() {
    let mut mailbox = mailbox(1_000, Vec::new());
    for _ in 0..100 {
        mailbox.put(malformed(1 << 20));
    }
    assert_eq!(mailbox.queue.entries.len(), 32 + 1);
    assert_eq!(drain(&mut mailbox).len(), 32 + 2);
    mailbox.put(malformed(1 << 20));
    assert_eq!(drain(&mut mailbox), ["malformed"], "there is room again");
}

#[test]
fn what_is_told_once_more_after_what_was_merged_counts_too() {
    let mut mailbox = mailbox(1, Vec::new());
    mailbox.put(malformed(1));
    mailbox.put(malformed(QUEUE_BYTES));
    for _ in 0..2 {
        assert!(mailbox.pop::<Balances>().is_some());
    }
    let waiting = |bench: &Bench| {
        let stream = &bench.queue.streams[&PrivateStream::AccountBalance];
        (stream.items, stream.bytes)
    };
    assert_eq!(waiting(&mailbox), (1, QUEUE_BYTES), "the last one that could not be read");
    assert_eq!((drain(&mut mailbox).len(), waiting(&mailbox)), (1, (0, 0)));
}

#[test]
fn the_end_is_delivered_last_and_once_however_full_it_is() {
    let mut mailbox = mailbox(1, settled());
    mailbox.put(BalanceItem::Closed(Closed::Requested));
    mailbox.put(disconnected());
    mailbox.put(BalanceItem::Closed(Closed::Requested));
    assert_eq!(drain(&mut mailbox).last().map(String::as_str), Some("closed on request"));
    assert!(mailbox.queue.is_empty());
    assert_eq!(drain(&mut mailbox), [""; 0]);
}

#[test]
fn trades_that_were_merged_lie_between_two_edges_and_a_gap_after_them_is_still_told() {
    let trade = |at| Item::Update(event(at, samples::trade("1", at)));
    let lost = || Item::<UserTrade>::Disconnected(gone());
    let reconnected = || {
        let (since, until) = (Timestamp::from_millis(30), Timestamp::from_millis(40));
        let reason = GapReason::Reconnected { since, until };
        Item::Gap(Gap { before: None, after: None, reason, leaves_stale: false })
    };
    let url = "wss://one/ws".parse().unwrap();
    let connection = Connected { url, number: 2, dialed: test_start(), ended_since_dial: Vec::new() };
    let connected = || Item::Connected(connection.clone());
    let mut mailbox = mailbox(1, Vec::new());
    for item in [trade(1), trade(2), trade(3), lost(), connected(), reconnected()] {
        mailbox.put(item);
    }
    let items: Vec<_> = std::iter::from_fn(|| mailbox.pop::<Trade>()).collect();
    let [Item::Update(_), Item::Gap(overrun), Item::Connected(_), Item::Gap(after)] = &items[..] else {
        panic!("{items:?}")
    };
    let GapReason::Overrun { last, missed: 5, .. } = &overrun.reason else { panic!("{overrun:?}") };
    let at = |edge: &Option<Edge>| edge.as_ref().map(|edge| edge.timestamp.as_millis());
    assert_eq!((at(&overrun.before), at(last), at(&overrun.after)), (Some(1), Some(3), None));
    assert!(matches!(after.reason, GapReason::Reconnected { .. }));

    // What came after the connection was back lies between the edges of the one gap.
    for item in [trade(4), lost(), connected(), reconnected(), trade(5)] {
        mailbox.put(item);
    }
    let items: Vec<_> = std::iter::from_fn(|| mailbox.pop::<Trade>()).collect();
    let [Item::Update(_), Item::Gap(overrun), Item::Connected(_)] = &items[..] else { panic!("{items:?}") };
    let GapReason::Overrun { last, .. } = &overrun.reason else { panic!("{overrun:?}") };
    assert_eq!((at(&overrun.before), at(last)), (Some(4), Some(5)));
}

#[test]
fn a_connection_that_was_merged_with_its_end_is_delivered_with_it() {
    let mut mailbox = mailbox(2, settled());
    for item in [disconnected(), connected(2), Item::Snapshot(balances(2, &[("A", 2)])), disconnected()] {
        mailbox.put(item);
    }
    assert_eq!(drain(&mut mailbox)[2..], ["gap 1-2 (4)", "connected 2", "snapshot 2: A=2", "disconnected"]);
    for item in settled().into_iter().chain([disconnected(), connected(2), disconnected()]) {
        mailbox.put(item);
    }
    let rest = ["gap 1-1 (3)", "snapshot 1: A=1", "connected 2", "disconnected"];
    assert_eq!(drain(&mut mailbox)[2..], rest, "what is known is older than the connection");
}

#[test]
fn a_connection_that_was_delivered_without_data_gets_no_snapshot_of_the_one_before() {
    let mut mailbox = mailbox(2, settled());
    drain(&mut mailbox);
    for item in [disconnected(), connected(2), malformed(0), malformed(0)] {
        mailbox.put(item);
    }
    assert_eq!(drain(&mut mailbox), ["disconnected", "connected 2", "gap 1-1 (2)", "malformed"]);
    mailbox.put(Item::Snapshot(balances(5, &[("A", 5)])));
    assert_eq!(drain(&mut mailbox), ["snapshot 5: A=5"]);
}

#[test]
fn a_message_that_could_not_be_read_does_not_come_again_after_a_new_connection() {
    let mut mailbox = mailbox(2, settled());
    for item in [malformed(0), disconnected(), connected(2)] {
        mailbox.put(item);
    }
    assert_eq!(drain(&mut mailbox)[2..], ["gap 1-1 (3)", "connected 2"], "it would pass for the first data");
}
