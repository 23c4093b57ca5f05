use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, Instant};

use bitopro_model::{
    DecodeError, Event, EventData, Message, OrderId, PrivateStream, Timestamp, UnknownMessage,
};
use bytes::Bytes;
use http::Uri;
use thiserror::Error as ThisError;

use crate::Error;

/// One item of a subscription: the data, and everything that happened to it, in one order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<E> {
    /// A connection is open. The next data is its snapshot.
    Connected(Connected),
    /// The whole state: the first data message of a connection. Replaces what was known.
    Snapshot(E),
    /// What changed since.
    Update(E),
    /// Something may have been missed here. A snapshot follows where the stream has one.
    Gap(Gap),
    /// A message that could not be read. The connection lives; the state is no longer sure.
    Malformed(Malformed),
    /// A message of a kind that this version does not know.
    Unknown(UnknownMessage),
    /// The connection ended, or a dial failed. Another dial follows.
    Disconnected(Disconnected),
    /// The end: nothing follows.
    Closed(Closed),
}

/// An item of one of the streams of an account.
///
/// One pattern matches an item of any stream:
///
/// ```
/// # use bitopro_client::{AccountItem, Item};
/// # fn report(item: AccountItem) {
/// match item {
///     AccountItem { stream, item: Item::Gap(gap), .. } => eprintln!("{stream}: {gap}"),
///     AccountItem { stream, item: Item::Closed(reason), .. } => eprintln!("{stream}: {reason}"),
///     other => println!("{other}"),
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountItem {
    /// The stream.
    pub stream: PrivateStream,
    /// The item. Its data are messages of this stream.
    pub item: Item<Message>,
}

impl AccountItem {
    /// Creates an item of a stream, whose data must be messages of that stream.
    pub fn new(stream: PrivateStream, item: Item<Message>) -> Self {
        Self { stream, item }
    }
}

impl<D: EventData> From<Item<Event<D>>> for AccountItem {
    fn from(item: Item<Event<D>>) -> Self {
        Self { stream: D::STREAM, item: item.map(Message::from) }
    }
}

impl fmt::Display for AccountItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stream, self.item)
    }
}

/// A connection is open.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// The URL of the stream, which holds no secret.
    pub url: Uri,
    /// Number of this connection within the subscription, from 1.
    pub number: u64,
    /// When its dial began. What its snapshot lists was true at some moment after that.
    pub(crate) dialed: Instant,
    /// The orders that the history has reported as closed since then. Only an account knows.
    pub(crate) ended_since_dial: Vec<OrderId>,
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected")
            .field("url", &self.url)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// A connection ended, or a dial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnected {
    /// Why.
    pub error: Error,
    /// Time until the next dial, at the earliest: the streams of one client dial one after the other.
    pub retry_in: Duration,
    /// The refusals of this kind so far, if it is one that ends the stream when it does not pass.
    pub refusals: Option<Refusals>,
}

/// Consecutive refusals for the same cause, without a success between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// When the first one arrived, by the exchange's clock as far as it is known.
    pub first: Timestamp,
    /// Number of refusals. Those of a key that is not accepted (401) are counted over all streams of the client.
    pub count: u32,
}

/// Something may have been missed between two events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The last event before, if there was one.
    pub before: Option<Edge>,
    /// The first event after. `None` on a stream without snapshots: the gap ends here, and the next event
    /// may be hours away. The reason has the other edge then.
    pub after: Option<Edge>,
    /// Why, and between which moments.
    pub reason: GapReason,
    /// The snapshot that follows is not sure either, since a message that was merged into it contradicted another.
    pub(crate) leaves_stale: bool,
}

/// One edge of a gap: the event that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Edge {
    /// The event's id, if it has one.
    pub event_id: Option<String>,
    /// The event's time, by the exchange's clock.
    pub timestamp: Timestamp,
}

impl Edge {
    /// Returns the edge at a known event.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        Some(Self { timestamp: message.timestamp()?, event_id: message.event_id().map(str::to_owned) })
    }
}

