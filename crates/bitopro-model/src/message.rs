use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

use crate::error::parse;
use crate::event::OfStream;
use crate::predicted;
use crate::wire::Key;
use crate::{
    AccountBalance, ActiveOrderStream, ActiveOrders, Balances, DecodeError, Event, EventData, EventId, Extra,
    HistoryOrderStream, HistoryOrders, MarketEvent, MarketTrades, OrderBook, Orders, Pair, PrivateStream,
    PublicStream, Stream, Ticker, Timestamp, Trade, UserTrade,
};

/// A message of any stream, classified by its `event`.
///
/// If the stream of a message is known, [`from_stream`](Self::from_stream) is faster, because it does not have to
/// read the event's name first.
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
    AccountBalance(Box<AccountBalance>),
    /// The event `ACTIVE_ORDERS`.
    ActiveOrders(Box<ActiveOrders>),
    /// The event `RECENT_HISTORY_ORDERS`.
    HistoryOrders(Box<HistoryOrders>),
    /// The event `USER_TRADE`.
    UserTrade(Box<UserTrade>),
    /// The event `ORDER_BOOK`.
    OrderBook(Box<OrderBook>),
    /// The event `TICKER`.
    Ticker(Box<Ticker>),
    /// The event `TRADE`.
    MarketTrades(Box<MarketTrades>),
    /// An event that this version of the crate does not know.
    Unknown(Box<UnknownMessage>),
}

/// Evaluates one expression for the event of any known message, and another one for an unknown message.
macro_rules! match_event {
    ($message:expr, $event:ident => $known:expr, $unknown:ident => $other:expr $(,)?) => {
        match $message {
            Message::AccountBalance($event) => $known,
            Message::ActiveOrders($event) => $known,
            Message::HistoryOrders($event) => $known,
            Message::UserTrade($event) => $known,
            Message::OrderBook($event) => $known,
            Message::Ticker($event) => $known,
            Message::MarketTrades($event) => $known,
            Message::Unknown($unknown) => $other,
        }
    };
}

impl Message {
    /// Parses a message of any kind.
    ///
    /// An unknown event is returned as [`Message::Unknown`], not as an error. So is an event of a public stream
    /// without its `pair`; see [`from_public_stream`](Self::from_public_stream).
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] if the text is not a JSON object with a string `event`, or is a known event
    /// with an invalid field.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        if let Some(stream) = leading_stream(text) {
            return Self::from_stream(stream, text);
        }
        let Head { event, .. } = parse(text, None)?;
        match Stream::all().find(|stream| stream.event() == event) {
            Some(stream) => Self::from_stream(stream, text),
            None => UnknownMessage::new(event, text).map(Self::from),
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
    pub fn from_stream(stream: impl Into<Stream>, text: &str) -> Result<Self, DecodeError> {
        match stream.into() {
            Stream::Private(PrivateStream::AccountBalance) => decode::<Balances>(text).map(Self::from),
            Stream::Private(PrivateStream::ActiveOrders) => {
                decode::<Orders<ActiveOrderStream>>(text).map(Self::from)
            }
            Stream::Private(PrivateStream::HistoryOrders) => {
                decode::<Orders<HistoryOrderStream>>(text).map(Self::from)
            }
            Stream::Private(PrivateStream::UserTrades) => decode::<Trade>(text).map(Self::from),
            Stream::Public(stream) => Self::from_public_stream(stream, None, text),
        }
    }

    /// Parses a message that arrived on a public stream.
    ///
    /// Some messages have no `pair` (observed). Such a message is about `only_pair`, the pair of a socket that follows
    /// only one. Without it, nothing shows which pair the message is about, so it is [`Message::Unknown`].
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] as [`from_stream`](Self::from_stream) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_model::{Message, Pair, PublicStream};
    ///
    /// let text = r#"{"event":"TICKER","timestamp":1790000000123,"lastPrice":"86715.88"}"#;
    /// let pair = Pair::new("BTC_USDT");
    /// let Message::Ticker(ticker) = Message::from_public_stream(PublicStream::Tickers, Some(&pair), text)? else {
    ///     panic!("another event");
    /// };
    /// assert_eq!(ticker.pair, pair);
    /// assert!(matches!(Message::from_public_stream(PublicStream::Tickers, None, text)?, Message::Unknown(_)));
    /// # Ok::<(), bitopro_model::DecodeError>(())
    /// ```
    pub fn from_public_stream(
        stream: PublicStream,
        only_pair: Option<&Pair>,
        text: &str,
    ) -> Result<Self, DecodeError> {
        match stream {
            PublicStream::OrderBooks => decode_market::<OrderBook>(only_pair, text),
            PublicStream::Tickers => decode_market::<Ticker>(only_pair, text),
            PublicStream::Trades => decode_market::<MarketTrades>(only_pair, text),
        }
    }

    /// Returns the name of the event.
    pub fn event(&self) -> &str {
        match_event!(self, event => stream_of(event).event(), unknown => unknown.event())
    }

    /// Returns the stream that this event belongs to, or `None` for an unknown event.
    pub fn stream(&self) -> Option<Stream> {
        match_event!(self, event => Some(stream_of(event)), _unknown => None)
    }

    /// Returns the event's `timestamp`, or `None` for an unknown event.
    pub fn timestamp(&self) -> Option<Timestamp> {
        match_event!(self, event => Some(event.timestamp), _unknown => None)
    }

    /// Returns the event's `eventID`, or `None` for an unknown event and for an event without one.
    pub fn event_id(&self) -> Option<&EventId> {
        match_event!(self, event => event.event_id.as_ref(), _unknown => None)
    }

    /// Returns the pair of an event of a public stream, or `None` for any other message.
    pub fn market_pair(&self) -> Option<&Pair> {
        match self {
            Self::OrderBook(event) => Some(&event.pair),
            Self::Ticker(event) => Some(&event.pair),
            Self::MarketTrades(event) => Some(&event.pair),
            _ => None,
        }
    }
}

