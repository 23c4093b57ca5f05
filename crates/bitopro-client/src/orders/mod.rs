//! Places and cancels orders, and finds out what has become of them.

mod accepted;
mod error;
mod matching;
mod pairs;
mod placements;
mod rules;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use bitopro_model::{ClientId, Pair, Timestamp};
use bitopro_rest::{
    Call, CancelAllOrders, CancelOrder, CancelPairOrders, CancelledOrder, CancelledOrders, List, PlaceOrder,
    TradingPair,
};
use tracing::warn;

use crate::{Client, RestError};
use pairs::PairCache;
use placements::Placements;

pub use accepted::{AcceptedOrder, Settled};
pub use error::{OrderError, OrderErrorKind};
pub use rules::{BrokenRule, OrderRule, broken_rules};
pub use unknown::{Resolution, UnknownPlacement, Unresolved};

/// The result of a call that places or cancels orders, if it is not an error.
///
/// The three results exclude each other: [`Accepted`](Self::Accepted) means that the call took effect,
/// an [`OrderError`] that it did not, and [`Unknown`](Self::Unknown) that it may have.
#[derive(Debug, Clone)]
#[must_use = "an outcome may be unknown"]
pub enum Outcome<T, U = RestError> {
    /// The exchange has acknowledged the call.
    Accepted(T),
    /// The answer of the exchange is missing or incomplete, so the call may have taken effect, or may still do so.
    Unknown(U),
}

/// The rules of the pairs and the placements that a client knows.
#[derive(Debug, Default)]
pub(crate) struct OrderState {
    pairs: PairCache,
    placements: Placements,
}

impl Client {
    /// Places an order over the REST API, and returns when the exchange has answered.
    ///
    /// The order is first checked by [`check_order`](Self::check_order). Nothing is rounded. The order is sent at most once.
    ///
    /// An accepted order may already be filled, or closed; see [`AcceptedOrder::settled`]. If the outcome is unknown,
    /// resolve it with [`UnknownPlacement::resolve`], or with [`UnknownPlacement::resolve_with`] if you follow the
    /// streams, before placing the order again.
    ///
    /// # Errors
    ///
    /// Returns an [`OrderError`] if nothing was placed: the order breaks a rule, could not be sent, or was rejected.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the outcome unknown, without a way to resolve it. Its order, if any, may then also be
    /// taken for the result of an equal placement without a client id whose outcome is unknown.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_client::rest::PlaceOrder;
    /// use bitopro_client::{Client, Credentials, Outcome, Resolution};
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
    /// let order = PlaceOrder::limit_buy("btc_twd", "0.0100".parse()?, 2_600_000.into());
    /// match client.place(&order).await? {
    ///     Outcome::Accepted(accepted) => println!("accepted with the id {}", accepted.id()),
    ///     Outcome::Unknown(mut unknown) => match unknown.resolve().await {
    ///         Resolution::Placed(order) => println!("placed with the id {}", order.id),
    ///         Resolution::NotPlaced => println!("not placed"),
    ///         Resolution::Unknown(reason) => println!("check the account: {reason}"),
    ///     },
    /// }
    /// # assert!(simulator.open_orders().iter().any(|open| open.price == 2_600_000.into()));
    /// # Ok(()) }
    /// ```
    pub async fn place(
        &self,
        order: &PlaceOrder,
    ) -> Result<Outcome<AcceptedOrder, UnknownPlacement>, OrderError> {
        self.check_order(order).await?;
        let in_flight = self.order_state().placements.begin(order);
        let before = self.exchange_time();
        let outcome = self.call_once(order, order.client_id()).await?;
        Ok(match outcome {
            Outcome::Accepted(reply) => {
                in_flight.attribute(&reply.order_id);
                Outcome::Accepted(AcceptedOrder::new(self.clone(), order.pair().clone(), reply))
            }
            Outcome::Unknown(error) => {
                Outcome::Unknown(UnknownPlacement::new(self.clone(), order.clone(), before, error))
            }
        })
    }

    /// Checks an order by [`broken_rules`] against the rules of its pair, without placing it.
    ///
    /// The rules are read again after an hour, or after a minute if the order breaks one.
    ///
    /// # Errors
    ///
    /// Returns an [`OrderError`] if the order breaks a rule, or if the rules are not known and cannot be read.
    pub async fn check_order(&self, order: &PlaceOrder) -> Result<(), OrderError> {
        let rest = self.rest().map_err(error::without_effect)?;
        self.order_state().pairs.check(&rest, order).await
    }

