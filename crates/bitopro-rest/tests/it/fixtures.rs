//! Every fixture of the manifest is read, compared with an insta snapshot, written back and read again.

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;

use bitopro_model::UnixSeconds;
use bitopro_rest::{
    Call, CancelAllOrders, CancelOrder, Error, GetBalances, GetCandles, GetCurrencies, GetDeposits, GetFees,
    GetOpenOrders, GetOrder, GetOrderBook, GetOrderHistory, GetOwnTrades, GetTicker, GetTickers, GetTrades,
    GetTradingPairs, GetWithdrawals, PlaceBatch, PlaceOrder, Resolution,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::response;

/// A reply that is listed in the manifest.
struct Fixture {
    path: String,
    text: String,
    /// `true` if the reply is written back token by token.
    canonical: bool,
}

/// Returns the fixtures of replies, with the folder of the call.
fn all() -> Vec<(String, Fixture)> {
    // A symbolic link to the workspace's folder. The published package contains a copy.
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    let entries: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(dir.join("manifest.json")).unwrap()).unwrap();
    let fixtures = entries.iter().filter_map(|entry| {
        let path = entry["path"].as_str().unwrap();
        let (call, _) = path.strip_prefix("rest/")?.split_once('/')?;
        let text = fs::read_to_string(dir.join(path)).unwrap();
        let canonical = entry["canonical"].as_bool().unwrap();
        Some((call.to_owned(), Fixture { path: path.to_owned(), text, canonical }))
    });
    fixtures.collect()
}

/// Returns the text of an error body.
pub(crate) fn error_body(case: &str) -> String {
    let path = format!("rest/errors/{case}.json");
    all().into_iter().find(|(_, fixture)| fixture.path == path).expect(case).1.text
}

/// A fixture as it was read and written.
struct Read {
    debug: String,
    written: String,
}

/// Reads a reply, and checks that it reads back equal from what is written.
fn read<C: Call>(call: &C, text: &str) -> Result<Read, Error>
where
    C::Reply: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let reply = call.read_reply(&response(200, text))?;
    let written = serde_json::to_string(&reply).unwrap();
    assert_eq!(serde_json::from_str::<C::Reply>(&written).unwrap(), reply);
    Ok(Read { debug: format!("{reply:#?}"), written })
}

fn read_as(call: &str, text: &str) -> Option<Result<Read, Error>> {
    let (pair, one, time) = ("sol_twd", 1.into(), UnixSeconds::from_secs(0));
    Some(match call {
        "currencies" => read(&GetCurrencies::new(), text),
        "trading-pairs" => read(&GetTradingPairs::new(), text),
        "fees" => read(&GetFees::new(), text),
        "order-book" => read(&GetOrderBook::new(pair), text),
        "tickers" => read(&GetTickers::new(), text),
        "ticker" => read(&GetTicker::new(pair), text),
        "trades" => read(&GetTrades::new(pair), text),
        "candles" => read(&GetCandles::new(pair, Resolution::OneMinute, time, time), text),
        "balances" => read(&GetBalances::new(), text),
        "place-order" => read(&PlaceOrder::market_sell(pair, one), text),
        "place-batch" => read(&PlaceBatch::new([PlaceOrder::market_sell(pair, one)]), text),
        "cancel-order" => read(&CancelOrder::new(pair, "1"), text),
        "cancel-orders" => read(&CancelAllOrders::new(), text),
        "order" => read(&GetOrder::new(pair, "1"), text),
        "open-orders" => read(&GetOpenOrders::new(), text),
        "order-history" => read(&GetOrderHistory::new(pair), text),
        "own-trades" => read(&GetOwnTrades::new(pair), text),
        "deposits" => read(&GetDeposits::new("usdt"), text),
        "withdrawals" => read(&GetWithdrawals::new("usdt"), text),
        "errors" => return None,
        unknown => panic!("no call for the folder {unknown}"),
    })
}

/// Removes whitespace between tokens.
fn minified(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            in_string ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            in_string || !c.is_ascii_whitespace()
        })
        .collect()
}

#[test]
fn the_read_value_and_the_written_reply_match_the_snapshots() {
    for (call, fixture) in all() {
        let Some(read) = read_as(&call, &fixture.text) else { continue };
        let Read { debug, written } = read.unwrap_or_else(|error| panic!("{}: {error:?}", fixture.path));
        let present: Vec<&str> = debug.lines().filter(|line| !line.ends_with(": None,")).collect();
        let name = fixture.path.replace("rest/", "").replace('/', "__").replace(".json", "");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, format!("{}\n\nwritten back:\n{written}", present.join("\n")));
        });
        assert_eq!(minified(&written) == minified(&fixture.text), fixture.canonical, "{}", fixture.path);
    }
}

#[test]
fn every_truncation_of_a_reply_is_an_error_with_an_excerpt() {
    for (call, fixture) in all() {
        let text = fixture.text.trim_end();
        for length in (1..text.len()).step_by(7) {
            let Some(read) = read_as(&call, &text[..length]) else { continue };
            let error = read.err().unwrap_or_else(|| panic!("{}: {length}", fixture.path));
            assert_eq!(error.kind(), bitopro_rest::ErrorKind::Unreadable, "{error}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("invalid JSON") && source.len() < 1_000, "{source}");
        }
    }
}
