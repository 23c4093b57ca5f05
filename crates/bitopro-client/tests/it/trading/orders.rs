//! Random orders, of which some break a rule.

use bitopro_client::model::Decimal;
use bitopro_client::rest::{PlaceOrder, Trigger};
use bitopro_sim::Simulator;
use fastrand::Rng;

/// The pairs without a market price, in which accounts trade only with each other.
pub(super) const PRIVATE_PAIRS: [&str; 2] = ["bito_twd", "ada_usdt"];
/// All pairs of the currencies that the accounts hold.
pub(super) const ALL_PAIRS: [&str; 7] =
    [PRIVATE_PAIRS[0], PRIVATE_PAIRS[1], "btc_twd", "eth_twd", "usdt_twd", "btc_usdt", "eth_usdt"];

/// The usual price and its number of decimals, and the usual amount in units of 10^-4.
struct Usual {
    price: Decimal,
    decimals: u32,
    units: i64,
}

fn usual(simulator: &Simulator, pair: &str) -> Usual {
    let (price, decimals, units) = match pair {
        "bito_twd" => (Some(Decimal::new(2_345, 3)), 3, 250_000),
        "ada_usdt" => (Some(Decimal::new(4_000, 4)), 4, 300_000),
        "usdt_twd" => (None, 3, 200_000),
        "eth_twd" => (None, 0, 300),
        "eth_usdt" => (None, 2, 300),
        "btc_usdt" => (None, 2, 20),
        _ => (None, 0, 20),
    };
    let price = price.or_else(|| simulator.market_price(pair)).expect("a known pair");
    Usual { price, decimals, units }
}

/// Draws an order of one of these pairs. A stop order is drawn only if `stops` is set.
pub(super) fn random_order(
    simulator: &Simulator,
    pairs: &[&'static str],
    stops: bool,
    random: &mut Rng,
) -> PlaceOrder {
    let pair = *random.choice(pairs).expect("at least one pair");
    let Usual { price, decimals, units } = usual(simulator, pair);
    let near = |random: &mut Rng| {
        (price * Decimal::new(1_000 + random.i64(-4..=4), 3)).round_dp(decimals).normalize()
    };
    let (price, stop_price) = (near(random), near(random));
    // Some amounts have all 8 decimals.
    let amount = Decimal::new(units * random.i64(5..40), 5)
        + Decimal::new(if random.bool() { random.i64(0..10_000) } else { 0 }, 8);
    if random.u8(..12) == 0 {
        return invalid_order(pair, amount, price, random);
    }
    let is_buy = random.bool();
    let order = match (random.u8(..10), is_buy) {
        (0, true) => PlaceOrder::market_buy_for_quote(pair, (amount * price).round_dp(2)),
        (0, false) => PlaceOrder::market_sell(pair, amount),
        (1, true) => PlaceOrder::post_only_buy(pair, amount, price),
        (1, false) => PlaceOrder::post_only_sell(pair, amount, price),
        (2, _) if stops => {
            let trigger = if random.bool() { Trigger::at_or_above } else { Trigger::at_or_below };
            let stop = if is_buy { PlaceOrder::stop_limit_buy } else { PlaceOrder::stop_limit_sell };
            stop(pair, amount, price, trigger(stop_price))
        }
        (_, true) => PlaceOrder::limit_buy(pair, amount, price),
        (_, false) => PlaceOrder::limit_sell(pair, amount, price),
    };
    if random.bool() { order.with_client_id(random.u32(1..1_000)) } else { order }
}

fn invalid_order(pair: &'static str, amount: Decimal, price: Decimal, random: &mut Rng) -> PlaceOrder {
    let tiny = Decimal::new(1, 8);
    match random.u8(..7) {
        0 => PlaceOrder::limit_buy("nope_twd", amount, price),
        1 => PlaceOrder::limit_sell(pair, tiny, price),
        2 => PlaceOrder::limit_buy(pair, amount + Decimal::new(1, 9), price),
        3 => PlaceOrder::limit_buy(pair, amount, price + tiny),
        4 => PlaceOrder::limit_sell(pair, Decimal::from(90_000_000), price),
        5 => PlaceOrder::market_buy_for_quote(pair, Decimal::ONE),
        _ => PlaceOrder::limit_buy(pair, Decimal::ZERO, price),
    }
}
