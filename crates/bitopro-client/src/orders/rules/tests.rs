use bitopro_model::{Decimal, parse_decimal};
use bitopro_rest::{Call, GetTradingPairs, PlaceOrder, TradingPair, Trigger};
use proptest::prelude::*;

use super::{OrderRule, ValidNumbers, broken_rules};

fn pair() -> TradingPair {
    let reply = r#"{"data":[{"pair":"btc_twd","base":"btc","quote":"twd","basePrecision":"8",
        "quotePrecision":"0","minLimitBaseAmount":"0.0001","maxLimitBaseAmount":"100",
        "minMarketBuyQuoteAmount":"190"}]}"#;
    let mut pairs = GetTradingPairs::new().read_reply(&http::Response::new(reply.into())).unwrap();
    pairs.items.remove(0)
}

fn number(text: &str) -> Decimal {
    parse_decimal(text).unwrap()
}

/// Returns the broken rules and the nearest valid numbers.
fn broken(order: &PlaceOrder, pair: &TradingPair) -> Vec<(OrderRule, Option<String>)> {
    let broken = broken_rules(order, pair).into_iter();
    broken.map(|broken| (broken.rule, broken.nearest.map(|nearest| nearest.to_string()))).collect()
}

fn limit(amount: &str, price: &str) -> PlaceOrder {
    PlaceOrder::limit_sell("btc_twd", number(amount), number(price))
}

#[test]
fn each_rule_has_a_nearest_valid_number() {
    let stop = |stop_price: &str| {
        let trigger = Trigger::at_or_below(number(stop_price));
        PlaceOrder::stop_limit_sell("btc_twd", number("0.01"), 2_500_000.into(), trigger)
    };
    let some = |text: &str| Some(text.to_owned());
    for (order, expected) in [
        (limit("0.0001", "2600000"), vec![]),
        (limit("100.00000000000", "2600000.0"), vec![]),
        (limit("0.00009999", "1"), vec![(OrderRule::MinAmount(number("0.0001")), some("0.0001"))]),
        (limit("100.5", "1"), vec![(OrderRule::MaxAmount(100.into()), some("100"))]),
        (limit("0.123456789", "1"), vec![(OrderRule::AmountDecimals(8), some("0.12345679"))]),
        (
            limit("0.000000001", "1"),
            vec![
                (OrderRule::MinAmount(number("0.0001")), some("0.0001")),
                (OrderRule::AmountDecimals(8), some("0.0001")),
            ],
        ),
        (limit("1", "2600000.5"), vec![(OrderRule::PriceDecimals(0), some("2600000"))]),
        (limit("1", "0.3"), vec![(OrderRule::PriceDecimals(0), some("1"))]),
        (stop("2510000.7"), vec![(OrderRule::StopPriceDecimals(0), some("2510001"))]),
        (PlaceOrder::market_buy_for_quote("btc_twd", 190.into()), vec![]),
        (
            PlaceOrder::market_buy_for_quote("btc_twd", number("189.999")),
            vec![(OrderRule::MinMarketBuy(190.into()), some("190"))],
        ),
        (PlaceOrder::market_sell("btc_twd", number("0.00000001")), vec![]),
        (
            PlaceOrder::market_sell("btc_twd", number("0.000000016")),
            vec![(OrderRule::AmountDecimals(8), some("0.00000002"))],
        ),
    ] {
        assert_eq!(broken(&order, &pair()), expected, "{order:?}");
    }
}

#[test]
fn a_pair_under_maintenance_accepts_no_order() {
    let mut paused = pair();
    paused.maintain = Some(true);
    assert_eq!(broken(&limit("1", "1"), &paused), [(OrderRule::NoMaintenance, None)]);
}

#[test]
fn rules_that_no_number_follows_are_reported_as_such() {
    let mut contradictory = pair();
    contradictory.max_limit_base_amount = Some(number("0.00001"));
    let broken = broken_rules(&limit("1", "1"), &contradictory);
    assert_eq!(
        broken[0].to_string(),
        "the amount 1 is above the maximum of 0.00001; no amount is valid, so the rules of the pair may be wrong"
    );
}

#[test]
fn a_pair_without_rules_accepts_every_number() {
    let mut bare = pair();
    (bare.base_precision, bare.quote_precision) = (None, None);
    (bare.min_limit_base_amount, bare.max_limit_base_amount) = (None, None);
    assert!(broken_rules(&limit("0.0000000000001", "0.0000000001"), &bare).is_empty());
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (1_i128..=10_000_000, 0_u32..=7).prop_map(|(units, scale)| Decimal::from_i128_with_scale(units, scale))
}

proptest! {
    #[test]
    fn the_nearest_valid_number_is_valid_and_nearest(
        amount in decimal(),
        price in decimal(),
        (decimals, price_decimals) in (0_u32..=5, 0_u32..=5),
        (min, max) in (proptest::option::of(decimal()), proptest::option::of(decimal())),
    ) {
        let mut rules = pair();
        (rules.base_precision, rules.quote_precision) = (Some(decimals), Some(price_decimals));
        (rules.min_limit_base_amount, rules.max_limit_base_amount) = (min, max);
        let order = PlaceOrder::limit_buy("btc_twd", amount, price);
        let found = broken_rules(&order, &rules);
        let is_valid = |amount, price| {
            broken_rules(&PlaceOrder::limit_buy("btc_twd", amount, price), &rules).is_empty()
        };
        let is_price = |rule| matches!(rule, OrderRule::PriceDecimals(_));
        let nearest = |of_price, given| match found.iter().find(|broken| is_price(broken.rule) == of_price) {
            Some(broken) => broken.nearest,
            None => Some(given),
        };
        let Some(valid_price) = nearest(true, price) else { panic!("some price is always valid") };
        prop_assert!(valid_price > Decimal::ZERO);
        let Some(valid_amount) = nearest(false, amount) else {
            // No number is valid: neither the first one above the minimum nor the last one below the maximum.
            let valid = ValidNumbers { decimals: Some(decimals), min, max };
            let bounds = [valid.ceil(min.unwrap_or_default()), valid.floor(max.unwrap_or_default())];
            prop_assert!(bounds.iter().all(|bound| bound.is_zero() || !is_valid(*bound, valid_price)));
            return Ok(());
        };
        prop_assert!(is_valid(valid_amount, valid_price), "{found:?}");
        // All neighbours that are valid are at least as far away.
        for (unit, valid_number, given, of_price) in [
            (Decimal::new(1, decimals), valid_amount, amount, false),
            (Decimal::new(1, price_decimals), valid_price, price, true),
        ] {
            for neighbour in [valid_number - unit, valid_number + unit] {
                let valid = if of_price {
                    is_valid(valid_amount, neighbour)
                } else {
                    is_valid(neighbour, valid_price)
                };
                let is_nearer = (neighbour - given).abs() < (valid_number - given).abs();
                prop_assert!(!(neighbour > Decimal::ZERO && valid && is_nearer), "{neighbour} {found:?}");
            }
        }
    }
}
