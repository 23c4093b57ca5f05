use std::error::Error as StdError;
use std::fmt;

use bitopro_model::{Action, Condition, Currency, Decimal, OrderId, OrderType, Pair};

/// An order to be placed. Amounts are of the base currency, for market orders too.
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
    /// Executes at this price or better.
    pub fn limit(pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self::of(Kind::Limit, pair, action, amount, price)
    }

    /// A limit order that is cancelled where the market would match it at once.
    pub fn post_only(pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self::of(Kind::PostOnly, pair, action, amount, price)
    }

    /// Executes at once and whole, at the market's price.
    pub fn market(pair: impl Into<Pair>, action: Action, amount: Decimal) -> Self {
        Self::of(Kind::Market, pair, action, amount, Decimal::ZERO)
    }

    /// Becomes a limit order at `price` when the market stands to `stop_price` as the condition says.
    pub fn stop_limit(
        pair: impl Into<Pair>,
        action: Action,
        amount: Decimal,
        price: Decimal,
        condition: Condition,
        stop_price: Decimal,
    ) -> Self {
        Self::of(Kind::StopLimit { stop_price, condition }, pair, action, amount, price)
    }

    /// Gives it an id of the client's own: none unless set. The exchange documents 1 to 2,147,483,647.
    #[must_use]
    pub fn with_client_id(mut self, id: u32) -> Self {
        self.client_id = Some(id);
        self
    }

    fn of(kind: Kind, pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self { pair: pair.into(), action, amount, price, kind, client_id: None }
    }

    pub(crate) fn order_type(&self) -> OrderType {
        match self.kind {
            Kind::Limit | Kind::PostOnly => OrderType::Limit,
            Kind::Market => OrderType::Market,
            Kind::StopLimit { .. } => OrderType::StopLimit,
        }
    }
}

/// Why the exchange does not do with an order what it was told to. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderError {
    /// The pair is not two currencies with an underscore between them.
    NotAPair(Pair),
    /// The action is neither to buy nor to sell.
    NotAnAction(Action),
    /// The account has no balance of this currency, or one that cannot be traded.
    NotTradable(Currency),
    /// A price, a stop price or an amount is not above zero.
    NotPositive,
    /// What is ordered is worth less than one unit of the last decimal.
    TooSmall,
    /// The account does not have this much of the currency available.
    Insufficient(Currency),
    /// A number cannot be held exactly.
    Inexact,
    /// The simulator's market has no price for the pair.
    NoMarket(Pair),
    /// No order with this id is open.
    NotOpen(OrderId),
    /// A stop order that has not been triggered cannot be filled.
    NotTriggered(OrderId),
    /// Only a stop order that waits can be triggered.
    NothingToTrigger(OrderId),
    /// More than remains of the order.
    MoreThanRemains(Decimal),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPair(pair) => write!(f, "`{pair}` is not a pair such as btc_twd"),
            Self::NotAnAction(action) => write!(f, "`{action}` is neither BUY nor SELL"),
            Self::NotTradable(currency) => {
                write!(f, "the account has no balance of {currency} that can be traded")
            }
            Self::NotPositive => f.write_str("prices and amounts must be above zero"),
            Self::TooSmall => f.write_str("the order is worth less than 0.00000001 of its quote currency"),
            Self::Insufficient(currency) => write!(f, "the account has too little {currency} available"),
            Self::Inexact => f.write_str("the numbers have too many digits to be added exactly"),
            Self::NoMarket(pair) => write!(f, "the simulated market has no price for {pair}"),
            Self::NotOpen(id) => write!(f, "no open order has the id {id}"),
            Self::NotTriggered(id) => write!(f, "stop order {id} has not been triggered"),
            Self::NothingToTrigger(id) => write!(f, "order {id} does not wait to be triggered"),
            Self::MoreThanRemains(remaining) => write!(f, "only {remaining} of the order remains"),
        }
    }
}

impl StdError for OrderError {}
