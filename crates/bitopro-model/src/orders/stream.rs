use std::fmt;

use super::{ActiveOrders, HistoryOrders};
use crate::{Message, PrivateStream};

/// One of the two order streams, [`ActiveOrderStream`] and [`HistoryOrderStream`], whose messages have the
/// same format.
///
/// The trait is sealed and cannot be implemented outside this crate.
pub trait OrderStream: sealed::SealedStream + fmt::Debug + Clone + PartialEq + Eq + 'static {
    /// The stream that this type represents.
    const STREAM: PrivateStream;
}

/// The stream of open orders, as a type parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActiveOrderStream {}

impl OrderStream for ActiveOrderStream {
    const STREAM: PrivateStream = PrivateStream::ActiveOrders;
}

impl sealed::SealedStream for ActiveOrderStream {
    fn into_message(event: ActiveOrders) -> Message {
        Message::ActiveOrders(Box::new(event))
    }

    fn from_message(message: Message) -> Result<ActiveOrders, Message> {
        match message {
            Message::ActiveOrders(event) => Ok(*event),
            other => Err(other),
        }
    }
}

/// The stream of closed orders, as a type parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryOrderStream {}

impl OrderStream for HistoryOrderStream {
    const STREAM: PrivateStream = PrivateStream::HistoryOrders;
}

impl sealed::SealedStream for HistoryOrderStream {
    fn into_message(event: HistoryOrders) -> Message {
        Message::HistoryOrders(Box::new(event))
    }

    fn from_message(message: Message) -> Result<HistoryOrders, Message> {
        match message {
            Message::HistoryOrders(event) => Ok(*event),
            other => Err(other),
        }
    }
}

mod sealed {
    use crate::{Event, Message, Orders};

    /// Seals [`OrderStream`](super::OrderStream) and converts between each stream's event and its variant of
    /// [`Message`].
    pub trait SealedStream: Sized {
        fn into_message(event: Event<Orders<Self>>) -> Message;

        fn from_message(message: Message) -> Result<Event<Orders<Self>>, Message>;
    }
}