    /// Cancels an order over the REST API, and returns when the exchange has answered.
    ///
    /// The call is sent at most once. The acknowledgement is not the final state of the order, which may have been
    /// filled in part. If the outcome is unknown, cancelling the order again is harmless: it is rejected if the order is
    /// closed.
    ///
    /// # Errors
    ///
    /// Returns an [`OrderError`] if the call could not be sent, or was rejected, for example because the order is not
    /// open.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the outcome unknown.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_client::rest::CancelOrder;
    /// use bitopro_client::{Client, Outcome};
    ///
    /// async fn cancel(client: &Client, id: &str) -> Result<(), Box<dyn std::error::Error>> {
    ///     match client.cancel(&CancelOrder::new("btc_twd", id)).await? {
    ///         Outcome::Accepted(cancelled) => println!("cancelled {}", cancelled.order_id),
    ///         Outcome::Unknown(error) => println!("{id} may still be open: {error:#}"),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn cancel(&self, order: &CancelOrder) -> Result<Outcome<CancelledOrder>, OrderError> {
        self.call_once(order, None).await
    }

    /// Cancels all open orders of a pair, and returns those that the exchange reports as cancelled.
    ///
    /// The call is sent at most once. If the outcome is unknown, [`GetOpenOrders`](bitopro_rest::GetOpenOrders) lists
    /// what remains open. Repeating the call would also cancel orders that were placed in between.
    ///
    /// # Errors
    ///
    /// Returns an [`OrderError`] if the call could not be sent, or was rejected.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the outcome unknown.
    pub async fn cancel_all_of(&self, pair: impl Into<Pair>) -> Result<Outcome<CancelledOrders>, OrderError> {
        self.call_once(&CancelPairOrders::new(pair), None).await
    }

    /// Cancels all open orders of the account, including those that other programs have placed.
    ///
    /// The call is sent at most once. An unknown outcome is the same as for [`cancel_all_of`](Self::cancel_all_of).
    ///
    /// # Errors
    ///
    /// Returns an [`OrderError`] if the call could not be sent, or was rejected.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the outcome unknown.
    pub async fn cancel_all(&self) -> Result<Outcome<CancelledOrders>, OrderError> {
        self.call_once(&CancelAllOrders::new(), None).await
    }

    /// Returns the trading pairs with their rules, as the exchange listed them in the last hour.
    ///
    /// The first call, and [`place`](Self::place), read them from the exchange; all clones of the client share them.
    ///
    /// # Errors
    ///
    /// Returns a [`RestError`] if the pairs have to be read and cannot be.
    pub async fn trading_pairs(&self) -> Result<Arc<List<TradingPair>>, RestError> {
        self.order_state().pairs.read(&self.rest()?, pairs::MAX_AGE).await
    }

    /// Reads the trading pairs from the exchange again, and returns them.
    ///
    /// # Errors
    ///
    /// Returns a [`RestError`] if the pairs cannot be read. Those that were read before are kept.
    pub async fn refresh_trading_pairs(&self) -> Result<Arc<List<TradingPair>>, RestError> {
        self.order_state().pairs.read(&self.rest()?, Duration::ZERO).await
    }

    /// Makes a call that places or cancels orders, which is never repeated. The client id is for the log.
    async fn call_once<C: Call + Sync>(
        &self,
        call: &C,
        client_id: Option<ClientId>,
    ) -> Result<Outcome<C::Reply>, OrderError> {
        let rest = self.rest().map_err(error::without_effect)?;
        match rest.call(call).await {
            Ok(reply) => Ok(Outcome::Accepted(reply)),
            Err(error) if error.kind().is_outcome_unknown() => {
                let causes = format!("{error:#}");
                let client_id = client_id.map(ClientId::get);
                warn!(endpoint = %C::ENDPOINT, client_id, error = causes, "outcome unknown");
                Ok(Outcome::Unknown(error))
            }
            Err(error) => Err(error::without_effect(error)),
        }
    }

    fn order_state(&self) -> &OrderState {
        &self.runtime.orders
    }

    /// Returns the exchange's time, as far as it is known.
    fn exchange_time(&self) -> Timestamp {
        let (_, now_ms) = self.runtime.signer_and_time();
        Timestamp::from_millis(i64::try_from(now_ms).unwrap_or(i64::MAX))
    }
}
