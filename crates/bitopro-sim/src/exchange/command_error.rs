use std::error::Error as StdError;
use std::fmt;

use bitopro_model::{Action, Currency, Decimal, OrderId, Pair};

/// The reason why a [`Command`](crate::Command) was not carried out. A failed command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// No account has this name or number.
    UnknownAccount(String),
    /// The command, given here, does not act on an account and cannot be addressed to one.
    NotOfAnAccount(String),
    /// The pair is not two currencies with an underscore between them.
    NotAPair(Pair),
    /// The action is neither buy nor sell.
    NotAnAction(Action),
    /// The account has no balance of this currency, or the balance is not tradable.
    NotTradable(Currency),
    /// A price, stop price or amount is not above zero.
    NotPositive,
    /// The order is for less than 0.00000001 of its base or quote currency.
    TooSmall,
    /// The available balance of the currency is too small.
    Insufficient(Currency),
    /// A resulting number has too many digits to be exact.
    Inexact,
    /// The order book of the pair has nothing that a market order could be matched with.
    NoMarket(Pair),
    /// No open order has this name or id.
    NotOpen(OrderId),
    /// The stop order cannot be filled before it is triggered.
    NotTriggered(OrderId),
    /// The order is not a stop order that waits to be triggered.
    NothingToTrigger(OrderId),
    /// The amount to fill is larger than the remaining amount of the order.
    ExceedsRemaining {
        /// The amount to fill.
        amount: Decimal,
        /// The remaining amount of the order.
        remaining: Decimal,
    },
    /// The exchange does not list the pair.
    UnsupportedPair(Pair),
    /// The trading of the pair is paused.
    InMaintenance(Pair),
    /// The price of the order is not above zero.
    InvalidPrice(Decimal),
    /// The amount of the order has too many decimals.
    AmountDecimals {
        /// The amount of the order.
        amount: Decimal,
        /// The largest number of decimals.
        limit: u32,
    },
    /// The price of the order has too many decimals.
    PriceDecimals {
        /// The price of the order.
        price: Decimal,
        /// The largest number of decimals.
        limit: u32,
    },
    /// The amount of the order is smaller than the pair's minimum.
    BelowMinimum {
        /// The amount of the order.
        amount: Decimal,
        /// The smallest amount.
        minimum: Decimal,
    },
    /// The amount of the order is larger than the pair's maximum.
    AboveMaximum {
        /// The amount of the order.
        amount: Decimal,
        /// The largest amount.
        maximum: Decimal,
    },
    /// The available balance does not cover the order.
    NotEnough {
        /// The currency that the order pays.
        currency: Currency,
        /// The available amount.
        available: Decimal,
        /// The amount that the order may have to pay.
        ordered: Decimal,
    },
    /// The account has as many open orders in the pair as it may have.
    TooManyOpenOrders {
        /// The pair.
        pair: Pair,
        /// The largest number of open orders.
        limit: usize,
    },
    /// The pair's order book cannot be grouped to this scale.
    InvalidScale(u32),
    /// Fewer connections are open than the scenario waits for.
    TooFewConnections(usize),
    /// The command, given here, acts on connections, which an [`Exchange`](crate::Exchange) alone does not
    /// have.
    NeedsSimulator(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAccount(name) => write!(f, "no account has the name `{name}`"),
            Self::NotOfAnAccount(command) => write!(f, "`{command}` does not act on an account"),
            Self::NotAPair(pair) => {
                write!(f, "`{pair}` is not a pair; expected two currencies, such as `btc_twd`")
            }
            Self::NotAnAction(action) => write!(f, "unknown action `{action}`; expected `BUY` or `SELL`"),
            Self::NotTradable(currency) => {
                write!(f, "the account has no tradable balance of {currency}")
            }
            Self::NotPositive => f.write_str("prices and amounts must be above zero"),
            Self::TooSmall => {
                f.write_str("the order is for less than 0.00000001 of its base or quote currency")
            }
            Self::Insufficient(currency) => write!(f, "the available balance of {currency} is too small"),
            Self::Inexact => f.write_str("the result has too many digits to be exact"),
            Self::NoMarket(pair) => write!(f, "the order book of {pair} has no order to match"),
            Self::NotOpen(id) => write!(f, "no open order has the name or id `{id}`"),
            Self::NotTriggered(id) => write!(f, "stop order {id} has not been triggered; trigger it first"),
            Self::NothingToTrigger(id) => {
                write!(f, "order {id} is not a stop order that waits to be triggered")
            }
            Self::ExceedsRemaining { amount, remaining } => {
                write!(f, "{amount} exceeds the order's remaining amount of {remaining}")
            }
            Self::UnsupportedPair(pair) => write!(f, "unsupported pair `{pair}`"),
            Self::InMaintenance(pair) => write!(f, "trading of {pair} is paused"),
            Self::InvalidPrice(price) => write!(f, "price {price} is not above zero"),
            Self::AmountDecimals { amount: number, limit } | Self::PriceDecimals { price: number, limit } => {
                write!(f, "{number} has more than {limit} decimals")
            }
            Self::BelowMinimum { amount, minimum } => {
                write!(f, "amount {amount} is below the minimum of {minimum}")
            }
            Self::AboveMaximum { amount, maximum } => {
                write!(f, "amount {amount} is above the maximum of {maximum}")
            }
            Self::NotEnough { currency, available, ordered } => {
                write!(f, "the order needs {ordered} {currency}, but only {available} is available")
            }
            Self::TooManyOpenOrders { pair, limit } => {
                write!(f, "the account already has {limit} open orders in {pair}")
            }
            Self::InvalidScale(scale) => write!(f, "the order book has no scale {scale}"),
            Self::TooFewConnections(count) => write!(f, "fewer than {count} connections are open"),
            Self::NeedsSimulator(command) => {
                write!(f, "`{command}` acts on connections and needs a running simulator")
            }
        }
    }
}

impl StdError for CommandError {}
