//! What the events of a stream add up to.

mod balances;
mod closed;
mod orders;
#[cfg(test)]
mod tests;
mod trades;

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitopro_model::{Event, EventData, Timestamp};

use crate::Settings;
use crate::item::Connected;

pub use balances::BalanceBook;
pub(crate) use closed::{ClosedOrders, Reporter, Standing};
pub(crate) use orders::is_reversed;
pub use orders::{OpenOrders, OrderHistory};
pub use trades::RecentTrades;

/// What the events of a stream add up to.
///
/// Implemented here for each stream; it is public to be named, and cannot be implemented elsewhere.
pub trait StreamState: sealed::Sealed + Clone + Send + Sync + 'static {
    /// The data of the stream's events.
    type Data: EventData + Send + 'static;

    /// Nothing yet.
    fn new(settings: &Settings) -> Self;

    /// Handles a new connection.
    fn connect(&mut self, _: &Connected) {}

    /// Applies a snapshot, which replaces everything but what is over for good.
    fn replace(&mut self, event: &Event<Self::Data>);

    /// Applies an update. Returns whether all of it can be true after what the same connection said before; what
    /// cannot is left out.
    fn apply(&mut self, event: &Event<Self::Data>) -> bool;

    /// The whole state as the data of one event, for streams that have snapshots.
    fn to_data(&self) -> Option<Self::Data>;
}

mod sealed {
    /// Keeps the traits of this module to its own types.
    pub trait Sealed {}

    impl Sealed for super::BalanceBook {}
    impl Sealed for super::OpenOrders {}
    impl Sealed for super::OrderHistory {}
    impl Sealed for super::RecentTrades {}
}

/// The data of a stream that can be subscribed to.
pub trait Followed: EventData + Send + Sized + 'static {
    /// What its events add up to.
    type State: StreamState<Data = Self>;

    /// Whether the first message of a connection is the whole state. Where it is not, what happens without
    /// a connection is never sent.
    const HAS_SNAPSHOT: bool = true;
}

/// A state as it was last known: one consistent picture, which does not change while it is looked at.
///
/// It derefs to the state itself.
#[derive(Debug)]
pub struct Current<S> {
    state: Arc<S>,
    as_of: Option<Timestamp>,
    age: Duration,
    is_stale: bool,
    connection: u64,
}

impl<S> Current<S> {
    /// The time of the last event in it, by the exchange's clock. A stream without snapshots may have had
    /// none yet.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// How long before the reading the last event arrived.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns whether it may be out of date: there is no connection, its snapshot has not arrived yet, a message since
    /// could not be read or took back progress, or the machine slept since.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// The number of the connection that the last event came over, from 1; 0 before any event.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// The same, and out of date if something else that it depends on may be.
    pub(crate) fn doubted_if(mut self, doubt: bool) -> Self {
        self.is_stale |= doubt;
        self
    }
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), ..*self }
    }
}

impl<S> Deref for Current<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

/// A stream's state with what there is to know about its freshness.
#[derive(Debug)]
pub(crate) struct Tracked<S> {
    state: Arc<S>,
    as_of: Option<Timestamp>,
    received: Option<Instant>,
    /// Whether everything since the last snapshot is in it.
    is_sure: bool,
    is_connected: bool,
    /// The connection that is open, or was last.
    open: u64,
    /// The connection that the last event came over.
    connection: u64,
}

impl<S: StreamState> Tracked<S> {
    pub(crate) fn new(settings: &Settings) -> Self {
        let state = Arc::new(S::new(settings));
        Self {
            state,
            as_of: None,
            received: None,
            is_sure: false,
            is_connected: false,
            open: 0,
            connection: 0,
        }
    }

    /// A connection is open. A stream without snapshots knows all that can be known from here on.
    pub(crate) fn connect(&mut self, connected: &Connected, has_snapshot: bool, now: Instant) {
        self.open = connected.number;
        self.is_connected = true;
        self.state_mut().connect(connected);
        if !has_snapshot {
            self.is_sure = true;
            self.received.get_or_insert(now);
        }
    }

    pub(crate) fn replace(&mut self, event: &Event<S::Data>, now: Instant) {
        self.is_sure = true;
        self.state_mut().replace(event);
        self.note(event, now);
    }

    /// Applies an update. Returns whether a fresh snapshot is needed, since it took back progress. Without a snapshot
    /// before it, an update would pass for the whole state, so it is left out.
    pub(crate) fn apply(&mut self, event: &Event<S::Data>, now: Instant) -> bool {
        if self.received.is_none() {
            return false;
        }
        let is_possible = self.state_mut().apply(event);
        if !is_possible {
            self.doubt();
        }
        self.note(event, now);
        !is_possible
    }

    fn note(&mut self, event: &Event<S::Data>, now: Instant) {
        self.received = Some(now);
        self.as_of = Some(event.timestamp);
        self.connection = self.open;
    }

    /// Records that the machine slept, which the monotonic clock has not noticed.
    pub(crate) fn sleep(&mut self, slept: Duration) {
        self.received = self.received.map(|received| received.checked_sub(slept).unwrap_or(received));
    }

    /// The state to change. Copied only while a reader still holds it.
    pub(crate) fn state_mut(&mut self) -> &mut S {
        Arc::make_mut(&mut self.state)
    }

    /// The connection is gone.
    pub(crate) fn disconnect(&mut self) {
        self.is_connected = false;
        self.doubt();
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Something was missed, or may have been.
    pub(crate) fn doubt(&mut self) {
        self.is_sure = false;
    }

    pub(crate) fn to_event(&self) -> Option<Event<S::Data>> {
        Some(Event::new(self.as_of?, self.state.to_data()?))
    }

    /// Returns the state. `slept` is how long the machine has slept since the driver last looked at the connection.
    pub(crate) fn current(&self, now: Instant, slept: Duration) -> Option<Current<S>> {
        Some(Current {
            state: Arc::clone(&self.state),
            as_of: self.as_of,
            age: now.saturating_duration_since(self.received?) + slept,
            is_stale: !self.is_sure,
            connection: self.connection,
        })
    }
}
