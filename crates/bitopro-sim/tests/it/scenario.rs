//! Scenarios, run on a paused clock.

use std::collections::BTreeSet;
use std::time::Duration;

use bitopro_model::PrivateStream;
use bitopro_sim::{Command, CommandError, Scenario, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::harness::{in_memory, next_amount, next_text, until_disconnected};

fn scenario(text: &str) -> Scenario {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn steps_refer_to_orders_by_name_or_id() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let (closed_before, trades_before) = (simulator.closed_orders().len(), simulator.trades().len());
    let start = Instant::now();
    let scenario = scenario(
        "0   place a sell btc_twd 0.5 at 5000000
         100 place b sell btc_twd 0.1 at 100 when <= 200
         50  place c buy btc_twd 30000 at market client 3
         0   place d buy btc_twd 0.01 at 9000000 post-only
         0   fill a 0.2
         0   trigger b
         25  cancel a
         25  cancel 8178405867",
    );
    simulator.run(&scenario).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(200));
    let closed = simulator.closed_orders();
    let statuses: Vec<i64> = closed.iter().skip(closed_before).map(|order| order.status.code()).collect();
    assert_eq!(statuses, [2, 6, 2, 3, 4]);
    let trades = simulator.trades().into_iter().skip(trades_before);
    let traded: BTreeSet<_> = trades.map(|trade| trade.order_id).collect();
    assert_eq!((traded.len(), simulator.open_orders().len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn connection_commands_take_effect_in_order() {
    let harness = in_memory(Simulator::builder());
    let scenario = scenario(
        "0  wait 2
         0  balance BTC 7
         0  text {\"event\":\"NEWS\"}
         0  tick
         0  close 4001 back soon
         10 refuse 1 429
         0  disconnect",
    );
    let read = async {
        let mut balances = harness.connect().await;
        let mut orders =
            harness.dial_path(PrivateStream::ActiveOrders.path(), harness.sign().iter()).await.unwrap();
        next_text(&mut orders).await;
        assert_eq!(next_amount(&mut balances, "BTC").await, "7");
        assert_eq!(next_text(&mut balances).await, r#"{"event":"NEWS"}"#);
        next_text(&mut balances).await;
        assert_eq!(balances.next().await.unwrap().unwrap(), Frame::close(4_001, "back soon"));
    };
    let (result, ()) = tokio::join!(harness.simulator.run(&scenario), read);
    result.unwrap();
    assert_eq!(harness.simulator.connections(), 0);
    assert!(harness.dial().await.is_err());
    assert_eq!(harness.statuses(), [101, 101, 429]);

    let mut connection = harness.connect().await;
    let disconnect = Scenario::new().then(Duration::from_secs(1), Command::Disconnect(None));
    harness.simulator.run(&disconnect).await.unwrap();
    assert_eq!(until_disconnected(&mut connection).await, []);
}

#[tokio::test]
async fn only_a_scenario_waits_for_connections() {
    let harness = in_memory(Simulator::builder());
    let execute = |text: &str| harness.simulator.execute(&text.parse().unwrap());
    assert_eq!(execute("wait 1"), Err(CommandError::TooFewConnections(1)));
    let _connection = harness.connect().await;
    assert_eq!(execute("wait 1"), Ok(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_is_reported_and_ends_the_scenario() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let before = simulator.balances();
    for (text, expected) in [
        ("# unknown\n0 cancel a\n0 balance BTC 1", "line 2: no open order has the name or id `a`"),
        ("0 place a buy mith_twd 1 at 1", "line 1: the account has no tradable balance of MITH"),
        ("0 deposit BTC -100", "line 1: the available balance of BTC is too small"),
        ("0 place a sell btc_twd 1000 at 9999999", "line 1: the available balance of BTC is too small"),
    ] {
        assert_eq!(simulator.run(&scenario(text)).await.unwrap_err().to_string(), expected);
    }
    assert_eq!(simulator.balances(), before);
}
