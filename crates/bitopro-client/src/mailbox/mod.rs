#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Instant;

use bitopro_model::{Event, EventData};

use crate::Settings;
use crate::item::{Closed, Edge, Gap, GapReason, Item, Malformed, Weighed};
use crate::state::{Followed, Tracked};

/// What waits for a subscriber, and the state that it adds up to.
///
/// Bounded: when the subscriber does not read, what comes is merged into the state, and delivered as a gap
/// and a snapshot once it reads again.
#[derive(Debug)]
pub(crate) struct Mailbox<D: Followed> {
    queue: VecDeque<Weighed<D>>,
    capacity: usize,
    /// How many bytes the messages had that the queue's items came in.
    bytes: usize,
    state: Tracked<D::State>,
    /// The last data event that was queued or merged.
    last_event: Option<Edge>,
    overrun: Option<Overrun<D>>,
    /// The last message that could not be read, if no snapshot has come since.
    unread: Option<Malformed>,
    /// Why the stream ended, once it has.
    closed: Option<Closed>,
    /// Whether the subscriber has been told.
    is_told: bool,
}

/// How many bytes of messages may wait, beside how many items: they can be large.
const QUEUE_BYTES: usize = 32 << 20;

/// What was merged since the queue was full.
#[derive(Debug)]
struct Overrun<D> {
    missed: u64,
    unknown: u64,
    before: Option<Edge>,
    /// The last event among it.
    last: Option<Edge>,
    /// The last of the connection's ups and downs among it.
    lifecycle: Option<Item<Event<D>>>,
    /// Whether data came after that.
    has_data: bool,
    /// A gap that no data came after.
    gap: Option<Gap>,
    /// Whether a message among it could not be read, and no snapshot came since.
    has_unread: bool,
}

impl<D: Followed> Mailbox<D> {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            queue: VecDeque::new(),
            capacity: settings.queue_capacity,
            bytes: 0,
            state: Tracked::new(settings),
            last_event: None,
            overrun: None,
            unread: None,
            closed: None,
            is_told: false,
        }
    }

    pub(crate) fn push(&mut self, (item, bytes): Weighed<D>, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        let before = self.last_event.clone();
        self.observe(&item, now);
        if let Item::Closed(closed) = item {
            self.closed = Some(closed);
        } else if let Some(overrun) = &mut self.overrun {
            overrun.merge(item);
        } else if self.queue.len() < self.capacity && self.bytes + bytes <= QUEUE_BYTES {
            self.bytes += bytes;
            self.queue.push_back((item, bytes));
        } else {
            let mut overrun = Overrun::new(before);
            overrun.merge(item);
            self.overrun = Some(overrun);
        }
    }

    /// The next item, or `None` when there is none for now.
    pub(crate) fn pop(&mut self) -> Option<Item<Event<D>>> {
        if self.queue.is_empty() {
            self.settle_overrun();
        }
        if let Some((item, bytes)) = self.queue.pop_front() {
            self.bytes -= bytes;
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
                self.unread = None;
                self.last_event = Some(Edge::of(event));
            }
            Item::Update(event) => {
                self.state.apply(event, now);
                self.last_event = Some(Edge::of(event));
            }
            Item::Connected(connected) => self.state.connect(connected.number, D::HAS_SNAPSHOT, now),
            Item::Malformed(malformed) => {
                self.state.doubt();
                self.unread = Some(malformed.clone());
            }
            Item::Disconnected(_) | Item::Closed(_) => self.state.disconnect(),
            Item::Gap(_) | Item::Unknown(_) => {}
        }
    }

    /// Puts what was merged into the queue: a gap, the connection's present state, and a snapshot.
    fn settle_overrun(&mut self) {
        let Some(overrun) = self.overrun.take() else { return };
        let Overrun { missed, unknown, last, .. } = overrun;
        let reason = GapReason::Overrun { missed, unknown, last };
        let after = self.last_event.clone().filter(|_| D::HAS_SNAPSHOT);
        let gap = Item::Gap(Gap { before: overrun.before, after, reason });
        let (connected, other) = match overrun.lifecycle {
            Some(connected @ Item::Connected(_)) => (Some(connected), None),
            other => (None, other),
        };
        // A new connection without data has its own snapshot still to come.
        let is_listed = connected.is_none() || overrun.has_data;
        let snapshot = self.state.to_event().map(Item::Snapshot).filter(|_| is_listed);
        // What it says of the state holds still, so it is told after the snapshot, and once more if need be.
        let unread = self.unread.clone().filter(|_| overrun.has_unread || snapshot.is_some());
        let last_gap = overrun.gap.map(Item::Gap);
        let items = [Some(gap), connected, snapshot, other, last_gap].into_iter().flatten();
        self.queue.extend(items.map(|item| (item, 0)));
        if let Some(unread) = unread {
            let bytes = unread.raw.len();
            self.bytes += bytes;
            self.queue.push_back((Item::Malformed(unread), bytes));
        }
    }
}

impl<D: EventData> Overrun<D> {
    fn new(before: Option<Edge>) -> Self {
        Self {
            missed: 0,
            unknown: 0,
            before,
            last: None,
            lifecycle: None,
            has_data: false,
            gap: None,
            has_unread: false,
        }
    }

    fn merge(&mut self, item: Item<Event<D>>) {
        self.missed = self.missed.saturating_add(1);
        match item {
            Item::Connected(_) | Item::Disconnected(_) => {
                self.lifecycle = Some(item);
                self.has_data = false;
            }
            Item::Snapshot(event) => {
                self.note_data(&event);
                // What could not be read before it has no bearing on what is known now.
                self.has_unread = false;
            }
            Item::Update(event) => self.note_data(&event),
            Item::Gap(gap) => self.gap = Some(gap),
            Item::Malformed(_) => self.has_unread = true,
            Item::Unknown(_) => self.unknown = self.unknown.saturating_add(1),
            Item::Closed(_) => {}
        }
    }

    /// What was missed before this event lies between the overrun's own edges.
    fn note_data(&mut self, event: &Event<D>) {
        self.last = Some(Edge::of(event));
        self.has_data = true;
        self.gap = None;
    }
}
