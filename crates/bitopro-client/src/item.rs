mod gap;

use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, Instant};

use bitopro_model::{
    DecodeError, Event, EventData, Message, Order, OrderId, Pair, PrivateStream, PublicStream, Stream,
    Timestamp, UnknownMessage,
};
use bitopro_transport::printable;
use bytes::Bytes;
use http::Uri;
use thiserror::Error as ThisError;

use crate::Error;
use crate::backfill::{Backfilled, RecoveredTrade};

pub use gap::{Edge, Gap, GapReason};

/// Maximum length of the name of an unknown event in the log and in `Display`, in characters.
pub(crate) const MAX_NAME: usize = 40;

/// One item of a subscription: data, or an event in the life of a connection.
///
/// Data and lifecycle events arrive in one order. `Display` describes an item in one line.
///
/// # Examples
///
/// ```
/// use bitopro_client::model::AccountBalance;
/// use bitopro_client::{Closed, Item};
///
/// fn describe(item: &Item<AccountBalance>) -> String {
///     match item {
///         Item::Snapshot(event) => format!("{} balances", event.data.len()),
///         Item::Update(event) => format!("{} balances changed", event.data.len()),
///         other => other.to_string(), // connected, gap, malformed, unknown, disconnected, closed
///     }
/// }
///
/// let event = AccountBalance::from_json(r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{}}"#)?;
/// assert_eq!(describe(&Item::Snapshot(event)), "0 balances");
/// assert_eq!(describe(&Item::Closed(Closed::Requested)), "closed on request");
/// # Ok::<(), bitopro_client::model::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<E> {
    /// A connection was opened. Its snapshot is the next data item, if the stream has snapshots.
    Connected(Box<Connected>),
    /// The first data message of a connection, which lists everything. It replaces what was known.
    Snapshot(E),
    /// A later data message of a connection, which lists what changed.
    Update(E),
    /// Something may have been missed here. A snapshot follows, if the stream has snapshots.
    Gap(Box<Gap>),
    /// A message could not be read. The connection remains open, but the state is stale until the stream
    /// reconnects.
    Malformed(Box<Malformed>),
    /// A message arrived whose kind is unknown to this version.
    Unknown(Box<UnknownMessage>),
    /// The exchange has sent nothing about these pairs since the connection was opened. It ignores pairs that it does
    /// not know. Only public streams have this item.
    MissingPairs(Vec<Pair>),
    /// A connection ended, or a dial failed. Another dial follows.
    Disconnected(Box<Disconnected>),
    /// A trade that the stream has not sent was found by the REST API. Only the trades have this item.
    ///
    /// Recovered trades are in the order of their times, but may follow newer trades of the stream. Sort by
    /// [`transaction_timestamp`](bitopro_model::Trade::transaction_timestamp) where the order matters.
    RecoveredTrade(Box<RecoveredTrade>),
    /// An order that is no longer open was found by the REST API, because no stream has reported how it ended.
    RecoveredOrder(Box<Order>),
    /// The client has asked the REST API for what a gap has lost. States whether the gap is closed.
    Backfilled(Box<Backfilled>),
    /// The stream ended. This is its last item.
    Closed(Closed),
}

/// An item of a subscription to an account, with the stream that it belongs to.
pub type AccountItem = StreamItem<PrivateStream>;

/// An item of a subscription to public streams, with the stream that it belongs to.
pub type MarketItem = StreamItem<PublicStream>;

/// An item with the stream that it belongs to. Most code uses the aliases [`AccountItem`] and [`MarketItem`].
///
/// # Examples
///
/// One pattern matches an item of any stream:
///
/// ```
/// use bitopro_client::model::PrivateStream;
/// use bitopro_client::{AccountItem, Closed, Item};
///
/// fn report(item: &AccountItem) {
///     match item {
///         AccountItem { stream, item: Item::Gap(gap), .. } => eprintln!("{stream}: {gap}"),
///         AccountItem { stream, item: Item::Closed(reason), .. } => eprintln!("{stream}: {reason}"),
///         other => println!("{other}"),
///     }
/// }
///
/// report(&AccountItem::new(PrivateStream::UserTrades, Item::Closed(Closed::Requested)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamItem<S = Stream> {
    /// The stream.
    pub stream: S,
    /// The time at which the client received the item, or at which the connection event happened, according
    /// to the machine's clock. If a refusal showed that this clock is wrong, the time is corrected to the
    /// exchange's clock, as in [`GapReason::Reconnected`]. `None` if the item does not come from a client.
    pub received: Option<Timestamp>,
    /// The item, whose data is a message of this stream.
    pub item: Item<Message>,
}

impl<S> StreamItem<S> {
    /// Creates an item of a stream. Its data must be a message of that stream.
    pub fn new(stream: S, item: Item<Message>) -> Self {
        Self { stream, received: None, item }
    }
}

impl StreamItem {
    /// Returns the item of a private stream, or `None` if the stream is public.
    pub fn into_account(self) -> Option<AccountItem> {
        let Self { stream, received, item } = self;
        let Stream::Private(stream) = stream else { return None };
        Some(StreamItem { stream, received, item })
    }

    /// Returns the item of a public stream, or `None` if the stream is private.
    pub fn into_market(self) -> Option<MarketItem> {
        let Self { stream, received, item } = self;
        let Stream::Public(stream) = stream else { return None };
        Some(StreamItem { stream, received, item })
    }
}

impl From<AccountItem> for StreamItem {
    fn from(AccountItem { stream, received, item }: AccountItem) -> Self {
        Self { stream: stream.into(), received, item }
    }
}

impl From<MarketItem> for StreamItem {
    fn from(MarketItem { stream, received, item }: MarketItem) -> Self {
        Self { stream: stream.into(), received, item }
    }
}

