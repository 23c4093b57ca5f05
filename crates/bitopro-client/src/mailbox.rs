use std::collections::VecDeque;
use std::time::Instant;

use bitopro_model::Event;

use crate::Settings;
use crate::item::{Closed, Edge, Gap, GapReason, Item};
use crate::state::{Followed, Tracked};

/// What waits for a subscriber, and the state that it adds up to.
///
/// Bounded: when the subscriber does not read, what comes is merged into the state, and delivered as a gap
/// and a snapshot once it reads again.
#[derive(Debug)]
pub(crate) struct Mailbox<D: Followed> {
    queue: VecDeque<Item<Event<D>>>,
    capacity: usize,
    raw_bytes: usize,
    state: Tracked<D::State>,
    /// The last data event that was queued or merged.
    last_event: Option<Edge>,
    overrun: Option<Overrun<D>>,
    /// Why the stream ended, once it has.
    closed: Option<Closed>,
    /// Whether the subscriber has been told.
    is_told: bool,
}

/// How many bytes of messages that are kept as they came may wait. They can be large.
const RAW_BYTES: usize = 8 << 20;

/// What was merged since the queue was full.
#[derive(Debug)]
struct Overrun<D> {
    missed: u64,
    unknown: u64,
    before: Option<Edge>,
    /// The last of the connection's ups and downs among it.
    lifecycle: Option<Item<Event<D>>>,
    /// Whether data came after that.
    has_data: bool,
    /// The last message among it that could not be read.
    malformed: Option<Item<Event<D>>>,
}

impl<D: Followed> Mailbox<D> {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            queue: VecDeque::new(),
            capacity: settings.queue_capacity,
            raw_bytes: 0,
            state: Tracked::new(settings),
            last_event: None,
            overrun: None,
            closed: None,
            is_told: false,
        }
    }

    pub(crate) fn push(&mut self, item: Item<Event<D>>, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        let before = self.last_event.clone();
        self.observe(&item, now);
        if let Item::Closed(closed) = item {
            self.closed = Some(closed);
        } else if let Some(overrun) = &mut self.overrun {
            overrun.merge(item);
        } else if self.queue.len() < self.capacity && self.raw_bytes + raw_len(&item) <= RAW_BYTES {
            self.raw_bytes += raw_len(&item);
            self.queue.push_back(item);
        } else {
            let mut overrun =
                Overrun { missed: 0, unknown: 0, before, lifecycle: None, has_data: false, malformed: None };
            overrun.merge(item);
            self.overrun = Some(overrun);
        }
    }

    /// The next item, or `None` when there is none for now.
    pub(crate) fn pop(&mut self) -> Option<Item<Event<D>>> {
        if self.queue.is_empty() {
            self.settle_overrun();
        }
        if let Some(item) = self.queue.pop_front() {
            self.raw_bytes = self.raw_bytes.saturating_sub(raw_len(&item));
            return Some(item);
        }
        let closed = self.closed.clone().filter(|_| !self.is_told)?;
        self.is_told = true;
        Some(Item::Closed(closed))
    }

    /// How many items wait, without those that were merged.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing will ever come again.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.is_told
    }

    /// Why the stream ended, once it has.
    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    pub(crate) fn state(&self) -> &Tracked<D::State> {
        &self.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut Tracked<D::State> {
        &mut self.state
    }

    fn observe(&mut self, item: &Item<Event<D>>, now: Instant) {
        match item {
            Item::Snapshot(event) => {
                self.state.replace(event, now);
                self.last_event = Some(Edge::of(event));
            }
            Item::Update(event) => {
                self.state.apply(event, now);
                self.last_event = Some(Edge::of(event));
            }
            Item::Connected(connected) => self.state.connect(connected.number, D::HAS_SNAPSHOT, now),
            Item::Malformed(_) | Item::Disconnected(_) | Item::Closed(_) => self.state.doubt(),
            Item::Gap(_) | Item::Unknown(_) => {}
        }
    }

    /// Puts what was merged into the queue: a gap, the connection's present state, and a snapshot.
    fn settle_overrun(&mut self) {
        let Some(overrun) = self.overrun.take() else { return };
        let reason = GapReason::Overrun { missed: overrun.missed, unknown: overrun.unknown };
        let snapshot = self.state.to_event().map(Item::Snapshot);
        let after = self.last_event.clone().filter(|_| D::HAS_SNAPSHOT);
        self.queue.push_back(Item::Gap(Gap { before: overrun.before, after, reason }));
        match overrun.lifecycle {
            Some(connected @ Item::Connected(_)) => {
                self.queue.push_back(connected);
                // Otherwise this connection's own snapshot is still to come.
                if overrun.has_data {
                    self.queue.extend(snapshot);
                }
            }
            other => {
                self.queue.extend(snapshot);
                self.queue.extend(other);
            }
        }
        // Last, since what it says of the state holds still.
        if let Some(malformed) = overrun.malformed {
            self.raw_bytes += raw_len(&malformed);
            self.queue.push_back(malformed);
        }
    }
}

