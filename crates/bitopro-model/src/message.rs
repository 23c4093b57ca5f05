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

/// A message of any private stream, classified by its `event`.
///
/// If the stream of a message is known, [`decode`] is faster, because it does not have to read the event's name
/// first.
///
/// # Examples
///
/// ```
/// use bitopro_model::Message;
///
/// let text = r#"{"event":"ACCOUNT_BALANCE","timestamp":1639553303365,"data":{}}"#;
/// match Message::from_json(text)? {
///     Message::AccountBalance(event) => assert!(event.data.is_empty()),
///     other => println!("ignored {}", other.event()),
/// }
/// # Ok::<(), bitopro_model::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// The event `ACCOUNT_BALANCE`.
    AccountBalance(AccountBalance),
    /// The event `ACTIVE_ORDERS`.
    ActiveOrders(ActiveOrders),
    /// The event `RECENT_HISTORY_ORDERS`.
    HistoryOrders(HistoryOrders),
    /// The event `USER_TRADE`.
    UserTrade(Box<UserTrade>),
    /// An event that this version of the crate does not know.
    Unknown(UnknownMessage),
}

impl Message {
    /// Parses a message of any kind.
    ///
    /// An unknown event is returned as [`Message::Unknown`], not as an error.
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] if the text is not a JSON object with a string `event`, or is a known event
    /// with an invalid field.
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

    /// Parses a message that arrived on this stream, like [`decode`].
    ///
    /// Any event other than the stream's own is [`Message::Unknown`], even if it belongs to another stream.
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] if the text is not a JSON object with a string `event`, or is the stream's
    /// own event with an invalid field.
    ///
    /// # Examples
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

    /// Returns the name of the event.
    pub fn event(&self) -> &str {
        match self {
            Self::AccountBalance(event) => event.name(),
            Self::ActiveOrders(event) => event.name(),
            Self::HistoryOrders(event) => event.name(),
            Self::UserTrade(event) => event.name(),
            Self::Unknown(unknown) => unknown.event(),
        }
    }

    /// Returns the stream that this event belongs to, or `None` for an unknown event.
    pub fn stream(&self) -> Option<PrivateStream> {
        self.envelope().map(|envelope| envelope.stream)
    }

    /// Returns the event's `timestamp`, or `None` for an unknown event.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.envelope().map(|envelope| envelope.timestamp)
    }

    /// Returns the event's `eventID`, or `None` for an unknown event and for an event without one.
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

/// The envelope fields of any known event.
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

impl<D: EventData> From<DecodedMessage<D>> for Message {
    fn from(decoded: DecodedMessage<D>) -> Self {
        match decoded {
            DecodedMessage::Event(event) => event.into(),
            DecodedMessage::Unknown(unknown) => Self::Unknown(unknown),
        }
    }
}

/// Converts a message to the event of `D`, or returns the unchanged message as the error.
impl<D: EventData> TryFrom<Message> for Event<D> {
    type Error = Message;

    fn try_from(message: Message) -> Result<Self, Message> {
        D::from_message(message)
    }
}

/// The result of [`decode`]: the event of the expected stream, or an unknown message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodedMessage<D> {
    /// The event of the stream.
    Event(Event<D>),
    /// Any other event, verbatim.
    Unknown(UnknownMessage),
}

/// Parses a message that arrived on the stream of `D`.
///
/// Any event other than the stream's own is returned as [`DecodedMessage::Unknown`], not as an error.
///
/// # Errors
///
/// Returns a [`DecodeError`] if the text is not a JSON object with a string `event`, or is the stream's own
/// event with an invalid field.
///
/// # Examples
///
/// ```
/// use bitopro_model::{Balances, DecodedMessage, decode};
///
/// let text = r#"{"event":"ACCOUNT_BALANCE","timestamp":1639553303365,"data":{}}"#;
/// let DecodedMessage::Event(event) = decode::<Balances>(text)? else { panic!("unknown event") };
/// assert_eq!(event.timestamp.as_millis(), 1_639_553_303_365);
///
/// let other = r#"{"event":"MAINTENANCE","minutes":30}"#;
/// let DecodedMessage::Unknown(message) = decode::<Balances>(other)? else { panic!("known event") };
/// assert_eq!((message.event(), message.raw()), ("MAINTENANCE", other));
/// # Ok::<(), bitopro_model::DecodeError>(())
/// ```
pub fn decode<D: EventData>(text: &str) -> Result<DecodedMessage<D>, DecodeError> {
    // Nearly every message is the stream's own event, so the event's name is only read if that attempt fails.
    serde_json::from_str(text).map(DecodedMessage::Event).or_else(|_| {
        let EventName(event) = parse(text, Some(D::STREAM))?;
        if event == D::STREAM.event() {
            Event::from_json(text).map(DecodedMessage::Event)
        } else {
            UnknownMessage::new(event, text).map(DecodedMessage::Unknown)
        }
    })
}

/// A message with an unexpected or unknown event, verbatim.
#[derive(Clone)]
pub struct UnknownMessage {
    event: String,
    raw: Box<RawValue>,
}

impl UnknownMessage {
    fn new(event: String, text: &str) -> Result<Self, DecodeError> {
        Ok(Self { event, raw: parse(text, None)? })
    }

    /// Returns the message's `event`.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Returns the raw JSON of the message.
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
    /// Formats the event's name, and its time if the event is known.
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

/// Buffers the message's text, because the `event` may be its last field. [`Message::from_json`] does not
/// buffer.
impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).map_err(D::Error::custom)
    }
}

/// The `event` of a message. All other fields are skipped.
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
