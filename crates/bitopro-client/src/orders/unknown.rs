use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bitopro_model::{Order, OrderId, Timestamp};
use bitopro_rest::{Completeness, GetOpenOrders, GetOrderHistory, Pager, PlaceOrder, Unproved};
use tokio::time::{Instant, sleep};

use super::matching::{Fit, fit};
use crate::{Account, Client, Current, CurrentAccount, Reader, RestError, Subscription};

/// Time after a call from which a complete list without the order proves that the order was not placed: the longest time
/// for which gateways usually wait for a server, and more than the delay of the lists.
const SETTLING_TIME: Duration = Duration::from_secs(60);
/// The pause before the second search, which doubles for each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Maximum difference between the known time of the exchange and its clock, in milliseconds.
const CLOCK_SLACK_MS: i64 = 60_000;

/// The placement of an order whose outcome is unknown: the answer of the exchange is missing or incomplete.
///
/// The order may have been placed, or may still be. Do not place it again before [`resolve`](Self::resolve) or
/// [`resolve_with`](Self::resolve_with) returns [`Resolution::NotPlaced`].
#[must_use = "the order may have been placed"]
pub struct UnknownPlacement {
    client: Client,
    order: PlaceOrder,
    error: RestError,
    /// The times between which the exchange may have created the order.
    window: (Timestamp, Timestamp),
    ended: Instant,
    /// The order that an earlier search has found.
    found: Option<Box<Order>>,
}

/// The result of [`UnknownPlacement::resolve`] and [`UnknownPlacement::resolve_with`].
#[derive(Debug, Clone)]
pub enum Resolution {
    /// The order was placed: the exchange lists exactly one order that can be the result of the call.
    Placed(Box<Order>),
    /// The order was not placed: at least 60 s after the call ended, the exchange's complete lists did not contain it.
    NotPlaced,
    /// It remains unknown whether the order was placed. Both methods can be called again.
    Unknown(Unresolved),
}

/// The reason why it remains unknown whether an order was placed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Unresolved {
    /// Each of these orders may be the result of the call: several have its client id and its terms, or none certainly
    /// has both.
    Ambiguous(Vec<Order>),
    /// The exchange's list of orders may be incomplete.
    Incomplete(Unproved),
    /// The exchange lists an order that may also be the result of another call of this client, which has not ended yet.
    InFlight,
    /// The lists cannot be read.
    Failed(RestError),
}

/// The orders that the exchange lists, and the reason why there may be more.
struct Listed {
    orders: Vec<Order>,
    incomplete: Option<Unproved>,
}

impl UnknownPlacement {
    /// Creates the unknown placement of a call that has just ended. `before` is the exchange's time at its start.
    pub(super) fn new(client: Client, order: PlaceOrder, before: Timestamp, error: RestError) -> Self {
        let after = client.exchange_time();
        let settled_ms = CLOCK_SLACK_MS + i64::try_from(SETTLING_TIME.as_millis()).unwrap_or(i64::MAX);
        let window = (shifted(before, -CLOCK_SLACK_MS), shifted(after, settled_ms));
        Self { client, order, error, window, ended: Instant::now(), found: None }
    }

    /// Returns the order that was sent.
    pub fn order(&self) -> &PlaceOrder {
        &self.order
    }

    /// Returns the error of the call.
    pub fn error(&self) -> &RestError {
        &self.error
    }

