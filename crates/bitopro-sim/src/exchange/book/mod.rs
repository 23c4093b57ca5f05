//! The public order book: resting orders aggregated by price, and synthetic levels around the market's price.

pub(crate) mod synthetic;

use std::collections::BTreeMap;

use bitopro_model::Decimal;

use crate::PairRules;
use crate::exchange::exact::sum;

/// The order book of a pair.
///
/// Besides resting orders, it shows synthetic levels around the market's price, if any, so that it is not empty.
/// They are an assumption and only look plausible: the market matches any amount at its price, which lies
/// between them.
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

/// A price and an amount.
pub(crate) type Quote = (Decimal, Decimal);

/// Price, amount and number of orders of each level.
pub(crate) type Levels = BTreeMap<Decimal, (Decimal, usize)>;

pub(crate) fn add(levels: &mut Levels, quotes: impl IntoIterator<Item = Quote>) {
    for (price, amount) in quotes {
        let (total, count) = levels.entry(price).or_default();
        *total = sum(*total, amount).unwrap_or(*total);
        *count += 1;
    }
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

/// Returns levels with running totals, best first.
pub(crate) fn ranked(
    levels: impl Iterator<Item = (Decimal, (Decimal, usize))>,
    limit: usize,
) -> Vec<BookLevel> {
    let mut total = Decimal::ZERO;
    levels
        .take(limit)
        .map(|(price, (amount, count))| {
            total = sum(total, amount).unwrap_or(total);
            BookLevel { price, amount, count, total }
        })
        .collect()
}
