//! The orders and the liquidity that an order can be matched with.

use bitopro_model::{Decimal, OrderId};

use crate::exchange::exact::{difference, truncated_product, truncated_quotient};
use crate::{AccountId, CommandError};

/// A resting order, or the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The resting order and its account, or `None` for the market.
    pub(crate) maker: Option<(AccountId, OrderId)>,
    pub(crate) price: Decimal,
    /// The amount in the base currency, or `None` if it is unlimited.
    pub(crate) amount: Option<Decimal>,
}

/// The amount of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    /// In the base currency.
    Base(Decimal),
    /// In the quote currency, which a market order spends to buy.
    Quote(Decimal),
}

/// A part of an order, and the offer that it is matched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) maker: Option<(AccountId, OrderId)>,
    pub(crate) price: Decimal,
    /// The amount in the base currency.
    pub(crate) volume: Decimal,
}

impl Size {
    fn volume(self, price: Decimal) -> Option<Decimal> {
        match self {
            Self::Base(amount) => Some(amount),
            Self::Quote(amount) => truncated_quotient(amount, price),
        }
    }

    fn without(self, volume: Decimal, price: Decimal) -> Option<Self> {
        Some(match self {
            Self::Base(amount) => Self::Base(difference(amount, volume)?),
            Self::Quote(amount) => Self::Quote(difference(amount, truncated_product(volume, price)?)?),
        })
    }
}

/// Distributes an order among offers, of which the best is the first.
pub(crate) fn matches(offers: Vec<Offer>, mut size: Size) -> Result<Vec<Match>, CommandError> {
    let mut matches = Vec::new();
    for Offer { maker, price, amount } in offers {
        let wanted = size.volume(price).ok_or(CommandError::Inexact)?;
        let volume = amount.map_or(wanted, |amount| amount.min(wanted));
        if volume <= Decimal::ZERO {
            break;
        }
        size = size.without(volume, price).ok_or(CommandError::Inexact)?;
        matches.push(Match { maker, price, volume });
    }
    Ok(matches)
}
