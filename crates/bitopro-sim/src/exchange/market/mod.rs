//! The market: a random walk of prices, and what an account could trade at them.
//!
//! Everything but the fee's existence is an assumption, made to be plausible and exact.

pub(crate) mod trader;

use bitopro_model::{Action, Currency, Decimal};
use fastrand::Rng;

use crate::Holdings;
use crate::exchange::account::fill::Fill;
use crate::exchange::exact::AMOUNT_SCALE;

/// The largest move of a price in one step: one part in a thousand.
const STEP: i64 = 1000;

/// Base, quote, the price at the start in its smallest unit, and the decimals of that unit.
const PAIRS: [(&str, &str, i64, u32); 7] = [
    ("BTC", "TWD", 3_050_000, 0),
    ("ETH", "TWD", 104_500, 0),
    ("USDT", "TWD", 32_035, 3),
    ("SOL", "TWD", 6_215, 0),
    ("XRP", "TWD", 7_480, 2),
    ("BTC", "USDT", 9_521_000, 2),
    ("ETH", "USDT", 326_240, 2),
];

/// The prices and their generator, which advances with every step, whether or not it leads to a trade.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    rng: Rng,
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone)]
struct Pair {
    base: Currency,
    quote: Currency,
    start: i64,
    units: i64,
    scale: u32,
}

impl Market {
    pub(crate) fn new(rng: Rng) -> Self {
        let pairs = PAIRS.into_iter().map(|(base, quote, start, scale)| Pair {
            base: base.into(),
            quote: quote.into(),
            start,
            units: start,
            scale,
        });
        Self { rng, pairs: pairs.collect() }
    }

    /// The price of a pair now.
    pub(crate) fn price(&self, base: &Currency, quote: &Currency) -> Option<Decimal> {
        let pair = self.pairs.iter().find(|pair| pair.base == *base && pair.quote == *quote)?;
        Some(Decimal::new(pair.units, pair.scale))
    }

    /// Moves a price, and returns a fill at it that these balances can pay for, if any.
    pub(crate) fn step(&mut self, holdings: &Holdings) -> Option<Fill> {
        let Self { rng, pairs } = self;
        let first = rng.usize(..pairs.len());
        let actions = if rng.bool() { [Action::Buy, Action::Sell] } else { [Action::Sell, Action::Buy] };
        let (before, after) = pairs.split_at_mut(first);
        for pair in after.iter_mut().chain(before) {
            pair.wander(rng);
            let volume = pair.volume(rng);
            for action in &actions {
                if let Some(fill) = pair.fill(action.clone(), volume)
                    && fill.settle(&mut holdings.clone(), Decimal::ZERO).is_ok()
                {
                    return Some(fill);
                }
            }
        }
        None
    }
}

impl Pair {
    fn wander(&mut self, rng: &mut Rng) {
        let reach = (self.units / STEP).max(1);
        self.units = (self.units + rng.i64(-reach..=reach)).clamp(self.start / 2, self.start * 2);
    }

    /// A volume of the base that is worth a round number of the quote, cut off at its last decimal.
    fn volume(&self, rng: &mut Rng) -> Decimal {
        let worth = if self.quote == "TWD" { rng.i64(5..=500) * 100 } else { rng.i64(2..=150) * 10 };
        let units = i128::from(worth) * 10_i128.pow(AMOUNT_SCALE + self.scale) / i128::from(self.units);
        Decimal::from_i128_with_scale(units, AMOUNT_SCALE).normalize()
    }

    fn fill(&self, action: Action, volume: Decimal) -> Option<Fill> {
        let price = Decimal::new(self.units, self.scale);
        Fill::new(self.base.clone(), self.quote.clone(), action, price, volume).ok()
    }
}

#[cfg(test)]
mod tests;
