//! Input that only a hostile server would send.

use std::future::Future;
use std::time::Duration;

use allocation_counter::measure;
use bitopro_client::model::{AccountBalance, Balances};
use bitopro_client::transport::ErrorKind as TransportErrorKind;
use bitopro_client::{ErrorKind, Item, Subscription};
use bitopro_sim::{FaultyProxy, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::advance;

use super::rig::{self, assert_recovers, connection_error, transport_error};
use super::wire::{BINARY, CONTINUATION, FIN, PING, TEXT, frame, header, piped, text};

const MIB: usize = 1 << 20;

/// Returns a balance message with this amount of BTC, which is also its timestamp, and an unknown field.
fn message(amount: u64, new: &str) -> String {
    format!(
        r#"{{"event":"ACCOUNT_BALANCE","timestamp":{amount},"data":{{"BTC":{{"currency":"BTC","amount":"{amount}","available":"0","stake":"0","tradable":true}}}},"new":"{new}"}}"#
    )
}

/// Forwards the head of a request or response.
async fn forward_head(from: &mut TcpStream, to: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.unwrap());
    }
    to.write_all(&head).await.unwrap();
}

/// A client whose upgrade the simulator accepted, but whose socket is controlled by the test. The test has
/// sent a snapshot of 1 BTC. The client's next dial reaches the simulator.
struct Hostile {
    simulator: Simulator,
    balances: Subscription<Balances>,
    socket: TcpStream,
    _proxy: FaultyProxy,
}

