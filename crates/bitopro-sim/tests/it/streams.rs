//! The frames that arrive, and their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bitopro_model::{Balance, Decimal, Timestamp};
use bitopro_sim::{BalanceUpdates, Clock, Command, Push, Quirks, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;

use crate::caller::{amount, event, every_way, in_memory, over_sockets, text};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

#[tokio::test]
async fn first_the_snapshot_then_what_changed() {
    for caller in every_way(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        let mut connection = caller.dial().await.unwrap();
        let snapshot = event(&mut connection).await;
        assert_eq!(snapshot.timestamp, NOW);
        assert_eq!(snapshot.data.len(), 12);
        assert_eq!(snapshot.data.get("ADA").unwrap().amount.to_string(), "999999999999.99999999");

        let sent = caller.simulator.set_balance(Balance::new("BTC", Decimal::new(110, 2)));
        let update = event(&mut connection).await;
        assert_eq!(Some(&update), sent.as_ref());
        assert_eq!(update.data.into_iter().collect::<Vec<_>>(), [Balance::new("BTC", Decimal::new(110, 2))]);

        let sent = caller.simulator.update_balances(|holdings| {
            holdings.remove(&"BTC".into());
            holdings.insert("NEW".into(), Balance::new("NEW", Decimal::ONE));
            holdings.insert("TWD".into(), Balance::new("TWD", Decimal::ZERO));
        });
        assert_eq!(sent, Some(event(&mut connection).await));
        assert_eq!(caller.simulator.set_balance(Balance::new("NEW", Decimal::ONE)), None);
        let ticked = caller.simulator.tick();
        assert_eq!(ticked.iter().find_map(Push::as_balances), Some(&event(&mut connection).await));

        // A socket that comes later begins with the truth of then.
        let later = event(&mut caller.dial().await.unwrap()).await;
        assert!(later.data.into_iter().eq(caller.simulator.balances().into_values()));
    }
}

#[tokio::test]
async fn fault_55_a_message_as_large_as_a_client_takes_is_sent_in_one_frame() {
    const BYTES: usize = 16 << 20;
    for caller in every_way(Simulator::builder()).await {
        let mut connection = caller.connect().await;
        caller.simulator.execute(&Command::text(None, " ".repeat(BYTES))).unwrap();
        assert_eq!(text(&mut connection).await.len(), BYTES);
    }
}

#[tokio::test]
async fn many_updates_arrive_each_of_them_in_order() {
    const UPDATES: i64 = 20_000;
    for caller in every_way(Simulator::builder()).await {
        let mut connection = caller.connect().await;
        (1..=UPDATES).for_each(|number| caller.set("BTC", number));
        for number in 1..=UPDATES {
            assert_eq!(amount(&mut connection, "BTC").await, number.to_string());
        }
    }
}

#[tokio::test]
async fn with_all_balances_each_update_is_the_whole_account() {
    let caller = over_sockets(
        Simulator::builder().with_currencies(150).with_quirks(Quirks::default().with(BalanceUpdates::All)),
    )
    .await;
    let mut connection = caller.connect().await;
    caller.set("BTC", 7);
    let update = event(&mut connection).await;
    assert!(update.data.into_iter().eq(caller.simulator.balances().into_values()));
}

#[tokio::test]
async fn two_sockets_of_the_same_millisecond_hear_the_same() {
    for caller in every_way(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        let (mut one, mut other) = (caller.connect().await, caller.connect().await);
        let nonces: Vec<_> =
            caller.simulator.upgrade_attempts().iter().filter_map(|dial| dial.nonce).collect();
        assert_eq!(nonces, [1_639_553_303_365, 1_639_553_303_366]);
        assert_eq!(caller.simulator.connections(), 2);
        caller.set("BTC", 7);
        assert_eq!(text(&mut one).await, text(&mut other).await);
    }
}

#[tokio::test]
async fn what_changes_while_a_socket_is_let_in_is_in_its_snapshot_or_after_it() {
    let caller = in_memory(Simulator::builder());
    let mut connection = caller.dial().await.unwrap();
    // On this one thread, nothing has been done yet for the socket beyond letting it in.
    assert_eq!((caller.statuses(), caller.simulator.connections()), (vec![101], 0));
    caller.set("BTC", 7);
    assert_eq!(amount(&mut connection, "BTC").await, "7");
    caller.set("BTC", 8);
    assert_eq!(amount(&mut connection, "BTC").await, "8");
}

/// Sockets that come while balances move on another thread: a snapshot, then the very next update.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_falls_between_the_snapshot_and_the_first_update() {
    let caller = Arc::new(in_memory(Simulator::builder()));
    caller.set("BTC", -1);
    let done = Arc::new(AtomicBool::new(false));
    let moving = tokio::spawn({
        let (caller, done) = (Arc::clone(&caller), Arc::clone(&done));
        async move {
            for number in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                caller.set("BTC", number);
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..500 {
        let mut connection = caller.dial().await.unwrap();
        let snapshot: i64 = amount(&mut connection, "BTC").await.parse().unwrap();
        let update: i64 = amount(&mut connection, "BTC").await.parse().unwrap();
        assert_eq!(update, snapshot + 1);
    }
    done.store(true, Ordering::Relaxed);
    moving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_market_moves_at_its_interval_and_only_then() {
    let clock = Clock::following_tokio(NOW);
    let caller =
        in_memory(Simulator::builder().with_clock(clock).with_market_interval(Duration::from_millis(1_500)));
    let before = caller.simulator.balances();
    let mut connection = caller.connect().await;
    assert_eq!(caller.simulator.balances(), before);
    let first = event(&mut connection).await;
    assert_eq!((first.timestamp.as_millis(), first.data.len()), (NOW.as_millis() + 1_500, 2));
    for _ in 1..=50 {
        let update = event(&mut connection).await;
        assert_eq!((update.timestamp.as_millis() - NOW.as_millis()) % 1_500, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_times_give_the_same_frames() {
    let mut days = Vec::new();
    for seed in [5, 5, 6] {
        let builder = Simulator::builder()
            .with_seed(seed)
            .with_clock(Clock::following_tokio(NOW))
            .with_market_interval(Duration::from_secs(1));
        let caller = in_memory(builder);
        let mut connection = caller.dial().await.unwrap();
        let mut day = Vec::new();
        for _ in 0..100 {
            day.push(text(&mut connection).await);
        }
        days.push(day);
    }
    assert_eq!(days[0], days[1]);
    assert_ne!(days[0][1..], days[2][1..]);
}

#[tokio::test]
async fn what_the_client_sends_is_ignored_and_its_pings_are_answered() {
    for caller in every_way(Simulator::builder()).await {
        let mut connection = caller.connect().await;
        connection.send(Frame::text(r#"{"subscribe":"everything"}"#)).await.unwrap();
        connection.send(Frame::Ping("hello".into())).await.unwrap();
        let answer = connection.next().await.unwrap().unwrap();
        assert_eq!(answer, Frame::Pong("hello".into()));
        caller.set("BTC", 7);
        assert_eq!(amount(&mut connection, "BTC").await, "7");
    }
}