/// Why something may have been missed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// There was no connection for a while. Its edges are by the machine's clock, or by the exchange's where
    /// that had to be corrected after a refusal.
    #[non_exhaustive]
    Reconnected {
        /// When the last frame of the connection before arrived, be it a ping.
        since: Timestamp,
        /// When the connection after was open.
        until: Timestamp,
    },
    /// The subscriber did not read for so long that items were merged into the state.
    #[non_exhaustive]
    Overrun {
        /// The last event that was not delivered by itself, if there was one among them.
        last: Option<Edge>,
        /// How many items were not delivered one by one.
        missed: u64,
        /// How many of them were messages of an unknown kind, which no state remembers.
        unknown: u64,
    },
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            GapReason::Reconnected { since, until } => {
                write!(f, "events may be missing: there was no connection from {since} to {until}")?;
            }
            GapReason::Overrun { missed, .. } => {
                write!(f, "{missed} items were merged, since the subscriber did not read in time")?;
            }
        }
        if let Some(edge) = &self.before {
            write!(f, "; last event before: {}", edge.timestamp)?;
        }
        if let Some(edge) = &self.after {
            write!(f, "; first event after: {}", edge.timestamp)?;
        }
        Ok(())
    }
}

impl fmt::Display for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connected to {} (connection {})", self.url, self.number)
    }
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disconnected: {}; next dial in {:.1} s", self.error, self.retry_in.as_secs_f64())?;
        match self.refusals {
            Some(refusals) => write!(f, "; refused {} times since {}", refusals.count, refusals.first),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message could not be read: {}", self.reason)
    }
}

impl<E: fmt::Display> fmt::Display for Item<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(connected) => connected.fmt(f),
            Self::Snapshot(event) => write!(f, "snapshot {event}"),
            Self::Update(event) => write!(f, "update {event}"),
            Self::Gap(gap) => write!(f, "gap: {gap}"),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Unknown(unknown) => write!(f, "unknown event {}", unknown.event()),
            Self::Disconnected(disconnected) => disconnected.fmt(f),
            Self::Closed(Closed::Failed(error)) => write!(f, "closed: {error}"),
            Self::Closed(closed) => closed.fmt(f),
        }
    }
}

/// A message that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed {
    /// What is wrong with it.
    pub reason: MalformedReason,
    /// The message, whole and as it came.
    pub raw: Bytes,
}

/// Why a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum MalformedReason {
    /// The text is not the event it should be.
    #[error(transparent)]
    Text(#[from] DecodeError),
    /// The message is binary, where the exchange only ever sends text.
    #[error("a binary message, where only texts are expected")]
    Binary,
}

/// Why a subscription ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// It was asked to.
    Requested,
    /// No further try can mend it, or there were enough.
    Failed(Error),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("closed on request"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E> Item<E> {
    /// Maps the data of a snapshot or an update, and leaves everything else unchanged.
    pub fn map<T>(self, with: impl FnOnce(E) -> T) -> Item<T> {
        let Ok(item) = self.try_map::<T, Infallible>(|event| Ok(with(event)));
        item
    }

    /// Maps the data of a snapshot or an update if that succeeds, and leaves everything else unchanged.
    pub(crate) fn try_map<T, F>(self, with: impl FnOnce(E) -> Result<T, F>) -> Result<Item<T>, F> {
        Ok(match self {
            Self::Snapshot(event) => Item::Snapshot(with(event)?),
            Self::Update(event) => Item::Update(with(event)?),
            Self::Connected(connected) => Item::Connected(connected),
            Self::Gap(gap) => Item::Gap(gap),
            Self::Malformed(malformed) => Item::Malformed(malformed),
            Self::Unknown(unknown) => Item::Unknown(unknown),
            Self::Disconnected(disconnected) => Item::Disconnected(disconnected),
            Self::Closed(closed) => Item::Closed(closed),
        })
    }
}
