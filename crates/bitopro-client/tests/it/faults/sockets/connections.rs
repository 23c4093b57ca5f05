//! What happens to the bytes of a real connection.

use bitopro_client::{ErrorKind, Item};
use bitopro_sim::{Command, Direction, Fault, Simulator};

use super::rig::{Rig, assert_truth, lost, recovers, settled};
use crate::samples::{self, text};

#[tokio::test]
async fn fault_01_a_close_by_the_server_reconnects_with_a_gap_and_a_snapshot() {
    for code in [1000, 1001] {
        let rig = Rig::start(Simulator::builder()).await;
        let mut balances = settled(rig.client()).await;
        rig.simulator.execute(&Command::close(None, code, "maintenance")).unwrap();
        rig.set(7);
        let closed = ErrorKind::ClosedByServer { code: Some(code) };
        assert_eq!(lost(&mut balances).await.kind(), closed);
        recovers(&mut balances, &rig.simulator).await;
    }
}

/// The last frame of a connection, of which only five bytes arrive before the connection ends like this.
async fn cut_short(fault: Fault) {
    let rig = Rig::start(Simulator::builder()).await;
    let mut balances = settled(rig.client()).await;
    rig.proxy.inject(Direction::ToClient, fault);
    rig.set(7);
    // Nothing of the frame is delivered, neither as data nor as something malformed.
    assert_eq!(lost(&mut balances).await.kind(), ErrorKind::Network);
    recovers(&mut balances, &rig.simulator).await;
}

#[tokio::test]
async fn fault_02_a_reset_in_the_middle_of_a_frame_reconnects() {
    cut_short(Fault::Reset { after: 5 }).await;
}

#[tokio::test]
async fn fault_03_an_end_without_a_close_frame_reconnects() {
    cut_short(Fault::Finish { after: 0 }).await;
    cut_short(Fault::Finish { after: 5 }).await;
}

#[tokio::test]
async fn fault_11_a_snapshot_in_the_segment_of_the_answer_is_not_lost() {
    let rig = Rig::start(Simulator::builder()).await;
    // More than the head of the answer, less than that and the snapshot.
    rig.proxy.inject_on_new(Direction::ToClient, Fault::Coalesce { bytes: 600 });
    let mut balances = rig.client().build().unwrap().balances();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    let Some(Item::Snapshot(event)) = balances.next().await else { panic!("no snapshot") };
    assert_truth(&event, &rig.simulator);
}

#[tokio::test]
async fn fault_12_frames_that_come_byte_by_byte_are_the_same_events() {
    let rig = Rig::start(Simulator::builder()).await;
    rig.proxy.inject_on_new(Direction::Both, Fault::Split { bytes: 1 });
    let mut balances = rig.client().build().unwrap().balances();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    let Some(Item::Snapshot(event)) = balances.next().await else { panic!("no snapshot") };
    assert_truth(&event, &rig.simulator);
    for amount in 1..20 {
        let sent = rig.set(amount);
        let Some(Item::Update(event)) = balances.next().await else { panic!("no update") };
        assert_eq!(event, sent);
    }
}

#[tokio::test]
async fn fault_42_a_burst_in_one_write_is_delivered_whole_and_in_order() {
    const MOST: i64 = 20_000;
    let rig = Rig::start(Simulator::builder().with_queue_bytes(64 << 20)).await;
    let mut balances = settled(rig.client().with_queue_capacity(usize::try_from(MOST).unwrap())).await;
    for count in [2, 10, MOST] {
        let texts: Vec<String> =
            (0..count).map(|number| text(&samples::balances(number, &[("BTC", number)]))).collect();
        let bytes = texts.iter().map(|text| HEAD_BYTES + text.len()).sum();
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

/// The head of a frame of 126 bytes or more.
const HEAD_BYTES: usize = 4;
