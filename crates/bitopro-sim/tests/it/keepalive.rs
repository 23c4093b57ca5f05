//! Pings, pongs and deadlines, on a clock that is paused.

use std::time::Duration;

use bitopro_sim::{Command, Simulator};
use bitopro_transport::{Connection, Frame};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::caller::{amount, event, in_memory, until_disconnected};

/// Reads until this moment, and gives the pings, with the seconds at which they came.
async fn pings_until(connection: &mut Box<dyn Connection>, from: Instant, end: Instant) -> Vec<u64> {
    let mut pings = Vec::new();
    let reading = async {
        while let Some(frame) = connection.next().await {
            match frame.unwrap() {
                Frame::Ping(payload) => {
                    assert!(payload.is_empty());
                    pings.push(from.elapsed().as_secs());
                }
                other => panic!("{other:?} where only pings are expected"),
            }
        }
    };
    tokio::select! {
        () = reading => panic!("the connection ended"),
        () = sleep_until(end) => {}
    }
    pings
}

#[tokio::test(start_paused = true)]
async fn who_reads_is_pinged_every_20_seconds_and_kept() {
    let caller = in_memory(Simulator::builder());
    let mut connection = caller.connect().await;
    let start = Instant::now();
    let pings = pings_until(&mut connection, start, start + Duration::from_secs(610)).await;
    assert_eq!(pings, (1..=30).map(|number| number * 20).collect::<Vec<_>>());
    assert_eq!(caller.simulator.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_dropped_5_seconds_later_without_a_close() {
    let caller = in_memory(Simulator::builder());
    let mut connection = caller.connect().await;
    // Nothing polls the connection, so nothing answers the ping.
    sleep(Duration::from_millis(24_900)).await;
    assert_eq!(caller.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(caller.simulator.connections(), 0);
    assert_eq!(until_disconnected(&mut connection).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_in_time_is_good_enough() {
    let caller = in_memory(Simulator::builder());
    let mut connection = caller.connect().await;
    let start = Instant::now();
    sleep(Duration::from_millis(24_900)).await;
    assert_eq!(pings_until(&mut connection, start, start + Duration::from_secs(30)).await, [24]);
    assert_eq!(caller.simulator.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn updates_do_not_stand_in_for_a_pong() {
    let caller = in_memory(Simulator::builder());
    let mut connection = caller.connect().await;
    for second in 1..=25 {
        assert_eq!(caller.simulator.connections(), 1, "in second {second}");
        caller.set("BTC", second);
        sleep(Duration::from_secs(1)).await;
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(caller.simulator.connections(), 0);
    until_disconnected(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn the_measured_figures_can_be_had() {
    let caller = in_memory(
        Simulator::builder()
            .with_ping_period(Duration::from_secs(1))
            .with_pong_deadline(Duration::from_secs(59)),
    );
    let _connection = caller.connect().await;
    sleep(Duration::from_millis(59_900)).await;
    assert_eq!(caller.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(caller.simulator.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn paused_pings_leave_silence_on_a_live_connection() {
    let caller = in_memory(Simulator::builder());
    let mut connection = caller.connect().await;
    caller.simulator.execute(&Command::PausePings).unwrap();
    assert!(timeout(Duration::from_secs(3_610), connection.next()).await.is_err());
    caller.set("BTC", 7);
    assert_eq!(amount(&mut connection, "BTC").await, "7");
    let start = Instant::now();
    caller.simulator.execute(&Command::ResumePings).unwrap();
    assert_eq!(pings_until(&mut connection, start, start + Duration::from_secs(20)).await, [10]);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_dropped_and_holds_up_nobody() {
    let caller = in_memory(Simulator::builder().with_queue_bytes(100_000));
    let (mut slow, mut quick) = (caller.connect().await, caller.connect().await);
    let start = Instant::now();
    for number in 1..=2_000 {
        caller.set("BTC", number);
        assert_eq!(amount(&mut quick, "BTC").await, number.to_string());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(caller.simulator.connections(), 1);
    // What was sent before is still there to be read, in order, and then it ends.
    let frames = until_disconnected(&mut slow).await;
    assert!((1..2_000).contains(&frames.len()), "{}", frames.len());
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_dropped_even_where_little_waits() {
    let caller = in_memory(Simulator::builder());
    let mut slow = caller.connect().await;
    // More than the pipe holds, so that writing stalls.
    caller.simulator.execute(&Command::text(None, "x".repeat(1_000_000))).unwrap();
    sleep(Duration::from_millis(4_900)).await;
    assert_eq!(caller.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(caller.simulator.connections(), 0);
    assert_eq!(until_disconnected(&mut slow).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_dropped_leaves_its_place() {
    let caller = in_memory(Simulator::builder());
    let mut connection = caller.dial().await.unwrap();
    event(&mut connection).await;
    drop(connection);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(caller.simulator.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_a_close_is_dropped_2_seconds_later() {
    let caller = in_memory(Simulator::builder());
    let _silent = caller.connect().await;
    caller.simulator.execute(&Command::close(None, 1000, "")).unwrap();
    sleep(Duration::from_millis(1_900)).await;
    assert_eq!(caller.simulator.connections(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(caller.simulator.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_does_not_wait_for_what_is_being_sent() {
    let caller = in_memory(Simulator::builder());
    let mut slow = caller.connect().await;
    caller.simulator.execute(&Command::text(None, "x".repeat(1_000_000))).unwrap();
    sleep(Duration::from_millis(1)).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 2);
    caller.simulator.execute(&Command::Disconnect(None)).unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(tasks(), 1);
    assert_eq!(until_disconnected(&mut slow).await, []);
}
