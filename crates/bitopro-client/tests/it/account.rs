//! An account with all four streams over the memory transport, on paused time.

mod merged;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bitopro_client::model::{ActiveOrderStream, Message, Orders, Pair, PrivateStream};
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::transport::{Error, ErrorKind, Frame};
use bitopro_client::{
    Account, AccountItem, ClientBuilder, GapReason, Item, OrderUpdates, Subscription, WallClock,
};
use futures_util::FutureExt;
use tokio::runtime::Handle;

use crate::network::{balance, frame, network};
use crate::samples::{self, active, event, history, of_pair, order, with_id};

const BALANCES: &str = "/ws/v1/pub/auth/account-balance";
const ACTIVE: &str = "/ws/v1/pub/auth/orders";
const HISTORY: &str = "/ws/v1/pub/auth/orders/histories";
const TRADES: &str = "/ws/v1/pub/auth/user-trades";

/// Returns a trade whose ids and time are derived from this number.
fn trade(number: i64) -> Frame {
    let trade = samples::trade(1, format_args!("m{number}"));
    frame(&with_id(format!("t{number}"), event(number, trade)))
}

/// Accepts dials until this many paths are connected and returns their peers by path.
async fn accept(server: &mut MemoryServer, count: usize) -> BTreeMap<String, Peer> {
    let mut peers = BTreeMap::new();
    while peers.len() < count {
        let dial = server.next_dial().await.unwrap();
        peers.insert(dial.request().url().path().to_owned(), dial.accept());
    }
    peers
}

/// Returns an account whose four streams are connected and fresh, with no orders and one balance.
async fn settled(
    builder: ClientBuilder,
    server: &mut MemoryServer,
) -> (Subscription<Account>, BTreeMap<String, Peer>) {
    let mut account = builder.build().unwrap().account();
    let mut peers = accept(server, 4).await;
    for (path, frame) in
        [(BALANCES, balance(1)), (ACTIVE, frame(&active([]))), (HISTORY, frame(&history([])))]
    {
        peers.get_mut(path).unwrap().send(frame).await.unwrap();
    }
    for _ in 0..7 {
        account.next().await.unwrap();
    }
    assert!(account.current().is_fresh());
    (account, peers)
}

fn open_ids(account: &Subscription<Account>) -> Vec<String> {
    account.current().open_orders.unwrap().state().iter().map(|order| order.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn four_streams_are_dialled_one_after_the_other() {
    let (builder, mut server) = network();
    let _account = builder.build().unwrap().account();
    let (mut paths, mut dialled, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..4 {
        let dial = server.next_dial().await.unwrap();
        assert!(server.try_next_dial().is_none(), "one dial at a time");
        paths.push(dial.request().url().path().to_owned());
        dialled.push(tokio::time::Instant::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(server.try_next_dial().is_none(), "one dial at a time");
        peers.push(dial.accept());
    }
    paths.sort();
    assert_eq!(paths, [BALANCES, ACTIVE, HISTORY, TRADES].map(str::to_owned));
    assert!(dialled.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(100)));
}

#[tokio::test(start_paused = true)]
async fn items_of_all_streams_are_delivered_in_order_of_arrival() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder, &mut server).await;
    let mut expected = Vec::new();
    for round in 0..20 {
        let (path, frame) = match round % 4 {
            0 => (BALANCES, balance(round)),
            1 => (ACTIVE, frame(&active([order("1", 0, 0, round)]))),
            2 => (HISTORY, frame(&history([order("9", 4, 0, round)]))),
            _ => (TRADES, trade(round)),
        };
        peers.get_mut(path).unwrap().send(frame).await.unwrap();
        // Lets the driver of this stream deliver the item before the next item is sent.
        tokio::time::sleep(Duration::from_millis(1)).await;
        expected.push(path);
    }
    let delivered: Vec<_> = std::iter::from_fn(|| account.next().now_or_never().flatten()).collect();
    let delivered: Vec<String> = delivered.iter().map(|item| format!("/ws{}", item.stream.path())).collect();
    assert_eq!(delivered, expected);
}

#[tokio::test(start_paused = true)]
async fn an_order_is_removed_when_either_stream_reports_it_closed() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder, &mut server).await;
    let open = |id: &str| order(id, 0, 0, 10);
    let active_peer = |peers: &mut BTreeMap<String, Peer>| peers.remove(ACTIVE).unwrap();
    let mut orders_peer = active_peer(&mut peers);
    orders_peer.send(frame(&active([open("1"), open("2"), open("3")]))).await.unwrap();
    account.next().await.unwrap();
    assert_eq!(open_ids(&account), ["1", "2", "3"]);
    orders_peer.send(frame(&active([order("1", 2, 0, 11)]))).await.unwrap();
    account.next().await.unwrap();
    assert_eq!(open_ids(&account), ["2", "3"]);
    let closed = order("2", 4, 0, 11);
    peers.get_mut(HISTORY).unwrap().send(frame(&history([closed]))).await.unwrap();
    account.next().await.unwrap();
    assert_eq!(open_ids(&account), ["3"]);
    assert_eq!(account.current().closed_orders.unwrap().state().get("2").unwrap().status.code(), 4);
    // The history has already closed order 2. The time of order 3 is older than the known one.
    orders_peer.send(frame(&active([open("2"), order("3", 1, 0, 9)]))).await.unwrap();
    account.next().await.unwrap();
    assert_eq!(open_ids(&account), ["3"]);
    let orders = account.current().open_orders.unwrap();
    assert!(orders.state().get("3").unwrap().status.code() == 1 && !orders.is_stale());
    // An order that this connection reported as closed cannot be open again.
    orders_peer.send(frame(&active([open("1")]))).await.unwrap();
    account.next().await.unwrap();
    assert_eq!(open_ids(&account), ["3"]);
    assert!(account.current().open_orders.unwrap().is_stale());
}

