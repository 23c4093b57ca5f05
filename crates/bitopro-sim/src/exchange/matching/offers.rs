//! The orders that an order can be matched with.

use bitopro_model::{Decimal, OrderId};

use crate::exchange::exact::{difference, truncated_product, truncated_quotient};
use crate::{AccountId, CommandError};

/// An order in the order book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The resting order and its account, or `None` for a market maker's.
    pub(crate) maker: Option<(AccountId, OrderId)>,
    pub(crate) price: Decimal,
    /// The amount in the base currency.
    pub(crate) amount: Decimal,
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

/// Distributes an order among offers, of which the best is the first. Also returns the amount in the base currency
/// that is left when they are exhausted.
pub(crate) fn matches(offers: Vec<Offer>, mut size: Size) -> Result<(Vec<Match>, Decimal), CommandError> {
    let (mut matches, mut unmatched) = (Vec::new(), Decimal::ZERO);
    for Offer { maker, price, amount } in offers {
        unmatched = size.volume(price).ok_or(CommandError::Inexact)?;
        let volume = amount.min(unmatched);
        if volume > Decimal::ZERO {
            unmatched = difference(unmatched, volume).ok_or(CommandError::Inexact)?;
            size = size.without(volume, price).ok_or(CommandError::Inexact)?;
            matches.push(Match { maker, price, volume });
        }
        // What truncation leaves of a quote amount must not buy at a worse price.
        if unmatched.is_zero() {
            break;
        }
    }
    Ok((matches, unmatched))
}