impl Hostile {
    async fn start() -> Self {
        let simulator = Simulator::builder().start().await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = FaultyProxy::start(listener.local_addr().unwrap()).await.unwrap();
        let mut balances =
            rig::client(&simulator, rig::proxied_url(&simulator, &proxy)).build().unwrap().balances();
        let (mut socket, _) = listener.accept().await.unwrap();
        proxy.set_target(simulator.addr().unwrap());
        let mut exchange = TcpStream::connect(simulator.addr().unwrap()).await.unwrap();
        forward_head(&mut socket, &mut exchange).await;
        forward_head(&mut exchange, &mut socket).await;
        socket.write_all(&text(&message(1, ""))).await.unwrap();
        assert!(matches!(balances.next().await, Some(Item::Connected(_))));
        assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
        Self { simulator, balances, socket, _proxy: proxy }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    async fn next_update(&mut self) -> AccountBalance {
        match self.balances.next().await {
            Some(Item::Update(event)) => event,
            other => panic!("expected an update, found {other:?}"),
        }
    }

    /// Sends these pieces, which the client need not read to the end. Asserts that the connection fails with
    /// this error of the transport and that the client recovers on the next one.
    async fn assert_fails_with(mut self, pieces: impl Iterator<Item = Vec<u8>>, kind: TransportErrorKind) {
        let send = async {
            for piece in pieces {
                if self.socket.write_all(&piece).await.is_err() {
                    return;
                }
            }
        };
        let ((), error) = tokio::join!(send, connection_error(&mut self.balances));
        assert_eq!((error.kind(), transport_error(&error).kind()), (ErrorKind::Protocol, kind), "{error:?}");
        assert_recovers(&mut self.balances, &self.simulator).await;
        assert_eq!(self.simulator.upgrade_attempts().len(), 2);
    }
}

/// Runs a test and asserts that it never uses more memory than this, including both ends of its sockets.
fn run_with_memory_limit(bytes: usize, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = measure(|| runtime.block_on(test)).bytes_max;
    assert!(held <= u64::try_from(bytes).unwrap(), "{held} bytes");
}

#[test]
fn fault_32_a_message_of_64_mib_in_one_frame_is_rejected() {
    run_with_memory_limit(MIB, async {
        let filler = std::iter::repeat_n(vec![b' '; MIB / 16], 64 * 16);
        let frame = std::iter::once(header(FIN | TEXT, 64 * MIB)).chain(filler);
        Hostile::start().await.assert_fails_with(frame, TransportErrorKind::TooLarge).await;
    });
}

#[test]
fn fault_32_a_message_of_64_mib_in_many_frames_is_rejected() {
    // The client buffers up to the limit of 16 MiB, in a buffer that grows by doubling.
    run_with_memory_limit(64 * MIB, async {
        let first = std::iter::once(header(TEXT, 0));
        let more = std::iter::repeat_with(|| frame(CONTINUATION, vec![b' '; MIB / 16])).take(64 * 16);
        Hostile::start().await.assert_fails_with(first.chain(more), TransportErrorKind::TooLarge).await;
    });
}

#[test]
fn fault_32_a_million_empty_fragments_are_one_message_and_pings_between_them_are_answered() {
    run_with_memory_limit(2 * MIB, async {
        let mut hostile = Hostile::start().await;
        for last in [message(7, ""), String::new()] {
            hostile.send(&header(TEXT, 0)).await;
            for tenth in 0..10 {
                hostile.send(&header(CONTINUATION, 0).repeat(100_000)).await;
                hostile.send(&frame(FIN | PING, [tenth])).await;
                let mut pong = [0; 7];
                hostile.socket.read_exact(&mut pong).await.unwrap();
                let [first, length, mask, _, _, _, payload] = pong;
                assert_eq!((first, length, payload ^ mask), (0x8a, 0x81, tenth));
            }
            hostile.send(&frame(FIN | CONTINUATION, &last)).await;
            match hostile.balances.next().await.unwrap() {
                Item::Update(event) => assert_eq!(serde_json::to_string(&event).unwrap(), last),
                Item::Malformed(malformed) => assert_eq!(malformed.raw, last),
                other => panic!("{other:?}"),
            }
        }
        hostile.send(&text(&message(8, ""))).await;
        assert_eq!(hostile.next_update().await.timestamp.as_millis(), 8);
        assert_eq!(hostile.simulator.upgrade_attempts().len(), 1, "the client has reconnected");
    });
}

#[tokio::test]
async fn fault_32_a_text_that_is_not_utf_8_ends_the_connection() {
    let broken = message(7, "台").replace("台", "\u{fffd}").into_bytes();
    let at = broken.windows(3).position(|bytes| bytes == "\u{fffd}".as_bytes()).unwrap();
    let broken = [&broken[..at], b"\xff", &broken[at + 3..]].concat();
    let whole = vec![frame(FIN | TEXT, &broken)];
    let in_pieces = vec![frame(TEXT, &broken[..at]), frame(FIN | CONTINUATION, &broken[at..])];
    for pieces in [whole, in_pieces] {
        Hostile::start().await.assert_fails_with(pieces.into_iter(), TransportErrorKind::Protocol).await;
    }
}

#[tokio::test]
async fn fault_32_a_character_that_is_split_across_fragments_is_reassembled() {
    let mut hostile = Hostile::start().await;
    let sent = message(7, "台灣");
    let at = sent.find('台').unwrap() + 1;
    hostile.send(&frame(TEXT, &sent.as_bytes()[..at])).await;
    hostile.send(&frame(FIN | CONTINUATION, &sent.as_bytes()[at..])).await;
    assert_eq!(serde_json::to_string(&hostile.next_update().await).unwrap(), sent);
}

#[tokio::test]
async fn fault_32_an_unreadable_message_is_an_item_and_the_connection_stays_open() {
    let mut hostile = Hostile::start().await;
    let whole = message(7, "台");
    let cut = &whole[..whole.len() / 2];
    for (number, (first, sent)) in [
        (FIN | BINARY, whole.as_bytes()),
        (FIN | BINARY, b"\x00\xff"),
        (FIN | TEXT, cut.as_bytes()),
        (FIN | TEXT, b"garbage"),
        (FIN | TEXT, b""),
        (FIN | TEXT, b"\x00"),
        (FIN | TEXT, b"[]"),
    ]
    .into_iter()
    .enumerate()
    {
        hostile.send(&frame(first, sent)).await;
        let Some(Item::Malformed(malformed)) = hostile.balances.next().await else { panic!("{sent:?}") };
        assert_eq!(malformed.raw, sent);
        let next = 10 + u64::try_from(number).unwrap();
        hostile.send(&text(&message(next, ""))).await;
        assert_eq!(hostile.next_update().await.data.get("BTC").unwrap().amount, next.into());
        let current = hostile.balances.current().unwrap();
        assert!(current.is_stale(), "the content of {sent:?} is not known");
        assert_eq!(current.state().get("BTC").unwrap().amount, next.into());
    }
    assert_eq!(hostile.simulator.upgrade_attempts().len(), 1, "the client has reconnected");
    hostile.balances.resync();
    assert_eq!(connection_error(&mut hostile.balances).await.kind(), ErrorKind::Resync);
    assert_recovers(&mut hostile.balances, &hostile.simulator).await;
    assert!(!hostile.balances.current().unwrap().is_stale());
}

/// Writes `repeated` for a minute, faster than the client can read it. Returns the reason why the connection
/// ended.
async fn flood(begin: &[u8], repeated: Vec<u8>) -> ErrorKind {
    let (mut balances, mut server_end) = piped(16 * MIB).await;
    server_end.write_all(begin).await.unwrap();
    let flood = tokio::spawn(async move { while server_end.write_all(&repeated).await.is_ok() {} });
    for _ in 0..6 {
        advance(Duration::from_secs(10)).await;
    }
    // If the client is still connected, this ends the connection with another error.
    flood.abort();
    loop {
        match balances.next().await {
            Some(Item::Snapshot(_) | Item::Unknown(_)) => {}
            Some(Item::Disconnected(disconnected)) => return disconnected.error.kind(),
            other => panic!("expected a disconnect, found {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_32_a_flood_of_fragments_without_a_message_counts_as_silence() {
    let begin = [text(&message(1, "")), header(TEXT, 0)].concat();
    assert_eq!(flood(&begin, header(CONTINUATION, 0).repeat(MIB)).await, ErrorKind::Idle);
}

#[tokio::test(start_paused = true)]
async fn fault_28_a_flood_without_a_snapshot_does_not_postpone_its_deadline() {
    for repeated in [frame(FIN | PING, ""), text(r#"{"event":"NEWS"}"#)] {
        assert_eq!(flood(b"", repeated.repeat(MIB / repeated.len())).await, ErrorKind::NoSnapshot);
    }
}
