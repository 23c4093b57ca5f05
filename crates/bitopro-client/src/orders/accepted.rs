use std::fmt;
use std::time::Duration;

use bitopro_model::{Order, OrderId, Pair};
use bitopro_rest::{GetOrder, PlacedOrder};
use tokio::time::{Instant, timeout_at};

use crate::{Account, Client, CurrentAccount, Reader, RestError, Subscription};

/// Time after which the REST API is asked for an order that the streams do not show.
const STREAM_DEADLINE: Duration = Duration::from_secs(10);

/// An order that the exchange has accepted.
#[derive(Clone)]
pub struct AcceptedOrder {
    client: Client,
    pair: Pair,
    reply: PlacedOrder,
}

/// The state of an accepted order, as returned by [`AcceptedOrder::settled`].
#[derive(Debug, Clone)]
pub enum Settled {
    /// The order is open: it can still be filled or triggered, and may be filled in part.
    Open(Box<Order>),
    /// The order is closed because it was filled completely.
    Filled(Box<Order>),
    /// The order is closed without being filled completely. Its status and its executed amount show whether it was
    /// cancelled, was a post-only order that would have matched immediately, or was filled in part.
    Closed(Box<Order>),
    /// Neither the streams nor the REST API show the order. The error is that of the REST API.
    Unknown(RestError),
}

impl AcceptedOrder {
    pub(super) fn new(client: Client, pair: Pair, reply: PlacedOrder) -> Self {
        Self { client, pair, reply }
    }

    /// Returns the exchange's id for the order.
    pub fn id(&self) -> &OrderId {
        &self.reply.order_id
    }

    /// Returns the pair.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Returns the reply of the exchange.
    pub fn reply(&self) -> &PlacedOrder {
        &self.reply
    }

    /// Waits until the streams have shown the order, and returns its state at that time.
    ///
    /// Pass a subscription of the same account that includes the open and the closed orders, such as
    /// [`Client::account`]. Since its state is read, not its items, the streams may have shown the order before the
    /// exchange answered the call, and may be interrupted in the meantime. If they have not shown the order within 10 s,
    /// or if they have ended, the REST API is asked once.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_client::rest::PlaceOrder;
    /// use bitopro_client::{Client, Credentials, Outcome, Settled};
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
    /// let order = PlaceOrder::market_buy_for_quote("btc_twd", 1_000.into());
    /// if let Outcome::Accepted(accepted) = client.place(&order).await? {
    ///     match accepted.settled(&account).await {
    ///         Settled::Filled(order) => println!("bought {}", order.executed_amount),
    ///         Settled::Open(order) | Settled::Closed(order) => println!("{}: {:?}", order.id, order.status),
    ///         Settled::Unknown(error) => println!("{error:#}"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn settled(&self, account: &Subscription<Account>) -> Settled {
        let deadline = Instant::now() + STREAM_DEADLINE;
        let shown = timeout_at(deadline, self.shown(account.reader())).await;
        match shown.ok().flatten() {
            Some(settled) => settled,
            None => self.asked().await,
        }
    }

    /// Returns the state that the streams show, or `None` if they end before they show the order.
    async fn shown(&self, mut account: Reader<Account>) -> Option<Settled> {
        loop {
            if let Some(settled) = self.state_in(&account.current()) {
                return Some(settled);
            }
            if !account.changed().await {
                return None;
            }
        }
    }

    fn state_in(&self, account: &CurrentAccount) -> Option<Settled> {
        let id = self.id().as_str();
        let closed = account.closed_orders.as_ref().and_then(|orders| orders.state().get(id));
        if let Some(order) = closed {
            let order = Box::new(order.clone());
            return Some(if order.is_filled() { Settled::Filled(order) } else { Settled::Closed(order) });
        }
        let open = account.open_orders.as_ref().and_then(|orders| orders.state().get(id));
        open.map(|order| Settled::Open(Box::new(order.clone())))
    }

    /// Returns the state that the REST API shows.
    async fn asked(&self) -> Settled {
        let call = GetOrder::new(self.pair.clone(), self.id().clone());
        let reply = match self.client.rest() {
            Ok(rest) => rest.call(&call).await,
            Err(error) => Err(error),
        };
        match reply {
            Ok(order) if order.is_filled() => Settled::Filled(Box::new(order)),
            Ok(order) if order.is_final() => Settled::Closed(Box::new(order)),
            Ok(order) => Settled::Open(Box::new(order)),
            Err(error) => Settled::Unknown(error),
        }
    }
}

impl fmt::Debug for AcceptedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedOrder")
            .field("pair", &self.pair)
            .field("reply", &self.reply)
            .finish_non_exhaustive()
    }
}
