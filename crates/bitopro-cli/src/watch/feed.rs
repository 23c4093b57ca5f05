//! What is followed, whichever streams it is made of: one sequence of entries, and a picture of the state.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bitopro_client::model::{
    Active, Balances, Event, History, Message, Orders, PrivateStream, Timestamp, Trade,
};
use bitopro_client::{
    AccountItem, AccountSubscription, Client, Current, Followed, Item, StreamState, Subscription,
};
use futures_util::Stream;

use crate::args::WatchStream;

/// An item and the stream that it is of.
pub(super) struct Entry {
    pub(super) stream: PrivateStream,
    pub(super) item: Item<Message>,
}

/// The state of one stream.
pub(super) struct Picture {
    pub(super) stream: PrivateStream,
    pub(super) as_of: Option<Timestamp>,
    pub(super) age: Duration,
    pub(super) is_stale: bool,
    /// The events that it consists of: the one that holds everything, or on the stream of trades each trade.
    pub(super) events: Vec<Message>,
}

pub(super) trait Feed {
    /// The streams that it is made of.
    fn streams(&self) -> &'static [PrivateStream];

    fn poll_entry(&mut self, context: &mut Context<'_>) -> Poll<Option<Entry>>;

    /// The state of a stream, if there is any yet.
    fn picture(&self, stream: PrivateStream) -> Option<Picture>;

    fn request_close(&self);
}

impl dyn Feed + '_ {
    /// The next entry, or `None` at the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Entry> {
        poll_fn(|context| self.poll_entry(context)).await
    }
}

/// Subscribes to what was asked for, within a runtime.
pub(super) fn subscribe(client: &Client, to: WatchStream) -> Box<dyn Feed> {
    match to {
        WatchStream::Balances => Box::new(client.balances()),
        WatchStream::Orders => Box::new(client.active_orders()),
        WatchStream::History => Box::new(client.history_orders()),
        WatchStream::Trades => Box::new(client.user_trades()),
        WatchStream::All => Box::new(client.account()),
    }
}

/// The data of a stream, and the messages that its state consists of.
trait Streamed: Followed {
    const STREAMS: &'static [PrivateStream] = &[Self::STREAM];

    fn events(state: &Self::State, as_of: Option<Timestamp>) -> Vec<Message> {
        as_of.zip(state.to_data()).map(|(as_of, data)| Event::new(as_of, data).into()).into_iter().collect()
    }
}

impl Streamed for Balances {}

impl Streamed for Orders<Active> {}

impl Streamed for Orders<History> {}

impl Streamed for Trade {
    fn events(state: &Self::State, _: Option<Timestamp>) -> Vec<Message> {
        state.iter().cloned().map(Message::from).collect()
    }
}

fn entry<D: Followed>(item: Item<Event<D>>) -> Entry {
    Entry { stream: D::STREAM, item: item.map(Message::from) }
}

fn picture<D: Streamed>(current: &Current<D::State>) -> Picture {
    Picture {
        stream: D::STREAM,
        as_of: current.as_of(),
        age: current.age(),
        is_stale: current.is_stale(),
        events: D::events(current, current.as_of()),
    }
}

impl<D: Streamed> Feed for Subscription<D> {
    fn streams(&self) -> &'static [PrivateStream] {
        D::STREAMS
    }

    fn poll_entry(&mut self, context: &mut Context<'_>) -> Poll<Option<Entry>> {
        Pin::new(self).poll_next(context).map(|item| item.map(entry))
    }

    fn picture(&self, _: PrivateStream) -> Option<Picture> {
        self.current().as_ref().map(picture::<D>)
    }

    fn request_close(&self) {
        Subscription::request_close(self);
    }
}

impl Feed for AccountSubscription {
    fn streams(&self) -> &'static [PrivateStream] {
        PrivateStream::ALL
    }

    fn poll_entry(&mut self, context: &mut Context<'_>) -> Poll<Option<Entry>> {
        Pin::new(self).poll_next(context).map(|item| {
            item.and_then(|item| match item {
                AccountItem::Balances(item) => Some(entry(item)),
                AccountItem::ActiveOrders(item) => Some(entry(item)),
                AccountItem::HistoryOrders(item) => Some(entry(item)),
                AccountItem::UserTrades(item) => Some(entry(item)),
                _ => None,
            })
        })
    }

    fn picture(&self, stream: PrivateStream) -> Option<Picture> {
        let current = self.current();
        match stream {
            PrivateStream::AccountBalance => current.balances.as_ref().map(picture::<Balances>),
            PrivateStream::ActiveOrders => current.open_orders.as_ref().map(picture::<Orders<Active>>),
            PrivateStream::HistoryOrders => current.history.as_ref().map(picture::<Orders<History>>),
            PrivateStream::UserTrades => current.trades.as_ref().map(picture::<Trade>),
            _ => None,
        }
    }

    fn request_close(&self) {
        AccountSubscription::request_close(self);
    }
}
