use std::error::Error as StdError;
use std::fmt;

use bitopro_model::{Action, Currency, Decimal, OrderId, Pair};

/// Reason why a [`Command`](crate::Command) was not carried out. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// The pair is not two currencies with an underscore between them.
    NotAPair(Pair),
    /// The action is neither to buy nor to sell.
    NotAnAction(Action),
    /// The account has no balance of this currency, or one that cannot be traded.
    NotTradable(Currency),
    /// A price, a stop price or an amount is not above zero.
    NotPositive,
    /// The order is worth less than one unit of the last decimal.
    TooSmall,
    /// The account has too little of the currency available.
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
    /// Fewer connections than a scenario waits for.
    TooFewConnections(usize),
    /// The command, named here, concerns connections, which an exchange without a simulator does not have.
    NeedsSimulator(String),
}

impl fmt::Display for CommandError {
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
            Self::TooFewConnections(count) => write!(f, "there are fewer than {count} connections"),
            Self::NeedsSimulator(command) => {
                write!(f, "`{command}` concerns connections; it needs a running simulator")
            }
        }
    }
}

impl StdError for CommandError {}
