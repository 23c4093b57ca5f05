use rust_decimal::Decimal;

use crate::{
    Action, ActiveOrderStream, ActiveOrders, ClientId, Condition, HistoryOrders, Order, OrderStatus,
    OrderType, Orders, Pair, Timestamp,
};

fn message(order_changes: &[(&str, &str)]) -> String {
    let mut text = r#"{"event":"ACTIVE_ORDERS","timestamp":1639552073346,"data":{"sol_usdt":[{"id":"8917255503","pair":"sol_usdt","price":"107","avgExecutionPrice":"0","action":"SELL","type":"LIMIT","timestamp":1639386803663,"updatedTimestamp":1639386803664,"createdTimestamp":1639386803662,"status":0,"originalAmount":"0.02","remainingAmount":"0.02","executedAmount":"0","fee":"0","feeSymbol":"usdt","bitoFee":"0","total":"0","seq":"SOLUSDT3273528249","timeInForce":"GTC"}],"btc_twd":[]}}"#.to_owned();
    for (from, to) in order_changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

fn order(changes: &[(&str, &str)]) -> Order {
    ActiveOrders::from_json(&message(changes)).unwrap().data.iter().next().unwrap().clone()
}

#[test]
fn a_message_is_written_back_unchanged() {
    let text = message(&[]);
    let event = ActiveOrders::from_json(&text).unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), text);
    assert_eq!((event.data.len(), event.data.by_pair().count()), (1, 2));
    let history = text.replace("ACTIVE_ORDERS", "RECENT_HISTORY_ORDERS");
    assert!(ActiveOrders::from_json(&history).is_err());
    assert_eq!(HistoryOrders::from_json(&history).unwrap().data.iter().next(), event.data.get("8917255503"));
}

