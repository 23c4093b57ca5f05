use std::time::Duration;

use bitopro_model::{Action, Balance, Decimal, Timestamp};
use bitopro_rest::{GetBalances, GetOpenOrders, GetOwnTrades};
use bitopro_sim::{
    Clock, DoneOrders, NewOrder, OpenOrderTimes, PlacedOrderIds, QuirkType, Quirks, RestLag, Simulator,
    TradeListOrder,
};
use http::Method;
use serde_json::Value;
use tokio::time::advance;

use crate::harness::{Harness, in_memory};

fn with(quirk: impl QuirkType) -> Harness {
    let balances = [Balance::new("BITO", Decimal::ONE_HUNDRED), Balance::new("TWD", Decimal::ONE_THOUSAND)];
    let quirks = Quirks::default().with(quirk);
    let start = Timestamp::from_millis(1_795_312_800_000);
    in_memory(
        Simulator::builder()
            .with_clock(Clock::following_tokio(start))
            .with_balances(balances)
            .with_quirks(quirks),
    )
}

fn buy() -> NewOrder {
    NewOrder::limit("bito_twd", Action::Buy, Decimal::ONE, Decimal::from(3))
}

#[tokio::test(start_paused = true)]
async fn the_times_of_open_orders_are_in_seconds_or_milliseconds() {
    for (times, expected) in
        [(OpenOrderTimes::Seconds, 1_795_312_800_i64), (OpenOrderTimes::Milliseconds, 1_795_312_800_000)]
    {
        let harness = with(times);
        let id = harness.simulator.place(&buy()).unwrap();
        let (_, open) = harness.get("/orders/open").await;
        assert_eq!(open["data"][0]["createdTimestamp"], expected);
        assert_eq!(open["data"][0]["updatedTimestamp"], expected);
        assert_eq!(open["data"][0]["timestamp"], Value::Null);
        // A single order and the history always have milliseconds.
        let (_, one) = harness.get(&format!("/orders/bito_twd/{id}")).await;
        assert_eq!(one["timestamp"], 1_795_312_800_000_i64);
        let (_, history) = harness.get("/orders/all/bito_twd").await;
        assert_eq!(history["data"][0]["createdTimestamp"], 1_795_312_800_000_i64);
        let read = harness.call(&GetOpenOrders::new()).await.unwrap();
        assert_eq!(read.items[0].created(), harness.simulator.open_orders()[0].created());
    }
}

#[tokio::test(start_paused = true)]
async fn the_id_of_a_placed_order_is_a_number_or_a_text() {
    for ids in [PlacedOrderIds::Numbers, PlacedOrderIds::Texts] {
        let harness = with(ids);
        let body = format!(
            r#"{{"action":"BUY","type":"LIMIT","amount":"1","price":"3","timestamp":{}}}"#,
            harness.now_ms()
        );
        let (_, placed) = harness.with_body(Method::POST, "/orders/bito_twd", &body).await;
        assert_eq!(placed["orderId"].is_number(), ids == PlacedOrderIds::Numbers, "{placed}");
        let id = placed["orderId"].to_string().replace('"', "");
        assert_eq!(harness.simulator.open_orders()[0].id, id.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn the_accounts_trades_are_listed_newest_or_oldest_first() {
    for order in [TradeListOrder::NewestFirst, TradeListOrder::OldestFirst] {
        let harness = with(order);
        let id = harness.simulator.place(&buy()).unwrap();
        for amount in [1, 2, 3] {
            harness.simulator.fill(&id, Decimal::new(amount, 2)).unwrap();
        }
        let trades = harness.call(&GetOwnTrades::new("bito_twd").with_limit(2)).await.unwrap();
        let amounts: Vec<_> = trades.iter().map(|trade| trade.base_amount).collect();
        let mut expected = vec![Decimal::new(3, 2), Decimal::new(2, 2)];
        if order == TradeListOrder::OldestFirst {
            expected.reverse();
        }
        assert_eq!(amounts, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn done_orders_include_cancelled_ones_or_not() {
    for (done, expected) in [(DoneOrders::Executed, 0), (DoneOrders::All, 1)] {
        let harness = with(done);
        let id = harness.simulator.place(&buy()).unwrap();
        harness.simulator.cancel(&id).unwrap();
        let (_, listed) = harness.get("/orders/all/bito_twd?statusKind=DONE").await;
        assert_eq!(listed["data"].as_array().unwrap().len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn rest_can_lag_behind_the_streams() {
    let harness = with(RestLag::TwoSeconds);
    advance(Duration::from_secs(10)).await;
    let id = harness.simulator.place(&buy()).unwrap();
    advance(Duration::from_millis(500)).await;
    harness.simulator.fill_remaining(&id).unwrap();
    let shown = async || {
        let open = harness.call(&GetOpenOrders::new()).await.unwrap().len();
        let trades = harness.call(&GetOwnTrades::new("bito_twd")).await.unwrap().len();
        let balances = harness.call(&GetBalances::new()).await.unwrap();
        let twd = balances.iter().find(|balance| balance.currency == "twd").unwrap();
        (open, trades, twd.amount, twd.available)
    };
    let thousand = Decimal::ONE_THOUSAND;
    let less = Decimal::from(997);
    assert_eq!(shown().await, (0, 0, thousand, thousand));
    advance(Duration::from_millis(1_499)).await;
    assert_eq!(shown().await, (0, 0, thousand, thousand));
    advance(Duration::from_millis(1)).await;
    assert_eq!(shown().await, (1, 0, thousand, less));
    advance(Duration::from_millis(500)).await;
    assert_eq!(shown().await, (0, 1, less, less));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_does_not_freeze_a_lagging_rest() {
    let harness = with(RestLag::TwoSeconds);
    let deposit = || harness.simulator.execute(&"deposit TWD 1".parse().unwrap()).unwrap();
    deposit();
    harness.simulator.execute(&"clock-offset -3600000".parse().unwrap()).unwrap();
    deposit();
    advance(Duration::from_secs(2)).await;
    let balances = harness.call(&GetBalances::new()).await.unwrap();
    let twd = balances.iter().find(|balance| balance.currency == "twd").unwrap();
    assert_eq!(twd.amount, Decimal::from(1_002));
}
