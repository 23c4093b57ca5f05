//! One JSON object a line, for programs.

use bitopro_client::model::{
    Active, Balances, Event, History, Message, Orders, PrivateStream, Timestamp, Trade, UnknownMessage,
};
use bitopro_client::{Closed, Edge, Error, Gap, GapReason, Item, Malformed};
use serde::Serialize;

use super::picture::Picture;
use crate::decode::ExtraFields;
use crate::exit::chain;

#[derive(Serialize)]
pub(super) struct Line<'a> {
    r#type: &'static str,
    stream: &'static str,
    event_id: Option<&'a str>,
    timestamp: Option<Timestamp>,
    data: Data<'a>,
    /// Fields of the envelope that this version does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<ExtraFields<'a>>,
}

/// The line of a state.
#[derive(Serialize)]
pub(super) struct StateLine<'a> {
    r#type: &'static str,
    stream: &'static str,
    as_of: Option<Timestamp>,
    age_ms: u64,
    stale: bool,
    data: StateData<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StateData<'a> {
    Whole(Data<'a>),
    Each(Vec<Data<'a>>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Balances(&'a Balances),
    Active(&'a Orders<Active>),
    History(&'a Orders<History>),
    Trade(&'a Trade),
    Connected {
        url: String,
        connection: u64,
    },
    Gap(GapData<'a>),
    Malformed {
        error: String,
        raw: std::borrow::Cow<'a, str>,
    },
    Unknown {
        event: &'a str,
        raw: &'a UnknownMessage,
    },
    Disconnected {
        error: String,
        retry_in_ms: u64,
        /// Consecutive refusals for this cause, and when the first one arrived.
        refusals: Option<u32>,
        refused_since: Option<Timestamp>,
    },
    Closed {
        error: Option<String>,
    },
    /// An item or a message of a later version of the client.
    Other {
        item: String,
    },
}

#[derive(Default, Serialize)]
struct GapData<'a> {
    reason: &'static str,
    /// From when to when there was no connection.
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    missed: Option<u64>,
    /// How many of those were of an unknown kind, which no snapshot makes up for.
    unknown: Option<u64>,
    before: Option<Side<'a>>,
    /// The last event that was missed.
    last: Option<Side<'a>>,
    after: Option<Side<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    event_id: Option<&'a str>,
    timestamp: Timestamp,
}

impl<'a> Line<'a> {
    pub(super) fn new(stream: PrivateStream, item: &'a Item<Message>) -> Self {
        let (r#type, data) = match item {
            Item::Snapshot(message) => ("snapshot", Data::of(message)),
            Item::Update(message) => ("update", Data::of(message)),
            Item::Connected(connected) => {
                ("connected", Data::Connected { url: connected.url.to_string(), connection: connected.number })
            }
            Item::Gap(gap) => ("gap", Data::gap(gap)),
            Item::Malformed(malformed) => ("malformed", Data::malformed(malformed)),
            Item::Unknown(unknown) => ("unknown", Data::Unknown { event: unknown.event(), raw: unknown }),
            Item::Disconnected(disconnected) => {
                let data = Data::Disconnected {
                    error: chain(&disconnected.error),
                    retry_in_ms: millis(disconnected.retry_in),
                    refusals: disconnected.refusals.map(|refusals| refusals.count),
                    refused_since: disconnected.refusals.map(|refusals| refusals.first),
                };
                ("disconnected", data)
            }
            Item::Closed(closed) => {
                ("closed", Data::Closed { error: reason(closed).map(|error| chain(error)) })
            }
            other => ("other", Data::Other { item: format!("{other:?}") }),
        };
        let line = Self { r#type, stream: stream.name(), event_id: None, timestamp: None, data, extra: None };
        match item {
            Item::Snapshot(message) | Item::Update(message) => match message {
                Message::AccountBalance(event) => line.of(event),
                Message::ActiveOrders(event) => line.of(event),
                Message::HistoryOrders(event) => line.of(event),
                Message::UserTrade(event) => line.of(event),
                _ => line,
            },
            _ => line,
        }
    }

    /// What the event's envelope says.
    fn of<D>(self, event: &'a Event<D>) -> Self {
        Self {
            event_id: event.event_id.as_deref(),
            timestamp: Some(event.timestamp),
            extra: ExtraFields::of(&event.extra),
            ..self
        }
    }
}

impl<'a> StateLine<'a> {
    pub(super) fn new(picture: &'a Picture) -> Self {
        let each = || picture.events.iter().map(Data::of).collect();
        Self {
            r#type: "state",
            stream: picture.stream.name(),
            as_of: picture.as_of,
            age_ms: millis(picture.age),
            stale: picture.is_stale,
            data: match picture.events.as_slice() {
                [whole] if !matches!(whole, Message::UserTrade(_)) => StateData::Whole(Data::of(whole)),
                _ => StateData::Each(each()),
            },
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
            other => Self::Other { item: format!("{other:?}") },
        }
    }

    fn gap(gap: &'a Gap) -> Self {
        let side = |edge: &'a Edge| Side { event_id: edge.event_id.as_deref(), timestamp: edge.timestamp };
        let edges = GapData {
            before: gap.before.as_ref().map(side),
            after: gap.after.as_ref().map(side),
            ..GapData::default()
        };
        Self::Gap(match &gap.reason {
            GapReason::Reconnected { since, until, .. } => {
                GapData { reason: "reconnected", since: Some(*since), until: Some(*until), ..edges }
            }
            GapReason::Overrun { missed, unknown, last, .. } => GapData {
                reason: "overrun",
                missed: Some(*missed),
                unknown: Some(*unknown),
                last: last.as_ref().map(side),
                ..edges
            },
            _ => GapData { reason: "other", ..edges },
        })
    }

    fn malformed(malformed: &'a Malformed) -> Self {
        Self::Malformed { error: malformed.reason.to_string(), raw: String::from_utf8_lossy(&malformed.raw) }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn reason(closed: &Closed) -> Option<&Error> {
    match closed {
        Closed::Failed(error) => Some(error),
        _ => None,
    }
}