#[test]
fn documented_variants_are_read() {
    let stop = order(&[
        (r#""id":"8917255503""#, r#""id":"SL-1133804403""#),
        (r#""type":"LIMIT""#, r#""type":"STOP_LIMIT""#),
        (r#""status":0"#, r#""status":-1"#),
        (
            r#""timeInForce":"GTC""#,
            r#""timeInForce":"POST_ONLY","stopPrice":"1.10","condition":">=","clientID":7"#,
        ),
    ]);
    assert_eq!(
        (stop.id.as_str(), stop.status, stop.order_type.clone()),
        ("SL-1133804403", OrderStatus::NotTriggered, OrderType::StopLimit)
    );
    assert_eq!(
        (stop.stop_price.unwrap().to_string().as_str(), stop.condition.unwrap()),
        ("1.10", Condition::AtOrAbove)
    );
    assert_eq!(stop.client_id.map(ClientId::get), Some(7));

    let old = order(&[
        (r#""id":"8917255503""#, r#""id":8917255503"#),
        (r#""updatedTimestamp":1639386803664,"createdTimestamp":1639386803662,"#, ""),
        (r#""type":"LIMIT""#, r#""type":"Market""#),
        (r#""timeInForce":"GTC""#, r#""timeInForce":"GTC","clientId":"7""#),
    ]);
    assert_eq!(old.id.as_str(), "8917255503");
    assert_eq!(old.updated().map(Timestamp::as_millis), Some(1_639_386_803_663));
    assert_eq!((old.order_type, old.client_id.map(ClientId::get)), (OrderType::Market, Some(7)));
    let duplicate =
        message(&[(r#""timeInForce":"GTC""#, r#""timeInForce":"GTC","clientId":7,"clientID":8"#)]);
    assert!(
        ActiveOrders::from_json(&duplicate).unwrap_err().to_string().contains("duplicate field `clientID`")
    );
}

#[test]
fn accessors_return_milliseconds_and_fields_keep_the_original_times() {
    let times =
        r#""timestamp":1639386803663,"updatedTimestamp":1639386803664,"createdTimestamp":1639386803662,"#;
    for (replacement, updated, created) in [
        (times, Some(1_639_386_803_664), Some(1_639_386_803_662)),
        (
            r#""timestamp":1639386803,"updatedTimestamp":1639386804,"createdTimestamp":1639386802,"#,
            Some(1_639_386_804_000),
            Some(1_639_386_802_000),
        ),
        (r#""timestamp":1639386803,"#, Some(1_639_386_803_000), None),
        (r#""createdTimestamp":1639386802000,"#, None, Some(1_639_386_802_000)),
    ] {
        let changes = [(times, replacement)];
        let order = order(&changes);
        let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
        assert_eq!((millis(order.updated()), millis(order.created())), (updated, created), "{replacement}");
        let text = message(&changes);
        assert_eq!(serde_json::to_string(&ActiveOrders::from_json(&text).unwrap()).unwrap(), text);
    }
}

#[test]
fn predicates_follow_the_status_and_the_executed_amount() {
    for (status, executed, is_open, is_final, is_partially_filled, is_filled) in [
        (-1, "0", true, false, false, false),
        (0, "0", true, false, false, false),
        (1, "0.01", true, false, true, false),
        (2, "0.02", false, true, false, true),
        (3, "0.01", false, true, true, false),
        (4, "0", false, true, false, false),
        (6, "0", false, true, false, false),
        (5, "0", false, false, false, false),
    ] {
        let order = order(&[
            (r#""status":0"#, &format!(r#""status":{status}"#)),
            (r#""executedAmount":"0""#, &format!(r#""executedAmount":"{executed}""#)),
        ]);
        let actual = (order.is_open(), order.is_final(), order.is_partially_filled(), order.is_filled());
        assert_eq!(actual, (is_open, is_final, is_partially_filled, is_filled), "{status}");
    }
}

#[test]
fn a_new_order_is_open_and_pays_its_fee_in_the_received_currency() {
    let (one, placed) = (Decimal::ONE, Timestamp::from_millis(1_639_386_803_662));
    for (action, fee_symbol) in [(Action::Buy, "btc"), (Action::Sell, "twd")] {
        let order = Order::new("1", "btc_twd", action, OrderType::Limit)
            .with_price(one)
            .with_amount(one)
            .with_created(placed);
        assert_eq!((order.fee_symbol.clone(), order.updated()), (Some(fee_symbol.into()), Some(placed)));
        assert!(order.is_open() && !order.is_partially_filled());
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
    }
}

#[test]
fn an_order_under_the_wrong_pair_is_an_error() {
    let wrong = message(&[(r#""sol_usdt":["#, r#""eth_usdt":["#)]);
    let error = ActiveOrders::from_json(&wrong).unwrap_err().to_string();
    assert!(
        error.starts_with("data: order `8917255503` under `eth_usdt` has the pair `sol_usdt`"),
        "{error}"
    );
    assert!(ActiveOrders::from_json(&message(&[(r#""sol_usdt":["#, r#""SOL_USDT":["#)])).is_ok());
    let duplicate = message(&[(r#""btc_twd":[]"#, r#""sol_usdt":[]"#)]);
    assert!(
        ActiveOrders::from_json(&duplicate).unwrap_err().to_string().contains("duplicate pair `sol_usdt`")
    );
    let error = ActiveOrders::from_json(&message(&[(r#""price":"107""#, r#""price":107.5"#)])).unwrap_err();
    assert_eq!(error.path(), "data.sol_usdt[0].price");
}

#[test]
fn orders_are_grouped_by_pair_in_order_of_first_occurrence() {
    let mut other = order(&[]);
    other.pair = Pair::new("btc_twd");
    let orders: Orders<ActiveOrderStream> = [order(&[]), other, order(&[])].into_iter().collect();
    let shape: Vec<_> = orders.by_pair().map(|(pair, orders)| (pair.as_str(), orders.len())).collect();
    assert_eq!(shape, [("sol_usdt", 2), ("btc_twd", 1)]);
}