impl<D: EventData> From<Item<Event<D>>> for AccountItem {
    fn from(item: Item<Event<D>>) -> Self {
        Self::new(D::STREAM, item.map(Message::from))
    }
}

impl<S: fmt::Display> fmt::Display for StreamItem<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stream, self.item)
    }
}

/// A newly opened connection.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// The URL of the stream, which contains no secret.
    pub url: Uri,
    /// Number of this connection within the subscription, from 1.
    pub number: u64,
    /// The start of its dial. Its snapshot was true at some moment after that.
    pub(crate) dialed: Instant,
    /// The orders that the history has reported as closed since then. Empty unless the subscription includes
    /// the history.
    pub(crate) closed_since_dial: Vec<OrderId>,
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected")
            .field("url", &self.url)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// The end of a connection, or a failed dial.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnected {
    /// The reason.
    pub error: Error,
    /// Minimum time until the next dial. The streams of a client dial one after the other, so it can take
    /// longer.
    pub retry_in: Duration,
    /// The number of consecutive refusals and the time of the first one, if the error is a refusal that ends
    /// the stream once it has persisted.
    pub refusals: Option<Refusals>,
    /// Number of consecutive failures of this stream with this kind of error, including this one. A data
    /// message or a stable connection resets it.
    pub repeats: u32,
}

impl Disconnected {
    /// Returns whether [`repeats`](Self::repeats) is 1, 3, 10, 30, 100, 300 or a further such number.
    ///
    /// A program that reports only these disconnections does not repeat itself while an outage lasts.
    pub fn is_milestone(&self) -> bool {
        is_milestone(self.repeats)
    }
}

/// Returns whether a count is 1 or 3 times a power of ten.
pub(crate) fn is_milestone(count: u32) -> bool {
    let power = count.checked_ilog10().map(|digits| 10_u32.pow(digits));
    power.is_some_and(|power| count == power || count == 3 * power)
}

/// Consecutive refusals for the same cause, without a success in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// Time of the first refusal, according to the exchange's clock as far as it is known.
    pub first: Timestamp,
    /// Number of refusals. Rejections of the API key (401) are counted over all streams of the client.
    pub count: u32,
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
            Some(Refusals { count: 1, first }) => write!(f, "; refused once, at {first}"),
            Some(Refusals { count, first }) => write!(f, "; refused {count} times since {first}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = &self.reason;
        write!(f, "a message could not be read, so the state is stale until the stream reconnects: {reason}")
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
            Self::Unknown(unknown) => write!(f, "unknown event {}", printable(unknown.event(), MAX_NAME)),
            Self::MissingPairs(pairs) => {
                let pairs: Vec<&str> = pairs.iter().map(Pair::as_str).collect();
                write!(
                    f,
                    "nothing has arrived about {}; check the spelling: the exchange ignores pairs that it does ",
                    pairs.join(", ")
                )?;
                f.write_str("not know")
            }
            Self::Disconnected(disconnected) => disconnected.fmt(f),
            Self::RecoveredTrade(trade) => trade.fmt(f),
            Self::RecoveredOrder(order) => {
                let Order { id, pair, executed_amount, original_amount, .. } = &**order;
                write!(f, "recovered order {id} ({} {pair}), ", order.action.as_str())?;
                write!(f, "{:?}: {executed_amount} of {original_amount} executed", order.status)
            }
            Self::Backfilled(backfilled) => backfilled.fmt(f),
            Self::Closed(Closed::Failed(error)) => write!(f, "closed: {error}"),
            Self::Closed(closed) => closed.fmt(f),
        }
    }
}

/// A message that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed {
    /// The reason why it could not be read.
    pub reason: MalformedReason,
    /// The complete message, unchanged.
    pub raw: Bytes,
}

/// The reason why a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum MalformedReason {
    /// The text could not be decoded as an event of the stream.
    #[error(transparent)]
    Text(#[from] DecodeError),
    /// The message is binary, although the exchange sends only text.
    #[error("unexpected binary message")]
    Binary,
}

/// The reason why a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The subscriber requested it, with [`close`](crate::Subscription::close) or
    /// [`request_close`](crate::Subscription::request_close).
    Requested,
    /// A failure ended the stream: retrying cannot fix it, it has persisted for too long, or the stream was
    /// [stopped](crate::ErrorKind::Stopped).
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
    /// Maps the data of a snapshot or an update. All other items remain unchanged.
    pub fn map<T>(self, with: impl FnOnce(E) -> T) -> Item<T> {
        let Ok(item) = self.try_map::<T, Infallible>(|event| Ok(with(event)));
        item
    }

    /// Maps the data of a snapshot or an update with a fallible function. All other items remain unchanged.
    pub(crate) fn try_map<T, F>(self, with: impl FnOnce(E) -> Result<T, F>) -> Result<Item<T>, F> {
        Ok(match self {
            Self::Snapshot(event) => Item::Snapshot(with(event)?),
            Self::Update(event) => Item::Update(with(event)?),
            Self::Connected(connected) => Item::Connected(connected),
            Self::Gap(gap) => Item::Gap(gap),
            Self::Malformed(malformed) => Item::Malformed(malformed),
            Self::Unknown(unknown) => Item::Unknown(unknown),
            Self::MissingPairs(pairs) => Item::MissingPairs(pairs),
            Self::Disconnected(disconnected) => Item::Disconnected(disconnected),
            Self::RecoveredTrade(trade) => Item::RecoveredTrade(trade),
            Self::RecoveredOrder(order) => Item::RecoveredOrder(order),
            Self::Backfilled(backfilled) => Item::Backfilled(backfilled),
            Self::Closed(closed) => Item::Closed(closed),
        })
    }
}

#[cfg(test)]
mod tests;
