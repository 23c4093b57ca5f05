//! A consumer that does not read, while 10,000 messages come in every second.

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

const A_SECOND: u64 = 10_000;
/// How much may be held beyond what was held when all queues were full: the driver's buffers come and go.
const SLACK_BYTES: i64 = 64 << 10;
/// What an account may hold with full queues of its four streams.
const HELD_BYTES: i64 = 8 << 20;

/// An account that nobody reads, and the exchange's ends of its connections.
struct Stalled {
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

/// What a busy account sends: mostly balances, some orders, trades.
fn messages() -> Vec<(PrivateStream, Frame)> {
    let one = |number: u32| match number % 10 {
        0 => message(number, trade(number % 50, number)),
        1 | 2 => message(number, active([order(number % 50, 0, 0, number.into())]).data),
        _ => (PrivateStream::AccountBalance, balance(number.into())),
    };
    (0..u32::try_from(A_SECOND).unwrap()).map(one).collect()
}

impl Stalled {
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
        // The others have messages enough to begin with.
        peers.get_mut(&PrivateStream::HistoryOrders).unwrap().send(frame(&history([]))).await.unwrap();
        Self { account, peers, _server: server, messages: messages(), sent: 0 }
    }

    /// Sends for so long, and sees every ping answered.
    async fn go_on(&mut self, seconds: u64) {
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
                assert_eq!(peer.recv().await, Some(Frame::Pong(Vec::new().into())), "the socket lives");
            }
        }
    }

    /// Reads at last: of each stream no more than its queue, then what became of the rest.
    fn assert_lagged(mut self) {
        let items: Vec<_> = std::iter::from_fn(|| self.account.next().now_or_never().flatten()).collect();
        let of = |stream| items.iter().filter(move |item| item.stream == stream);
        // The default.
        let capacity = 1_024;
        for stream in [PrivateStream::AccountBalance, PrivateStream::ActiveOrders, PrivateStream::UserTrades]
        {
            assert!(of(stream).count() <= capacity + 2, "{stream}");
        }
        let Some(AccountItem { item: Item::Snapshot(Message::AccountBalance(event)), .. }) =
            of(PrivateStream::AccountBalance).next_back()
        else {
            panic!("the balances end in a snapshot")
        };
        let known = self.account.current().balances.unwrap().state().get("TWD").unwrap().clone();
        assert_eq!(event.data.get("TWD"), Some(&known));
        assert_eq!(known.amount, Decimal::from(A_SECOND - 1));
        let Some(AccountItem { stream: PrivateStream::UserTrades, item: Item::Gap(gap), .. }) =
            of(PrivateStream::UserTrades).next_back()
        else {
            panic!("the trades end in a gap")
        };
        let GapReason::Overrun { missed, .. } = gap.reason else { panic!("{gap:?}") };
        // The connection is an item too.
        assert_eq!(usize::try_from(missed).unwrap(), self.sent / 10 + 1 - capacity);
    }
}

fn stall(seconds: u64) {
    let runtime = super::paused();
    let mut stalled = runtime.block_on(Stalled::new());
    // 5 s fill the queue of every stream that has messages, and the trades that are kept.
    let held = measure(|| runtime.block_on(stalled.go_on(5))).bytes_current;
    println!("full: {held} bytes");
    assert!(held <= HELD_BYTES, "{held} bytes");
    let mut grown = 0;
    for part in 1..=10 {
        let during = measure(|| runtime.block_on(stalled.go_on(seconds.div_ceil(10))));
        grown += during.bytes_current;
        println!("{part} of 10: {} sent, {grown} bytes more, {} at most", stalled.sent, during.bytes_max);
        assert!(grown.abs() <= SLACK_BYTES, "{grown} bytes more after {} messages", stalled.sent);
        assert!(during.bytes_max <= 4 << 20, "{during:?}");
    }
    stalled.assert_lagged();
}

/// A minute of every run; a day with `cargo xtask soak --stall 86400`.
#[test]
fn fault_34_a_consumer_that_stalls_costs_neither_the_socket_nor_the_memory() {
    stall(super::asked("BITOPRO_SOAK_STALL_SECONDS").unwrap_or(60));
}
