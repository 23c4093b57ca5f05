//! The events of the public streams, which are about the market and not about an account.

mod order_book;
mod ticker;
mod trades;

use serde::{Deserialize, Serialize};

use crate::event::OfStream;
use crate::{DecodeError, EventId, Message, Pair, PublicStream, Timestamp};

pub use order_book::{BookLevel, OrderBook, Quote};
pub use ticker::Ticker;
pub use trades::{MarketTrade, MarketTrades};

/// An event of a public stream: [`OrderBook`], [`Ticker`] or [`MarketTrades`].
///
/// It converts to a [`Message`] with `From` and back with `TryFrom`, whose error is the unchanged message if it is of
/// another kind. The trait is sealed and cannot be implemented outside this crate.
pub trait MarketEvent:
    OfStream
    + Into<Message>
    + TryFrom<Message, Error = Message>
    + Serialize
    + for<'de> Deserialize<'de>
    + Send
    + 'static
{
    /// The stream that carries the events.
    const PUBLIC_STREAM: PublicStream;

    /// Parses an event whose kind is known.
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] if the text is not JSON, is an event of another kind or has an invalid field. The
    /// `pair` is required and must not be empty. For a message without it, see [`Message::from_public_stream`].
    fn from_json(text: &str) -> Result<Self, DecodeError>;

    /// Returns the pair in uppercase.
    fn pair(&self) -> &Pair;

    /// Returns the time at which the exchange sent the event.
    fn timestamp(&self) -> Timestamp;

    /// Returns the `eventID`, if any.
    fn event_id(&self) -> Option<&EventId>;
}

/// Declares an event with the envelope that all public events share, followed by its own fields.
macro_rules! market_event {
    (
        $(#[$meta:meta])*
        pub struct $event:ident ($expecting:literal) on $stream:ident {
            $($fields:tt)*
        }
    ) => {
        $crate::wire::wire_struct! {
            $(#[$meta])*
            pub struct $event ($expecting) {
                /// The event's name.
                "event" => event: $crate::EventName<$event>,
                /// The time at which the exchange sent the event.
                "timestamp" => timestamp: $crate::Timestamp,
                /// The same time as text. Do not use it: it has been observed in Taiwan time despite its `Z` suffix.
                "datetime" => datetime: Option<$crate::Datetime>,
                /// A random UUID.
                "eventID" | "eventId" => event_id: Option<$crate::EventId>,
                /// The pair in uppercase.
                "pair" => pair: $crate::Pair,
                $($fields)*
            }
        }

        impl $crate::event::OfStream for $event {
            const STREAM: $crate::Stream = $crate::Stream::Public($crate::PublicStream::$stream);
        }

        impl $crate::MarketEvent for $event {
            const PUBLIC_STREAM: $crate::PublicStream = $crate::PublicStream::$stream;

            fn from_json(text: &str) -> Result<Self, $crate::DecodeError> {
                let stream = Some(Self::PUBLIC_STREAM.into());
                let event: Self = $crate::predicted::parse(text, stream)?;
                if event.pair.as_str().is_empty() {
                    let error = serde::de::Error::missing_field("pair");
                    return Err($crate::DecodeError::new(&error, "", text, 0, stream));
                }
                Ok(event)
            }

            fn pair(&self) -> &$crate::Pair {
                &self.pair
            }

            fn timestamp(&self) -> $crate::Timestamp {
                self.timestamp
            }

            fn event_id(&self) -> Option<&$crate::EventId> {
                self.event_id.as_ref()
            }
        }

        impl From<$event> for $crate::Message {
            fn from(event: $event) -> Self {
                Self::$event(Box::new(event))
            }
        }

        impl TryFrom<$crate::Message> for $event {
            type Error = $crate::Message;

            fn try_from(message: $crate::Message) -> Result<Self, $crate::Message> {
                match message {
                    $crate::Message::$event(event) => Ok(*event),
                    other => Err(other),
                }
            }
        }

        impl std::fmt::Display for $event {
            /// Formats the event's name, pair and time: `ORDER_BOOK of BTC_TWD at 2026-09-21T14:13:20.123Z`.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let name = $crate::PublicStream::$stream.event();
                write!(f, "{name} of {} at {}", self.pair, self.timestamp)
            }
        }
    };
}

use market_event;
