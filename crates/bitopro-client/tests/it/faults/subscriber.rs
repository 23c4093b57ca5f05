use std::future::{Future, pending};
use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balances};
use bitopro_client::transport::Frame;
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::{Item, Subscription};
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::exchange::name;
use crate::network::{balance, network};

async fn yields(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Asserts that no task is left and that no dial is possible, without any time passing.
async fn assert_nothing_is_left(server: &mut MemoryServer, peer: Option<Peer>) {
    yields(10).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks are still running");
    if let Some(mut peer) = peer {
        let last_frame = peer.recv().await;
        assert!(matches!(last_frame, None | Some(Frame::Close(_))), "{last_frame:?}");
        assert_eq!(peer.recv().await, None, "the socket is still open");
    }
    assert!(server.next_dial().await.is_none(), "a dial is still possible");
}

async fn settled() -> (Subscription<Balances>, MemoryServer, Peer) {
    let (builder, mut server) = network();
    let mut balances = builder.build().unwrap().balances();
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(balance(1)).await.unwrap();
    balances.next().await.unwrap();
    balances.next().await.unwrap();
    (balances, server, peer)
}

#[tokio::test(start_paused = true)]
async fn fault_35_a_panicking_subscriber_leaves_nothing_behind() {
    let (mut balances, mut server, mut peer) = settled().await;
    let subscriber = tokio::spawn(async move {
        let item = balances.next().await;
        panic!("{}", item.as_ref().map_or("the end", name));
    });
    peer.send(balance(2)).await.unwrap();
    assert!(subscriber.await.unwrap_err().is_panic());
    assert_nothing_is_left(&mut server, Some(peer)).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_a_subscription_dropped_with_unread_messages_leaves_nothing_behind() {
    let (mut balances, mut server, mut peer) = settled().await;
    for number in 2..100 {
        peer.send(balance(number)).await.unwrap();
    }
    balances.next().await.unwrap();
    drop(balances);
    assert_nothing_is_left(&mut server, Some(peer)).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_a_subscription_dropped_during_a_dial_leaves_nothing_behind() {
    let (builder, mut server) = network();
    let balances = builder.build().unwrap().balances();
    let dial = server.next_dial().await.unwrap();
    drop(balances);
    yields(10).await;
    assert_nothing_is_left(&mut server, Some(dial.accept())).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_a_subscription_dropped_during_a_reconnect_leaves_nothing_behind() {
    // During the backoff.
    let (mut balances, mut server, peer) = settled().await;
    drop(peer);
    assert!(matches!(balances.next().await, Some(Item::Disconnected(_))));
    drop(balances);
    assert_nothing_is_left(&mut server, None).await;
    // During the dial after it.
    let (balances, mut server, peer) = settled().await;
    drop(peer);
    let dial = server.next_dial().await.unwrap();
    drop(balances);
    assert_nothing_is_left(&mut server, Some(dial.accept())).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_an_account_dropped_at_any_moment_of_its_start_leaves_nothing_behind() {
    for moment in 0..100 {
        let (builder, mut server) = network();
        let account = builder.build().unwrap().account();
        let mut peers = Vec::new();
        for _ in 0..moment {
            yield_now().await;
            if let Some(dial) = server.try_next_dial() {
                peers.push(dial.accept());
            }
            if moment % 2 == 0 {
                sleep(Duration::from_millis(7)).await;
            }
        }
        drop(account);
        assert_nothing_is_left(&mut server, peers.pop()).await;
    }
}

/// Serves a stream: two connections with 39 messages each, then a final refusal.
async fn serve(mut server: MemoryServer) {
    for connection in 0..2 {
        let mut peer = server.next_dial().await.unwrap().accept();
        for number in 1..40 {
            peer.send(balance(connection * 1_000 + number)).await.unwrap();
            yields(usize::try_from(number % 3).unwrap()).await;
        }
        sleep(Duration::from_secs(1)).await;
    }
    server.next_dial().await.unwrap().refuse(StatusCode::NOT_FOUND);
}

fn summary(item: &Item<AccountBalance>) -> String {
    match item {
        Item::Snapshot(event) | Item::Update(event) => format!("{} {}", name(item), event.timestamp),
        _ => name(item).to_owned(),
    }
}

/// Returns the items that a subscriber receives if it repeatedly cancels its wait for the next one, each time
/// after one more yield, up to this many. With `None`, it never cancels.
async fn received(max_yields: Option<usize>) -> Vec<String> {
    let (builder, server) = network();
    // Without patience, the refusal ends the stream.
    let mut balances = builder.with_patience(Duration::ZERO).build().unwrap().balances();
    let play = tokio::spawn(serve(server));
    let (mut seen, mut tries) = (Vec::new(), 0);
    loop {
        tries += 1;
        let cancel = async {
            match max_yields {
                Some(max) => yields(tries % (max + 1)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = cancel => {}
            item = balances.next() => match item {
                Some(item) => seen.push(summary(&item)),
                None => break,
            },
        }
        if tries % 10 == 0 {
            // The paused clock advances only while all tasks are idle.
            sleep(Duration::from_millis(20)).await;
        }
    }
    play.await.unwrap();
    seen
}

#[tokio::test(start_paused = true)]
async fn fault_36_cancelling_a_wait_at_any_point_loses_no_item() {
    let all_items = received(None).await;
    assert_eq!(all_items.iter().filter(|item| item.starts_with("update")).count(), 2 * 38);
    for max in 1..12 {
        assert_eq!(received(Some(max)).await, all_items, "cancelled after up to {max} yields");
    }
}

/// Cancels a future after this many yields and returns whether it was still pending.
async fn cancel(after: usize, future: impl Future<Output = ()>) -> bool {
    tokio::select! {
        biased;
        () = yields(after) => true,
        () = future => false,
    }
}

#[tokio::test(start_paused = true)]
async fn fault_36_cancelling_a_close_at_any_point_leaves_nothing_behind() {
    for of_account in [false, true] {
        let (mut after, mut was_cancelled) = (0, true);
        while was_cancelled {
            let (builder, mut server) = network();
            let client = builder.build().unwrap();
            let (balances, account) =
                if of_account { (None, Some(client.account())) } else { (Some(client.balances()), None) };
            drop(client);
            let mut peer = server.next_dial().await.unwrap().accept();
            peer.send(balance(1)).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            was_cancelled = cancel(after, async {
                let close = async {
                    if let Some(balances) = balances {
                        balances.close().await;
                    }
                    if let Some(account) = account {
                        account.close().await;
                    }
                };
                let answer = async {
                    peer.recv().await;
                    peer.close(1000, "").await.ok();
                };
                tokio::join!(close, answer);
            })
            .await;
            assert_nothing_is_left(&mut server, None).await;
            after += 1;
        }
        assert!(after > 2, "the close was never pending");
    }
}
