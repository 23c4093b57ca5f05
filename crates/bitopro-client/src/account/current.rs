use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitopro_model::{Decimal, Order, OrderId, PrivateStream, Timestamp, exact_sub};

use super::{BalanceMap, ClosedOrders, OpenOrders, RecentTrades, StreamState};
use crate::item::{Gap, GapReason};

/// The current state of one stream: a consistent view that does not change while it is held.
///
/// # Examples
///
/// ```
/// use bitopro_client::{Client, Credentials};
///
/// # use bitopro_client::transport::{Frame, memory};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # tokio::spawn(async move {
/// #     let mut peer = server.next_dial().await.unwrap().accept();
/// #     let balance = r#"{"currency":"BTC","amount":"1.10","available":"1"}"#;
/// #     let text = format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{"BTC":{balance}}}}}"#);
/// #     peer.send(Frame::text(text)).await.unwrap();
/// #     std::future::pending::<()>().await;
/// # });
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let balances = client.balances();
/// balances.ready().await?;
/// if let Some(current) = balances.current().filter(|current| !current.is_stale()) {
///     let bitcoin = current.state().get("BTC");
///     println!("{bitcoin:?}, {:?} old", current.age());
/// #   assert_eq!(bitcoin.unwrap().amount.to_string(), "1.10");
/// }
/// # assert!(balances.current().is_some());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Current<S> {
    state: Arc<S>,
    as_of: Option<Timestamp>,
    age: Duration,
    is_stale: bool,
    connection: u64,
}

impl<S> Current<S> {
    pub(crate) fn new(
        state: Arc<S>,
        as_of: Option<Timestamp>,
        age: Duration,
        is_stale: bool,
        connection: u64,
    ) -> Self {
        Self { state, as_of, age, is_stale, connection }
    }

    /// Returns the state.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Returns the time of the last event in the state, according to the exchange's clock.
    ///
    /// Returns `None` if a stream without snapshots has not delivered an event yet.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// Returns the age of the state: the time between the arrival of the last event and the call that read
    /// the state. It does not grow while you hold the copy.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns whether the state may be out of date.
    ///
    /// A state is stale while disconnected, until the snapshot arrives, after a message that could not be
    /// read or that contradicts an earlier one (a smaller executed amount, or another status of a closed
    /// order), and after the machine was suspended. Open orders are also stale while the history, if
    /// subscribed, is.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Returns the number of the connection that delivered the last event, counted from 1, or 0 before the
    /// first event.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// Marks the state as stale if something that it depends on is stale.
    pub(crate) fn stale_if(mut self, is_stale: bool) -> Self {
        self.is_stale |= is_stale;
        self
    }
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), ..*self }
    }
}

/// The current state of an account, with all parts read at the same moment.
///
/// A part is `None` if its stream is not subscribed, or before its first snapshot (for trades: before their
/// first connection).
///
/// # Examples
///
/// ```
/// use bitopro_client::model::PrivateStream;
/// use bitopro_client::{Client, Credentials};
///
/// # use bitopro_client::transport::{Frame, memory};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # tokio::spawn(async move {
/// #     let mut orders = server.next_dial().await.unwrap().accept();
/// #     orders.send(Frame::text(r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{}}"#)).await.unwrap();
/// #     let mut balances = server.next_dial().await.unwrap().accept();
/// #     balances.send(Frame::text(r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{}}"#)).await.unwrap();
/// #     std::future::pending::<()>().await;
/// # });
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let account = client.subscribe(&[PrivateStream::AccountBalance, PrivateStream::ActiveOrders]);
/// account.ready().await?;
/// let current = account.current();
/// if current.is_fresh()
///     && let (Some(balances), Some(orders)) = (&current.balances, &current.open_orders)
/// {
///     println!("{} currencies, {} open orders", balances.state().len(), orders.state().len());
/// }
/// assert!(current.trades.is_none(), "the trades are not subscribed");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CurrentAccount {
    /// The balances.
    pub balances: Option<Current<BalanceMap>>,
    /// The open orders.
    pub open_orders: Option<Current<OpenOrders>>,
    /// The recently closed orders.
    pub closed_orders: Option<Current<ClosedOrders>>,
    /// The recent trades.
    pub trades: Option<Current<RecentTrades>>,
    /// The time at which the state was read, according to the same clock as
    /// [`AccountItem::received`](crate::AccountItem::received). `None` if the subscription has been removed.
    pub read_at: Option<Timestamp>,
    /// The executed amounts from before the first connection of the trades.
    pub(crate) executed_before: Arc<BTreeMap<OrderId, Decimal>>,
    /// Number of subscribed streams.
    pub(crate) subscribed: usize,
}

