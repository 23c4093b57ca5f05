use std::time::{Duration, Instant};

use bitopro_model::{Trade, TradeSide, UnixSeconds};
use bitopro_rest::OwnTrade;

use super::KnownTrades;
use crate::system::test_start;

/// Returns the record of a trade with this id, order, volume and time in milliseconds.
fn record(id: &str, order: &str, volume: &str, ms: i64) -> OwnTrade {
    let amounts = format!(r#""price":"2600000.0","baseAmount":"{volume}","fee":"0.00010","feeSymbol":"BTC""#);
    let text = format!(
        r#"{{"tradeId":"{id}","orderId":"{order}","action":"BUY",{amounts},"createdTimestamp":{ms}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

/// Returns a trade of the stream, at a time in seconds.
fn trade(order: &str, volume: &str, second: i64) -> Trade {
    let trade = Trade::new(order, TradeSide::Bid, "btc", "twd");
    let mut trade = trade.with_price(2_600_000.into()).with_matched(UnixSeconds::from_secs(second));
    trade.volume = volume.parse().unwrap();
    trade.fee = "0.0001".parse().unwrap();
    trade
}

/// Returns the ids of the records that none of the trades explains.
fn missing(trades: &[Trade], records: &[OwnTrade]) -> Vec<String> {
    let mut known = KnownTrades::default();
    for trade in trades {
        known.add(trade, test_start(), false);
    }
    known.missing(records).into_iter().map(|record| record.trade_id.to_string()).collect()
}

#[test]
fn a_trade_explains_a_record_with_the_same_terms_and_at_most_a_second_apart() {
    let known = [trade("1", "0.10", 100)];
    for ms in [99_000, 100_000, 101_999] {
        assert_eq!(missing(&known, &[record("a", "1", "0.1", ms)]), [""; 0], "{ms}");
    }
    for ms in [98_999, 102_000] {
        assert_eq!(missing(&known, &[record("a", "1", "0.1", ms)]), ["a"], "{ms}");
    }
    for other in [record("a", "2", "0.1", 100_000), record("a", "1", "0.2", 100_000)] {
        assert_eq!(missing(&known, &[other]), ["a"]);
    }
    let [mut side, mut fee, mut currency] = [(); 3].map(|()| known[0].clone());
    side.side = TradeSide::Ask;
    fee.fee = "0.0002".parse().unwrap();
    currency.fee_currency = "bito".into();
    for other in [side, fee, currency] {
        assert_eq!(missing(&[other], &[record("a", "1", "0.1", 100_000)]), ["a"]);
    }
}

#[test]
fn equal_trades_are_matched_one_to_one() {
    let records = [100_000, 100_500, 101_000].map(|ms| record(&ms.to_string(), "1", "0.1", ms));
    let of = |seconds: &[i64]| {
        let trades: Vec<Trade> = seconds.iter().map(|second| trade("1", "0.1", *second)).collect();
        missing(&trades, &records)
    };
    assert_eq!(of(&[100, 100, 101]), [""; 0]);
    assert_eq!(of(&[99, 101, 102]), [""; 0]);
    assert_eq!(of(&[100, 101]).len(), 1);
    assert_eq!(of(&[102]), ["100000", "100500"]);
    assert_eq!(of(&[101, 102]).len(), 1);
    // The nearest record is explained.
    assert_eq!(missing(&[trade("1", "0.1", 101)], &records), ["100000", "100500"]);
    // A trade outside of the times of the records takes nothing away.
    assert_eq!(of(&[5, 100, 100, 101, 900]), [""; 0]);
}

#[test]
fn a_recovered_trade_is_known_by_its_id_and_order() {
    let mut known = KnownTrades::default();
    known.add_recovered(&record("a", "1", "0.1", 100_000), test_start());
    let records = [("a", "1"), ("a", "2"), ("b", "1")].map(|(id, order)| record(id, order, "0.1", 100_000));
    let missing = known.missing(&records);
    assert_eq!(missing, [&records[2], &records[1]]);
}

/// Everything up to a forgotten trade is known, so its record is not missing.
#[test]
fn old_trades_are_forgotten_unless_a_backfill_is_in_progress() {
    let start = test_start();
    let after = |seconds: u64| -> Instant { start + Duration::from_secs(seconds) };
    for (is_in_progress, seconds, is_kept) in [(false, 180, true), (false, 181, false), (true, 9_999, true)] {
        let mut known = KnownTrades::default();
        known.add(&trade("1", "0.1", 100), after(0), false);
        known.add(&trade("2", "0.1", 300), after(seconds), is_in_progress);
        let is_known = |ms| known.missing(&[record("a", "1", "0.1", ms)]).is_empty();
        assert_eq!((is_known(100_999), is_known(101_000)), (true, is_kept), "{seconds}");
    }
}
