//! The driver over the memory transport, on paused time.

use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balances, PrivateStream};
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::transport::{self, Frame};
use bitopro_client::{Closed, ErrorKind, GapReason, Item, Subscription};
use futures_util::FutureExt;
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep, timeout};

use crate::network::{balance, network};

type Balance = Subscription<Balances>;

async fn connected() -> (Balance, MemoryServer, Peer) {
    let (builder, mut server) = network();
    let balances = builder.build().unwrap().balances();
    let peer = server.next_dial().await.unwrap().accept();
    (balances, server, peer)
}

/// Returns a connected subscription whose first snapshot has been read.
async fn settled() -> (Balance, MemoryServer, Peer) {
    let (mut balances, server, mut peer) = connected().await;
    peer.send(balance(1)).await.unwrap();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    (balances, server, peer)
}

fn amount(event: &AccountBalance) -> String {
    event.data.get("TWD").unwrap().amount.to_string()
}

fn current(balances: &Balance) -> (String, bool) {
    let view = balances.current().unwrap();
    (view.state().get("TWD").unwrap().amount.to_string(), view.is_stale())
}

#[tokio::test(start_paused = true)]
async fn the_items_and_the_current_state_agree() {
    let (mut balances, _server, mut peer) = settled().await;
    let reader = balances.reader();
    peer.send(balance(2)).await.unwrap();
    let Some(Item::Update(event)) = balances.next().await else { panic!("no update") };
    assert_eq!((amount(&event), current(&balances)), ("2".to_owned(), ("2".to_owned(), false)));
    advance(Duration::from_secs(5)).await;
    let view = reader.clone().current().unwrap();
    assert_eq!(
        (view.age(), view.as_of().unwrap().as_millis(), view.is_stale()),
        (Duration::from_secs(5), 2, false)
    );
    peer.send(balance(2)).await.unwrap();
    balances.next().await.unwrap();
    assert_eq!(reader.current().unwrap().age(), Duration::ZERO, "an update resets the age");
    drop(peer);
    assert!(matches!(balances.next().await, Some(Item::Disconnected(_))));
    assert_eq!(current(&balances), ("2".to_owned(), true));
}

#[tokio::test(start_paused = true)]
async fn there_is_no_state_before_the_first_snapshot() {
    let (mut balances, _server, _peer) = connected().await;
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(balances.current().is_none());
}

#[tokio::test(start_paused = true)]
async fn later_items_do_not_change_a_view_of_the_state() {
    let (mut balances, _server, mut peer) = settled().await;
    let before = balances.current().unwrap();
    peer.send(balance(2)).await.unwrap();
    balances.next().await.unwrap();
    assert_eq!(before.state().get("TWD").unwrap().amount.to_string(), "1");
    assert_eq!(current(&balances).0, "2");
}

