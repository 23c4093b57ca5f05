#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use bitopro_model::{Message, PrivateStream};

use crate::account::{Account, has_snapshot};
use crate::item::{AccountItem, Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed};

/// The items that wait for a subscriber, in the order of their arrival.
///
/// Bounded for each stream: when the subscriber does not read, what arrives is merged into the state, and delivered as
/// a gap and a snapshot in the place of the first item that was merged.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    streams: BTreeMap<PrivateStream, StreamQueue>,
    /// Maximum number of waiting items of a stream.
    capacity: usize,
}

/// Maximum size of the waiting messages of a stream, beside their number: they can be large.
const QUEUE_BYTES: usize = 32 << 20;

#[derive(Debug)]
enum Entry {
    /// An item, and the size of the message in which it arrived.
    Item(AccountItem, usize),
    /// The items of this stream that were merged.
    Merged(PrivateStream),
}

/// The waiting items of one stream.
#[derive(Debug, Default)]
struct StreamQueue {
    items: usize,
    bytes: usize,
    /// The last data event that was queued or merged.
    last_event: Option<Edge>,
    merged: Option<MergedItems>,
    /// The last connection has not delivered data yet.
    awaits_data: bool,
    /// The last message that could not be read, if no snapshot has arrived since.
    unread: Option<Malformed>,
    /// The reason why the stream ended, once it has.
    closed: Option<Closed>,
}

