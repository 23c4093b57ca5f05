use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::{DecodeError, parse};
use crate::wire::{Field, Key, put};
use crate::{Extra, Message, PrivateStream, Timestamp};

/// The data of the events of one stream: [`Balances`](crate::Balances), [`Orders`](crate::Orders) or
/// [`Trade`](crate::Trade).
///
/// Any `Event<D>` converts to a [`Message`] with `From` and back with `TryFrom`, which returns a message of another kind
/// unchanged. The trait is sealed: no other type implements it.
///
/// ```
/// use bitopro_model::{Event, EventData, Message};
///
/// fn events_of<D: EventData>(messages: Vec<Message>) -> Vec<Event<D>> {
///     messages.into_iter().filter_map(|message| message.try_into().ok()).collect()
/// }
/// ```
pub trait EventData: sealed::Sealed + Serialize + for<'de> Deserialize<'de> {
    /// The stream that carries the events.
    const STREAM: PrivateStream;
}

pub(crate) mod sealed {
    use super::{Event, Message};

    /// Restricts [`EventData`](super::EventData) to this crate, and names the variant of [`Message`] for each type.
    pub trait Sealed: Sized {
        /// Wraps an event in its variant.
        fn into_message(event: Event<Self>) -> Message;

        /// Returns the event of a message, or the message itself if it is of another kind.
        fn from_message(message: Message) -> Result<Event<Self>, Message>;
    }
}

/// An event of a private stream: the envelope that all of them share, around `data`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<D> {
    /// `eventID`, a random UUID. Absent before November 2024.
    pub event_id: Option<String>,
    /// When the exchange sent it: the only clock to compute with.
    pub timestamp: Timestamp,
    /// `datetime`, kept as text: it has been seen in Taiwan time under a `Z`.
    pub datetime: Option<String>,
    /// What the event says.
    pub data: D,
    /// Fields of the envelope that this version does not know, and optional ones that could not be read, verbatim.
    pub extra: Extra,
}

impl<D: EventData> Event<D> {
    /// An event of this moment and content, without an id.
    pub fn new(timestamp: Timestamp, data: D) -> Self {
        Self { event_id: None, timestamp, datetime: None, data, extra: Extra::default() }
    }

    /// The event's name on the wire: `ACCOUNT_BALANCE`.
    pub fn name(&self) -> &'static str {
        D::STREAM.event()
    }

    /// Reads one event whose kind is known.
    ///
    /// # Errors
    /// A [`DecodeError`] that names the field's path, if the text is not JSON or not this event. To
    /// carry events of other kinds instead, use [`decode`](crate::decode).
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        parse(text, Some(D::STREAM))
    }
}

impl<D: EventData> fmt::Display for Event<D> {
    /// The event's name and time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name(), self.timestamp)
    }
}

impl<D: EventData> Serialize for Event<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", self.name())?;
        self.event_id.write("eventID", &mut map)?;
        self.timestamp.write("timestamp", &mut map)?;
        self.datetime.write("datetime", &mut map)?;
        map.serialize_entry("data", &self.data)?;
        self.extra.write(&mut map)?;
        map.end()
    }
}

impl<'de, D: EventData> Deserialize<'de> for Event<D> {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        deserializer.deserialize_map(EventVisitor(PhantomData))
    }
}

struct EventVisitor<D>(PhantomData<D>);

impl<'de, D: EventData> Visitor<'de> for EventVisitor<D> {
    type Value = Event<D>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event {}", D::STREAM.event())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event<D>, A::Error> {
        let mut named: Option<Named<D>> = None;
        let mut event_id: Option<Option<String>> = None;
        let mut timestamp: Option<Timestamp> = None;
        let mut datetime: Option<Option<String>> = None;
        let mut data: Option<D> = None;
        let mut extra = Extra::default();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "event" => put(&mut named, "event", map.next_value()?)?,
                "eventID" => put(&mut event_id, "eventID", Field::read(&key, &mut map, &mut extra)?)?,
                "timestamp" => put(&mut timestamp, "timestamp", map.next_value()?)?,
                "datetime" => put(&mut datetime, "datetime", Field::read(&key, &mut map, &mut extra)?)?,
                "data" => put(&mut data, "data", map.next_value()?)?,
                unknown => extra.read(unknown, &mut map)?,
            }
        }
        named.ok_or_else(|| A::Error::missing_field("event"))?;
        Ok(Event {
            event_id: event_id.flatten(),
            timestamp: timestamp.ok_or_else(|| A::Error::missing_field("timestamp"))?,
            datetime: datetime.flatten(),
            data: data.ok_or_else(|| A::Error::missing_field("data"))?,
            extra,
        })
    }
}

/// The `event` field, read as proof that it names the event of `D`: a mismatch ends the reading at once.
struct Named<D>(PhantomData<D>);

impl<'de, D: EventData> Deserialize<'de> for Named<D> {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let Key(name) = Key::deserialize(deserializer)?;
        let expected = D::STREAM.event();
        if name == expected {
            Ok(Self(PhantomData))
        } else {
            Err(T::Error::custom(format_args!("`{name}` where `{expected}` was expected")))
        }
    }
}
