use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

use crate::error::parse;
use crate::wire::Key;
use crate::{
    AccountBalance, ActiveOrderStream, ActiveOrders, Balances, DecodeError, Event, EventData,
    HistoryOrderStream, HistoryOrders, Orders, PrivateStream, Timestamp, Trade, UserTrade,
};

/// Any message of any private stream, told apart by its `event`.
///
/// For a text whose stream is known, [`decode`] is faster, since it need not look first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// `ACCOUNT_BALANCE`.
    AccountBalance(AccountBalance),
    /// `ACTIVE_ORDERS`.
    ActiveOrders(ActiveOrders),
    /// `RECENT_HISTORY_ORDERS`.
    HistoryOrders(HistoryOrders),
    /// `USER_TRADE`.
    UserTrade(Box<UserTrade>),
    /// An event that this version does not know.
    Unknown(UnknownMessage),
}

impl Message {
    /// Reads a message of any kind. An event that this version does not know is
    /// [`Message::Unknown`], not an error.
    ///
    /// # Errors
    /// A [`DecodeError`] if the text is not a JSON object with a textual `event`, or is a known event
    /// with a fault in it.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let EventName(event) = parse(text, None)?;
        match PrivateStream::ALL.iter().copied().find(|stream| stream.event() == event) {
            Some(PrivateStream::AccountBalance) => Event::from_json(text).map(Self::AccountBalance),
            Some(PrivateStream::ActiveOrders) => Event::from_json(text).map(Self::ActiveOrders),
            Some(PrivateStream::HistoryOrders) => Event::from_json(text).map(Self::HistoryOrders),
            Some(PrivateStream::UserTrades) => Event::from_json(text).map(Box::new).map(Self::UserTrade),
            None => UnknownMessage::new(event, text).map(Self::Unknown),
        }
    }

    /// Reads a message that arrived on this stream, as [`decode`] does: an event other than the stream's own is
    /// [`Message::Unknown`], even if another stream carries it.
    ///
    /// # Errors
    /// A [`DecodeError`] if the text is not a JSON object with a textual `event`, or is the stream's own
    /// event with a fault in it.
    ///
    /// ```
    /// use bitopro_model::{Message, PrivateStream};
    ///
    /// let text = r#"{"event":"ACTIVE_ORDERS","timestamp":1639386803000,"data":{}}"#;
    /// assert!(matches!(Message::from_stream(PrivateStream::ActiveOrders, text)?, Message::ActiveOrders(_)));
    /// assert!(matches!(Message::from_stream(PrivateStream::UserTrades, text)?, Message::Unknown(_)));
    /// # Ok::<(), bitopro_model::DecodeError>(())
    /// ```
    pub fn from_stream(stream: PrivateStream, text: &str) -> Result<Self, DecodeError> {
        match stream {
            PrivateStream::AccountBalance => decode::<Balances>(text).map(Self::from),
            PrivateStream::ActiveOrders => decode::<Orders<ActiveOrderStream>>(text).map(Self::from),
            PrivateStream::HistoryOrders => decode::<Orders<HistoryOrderStream>>(text).map(Self::from),
            PrivateStream::UserTrades => decode::<Trade>(text).map(Self::from),
        }
    }

    /// The name of the event.
    pub fn event(&self) -> &str {
        match self {
            Self::AccountBalance(event) => event.name(),
            Self::ActiveOrders(event) => event.name(),
            Self::HistoryOrders(event) => event.name(),
            Self::UserTrade(event) => event.name(),
            Self::Unknown(unknown) => unknown.event(),
        }
    }

    /// The stream that carries this event, or `None` for an unknown event.
    pub fn stream(&self) -> Option<PrivateStream> {
        self.envelope().map(|envelope| envelope.stream)
    }

    /// The event's `timestamp`, or `None` for an unknown event.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.envelope().map(|envelope| envelope.timestamp)
    }

    /// The event's `eventID`, or `None` for an event without one and for an unknown event.
    pub fn event_id(&self) -> Option<&str> {
        self.envelope()?.event_id
    }

    fn envelope(&self) -> Option<Envelope<'_>> {
        match self {
            Self::AccountBalance(event) => Some(Envelope::of(event)),
            Self::ActiveOrders(event) => Some(Envelope::of(event)),
            Self::HistoryOrders(event) => Some(Envelope::of(event)),
            Self::UserTrade(event) => Some(Envelope::of(event)),
            Self::Unknown(_) => None,
        }
    }
}

