use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bitopro_client::model::{AccountBalance, Balance, Balances};
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::transport::{self, Connection, Connector, Frame, Request};
use bitopro_client::{
    AccountItem, Change, Client, Credentials, ErrorKind, Item, MalformedReason, Subscription,
};
use bitopro_sim::{Command, MatchIds, Quirks, Simulator};
use futures_util::Stream;
use tokio::time::sleep;

use super::exchange::{Exchange, name, read};
use crate::network::{frame, network};
use crate::samples::{balances, text};

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

/// Messages do not say whether they are snapshots: the first of a connection is the snapshot, the others are
/// updates.
#[tokio::test(start_paused = true)]
async fn fault_28_an_early_update_or_a_snapshot_in_pieces_adds_up_to_the_complete_state() {
    for frames in [
        // An update arrives first.
        vec![frame(&balances(1, &[("B", 2)])), frame(&balances(1, &[("A", 1), ("B", 2), ("C", 3)]))],
        // The snapshot arrives in pieces, with an update between them.
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
            for (index, frame) in frames.iter().enumerate() {
                peer.send(frame.clone()).await.unwrap();
                if (connection, index) == (2, 0) {
                    // The first message is the later edge of the gap.
                    assert_eq!(name(&stream.next().await.unwrap()), "gap");
                }
                let item = stream.next().await.unwrap();
                assert_eq!(name(&item), if index == 0 { "snapshot" } else { "update" });
            }
            assert_eq!(known(&stream), ["A=1", "B=2", "C=3"], "connection {connection}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_28_an_empty_snapshot_means_an_empty_account() {
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

/// See docs/decisions/0010-an-unreadable-message-changes-nothing.md.
#[tokio::test(start_paused = true)]
async fn fault_33_one_unreadable_amount_among_150_balances_changes_nothing_and_is_reported() {
    let names: Vec<String> = (0..150).map(|number| format!("C{number:03}")).collect();
    let amounts = |amount| names.iter().map(|name| (name.as_str(), amount)).collect::<Vec<_>>();
    let (mut stream, mut server, mut peer) = connected().await;
    peer.send(frame(&balances(1, &amounts(1)))).await.unwrap();
    stream.next().await.unwrap();
    let before = known(&stream);
    assert_eq!(before.len(), 150);

    let message = text(&balances(2, &amounts(2)));
    let thirty_digits = format!(r#""C077","amount":"{}""#, "9".repeat(30));
    let message = message.replace(r#""C077","amount":"2""#, &thirty_digits);
    peer.send(Frame::text(message.clone())).await.unwrap();
    let Some(Item::Malformed(malformed)) = stream.next().await else { panic!() };
    let MalformedReason::Text(error) = &malformed.reason else { panic!("{malformed:?}") };
    assert_eq!((error.path(), &malformed.raw[..]), ("data.C077.amount", message.as_bytes()));
    let shown = |stream: &Subscription<Balances>| {
        let current = stream.current().unwrap();
        let state = current.state().iter().map(|balance| format!("{}={}", balance.currency, balance.amount));
        (current.is_stale(), state.collect::<Vec<_>>())
    };
    assert_eq!(shown(&stream), (true, before.clone()));

    // A subscriber can read the other balances from the item.
    let mut value: serde_json::Value = serde_json::from_slice(&malformed.raw).unwrap();
    let each = value["data"].as_object_mut().unwrap().values_mut();
    let others = each.filter_map(|balance| serde_json::from_value::<Balance>(balance.take()).ok());
    assert_eq!(others.filter(|balance| balance.amount == 2.into()).count(), 149);

    // Later messages are applied, but only a new snapshot makes the state fresh.
    peer.send(frame(&balances(3, &[("C000", 3)]))).await.unwrap();
    stream.next().await.unwrap();
    let after: Vec<_> = before.iter().map(|text| text.replace("C000=1", "C000=3")).collect();
    assert_eq!(shown(&stream), (true, after));
    drop(peer);
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(frame(&balances(4, &amounts(4)))).await.unwrap();
    read(&mut stream, Duration::from_secs(1)).await;
    assert_eq!(known(&stream).len(), 150);
}

/// A connector whose connections deliver every text frame twice.
struct DuplicatingConnector<C>(C);

struct DuplicatingConnection {
    connection: Box<dyn Connection>,
    again: VecDeque<Frame>,
}

#[async_trait]
impl<C: Connector> Connector for DuplicatingConnector<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, transport::Error> {
        let connection = self.0.connect(request).await?;
        Ok(Box::new(DuplicatingConnection { connection, again: VecDeque::new() }))
    }
}

impl Stream for DuplicatingConnection {
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
impl Connection for DuplicatingConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), transport::Error> {
        self.connection.send(frame).await
    }
}

/// Returns all changes of these items.
fn changes(items: &[AccountItem]) -> Vec<Change> {
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let mut changes = Client::builder(credentials).build().unwrap().changes();
    items.iter().flat_map(|item| changes.apply(item)).collect()
}

#[tokio::test(start_paused = true)]
async fn fault_29_messages_that_are_delivered_twice_count_once() {
    let quirks = Quirks::default().with(MatchIds::Counted);
    let exchange = Exchange::start(Simulator::builder().with_quirks(quirks));
    let mut account =
        exchange.client_over(DuplicatingConnector(exchange.network.clone())).build().unwrap().account();
    let mut items = Vec::new();
    for round in 0..60 {
        items.extend(read(&mut account, Duration::from_secs(2)).await);
        exchange.simulator.tick();
        if round % 20 == 19 {
            exchange.simulator.execute(&Command::Disconnect(None)).unwrap();
        }
    }
    items.extend(read(&mut account, MINUTE).await);
    exchange.assert_account_matches(&account);
    let trades = account.current().trades.unwrap();
    let mut ids: Vec<_> = trades.state().iter().map(|trade| trade.data.match_id.clone()).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert!(ids.len() == count && count > 20, "{count} trades, {} of them distinct", ids.len());

    // The changes are the same as without the consecutive duplicates.
    let once: Vec<AccountItem> = {
        let mut once: Vec<AccountItem> = Vec::new();
        for item in items.iter().cloned() {
            let text = |item: &AccountItem| format!("{item:?}").replace("Snapshot(", "Update(");
            if once.last().is_none_or(|last| text(last) != text(&item)) {
                once.push(item);
            }
        }
        once
    };
    assert!(once.len() < items.len() * 2 / 3);
    assert_eq!(changes(&items), changes(&once));
}

#[tokio::test(start_paused = true)]
async fn fault_43_a_quiet_account_stays_connected_reports_its_age_and_can_resync() {
    let exchange = Exchange::start(Simulator::builder());
    let mut stream = exchange.balances();
    read(&mut stream, Duration::from_secs(1)).await;
    let day = Duration::from_secs(86_400);
    sleep(day).await;
    assert!(read(&mut stream, Duration::from_millis(1)).await.is_empty(), "a quiet account has no items");
    assert_eq!(exchange.simulator.upgrade_attempts().len(), 1);
    let current = stream.current().unwrap();
    assert!(!current.is_stale() && current.age() >= day, "{:?}", current.age());

    stream.resync();
    let items: Vec<Item<AccountBalance>> = read(&mut stream, Duration::from_secs(5)).await;
    assert_eq!(items.iter().map(name).collect::<Vec<_>>(), ["disconnected", "connected", "gap", "snapshot"]);
    let Item::Disconnected(disconnected) = &items[0] else { panic!() };
    assert_eq!(disconnected.error.kind(), ErrorKind::Resync);
    assert!(stream.current().unwrap().age() <= Duration::from_secs(5));
    exchange.assert_balances_match(&stream);
}
