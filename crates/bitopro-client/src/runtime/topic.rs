use bitopro_model::{
    AccountBalance, ActiveOrderStream, ActiveOrders, Balances, Event, EventData, HistoryOrderStream,
    HistoryOrders,
};
use bitopro_model::{Orders, Trade, UserTrade};

use crate::account::{BalanceMap, ClosedOrders, Current, CurrentAccount, OpenOrders, RecentTrades};
use crate::item::{AccountItem, Item};

/// A subject to subscribe to: one stream, named by the data of its events, or a whole [`Account`].
///
/// Implemented for [`Balances`], [`Orders<ActiveOrderStream>`](Orders), [`Orders<HistoryOrderStream>`](Orders), [`Trade`] and [`Account`];
/// it cannot be implemented elsewhere.
pub trait Topic: sealed::Sealed + 'static {
    /// The items that a subscription emits.
    type Item;

    /// The state.
    type Current;
}

/// The streams of an account as one: each item says of which stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {}

pub(super) mod sealed {
    /// Converts what is known of an account into what is known of a topic.
    pub trait Sealed {
        fn item(item: super::AccountItem) -> Option<<Self as super::Topic>::Item>
        where
            Self: super::Topic;

        fn current(account: super::CurrentAccount) -> <Self as super::Topic>::Current
        where
            Self: super::Topic;
    }
}

/// Returns the item of a single stream.
fn event<D: EventData>(item: AccountItem) -> Option<Item<Event<D>>> {
    item.item.try_map(D::from_message).ok()
}

impl Topic for Account {
    type Item = AccountItem;
    type Current = CurrentAccount;
}

impl sealed::Sealed for Account {
    fn item(item: AccountItem) -> Option<AccountItem> {
        Some(item)
    }

    fn current(account: CurrentAccount) -> CurrentAccount {
        account
    }
}

impl Topic for Balances {
    type Item = Item<AccountBalance>;
    type Current = Option<Current<BalanceMap>>;
}

impl sealed::Sealed for Balances {
    fn item(item: AccountItem) -> Option<Item<AccountBalance>> {
        event(item)
    }

    fn current(account: CurrentAccount) -> Option<Current<BalanceMap>> {
        account.balances
    }
}

impl Topic for Orders<ActiveOrderStream> {
    type Item = Item<ActiveOrders>;
    type Current = Option<Current<OpenOrders>>;
}

impl sealed::Sealed for Orders<ActiveOrderStream> {
    fn item(item: AccountItem) -> Option<Item<ActiveOrders>> {
        event(item)
    }

    fn current(account: CurrentAccount) -> Option<Current<OpenOrders>> {
        account.open_orders
    }
}

impl Topic for Orders<HistoryOrderStream> {
    type Item = Item<HistoryOrders>;
    type Current = Option<Current<ClosedOrders>>;
}

impl sealed::Sealed for Orders<HistoryOrderStream> {
    fn item(item: AccountItem) -> Option<Item<HistoryOrders>> {
        event(item)
    }

    fn current(account: CurrentAccount) -> Option<Current<ClosedOrders>> {
        account.closed_orders
    }
}

impl Topic for Trade {
    type Item = Item<UserTrade>;
    type Current = Option<Current<RecentTrades>>;
}

impl sealed::Sealed for Trade {
    fn item(item: AccountItem) -> Option<Item<UserTrade>> {
        event(item)
    }

    fn current(account: CurrentAccount) -> Option<Current<RecentTrades>> {
        account.trades
    }
}
