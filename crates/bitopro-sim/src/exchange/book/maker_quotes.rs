use bitopro_model::{Action, Decimal};
use fastrand::Rng;

use crate::PairRules;
use crate::exchange::exact::difference;

/// Number of quotes on each side, which is the largest depth of the exchange's order book.
const QUOTES: usize = 50;
/// Neighbouring quotes are at most one part of the price in this many apart.
const GAP_DIVISOR: i64 = 10_000;

/// A price and an amount in the base currency.
pub(crate) type Quote = (Decimal, Decimal);

/// The market makers' orders in a pair, best price first: the liquidity that does not come from accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MakerQuotes {
    pub(crate) bids: Vec<Quote>,
    pub(crate) asks: Vec<Quote>,
}

impl MakerQuotes {
    /// Returns quotes on both sides of the market's price. They depend only on the seed, the pair and the price.
    pub(crate) fn around(price: Decimal, rules: &PairRules, seed: u64) -> Self {
        let side = |is_bid| quotes(seed, rules, price, is_bid);
        Self { bids: side(true), asks: side(false) }
    }

    /// Returns a quote of a practically unlimited amount on each side, both at the same price, or none.
    pub(crate) fn at(price: Option<Decimal>) -> Self {
        let quotes: Vec<Quote> = price
            .map(|price| (price.normalize(), Decimal::from(1_000_000_000_000_i64)))
            .into_iter()
            .collect();
        Self { bids: quotes.clone(), asks: quotes }
    }

    pub(crate) fn side(&self, side: &Action) -> &[Quote] {
        if *side == Action::Buy { &self.bids } else { &self.asks }
    }

    /// Takes an amount from the quote at a price.
    pub(crate) fn take(&mut self, side: &Action, price: Decimal, amount: Decimal) {
        let quotes = if *side == Action::Buy { &mut self.bids } else { &mut self.asks };
        for quote in quotes.iter_mut().filter(|quote| quote.0 == price) {
            quote.1 = difference(quote.1, amount).unwrap_or_default();
        }
        quotes.retain(|(_, amount)| *amount > Decimal::ZERO);
    }
}

fn quotes(seed: u64, rules: &PairRules, price: Decimal, is_bid: bool) -> Vec<Quote> {
    let tick = Decimal::new(1, rules.quote_precision);
    let units = i64::try_from((price / tick).trunc().mantissa()).unwrap_or(i64::MAX / 2);
    let side = if is_bid { "bids" } else { "asks" };
    let text = rules.pair.as_str().bytes().chain(side.bytes()).map(u64::from);
    let salt = text.fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte));
    let mut rng = Rng::with_seed(salt.wrapping_mul(31).wrapping_add(units.unsigned_abs()));
    let largest_gap = (units / GAP_DIVISOR).max(1);
    let mut level = units;
    let mut quotes = Vec::with_capacity(QUOTES);
    for _ in 0..QUOTES {
        let gap = rng.i64(1..=largest_gap);
        level = if is_bid { level.saturating_sub(gap) } else { level.saturating_add(gap) };
        let amount = rules.min_amount * Decimal::from(rng.u32(5..500));
        if level > 0 {
            quotes.push((Decimal::new(level, rules.quote_precision).normalize(), amount.normalize()));
        }
    }
    quotes
}
