use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::DecodeError;
use crate::predicted::{self, Cursor, Predicted};
use crate::wire::{Field, Key, Spellings, merge, put};
use crate::{Datetime, EventId, Extra, Message, PrivateStream, Stream, Timestamp};

/// The type of an event's `data`: [`Balances`](crate::Balances), [`Orders`](crate::Orders) or
/// [`Trade`](crate::Trade).
///
/// An `Event<D>` converts to a [`Message`] with `From` and back with `TryFrom`, whose error is the unchanged
/// message if it is of another kind. The trait is sealed and cannot be implemented outside this crate.
///
/// # Examples
///
/// ```
/// use bitopro_model::{Event, EventData, Message};
///
/// fn events_of<D: EventData>(messages: Vec<Message>) -> Vec<Event<D>> {
///     messages.into_iter().filter_map(|message| message.try_into().ok()).collect()
/// }
/// ```
pub trait EventData: sealed::Sealed + Predicted + Serialize + for<'de> Deserialize<'de> {
    /// The stream that carries the events.
    const STREAM: PrivateStream;
}

pub(crate) mod sealed {
    use super::{Event, Message};

    /// Seals [`EventData`](super::EventData) and converts between each type and its variant of [`Message`].
    pub trait Sealed: Sized {
        fn into_message(event: Event<Self>) -> Message;

        /// Returns the event of a message, or the message itself if it is of another kind.
        fn from_message(message: Message) -> Result<Event<Self>, Message>;
    }
}

/// An event of a private stream: the envelope fields that all events share, around `data`.
///
/// Most code uses the aliases [`AccountBalance`](crate::AccountBalance),
/// [`ActiveOrders`](crate::ActiveOrders), [`HistoryOrders`](crate::HistoryOrders) and
/// [`UserTrade`](crate::UserTrade).
///
/// # Examples
///
/// ```
/// use bitopro_model::{AccountBalance, Balance, Event, Timestamp};
///
/// let balances = [Balance::new("ADA", "1.10".parse()?)].into_iter().collect();
/// let event: AccountBalance = Event::new(Timestamp::from_millis(1_639_553_303_365), balances);
/// assert_eq!(event.name(), "ACCOUNT_BALANCE");
///
/// let text = serde_json::to_string(&event)?;
/// assert_eq!(AccountBalance::from_json(&text)?, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<D> {
    /// The `eventID`, a random UUID. Absent before November 2024.
    pub event_id: Option<EventId>,
    /// The time at which the exchange sent the event. Use this field for calculations, not `datetime`.
    pub timestamp: Timestamp,
    /// The `datetime`, kept as text because it has been observed in Taiwan time despite its `Z` suffix.
    pub datetime: Option<Datetime>,
    /// The content of the event.
    pub data: D,
    /// Unknown envelope fields and unreadable optional ones, verbatim.
    pub extra: Extra,
}

impl<D: EventData> Event<D> {
    /// Creates an event without an `eventID` or a `datetime`.
    pub fn new(timestamp: Timestamp, data: D) -> Self {
        Self { event_id: None, timestamp, datetime: None, data, extra: Extra::default() }
    }

    /// Returns the event's name on the wire, such as `ACCOUNT_BALANCE`.
    pub fn name(&self) -> &'static str {
        D::STREAM.event()
    }

    /// Parses an event whose kind is known.
    ///
    /// To accept events of other kinds too, use [`decode`](crate::decode).
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] if the text is not JSON, is an event of another kind or has an invalid
    /// field.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        predicted::parse(text, Some(D::STREAM.into()))
    }
}

