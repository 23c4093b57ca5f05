use std::time::Duration;

use bitopro_model::{
    ActiveOrderStream, Balances, Event, EventData, HistoryOrderStream, Message, Orders, PrivateStream,
    Timestamp,
};

use super::{Current, CurrentAccount};

/// The state of one stream, written as the messages that the exchange would send for it.
///
/// Returned by [`CurrentAccount::stream`]. With the feature `serde` it serializes to a line of type `state`, with the
/// data of its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamState {
    /// The stream.
    pub stream: PrivateStream,
    /// The time of the last event in it, by the exchange's clock.
    pub as_of: Option<Timestamp>,
    /// The time between the arrival of the last event and the reading.
    pub age: Duration,
    /// Set if it may be out of date.
    pub is_stale: bool,
    /// One message with everything, or on the stream of trades one message for each trade.
    pub messages: Vec<Message>,
}

impl StreamState {
    /// Creates the state of a stream from its messages, as one whose age is not known and which may be out of date.
    pub fn new(stream: PrivateStream, messages: Vec<Message>) -> Self {
        let as_of = messages.last().and_then(Message::timestamp);
        Self { stream, as_of, age: Duration::MAX, is_stale: true, messages }
    }

    pub(super) fn read(account: &CurrentAccount, stream: PrivateStream) -> Option<Self> {
        let CurrentAccount { balances, open_orders, closed_orders, trades, .. } = account;
        Some(match stream {
            PrivateStream::AccountBalance => Self::of(stream, balances.as_ref()?, |as_of, balances| {
                whole::<Balances>(as_of, balances.iter().cloned().collect())
            }),
            PrivateStream::ActiveOrders => Self::of(stream, open_orders.as_ref()?, |as_of, orders| {
                whole::<Orders<ActiveOrderStream>>(as_of, orders.iter().cloned().collect())
            }),
            PrivateStream::HistoryOrders => Self::of(stream, closed_orders.as_ref()?, |as_of, orders| {
                whole::<Orders<HistoryOrderStream>>(as_of, orders.iter().cloned().collect())
            }),
            PrivateStream::UserTrades => Self::of(stream, trades.as_ref()?, |_, trades| {
                trades.iter().cloned().map(Message::from).collect()
            }),
            _ => return None,
        })
    }

    fn of<S>(
        stream: PrivateStream,
        current: &Current<S>,
        messages: impl FnOnce(Option<Timestamp>, &S) -> Vec<Message>,
    ) -> Self {
        let as_of = current.as_of();
        let messages = messages(as_of, current.state());
        Self { stream, as_of, age: current.age(), is_stale: current.is_stale(), messages }
    }
}

/// Returns a state that is one message.
fn whole<D: EventData>(as_of: Option<Timestamp>, data: D) -> Vec<Message> {
    as_of.map(|as_of| Event::new(as_of, data).into()).into_iter().collect()
}