    /// Finds out whether the order was placed.
    ///
    /// Searches the open orders and the order history of the pair until the order is found, or until its absence is
    /// proved, which takes until 60 s after the call ended. Call it inside [`tokio::time::timeout`] to wait for less.
    ///
    /// An order in the lists is the result of the call if it was created between a minute before the call and two
    /// minutes after it, has the same client id (or none), pair, side, type, price, amount, trigger and time in force, and
    /// belongs to no other placement of this client or of its clones. The amount of a market order that buys is not
    /// compared, since the exchange lists the amount in the base currency. A stop-limit order that was triggered may be
    /// listed as a limit order, which fits only in part if it has no stop price. If several orders fit, or one fits only
    /// in part, the outcome is [ambiguous](Unresolved::Ambiguous).
    ///
    /// Give each order its own client id. Without one, an order that another program places on the same terms at the same
    /// time may be mistaken for this one. So may a market order of this client that buys for another amount, while its
    /// outcome is unknown too.
    ///
    /// Once the order is found, every further call returns it as it was found, without a search.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn resolve(&mut self) -> Resolution {
        if let Some(found) = &self.found {
            return Resolution::Placed(found.clone());
        }
        let resolution = self.searched().await;
        self.keep(resolution)
    }

    /// Finds out whether the order was placed, like [`resolve`](Self::resolve), but also from the streams.
    ///
    /// Pass a subscription of the account in which the order was placed, such as [`Client::account`]: an order of another
    /// account may be mistaken for this one. It must include the open or the closed orders. If its state contains exactly
    /// one order that is the result of the call by the same rules, and the order has a creation time, the search ends
    /// immediately, even if the REST API is not available. Only the lists prove that the order was not placed: if they
    /// cannot be read or may be incomplete, this method waits for the streams until 60 s after the call ended.
    ///
    /// Give each order its own client id. Without one, an equal order that another program placed since a minute before
    /// the call is mistaken for this one if the streams show only that order.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_client::rest::PlaceOrder;
    /// use bitopro_client::{Client, Outcome, Resolution};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let simulator = bitopro_sim::Simulator::builder().start_in_memory()?;
    /// # let credentials = simulator.credentials().to_credentials()?;
    /// let client = Client::builder(credentials)
    /// #   .with_endpoint(simulator.ws_url())
    /// #   .with_rest_endpoint(simulator.rest_url())
    /// #   .with_connector(simulator.connector())
    /// #   .with_http_client(simulator.connector())
    ///     .build()?;
    /// let account = client.account();
    /// # account.ready().await?;
    /// # client.trading_pairs().await?;
    /// # simulator.execute(&"fail-rest 1 lose".parse()?)?;
    /// let order = PlaceOrder::limit_buy("btc_twd", "0.01".parse()?, 2_600_000.into()).with_client_id(7_u32);
    /// if let Outcome::Unknown(mut unknown) = client.place(&order).await? {
    /// #   simulator.execute(&"fail-rest 1000 502".parse()?)?;
    ///     match unknown.resolve_with(&account).await {
    ///         Resolution::Placed(order) => println!("placed with the id {}", order.id),
    ///         Resolution::NotPlaced => println!("not placed"),
    ///         Resolution::Unknown(reason) => println!("check the account: {reason}"),
    ///     }
    /// #   return matches!(unknown.resolve().await, Resolution::Placed(_)).then_some(()).ok_or("not found".into());
    /// }
    /// # Err("the outcome is known".into()) }
    /// ```
    pub async fn resolve_with(&mut self, account: &Subscription<Account>) -> Resolution {
        if let Some(found) = &self.found {
            return Resolution::Placed(found.clone());
        }
        let searched = async {
            let resolution = self.searched().await;
            if let Resolution::Unknown(Unresolved::Failed(_) | Unresolved::Incomplete(_)) = resolution {
                sleep(self.time_left()).await;
            }
            resolution
        };
        let resolution = tokio::select! {
            biased;
            order = self.shown(account.reader()) => Resolution::Placed(Box::new(order)),
            resolution = searched => resolution,
        };
        self.keep(resolution)
    }

    /// Returns the resolution after it has kept the order, if any.
    fn keep(&mut self, resolution: Resolution) -> Resolution {
        if let Resolution::Placed(order) = &resolution {
            self.found = Some(order.clone());
        }
        resolution
    }

    /// Returns the time until complete lists without the order prove that it was not placed.
    fn time_left(&self) -> Duration {
        SETTLING_TIME.saturating_sub(self.ended.elapsed())
    }

    /// Waits until the streams show the order, which never happens if it was not placed.
    async fn shown(&self, mut account: Reader<Account>) -> Order {
        loop {
            if let Ok(Some(order)) = self.result_among(self.in_window_of(&account.current())) {
                return order;
            }
            tokio::select! {
                true = account.changed() => {}
                // The outcome of a similar placement may become known without a message.
                () = sleep(FIRST_PAUSE) => {}
            }
        }
    }

    /// Searches the lists until the order is found or cannot be found.
    async fn searched(&self) -> Resolution {
        let mut pause = FIRST_PAUSE;
        loop {
            let left = self.time_left();
            let unresolved = match self.search().await {
                Ok(Some(order)) => return Resolution::Placed(Box::new(order)),
                Ok(None) if left.is_zero() => return Resolution::NotPlaced,
                Ok(None) => None,
                Err(unresolved) => Some(unresolved),
            };
            if let Some(unresolved) = unresolved.filter(|reason| left.is_zero() || !reason.may_pass()) {
                return Resolution::Unknown(unresolved);
            }
            sleep(pause.min(left)).await;
            pause *= 2;
        }
    }

    /// Returns the order if it is listed, or `None` if the complete lists do not contain it.
    async fn search(&self) -> Result<Option<Order>, Unresolved> {
        let Listed { orders, incomplete } = self.list().await.map_err(Unresolved::Failed)?;
        match incomplete {
            Some(reason) => Err(Unresolved::Incomplete(reason)),
            None => self.result_among(orders.into_iter().filter(|order| self.is_in_window(order)).collect()),
        }
    }

    /// Returns the order that is the result of the call, and attributes it to this placement, or `None` if none of the
    /// orders can be the result.
    fn result_among(&self, in_window: Vec<Order>) -> Result<Option<Order>, Unresolved> {
        let placements = &self.client.order_state().placements;
        let orders = placements.candidates(&self.order, in_window).ok_or(Unresolved::InFlight)?;
        let (mut certain, doubtful): (Vec<_>, Vec<_>) =
            orders.into_iter().partition(|listed| fit(&self.order, listed) == Fit::Equal);
        if let Some(order) = certain.pop() {
            if !certain.is_empty() {
                certain.push(order);
                return Err(Unresolved::Ambiguous(certain));
            }
            if !placements.attribute(&order.id) {
                return Err(Unresolved::InFlight);
            }
            return Ok(Some(order));
        }
        if doubtful.is_empty() { Ok(None) } else { Err(Unresolved::Ambiguous(doubtful)) }
    }

    /// Returns the orders that the streams show and that were created when the call may have created its order.
    ///
    /// Unlike the lists, the streams can show orders of any age, so those without a creation time are left out.
    fn in_window_of(&self, account: &CurrentAccount) -> Vec<Order> {
        let open = account.open_orders.iter().flat_map(Current::state);
        let closed = account.closed_orders.iter().flat_map(Current::state);
        let in_window = open.chain(closed).filter(|o| o.created().is_some() && self.is_in_window(o));
        // An order that is both open and closed is closed.
        let by_id: BTreeMap<&OrderId, &Order> = in_window.map(|order| (&order.id, order)).collect();
        by_id.into_values().cloned().collect()
    }

    /// Reads the orders of the pair that may have been created by the call.
    async fn list(&self) -> Result<Listed, RestError> {
        let (rest, pair) = (self.client.rest()?, self.order.pair());
        // An order that closes between the two calls is in the history.
        let open = rest.call(&GetOpenOrders::new().with_pair(pair.clone())).await?;
        let end = self.window.1.min(self.client.exchange_time());
        let mut pager = Pager::new(GetOrderHistory::new(pair.clone()), self.window.0, end);
        while let Some(call) = pager.next_call() {
            pager.handle_page(rest.call(&call).await?);
        }
        let history = pager.finish();
        let by_id: BTreeMap<OrderId, Order> =
            open.into_iter().chain(history.items).map(|order| (order.id.clone(), order)).collect();
        let incomplete = match history.completeness {
            Completeness::Complete => None,
            Completeness::NotProvedComplete(reason) => Some(reason),
        };
        Ok(Listed { orders: by_id.into_values().collect(), incomplete })
    }

    fn is_in_window(&self, listed: &Order) -> bool {
        listed.created().is_none_or(|created| {
            // Times in seconds are compared as such.
            created.compare_coarsely(self.window.0).is_ge() && created.compare_coarsely(self.window.1).is_le()
        })
    }
}

fn shifted(time: Timestamp, by_ms: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(by_ms))
}

impl Unresolved {
    /// Returns whether a later search may have another result.
    fn may_pass(&self) -> bool {
        match self {
            Self::InFlight => true,
            Self::Failed(error) => error.kind().is_transient(),
            Self::Ambiguous(_) | Self::Incomplete(_) => false,
        }
    }
}

impl fmt::Display for Unresolved {
    /// Formats the reason, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(orders) => {
                f.write_str("several orders fit, or one fits only in part: ")?;
                for (number, order) in orders.iter().enumerate() {
                    write!(f, "{}{}", if number == 0 { "" } else { ", " }, order.id)?;
                }
                f.write_str("; give each order a client id that no other order has")
            }
            Self::Incomplete(reason) => {
                write!(f, "the list of orders may be incomplete: {reason}; search it for the order")
            }
            Self::InFlight => {
                f.write_str("a similar order is being placed; resolve again when that call has ended")
            }
            Self::Failed(error) => {
                write!(f, "the lists of orders cannot be read: {error:#}; resolve again later")
            }
        }
    }
}

impl fmt::Debug for UnknownPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownPlacement")
            .field("order", &self.order)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
