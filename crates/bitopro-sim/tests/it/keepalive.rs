//! Pings, pongs and deadlines, on a paused clock.

use std::time::Duration;

use bitopro_sim::{Command, Simulator};
use bitopro_transport::{Connection, Frame};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::harness::{in_memory, next_amount, next_message, until_disconnected};

/// Reads pings until `end`, and returns the seconds after `from` at which they arrived.
async fn pings_until(connection: &mut Box<dyn Connection>, from: Instant, end: Instant) -> Vec<u64> {
    let mut pings = Vec::new();
    let read = async {
        while let Some(frame) = connection.next().await {
            match frame.unwrap() {
                Frame::Ping(payload) => {
                    assert!(payload.is_empty());
                    pings.push(from.elapsed().as_secs());
                }
                other => panic!("expected a ping, found {other:?}"),
            }
        }
    };
    tokio::select! {
        () = read => panic!("the connection ended"),
        () = sleep_until(end) => {}
    }
    pings
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_is_pinged_every_20_seconds_and_stays_connected() {
    let harness = in_memory(Simulator::builder());
    let mut connection = harness.connect().await;
    let start = Instant::now();
    let pings = pings_until(&mut connection, start, start + Duration::from_secs(610)).await;
    assert_eq!(pings, (1..=30).map(|number| number * 20).collect::<Vec<_>>());
    assert_eq!(harness.simulator.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_a_ping_is_dropped_after_5_seconds_without_a_close_frame() {
    let harness = in_memory(Simulator::builder());
    let mut connection = harness.connect().await;
    // The connection is not polled, so it does not answer the ping.
    sleep(Duration::from_millis(24_900)).await;
    assert_eq!(harness.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.simulator.connections(), 0);
    assert_eq!(until_disconnected(&mut connection).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pong_just_before_the_deadline_keeps_the_connection() {
    let harness = in_memory(Simulator::builder());
    let mut connection = harness.connect().await;
    let start = Instant::now();
    sleep(Duration::from_millis(24_900)).await;
    assert_eq!(pings_until(&mut connection, start, start + Duration::from_secs(30)).await, [24]);
    assert_eq!(harness.simulator.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn sending_updates_does_not_replace_a_pong() {
    let harness = in_memory(Simulator::builder());
    let mut connection = harness.connect().await;
    for second in 1..=25 {
        assert_eq!(harness.simulator.connections(), 1, "in second {second}");
        harness.set_amount("BTC", second);
        sleep(Duration::from_secs(1)).await;
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(harness.simulator.connections(), 0);
    until_disconnected(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn the_measured_keepalive_can_be_configured() {
    let harness = in_memory(
        Simulator::builder()
            .with_ping_period(Duration::from_secs(1))
            .with_pong_deadline(Duration::from_secs(59)),
    );
    let _connection = harness.connect().await;
    sleep(Duration::from_millis(59_900)).await;
    assert_eq!(harness.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.simulator.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn pausing_pings_keeps_the_connection_open() {
    let harness = in_memory(Simulator::builder());
    let mut connection = harness.connect().await;
    harness.simulator.execute(&Command::PausePings).unwrap();
    assert!(timeout(Duration::from_secs(3_610), connection.next()).await.is_err());
    harness.set_amount("BTC", 7);
    assert_eq!(next_amount(&mut connection, "BTC").await, "7");
    let start = Instant::now();
    harness.simulator.execute(&Command::ResumePings).unwrap();
    assert_eq!(pings_until(&mut connection, start, start + Duration::from_secs(20)).await, [10]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped_without_delaying_others() {
    let harness = in_memory(Simulator::builder().with_queue_bytes(100_000));
    let (mut slow, mut fast) = (harness.connect().await, harness.connect().await);
    let start = Instant::now();
    for number in 1..=2_000 {
        harness.set_amount("BTC", number);
        assert_eq!(next_amount(&mut fast, "BTC").await, number.to_string());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(harness.simulator.connections(), 1);
    // The frames sent before the drop can still be read.
    let frames = until_disconnected(&mut slow).await;
    assert!((1..2_000).contains(&frames.len()), "{}", frames.len());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped_even_if_its_queue_is_short() {
    let harness = in_memory(Simulator::builder());
    let mut slow = harness.connect().await;
    // Larger than the pipe's buffer, so that writing stalls.
    harness.simulator.execute(&Command::text(None, "x".repeat(1_000_000))).unwrap();
    sleep(Duration::from_millis(4_900)).await;
    assert_eq!(harness.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.simulator.connections(), 0);
    assert_eq!(until_disconnected(&mut slow).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_connection_dropped_by_the_client_is_removed() {
    let harness = in_memory(Simulator::builder());
    let mut connection = harness.dial().await.unwrap();
    next_message(&mut connection).await;
    drop(connection);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(harness.simulator.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_a_close_frame_is_dropped_after_2_seconds() {
    let harness = in_memory(Simulator::builder());
    let _silent = harness.connect().await;
    harness.simulator.execute(&Command::close(None, 1000, "")).unwrap();
    sleep(Duration::from_millis(1_900)).await;
    assert_eq!(harness.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.simulator.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_does_not_wait_for_a_pending_write() {
    let harness = in_memory(Simulator::builder());
    let mut slow = harness.connect().await;
    harness.simulator.execute(&Command::text(None, "x".repeat(1_000_000))).unwrap();
    sleep(Duration::from_millis(1)).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 2);
    harness.simulator.execute(&Command::Disconnect(None)).unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(tasks(), 1);
    assert_eq!(until_disconnected(&mut slow).await, []);
}
