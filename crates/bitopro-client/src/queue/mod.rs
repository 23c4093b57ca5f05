#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::iter;

use bitopro_model::{Message, Pair, Stream, Timestamp};
use tracing::warn;

use crate::backfill::Backfilled;
use crate::item::{Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed, StreamItem};
use crate::stats::Counters;

/// The items that wait for a subscriber, in the order of their arrival.
///
/// The queue of each stream is bounded. Once it is full, further items are merged into the state. A gap and a
/// snapshot replace them, at the position of the first merged item.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    streams: Vec<StreamQueue>,
    /// Maximum number of waiting items of a stream.
    capacity: usize,
}

/// Maximum total size of the waiting messages of a stream, in bytes. Their number is limited separately.
const QUEUE_BYTES: usize = 32 << 20;

/// Maximum number of items that a subscriber takes at the same time.
const MAX_PORTION: usize = 32;

/// Maximum number of waiting recovered items of a stream. They are counted separately, because many of them arrive at
/// the same time.
const RECOVERED_CAPACITY: usize = 10_000;

#[derive(Debug)]
enum Entry {
    /// An item, and the size of its message in bytes.
    Item(StreamItem, usize),
    /// The position of the merged items of this stream.
    Merged(Stream),
}

/// The waiting items of one stream.
#[derive(Debug)]
struct StreamQueue {
    stream: Stream,
    items: usize,
    recovered: usize,
    bytes: usize,
    /// The last data message that was queued or merged.
    last_event: Option<Edge>,
    merged: Option<Box<MergedItems>>,
    /// True if the stream is connected and has not received data over this connection.
    awaits_data: bool,
    /// The last unreadable message since the last snapshot or connection, if any.
    unreadable: Option<Box<Malformed>>,
    /// The reason why the stream ended, if it has ended.
    closed: Option<Closed>,
    /// The counts of all items so far.
    counters: Counters,
}

/// The current and the previous content of a queue, in numbers.
pub(crate) struct QueueStats<'a> {
    pub(crate) counters: &'a Counters,
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

/// A summary of the items that have been merged since the queue became full.
#[derive(Debug, Default)]
struct MergedItems {
    /// Number of merged items.
    missed: u64,
    /// The time at which the last merged item was received.
    received: Option<Timestamp>,
    /// Number of merged messages of an unknown kind.
    unknown: u64,
    /// The last event before the first merged item.
    before: Option<Edge>,
    /// The last merged event.
    last: Option<Edge>,
    /// The last merged connection.
    connected: Option<Box<Connected>>,
    /// The last merged disconnection, unless a connection followed it.
    disconnected: Option<Box<Disconnected>>,
    /// True if data was merged after the last merged connection, or at all if no connection was merged.
    has_data: bool,
    /// True if the stream awaited the first data of a connection when the first item was merged.
    began_without_data: bool,
    /// The last merged gap, unless data followed it.
    gap: Option<Box<Gap>>,
    /// The last merged list of missing pairs, unless a connection followed it.
    missing_pairs: Option<Vec<Pair>>,
    /// The last merged statement about a gap.
    backfilled: Option<Box<Backfilled>>,
    /// True if an unreadable message was merged, and neither a snapshot nor a connection was merged after it.
    has_unreadable: bool,
}

/// The state into which a queue merges items.
pub(crate) trait MergedState {
    /// Returns whether the state of a stream is known and fresh.
    fn is_fresh(&self, stream: Stream) -> bool;

    /// Returns the whole state of a stream as messages: none if the stream has no snapshots, and one for each pair of a
    /// public stream.
    fn to_messages(&self, stream: Stream) -> Vec<Message>;
}

impl Queue {
    /// Creates a queue for items of these streams.
    pub(crate) fn new(capacity: usize, streams: impl Iterator<Item = Stream>) -> Self {
        Self { entries: VecDeque::new(), streams: streams.map(StreamQueue::new).collect(), capacity }
    }

