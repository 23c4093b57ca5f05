//! Real connections over which nothing comes any more, and dials that are never answered.
//!
//! Limits are short, and only ever expected to pass: a machine that is slow cannot make these fail.

use std::time::Duration;

use bitopro_client::model::Decimal;
use bitopro_client::transport;
use bitopro_client::{ErrorKind, Item};
use bitopro_sim::{Direction, Fault, Simulator, SimulatorBuilder};

use super::rig::{Rig, assert_truth, beneath, lost, recovers, settled};

/// How long a client waits here.
const LIMIT: Duration = Duration::from_millis(500);

/// A simulator that pings far more often than that.
fn lively() -> SimulatorBuilder {
    Simulator::builder().with_ping_period(Duration::from_millis(20))
}

async fn half_open(direction: Direction) {
    let rig = Rig::start(lively()).await;
    let mut balances = settled(rig.client().with_idle_limit(LIMIT)).await;
    rig.proxy.inject(direction, Fault::Pause);
    rig.set(7);
    assert_eq!(lost(&mut balances).await.kind(), ErrorKind::Idle);
    recovers(&mut balances, &rig.simulator).await;
}

#[tokio::test]
async fn fault_04_a_connection_that_is_dead_both_ways_is_given_up() {
    half_open(Direction::Both).await;
}

#[tokio::test]
async fn fault_05_a_connection_over_which_nothing_arrives_is_given_up() {
    half_open(Direction::ToClient).await;
}

#[tokio::test]
async fn fault_06_a_client_whose_pongs_are_lost_is_dropped_and_comes_back() {
    let rig = Rig::start(lively().with_pong_deadline(LIMIT)).await;
    let mut balances = settled(rig.client()).await;
    rig.proxy.inject(Direction::ToServer, Fault::Pause);
    // The pings go on to arrive, so it is the server that notices.
    assert_eq!(lost(&mut balances).await.kind(), ErrorKind::Network);
    recovers(&mut balances, &rig.simulator).await;
}

#[tokio::test]
async fn fault_07_what_was_frozen_with_the_old_connection_is_ignored() {
    let rig = Rig::start(lively()).await;
    let mut balances = settled(rig.client().with_idle_limit(LIMIT)).await;
    rig.proxy.inject(Direction::Both, Fault::Pause);
    rig.set(6);
    assert_eq!(lost(&mut balances).await.kind(), ErrorKind::Idle);
    recovers(&mut balances, &rig.simulator).await;
    // What was sent on the old connection is under way again, and the server still sends on both.
    rig.proxy.clear();
    for amount in [7, 8] {
        rig.set(amount);
        loop {
            let (Item::Update(event) | Item::Snapshot(event)) = balances.next().await.unwrap() else {
                continue;
            };
            let told = event.data.get("BTC").unwrap().amount;
            assert_ne!(told, Decimal::from(6), "this was frozen");
            if told == Decimal::from(amount) {
                break;
            }
        }
    }
}

/// A dial that gets no further than this, and the ones after it, once the fault is gone.
async fn unanswered(builder: SimulatorBuilder, fault: Fault) {
    let rig = Rig::start(builder).await;
    rig.proxy.inject_on_new(Direction::ToClient, fault);
    let mut balances = rig.client().with_dial_deadline(LIMIT).build().unwrap().balances();
    let error = lost(&mut balances).await;
    assert_eq!(error.kind(), ErrorKind::Network);
    assert_eq!(beneath(&error).kind(), transport::ErrorKind::TimedOut, "{error:?}");
    rig.proxy.clear_new();
    loop {
        match balances.next().await {
            Some(Item::Snapshot(event)) => return assert_truth(&event, &rig.simulator),
            Some(Item::Connected(_) | Item::Disconnected(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn fault_08_an_upgrade_that_is_never_answered_is_tried_again() {
    unanswered(Simulator::builder(), Fault::Pause).await;
}

#[tokio::test]
async fn fault_09_a_tls_handshake_that_stalls_is_tried_again() {
    unanswered(Simulator::builder().with_tls(), Fault::Pause).await;
}

#[tokio::test]
async fn fault_10_an_answer_that_comes_drop_by_drop_is_given_up() {
    // The head of the answer has far more than the ten bytes that come in time.
    unanswered(Simulator::builder(), Fault::Throttle { bytes: 1, every: LIMIT / 10 }).await;
}
