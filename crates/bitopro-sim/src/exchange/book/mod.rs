//! The public order book: the orders of accounts and of market makers, aggregated by price.

pub(crate) mod maker_quotes;

use bitopro_model::Decimal;

use crate::PairRules;
use crate::exchange::book::maker_quotes::Quote;
use crate::exchange::exact::sum;

/// The order book of a pair: the resting orders of accounts, and those of market makers around the market's price,
/// if any.
///
/// It shows exactly what an order can be matched with. The market makers are an assumption. What is taken of
/// their orders is gone until they replace them, which they do when the market's price changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OrderBook {
    /// The levels of orders to buy, highest price first.
    pub bids: Vec<BookLevel>,
    /// The levels of orders to sell, lowest price first.
    pub asks: Vec<BookLevel>,
}

/// The orders in an order book at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BookLevel {
    /// The price.
    pub price: Decimal,
    /// The amount in the base currency.
    pub amount: Decimal,
    /// Number of orders.
    pub count: usize,
    /// The sum of the amounts from the best price to this one.
    pub total: Decimal,
}

/// Returns the price of the group that contains a price: the next lower one for bids, and the next higher one for
/// asks. With scale 0, every price is a group.
pub(crate) fn group(price: Decimal, is_bid: bool, scale: u32, rules: &PairRules) -> Decimal {
    if scale == 0 {
        return price;
    }
    let unit = Decimal::new(10_i64.pow(scale.min(18)), rules.book_precision.min(28));
    let groups = price / unit;
    (if is_bid { groups.floor() } else { groups.ceil() } * unit).normalize()
}

/// Aggregates orders, best price first, into up to `limit` levels with running totals.
pub(crate) fn levels(orders: impl Iterator<Item = Quote>, limit: usize) -> Vec<BookLevel> {
    let mut levels: Vec<BookLevel> = Vec::new();
    for (price, amount) in orders {
        let is_full = levels.len() == limit;
        let total = levels.last().map_or(Decimal::ZERO, |level| level.total);
        let total = sum(total, amount).unwrap_or(total);
        match levels.last_mut().filter(|level| level.price == price) {
            Some(level) => {
                level.amount = sum(level.amount, amount).unwrap_or(level.amount);
                level.count += 1;
                level.total = total;
            }
            None if is_full => break,
            None => levels.push(BookLevel { price, amount, count: 1, total }),
        }
    }
    levels
}
