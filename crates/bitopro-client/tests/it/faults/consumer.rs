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

/// No task is left and nobody dials, without any time passing.
async fn assert_nothing_is_left(server: &mut MemoryServer, peer: Option<Peer>) {
    yields(10).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks");
    if let Some(mut peer) = peer {
        let goodbye = peer.recv().await;
        assert!(matches!(goodbye, None | Some(Frame::Close(_))), "{goodbye:?}");
        assert_eq!(peer.recv().await, None, "the socket is still there");
    }
    assert!(server.next_dial().await.is_none(), "somebody may still dial");
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
async fn fault_35_a_consumer_that_panics_leaves_nothing() {
    let (mut balances, mut server, mut peer) = settled().await;
    let consumer = tokio::spawn(async move {
        let item = balances.next().await;
        panic!("{}", item.as_ref().map_or("the end", name));
    });
    peer.send(balance(2)).await.unwrap();
    assert!(consumer.await.unwrap_err().is_panic());
    assert_nothing_is_left(&mut server, Some(peer)).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_a_stream_that_is_dropped_amid_its_messages_leaves_nothing() {
    let (mut balances, mut server, mut peer) = settled().await;
    for number in 2..100 {
        peer.send(balance(number)).await.unwrap();
    }
    balances.next().await.unwrap();
    drop(balances);
    assert_nothing_is_left(&mut server, Some(peer)).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_a_stream_that_is_dropped_while_it_dials_leaves_nothing() {
    let (builder, mut server) = network();
    let balances = builder.build().unwrap().balances();
    let dial = server.next_dial().await.unwrap();
    drop(balances);
    yields(10).await;
    assert_nothing_is_left(&mut server, Some(dial.accept())).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_a_stream_that_is_dropped_in_a_reconnect_or_in_its_backoff_leaves_nothing() {
    // In its backoff.
    let (mut balances, mut server, peer) = settled().await;
    drop(peer);
    assert!(matches!(balances.next().await, Some(Item::Disconnected(_))));
    drop(balances);
    assert_nothing_is_left(&mut server, None).await;
    // In the dial after it.
    let (balances, mut server, peer) = settled().await;
    drop(peer);
    let dial = server.next_dial().await.unwrap();
    drop(balances);
    assert_nothing_is_left(&mut server, Some(dial.accept())).await;
}

#[tokio::test(start_paused = true)]
async fn fault_35_an_account_that_is_dropped_at_any_moment_of_its_start_leaves_nothing() {
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

/// The life of a stream from the exchange's side: two connections of forty messages, then the end.
async fn exchange(mut server: MemoryServer) {
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

/// Everything that a stream tells to somebody who gives up waiting for the next item again and again, each time
/// after one more turn of the scheduler, up to this many; or who never does.
async fn told(cuts: Option<usize>) -> Vec<String> {
    let (builder, server) = network();
    // Without patience, so that the refusal at the end is the end.
    let mut balances = builder.with_patience(Duration::ZERO).build().unwrap().balances();
    let playing = tokio::spawn(exchange(server));
    let (mut seen, mut tries) = (Vec::new(), 0);
    loop {
        tries += 1;
        let patience = async {
            match cuts {
                Some(cuts) => yields(tries % (cuts + 1)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = patience => {}
            item = balances.next() => match item {
                Some(item) => seen.push(summary(&item)),
                None => break,
            },
        }
        if tries % 10 == 0 {
            // Time passes only when nobody is busy.
            sleep(Duration::from_millis(20)).await;
        }
    }
    playing.await.unwrap();
    seen
}

#[tokio::test(start_paused = true)]
async fn fault_36_a_wait_that_is_cut_at_any_point_loses_no_item() {
    let whole = told(None).await;
    assert_eq!(whole.iter().filter(|item| item.starts_with("update")).count(), 2 * 38);
    for cuts in 1..12 {
        assert_eq!(told(Some(cuts)).await, whole, "cut after {cuts}");
    }
}

/// Cuts a future after this many yields. Tells whether it was cut.
async fn cut(after: usize, future: impl Future<Output = ()>) -> bool {
    tokio::select! {
        biased;
        () = yields(after) => true,
        () = future => false,
    }
}

#[tokio::test(start_paused = true)]
async fn fault_36_a_close_that_is_cut_at_any_point_leaves_nothing() {
    for of_account in [false, true] {
        let (mut after, mut was_cut) = (0, true);
        while was_cut {
            let (builder, mut server) = network();
            let client = builder.build().unwrap();
            let (balances, account) =
                if of_account { (None, Some(client.account())) } else { (Some(client.balances()), None) };
            drop(client);
            let mut peer = server.next_dial().await.unwrap().accept();
            peer.send(balance(1)).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            was_cut = cut(after, async {
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
        assert!(after > 2, "there is something to cut");
    }
}
