//! One JSON object a line, for programs.

use bitopro_client::model::{AccountBalance, Balances, PrivateStream, Timestamp, UnknownMessage};
use bitopro_client::{Closed, Edge, Error, Gap, GapReason, Item, Malformed};
use serde::Serialize;

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

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Balances(&'a Balances),
    Connected {
        url: &'a str,
        connection: u64,
    },
    Gap {
        reason: &'static str,
        missed: Option<u64>,
        before: Option<Side<'a>>,
        after: Option<Side<'a>>,
    },
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
    },
    Closed {
        error: Option<String>,
    },
    /// An item of a later version of the client.
    Other {
        item: String,
    },
}

#[derive(Serialize)]
struct Side<'a> {
    event_id: Option<&'a str>,
    timestamp: Timestamp,
}

impl<'a> Line<'a> {
    pub(super) fn new(item: &'a Item<AccountBalance>) -> Self {
        match item {
            Item::Snapshot(event) => Self::event("snapshot", event),
            Item::Update(event) => Self::event("update", event),
            Item::Connected(connected) => Self::other(
                "connected",
                Data::Connected { url: connected.url.as_str(), connection: connected.number },
            ),
            Item::Gap(gap) => Self::other("gap", Data::gap(gap)),
            Item::Malformed(malformed) => Self::other("malformed", Data::malformed(malformed)),
            Item::Unknown(unknown) => {
                Self::other("unknown", Data::Unknown { event: unknown.event(), raw: unknown })
            }
            Item::Disconnected(disconnected) => {
                let retry_in_ms = u64::try_from(disconnected.retry_in.as_millis()).unwrap_or(u64::MAX);
                Self::other(
                    "disconnected",
                    Data::Disconnected { error: chain(&disconnected.error), retry_in_ms },
                )
            }
            Item::Closed(closed) => {
                Self::other("closed", Data::Closed { error: reason(closed).map(|error| chain(error)) })
            }
            other => Self::other("other", Data::Other { item: format!("{other:?}") }),
        }
    }

    fn event(r#type: &'static str, event: &'a AccountBalance) -> Self {
        Self {
            r#type,
            stream: PrivateStream::AccountBalance.name(),
            event_id: event.event_id.as_deref(),
            timestamp: Some(event.timestamp),
            data: Data::Balances(&event.data),
            extra: ExtraFields::of(&event.extra),
        }
    }

    fn other(r#type: &'static str, data: Data<'a>) -> Self {
        let stream = PrivateStream::AccountBalance.name();
        Self { r#type, stream, event_id: None, timestamp: None, data, extra: None }
    }
}

impl<'a> Data<'a> {
    fn gap(gap: &'a Gap) -> Self {
        let (reason, missed) = match gap.reason {
            GapReason::Reconnected => ("reconnected", None),
            GapReason::Overrun { missed, .. } => ("overrun", Some(missed)),
            _ => ("other", None),
        };
        let side = |edge: &'a Edge| Side { event_id: edge.event_id.as_deref(), timestamp: edge.timestamp };
        Self::Gap {
            reason,
            missed,
            before: gap.before.as_ref().map(side),
            after: gap.after.as_ref().map(side),
        }
    }

    fn malformed(malformed: &'a Malformed) -> Self {
        Self::Malformed { error: malformed.reason.to_string(), raw: String::from_utf8_lossy(&malformed.raw) }
    }
}

fn reason(closed: &Closed) -> Option<&Error> {
    match closed {
        Closed::Failed(error) => Some(error),
        _ => None,
    }
}
