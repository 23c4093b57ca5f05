use std::time::{Instant, SystemTime};

use bitopro_model::{
    AccountBalance, ActiveOrderStream, ActiveOrders, Balances, Event, EventData, HistoryOrderStream,
    HistoryOrders,
};
use bitopro_model::{MarketTrades, OrderBook, Orders, Ticker, Trade, UserTrade};

use crate::account::{BalanceMap, ClosedOrders, Current, CurrentAccount, OpenOrders, RecentTrades};
use crate::engine::{Engine, SubscriberId};
use crate::item::{AccountItem, Item, MarketItem, StreamItem};
use crate::market::{CurrentMarket, CurrentPairs};

/// The subject of a [`Subscription`](crate::Subscription): one stream, a whole [`Account`] or a [`Market`].
///
/// A single private stream is identified by the data of its events: [`Balances`],
/// [`Orders<ActiveOrderStream>`](Orders), [`Orders<HistoryOrderStream>`](Orders) or [`Trade`]. A public one is
/// identified by its event: [`OrderBook`], [`Ticker`] or [`MarketTrades`]. This trait is sealed and cannot be implemented outside of this crate.
///
/// # Examples
///
/// A function that accepts a subscription to any topic:
///
/// ```
/// use bitopro_client::{Subscription, Topic};
///
/// async fn count_items<T: Topic>(mut subscription: Subscription<T>) -> usize {
///     let mut count = 0;
///     while subscription.next().await.is_some() {
///         count += 1;
///     }
///     count
/// }
/// # use bitopro_client::transport::memory;
/// # use bitopro_client::{Client, Credentials};
/// #
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, _exchange) = memory::network();
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
///
/// let (trades, account) = (client.user_trades(), client.account());
/// trades.request_close();
/// account.request_close();
/// assert_eq!(count_items(trades).await, 1); // `Closed`
/// assert_eq!(count_items(account).await, 4); // `Closed` for each of the four streams
/// # Ok(()) }
/// ```
pub trait Topic: sealed::Sealed + 'static {
    /// An item of the subscription.
    type Item;

    /// The current state, as returned by [`Subscription::current`](crate::Subscription::current).
    type Current;
}

/// The topic of a whole account: all of its streams in one subscription, in the order of arrival.
///
/// Each [`AccountItem`] names its stream. This type has no values; it only names the topic.
///
/// # Examples
///
/// ```
/// use bitopro_client::{Account, Item, Subscription};
///
/// /// Waits for the next data message of any stream.
/// async fn next_data(account: &mut Subscription<Account>) -> Option<String> {
///     while let Some(next) = account.next().await {
///         match next.item {
///             Item::Snapshot(_) => return Some(format!("snapshot of {}", next.stream)),
///             Item::Update(_) => return Some(format!("update of {}", next.stream)),
///             _ => {}
///         }
///     }
///     None
/// }
/// # use bitopro_client::transport::{Frame, memory};
/// # use bitopro_client::{Client, Credentials};
/// #
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut exchange) = memory::network();
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// # let snapshot = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{}}"#;
/// # tokio::spawn(async move {
/// #     let mut peers = Vec::new();
/// #     while let Some(dial) = exchange.next_dial().await {
/// #         let is_balance = dial.request().url().path().ends_with("account-balance");
/// #         let mut peer = dial.accept();
/// #         if is_balance {
/// #             peer.send(Frame::text(snapshot)).await.unwrap();
/// #         }
/// #         peers.push(peer);
/// #     }
/// # });
///
/// let mut account = client.account();
/// assert_eq!(next_data(&mut account).await.as_deref(), Some("snapshot of account-balance"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {}

pub(super) mod sealed {
    /// Projects the items and the state of a subscriber onto those of a topic.
    pub trait Sealed {
        fn item(item: super::StreamItem) -> Option<<Self as super::Topic>::Item>
        where
            Self: super::Topic;