impl CurrentAccount {
    /// Returns the state of one stream as messages, or `None` if it is not known.
    pub fn stream(&self, stream: PrivateStream) -> Option<StreamState> {
        StreamState::read(self, stream)
    }

    /// Returns whether the state of every subscribed stream is known and fresh.
    pub fn is_fresh(&self) -> bool {
        fn fresh<S>(part: Option<&Current<S>>) -> usize {
            usize::from(part.is_some_and(|part| !part.is_stale()))
        }
        let Self { balances, open_orders, closed_orders, trades, subscribed, .. } = self;
        let orders = fresh(open_orders.as_ref()) + fresh(closed_orders.as_ref());
        *subscribed > 0 && fresh(balances.as_ref()) + orders + fresh(trades.as_ref()) == *subscribed
    }

    /// Returns the orders with fills that may be missing because of a gap in the trades.
    ///
    /// These are the orders that changed since the start of the gap and have an executed amount that no known
    /// trade explains: the closed orders first (oldest first), then the open ones.
    ///
    /// Immediately after a gap, the history may be incomplete: call this once [`is_fresh`](Self::is_fresh)
    /// returns `true`. The [backfill](crate::Backfill) finds the missing fills, so that none remain once
    /// [`Item::Backfilled`](crate::Item::Backfilled) states that the gap is closed. Trades older than those that the
    /// client keeps are not known and count as missing. So do the trades of an order that closed shortly before the
    /// subscription; those of the orders that were open do not.
    pub fn missing_fills(&self, gap: &Gap) -> Vec<MissingFills> {
        let closed = self.closed_orders.iter().flat_map(|orders| orders.state().iter());
        let open = self.open_orders.iter().flat_map(|orders| orders.state().iter());
        let Some(trades) = &self.trades else { return Vec::new() };
        missing_fills(closed.chain(open), trades.state(), &self.executed_before, gap_start(gap))
    }
}

/// Returns those of the orders that have changed since the start and have executions that no trade explains.
pub(super) fn missing_fills<'a>(
    orders: impl Iterator<Item = &'a Order>,
    trades: &RecentTrades,
    executed_before: &BTreeMap<OrderId, Decimal>,
    start: Option<Timestamp>,
) -> Vec<MissingFills> {
    // An order without a time may have changed since the start.
    let is_before = |time: Option<Timestamp>| {
        time.zip(start).is_some_and(|(time, start)| time.compare_coarsely(start).is_lt())
    };
    let changed = orders.filter(|order| !is_before(order.updated()));
    let volumes = trades.volumes();
    let missing = changed.filter_map(|order| {
        let known = volumes.get(order.id.as_str()).into_iter().flatten().copied();
        let mut explained = executed_before.get(&order.id).copied().into_iter().chain(known);
        let missing = explained.try_fold(order.executed_amount, exact_sub);
        let is_explained = missing.is_some_and(|missing| missing <= Decimal::ZERO);
        (!is_explained).then(|| MissingFills { order: order.clone(), missing })
    });
    missing.collect()
}

/// Returns the start of a gap according to the exchange's clock, if known.
fn gap_start(gap: &Gap) -> Option<Timestamp> {
    match (&gap.before, &gap.reason) {
        // The last trade before the gap. No other trade was made before the connection ended.
        (Some(edge), _) => Some(edge.timestamp),
        (None, GapReason::Reconnected { since, .. }) => {
            Some(Timestamp::from_millis(since.as_millis().saturating_sub(CLOCK_SLACK_MS)))
        }
        (None, _) => None,
    }
}

/// Maximum difference between the machine's clock and the exchange's, in milliseconds, with which nonces are
/// accepted.
pub(crate) const CLOCK_SLACK_MS: i64 = 60_000;

/// An order with an executed amount that no known trade explains.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingFills {
    /// The order.
    pub order: Order,
    /// The executed amount that no known trade explains, in the base currency, if it can be represented
    /// exactly.
    pub missing: Option<Decimal>,
}
