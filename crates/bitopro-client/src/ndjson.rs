//! The JSON format of items and states. Each is one object, on one line of the NDJSON that `bitopro watch`
//! prints.

use std::borrow::Cow;
use std::time::Duration;

use bitopro_model::{
    ActiveOrderStream, Balances, Event, EventId, Extra, HistoryOrderStream, Message, Order, OrderId, Orders,
    Pair, Stream, Timestamp, Trade, TradeId, UnknownMessage,
};
use serde::{Serialize, Serializer};

use crate::account::StreamState;
use crate::backfill::{Backfilled, RecoveredTrade};
use crate::item::{Closed, Edge, Gap, GapReason, Item, StreamItem};
use crate::{Error, ErrorKind};

/// Version of the format. It changes when a field changes or is removed, not when one is added.
const VERSION: u32 = 1;

/// Serializes a line of NDJSON. The README of bitopro-cli describes the format.
impl<T: Copy + Into<Stream>> Serialize for StreamItem<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Line::new(self).serialize(serializer)
    }
}

/// Serializes a line of NDJSON of type `state`.
impl Serialize for StreamState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data = match self.messages.as_slice() {
            [message] if self.stream.has_snapshot() && message.market_pair().is_none() => {
                StateData::One(Data::of(message))
            }
            messages => StateData::Many(messages.iter().map(Data::of).collect()),
        };
        StateLine::new("state", self, Some(data)).serialize(serializer)
    }
}

/// The freshness of a stream, without its data. Serializes to a line of NDJSON of type `heartbeat`.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat<'a>(pub &'a StreamState);

impl Serialize for Heartbeat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StateLine::new("heartbeat", self.0, None).serialize(serializer)
    }
}

/// Serializes the `data` of a line of type `gap`.
impl Serialize for Gap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let edges =
            GapData { before: self.before.as_ref(), after: self.after.as_ref(), ..GapData::default() };
        match &self.reason {
            GapReason::Reconnected { since, until } => {
                GapData { reason: "reconnected", since: Some(*since), until: Some(*until), ..edges }
            }
            GapReason::NoOverlap { pair, since, until } => {
                GapData { reason: "no_overlap", pair: Some(pair), since: *since, until: *until, ..edges }
            }
            GapReason::Overrun { missed, unknown, last } => GapData {
                reason: "overrun",
                missed: Some(*missed),
                unknown: Some(*unknown),
                last: last.as_ref(),
                ..edges
            },
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    r#type: &'static str,
    stream: &'static str,
    /// The time as RFC 3339 in UTC with milliseconds.
    received: Option<String>,
    event_id: Option<&'a EventId>,
    timestamp: Option<Timestamp>,
    data: Data<'a>,
    /// Fields of the envelope that this version does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a Extra>,
}

#[derive(Serialize)]
struct StateLine<'a> {
    v: u32,
    r#type: &'static str,
    stream: &'static str,
    /// The time at which the state was read.
    received: Option<String>,
    as_of: Option<Timestamp>,
    /// Null if no event has arrived.
    age_ms: Option<u64>,
    stale: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<StateData<'a>>,
}

