use std::collections::BTreeMap;

use bitopro_model::Decimal;

use super::{ListedPair, PairList, parse};
use crate::ErrorKind;

const PAIRS: &str = include_str!("../pairs.json");

/// Returns a list of one pair, in which each of these fields has another value.
fn with(changes: &[(&str, &str)]) -> String {
    let fields = [
        ("pair", r#""doge_twd""#),
        ("base", r#""doge""#),
        ("quote", r#""twd""#),
        ("basePrecision", r#""8""#),
        ("quotePrecision", r#""3""#),
        ("minLimitBaseAmount", r#""10""#),
        ("maxLimitBaseAmount", r#""1000000""#),
        ("minMarketBuyQuoteAmount", r#""190""#),
        ("orderOpenLimit", r#""200""#),
        ("maintain", "false"),
        ("orderBookQuotePrecision", r#""3""#),
        ("orderBookQuoteScaleLevel", r#""5""#),
        ("amountPrecision", r#""4""#),
    ];
    let mut fields = BTreeMap::from(fields);
    for (name, value) in changes {
        fields.insert(name, value);
        fields.retain(|_, value| !value.is_empty());
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!(r#"{{"data":[{{{}}}]}}"#, fields.join(","))
}

fn parsed(text: &str) -> ListedPair {
    let list: PairList = text.parse().unwrap();
    list.0.into_iter().next().unwrap()
}

fn price(text: &str) -> Option<Decimal> {
    parsed(text).initial_price
}

#[test]
fn the_default_list_is_that_of_september_2026() {
    let list = parse(PAIRS, |_| None).unwrap();
    assert_eq!(list, PairList::default());
    let count = |quote: &str| {
        list.0.iter().filter(|listed| listed.rules.pair.as_str().ends_with(&format!("_{quote}"))).count()
    };
    assert_eq!((list.0.len(), count("twd"), count("usdt"), count("btc")), (35, 19, 15, 1));
    // Also measured: how many pairs have each precision of amounts.
    let with_precision =
        |precision| list.0.iter().filter(|listed| listed.rules.amount_precision == precision).count();
    assert_eq!([4, 3, 2, 0].map(with_precision), [29, 2, 2, 2]);
    let only_accounts: Vec<_> = list.0.iter().filter(|listed| listed.initial_price.is_none()).collect();
    assert_eq!(
        only_accounts.iter().map(|listed| &listed.rules.pair).collect::<Vec<_>>(),
        ["bito_twd", "ada_usdt"]
    );
    assert_eq!(PAIRS.matches("\"source\": ").count(), 35);
}

#[test]
fn numbers_may_be_json_numbers_and_unknown_fields_are_ignored() {
    let expected = parsed(&with(&[]));
    assert_eq!(expected.rules.min_amount, Decimal::TEN);
    assert_eq!((expected.rules.quote_precision, expected.rules.is_in_maintenance), (3, false));
    let numbers = with(&[("basePrecision", "8"), ("orderOpenLimit", "200"), ("listedSince", "[2018]")]);
    assert_eq!(parsed(&numbers), expected);
    assert!(parsed(&with(&[("maintain", "true")])).rules.is_in_maintenance);
    assert_eq!(parsed(&with(&[("pair", r#""DOGE_TWD""#)])), expected);
}

#[test]
fn the_initial_price_is_the_default_one_unless_the_list_has_another() {
    let default = PairList::default();
    let doge = default.0.iter().find(|listed| listed.rules.pair == "doge_twd").unwrap();
    assert!(doge.initial_price.is_some());
    assert_eq!(price(&with(&[])), doge.initial_price);
    assert_eq!(price(&with(&[("initialPrice", r#""7.5""#)])), Some(Decimal::new(75, 1)));
    assert_eq!(price(&with(&[("initialPrice", "7.5")])), Some(Decimal::new(75, 1)));
    assert_eq!(price(&with(&[("initialPrice", "null")])), None);
    // The default price has more decimals than this pair allows.
    assert_eq!(price(&with(&[("quotePrecision", r#""0""#)])), None);
    let unknown = with(&[("pair", r#""mv_twd""#), ("base", r#""mv""#)]);
    assert_eq!(price(&unknown), None);
}

#[test]
fn every_problem_names_the_pair_and_the_field() {
    for (changes, expected) in [
        (&[("basePrecision", "")][..], "`basePrecision` of `doge_twd` is missing"),
        (&[("maintain", "\"no\"")], "`maintain` of `doge_twd` is `\"no\"`; expected `true` or `false`"),
        (
            &[("amountPrecision", "\"two\"")],
            "`amountPrecision` of `doge_twd` is `\"two\"`; expected a whole number",
        ),
        (
            &[("minLimitBaseAmount", "\"x\"")],
            "`minLimitBaseAmount` of `doge_twd` is `\"x\"`; expected a decimal",
        ),
        (&[("quotePrecision", "\"9\"")], "`quotePrecision` of `doge_twd` is `9`; expected at most 8"),
        (
            &[("orderBookQuoteScaleLevel", "19")],
            "`orderBookQuoteScaleLevel` of `doge_twd` is `19`; expected at most 18",
        ),
        (
            &[("minMarketBuyQuoteAmount", "\"0\"")],
            "`minMarketBuyQuoteAmount` of `doge_twd` is `0`; expected more than 0",
        ),
        (
            &[("maxLimitBaseAmount", "\"9\"")],
            "`minLimitBaseAmount` of `doge_twd` is above `maxLimitBaseAmount`",
        ),
        (
            &[("base", "\"dog\"")],
            "`pair` of `doge_twd` does not consist of `base` and `quote`, which are `dog_twd`",
        ),
        (
            &[("initialPrice", "\"1.2345\"")],
            "`initialPrice` of `doge_twd` is `\"1.2345\"`; expected a price above 0 with at most 3 decimals",
        ),
        (
            &[("initialPrice", "0")],
            "`initialPrice` of `doge_twd` is `0`; expected a price above 0 with at most 3 decimals",
        ),
        (
            &[("basePrecision", ""), ("maintain", "")],
            "`basePrecision` of `doge_twd` is missing; `maintain` of `doge_twd` is missing",
        ),
    ] {
        let error = with(changes).parse::<PairList>().unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Options, expected));
    }
    let row = with(&[]).replace("{\"data\":[", "").replace("]}", "");
    let twice = format!("{{\"data\":[{row},{{\"pair\":\"x_twd\"}},{row}]}}");
    let error = twice.parse::<PairList>().unwrap_err().to_string();
    assert!(error.starts_with("pair 2 of `data`: missing field `base`"), "{error}");
    assert!(error.ends_with("; duplicate pair `doge_twd`"), "{error}");
    for (text, expected) in [
        ("{\"data\":[]}", "`data` lists no pair"),
        ("[1]", "not a reply of `GET /provisioning/trading-pairs`: "),
        ("", "not a reply of `GET /provisioning/trading-pairs`: "),
    ] {
        let error = text.parse::<PairList>().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
