//! Faults in the bytes of a real connection.

use bitopro_client::{ErrorKind, Item};
use bitopro_sim::{Command, Direction, Fault, Simulator};

use super::rig::{Rig, assert_matches_simulator, assert_recovers, connection_error, settled};
use crate::samples::{self, text};

#[tokio::test]
async fn fault_01_a_close_by_the_server_reconnects_with_a_gap_and_a_snapshot() {
    for code in [1000, 1001] {
        let rig = Rig::start(Simulator::builder()).await;
        let mut balances = settled(rig.client()).await;
        rig.simulator.execute(&Command::close(None, code, "maintenance")).unwrap();
        rig.set(7);
        let closed = ErrorKind::ClosedByServer { code: Some(code) };
        assert_eq!(connection_error(&mut balances).await.kind(), closed);
        assert_recovers(&mut balances, &rig.simulator).await;
    }
}

/// Ends the connection with this fault in the middle of a frame and asserts that the client recovers.
async fn assert_partial_frame_is_ignored(fault: Fault) {
    let rig = Rig::start(Simulator::builder()).await;
    let mut balances = settled(rig.client()).await;
    rig.proxy.inject(Direction::ToClient, fault);
    rig.set(7);
    // The partial frame is delivered neither as data nor as a malformed message.
    assert_eq!(connection_error(&mut balances).await.kind(), ErrorKind::Network);
    assert_recovers(&mut balances, &rig.simulator).await;
}

#[tokio::test]
async fn fault_02_a_reset_in_the_middle_of_a_frame_reconnects() {
    assert_partial_frame_is_ignored(Fault::Reset { after: 5 }).await;
}

#[tokio::test]
async fn fault_03_an_end_without_a_close_frame_reconnects() {
    assert_partial_frame_is_ignored(Fault::Finish { after: 0 }).await;
    assert_partial_frame_is_ignored(Fault::Finish { after: 5 }).await;
}

#[tokio::test]
async fn fault_11_a_snapshot_in_the_same_segment_as_the_response_is_not_lost() {
    let rig = Rig::start(Simulator::builder()).await;
    // More than the head of the response, but less than the head and the snapshot together.
    rig.proxy.inject_on_new(Direction::ToClient, Fault::Coalesce { bytes: 600 });
    let mut balances = rig.client().build().unwrap().balances();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    let Some(Item::Snapshot(event)) = balances.next().await else { panic!("no snapshot") };
    assert_matches_simulator(&event, &rig.simulator);
}

#[tokio::test]
async fn fault_12_frames_that_arrive_byte_by_byte_give_the_same_events() {
    let rig = Rig::start(Simulator::builder()).await;
    rig.proxy.inject_on_new(Direction::Both, Fault::Split { bytes: 1 });
    let mut balances = rig.client().build().unwrap().balances();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    let Some(Item::Snapshot(event)) = balances.next().await else { panic!("no snapshot") };
    assert_matches_simulator(&event, &rig.simulator);
    for amount in 1..20 {
        let sent = rig.set(amount);
        let Some(Item::Update(event)) = balances.next().await else { panic!("no update") };
        assert_eq!(event, sent);
    }
}

#[tokio::test]
async fn fault_42_a_burst_in_one_write_is_delivered_whole_and_in_order() {
    const MAX_COUNT: i64 = 20_000;
    let rig = Rig::start(Simulator::builder().with_queue_bytes(64 << 20)).await;
    let mut balances = settled(rig.client().with_queue_capacity(usize::try_from(MAX_COUNT).unwrap())).await;
    for count in [2, 10, MAX_COUNT] {
        let texts: Vec<String> =
            (0..count).map(|number| text(&samples::balances(number, &[("BTC", number)]))).collect();
        let bytes = texts.iter().map(|text| HEADER_BYTES + text.len()).sum();
        rig.proxy.inject(Direction::ToClient, Fault::Coalesce { bytes });
        for text in texts {
            rig.simulator.execute(&Command::text(None, text)).unwrap();
        }
        for number in 0..count {
            let Some(Item::Update(event)) = balances.next().await else { panic!("no update {number}") };
            assert_eq!(event.timestamp.as_millis(), number);
        }
    }
}

/// The size of the header of a frame with a payload of 126 bytes or more.
const HEADER_BYTES: usize = 4;
