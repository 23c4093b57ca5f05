use bitopro_model::{Action, Balance, Decimal, OrderStatus};
use bitopro_rest::{
    CancelAllOrders, CancelOrder, CancelOrders, CancelPairOrders, ErrorKind, GetOpenOrders, GetOrder,
    GetOrderHistory, GetOwnTrades, PlaceBatch, PlaceOrder, StatusKind, Trigger,
};
use bitopro_sim::{NewOrder, Simulator, SimulatorBuilder};
use http::Method;

use crate::harness::{all_transports, in_memory, next_amount};

fn builder() -> SimulatorBuilder {
    Simulator::builder().with_balances([
        Balance::new("BITO", Decimal::ONE_HUNDRED),
        Balance::new("TWD", Decimal::from(1_000_000)),
        Balance::new("BTC", Decimal::ONE),
    ])
}

fn buy(amount: i64, price: i64) -> PlaceOrder {
    PlaceOrder::limit_buy("bito_twd", Decimal::from(amount), Decimal::from(price))
}

#[tokio::test]
async fn a_placed_order_is_in_the_book_and_on_the_streams_over_every_transport() {
    for harness in all_transports(builder()).await {
        let mut connection = harness.connect().await;
        let placed = harness.call(&buy(10, 3).with_client_id(41)).await.unwrap();
        assert_eq!(next_amount(&mut connection, "TWD").await, "1000000");
        assert_eq!(placed.client_id, Some(41.into()));
        let open = harness.simulator.open_orders();
        assert_eq!((open.len(), &open[0].id, open[0].client_id), (1, &placed.order_id, placed.client_id));

        let read = harness.call(&GetOrder::new("BITO_TWD", placed.order_id.clone())).await.unwrap();
        let listed = harness.call(&GetOpenOrders::new()).await.unwrap();
        for order in [&read, &listed.items[0]] {
            assert_eq!((&order.id, &order.pair, order.price), (&open[0].id, &open[0].pair, open[0].price));
            assert_eq!((order.created(), order.updated()), (open[0].created(), open[0].updated()));
            assert_eq!((order.remaining_amount, &order.seq), (open[0].remaining_amount, &open[0].seq));
            assert!(order.extra.is_empty(), "{order:?}");
        }
        harness.simulator.fill(&placed.order_id, Decimal::from(4)).unwrap();
        let cancelled = harness.call(&CancelOrder::new("bito_twd", placed.order_id.clone())).await.unwrap();
        assert_eq!((cancelled.order_id.clone(), cancelled.amount), (placed.order_id, Some(Decimal::TEN)));
        let history = harness.call(&GetOrderHistory::new("bito_twd")).await.unwrap();
        let closed = &harness.simulator.closed_orders()[0];
        assert_eq!(history.items[0].status, OrderStatus::CompletedPartialDeal);
        assert_eq!((&history.items[0].id, history.items[0].executed_amount), (&closed.id, Decimal::from(4)));
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_order_is_placed_as_requested() {
    let harness = in_memory(builder());
    let one = Decimal::ONE;
    let price = Decimal::from(3_000_000);
    let trigger = Trigger::at_or_above(Decimal::from(9_000_000));
    for (order, status, order_type) in [
        (PlaceOrder::limit_sell("bito_twd", one, one), OrderStatus::InProgress, "LIMIT"),
        (PlaceOrder::post_only_buy("btc_twd", Decimal::new(1, 4), price), OrderStatus::InProgress, "LIMIT"),
        (
            PlaceOrder::stop_limit_sell("btc_twd", Decimal::new(1, 4), price, trigger),
            OrderStatus::NotTriggered,
            "STOP_LIMIT",
        ),
        (PlaceOrder::market_sell("btc_twd", Decimal::new(1, 4)), OrderStatus::Completed, "MARKET"),
        (PlaceOrder::market_buy_for_quote("btc_twd", Decimal::from(200)), OrderStatus::Completed, "MARKET"),
    ] {
        let placed = harness.call(&order).await.unwrap();
        let read = harness.call(&GetOrder::new(order.pair().clone(), placed.order_id.clone())).await.unwrap();
        assert_eq!((read.status, read.order_type.as_str()), (status, order_type), "{order:?}");
        let is_market = order_type == "MARKET";
        assert_eq!(placed.price == Some(Decimal::ZERO), is_market);
        assert_eq!(placed.timestamp.map(|time| time.as_millis() % 1_000), Some(0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_breaks_a_rule_is_refused_and_changes_nothing() {
    let harness = in_memory(builder());
    let before = (harness.simulator.balances(), harness.simulator.open_orders());
    let unknown = PlaceOrder::limit_buy("nope_twd", Decimal::ONE, Decimal::ONE);
    let decimals = PlaceOrder::limit_buy("bito_twd", Decimal::new(1_000_000_001, 9), Decimal::ONE);
    for (order, kind) in [
        (unknown, ErrorKind::UnknownPair),
        (PlaceOrder::limit_buy("bito_twd", Decimal::new(1, 2), Decimal::ONE), ErrorKind::BelowMinimum),
        (decimals, ErrorKind::TooManyDecimals),
        (buy(1_000_000, 2), ErrorKind::NotEnoughBalance),
        (PlaceOrder::limit_buy("bito_twd", Decimal::from(200_000_000), Decimal::ONE), ErrorKind::Rejected),
    ] {
        let error = harness.call(&order).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.status().map(|status| status.as_u16())),
            (kind, Some(422)),
            "{error}"
        );
    }
    for body in [
        "",
        "[]",
        r#"{"action":"BUY","type":"LIMIT","amount":"1","price":"1"}"#,
        r#"{"action":"HOLD","type":"LIMIT","amount":"1","price":"1","timestamp":1}"#,
        r#"{"action":"BUY","type":"ICEBERG","amount":"1","price":"1","timestamp":1}"#,
        r#"{"action":"BUY","type":"LIMIT","amount":1,"price":"1","timestamp":1}"#,
        r#"{"action":"BUY","type":"STOP_LIMIT","amount":"1","price":"1","timestamp":1,"stopPrice":"1"}"#,
        r#"{"action":"SELL","type":"MARKET","percentage":50,"timestamp":1}"#,
        r#"{"action":"BUY","type":"LIMIT","amount":"1","price":"1","timestamp":1,"timeInForce":"IOC"}"#,
    ] {
        let body = body.replace("\"timestamp\":1", &format!("\"timestamp\":{}", harness.now_ms()));
        let (status, reply) = harness.with_body(Method::POST, "/orders/bito_twd", &body).await;
        assert_eq!(status, 422, "{body}");
        assert!(reply["error"].is_string(), "{reply}");
    }
    assert_eq!((harness.simulator.balances(), harness.simulator.open_orders()), before);
}

#[tokio::test(start_paused = true)]
async fn fees_follow_the_rank_and_the_role_of_each_account() {
    let balances = [Balance::new("BITO", Decimal::ONE_THOUSAND), Balance::new("TWD", Decimal::ONE_THOUSAND)];
    let credentials = bitopro_sim::SimCredentials::named("alice");
    let builder = Simulator::builder().with_balances(balances.clone());
    let builder = builder.with_account("alice", credentials.clone(), balances).with_rank("alice", 4);
    let harness = in_memory(builder);
    let alice = bitopro_auth::Signer::new(credentials.to_credentials().unwrap());
    let (amount, price) = (Decimal::from(100), Decimal::new(3_001, 3));
    let sell = (&alice, PlaceOrder::limit_sell("bito_twd", amount, price));
    let buy = (&harness.signer, PlaceOrder::limit_buy("bito_twd", amount, price));
    // As the maker, rank 4 pays 0.0125 % and rank 0 pays 0.1 %; as the taker, 0.1 % and 0.2 %.
    for (maker, taker, expected) in [(&sell, &buy, ["0.0375125", "0.2"]), (&buy, &sell, ["0.3001", "0.1"])] {
        for (signer, order) in [maker, taker] {
            harness.call_as(signer, order).await.unwrap();
        }
        for (signer, expected) in [&alice, &harness.signer].into_iter().zip(expected) {
            let trades = harness.call_as(signer, &GetOwnTrades::new("bito_twd")).await.unwrap();
            assert_eq!(trades.items[0].fee.to_string(), expected, "{trades:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_rules_of_a_pair_are_enforced_with_the_words_of_the_exchange() {
    let harness = in_memory(builder());
    let order = |fields: &str| {
        let times = format!("\"timestamp\":{}", harness.now_ms());
        format!("{{\"pair\":\"btc_twd\",\"action\":\"BUY\",\"price\":\"2000000\",{times},{fields}}}")
    };
    let limit = r#""type":"LIMIT","amount":"0.0001""#;
    for (fields, words) in [
        (r#""type":"LIMIT","amount":"0.00001""#, "Invalid amount 0.00001 less than min 0.0001."),
        (r#""type":"LIMIT","amount":"0.000100001""#, "Invalid amount 0.000100001, decimal limit is 8."),
        (r#""type":"MARKET","amount":"189.99""#, "Invalid amount 189.99 less than min 190."),
        (r#""type":"LIMIT","amount":"100000001""#, "Invalid amount 100000001 greater than max 100000000."),
        (
            r#""type":"STOP_LIMIT","amount":"0.0001","condition":"<=","stopPrice":"2000000.5""#,
            "Invalid price 2000000.5, decimal limit is 0.",
        ),
        (r#""type":"STOP_LIMIT","amount":"0.0001","condition":"<=","stopPrice":"-1""#, "Invalid price -1."),
        (
            r#""type":"LIMIT","amount":"1""#,
            "Balance for TWD not enough, only has 1000000, but ordered 2000000.",
        ),
    ] {
        let (status, reply) = harness.with_body(Method::POST, "/orders/btc_twd", &order(fields)).await;
        assert_eq!((status, reply["error"].as_str()), (422, Some(words)), "{fields}");
        let batch = format!("[{},{}]", order(limit), order(fields));
        let (status, reply) = harness.with_body(Method::POST, "/orders/batch", &batch).await;
        let words = if fields.contains("STOP") { "Unsupported order type" } else { words };
        assert_eq!((status, reply["error"].as_str()), (422, Some(words)), "{fields}");
    }
    for count in [0, 11] {
        let batch = format!("[{}]", vec![order(limit); count].join(","));
        let (status, reply) = harness.with_body(Method::POST, "/orders/batch", &batch).await;
        assert_eq!((status, reply["error"].as_str()), (422, Some("Invalid body")), "{count} orders");
    }
    assert!(harness.simulator.open_orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_open_orders_counts_the_orders_of_one_pair() {
    let (_, mut reply) = in_memory(builder()).get("/provisioning/trading-pairs").await;
    for row in reply["data"].as_array_mut().unwrap() {
        row["orderOpenLimit"] = "2".into();
    }
    let harness = in_memory(builder().with_pairs(reply.to_string().parse().unwrap()));
    harness.call(&buy(1, 3)).await.unwrap();
    let btc = PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 4), Decimal::from(2_000_000));
    let (one, two) = (buy(1, 3), buy(2, 3));
    let batch = harness.call(&PlaceBatch::new([one, two, btc])).await.unwrap();
    let placed: Vec<bool> = batch.iter().map(|entry| entry.placed().is_some()).collect();
    assert_eq!(placed, [true, false, true], "{batch:?}");
    let error = harness.call(&buy(1, 3)).await.unwrap_err();
    assert_eq!(error.words(), "the account already has 2 open orders in bito_twd");
    // A market order does not remain open.
    let market = PlaceOrder::market_buy_for_quote("bito_twd", Decimal::from(200));
    assert!(!harness.call(&market).await.unwrap_err().words().contains("open orders"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_placed_in_its_order_or_refused_as_a_whole() {
    let harness = in_memory(builder());
    let batch = harness.call(&PlaceBatch::new([buy(1, 3), buy(2, 3)])).await.unwrap();
    let placed: Vec<_> = batch.iter().map(|entry| entry.placed().unwrap()).collect();
    assert_eq!(
        placed.iter().map(|order| order.amount.unwrap()).collect::<Vec<_>>(),
        [Decimal::ONE, Decimal::TWO]
    );
    assert_eq!(harness.simulator.open_orders().len(), 2);

    let nothing = PlaceOrder::limit_buy("bito_twd", Decimal::new(1, 9), Decimal::ONE);
    assert!(harness.call(&PlaceBatch::new([buy(1, 3), nothing])).await.is_err());
    assert_eq!(harness.simulator.open_orders().len(), 2);

    // Each of these is covered alone, but not both.
    let batch = harness.call(&PlaceBatch::new([buy(300_000, 2), buy(300_000, 2)])).await.unwrap();
    assert!(batch.items[0].placed().is_some() && batch.items[1].placed().is_none(), "{batch:?}");
    assert!(batch.items[1].excerpt().unwrap().contains("not enough"), "{batch:?}");
}

#[tokio::test(start_paused = true)]
async fn orders_are_cancelled_one_by_one_by_pair_by_id_or_all() {
    let harness = in_memory(builder());
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(harness.call(&buy(1, 3)).await.unwrap().order_id);
    }
    let btc = PlaceOrder::limit_sell("btc_twd", Decimal::new(1, 4), Decimal::from(9_000_000));
    let btc = harness.call(&btc).await.unwrap().order_id;
    let open = || harness.simulator.open_orders().into_iter().map(|order| order.id).collect::<Vec<_>>();

    // The order of another pair, and one that is not open.
    assert!(harness.call(&CancelOrder::new("bito_twd", btc.clone())).await.is_err());
    harness.call(&CancelOrder::new("bito_twd", ids[0].clone())).await.unwrap();
    let again = harness.call(&CancelOrder::new("bito_twd", ids[0].clone())).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Rejected, "{again}");

    let many = CancelOrders::new("bito_twd", [ids[0].clone(), ids[1].clone(), btc.clone()]);
    let cancelled = harness.call(&many).await.unwrap();
    assert!(cancelled.len() == 1 && cancelled.contains(ids[1].as_str()), "{cancelled:?}");

    // Ids may be numbers, as in the reply to a placed order.
    let (_, reply) =
        harness.with_body(Method::PUT, "/orders", &format!(r#"{{"BITO_TWD":[{}]}}"#, ids[2])).await;
    assert_eq!(reply["data"]["BITO_TWD"][0], ids[2].as_str());

    let cancelled = harness.call(&CancelPairOrders::new("bito_twd")).await.unwrap();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(open(), std::slice::from_ref(&btc));
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let cancelled = harness.call(&CancelAllOrders::new()).await.unwrap();
    let by_pair: Vec<_> = cancelled.by_pair().collect();
    assert_eq!(by_pair, [(&"BTC_TWD".into(), [btc].as_slice())]);
    assert!(open().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_history_can_be_restricted_by_status_client_id_and_time() {
    let harness = in_memory(builder());
    let first = harness.call(&buy(1, 3).with_client_id(7)).await.unwrap().order_id;
    let second = harness.call(&buy(1, 3)).await.unwrap().order_id;
    harness.simulator.fill_remaining(&second).unwrap();
    let third = harness.call(&buy(1, 3)).await.unwrap().order_id;
    harness.simulator.cancel(&third).unwrap();
    let history = || GetOrderHistory::new("bito_twd");
    for (call, expected) in [
        (history(), vec![&third, &second, &first]),
        (history().with_status_kind(StatusKind::Open), vec![&first]),
        (history().with_status_kind(StatusKind::Done), vec![&second]),
        (history().with_status(OrderStatus::Cancelled), vec![&third]),
        (history().with_client_id(7), vec![&first]),
        (history().with_limit(2), vec![&third, &second]),
        (history().with_from_order(second.clone()), vec![&second, &first]),
        (history().with_start(bitopro_model::Timestamp::from_millis(i64::MAX - 1)), vec![]),
    ] {
        let listed = harness.call(&call).await.unwrap();
        assert_eq!(listed.iter().map(|order| &order.id).collect::<Vec<_>>(), expected, "{call:?}");
    }
    // A window that ends in the future still reaches back 90 days from now.
    let (_, reply) = harness.get("/orders/all/bito_twd?endTimestamp=9999999999999").await;
    assert_eq!(reply["data"].as_array().map(Vec::len), Some(3));
    let error = harness.call(&GetOrder::new("bito_twd", "1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let of_other_pair = harness.call(&GetOrder::new("btc_twd", first)).await.unwrap_err();
    assert_eq!(of_other_pair.kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_order_of_another_account_is_out_of_reach() {
    let bob = bitopro_sim::SimCredentials::new("bob-key", "bob-secret", "bob@example.com");
    let balances = [Balance::new("BITO", Decimal::TEN), Balance::new("TWD", Decimal::TEN)];
    let harness = in_memory(builder().with_account("bob", bob.clone(), balances));
    let bob = bitopro_auth::Signer::new(bob.to_credentials().unwrap());
    let own = harness.call(&buy(1, 3)).await.unwrap().order_id;
    assert!(harness.call_as(&bob, &GetOrder::new("bito_twd", own.clone())).await.is_err());
    assert!(harness.call_as(&bob, &CancelOrder::new("bito_twd", own.clone())).await.is_err());
    assert_eq!(harness.call_as(&bob, &CancelAllOrders::new()).await.unwrap().len(), 0);

    let sell = PlaceOrder::limit_sell("bito_twd", Decimal::ONE, Decimal::from(3));
    let sold = harness.call_as(&bob, &sell).await.unwrap().order_id;
    assert_eq!(harness.call(&GetOrder::new("bito_twd", own)).await.unwrap().status, OrderStatus::Completed);
    let account = harness.simulator.account("bob").unwrap();
    assert!(account.read(|account| account.order(&sold).unwrap().is_final()));
    let maker = NewOrder::limit("bito_twd", Action::Sell, Decimal::ONE, Decimal::from(9));
    account.place(&maker).unwrap();
}