impl<'a> StateLine<'a> {
    fn new(r#type: &'static str, state: &StreamState, data: Option<StateData<'a>>) -> Self {
        Self {
            v: VERSION,
            r#type,
            stream: state.stream.name(),
            received: state.read_at.and_then(Timestamp::to_rfc3339),
            as_of: state.as_of,
            age_ms: Some(state.age).filter(|age| *age != Duration::MAX).map(millis),
            stale: state.is_stale,
            data,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum StateData<'a> {
    One(Data<'a>),
    Many(Vec<Data<'a>>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Balances(&'a Balances),
    Active(&'a Orders<ActiveOrderStream>),
    History(&'a Orders<HistoryOrderStream>),
    Trade(&'a Trade),
    Connected {
        url: String,
        connection: u64,
    },
    Gap(&'a Gap),
    Malformed {
        error: String,
        raw: Cow<'a, str>,
    },
    Unknown {
        event: &'a str,
        raw: &'a UnknownMessage,
    },
    MissingPairs {
        pairs: &'a [Pair],
    },
    Disconnected {
        #[serde(flatten)]
        error: ErrorData,
        retry_in_ms: u64,
        /// Number of consecutive refusals for this cause.
        refusals: Option<u32>,
        /// Time of the first of these refusals.
        refused_since: Option<Timestamp>,
        /// Number of consecutive failures of this kind.
        repeats: u32,
    },
    Recovered(RecoveredData<'a>),
    Order(&'a Order),
    Backfilled(BackfilledData<'a>),
    Closed(ErrorData),
    /// A message type of a later version of bitopro-model.
    Other(&'a Message),
}

/// A trade as in a line of type `update`, with what only the REST API knows.
#[derive(Serialize)]
struct RecoveredData<'a> {
    #[serde(flatten)]
    trade: &'a Trade,
    #[serde(rename = "tradeId")]
    trade_id: &'a TradeId,
    #[serde(rename = "quoteAmount")]
    quote_amount: Option<String>,
    /// The time of the trade in milliseconds.
    #[serde(rename = "createdTimestamp")]
    created: Option<Timestamp>,
}

impl<'a> RecoveredData<'a> {
    fn new(RecoveredTrade { trade, record }: &'a RecoveredTrade) -> Self {
        let (trade_id, created) = (&record.trade_id, record.created());
        let quote_amount = record.quote_amount.map(|amount| amount.to_string());
        Self { trade, trade_id, quote_amount, created }
    }
}

#[derive(Serialize)]
struct BackfilledData<'a> {
    complete: bool,
    /// Start of the gap.
    since: Option<Timestamp>,
    /// End of the gap.
    until: Option<Timestamp>,
    /// Number of recovered trades.
    trades: u64,
    /// Number of recovered orders.
    orders: u64,
    pairs: &'a [Pair],
    incomplete_pairs: Vec<IncompletePair<'a>>,
    missing_fills: Vec<MissingData<'a>>,
    unresolved_orders: Vec<&'a OrderId>,
    error: Option<String>,
    retry_in_ms: Option<u64>,
}

#[derive(Serialize)]
struct IncompletePair<'a> {
    pair: &'a Pair,
    reason: String,
}

#[derive(Serialize)]
struct MissingData<'a> {
    order: &'a OrderId,
    pair: &'a Pair,
    /// The executed amount without a trade, or null if it cannot be represented exactly.
    missing: Option<String>,
}

impl<'a> BackfilledData<'a> {
    fn new(backfilled: &'a Backfilled) -> Self {
        let incomplete = backfilled.incomplete_pairs.iter();
        let missing = backfilled.missing_fills.iter();
        Self {
            complete: backfilled.is_complete(),
            since: backfilled.gap.map(|(since, _)| since),
            until: backfilled.gap.map(|(_, until)| until),
            trades: backfilled.trades,
            orders: backfilled.orders,
            pairs: &backfilled.pairs,
            incomplete_pairs: incomplete
                .map(|(pair, reason)| IncompletePair { pair, reason: reason.to_string() })
                .collect(),
            missing_fills: missing
                .map(|it| MissingData {
                    order: &it.order.id,
                    pair: &it.order.pair,
                    missing: it.missing.map(|amount| amount.to_string()),
                })
                .collect(),
            unresolved_orders: backfilled.unresolved_orders.iter().map(|order| &order.id).collect(),
            error: backfilled.failed.as_ref().map(|(error, _)| format!("{error:#}")),
            retry_in_ms: backfilled.failed.as_ref().map(|(_, retry_in)| millis(*retry_in)),
        }
    }
}

/// The reason why a connection or a stream ended.
#[derive(Serialize)]
struct ErrorData {
    /// The error with its causes, or null if the stream was closed on request.
    error: Option<String>,
    /// The name of the [`ErrorKind`](crate::ErrorKind), or `requested`.
    kind: &'static str,
    retryable: bool,
}

impl ErrorData {
    /// Describes an error after which the stream dials again.
    fn of_disconnected(error: &Error) -> Self {
        Self::new(error, true)
    }

    fn of_closed(closed: &Closed) -> Self {
        match closed {
            Closed::Requested => Self { error: None, kind: "requested", retryable: false },
            // The client has retried these for minutes, so another attempt needs a change.
            Closed::Failed(error) => {
                let kind = error.kind();
                let needs_change = kind.is_auth() || matches!(kind, ErrorKind::ClockSkew { .. });
                Self::new(error, kind.is_retryable() && !needs_change)
            }
        }
    }

    fn new(error: &Error, retryable: bool) -> Self {
        Self { error: Some(format!("{error:#}")), kind: error.kind().name(), retryable }
    }
}

#[derive(Default, Serialize)]
struct GapData<'a> {
    reason: &'static str,
    /// The pair, if the gap concerns only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a Pair>,
    /// Start of the time while disconnected.
    since: Option<Timestamp>,
    /// End of the time while disconnected.
    until: Option<Timestamp>,
    /// Number of merged items.
    missed: Option<u64>,
    /// Number of merged messages of an unknown kind, which no snapshot contains.
    unknown: Option<u64>,
    before: Option<&'a Edge>,
    /// The last event that was merged.
    last: Option<&'a Edge>,
    after: Option<&'a Edge>,
}

impl<'a> Line<'a> {
    fn new<T: Copy + Into<Stream>>(StreamItem { stream, received, item }: &'a StreamItem<T>) -> Self {
        let (r#type, data) = match item {
            Item::Snapshot(message) => ("snapshot", Data::of(message)),
            Item::Update(message) => ("update", Data::of(message)),
            Item::Connected(connected) => (
                "connected",
                Data::Connected { url: connected.url.to_string(), connection: connected.number },
            ),
            Item::Gap(gap) => ("gap", Data::Gap(gap)),
            Item::Malformed(malformed) => (
                "malformed",
                Data::Malformed {
                    error: malformed.reason.to_string(),
                    raw: String::from_utf8_lossy(&malformed.raw),
                },
            ),
            Item::Unknown(unknown) => ("unknown", Data::Unknown { event: unknown.event(), raw: unknown }),
            Item::MissingPairs(pairs) => ("missing_pairs", Data::MissingPairs { pairs }),
            Item::Disconnected(disconnected) => {
                let data = Data::Disconnected {
                    error: ErrorData::of_disconnected(&disconnected.error),
                    retry_in_ms: millis(disconnected.retry_in),
                    refusals: disconnected.refusals.map(|refusals| refusals.count),
                    refused_since: disconnected.refusals.map(|refusals| refusals.first),
                    repeats: disconnected.repeats,
                };
                ("disconnected", data)
            }
            Item::RecoveredTrade(recovered) => {
                ("recovered_trade", Data::Recovered(RecoveredData::new(recovered)))
            }
            Item::RecoveredOrder(order) => ("recovered_order", Data::Order(order)),
            Item::Backfilled(backfilled) => ("backfilled", Data::Backfilled(BackfilledData::new(backfilled))),
            Item::Closed(closed) => ("closed", Data::Closed(ErrorData::of_closed(closed))),
        };
        let line = Self {
            v: VERSION,
            r#type,
            stream: (*stream).into().name(),
            received: received.and_then(Timestamp::to_rfc3339),
            event_id: None,
            timestamp: None,
            data,
            extra: None,
        };
        match item {
            Item::Snapshot(message) | Item::Update(message) => match message {
                Message::AccountBalance(event) => line.with_envelope(event),
                Message::ActiveOrders(event) => line.with_envelope(event),
                Message::HistoryOrders(event) => line.with_envelope(event),
                Message::UserTrade(event) => line.with_envelope(event),
                Message::OrderBook(_) | Message::Ticker(_) | Message::MarketTrades(_) => {
                    Self { event_id: message.event_id(), timestamp: message.timestamp(), ..line }
                }
                _ => line,
            },
            _ => line,
        }
    }

    fn with_envelope<D>(self, event: &'a Event<D>) -> Self {
        Self {
            event_id: event.event_id.as_ref(),
            timestamp: Some(event.timestamp),
            extra: Some(&event.extra).filter(|extra| !extra.is_empty()),
            ..self
        }
    }
}

impl<'a> Data<'a> {
    fn of(message: &'a Message) -> Self {
        match message {
            Message::AccountBalance(event) => Self::Balances(&event.data),
            Message::ActiveOrders(event) => Self::Active(&event.data),
            Message::HistoryOrders(event) => Self::History(&event.data),
            Message::UserTrade(event) => Self::Trade(&event.data),
            other => Self::Other(other),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
