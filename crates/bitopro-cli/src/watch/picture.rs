use std::time::Duration;

use bitopro_client::model::{
    Active, Balances, Event, EventData, History, Message, Orders, PrivateStream, Timestamp,
};
use bitopro_client::{Current, CurrentAccount};

/// The state of one stream.
pub(super) struct Picture {
    pub(super) stream: PrivateStream,
    pub(super) as_of: Option<Timestamp>,
    pub(super) age: Duration,
    pub(super) is_stale: bool,
    /// The events that it consists of: the one that holds everything, or on the stream of trades each trade.
    pub(super) events: Vec<Message>,
}

impl Picture {
    /// Returns the state of a stream, if it is known yet.
    pub(super) fn new(account: &CurrentAccount, stream: PrivateStream) -> Option<Self> {
        let CurrentAccount { balances, open_orders, history, trades, .. } = account;
        Some(match stream {
            PrivateStream::AccountBalance => Self::of(stream, balances.as_ref()?, |as_of, balances| {
                whole::<Balances>(as_of, balances.iter().cloned().collect())
            }),
            PrivateStream::ActiveOrders => Self::of(stream, open_orders.as_ref()?, |as_of, orders| {
                whole::<Orders<Active>>(as_of, orders.iter().cloned().collect())
            }),
            PrivateStream::HistoryOrders => Self::of(stream, history.as_ref()?, |as_of, orders| {
                whole::<Orders<History>>(as_of, orders.iter().cloned().collect())
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
        events: impl FnOnce(Option<Timestamp>, &S) -> Vec<Message>,
    ) -> Self {
        let as_of = current.as_of();
        let events = events(as_of, current);
        Self { stream, as_of, age: current.age(), is_stale: current.is_stale(), events }
    }
}

/// Returns a state that is one event.
fn whole<D: EventData>(as_of: Option<Timestamp>, data: D) -> Vec<Message> {
    as_of.map(|as_of| Event::new(as_of, data).into()).into_iter().collect()
}
