use bitopro_model::Decimal;
use fastrand::Rng;

use crate::PairRules;
use crate::exchange::book::Quote;

/// Number of synthetic levels on each side, which is the largest depth of the exchange's order book.
const LEVELS: usize = 50;
/// Neighbouring levels are at most one part of the price in this many apart.
const GAP_DIVISOR: i64 = 10_000;

/// Returns levels on one side of the market's price, best first.
///
/// They depend only on the seed, the pair, the side and the price.
pub(crate) fn levels(seed: u64, rules: &PairRules, price: Decimal, is_bid: bool) -> Vec<Quote> {
    let tick = Decimal::new(1, rules.quote_precision);
    let units = i64::try_from((price / tick).trunc().mantissa()).unwrap_or(i64::MAX / 2);
    let side = if is_bid { "bids" } else { "asks" };
    let text = rules.pair.as_str().bytes().chain(side.bytes()).map(u64::from);
    let salt = text.fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte));
    let mut rng = Rng::with_seed(salt.wrapping_mul(31).wrapping_add(units.unsigned_abs()));
    let largest_gap = (units / GAP_DIVISOR).max(1);
    let mut level = units;
    let mut levels = Vec::new();
    for _ in 0..LEVELS {
        let gap = rng.i64(1..=largest_gap);
        level = if is_bid { level.saturating_sub(gap) } else { level.saturating_add(gap) };
        let amount = rules.min_amount * Decimal::from(rng.u32(5..500));
        if level > 0 {
            levels.push((Decimal::new(level, rules.quote_precision).normalize(), amount.normalize()));
        }
    }
    levels
}