        fn current(reading: &super::Reading<'_>) -> <Self as super::Topic>::Current
        where
            Self: super::Topic;
    }
}

/// Converts an item of an account into one of a single stream. Returns `None` for items of other streams.
fn stream_item<D: EventData>(item: StreamItem) -> Option<Item<Event<D>>> {
    item.item.try_map(D::from_message).ok()
}

/// The subscriber of an engine whose state is read, and the time of the reading.
#[derive(Debug)]
pub struct Reading<'a> {
    pub(super) engine: &'a Engine,
    pub(super) subscriber: SubscriberId,
    pub(super) time: (Instant, SystemTime),
}

impl Reading<'_> {
    fn account(&self) -> CurrentAccount {
        self.engine.current(self.time.0, self.time.1, self.subscriber)
    }

    fn market(&self) -> CurrentMarket {
        self.engine.current_market(self.time.0, self.time.1, self.subscriber)
    }
}

impl Topic for Account {
    type Item = AccountItem;
    type Current = CurrentAccount;
}

impl sealed::Sealed for Account {
    fn item(item: StreamItem) -> Option<AccountItem> {
        item.into_account()
    }

    fn current(reading: &Reading<'_>) -> CurrentAccount {
        reading.account()
    }
}

impl Topic for Balances {
    type Item = Item<AccountBalance>;
    type Current = Option<Current<BalanceMap>>;
}

impl sealed::Sealed for Balances {
    fn item(item: StreamItem) -> Option<Item<AccountBalance>> {
        stream_item(item)
    }

    fn current(reading: &Reading<'_>) -> Option<Current<BalanceMap>> {
        reading.account().balances
    }
}

impl Topic for Orders<ActiveOrderStream> {
    type Item = Item<ActiveOrders>;
    type Current = Option<Current<OpenOrders>>;
}

impl sealed::Sealed for Orders<ActiveOrderStream> {
    fn item(item: StreamItem) -> Option<Item<ActiveOrders>> {
        stream_item(item)
    }

    fn current(reading: &Reading<'_>) -> Option<Current<OpenOrders>> {
        reading.account().open_orders
    }
}

impl Topic for Orders<HistoryOrderStream> {
    type Item = Item<HistoryOrders>;
    type Current = Option<Current<ClosedOrders>>;
}

impl sealed::Sealed for Orders<HistoryOrderStream> {
    fn item(item: StreamItem) -> Option<Item<HistoryOrders>> {
        stream_item(item)
    }

    fn current(reading: &Reading<'_>) -> Option<Current<ClosedOrders>> {
        reading.account().closed_orders
    }
}

impl Topic for Trade {
    type Item = Item<UserTrade>;
    type Current = Option<Current<RecentTrades>>;
}

impl sealed::Sealed for Trade {
    fn item(item: StreamItem) -> Option<Item<UserTrade>> {
        stream_item(item)
    }

    fn current(reading: &Reading<'_>) -> Option<Current<RecentTrades>> {
        reading.account().trades
    }
}

/// The topic of public streams: all of them in one subscription, in the order of arrival.
///
/// Each [`MarketItem`] names its stream. This type has no values; it only names the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {}

impl Topic for Market {
    type Item = MarketItem;
    type Current = CurrentMarket;
}

impl sealed::Sealed for Market {
    fn item(item: StreamItem) -> Option<MarketItem> {
        item.into_market()
    }

    fn current(reading: &Reading<'_>) -> CurrentMarket {
        reading.market()
    }
}

/// Implements [`Topic`] for the event of a public stream, whose state is a part of [`CurrentMarket`].
macro_rules! market_topics {
    ($($event:ident in $part:ident;)*) => {$(
        impl Topic for $event {
            type Item = Item<$event>;
            type Current = CurrentPairs<$event>;
        }

        impl sealed::Sealed for $event {
            fn item(item: StreamItem) -> Option<Item<$event>> {
                item.item.try_map($event::try_from).ok()
            }

            fn current(reading: &Reading<'_>) -> CurrentPairs<$event> {
                reading.market().$part
            }
        }
    )*};
}

market_topics! {
    OrderBook in order_books;
    Ticker in tickers;
    MarketTrades in trades;
}