#[tokio::test(start_paused = true)]
async fn fault_51_a_snapshot_reopens_an_order_closed_before_its_dial_but_not_one_closed_during_it() {
    let (builder, mut server) = network();
    let client = builder.build().unwrap();
    let mut account = client.account();
    let mut peers = accept(&mut server, 4).await;
    for (path, frame) in [(ACTIVE, frame(&active([]))), (HISTORY, frame(&history([])))] {
        peers.get_mut(path).unwrap().send(frame).await.unwrap();
    }
    let mut changes = client.changes();
    let open = |id: &str| order(id, 0, 0, 10);
    let closed = |id: &str| frame(&history([order(id, 4, 0, 11)]));
    let pause = || tokio::time::sleep(Duration::from_millis(1));
    let mut orders_peer = peers.remove(ACTIVE).unwrap();
    orders_peer.send(frame(&active([open("1"), open("2")]))).await.unwrap();
    pause().await;
    drop(orders_peer);
    pause().await;
    peers.get_mut(HISTORY).unwrap().send(closed("1")).await.unwrap();
    pause().await;
    let dial = server.next_dial().await.unwrap();
    pause().await;
    peers.get_mut(HISTORY).unwrap().send(closed("2")).await.unwrap();
    pause().await;
    let mut orders_peer = dial.accept();
    orders_peer.send(frame(&active([open("1"), open("2")]))).await.unwrap();
    pause().await;
    assert_eq!(open_ids(&account), ["1"]);
    // The changes of the delivered items show the same.
    let opened = merged::drain(&mut account, &mut changes, usize::MAX);
    assert_eq!(opened, ["1", "2", "1"]);
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_of_a_reconnect_replaces_the_open_orders() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder, &mut server).await;
    let open = |id: &str| order(id, 0, 0, 10);
    let mut orders_peer = peers.remove(ACTIVE).unwrap();
    orders_peer.send(frame(&active([open("1"), open("2")]))).await.unwrap();
    account.next().await.unwrap();
    drop(orders_peer);
    assert!(matches!(
        account.next().await,
        Some(AccountItem { stream: PrivateStream::ActiveOrders, item: Item::Disconnected(_), .. })
    ));
    let current = account.current();
    assert!(
        !current.is_fresh()
            && current.open_orders.unwrap().is_stale()
            && !current.balances.unwrap().is_stale()
    );
    let mut orders_peer = accept(&mut server, 1).await.remove(ACTIVE).unwrap();
    orders_peer.send(frame(&active([open("2")]))).await.unwrap();
    for _ in 0..3 {
        account.next().await.unwrap();
    }
    assert_eq!(open_ids(&account), ["2"]);
    let open = account.current().open_orders.unwrap();
    assert_eq!((open.connection(), open.is_stale()), (2, false));
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_of_the_trades_emits_a_gap_immediately() {
    let (builder, mut server) = network();
    let start = tokio::time::Instant::now();
    let wall = move || SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + start.elapsed();
    let builder = builder.with_wall_clock(WallClock::new(wall));
    let (mut account, mut peers) = settled(builder, &mut server).await;
    let mut trades_peer = peers.remove(TRADES).unwrap();
    for number in [7, 7, 8] {
        trades_peer.send(trade(number)).await.unwrap();
        assert!(matches!(
            account.next().await,
            Some(AccountItem { item: Item::Update(Message::UserTrade(_)), .. })
        ));
    }
    assert_eq!(account.current().trades.unwrap().state().len(), 2, "a repeated trade counts once");
    let lost = wall();
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(trades_peer);
    assert!(matches!(
        account.next().await,
        Some(AccountItem { stream: PrivateStream::UserTrades, item: Item::Disconnected(_), .. })
    ));
    let _trades_peer = accept(&mut server, 1).await;
    let back = wall();
    assert!(matches!(
        account.next().await,
        Some(AccountItem { stream: PrivateStream::UserTrades, item: Item::Connected(_), .. })
    ));
    let Some(AccountItem { stream: PrivateStream::UserTrades, item: Item::Gap(gap), .. }) =
        account.next().await
    else {
        panic!("no gap")
    };
    let GapReason::Reconnected { since, until, .. } = gap.reason else { panic!("{gap:?}") };
    assert_eq!((since.to_system_time(), until.to_system_time()), (Some(lost), Some(back)));
    assert!(back > lost + Duration::from_secs(2));
    assert_eq!(gap.before.unwrap().event_id, Some("t8".into()));
    assert!(account.current().is_fresh(), "trades have no snapshot, so they are fresh after the gap");
}

