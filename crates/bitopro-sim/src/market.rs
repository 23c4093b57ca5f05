//! A day on the market: one account that buys and sells at prices that wander.
//!
//! Everything is an assumption but the fee's existence: this is scenery, made to be plausible and exact.

use bitopro_model::{Balance, Decimal};
use fastrand::Rng;

use crate::books::Books;
use crate::exact::{AMOUNT_SCALE, difference, product_cut_off, sum};

/// The fee of a trade, taken from what is received: 0.1 %.
pub(crate) const FEE: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// How far a price moves at most in one step: a thousandth.
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

/// The prices and what comes next. It moves on with every step, whether or not a trade came of it.
#[derive(Debug)]
pub(crate) struct Market {
    rng: Rng,
    pairs: Vec<Pair>,
}

#[derive(Debug)]
struct Pair {
    base: &'static str,
    quote: &'static str,
    start: i64,
    units: i64,
    scale: u32,
}

/// A trade of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) base: &'static str,
    pub(crate) quote: &'static str,
    pub(crate) side: Side,
    pub(crate) price: Decimal,
    /// How much of the base changed hands.
    pub(crate) volume: Decimal,
    /// How much of the quote changed hands.
    pub(crate) total: Decimal,
    /// In the currency that the account receives.
    pub(crate) fee: Decimal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

impl Market {
    pub(crate) fn new(rng: Rng) -> Self {
        let pairs = PAIRS.into_iter().map(|(base, quote, start, scale)| Pair {
            base,
            quote,
            start,
            units: start,
            scale,
        });
        Self { rng, pairs: pairs.collect() }
    }

    /// Moves a price and trades at it, if the account holds enough of anything that is traded here.
    pub(crate) fn step(&mut self, books: &mut Books) -> Option<Trade> {
        let Self { rng, pairs } = self;
        let first = rng.usize(..pairs.len());
        let sides = if rng.bool() { [Side::Buy, Side::Sell] } else { [Side::Sell, Side::Buy] };
        let (before, after) = pairs.split_at_mut(first);
        for pair in after.iter_mut().chain(before) {
            pair.wander(rng);
            let volume = pair.volume(rng);
            for side in sides {
                if let Some(trade) = pair.trade(side, volume).and_then(|trade| trade.settle(books)) {
                    return Some(trade);
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

    fn trade(&self, side: Side, volume: Decimal) -> Option<Trade> {
        let price = Decimal::new(self.units, self.scale);
        let total = product_cut_off(volume, price)?;
        let received = if side == Side::Buy { volume } else { total };
        let fee = product_cut_off(received, FEE)?;
        Some(Trade { base: self.base, quote: self.quote, side, price, volume, total, fee })
    }
}

impl Trade {
    /// Moves the balances, both or, if the account does not hold enough, neither.
    fn settle(self, books: &mut Books) -> Option<Self> {
        let (paid, gained) = match self.side {
            Side::Buy => ((self.quote, self.total), (self.base, self.volume)),
            Side::Sell => ((self.base, self.volume), (self.quote, self.total)),
        };
        let payer = moved(books.get(paid.0)?, -paid.1)?;
        let gainer = moved(books.get(gained.0)?, difference(gained.1, self.fee)?)?;
        for balance in [payer, gainer] {
            books.insert(balance.currency.clone(), balance);
        }
        Some(self)
    }
}

/// The balance after this much has come or, if negative, gone. `None` if it cannot.
fn moved(balance: &Balance, by: Decimal) -> Option<Balance> {
    let mut moved = balance.clone();
    moved.amount = sum(balance.amount, by)?;
    moved.available = sum(balance.available, by)?;
    let sound = moved.tradable && moved.available >= Decimal::ZERO && moved.available <= moved.amount;
    sound.then_some(moved)
}

#[cfg(test)]
mod tests;
