//! A subscriber that does not read, while 10,000 messages arrive every second.

use std::collections::BTreeMap;
use std::time::Duration;

use allocation_counter::measure;
use bitopro_client::model::{Decimal, EventData, Message, PrivateStream};
use bitopro_client::transport::Frame;
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::{Account, AccountItem, GapReason, Item, Subscription};
use futures_util::FutureExt;
use tokio::time::sleep;

use crate::network::{balance, frame, network};
use crate::samples::{active, event, history, order, trade, with_id};

const MESSAGES_PER_SECOND: u64 = 10_000;
/// The allowed change of memory after all queues are full, since the size of the driver's buffers varies.
const SLACK_BYTES: i64 = 64 << 10;
/// The memory limit of an account with four full queues.
const FULL_BYTES: i64 = 8 << 20;

/// An account that is never read, and the exchange's ends of its connections.
struct StalledSubscriber {
    account: Subscription<Account>,
    peers: BTreeMap<PrivateStream, Peer>,
    _server: MemoryServer,
    messages: Vec<(PrivateStream, Frame)>,
    sent: usize,
}

fn message<D: EventData>(number: u32, data: D) -> (PrivateStream, Frame) {
    let id = format!("00000000-0000-4000-8000-{number:012}");
    (D::STREAM, frame(&with_id(id, event(number.into(), data))))
}

/// Returns the messages of a busy account for one second: mostly balances, some orders and trades.
fn messages() -> Vec<(PrivateStream, Frame)> {
    let one = |number: u32| match number % 10 {
        0 => message(number, trade(number % 50, number)),
        1 | 2 => message(number, active([order(number % 50, 0, 0, number.into())]).data),
        _ => (PrivateStream::AccountBalance, balance(number.into())),
    };
    (0..u32::try_from(MESSAGES_PER_SECOND).unwrap()).map(one).collect()
}

impl StalledSubscriber {
    async fn new() -> Self {
        let (builder, mut server) = network();
        let account = builder.build().unwrap().account();
        let mut peers = BTreeMap::new();
        while peers.len() < 4 {
            let dial = server.next_dial().await.unwrap();
            let path = dial.request().url().path().to_owned();
            let stream = PrivateStream::ALL.iter().find(|stream| path == format!("/ws{}", stream.path()));
            peers.insert(*stream.unwrap(), dial.accept());
        }
        // `messages` contains no order history, so its snapshot is sent here.
        peers.get_mut(&PrivateStream::HistoryOrders).unwrap().send(frame(&history([]))).await.unwrap();
        Self { account, peers, _server: server, messages: messages(), sent: 0 }
    }

    /// Sends messages for this many seconds and asserts that every ping is answered.
    async fn send_for(&mut self, seconds: u64) {
        for _ in 0..seconds {
            for tenth in self.messages.chunks(self.messages.len() / 10) {
                for (stream, frame) in tenth {
                    self.peers.get_mut(stream).unwrap().send(frame.clone()).await.unwrap();
                }
                self.sent += tenth.len();
                sleep(Duration::from_millis(100)).await;
            }
            for peer in self.peers.values_mut() {
                peer.send(Frame::Ping(Vec::new().into())).await.unwrap();
                assert_eq!(peer.recv().await, Some(Frame::Pong(Vec::new().into())), "the answer to a ping");
            }
        }
    }

    /// Reads all items and asserts that each stream has at most a full queue of them, followed by the merged
    /// rest.
    fn assert_overrun(mut self) {
        let items: Vec<_> = std::iter::from_fn(|| self.account.next().now_or_never().flatten()).collect();
        let of = |stream| items.iter().filter(move |item| item.stream == stream);
        // The default queue capacity.
        let capacity = 1_024;
        for stream in [PrivateStream::AccountBalance, PrivateStream::ActiveOrders, PrivateStream::UserTrades]
        {
            assert!(of(stream).count() <= capacity + 2, "{stream}");
        }
        let Some(AccountItem { item: Item::Snapshot(Message::AccountBalance(event)), .. }) =
            of(PrivateStream::AccountBalance).next_back()
        else {
            panic!("the balances do not end with a snapshot")
        };
        let known = self.account.current().balances.unwrap().state().get("TWD").unwrap().clone();
        assert_eq!(event.data.get("TWD"), Some(&known));
        assert_eq!(known.amount, Decimal::from(MESSAGES_PER_SECOND - 1));
        let Some(AccountItem { stream: PrivateStream::UserTrades, item: Item::Gap(gap), .. }) =
            of(PrivateStream::UserTrades).next_back()
        else {
            panic!("the trades do not end with a gap")
        };
        let GapReason::Overrun { missed, .. } = gap.reason else { panic!("{gap:?}") };
        // `Connected` also occupies a position in the queue.
        assert_eq!(usize::try_from(missed).unwrap(), self.sent / 10 + 1 - capacity);
    }
}

fn stall(seconds: u64) {
    let runtime = super::paused_runtime();
    let mut stalled = runtime.block_on(StalledSubscriber::new());
    // After 5 s, the queue of every stream and the recent trades of the state are full.
    let held = measure(|| runtime.block_on(stalled.send_for(5))).bytes_current;
    println!("full: {held} bytes");
    assert!(held <= FULL_BYTES, "{held} bytes");
    let mut grown = 0;
    for part in 1..=10 {
        let during = measure(|| runtime.block_on(stalled.send_for(seconds.div_ceil(10))));
        grown += during.bytes_current;
        println!(
            "part {part} of 10: {} messages sent, grew by {grown} bytes, by {} at most",
            stalled.sent, during.bytes_max
        );
        assert!(grown.abs() <= SLACK_BYTES, "grew by {grown} bytes after {} messages", stalled.sent);
        assert!(during.bytes_max <= 4 << 20, "{during:?}");
    }
    stalled.assert_overrun();
}

/// Stalls for a minute by default, and for a day with `cargo xtask soak --stall 86400`.
#[test]
fn fault_34_a_stalled_subscriber_keeps_its_connection_and_its_memory_is_bounded() {
    stall(super::number_from_env("BITOPRO_SOAK_STALL_SECONDS").unwrap_or(60));
}