#[tokio::test(start_paused = true)]
async fn a_resync_of_an_account_reconnects_each_stream() {
    let (builder, mut server) = network();
    let (account, peers) = settled(builder, &mut server).await;
    let shown = format!("{account:?} {:?}", account.reader());
    assert_eq!(shown, "Subscription { id: SubscriberId(0), .. } Reader { id: SubscriberId(0), .. }");
    let start = tokio::time::Instant::now();
    account.resync();
    assert_eq!(
        accept(&mut server, 4).await.into_keys().collect::<Vec<_>>(),
        peers.into_keys().collect::<Vec<_>>()
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "the streams reconnected only after {:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn closing_or_dropping_an_account_leaves_no_task() {
    let (builder, mut server) = network();
    let (account, mut peers) = settled(builder, &mut server).await;
    let close = tokio::spawn(account.close());
    for peer in peers.values_mut() {
        assert_eq!(peer.recv().await, Some(Frame::close(1000, "")));
        peer.close(1000, "").await.unwrap();
    }
    close.await.unwrap();
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);

    let (builder, mut server) = network();
    let (account, _peers) = settled(builder, &mut server).await;
    let reader = account.reader();
    assert!(reader.current().is_fresh());
    drop(account);
    assert!(!reader.current().is_fresh());
    tokio::task::yield_now().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

/// Returns the ids of the open orders after these messages, with this interpretation of updates.
async fn open_ids_after(updates: OrderUpdates, frames: &[Frame]) -> Vec<String> {
    let (builder, mut server) = network();
    let mut orders: Subscription<Orders<ActiveOrderStream>> =
        builder.with_order_updates(updates).build().unwrap().active_orders();
    let mut peer = accept(&mut server, 1).await.remove(ACTIVE).unwrap();
    orders.next().await.unwrap();
    for frame in frames {
        peer.send(frame.clone()).await.unwrap();
        orders.next().await.unwrap();
    }
    orders.current().unwrap().state().iter().map(|order| order.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_interpretation_of_order_updates_is_correct_only_for_a_matching_server() {
    let open = |pair: &str, id: &str| of_pair(pair, order(id, 0, 0, 10));
    let first = frame(&active([open("a_b", "1"), open("a_b", "2"), open("c_d", "3")]));
    // Order 1 of `a_b` is cancelled and order 4 is opened. One server sends the changed orders, the other all
    // open orders of the pair.
    let changed = frame(&active([of_pair("a_b", order("1", 4, 0, 11)), open("a_b", "4")]));
    let whole = frame(&active([open("a_b", "2"), open("a_b", "4")]));
    let none =
        frame(&event::<Orders<ActiveOrderStream>>(1, [(Pair::new("a_b"), Vec::new())].into_iter().collect()));
    assert_eq!(
        open_ids_after(OrderUpdates::Changed, &[first.clone(), changed.clone()]).await,
        ["2", "3", "4"]
    );
    assert_eq!(
        open_ids_after(OrderUpdates::WholePair, &[first.clone(), whole.clone()]).await,
        ["2", "3", "4"]
    );
    assert_eq!(open_ids_after(OrderUpdates::WholePair, &[first.clone(), none]).await, ["3"]);
    // With the wrong interpretation, a closed order remains or an open one is lost.
    assert_eq!(open_ids_after(OrderUpdates::Changed, &[first.clone(), whole]).await, ["1", "2", "3", "4"]);
    assert_eq!(open_ids_after(OrderUpdates::WholePair, &[first, changed]).await, ["3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_all_streams_reconnect_within_a_bounded_time() {
    for outage in [1, 5, 60, 120, 600] {
        let (builder, mut server) = network();
        let (mut account, peers) = settled(builder, &mut server).await;
        drop(peers);
        let back = tokio::time::Instant::now() + Duration::from_secs(outage);
        let mut peers = Vec::new();
        while peers.len() < 4 {
            let dial = server.next_dial().await.unwrap();
            if tokio::time::Instant::now() < back {
                dial.fail(Error::new(ErrorKind::Connect, "the server is down"));
            } else {
                let frame = match dial.request().url().path() {
                    BALANCES => Some(balance(2)),
                    ACTIVE => Some(frame(&active([]))),
                    HISTORY => Some(frame(&history([]))),
                    _ => None,
                };
                let mut peer = dial.accept();
                if let Some(frame) = frame {
                    peer.send(frame).await.unwrap();
                }
                peers.push(peer);
            }
        }
        let took = back.elapsed();
        // The worst case is the longest backoff: the first stream leaves the dials of the others in the budget.
        assert!(took < Duration::from_secs(32), "{took:?} after {outage} s");
        account.request_close();
        while account.next().await.is_some() {}
    }
}

fn open_orders_are_stale(account: &Subscription<Account>) -> bool {
    account.current().open_orders.unwrap().is_stale()
}

#[tokio::test(start_paused = true)]
async fn open_orders_are_stale_while_the_history_is() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder, &mut server).await;
    assert!(!open_orders_are_stale(&account));
    peers.get_mut(HISTORY).unwrap().send(Frame::text("{")).await.unwrap();
    account.next().await.unwrap();
    assert!(open_orders_are_stale(&account), "the unreadable message may have closed an order");
    peers.remove(HISTORY);
    account.next().await.unwrap();
    assert!(open_orders_are_stale(&account));
    server.next_dial().await.unwrap().refuse(http::StatusCode::NOT_FOUND);
    account.next().await.unwrap();
    assert!(open_orders_are_stale(&account), "the history has ended, so the open orders stay stale");
    assert!(!account.current().balances.unwrap().is_stale());
}

#[tokio::test(start_paused = true)]
async fn an_order_in_the_history_with_an_unknown_status_is_not_open() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder, &mut server).await;
    let orders_peer = peers.get_mut(ACTIVE).unwrap();
    orders_peer.send(frame(&active([order("1", 0, 0, 10)]))).await.unwrap();
    account.next().await.unwrap();
    let closed = frame(&history([order("1", 5, 0, 11)]));
    peers.get_mut(HISTORY).unwrap().send(closed).await.unwrap();
    account.next().await.unwrap();
    assert_eq!(open_ids(&account), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_unstable_history_makes_the_open_orders_reconnect_once_every_30_s() {
    let (builder, mut server) = network();
    let builder = builder
        .with_dial_budget(100_000, Duration::from_secs(300))
        .with_backoff(Duration::from_millis(1), Duration::from_millis(1))
        // This server sends no pings.
        .with_idle_limit(Duration::from_secs(3600));
    let (mut account, mut peers) = settled(builder, &mut server).await;
    peers.remove(HISTORY);
    let reader = tokio::spawn(async move { while account.next().await.is_some() {} });
    let (mut history_dials, mut active_dials) = (0, 0);
    let end = tokio::time::Instant::now() + Duration::from_secs(600);
    while tokio::time::Instant::now() < end {
        let dial = server.next_dial().await.unwrap();
        let path = dial.request().url().path().to_owned();
        let mut peer = dial.accept();
        if path == HISTORY {
            history_dials += 1;
            // Every other connection of the history ends before its snapshot.
            if history_dials % 2 == 0 {
                let _ = peer.send(frame(&history([]))).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        }
        assert_eq!(path, ACTIVE);
        let _ = peer.send(frame(&active([]))).await;
        active_dials += 1;
        peers.insert(path, peer);
    }
    reader.abort();
    assert!(history_dials >= 500, "{history_dials}");
    // One dial every 30 s: not more often, but not postponed forever either.
    assert!(
        (18..=21).contains(&active_dials),
        "{active_dials} dials of the open orders, {history_dials} of the history"
    );
}

#[tokio::test(start_paused = true)]
async fn open_orders_listed_after_the_history_connected_are_not_requested_again() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder, &mut server).await;
    peers.remove(HISTORY);
    let mut history_peer = accept(&mut server, 1).await.remove(HISTORY).unwrap();
    peers.remove(ACTIVE);
    let mut active_peer = accept(&mut server, 1).await.remove(ACTIVE).unwrap();
    active_peer.send(frame(&active([]))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    history_peer.send(frame(&history([]))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(server.try_next_dial().is_none());
    assert!(!open_orders_are_stale(&account));
    account.request_close();
    while account.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn open_orders_listed_before_the_history_connected_are_requested_again_immediately() {
    let (builder, mut server) = network();
    let (mut account, mut peers) = settled(builder, &mut server).await;
    // Both connections are lost and the open orders reconnect last. Their list is the newer one, so no resync
    // follows.
    peers.retain(|path, _| path != HISTORY && path != ACTIVE);
    let mut history_peer = loop {
        let dial = server.next_dial().await.unwrap();
        match dial.request().url().path() {
            HISTORY => break dial.accept(),
            ACTIVE => dial.refuse(http::StatusCode::SERVICE_UNAVAILABLE),
            other => panic!("unexpected dial of {other}"),
        }
    };
    history_peer.send(frame(&history([]))).await.unwrap();
    let mut active_peer = accept(&mut server, 1).await.remove(ACTIVE).unwrap();
    active_peer.send(frame(&active([]))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!open_orders_are_stale(&account));
    // Only the history is lost.
    drop(history_peer);
    let mut history_peer = accept(&mut server, 1).await.remove(HISTORY).unwrap();
    let start = tokio::time::Instant::now();
    history_peer.send(frame(&history([]))).await.unwrap();
    let mut active_peer = accept(&mut server, 1).await.remove(ACTIVE).unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(open_orders_are_stale(&account));
    active_peer.send(frame(&active([]))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!open_orders_are_stale(&account));
    account.request_close();
    while account.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn fault_40_after_a_suspend_nothing_is_fresh_until_the_connections_are_replaced() {
    let slept = Arc::new(AtomicU64::new(0));
    let (builder, mut server) = network();
    let (wall, start) = (Arc::clone(&slept), tokio::time::Instant::now());
    let wall = move || {
        let slept = Duration::from_secs(wall.load(Ordering::Relaxed));
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + start.elapsed() + slept
    };
    let (mut account, peers) = settled(builder.with_wall_clock(WallClock::new(wall)), &mut server).await;
    assert!(account.current().is_fresh());
    let reader = account.reader();
    // The wall clock jumps, and the monotonic one does not advance.
    slept.store(600, Ordering::Relaxed);
    let current = reader.current();
    assert!(!current.is_fresh());
    let balances = current.balances.unwrap();
    assert!(balances.is_stale() && balances.age() >= Duration::from_secs(600), "{:?}", balances.age());
    // The connections are still open, but their earlier messages no longer count as fresh.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!reader.current().is_fresh());
    for _ in 0..4 {
        let Some(item) = account.next().await else { panic!() };
        assert!(format!("{item:?}").contains("slept for about 600 s"), "{item:?}");
    }
    drop(peers);
    let mut peers = accept(&mut server, 4).await;
    peers.get_mut(BALANCES).unwrap().send(balance(7)).await.unwrap();
    peers.get_mut(ACTIVE).unwrap().send(frame(&active([]))).await.unwrap();
    peers.get_mut(HISTORY).unwrap().send(frame(&history([]))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(reader.current().is_fresh());
}
