//! Real connections that fall silent, and dials that are never answered.
//!
//! The limits are short, and the tests only expect them to be exceeded, so a slow machine cannot make the
//! tests fail.

use std::time::Duration;

use bitopro_client::model::Decimal;
use bitopro_client::transport;
use bitopro_client::{ErrorKind, Item};
use bitopro_sim::{Direction, Fault, Simulator, SimulatorBuilder};

use super::rig::{
    Rig, assert_matches_simulator, assert_recovers, connection_error, settled, transport_error,
};

/// The limits of the clients.
const LIMIT: Duration = Duration::from_millis(500);

/// Returns a simulator whose interval between pings is far shorter than [`LIMIT`].
fn frequent_pings() -> SimulatorBuilder {
    Simulator::builder().with_ping_period(Duration::from_millis(20))
}

async fn assert_half_open_is_detected(direction: Direction) {
    let rig = Rig::start(frequent_pings()).await;
    let mut balances = settled(rig.client().with_idle_limit(LIMIT)).await;
    rig.proxy.inject(direction, Fault::Pause);
    rig.set(7);
    assert_eq!(connection_error(&mut balances).await.kind(), ErrorKind::Idle);
    assert_recovers(&mut balances, &rig.simulator).await;
}

#[tokio::test]
async fn fault_04_a_connection_that_is_dead_in_both_directions_is_closed() {
    assert_half_open_is_detected(Direction::Both).await;
}

#[tokio::test]
async fn fault_05_a_connection_on_which_nothing_arrives_is_closed() {
    assert_half_open_is_detected(Direction::ToClient).await;
}

#[tokio::test]
async fn fault_06_a_client_whose_pongs_are_lost_is_disconnected_and_reconnects() {
    let rig = Rig::start(frequent_pings().with_pong_deadline(LIMIT)).await;
    let mut balances = settled(rig.client()).await;
    rig.proxy.inject(Direction::ToServer, Fault::Pause);
    // Pings still arrive, so only the server can detect the fault.
    assert_eq!(connection_error(&mut balances).await.kind(), ErrorKind::Network);
    assert_recovers(&mut balances, &rig.simulator).await;
}

#[tokio::test]
async fn fault_07_messages_of_a_frozen_connection_are_ignored() {
    let rig = Rig::start(frequent_pings()).await;
    let mut balances = settled(rig.client().with_idle_limit(LIMIT)).await;
    rig.proxy.inject(Direction::Both, Fault::Pause);
    rig.set(6);
    assert_eq!(connection_error(&mut balances).await.kind(), ErrorKind::Idle);
    assert_recovers(&mut balances, &rig.simulator).await;
    // The old connection is no longer paused, and the server sends on both connections.
    rig.proxy.clear();
    for amount in [7, 8] {
        rig.set(amount);
        loop {
            let (Item::Update(event) | Item::Snapshot(event)) = balances.next().await.unwrap() else {
                continue;
            };
            let received = event.data.get("BTC").unwrap().amount;
            assert_ne!(received, Decimal::from(6), "a message of the frozen connection");
            if received == Decimal::from(amount) {
                break;
            }
        }
    }
}

/// Asserts that a dial with this fault times out, and that a later one without it succeeds.
async fn assert_dial_is_retried(builder: SimulatorBuilder, fault: Fault) {
    let rig = Rig::start(builder).await;
    rig.proxy.inject_on_new(Direction::ToClient, fault);
    let mut balances = rig.client().with_dial_deadline(LIMIT).build().unwrap().balances();
    let error = connection_error(&mut balances).await;
    assert_eq!(error.kind(), ErrorKind::Network);
    assert_eq!(transport_error(&error).kind(), transport::ErrorKind::TimedOut, "{error:?}");
    rig.proxy.clear_new();
    loop {
        match balances.next().await {
            Some(Item::Snapshot(event)) => return assert_matches_simulator(&event, &rig.simulator),
            Some(Item::Connected(_) | Item::Disconnected(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn fault_08_an_upgrade_that_is_never_answered_is_retried() {
    assert_dial_is_retried(Simulator::builder(), Fault::Pause).await;
}

#[tokio::test]
async fn fault_09_a_tls_handshake_that_stalls_is_retried() {
    assert_dial_is_retried(Simulator::builder().with_tls(), Fault::Pause).await;
}

#[tokio::test]
async fn fault_10_a_response_that_trickles_in_times_out() {
    // The head of the response has far more than the ten bytes that arrive in time.
    assert_dial_is_retried(Simulator::builder(), Fault::Throttle { bytes: 1, every: LIMIT / 10 }).await;
}
