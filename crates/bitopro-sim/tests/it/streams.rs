//! The content and the order of the messages that clients receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bitopro_model::{Balance, Decimal, Timestamp};
use bitopro_sim::{BalanceUpdates, Clock, Command, Push, Quirks, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;

use crate::harness::{all_transports, in_memory, next_amount, next_message, next_text, over_sockets};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

#[tokio::test]
async fn a_connection_receives_its_snapshot_and_then_the_changes() {
    for harness in all_transports(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        let mut connection = harness.dial().await.unwrap();
        let snapshot = next_message(&mut connection).await;
        assert_eq!(snapshot.timestamp, NOW);
        assert_eq!(snapshot.data.len(), 12);
        assert_eq!(snapshot.data.get("ADA").unwrap().amount.to_string(), "3204.118");

        let sent = harness.simulator.set_balance(Balance::new("BTC", Decimal::new(110, 2)));
        let update = next_message(&mut connection).await;
        assert_eq!(Some(&update), sent.as_ref());
        assert_eq!(update.data.into_iter().collect::<Vec<_>>(), [Balance::new("BTC", Decimal::new(110, 2))]);

        let sent = harness.simulator.update_balances(|holdings| {
            holdings.remove(&"BTC".into());
            holdings.insert("NEW".into(), Balance::new("NEW", Decimal::ONE));
            holdings.insert("TWD".into(), Balance::new("TWD", Decimal::ZERO));
        });
        assert_eq!(sent, Some(next_message(&mut connection).await));
        assert_eq!(harness.simulator.set_balance(Balance::new("NEW", Decimal::ONE)), None);
        let ticked = harness.simulator.tick();
        assert_eq!(ticked.iter().find_map(Push::as_balances), Some(&next_message(&mut connection).await));

        // A later connection begins with the current state.
        let later = next_message(&mut harness.dial().await.unwrap()).await;
        assert!(later.data.into_iter().eq(harness.simulator.balances().into_values()));
    }
}

#[tokio::test]
async fn fault_55_a_message_as_large_as_a_client_accepts_is_sent_in_one_frame() {
    const BYTES: usize = 16 << 20;
    for harness in all_transports(Simulator::builder()).await {
        let mut connection = harness.connect().await;
        harness.simulator.execute(&Command::text(None, " ".repeat(BYTES))).unwrap();
        assert_eq!(next_text(&mut connection).await.len(), BYTES);
    }
}

#[tokio::test]
async fn many_updates_all_arrive_in_order() {
    const UPDATES: i64 = 20_000;
    for harness in all_transports(Simulator::builder()).await {
        let mut connection = harness.connect().await;
        (1..=UPDATES).for_each(|number| harness.set_amount("BTC", number));
        for number in 1..=UPDATES {
            assert_eq!(next_amount(&mut connection, "BTC").await, number.to_string());
        }
    }
}

#[tokio::test]
async fn with_balance_updates_all_every_update_has_all_balances() {
    let harness = over_sockets(
        Simulator::builder().with_currencies(150).with_quirks(Quirks::default().with(BalanceUpdates::All)),
    )
    .await;
    let mut connection = harness.connect().await;
    harness.set_amount("BTC", 7);
    let update = next_message(&mut connection).await;
    assert!(update.data.into_iter().eq(harness.simulator.balances().into_values()));
}

#[tokio::test]
async fn two_connections_of_the_same_millisecond_receive_the_same_messages() {
    for harness in all_transports(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        let (mut first, mut second) = (harness.connect().await, harness.connect().await);
        let nonces: Vec<_> =
            harness.simulator.upgrade_attempts().iter().filter_map(|dial| dial.nonce).collect();
        assert_eq!(nonces, [1_639_553_303_365, 1_639_553_303_366]);
        assert_eq!(harness.simulator.connections(), 2);
        harness.set_amount("BTC", 7);
        assert_eq!(next_text(&mut first).await, next_text(&mut second).await);
    }
}

#[tokio::test]
async fn a_change_during_the_upgrade_is_in_the_snapshot_or_after_it() {
    let harness = in_memory(Simulator::builder());
    let mut connection = harness.dial().await.unwrap();
    // On this single thread, the dial has been accepted but the connection is not subscribed yet.
    assert_eq!((harness.statuses(), harness.simulator.connections()), (vec![101], 0));
    harness.set_amount("BTC", 7);
    assert_eq!(next_amount(&mut connection, "BTC").await, "7");
    harness.set_amount("BTC", 8);
    assert_eq!(next_amount(&mut connection, "BTC").await, "8");
}

/// Connects while balances change on another thread, and expects the update that directly follows the
/// snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost_between_the_snapshot_and_the_first_update() {
    let harness = Arc::new(in_memory(Simulator::builder()));
    harness.set_amount("BTC", -1);
    let done = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (harness, done) = (Arc::clone(&harness), Arc::clone(&done));
        async move {
            for number in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                harness.set_amount("BTC", number);
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..500 {
        let mut connection = harness.dial().await.unwrap();
        let snapshot: i64 = next_amount(&mut connection, "BTC").await.parse().unwrap();
        let update: i64 = next_amount(&mut connection, "BTC").await.parse().unwrap();
        assert_eq!(update, snapshot + 1);
    }
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_market_moves_only_at_its_interval() {
    let clock = Clock::following_tokio(NOW);
    let harness =
        in_memory(Simulator::builder().with_clock(clock).with_market_interval(Duration::from_millis(1_500)));
    let before = harness.simulator.balances();
    let mut connection = harness.connect().await;
    assert_eq!(harness.simulator.balances(), before);
    let first = next_message(&mut connection).await;
    assert_eq!((first.timestamp.as_millis(), first.data.len()), (NOW.as_millis() + 1_500, 2));
    for _ in 1..=50 {
        let update = next_message(&mut connection).await;
        assert_eq!((update.timestamp.as_millis() - NOW.as_millis()) % 1_500, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_times_give_the_same_messages() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let builder = Simulator::builder()
            .with_seed(seed)
            .with_clock(Clock::following_tokio(NOW))
            .with_market_interval(Duration::from_secs(1));
        let harness = in_memory(builder);
        let mut connection = harness.dial().await.unwrap();
        let mut messages = Vec::new();
        for _ in 0..100 {
            messages.push(next_text(&mut connection).await);
        }
        runs.push(messages);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0][1..], runs[2][1..]);
}

#[tokio::test]
async fn texts_from_the_client_are_ignored_and_its_pings_are_answered() {
    for harness in all_transports(Simulator::builder()).await {
        let mut connection = harness.connect().await;
        connection.send(Frame::text(r#"{"subscribe":"everything"}"#)).await.unwrap();
        connection.send(Frame::Ping("hello".into())).await.unwrap();
        let answer = connection.next().await.unwrap().unwrap();
        assert_eq!(answer, Frame::Pong("hello".into()));
        harness.set_amount("BTC", 7);
        assert_eq!(next_amount(&mut connection, "BTC").await, "7");
    }
}