impl<D: EventData> From<Event<D>> for Message {
    fn from(event: Event<D>) -> Self {
        D::into_message(event)
    }
}

impl From<UnknownMessage> for Message {
    fn from(unknown: UnknownMessage) -> Self {
        Self::Unknown(Box::new(unknown))
    }
}

impl<D: EventData> From<DecodedMessage<D>> for Message {
    fn from(decoded: DecodedMessage<D>) -> Self {
        match decoded {
            DecodedMessage::Event(event) => event.into(),
            DecodedMessage::Unknown(unknown) => unknown.into(),
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
    let stream = Some(D::STREAM.into());
    if let Some(read) = predicted::read(text, stream) {
        return read.map(DecodedMessage::Event);
    }
    if leading_stream(text) == stream {
        return parse(text, stream).map(DecodedMessage::Event);
    }
    // Nearly every message is the stream's own event, so the event's name is only read if that attempt fails.
    serde_json::from_str(text).map(DecodedMessage::Event).or_else(|_| {
        let Head { event, .. } = parse(text, Some(D::STREAM.into()))?;
        if event == D::STREAM.event() {
            Event::from_json(text).map(DecodedMessage::Event)
        } else {
            UnknownMessage::new(event, text).map(DecodedMessage::Unknown)
        }
    })
}

/// Returns the stream of a message whose first field is its `event`, if that is known.
fn leading_stream(text: &str) -> Option<Stream> {
    let name = predicted::leading_event(text)?;
    Stream::all().find(|stream| stream.event() == name)
}

fn stream_of<M: OfStream>(_: &M) -> Stream {
    M::STREAM
}

/// Parses a message of a public stream, of which `only_pair` is the pair if it follows only one.
fn decode_market<E: MarketEvent>(only_pair: Option<&Pair>, text: &str) -> Result<Message, DecodeError> {
    if let Ok(event) = E::from_json(text) {
        return Ok(event.into());
    }
    let Head { event, has_pair } = parse(text, Some(E::STREAM))?;
    match only_pair {
        _ if event != E::STREAM.event() => UnknownMessage::new(event, text).map(Message::from),
        _ if has_pair => E::from_json(text).map(E::into),
        Some(pair) => E::from_json(&with_pair(pair, text)?).map(E::into),
        None => UnknownMessage::new(event, text).map(Message::from),
    }
}

/// Returns a message with its pair, in place of one that is `null` or empty.
fn with_pair(pair: &Pair, text: &str) -> Result<String, DecodeError> {
    let fields: Extra = parse(text, None)?;
    let others = fields.iter().filter(|(name, _)| *name != "pair");
    let others = others.map(|(name, raw)| format!(",{}:{raw}", Value::from(name)));
    Ok(format!("{{\"pair\":{}{}}}", Value::from(pair.as_str()), others.collect::<String>()))
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
        match_event!(self, event => event.fmt(f), unknown => f.write_str(unknown.event()))
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match_event!(self, event => event.serialize(serializer), unknown => unknown.serialize(serializer))
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

/// The fields of a message that decide how to read it. All others are skipped.
struct Head {
    event: String,
    /// True if the `pair` is neither absent nor `null` nor an empty string.
    has_pair: bool,
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadVisitor)
    }
}

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message with an `event`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut event: Option<String> = None;
        let mut has_pair = false;
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "event" => crate::wire::put(&mut event, "event", map.next_value()?)?,
                "pair" => has_pair |= !matches!(map.next_value::<&RawValue>()?.get(), "null" | r#""""#),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let event = event.ok_or_else(|| A::Error::missing_field("event"))?;
        Ok(Head { event, has_pair })
    }
}
