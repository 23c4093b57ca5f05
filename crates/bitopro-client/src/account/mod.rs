//! The four streams of an account as one: in the order in which their items arrive, with one state.

mod current;
mod mail;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bitopro_model::{
    AccountBalance, Active, ActiveOrders, Balances, History, HistoryOrders, Orders, PrivateStream, Trade,
    UserTrade,
};
use futures_core::Stream;

use crate::driver::Command;
use crate::item::Item;
use crate::shared::Inbox;
use crate::subscription::Line;

pub use current::{CurrentAccount, Unaccounted};
pub(crate) use mail::Desk;

/// An item of one of the account's streams.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "a box would stand in the way of every match, to save copying a trade"
)]
pub enum AccountItem {
    /// Of the balances.
    Balances(Item<AccountBalance>),
    /// Of the open orders.
    ActiveOrders(Item<ActiveOrders>),
    /// Of the orders that ended.
    HistoryOrders(Item<HistoryOrders>),
    /// Of the trades.
    UserTrades(Item<UserTrade>),
}

impl AccountItem {
    /// The stream that it is of.
    pub fn stream(&self) -> PrivateStream {
        match self {
            Self::Balances(_) => PrivateStream::AccountBalance,
            Self::ActiveOrders(_) => PrivateStream::ActiveOrders,
            Self::HistoryOrders(_) => PrivateStream::HistoryOrders,
            Self::UserTrades(_) => PrivateStream::UserTrades,
        }
    }

    /// Whether it is the whole state of its stream.
    pub(crate) fn is_snapshot(&self) -> bool {
        match self {
            Self::Balances(item) => matches!(item, Item::Snapshot(_)),
            Self::ActiveOrders(item) => matches!(item, Item::Snapshot(_)),
            Self::HistoryOrders(item) => matches!(item, Item::Snapshot(_)),
            Self::UserTrades(item) => matches!(item, Item::Snapshot(_)),
        }
    }

    /// Whether after it something may be missing until the next snapshot.
    pub(crate) fn casts_doubt(&self) -> bool {
        fn does<E>(item: &Item<E>) -> bool {
            matches!(item, Item::Malformed(_) | Item::Gap(_))
        }
        match self {
            Self::Balances(item) => does(item),
            Self::ActiveOrders(item) => does(item),
            Self::HistoryOrders(item) => does(item),
            Self::UserTrades(item) => does(item),
        }
    }
}

/// A whole account: a [`Stream`] of the items of its four streams in the order in which they arrive, and the
/// state that they add up to.
///
/// Each stream has a socket of its own, and its own connections, gaps and end; this ends when all four have.
/// What is not read in time is merged stream by stream. Polling is cancel-safe, and dropping it ends all
/// connections at once.
pub struct AccountSubscription {
    desk: Arc<Desk>,
    lines: Vec<Line>,
}

impl AccountSubscription {
    pub(crate) fn new(desk: Arc<Desk>, lines: Vec<Line>) -> Self {
        Self { desk, lines }
    }

    /// The state as it is known now. Cheap, and one consistent picture of all four streams.
    pub fn current(&self) -> CurrentAccount {
        self.desk.current()
    }

    /// A handle that reads the state from elsewhere. It keeps nothing alive.
    pub fn reader(&self) -> AccountReader {
        AccountReader(Arc::clone(&self.desk))
    }

    /// Asks for fresh snapshots, which only new connections give.
    pub fn resync(&self) {
        self.lines.iter().for_each(|line| line.send(Command::Resync));
    }

    /// Asks for the end of all streams, each of which comes within the close deadline.
    pub fn request_close(&self) {
        self.lines.iter().for_each(|line| line.send(Command::Close));
    }

    /// Closes all connections politely, within the close deadline. What had not been read is dropped.
    pub async fn close(mut self) {
        self.request_close();
        while std::future::poll_fn(|context| Pin::new(&mut self).poll_next(context)).await.is_some() {}
    }
}

impl Stream for AccountSubscription {
    type Item = AccountItem;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<AccountItem>> {
        self.desk.poll_item(context)
    }
}

impl Drop for AccountSubscription {
    /// The drivers are told to end, and may take a moment; a reader must not take the state for fresh meanwhile.
    fn drop(&mut self) {
        Inbox::<Balances>::end(&*self.desk);
        Inbox::<Orders<Active>>::end(&*self.desk);
        Inbox::<Orders<History>>::end(&*self.desk);
        Inbox::<Trade>::end(&*self.desk);
    }
}

impl fmt::Debug for AccountSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSubscription").finish_non_exhaustive()
    }
}

/// Reads the state of an [`AccountSubscription`] from elsewhere. After its end the state is stale.
#[derive(Clone)]
pub struct AccountReader(Arc<Desk>);

impl AccountReader {
    /// The state as it is known now. Cheap, and one consistent picture of all four streams.
    pub fn current(&self) -> CurrentAccount {
        self.0.current()
    }
}

impl fmt::Debug for AccountReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountReader")
    }
}