impl<D> Overrun<D> {
    fn merge(&mut self, item: Item<Event<D>>) {
        self.missed = self.missed.saturating_add(1);
        match item {
            Item::Connected(_) | Item::Disconnected(_) => {
                self.lifecycle = Some(item);
                self.has_data = false;
            }
            Item::Snapshot(_) => {
                self.has_data = true;
                // What could not be read before it has no bearing on what is known now.
                self.malformed = None;
            }
            Item::Update(_) => self.has_data = true,
            Item::Malformed(_) => self.malformed = Some(item),
            Item::Unknown(_) => self.unknown = self.unknown.saturating_add(1),
            Item::Gap(_) | Item::Closed(_) => {}
        }
    }
}

/// How much of an item is a message as it came.
fn raw_len<E>(item: &Item<E>) -> usize {
    match item {
        Item::Malformed(malformed) => malformed.raw.len(),
        Item::Unknown(unknown) => unknown.raw().len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use bitopro_model::{AccountBalance, Balance, Balances, Timestamp};

    use super::*;
    use crate::item::{Connected, Disconnected, Malformed, MalformedReason};
    use crate::outside::test_start;
    use crate::{Error, ErrorKind};

    type BalanceItem = Item<AccountBalance>;

    fn event(timestamp: i64, balances: &[(&str, u32)]) -> AccountBalance {
        let balances = balances.iter().map(|(currency, amount)| Balance::new(*currency, (*amount).into()));
        Event::new(Timestamp::from_millis(timestamp), balances.collect())
    }

    fn connected(number: u64) -> BalanceItem {
        Item::Connected(Connected { url: "wss://one/ws".parse().unwrap(), number })
    }

    fn disconnected() -> BalanceItem {
        let error = Error::new(ErrorKind::Network, "gone");
        Item::Disconnected(Disconnected { error, retry_in: std::time::Duration::ZERO })
    }

    fn mailbox(capacity: usize, items: Vec<BalanceItem>) -> Mailbox<Balances> {
        let mut mailbox = Mailbox::new(&Settings { queue_capacity: capacity, ..Settings::default() });
        for item in items {
            mailbox.push(item, test_start());
        }
        mailbox
    }

    /// What a subscriber gets, in short: `snapshot 3: A=1 B=2`, `gap 1-3 (2)`.
    fn drain(mailbox: &mut Mailbox<Balances>) -> Vec<String> {
        let told = |event: &AccountBalance| {
            let each = event.data.iter().map(|balance| format!(" {}={}", balance.currency, balance.amount));
            format!("{}:{}", event.timestamp, each.collect::<String>())
        };
        std::iter::from_fn(|| mailbox.pop())
            .map(|item| match item {
                Item::Connected(connected) => format!("connected {}", connected.number),
                Item::Snapshot(event) => format!("snapshot {}", told(&event)),
                Item::Update(event) => format!("update {}", told(&event)),
                Item::Gap(gap) => match (gap.before, gap.after, gap.reason) {
                    (Some(before), Some(after), GapReason::Overrun { missed, .. }) => {
                        format!("gap {}-{} ({missed})", before.timestamp, after.timestamp)
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
            vec![connected(1), Item::Snapshot(event(1, &[("A", 1)])), Item::Update(event(2, &[("A", 2)]))],
        );
        assert_eq!(drain(&mut mailbox), ["connected 1", "snapshot 1: A=1", "update 2: A=2"]);
        assert!(!mailbox.is_exhausted());
    }

    #[test]
    fn what_is_not_read_is_merged_into_one_gap_and_one_snapshot() {
        let mut mailbox = mailbox(2, vec![connected(1), Item::Snapshot(event(1, &[("A", 1), ("B", 1)]))]);
        for step in 2..100 {
            mailbox.push(Item::Update(event(step, &[("A", u32::try_from(step).unwrap())])), test_start());
        }
        assert_eq!(mailbox.queue.len(), 2);
        assert_eq!(
            drain(&mut mailbox),
            ["connected 1", "snapshot 1: A=1 B=1", "gap 1-99 (98)", "snapshot 99: A=99 B=1"]
        );
        mailbox.push(Item::Update(event(100, &[("A", 7)])), test_start());
        assert_eq!(drain(&mut mailbox), ["update 100: A=7"]);
    }

    #[test]
    fn after_an_overrun_the_subscriber_knows_whether_there_is_a_connection() {
        let full = || vec![connected(1), Item::Snapshot(event(1, &[("A", 1)]))];
        let mut lost = mailbox(2, full());
        lost.push(disconnected(), test_start());
        assert_eq!(drain(&mut lost)[2..], ["gap 1-1 (1)", "snapshot 1: A=1", "disconnected"]);

        let mut back = mailbox(2, full());
        for item in [disconnected(), connected(2), Item::Snapshot(event(5, &[("A", 5)]))] {
            back.push(item, test_start());
        }
        assert_eq!(drain(&mut back)[2..], ["gap 1-5 (3)", "connected 2", "snapshot 5: A=5"]);

        let mut not_yet = mailbox(2, full());
        for item in [disconnected(), connected(2)] {
            not_yet.push(item, test_start());
        }
        assert_eq!(drain(&mut not_yet)[2..], ["gap 1-1 (2)", "connected 2"]);
        not_yet.push(Item::Snapshot(event(5, &[("A", 5)])), test_start());
        assert_eq!(drain(&mut not_yet), ["snapshot 5: A=5"]);
    }

    #[test]
    fn a_snapshot_that_was_merged_is_delivered_although_there_is_doubt_about_what_followed() {
        let malformed =
            || Item::Malformed(Malformed { reason: MalformedReason::Binary, raw: bytes::Bytes::new() });
        let mut mailbox = mailbox(2, vec![connected(1), Item::Snapshot(event(1, &[("A", 1)]))]);
        for item in [disconnected(), connected(2), Item::Snapshot(event(5, &[("A", 5)])), malformed()] {
            mailbox.push(item, test_start());
        }
        assert_eq!(drain(&mut mailbox)[2..], ["gap 1-5 (4)", "connected 2", "snapshot 5: A=5", "malformed"]);
        for item in
            [malformed(), disconnected(), connected(3), Item::Snapshot(event(6, &[("A", 6)])), connected(4)]
        {
            mailbox.push(item, test_start());
        }
        assert_eq!(drain(&mut mailbox), ["malformed", "disconnected", "gap 5-6 (3)", "connected 4"]);
    }

    #[test]
    fn large_messages_that_nobody_reads_are_bounded_by_their_bytes() {
        let mut mailbox = mailbox(1_000, Vec::new());
        let raw = bytes::Bytes::from(vec![b'x'; 1 << 20]);
        for _ in 0..100 {
            let malformed = Malformed { reason: MalformedReason::Binary, raw: raw.clone() };
            mailbox.push(Item::Malformed(malformed), test_start());
        }
        assert_eq!(mailbox.len(), 8);
        assert_eq!(drain(&mut mailbox).len(), 8 + 2);
        mailbox.push(Item::Malformed(Malformed { reason: MalformedReason::Binary, raw }), test_start());
        assert_eq!(drain(&mut mailbox), ["malformed"], "there is room again");
    }

    #[test]
    fn the_end_is_delivered_last_and_once_however_full_it_is() {
        let mut mailbox = mailbox(1, vec![connected(1), Item::Snapshot(event(1, &[("A", 1)]))]);
        mailbox.push(Item::Closed(Closed::Requested), test_start());
        mailbox.push(disconnected(), test_start());
        mailbox.push(Item::Closed(Closed::Requested), test_start());
        assert!(!mailbox.is_exhausted());
        assert_eq!(drain(&mut mailbox).last().map(String::as_str), Some("closed on request"));
        assert!(mailbox.is_exhausted());
        assert_eq!(drain(&mut mailbox), [""; 0]);
    }

    #[test]
    fn the_state_is_sure_only_from_a_snapshot_to_the_next_doubt() {
        let mut mailbox = mailbox(9, vec![connected(1), Item::Update(event(1, &[("A", 1)]))]);
        assert!(mailbox.state().current(test_start()).is_none(), "an update alone is not the account");
        let sure = |mailbox: &Mailbox<Balances>| !mailbox.state().current(test_start()).unwrap().is_stale();
        let malformed = Malformed { reason: MalformedReason::Binary, raw: bytes::Bytes::new() };
        for doubt in [Item::Malformed(malformed), disconnected()] {
            mailbox.push(Item::Snapshot(event(1, &[("A", 1)])), test_start());
            mailbox.push(Item::Update(event(2, &[("A", 2)])), test_start());
            assert!(sure(&mailbox));
            mailbox.push(doubt, test_start());
            mailbox.push(Item::Update(event(3, &[("A", 3)])), test_start());
            assert!(!sure(&mailbox));
        }
        assert_eq!(mailbox.state().current(test_start()).unwrap().get("A").unwrap().amount.to_string(), "3");
    }

    #[test]
    fn a_snapshot_forgets_what_it_does_not_name() {
        let mut mailbox = mailbox(9, vec![Item::Snapshot(event(1, &[("A", 1), ("B", 1)]))]);
        mailbox.push(Item::Snapshot(event(2, &[("A", 2)])), test_start());
        let view = mailbox.state().current(test_start()).unwrap();
        assert_eq!((view.len(), view.get("B")), (1, None));
    }
}
