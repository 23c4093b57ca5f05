//! Values in other JSON types or spellings are read if their meaning is certain.

use bitopro_model::{Action, ClientId, Decimal, Pair, Timestamp, TradeSide};
use bitopro_rest::{
    BatchEntry, Call, CancelAllOrders, GetBalances, GetDeposits, GetOpenOrders, GetOrderBook, GetOwnTrades,
    GetTradingPairs, OwnTrade, PlaceBatch, PlaceOrder, TransferStatus,
};

use crate::response;

fn read<C: Call>(call: &C, body: &str) -> C::Reply {
    call.read_reply(&response(200, body)).unwrap()
}

#[test]
fn null_and_an_empty_object_and_an_empty_list_are_an_empty_list() {
    for data in ["null", "{}", "[]", " { } "] {
        let body = format!(r#"{{"data":{data}}}"#);
        assert!(read(&GetOpenOrders::new(), &body).is_empty(), "{body}");
        assert!(read(&GetBalances::new(), &body).is_empty(), "{body}");
        assert!(read(&CancelAllOrders::new(), &body).is_empty(), "{body}");
        let book = read(&GetOrderBook::new("sol_twd"), &format!(r#"{{"bids":{data},"asks":{data}}}"#));
        assert!(book.bids.is_empty() && book.asks.is_empty());
        assert_eq!(serde_json::to_string(&book).unwrap(), r#"{"bids":[],"asks":[]}"#);
    }
}

#[test]
fn ids_and_counts_are_read_from_strings_and_numbers() {
    let order = PlaceOrder::market_sell("sol_twd", Decimal::ONE);
    for body in [
        r#"{"orderId":6120443789,"clientId":7}"#,
        r#"{"orderId":"6120443789","clientID":"7","action":null,"price":""}"#,
    ] {
        let placed = read(&order, body);
        assert_eq!((placed.order_id.as_str(), placed.client_id), ("6120443789", Some(ClientId::from(7))));
        assert!(placed.action.is_none() && placed.price.is_none());
        assert_eq!(serde_json::to_string(&placed).unwrap(), r#"{"orderId":"6120443789","clientId":7}"#);
    }
    for (json, precision) in
        [("\"8\"", Some(8)), ("8", Some(8)), ("-1", None), ("\"x\"", None), ("null", None)]
    {
        let body =
            format!(r#"{{"data":[{{"pair":"a_b","base":"a","quote":"b","amountPrecision":{json}}}]}}"#);
        let pairs = read(&GetTradingPairs::new(), &body);
        assert_eq!(pairs.items[0].amount_precision, precision, "{body}");
        assert_eq!(
            pairs.items[0].extra.get("amountPrecision").is_some(),
            precision.is_none() && json != "null"
        );
    }
}

#[test]
fn times_of_open_orders_are_milliseconds_by_their_accessors() {
    for (json, millis) in [("1795312805", 1_795_312_805_000), ("1795312805123", 1_795_312_805_123)] {
        let body = format!(
            r#"{{"data":[{{"id":"1","pair":"sol_twd","price":"1","action":"buy","type":"limit","status":0,
            "originalAmount":"1","remainingAmount":"1","executedAmount":"0","createdTimestamp":{json}}}]}}"#
        );
        let orders = read(&GetOpenOrders::new(), &body);
        assert_eq!(orders.items[0].created(), Some(Timestamp::from_millis(millis)));
        assert_eq!(orders.items[0].action, Action::Buy);
        assert!(serde_json::to_string(&orders).unwrap().contains(json), "the number on the wire is kept");
    }
}

#[test]
fn an_unreadable_entry_of_a_batch_does_not_hide_the_others() {
    let batch = PlaceBatch::new([PlaceOrder::market_sell("sol_twd", Decimal::ONE)]);
    let entries = read(&batch, r#"{"data":[{"orderId":1},{"error":"no \u001b"},null]}"#);
    let placed: Vec<bool> = entries.iter().map(|entry| entry.placed().is_some()).collect();
    assert_eq!(placed, [true, false, false]);
    assert_eq!(entries.items[1], BatchEntry::Unreadable(r#"{"error":"no \u001b"}"#.into()));
    assert_eq!(entries.items[1].excerpt().as_deref(), Some(r#"{"error":"no \u001b"}"#));
}

const TRADE: &str = r#"{"tradeId":1,"orderId":2,"price":"4390","action":"BUY","baseAmount":"0.5","quoteAmount":"2195",
    "fee":"0.0005","feeSymbol":"sol","isTaker":false,"createdTimestamp":1795226400999}"#;

fn trade(from: &str, to: &str) -> OwnTrade {
    assert!(TRADE.contains(from), "{from}");
    let body = format!(r#"{{"data":[{}]}}"#, TRADE.replace(from, to));
    read(&GetOwnTrades::new("sol_twd"), &body).items.remove(0)
}

#[test]
fn a_converted_trade_leaves_out_what_rest_does_not_know() {
    let pair = Pair::new("sol_twd");
    let converted = trade("", "").to_trade(&pair).unwrap();
    assert_eq!((converted.pair(), converted.side.clone()), (pair.clone(), TradeSide::Bid));
    assert_eq!((converted.price.to_string(), converted.volume.to_string()), ("4390".into(), "0.5".into()));
    assert_eq!((converted.fee.to_string(), converted.fee_currency.as_str()), ("0.0005".into(), "sol"));
    assert_eq!((converted.order_id.as_str(), converted.is_maker), ("2", Some(true)));
    assert_eq!(converted.transaction_timestamp.as_secs(), 1_795_226_400, "rounded down");
    assert!(converted.event_timestamp.is_none() && converted.order_type.is_none());
    assert!(converted.match_id.is_none() && converted.is_market.is_none());

    let side = |action: &str| trade("BUY", action).to_trade(&pair).unwrap().side;
    assert_eq!((side("sell"), side("SWAP")), (TradeSide::Ask, TradeSide::Unknown("SWAP".into())));
    assert_eq!(trade("false", "null").to_trade(&pair).unwrap().is_maker, None);
    let deprecated = trade("createdTimestamp", "timestamp").to_trade(&pair).unwrap();
    assert_eq!(deprecated.transaction_timestamp.as_secs(), 1_795_226_400);
    assert_eq!(trade("createdTimestamp", "time").to_trade(&pair), None);
    assert_eq!(trade("", "").to_trade(&Pair::new("soltwd")), None);
}

#[test]
fn a_transfer_has_its_time_as_a_string_and_keeps_an_unknown_status() {
    let body =
        r#"{"data":[{"serial":"S1","timestamp":"1795310000000","amount":"1.50","status":"REVIEWED"}]}"#;
    let transfer = read(&GetDeposits::new("btc"), body).items.remove(0);
    assert_eq!(transfer.timestamp, Some(Timestamp::from_millis(1_795_310_000_000)));
    assert_eq!(transfer.status, TransferStatus::Unknown("REVIEWED".into()));
    assert_eq!(transfer.amount.to_string(), "1.50");
}
