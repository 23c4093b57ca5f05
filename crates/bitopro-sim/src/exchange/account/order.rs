use bitopro_model::{Action, Condition, Currency, Decimal, OrderType, Pair};

use crate::CommandError;
use crate::exchange::exact::{truncated_product, truncated_quotient};

/// An order to place. Its amount is in the base currency, except for a market order that buys: its amount is in
/// the quote currency.
///
/// # Examples
///
/// ```
/// use bitopro_model::{Action, Condition, Decimal, Timestamp};
/// use bitopro_sim::{NewOrder, Simulator};
///
/// // Once the price has fallen to 2,400,000 TWD, sells 0.1 BTC at 2,390,000 TWD or better.
/// let (amount, price) = (Decimal::new(1, 1), Decimal::from(2_390_000));
/// let order = NewOrder::limit("btc_twd", Action::Sell, amount, price)
///     .with_stop(Condition::AtOrBelow, Decimal::from(2_400_000))
///     .with_client_id(7);
///
/// let now = Timestamp::from_millis(1_639_553_303_365);
/// let mut exchange = Simulator::builder().build_exchange(now)?;
/// let (id, _) = exchange.place(now, &order)?;
/// assert!(exchange.open_orders().any(|open| open.id == id && open.original_amount == amount));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub(crate) pair: Pair,
    pub(crate) action: Action,
    pub(crate) amount: Decimal,
    pub(crate) price: Decimal,
    pub(crate) kind: Kind,
    pub(crate) client_id: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Limit,
    PostOnly,
    Market,
    StopLimit { stop_price: Decimal, condition: Condition },
}

impl NewOrder {
    /// Creates an order that executes at this price or better.
    pub fn limit(pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self::with_kind(Kind::Limit, pair, action, amount, price)
    }

    /// Creates a limit order that is cancelled if it would be matched immediately.
    pub fn post_only(pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self::with_kind(Kind::PostOnly, pair, action, amount, price)
    }

    /// Creates an order that executes immediately, at the best prices of the order book, and whose rest
    /// is cancelled.
    ///
    /// To buy, `amount` is the amount of the quote currency to spend, as the exchange documents. To sell, it is in
    /// the base currency.
    pub fn market(pair: impl Into<Pair>, action: Action, amount: Decimal) -> Self {
        Self::with_kind(Kind::Market, pair, action, amount, Decimal::ZERO)
    }

    /// Turns it into a stop-limit order, which becomes a limit order once the market's price meets the
    /// condition at `stop_price`.
    #[must_use]
    pub fn with_stop(mut self, condition: Condition, stop_price: Decimal) -> Self {
        self.kind = Kind::StopLimit { stop_price, condition };
        self
    }

    /// Sets the client's own id for the order, which the exchange documents as 1 to 2,147,483,647. Defaults
    /// to none.
    #[must_use]
    pub fn with_client_id(mut self, id: u32) -> Self {
        self.client_id = Some(id);
        self
    }

    fn with_kind(kind: Kind, pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self { pair: pair.into(), action, amount, price, kind, client_id: None }
    }

    /// Removes the trailing zeros of all numbers, which the exchange does not send.
    pub(crate) fn normalized(mut self) -> Self {
        self.amount = self.amount.normalize();
        self.price = self.price.normalize();
        if let Kind::StopLimit { stop_price, .. } = &mut self.kind {
            *stop_price = stop_price.normalize();
        }
        self
    }

    /// Returns the amounts in the base and the quote currency of an execution at this price.
    pub(crate) fn amounts(&self, price: Decimal) -> Result<(Decimal, Decimal), CommandError> {
        let amounts = if (&self.kind, &self.action) == (&Kind::Market, &Action::Buy) {
            truncated_quotient(self.amount, price).map(|base| (base, self.amount))
        } else {
            truncated_product(self.amount, price).map(|quote| (self.amount, quote))
        };
        let (base, quote) = amounts.ok_or(CommandError::Inexact)?;
        if base.is_zero() || quote.is_zero() { Err(CommandError::TooSmall) } else { Ok((base, quote)) }
    }

    pub(crate) fn order_type(&self) -> OrderType {
        match self.kind {
            Kind::Limit | Kind::PostOnly => OrderType::Limit,
            Kind::Market => OrderType::Market,
            Kind::StopLimit { .. } => OrderType::StopLimit,
        }
    }
}

/// Returns the base and the quote currency in upper case, as in balances.
pub(crate) fn currencies(pair: &Pair) -> Result<(Currency, Currency), CommandError> {
    let upper = |part: &Currency| Currency::new(part.as_str().to_ascii_uppercase());
    pair.split()
        .map(|(base, quote)| (upper(&base), upper(&quote)))
        .filter(|(base, quote)| base != quote && !base.as_str().is_empty() && !quote.as_str().is_empty())
        .ok_or_else(|| CommandError::NotAPair(pair.clone()))
}