    /// Adds an item whose message has this size in bytes.
    pub(crate) fn push(&mut self, item: StreamItem, bytes: usize) {
        let Self { entries, streams, capacity } = self;
        let stream = item.stream;
        let Some(queue) = find(streams, stream) else { return };
        if queue.closed.is_some() {
            return;
        }
        let began_without_data = queue.awaits_data;
        let before = queue.record(&item.item);
        if let Some(merged) = queue.merged.as_mut().filter(|_| queue.closed.is_none()) {
            queue.counters.merged += 1;
            return merged.add(item.item, item.received);
        }
        let is_recovered = is_recovered(&item.item);
        let has_room = if is_recovered {
            queue.recovered < RECOVERED_CAPACITY
        } else {
            queue.items < *capacity && queue.bytes + bytes <= QUEUE_BYTES
        };
        if has_room || queue.closed.is_some() {
            *queue.count(is_recovered) += 1;
            queue.bytes += bytes;
            return entries.push_back(Entry::Item(item, bytes));
        }
        queue.counters.merged += 1;
        let mut merged = MergedItems { before, began_without_data, ..MergedItems::default() };
        merged.add(item.item, item.received);
        queue.merged = Some(Box::new(merged));
        entries.push_back(Entry::Merged(stream));
    }

    /// Returns the number of items that a subscriber may take at the same time, without exceeding the capacity by much.
    pub(crate) fn portion(&self) -> usize {
        (self.capacity / MAX_PORTION).clamp(1, MAX_PORTION)
    }

    /// Removes and returns the next item and the size of its message, if any. `state` is the state into which items were
    /// merged.
    pub(crate) fn pop(&mut self, state: &impl MergedState) -> Option<(StreamItem, usize)> {
        loop {
            match self.entries.pop_front()? {
                Entry::Item(item, bytes) => {
                    if let Some(queue) = find(&mut self.streams, item.stream) {
                        *queue.count(is_recovered(&item.item)) -= 1;
                        queue.bytes -= bytes;
                    }
                    return Some((item, bytes));
                }
                Entry::Merged(stream) => self.expand_merged(stream, state),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Discards all waiting items.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        for queue in &mut self.streams {
            (queue.items, queue.recovered, queue.bytes, queue.merged) = (0, 0, 0, None);
        }
    }

    /// Returns the numbers of the queue of a stream.
    pub(crate) fn stats(&self, stream: Stream) -> Option<QueueStats<'_>> {
        let queue = self.streams.iter().find(|queue| queue.stream == stream)?;
        let StreamQueue { counters, items, recovered, bytes, merged, .. } = queue;
        Some(QueueStats { counters, items: items + recovered + usize::from(merged.is_some()), bytes: *bytes })
    }

    /// Returns the reason why a stream ended, or `None` while it has not ended.
    pub(crate) fn closed(&self, stream: Stream) -> Option<&Closed> {
        self.streams.iter().find(|queue| queue.stream == stream)?.closed.as_ref()
    }

    /// Replaces the merged items of a stream by a gap, the state of the connection, and a snapshot, at the
    /// front of the queue.
    fn expand_merged(&mut self, stream: Stream, state: &impl MergedState) {
        let Some(queue) = find(&mut self.streams, stream) else { return };
        let Some(merged) = queue.merged.take() else { return };
        let MergedItems { missed, received, unknown, last, connected, disconnected, .. } = *merged;
        warn!(stream = stream.name(), reason = "overrun", missed, unknown, "gap");
        queue.counters.gaps += 1;
        let gap = Item::Gap(Box::new(Gap {
            before: merged.before,
            after: queue.last_event.clone().filter(|_| stream.has_snapshot()),
            reason: GapReason::Overrun { missed, unknown, last },
            leaves_stale: !state.is_fresh(stream),
        }));
        // A new connection without data still expects its own snapshot, unless it has already ended.
        let is_before_connection = connected.is_some() && !merged.has_data;
        let shows_old_state = !merged.began_without_data && (connected.is_none() || disconnected.is_some());
        let needs_snapshot = merged.has_data || shows_old_state;
        let mut snapshots = if needs_snapshot { state.to_messages(stream) } else { Vec::new() };
        // An unreadable message leaves the state stale, so it follows the snapshot, even if it was delivered
        // before.
        let unreadable = queue.unreadable.clone().filter(|_| merged.has_unreadable || !snapshots.is_empty());
        let old_snapshots = if is_before_connection { std::mem::take(&mut snapshots) } else { Vec::new() };
        let before = iter::once(gap).chain(old_snapshots.into_iter().map(Item::Snapshot));
        let after = [
            merged.gap.map(Item::Gap),
            merged.missing_pairs.map(Item::MissingPairs),
            disconnected.map(Item::Disconnected),
            unreadable.map(Item::Malformed),
            merged.backfilled.map(Item::Backfilled),
        ];
        let connected = connected.map(Item::Connected).into_iter();
        let items = before.chain(connected).chain(snapshots.into_iter().map(Item::Snapshot));
        let items: Vec<Item<Message>> = items.chain(after.into_iter().flatten()).collect();
        for item in items.into_iter().rev() {
            let bytes = if let Item::Malformed(malformed) = &item { malformed.raw.len() } else { 0 };
            queue.items += 1;
            queue.bytes += bytes;
            self.entries.push_front(Entry::Item(StreamItem { stream, received, item }, bytes));
        }
    }
}

/// Returns the queue of a stream. There are only a few, so a list is faster than a map.
fn find(streams: &mut [StreamQueue], stream: Stream) -> Option<&mut StreamQueue> {
    streams.iter_mut().find(|queue| queue.stream == stream)
}

fn is_recovered(item: &Item<Message>) -> bool {
    matches!(item, Item::RecoveredTrade(_) | Item::RecoveredOrder(_))
}

impl StreamQueue {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            items: 0,
            recovered: 0,
            bytes: 0,
            last_event: None,
            merged: None,
            awaits_data: false,
            unreadable: None,
            closed: None,
            counters: Counters::default(),
        }
    }

    /// Returns the number of waiting items of this kind.
    fn count(&mut self, is_recovered: bool) -> &mut usize {
        if is_recovered { &mut self.recovered } else { &mut self.items }
    }

    /// Updates the status and the counts of the stream for an item that is added. Returns the last event before that item.
    fn record(&mut self, item: &Item<Message>) -> Option<Edge> {
        self.counters.record(item);
        match item {
            Item::Snapshot(message) => {
                (self.unreadable, self.awaits_data) = (None, false);
                return std::mem::replace(&mut self.last_event, Edge::of(message));
            }
            Item::Update(message) => {
                self.awaits_data = false;
                return std::mem::replace(&mut self.last_event, Edge::of(message));
            }
            Item::Malformed(malformed) => self.unreadable = Some(malformed.clone()),
            Item::Closed(closed) => self.closed = Some(closed.clone()),
            // The state is stale until the snapshot of this connection, even without the unreadable message.
            Item::Connected(_) => (self.unreadable, self.awaits_data) = (None, true),
            Item::Disconnected(_) => self.awaits_data = false,
            Item::Gap(_)
            | Item::Unknown(_)
            | Item::MissingPairs(_)
            | Item::RecoveredTrade(_)
            | Item::RecoveredOrder(_)
            | Item::Backfilled(_) => {}
        }
        self.last_event.clone()
    }
}

