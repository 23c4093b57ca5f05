use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bitopro_client::model::{AccountBalance, Balances};
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::transport::{self, Connection, Connector, Frame, Request};
use bitopro_client::{AccountItem, Change, Client, Credentials, ErrorKind, Item, Subscription};
use bitopro_sim::{Command, Simulator};
use futures_util::Stream;
use tokio::time::sleep;

use super::exchange::{Exchange, name, read};
use crate::network::{frame, network};
use crate::samples::balances;

const MINUTE: Duration = Duration::from_secs(60);

async fn connected() -> (Subscription<Balances>, MemoryServer, Peer) {
    let (builder, mut server) = network();
    let mut stream = builder.build().unwrap().balances();
    let peer = server.next_dial().await.unwrap().accept();
    assert!(matches!(stream.next().await, Some(Item::Connected(_))));
    (stream, server, peer)
}

fn known(stream: &Subscription<Balances>) -> Vec<String> {
    let current = stream.current().unwrap();
    assert!(!current.is_stale());
    current.state().iter().map(|balance| format!("{}={}", balance.currency, balance.amount)).collect()
}

/// Nothing in a message says which it is, so its place does: the first is the snapshot, the rest are updates.
#[tokio::test(start_paused = true)]
async fn fault_28_an_update_before_the_snapshot_and_a_snapshot_in_pieces_add_up_to_the_whole() {
    for frames in [
        // An update comes first.
        vec![frame(&balances(1, &[("B", 2)])), frame(&balances(1, &[("A", 1), ("B", 2), ("C", 3)]))],
        // The snapshot comes in pieces, with an update between them.
        vec![
            frame(&balances(1, &[("A", 1)])),
            frame(&balances(1, &[("B", 9)])),
            frame(&balances(1, &[("B", 2), ("C", 3)])),
        ],
    ] {
        let (mut stream, mut server, mut peer) = connected().await;
        for connection in 1..=2 {
            if connection == 2 {
                drop(peer);
                peer = server.next_dial().await.unwrap().accept();
                let items = [stream.next().await.unwrap(), stream.next().await.unwrap()];
                assert_eq!(items.iter().map(name).collect::<Vec<_>>(), ["disconnected", "connected"]);
            }
            for (place, frame) in frames.iter().enumerate() {
                peer.send(frame.clone()).await.unwrap();
                if (connection, place) == (2, 0) {
                    // The gap's other edge is the first message.
                    assert_eq!(name(&stream.next().await.unwrap()), "gap");
                }
                let item = stream.next().await.unwrap();
                assert_eq!(name(&item), if place == 0 { "snapshot" } else { "update" });
            }
            assert_eq!(known(&stream), ["A=1", "B=2", "C=3"], "connection {connection}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_28_an_empty_snapshot_is_an_account_that_holds_nothing() {
    let (mut stream, mut server, mut peer) = connected().await;
    peer.send(frame(&balances(1, &[("A", 1)]))).await.unwrap();
    stream.next().await.unwrap();
    drop(peer);
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(frame(&balances::<u8>(1, &[]))).await.unwrap();
    let items = read(&mut stream, Duration::from_secs(1)).await;
    assert_eq!(items.iter().map(name).collect::<Vec<_>>(), ["disconnected", "connected", "gap", "snapshot"]);
    assert_eq!(known(&stream), [""; 0]);
}

/// Delivers every text twice.
struct Twice<C>(C);

struct TwiceConnection {
    connection: Box<dyn Connection>,
    again: VecDeque<Frame>,
}

#[async_trait]
impl<C: Connector> Connector for Twice<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, transport::Error> {
        let connection = self.0.connect(request).await?;
        Ok(Box::new(TwiceConnection { connection, again: VecDeque::new() }))
    }
}

impl Stream for TwiceConnection {
    type Item = Result<Frame, transport::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(frame) = self.again.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = ready!(Pin::new(&mut self.connection).poll_next(context));
        if let Some(Ok(frame @ Frame::Text(_))) = &frame {
            self.again.push_back(frame.clone());
        }
        Poll::Ready(frame)
    }
}

#[async_trait]
impl Connection for TwiceConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), transport::Error> {
        self.connection.send(frame).await
    }
}

/// All changes that these items tell, of each order and balance in order.
fn changes(items: &[AccountItem]) -> Vec<Change> {
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let mut changes = Client::builder(credentials).build().unwrap().changes();
    items.iter().flat_map(|item| changes.apply(item)).collect()
}

#[tokio::test(start_paused = true)]
async fn fault_29_what_is_delivered_twice_counts_once() {
    let exchange = Exchange::start(Simulator::builder());
    let mut twice = exchange.client_over(Twice(exchange.network.clone())).build().unwrap().account();
    let mut items = Vec::new();
    for round in 0..60 {
        items.extend(read(&mut twice, Duration::from_secs(2)).await);
        exchange.simulator.tick();
        if round % 20 == 19 {
            exchange.simulator.execute(&Command::Disconnect(None)).unwrap();
        }
    }
    items.extend(read(&mut twice, MINUTE).await);
    exchange.assert_knows_account(&twice);
    let trades = twice.current().trades.unwrap();
    let mut ids: Vec<_> = trades.state().iter().map(|trade| trade.data.match_id.clone()).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert!(ids.len() == count && count > 20, "{count} trades, {} of them once", ids.len());

    // As if every item that came twice in a row had come once.
    let once: Vec<AccountItem> = {
        let mut once: Vec<AccountItem> = Vec::new();
        for item in items.iter().cloned() {
            let said = |item: &AccountItem| format!("{item:?}").replace("Snapshot(", "Update(");
            if once.last().is_none_or(|last| said(last) != said(&item)) {
                once.push(item);
            }
        }
        once
    };
    assert!(once.len() < items.len() * 2 / 3);
    assert_eq!(changes(&items), changes(&once));
}

#[tokio::test(start_paused = true)]
async fn fault_43_a_mute_account_stays_connected_its_age_says_so_and_a_resync_is_there() {
    let exchange = Exchange::start(Simulator::builder());
    let mut stream = exchange.balances();
    read(&mut stream, Duration::from_secs(1)).await;
    let day = Duration::from_secs(86_400);
    sleep(day).await;
    assert!(read(&mut stream, Duration::from_millis(1)).await.is_empty(), "nothing happened");
    assert_eq!(exchange.simulator.upgrade_attempts().len(), 1);
    let current = stream.current().unwrap();
    assert!(!current.is_stale() && current.age() >= day, "{:?}", current.age());

    stream.resync();
    let items: Vec<Item<AccountBalance>> = read(&mut stream, Duration::from_secs(5)).await;
    assert_eq!(items.iter().map(name).collect::<Vec<_>>(), ["disconnected", "connected", "gap", "snapshot"]);
    let Item::Disconnected(disconnected) = &items[0] else { panic!() };
    assert_eq!(disconnected.error.kind(), ErrorKind::Resync);
    assert!(stream.current().unwrap().age() <= Duration::from_secs(5));
    exchange.assert_knows_balances(&stream);
}