/// The items that were merged since the queue was full.
#[derive(Debug, Default)]
struct MergedItems {
    missed: u64,
    unknown: u64,
    before: Option<Edge>,
    /// The last event that was merged.
    last: Option<Edge>,
    /// The last connection that was merged.
    connected: Option<Connected>,
    /// The last end of a connection that was merged, if no connection followed.
    disconnected: Option<Disconnected>,
    /// Data arrived after that connection.
    has_data: bool,
    /// The connection before the first merged item had not delivered data.
    began_without_data: bool,
    /// A gap after which no data arrived.
    gap: Option<Gap>,
    /// A merged message could not be read, and no snapshot arrived since.
    has_unread: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), streams: BTreeMap::new(), capacity }
    }

    /// Adds an item that arrived in a message of this size.
    pub(crate) fn push(&mut self, AccountItem { stream, item }: AccountItem, bytes: usize) {
        let queue = self.streams.entry(stream).or_default();
        if queue.closed.is_some() {
            return;
        }
        let began_without_data = queue.awaits_data;
        let before = queue.record(&item);
        if let Some(merged) = queue.merged.as_mut().filter(|_| queue.closed.is_none()) {
            return merged.add(item);
        }
        let has_room = queue.items < self.capacity && queue.bytes + bytes <= QUEUE_BYTES;
        if has_room || queue.closed.is_some() {
            queue.items += 1;
            queue.bytes += bytes;
            return self.entries.push_back(Entry::Item(AccountItem { stream, item }, bytes));
        }
        let mut merged = MergedItems { before, began_without_data, ..MergedItems::default() };
        merged.add(item);
        queue.merged = Some(merged);
        self.entries.push_back(Entry::Merged(stream));
    }

    /// Returns the next item, or `None` if none waits. `account` is the state into which items were merged.
    pub(crate) fn pop(&mut self, account: &Account) -> Option<AccountItem> {
        loop {
            match self.entries.pop_front()? {
                Entry::Item(item, bytes) => {
                    let queue = self.streams.entry(item.stream).or_default();
                    queue.items -= 1;
                    queue.bytes -= bytes;
                    return Some(item);
                }
                Entry::Merged(stream) => self.deliver_merged(stream, account),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops all waiting items.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        for queue in self.streams.values_mut() {
            (queue.items, queue.bytes, queue.merged) = (0, 0, None);
        }
    }

    /// Returns the reason why a stream ended, once it has.
    pub(crate) fn closed(&self, stream: PrivateStream) -> Option<&Closed> {
        self.streams.get(&stream)?.closed.as_ref()
    }

    /// Puts what was merged at the front of the queue: a gap, the connection's present state, and a snapshot.
    fn deliver_merged(&mut self, stream: PrivateStream, account: &Account) {
        let Some(queue) = self.streams.get_mut(&stream) else { return };
        let Some(merged) = queue.merged.take() else { return };
        let MergedItems { missed, unknown, last, connected, disconnected, .. } = merged;
        let gap = Item::Gap(Gap {
            before: merged.before,
            after: queue.last_event.clone().filter(|_| has_snapshot(stream)),
            reason: GapReason::Overrun { missed, unknown, last },
            leaves_stale: !account.is_fresh(stream),
        });
        // A new connection without data has its own snapshot still to come, unless it is gone.
        let is_before_connection = connected.is_some() && !merged.has_data;
        let is_early = !merged.began_without_data && (connected.is_none() || disconnected.is_some());
        let is_wanted = merged.has_data || is_early;
        let mut snapshot = account.to_message(stream).filter(|_| is_wanted).map(Item::Snapshot);
        // What could not be read still makes the state unsure, so it is delivered after the snapshot, again if need be.
        let unread = queue.unread.clone().filter(|_| merged.has_unread || snapshot.is_some());
        let early = snapshot.take_if(|_| is_before_connection);
        let items = [
            Some(gap),
            early,
            connected.map(Item::Connected),
            snapshot,
            merged.gap.map(Item::Gap),
            disconnected.map(Item::Disconnected),
            unread.map(Item::Malformed),
        ];
        for item in items.into_iter().flatten().rev() {
            let bytes = if let Item::Malformed(malformed) = &item { malformed.raw.len() } else { 0 };
            queue.items += 1;
            queue.bytes += bytes;
            self.entries.push_front(Entry::Item(AccountItem { stream, item }, bytes));
        }
    }
}

impl StreamQueue {
    /// Records what an item says about the stream. Returns the last event before it.
    fn record(&mut self, item: &Item<Message>) -> Option<Edge> {
        match item {
            Item::Snapshot(message) => {
                (self.unread, self.awaits_data) = (None, false);
                return std::mem::replace(&mut self.last_event, Edge::of(message));
            }
            Item::Update(message) => {
                self.awaits_data = false;
                return std::mem::replace(&mut self.last_event, Edge::of(message));
            }
            Item::Malformed(malformed) => self.unread = Some(malformed.clone()),
            Item::Closed(closed) => self.closed = Some(closed.clone()),
            // Until its snapshot the state is not sure in any case.
            Item::Connected(_) => (self.unread, self.awaits_data) = (None, true),
            Item::Disconnected(_) => self.awaits_data = false,
            Item::Gap(_) | Item::Unknown(_) => {}
        }
        self.last_event.clone()
    }
}

impl MergedItems {
    fn add(&mut self, item: Item<Message>) {
        self.missed = self.missed.saturating_add(1);
        match item {
            Item::Connected(connected) => {
                (self.connected, self.disconnected, self.has_data) = (Some(connected), None, false);
                self.has_unread = false;
            }
            Item::Disconnected(disconnected) => self.disconnected = Some(disconnected),
            Item::Snapshot(message) => {
                self.record_data(&message);
                // What could not be read before it has no bearing on what is known now.
                self.has_unread = false;
            }
            Item::Update(message) => self.record_data(&message),
            Item::Gap(gap) => self.gap = Some(gap),
            Item::Malformed(_) => self.has_unread = true,
            Item::Unknown(_) => self.unknown = self.unknown.saturating_add(1),
            Item::Closed(_) => {}
        }
    }

    /// Records an event. Everything that was missed before it lies between the edges of the gap.
    fn record_data(&mut self, message: &Message) {
        self.last = Edge::of(message);
        self.has_data = true;
        self.gap = None;
    }
}