impl MergedItems {
    fn add(&mut self, item: Item<Message>, received: Option<Timestamp>) {
        self.missed = self.missed.saturating_add(1);
        self.received = received;
        match item {
            Item::Connected(connected) => {
                (self.connected, self.disconnected, self.has_data) = (Some(connected), None, false);
                (self.has_unreadable, self.missing_pairs) = (false, None);
            }
            Item::Disconnected(disconnected) => self.disconnected = Some(disconnected),
            Item::Snapshot(message) => {
                self.record_data(&message);
                // A snapshot replaces everything that was unreadable before it.
                self.has_unreadable = false;
            }
            Item::Update(message) => self.record_data(&message),
            Item::Gap(gap) => self.gap = Some(gap),
            Item::MissingPairs(pairs) => self.missing_pairs = Some(pairs),
            Item::Malformed(_) => self.has_unreadable = true,
            Item::Unknown(_) => self.unknown = self.unknown.saturating_add(1),
            Item::Backfilled(backfilled) => self.backfilled = Some(backfilled),
            // The order is part of the state, which is emitted as a snapshot.
            Item::RecoveredOrder(_) => self.has_data = true,
            // The state contains a recovered trade.
            Item::RecoveredTrade(_) | Item::Closed(_) => {}
        }
    }

    /// Records a data message. The gap of the overrun includes any gap that was merged before it.
    fn record_data(&mut self, message: &Message) {
        self.last = Edge::of(message);
        self.has_data = true;
        self.gap = None;
    }
}
