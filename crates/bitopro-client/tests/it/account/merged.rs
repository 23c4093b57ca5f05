//! Unread items beyond the queue's capacity are merged into the state.

use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_client::model::{Message, PrivateStream};
use bitopro_client::transport::memory::Peer;
use bitopro_client::{Account, AccountItem, Change, Changes, GapReason, Item, Subscription};
use futures_util::FutureExt;

use super::{ACTIVE, BALANCES, HISTORY, TRADES, accept, open_ids, settled, trade};
use crate::network::{balance, frame, network};
use crate::samples::{active, history, order};

#[tokio::test(start_paused = true)]
async fn unread_trades_beyond_the_queue_capacity_become_a_gap() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder.with_queue_capacity(10), &mut server).await;
    for number in 100..150 {
        peers.get_mut(TRADES).unwrap().send(trade(number)).await.unwrap();
        peers.get_mut(BALANCES).unwrap().send(balance(number)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let (mut trades, mut balances) = (Vec::new(), Vec::new());
    while let Some(item) = account.next().now_or_never().flatten() {
        match item {
            AccountItem { stream: PrivateStream::UserTrades, item, .. } => trades.push(item),
            AccountItem { stream: PrivateStream::AccountBalance, item, .. } => balances.push(item),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((trades.len(), balances.len()), (11, 12));
    let Some(Item::Gap(gap)) = trades.last() else { panic!("{trades:?}") };
    let GapReason::Overrun { missed: 40, last: Some(last), .. } = &gap.reason else { panic!("{gap:?}") };
    assert_eq!(last.timestamp.as_millis(), 149);
    assert_eq!(gap.before.as_ref().unwrap().timestamp.as_millis(), 109);
    assert_eq!(gap.after, None, "the next trade is not known yet");
    let [.., Item::Gap(_), Item::Snapshot(event)] = &balances[..] else { panic!("{balances:?}") };
    assert_eq!(event.timestamp().unwrap().as_millis(), 149);
    assert_eq!(account.current().trades.unwrap().state().len(), 50, "the state holds every trade");
}

#[tokio::test(start_paused = true)]
async fn fault_49_merged_items_keep_their_position_among_the_items_of_other_streams() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder.with_queue_capacity(2), &mut server).await;
    for number in 2..9 {
        peers.get_mut(BALANCES).unwrap().send(balance(number)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    peers.get_mut(TRADES).unwrap().send(trade(1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut received = Vec::new();
    while let Some(item) = account.next().now_or_never().flatten() {
        received.push(match item {
            AccountItem { item: Item::Update(Message::AccountBalance(_)), .. } => "balance",
            AccountItem { stream: PrivateStream::AccountBalance, item: Item::Gap(_), .. } => "gap",
            AccountItem { item: Item::Snapshot(Message::AccountBalance(_)), .. } => "balances",
            AccountItem { item: Item::Update(Message::UserTrade(_)), .. } => "trade",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(received, ["balance", "balance", "gap", "balances", "trade"]);
}

#[tokio::test(start_paused = true)]
async fn unread_order_updates_are_merged_into_one_snapshot() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder.with_queue_capacity(2), &mut server).await;
    let ids = ["1", "2", "3", "4", "5"];
    for (path, status) in [(ACTIVE, 0), (HISTORY, 4)] {
        for id in ids {
            // The history has different ids, since a closed order cannot be open.
            let order = order(format_args!("{id}{status}"), status, 0, 10);
            let frame = if path == ACTIVE { frame(&active([order])) } else { frame(&history([order])) };
            peers.get_mut(path).unwrap().send(frame).await.unwrap();
        }
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for item in std::iter::from_fn(|| account.next().now_or_never().flatten()) {
        match item {
            AccountItem { item: Item::Snapshot(Message::ActiveOrders(event)), .. } => open.push(event.data),
            AccountItem { item: Item::Snapshot(Message::HistoryOrders(event)), .. } => {
                closed.push(event.data);
            }
            _ => {}
        }
    }
    let ([open], [closed]) = (open.as_slice(), closed.as_slice()) else { panic!("{open:?} {closed:?}") };
    assert_eq!(
        open.iter().map(|order| order.id.as_str()).collect::<Vec<_>>(),
        ["10", "20", "30", "40", "50"]
    );
    assert_eq!(
        closed.iter().map(|order| order.id.as_str()).collect::<Vec<_>>(),
        ["14", "24", "34", "44", "54"]
    );
}

#[tokio::test(start_paused = true)]
async fn fault_49_during_a_flood_a_slow_subscriber_receives_the_end_of_another_stream() {
    const CAPACITY: usize = 10;
    let (builder, mut server) = network();
    let builder = builder.with_queue_capacity(CAPACITY).with_patience(Duration::ZERO);
    let (mut account, mut peers) = settled(builder, &mut server).await;
    let mut number = 100;
    // Sends fifty updates for each item that is read.
    let mut flood = async |account: &mut Subscription<Account>, peers: &mut BTreeMap<String, Peer>| {
        for _ in 0..50 {
            number += 1;
            peers.get_mut(BALANCES).unwrap().send(balance(number)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        account.next().await.unwrap()
    };
    for _ in 0..3 * CAPACITY {
        let item = flood(&mut account, &mut peers).await;
        assert_eq!(item.stream, PrivateStream::AccountBalance, "{item:?}");
    }
    drop(peers.remove(TRADES));
    let dial = server.next_dial().await.unwrap();
    dial.refuse(http::StatusCode::NOT_FOUND);
    for _ in 0..CAPACITY + 4 {
        let item = flood(&mut account, &mut peers).await;
        if let AccountItem { stream: PrivateStream::UserTrades, item: Item::Closed(_), .. } = item {
            return;
        }
    }
    panic!("the end of the trades was not delivered in order");
}

#[tokio::test(start_paused = true)]
async fn fault_51_a_snapshot_does_not_reopen_an_order_whose_close_was_merged_before_the_connection() {
    let (builder, mut server) = network();
    let client = builder.with_queue_capacity(4).build().unwrap();
    let (mut account, mut changes) = (client.account(), client.changes());
    let mut peers = accept(&mut server, 4).await;
    let listed = || frame(&active([order("1", 0, 0, 10)]));
    let closed = |id: &str| frame(&history([order(id, 4, 0, 11)]));
    peers.get_mut(ACTIVE).unwrap().send(listed()).await.unwrap();
    // The history's queue is full, so later messages are merged at the position of the first of them.
    for frame in [frame(&history([])), closed("6"), closed("7"), closed("8")] {
        peers.get_mut(HISTORY).unwrap().send(frame).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    drain(&mut account, &mut changes, 5);
    drop(peers.remove(ACTIVE));
    let mut active_peer = server.next_dial().await.unwrap().accept();
    tokio::time::sleep(Duration::from_millis(1)).await;
    peers.get_mut(HISTORY).unwrap().send(closed("1")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    active_peer.send(listed()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(open_ids(&account), [""; 0]);
    let opened = drain(&mut account, &mut changes, usize::MAX);
    assert_eq!(opened, [""; 0], "an order was reopened");
}

/// Reads at most `limit` waiting items and returns the ids of the orders that they open.
pub(super) fn drain(account: &mut Subscription<Account>, changes: &mut Changes, limit: usize) -> Vec<String> {
    let mut opened = Vec::new();
    for _ in 0..limit {
        let Some(item) = account.next().now_or_never().flatten() else { break };
        opened.extend(changes.apply(&item).into_iter().filter_map(|change| match change {
            Change::OrderOpened(change) => Some(change.order.id.to_string()),
            _ => None,
        }));
    }
    opened
}
