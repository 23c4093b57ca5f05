//! The market: prices on a random walk, and fills that an account could make at these prices.
//!
//! All of it is an assumption, except that there is a fee. It is meant to be plausible and exact.

pub(crate) mod candle;
pub(crate) mod pair_list;
pub(crate) mod pair_rules;
pub(crate) mod ticker;
pub(crate) mod trade;
pub(crate) mod trader;

use std::collections::BTreeMap;

use bitopro_model::{self as model, Action, Currency, Decimal};
use fastrand::Rng;

use crate::Holdings;
use crate::exchange::account::fill::{Fill, Role};
use crate::exchange::account::order::currencies;
use crate::exchange::account::rank::Rank;
use crate::exchange::exact::AMOUNT_SCALE;
use crate::exchange::market::pair_list::{ListedPair, PairList, units};

/// A price moves by at most one part in this many per step.
const MAX_MOVE_DIVISOR: i64 = 1000;
/// The pairs that the first account trades at random.
const TRADED: [&str; 7] = ["btc_twd", "eth_twd", "usdt_twd", "sol_twd", "xrp_twd", "btc_usdt", "eth_usdt"];

/// The prices and their random generators, which advance with every step, with or without a fill.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    rng: Rng,
    /// The pairs that the first account trades at random.
    traded: Vec<Pair>,
    /// Has its own generator, so that other pairs do not change the trading of the account.
    others_rng: Rng,
    others: Vec<Pair>,
}

#[derive(Debug, Clone)]
struct Pair {
    base: Currency,
    quote: Currency,
    /// The initial price, in units of 10^-`scale`.
    initial: i64,
    /// The current price, in the same units.
    units: i64,
    scale: u32,
    /// `true` until [`Market::take_moved`] has returned the current price.
    has_moved: bool,
    /// `true` if the price does not move and the account does not trade.
    is_in_maintenance: bool,
}

impl Market {
    /// Creates the market of those pairs of a list that have a price.
    pub(crate) fn new(rng: Rng, list: &PairList) -> Self {
        let priced =
            list.0.iter().filter_map(|listed| Some((listed.rules.pair.as_str(), Pair::new(listed)?)));
        let mut others: BTreeMap<&str, Pair> = priced.collect();
        let mut traded = Vec::new();
        for name in TRADED {
            if others.get(name).is_some_and(|pair| !pair.is_in_maintenance) {
                traded.extend(others.remove(name));
            }
        }
        let others_rng = Rng::with_seed(!rng.get_seed());
        Self { rng, traded, others_rng, others: others.into_values().collect() }
    }

    /// Returns the current price of a pair.
    pub(crate) fn price(&self, base: &Currency, quote: &Currency) -> Option<Decimal> {
        let mut pairs = self.traded.iter().chain(&self.others);
        let pair = pairs.find(|pair| pair.base == *base && pair.quote == *quote)?;
        Some(Decimal::new(pair.units, pair.scale))
    }

    /// Returns the pairs whose price has changed since the last call, which at first are all, and their prices.
    pub(crate) fn take_moved(&mut self) -> impl Iterator<Item = (model::Pair, Decimal)> {
        let all = self.traded.iter_mut().chain(&mut self.others);
        let moved = all.filter_map(|pair| std::mem::take(&mut pair.has_moved).then_some(&*pair));
        moved.map(|pair| {
            let name = format!("{}_{}", pair.base, pair.quote).to_ascii_lowercase();
            (model::Pair::new(name), Decimal::new(pair.units, pair.scale))
        })
    }

    /// Moves prices until these balances can pay for a fill at one of them, and returns that fill, if any. Also moves
    /// the price of one of the pairs that the account does not trade at random.
    pub(crate) fn step(&mut self, holdings: &Holdings) -> Option<Fill> {
        let Self { rng, traded, others_rng, others } = self;
        if let Some(other) = others_rng.choice(others) {
            other.move_price(others_rng);
        }
        if traded.is_empty() {
            return None;
        }
        let first = rng.usize(..traded.len());
        let actions = if rng.bool() { [Action::Buy, Action::Sell] } else { [Action::Sell, Action::Buy] };
        let (before, after) = traded.split_at_mut(first);
        for pair in after.iter_mut().chain(before) {
            pair.move_price(rng);
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
    /// Returns `None` for a pair without a price.
    fn new(listed: &ListedPair) -> Option<Self> {
        let (base, quote) = currencies(&listed.rules.pair).ok()?;
        let scale = listed.rules.quote_precision;
        let initial = units(listed.initial_price?, scale)?;
        let is_in_maintenance = listed.rules.is_in_maintenance;
        Some(Self { base, quote, initial, units: initial, scale, has_moved: true, is_in_maintenance })
    }

    fn move_price(&mut self, rng: &mut Rng) {
        if self.is_in_maintenance {
            return;
        }
        let max_move = (self.units / MAX_MOVE_DIVISOR).max(1);
        let before = self.units;
        let moved = before + rng.i64(-max_move..=max_move);
        self.units = moved.clamp((self.initial / 2).max(1), self.initial * 2);
        self.has_moved |= self.units != before;
    }

    /// Returns a random volume that is worth a round number of the quote currency, truncated to 8 decimals.
    fn volume(&self, rng: &mut Rng) -> Decimal {
        let value = if self.quote == "TWD" { rng.i64(5..=500) * 100 } else { rng.i64(2..=150) * 10 };
        let units = i128::from(value) * 10_i128.pow(AMOUNT_SCALE + self.scale) / i128::from(self.units);
        Decimal::from_i128_with_scale(units, AMOUNT_SCALE).normalize()
    }

    fn fill(&self, action: Action, volume: Decimal) -> Option<Fill> {
        let price = Decimal::new(self.units, self.scale);
        let fee_rate = Rank::LOWEST.fee_rate(Role::Taker);
        Fill::new((self.base.clone(), self.quote.clone()), action, price, volume, fee_rate).ok()
    }
}

#[cfg(test)]
mod tests;
