#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::{Event, EventData};

use crate::Settings;
use crate::item::{Closed, Edge, Gap, GapReason, Item, Malformed, Weighed};
use crate::state::{Current, Followed, Tracked};
use crate::suspend::SuspendWatch;

/// What waits for a subscriber, and the state that it adds up to.
///
/// Bounded: when the subscriber does not read, what comes is merged into the state, and delivered as a gap
/// and a snapshot once it reads again.
#[derive(Debug)]
pub(crate) struct Mailbox<D: Followed> {
    /// Waiting items, each with its place in the order of arrival over all streams.
    queue: VecDeque<(u64, Weighed<D>)>,
    capacity: usize,
    /// How many bytes the messages had that the queue's items came in.
    bytes: usize,
    state: Tracked<D::State>,
    /// The last data event that was queued or merged.
    last_event: Option<Edge>,
    overrun: Option<Overrun<D>>,
    /// The last message that could not be read, if no snapshot has come since.
    unread: Option<Malformed>,
    /// The reason why the stream ended, once it has, and the place of that item.
    closed: Option<(u64, Closed)>,
    /// The end has been delivered.
    is_exhausted: bool,
    suspend: Option<SuspendWatch>,
    idle_limit: Duration,
}

/// How many bytes of messages may wait, beside how many items: they can be large.
const QUEUE_BYTES: usize = 32 << 20;

/// What was merged since the queue was full.
#[derive(Debug)]
struct Overrun<D> {
    /// The place of the first item among it.
    place: u64,
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
            is_exhausted: false,
            suspend: None,
            idle_limit: settings.idle_limit,
        }
    }

    /// Records that the driver looked at the connection.
    pub(crate) fn look(&mut self, now: Instant, wall: SystemTime) {
        let suspend = self.suspend.get_or_insert_with(|| SuspendWatch::new(now, wall, self.idle_limit));
        let slept = suspend.advance(now, wall);
        if !slept.is_zero() {
            self.state.sleep(slept);
        }
    }

    /// Returns the state as it is known now.
    pub(crate) fn current(&self, now: Instant, wall: SystemTime) -> Option<Current<D::State>> {
        let slept = self.suspend.as_ref().map_or(Duration::ZERO, |suspend| suspend.since(now, wall));
        let is_too_long = self.suspend.as_ref().is_some_and(|suspend| suspend.is_too_long(slept));
        self.state.current(now, slept).map(|current| current.doubted_if(is_too_long))
    }

    /// Adds an item at this place in the order of arrival. Returns whether a fresh snapshot is needed.
    pub(crate) fn push(&mut self, place: u64, (item, bytes): Weighed<D>, now: Instant) -> bool {
        if self.closed.is_some() {
            return false;
        }
        let before = self.last_event.clone();
        let needs_snapshot = self.observe(&item, now);
        if let Item::Closed(closed) = item {
            self.closed = Some((place, closed));
        } else if let Some(overrun) = &mut self.overrun {
            overrun.merge(item);
        } else if self.queue.len() < self.capacity && self.bytes + bytes <= QUEUE_BYTES {
            self.bytes += bytes;
            self.queue.push_back((place, (item, bytes)));
        } else {
            let mut overrun = Overrun::new(place, before);
            overrun.merge(item);
            self.overrun = Some(overrun);
        }
        needs_snapshot
    }

    /// Returns the next item, or `None` if nothing waits.
    pub(crate) fn pop(&mut self) -> Option<Item<Event<D>>> {
        if self.queue.is_empty() {
            self.settle_overrun();
        }
        if let Some((_, (item, bytes))) = self.queue.pop_front() {
            self.bytes -= bytes;
            return Some(item);
        }
        let (_, closed) = self.closed.clone().filter(|_| !self.is_exhausted)?;
        self.is_exhausted = true;
        Some(Item::Closed(closed))
    }

    /// Returns the place of the next item, which for merged items is that of the first of them.
    pub(crate) fn next_place(&self) -> Option<u64> {
        let closed = || self.closed.as_ref().filter(|_| !self.is_exhausted).map(|(place, _)| *place);
        let merged = || self.overrun.as_ref().map(|overrun| overrun.place);
        self.queue.front().map(|(place, _)| *place).or_else(merged).or_else(closed)
    }

    /// Whether nothing will ever come again.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    /// Why the stream ended, once it has.
    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref().map(|(_, closed)| closed)
    }

    pub(crate) fn state(&self) -> &Tracked<D::State> {
        &self.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut Tracked<D::State> {
        &mut self.state
    }

    /// Keeps the state up to date. Returns whether a fresh snapshot is needed.
    fn observe(&mut self, item: &Item<Event<D>>, now: Instant) -> bool {
        match item {
            Item::Snapshot(event) => {
                self.state.replace(event, now);
                self.unread = None;
                self.last_event = Some(Edge::of(event));
            }
            Item::Update(event) => {
                self.last_event = Some(Edge::of(event));
                return self.state.apply(event, now);
            }
            Item::Connected(connected) => self.state.connect(connected, D::HAS_SNAPSHOT, now),
            Item::Malformed(malformed) => {
                self.state.doubt();
                self.unread = Some(malformed.clone());
            }
            Item::Disconnected(_) | Item::Closed(_) => self.state.disconnect(),
            Item::Gap(_) | Item::Unknown(_) => {}
        }
        false
    }

    /// Puts what was merged into the queue: a gap, the connection's present state, and a snapshot.
    fn settle_overrun(&mut self) {
        let Some(overrun) = self.overrun.take() else { return };
        let Overrun { place, missed, unknown, last, .. } = overrun;
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
        self.queue.extend(items.map(|item| (place, (item, 0))));
        if let Some(unread) = unread {
            let bytes = unread.raw.len();
            self.bytes += bytes;
            self.queue.push_back((place, (Item::Malformed(unread), bytes)));
        }
    }
}

impl<D: EventData> Overrun<D> {
    fn new(place: u64, before: Option<Edge>) -> Self {
        Self {
            place,
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
