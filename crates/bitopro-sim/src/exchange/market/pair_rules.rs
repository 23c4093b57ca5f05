//! The rules of each pair, which the exchange publishes.

use bitopro_model::{Action, Currency, Decimal, Pair};

use crate::exchange::account::order::{Kind, currencies};
use crate::{Account, CommandError, NewOrder};

/// The precisions, limits and state of a pair, as in the exchange's list of trading pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairRules {
    /// The pair in lowercase.
    pub pair: Pair,
    /// The largest number of decimals of an amount.
    pub base_precision: u32,
    /// The largest number of decimals of a price.
    pub quote_precision: u32,
    /// The number of decimals to which streams round the amounts in the order book.
    pub amount_precision: u32,
    /// The smallest amount of an order, in the base currency.
    pub min_amount: Decimal,
    /// The largest amount of an order, in the base currency.
    pub max_amount: Decimal,
    /// The smallest amount of a market order that buys, in the quote currency.
    pub min_market_buy: Decimal,
    /// The largest number of open orders of an account.
    pub open_order_limit: usize,
    /// The number of decimals of prices in the order book.
    pub book_precision: u32,
    /// The largest scale to which the order book can be grouped.
    pub book_scale_levels: u32,
    /// `true` if trading is paused.
    pub is_in_maintenance: bool,
}

impl PairRules {
    /// Returns an error if an order of an account breaks a rule, or exceeds its available balance.
    pub(crate) fn check(&self, account: &Account, order: &NewOrder) -> Result<(), CommandError> {
        if self.is_in_maintenance {
            return Err(CommandError::InMaintenance(self.pair.clone()));
        }
        let is_market = order.kind == Kind::Market;
        let (amount, price) = (order.amount.normalize(), order.price.normalize());
        let stop_price = match order.kind {
            Kind::StopLimit { stop_price, .. } => stop_price.normalize(),
            _ => price,
        };
        for price in [price, stop_price] {
            if !is_market && price <= Decimal::ZERO {
                return Err(CommandError::InvalidPrice(price));
            }
            if price.scale() > self.quote_precision {
                return Err(CommandError::PriceDecimals { price, limit: self.quote_precision });
            }
        }
        if amount.scale() > self.base_precision {
            return Err(CommandError::AmountDecimals { amount, limit: self.base_precision });
        }
        let is_buy = order.action == Action::Buy;
        let minimum = if is_market && is_buy { self.min_market_buy } else { self.min_amount };
        if amount < minimum {
            return Err(CommandError::BelowMinimum { amount, minimum });
        }
        if amount > self.max_amount && !(is_market && is_buy) {
            return Err(CommandError::AboveMaximum { amount, maximum: self.max_amount });
        }
        let (base, quote) = currencies(&self.pair)?;
        let (currency, ordered) = match (is_buy, is_market) {
            (true, false) => (quote, order.amounts(price)?.1),
            (true, true) => (quote, amount),
            (false, _) => (base, amount),
        };
        check_balance(account, currency, ordered)?;
        let open = account.open_orders().filter(|open| open.pair == self.pair).count();
        if !is_market && open >= self.open_order_limit {
            let (pair, limit) = (self.pair.clone(), self.open_order_limit);
            return Err(CommandError::TooManyOpenOrders { pair, limit });
        }
        Ok(())
    }
}

fn check_balance(account: &Account, currency: Currency, ordered: Decimal) -> Result<(), CommandError> {
    let available = account.balances().get(&currency).map(|balance| balance.available.normalize());
    let available = available.unwrap_or_default();
    if available < ordered {
        return Err(CommandError::NotEnough { currency, available, ordered });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