impl<D: EventData> fmt::Display for Event<D> {
    /// Formats the event's name and time: `USER_TRADE at 2023-09-14T04:55:58.782Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name(), self.timestamp)
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
        write!(f, "a message with the event `{}`", D::STREAM.event())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event<D>, A::Error> {
        let mut name: Option<EventName<Event<D>>> = None;
        let mut event_id = Spellings::<Option<EventId>>::default();
        let mut timestamp: Option<Timestamp> = None;
        let mut datetime: Option<Option<Datetime>> = None;
        let mut data: Option<D> = None;
        let mut extra = Extra::default();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "event" => put(&mut name, "event", map.next_value()?)?,
                "eventID" => put(&mut event_id.0, "eventID", Field::read(&key, &mut map, &mut extra)?)?,
                "eventId" => put(&mut event_id.1, "eventID", Field::read(&key, &mut map, &mut extra)?)?,
                "timestamp" => put(&mut timestamp, "timestamp", map.next_value()?)?,
                "datetime" => put(&mut datetime, "datetime", Field::read(&key, &mut map, &mut extra)?)?,
                "data" => put(&mut data, "data", map.next_value()?)?,
                unknown => extra.read(unknown, &mut map)?,
            }
        }
        name.ok_or_else(|| A::Error::missing_field("event"))?;
        Ok(Event {
            event_id: merge("eventID", event_id, &extra)?,
            timestamp: timestamp.ok_or_else(|| A::Error::missing_field("timestamp"))?,
            datetime: datetime.flatten(),
            data: data.ok_or_else(|| A::Error::missing_field("data"))?,
            extra,
        })
    }
}

impl<D: EventData> Predicted for Event<D> {
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut is_first = true;
        let _: EventName<Self> = cursor.field(&mut is_first, ",\"event\":")?;
        let id_before_time: Option<EventId> = cursor.field(&mut is_first, ",\"eventID\":")?;
        let timestamp = cursor.field(&mut is_first, ",\"timestamp\":")?;
        let datetime = cursor.field(&mut is_first, ",\"datetime\":")?;
        let event_id = match id_before_time {
            None => cursor.field(&mut is_first, ",\"eventID\":")?,
            known => known,
        };
        cursor.literal(",\"data\":")?;
        let Some(data) = D::predict(cursor) else { return cursor.fail_in(".data") };
        cursor.end()?;
        Some(Self { event_id, timestamp, datetime, data, extra: Extra::default() })
    }
}

/// The `event` field of a message of type `M`, which is always the same. Reading another event fails immediately.
pub struct EventName<M>(PhantomData<fn() -> M>);

/// Names the stream of a type of message.
#[doc(hidden)]
pub trait OfStream {
    const STREAM: Stream;
}

impl<D: EventData> OfStream for Event<D> {
    const STREAM: Stream = Stream::Private(D::STREAM);
}

impl<M: OfStream> OfStream for Box<M> {
    const STREAM: Stream = M::STREAM;
}

impl<M: OfStream> EventName<M> {
    /// Returns the name, such as `ORDER_BOOK`.
    pub const fn as_str(self) -> &'static str {
        M::STREAM.event()
    }
}

impl<M> Clone for EventName<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for EventName<M> {}

impl<M> Default for EventName<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<M> PartialEq for EventName<M> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<M> Eq for EventName<M> {}

impl<M: OfStream> fmt::Debug for EventName<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<M: OfStream> Serialize for EventName<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, M: OfStream> Deserialize<'de> for EventName<M> {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let Key(name) = Key::deserialize(deserializer)?;
        let expected = M::STREAM.event();
        if name == expected {
            Ok(Self(PhantomData))
        } else {
            Err(T::Error::custom(format_args!("unexpected event `{name}`, expected `{expected}`")))
        }
    }
}

#[doc(hidden)]
impl<M: OfStream> Field for EventName<M> {
    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn write<W: SerializeMap>(&self, name: &'static str, map: &mut W) -> Result<(), W::Error> {
        map.serialize_entry(name, self)
    }

    #[inline]
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.literal("\"")?;
        cursor.literal(M::STREAM.event())?;
        cursor.literal("\"").map(|()| Self(PhantomData))
    }
}