/// The fields that the events of all streams have in common.
struct Envelope<'a> {
    stream: PrivateStream,
    timestamp: Timestamp,
    event_id: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    fn of<D: EventData>(event: &'a Event<D>) -> Self {
        Self { stream: D::STREAM, timestamp: event.timestamp, event_id: event.event_id.as_deref() }
    }
}

impl<D: EventData> From<Event<D>> for Message {
    fn from(event: Event<D>) -> Self {
        D::into_message(event)
    }
}

impl<D: EventData> From<Decoded<D>> for Message {
    fn from(decoded: Decoded<D>) -> Self {
        match decoded {
            Decoded::Event(event) => event.into(),
            Decoded::Unknown(unknown) => Self::Unknown(unknown),
        }
    }
}

/// Fails with the message unchanged if it is of another kind.
impl<D: EventData> TryFrom<Message> for Event<D> {
    type Error = Message;

    fn try_from(message: Message) -> Result<Self, Message> {
        D::from_message(message)
    }
}

/// The outcome of reading a text on a stream whose event is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<D> {
    /// The stream's own event.
    Event(Event<D>),
    /// Some other event, whole and as it came.
    Unknown(UnknownMessage),
}

/// Reads a message that arrived on the stream of `D`.
///
/// # Errors
/// A [`DecodeError`] if the text is not a JSON object with a textual `event`, or is the stream's own
/// event with a fault in it. Any other event is [`Decoded::Unknown`].
pub fn decode<D: EventData>(text: &str) -> Result<Decoded<D>, DecodeError> {
    // The stream's own event is nearly all there is, so it is tried first and the rest looked at after.
    serde_json::from_str(text).map(Decoded::Event).or_else(|_| {
        let EventName(event) = parse(text, Some(D::STREAM))?;
        if event == D::STREAM.event() {
            Event::from_json(text).map(Decoded::Event)
        } else {
            UnknownMessage::new(event, text).map(Decoded::Unknown)
        }
    })
}

/// A message whose event this version does not know, whole and as it came.
#[derive(Clone)]
pub struct UnknownMessage {
    event: String,
    raw: Box<RawValue>,
}

impl UnknownMessage {
    fn new(event: String, text: &str) -> Result<Self, DecodeError> {
        Ok(Self { event, raw: parse(text, None)? })
    }

    /// What the message calls itself.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The raw JSON of the whole message.
    pub fn raw(&self) -> &str {
        self.raw.get()
    }
}

impl PartialEq for UnknownMessage {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for UnknownMessage {}

impl fmt::Debug for UnknownMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownMessage").field("event", &self.event).field("raw", &self.raw()).finish()
    }
}

impl Serialize for UnknownMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl fmt::Display for Message {
    /// The event's name, and its time if it is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountBalance(event) => event.fmt(f),
            Self::ActiveOrders(event) => event.fmt(f),
            Self::HistoryOrders(event) => event.fmt(f),
            Self::UserTrade(event) => event.fmt(f),
            Self::Unknown(unknown) => f.write_str(unknown.event()),
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AccountBalance(event) => event.serialize(serializer),
            Self::ActiveOrders(event) => event.serialize(serializer),
            Self::HistoryOrders(event) => event.serialize(serializer),
            Self::UserTrade(event) => event.serialize(serializer),
            Self::Unknown(unknown) => unknown.serialize(serializer),
        }
    }
}

/// Buffers the message's text, since its kind may only be known at its end. [`Message::from_json`] does not.
impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).map_err(D::Error::custom)
    }
}

/// The `event` of a message, and nothing else of it.
struct EventName(String);

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventNameVisitor)
    }
}

struct EventNameVisitor;

impl<'de> Visitor<'de> for EventNameVisitor {
    type Value = EventName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message with an `event`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventName, A::Error> {
        let mut event: Option<String> = None;
        while let Some(Key(key)) = map.next_key()? {
            if key == "event" {
                crate::wire::put(&mut event, "event", map.next_value()?)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        event.map(EventName).ok_or_else(|| A::Error::missing_field("event"))
    }
}