#[tokio::test(start_paused = true)]
async fn an_unread_subscription_answers_pings_and_bounds_its_queue() {
    let (mut balances, _server, mut peer) = settled().await;
    for number in 2..10_000 {
        peer.send(balance(number)).await.unwrap();
    }
    peer.send(Frame::Ping(vec![7].into())).await.unwrap();
    assert_eq!(peer.recv().await, Some(Frame::Pong(vec![7].into())));
    // The ping arrived last, so everything before it has been handled too.
    assert_eq!(current(&balances), ("9999".to_owned(), false));
    let items: Vec<_> = std::iter::from_fn(|| balances.next().now_or_never().flatten()).collect();
    assert_eq!(items.len(), 1024 + 2);
    let [Item::Gap(gap), Item::Snapshot(event)] = &items[1024..] else { panic!("{:?}", &items[1024..]) };
    assert!(matches!(gap.reason, GapReason::Overrun { missed: 8_974, .. }), "{gap:?}");
    assert_eq!(amount(event), "9999");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_takes_up_to_32_items_in_advance() {
    let (mut balances, _server, mut peer) = settled().await;
    for number in 2..2 + 1024 {
        peer.send(balance(number)).await.unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    balances.next().await.unwrap();
    for number in 1026..1026 + 33 {
        peer.send(balance(number)).await.unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    let items: Vec<_> = std::iter::from_fn(|| balances.next().now_or_never().flatten()).collect();
    let [.., Item::Gap(gap), Item::Snapshot(_)] = &items[..] else { panic!("{items:?}") };
    assert!(matches!(gap.reason, GapReason::Overrun { missed: 1, .. }), "{gap:?}");
    assert_eq!(items.len(), 1024 - 1 + 32 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_takes_no_second_large_message_in_advance() {
    let (mut balances, _server, mut peer) = settled().await;
    let large = || Frame::Binary(vec![0; 64 << 10].into());
    for _ in 0..512 {
        peer.send(large()).await.unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    assert!(matches!(balances.next().await, Some(Item::Malformed(_))));
    for _ in 0..2 {
        peer.send(large()).await.unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    let items: Vec<_> = std::iter::from_fn(|| balances.next().now_or_never().flatten()).collect();
    let gap = items.iter().find_map(|item| if let Item::Gap(gap) = item { Some(gap) } else { None });
    let reason = &gap.expect("a full queue").reason;
    assert!(matches!(reason, GapReason::Overrun { missed: 1, .. }), "{reason:?}");
}

#[tokio::test(start_paused = true)]
async fn fault_04_a_silent_connection_is_closed_and_dialled_again() {
    let (mut balances, mut server, mut old) = settled().await;
    let lost = timeout(Duration::from_secs(60), balances.next()).await.expect("the silence is detected");
    let Some(Item::Disconnected(disconnected)) = lost else { panic!("still connected") };
    assert_eq!(disconnected.error.kind(), ErrorKind::Idle);
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(balance(2)).await.unwrap();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    let Some(Item::Gap(gap)) = balances.next().await else { panic!("no gap") };
    assert!(matches!(gap.reason, GapReason::Reconnected { .. }), "{gap:?}");
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    assert_eq!(current(&balances), ("2".to_owned(), false));
    assert!(old.send(balance(99)).await.is_err(), "the old connection is still open");
}

#[tokio::test(start_paused = true)]
async fn fault_08_an_unanswered_dial_is_retried() {
    let (builder, mut server) = network();
    let mut balances = builder.build().unwrap().balances();
    let _kept = server.next_dial().await.unwrap();
    let Some(Item::Disconnected(disconnected)) = balances.next().await else { panic!("no item") };
    assert_eq!(disconnected.error.kind(), ErrorKind::Network);
    server.next_dial().await.unwrap();
}

/// Closes a subscription and returns the reason why its stream ended.
async fn close_reason(balances: Subscription<Balances>) -> Closed {
    balances.close().await.remove(&PrivateStream::AccountBalance.into()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_final_refusal_ends_the_stream_with_its_reason() {
    let (builder, mut server) = network();
    let mut balances = builder.build().unwrap().balances();
    server.next_dial().await.unwrap().refuse(StatusCode::NOT_FOUND);
    let Some(Item::Closed(Closed::Failed(error))) = balances.next().await else { panic!("not closed") };
    assert_eq!(error.kind(), ErrorKind::WrongPath);
    assert!(balances.next().await.is_none());
    assert!(balances.next().await.is_none());
    assert!(
        matches!(close_reason(balances).await, Closed::Failed(error) if error.kind() == ErrorKind::WrongPath)
    );
    // The connector has been dropped, so there can be no further dial.
    assert!(server.next_dial().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_close_sends_a_close_frame_and_waits_for_the_answer() {
    let (balances, _server, mut peer) = settled().await;
    let close = tokio::spawn(balances.close());
    assert_eq!(peer.recv().await, Some(Frame::close(1000, "")));
    peer.close(1000, "").await.unwrap();
    assert!(matches!(close.await.unwrap()[&PrivateStream::AccountBalance.into()], Closed::Requested));
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_close_ends_at_its_deadline() {
    let (balances, _server, _peer) = settled().await;
    let start = Instant::now();
    assert!(matches!(close_reason(balances).await, Closed::Requested));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_subscription_leaves_no_task_and_no_connection() {
    let (balances, _server, mut peer) = settled().await;
    drop(balances);
    assert_eq!(peer.recv().await, None);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);

    let (builder, mut server) = network();
    let balances = builder.build().unwrap().balances();
    let dial = server.next_dial().await.unwrap();
    drop(balances);
    yield_now().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    assert_eq!(dial.accept().recv().await, None);
}

/// A dial that hangs, for example because no name server answers.
#[tokio::test(start_paused = true)]
async fn fault_56_a_close_or_a_drop_does_not_wait_for_a_dial() {
    for is_closed in [true, false] {
        let (builder, mut server) = network();
        let account = builder.build().unwrap().account();
        let _hanging = server.next_dial().await.unwrap();
        let start = Instant::now();
        if is_closed {
            let closed = account.close().await;
            assert_eq!(closed.into_values().collect::<Vec<_>>(), vec![Closed::Requested; 4]);
        } else {
            drop(account);
        }
        while Handle::current().metrics().num_alive_tasks() > 0 {
            yield_now().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_dropped_during_backoff_does_not_dial_again() {
    let (builder, mut server) = network();
    let mut balances = builder.build().unwrap().balances();
    server.next_dial().await.unwrap().refuse(StatusCode::SERVICE_UNAVAILABLE);
    balances.next().await.unwrap();
    drop(balances);
    sleep(Duration::from_secs(3600)).await;
    assert!(server.try_next_dial().is_none());
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_of_next_loses_no_item() {
    let (mut balances, _server, mut peer) = settled().await;
    for number in 2..50 {
        assert!(balances.next().now_or_never().is_none());
        peer.send(balance(number)).await.unwrap();
        let Some(Item::Update(event)) = balances.next().await else { panic!("no update") };
        assert_eq!(amount(&event), number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_resync_reconnects_and_delivers_a_fresh_snapshot() {
    let (mut balances, mut server, _old) = settled().await;
    balances.resync();
    assert!(matches!(balances.next().await, Some(Item::Disconnected(_))));
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(balance(5)).await.unwrap();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Gap(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    assert_eq!(current(&balances), ("5".to_owned(), false));
}

#[test]
fn a_runtime_shutdown_ends_the_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut balances, _server, _peer) = runtime.block_on(settled());
    drop(runtime);
    let item = balances.next().now_or_never().flatten();
    let Some(Item::Closed(Closed::Failed(error))) = item else { panic!("{item:?}") };
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(balances.next().now_or_never().unwrap().is_none());
}

#[test]
fn a_runtime_shutdown_ends_a_stream_whose_driver_never_ran() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (builder, _server) = network();
    let client = builder.build().unwrap();
    let mut balances = {
        let _guard = runtime.enter();
        client.balances()
    };
    drop(runtime);
    assert!(matches!(balances.next().now_or_never(), Some(Some(Item::Closed(Closed::Failed(_))))));
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_stale_as_soon_as_its_subscription_is_dropped() {
    let (balances, _server, _peer) = settled().await;
    let reader = balances.reader();
    assert!(!reader.current().unwrap().is_stale());
    drop(balances);
    assert!(reader.current().unwrap().is_stale());
}

#[tokio::test(start_paused = true)]
async fn a_close_does_not_wait_for_a_server_that_does_not_read() {
    let (mut balances, _server, mut peer) = settled().await;
    // The peer reads nothing, so pongs fill its buffer and the close frame has to wait.
    for _ in 0..1_000 {
        peer.send(Frame::Ping(vec![0].into())).await.unwrap();
    }
    assert!(balances.next().now_or_never().is_none());
    let start = Instant::now();
    assert!(matches!(close_reason(balances).await, Closed::Requested));
    assert!(start.elapsed() <= Duration::from_secs(4), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn two_subscriptions_share_the_nonces_and_the_dial_budget() {
    let (builder, mut server) = network();
    let client = builder.with_dial_budget(3, Duration::from_secs(60)).build().unwrap();
    let _both = (client.balances(), client.clone().balances());
    let mut dials = 0;
    let start = Instant::now();
    let mut nonces = Vec::new();
    while dials < 4 {
        let dial = server.next_dial().await.unwrap();
        let payload = dial.request().headers()["x-bitopro-payload"].to_str().unwrap().to_owned();
        nonces.push(bitopro_client::auth::Payload::received(payload).identity_claim().unwrap().nonce);
        dial.fail(transport::Error::new(transport::ErrorKind::Connect, "down"));
        dials += 1;
    }
    assert!(start.elapsed() >= Duration::from_secs(60), "{:?}", start.elapsed());
    assert!(nonces.is_sorted_by(|a, b| a < b), "{nonces:?}");
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_also_bounded_by_the_size_of_its_messages() {
    const MIB: usize = 1 << 20;
    let Frame::Text(text) = balance(7) else { panic!("not a text") };
    let known = Frame::text(text.replacen('{', &format!(r#"{{"new":"{}","#, "x".repeat(MIB)), 1));
    let unknown = Frame::text(format!(r#"{{"event":"NEW","timestamp":1,"data":"{}"}}"#, "x".repeat(MIB)));
    let unreadable = Frame::Binary(vec![0; MIB + 1].into());
    for large in [known, unknown, unreadable] {
        let (builder, mut server) = network();
        let mut stream = builder.build().unwrap().balances();
        let mut peer = server.next_dial().await.unwrap().accept();
        peer.send(balance(6)).await.unwrap();
        for _ in 0..40 {
            peer.send(large.clone()).await.unwrap();
        }
        sleep(Duration::from_millis(1)).await;
        let items: Vec<_> = std::iter::from_fn(|| stream.next().now_or_never().flatten()).collect();
        let queued = items.iter().take_while(|item| !matches!(item, Item::Gap(_))).count();
        // `Connected`, a snapshot and 31 messages. Each message is a little more than 1 MiB, so 32 of them
        // would exceed the limit of 32 MiB.
        assert_eq!(queued, 2 + 31, "{:?}", items.iter().map(std::mem::discriminant).collect::<Vec<_>>());
    }
}
