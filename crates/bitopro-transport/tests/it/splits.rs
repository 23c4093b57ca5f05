//! The bytes of a server in any pieces: row 12 of the catalogue of faults.

use bitopro_transport::{CloseFrame, Frame, Request, TungsteniteConnector};
use bytes::Bytes;
use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::raw::{self, HANDSHAKE, frame};

/// A text with letters of every length that UTF-8 has.
const TEXT: &str = "a\u{e9}\u{20ac}\u{1f600}";

/// What a server may send, with one text so long that its length takes as many bytes as `long` makes it.
fn frames(long: usize) -> (Vec<u8>, Vec<Frame>) {
    let long = "x".repeat(long);
    let (first, rest) = TEXT.as_bytes().split_at(2);
    let (second, third) = rest.split_at(6);
    let bytes = [
        frame(0x81, TEXT.as_bytes()),
        frame(0x89, b"ping"),
        frame(0x81, long.as_bytes()),
        // A message in three pieces, in the middle of a letter and with a pong among them.
        frame(0x01, first),
        frame(0x8a, b"pong"),
        frame(0x00, second),
        frame(0x80, third),
        frame(0x82, b"\x00\xff"),
        frame(0x88, b"\x03\xe9going away"),
    ];
    let read = vec![
        Frame::text(TEXT),
        Frame::Ping(Bytes::from_static(b"ping")),
        Frame::text(long),
        Frame::Pong(Bytes::from_static(b"pong")),
        Frame::text(TEXT),
        Frame::Binary(Bytes::from_static(b"\x00\xff")),
        Frame::Close(Some(CloseFrame { code: 1001, reason: "going away".into() })),
    ];
    (bytes.concat(), read)
}

/// What a client reads where the answer to its upgrade, and the frames behind it, come in pieces that end at these
/// places.
async fn read(frames: &[u8], ends: impl IntoIterator<Item = usize>) -> Vec<Frame> {
    let (near, mut far) = duplex(1 << 20);
    let sending = async {
        let answer = raw::asked(&mut far, HANDSHAKE).await.unwrap();
        let bytes = [answer.as_bytes(), frames].concat();
        let (mut left, mut begin) = (&bytes[..], 0);
        for end in ends.into_iter().take_while(|end| *end < bytes.len()).chain([bytes.len()]) {
            let (piece, rest) = left.split_at(end - begin);
            far.write_all(piece).await.unwrap();
            (left, begin) = (rest, end);
            // The client's turn: it reads this piece by itself.
            yield_now().await;
        }
        far
    };
    let receiving = async {
        let request = Request::new("ws://localhost/ws".parse().unwrap());
        let mut connection = TungsteniteConnector::new().connect_over(near, request).await.unwrap();
        let mut read = Vec::new();
        while let Some(frame) = connection.next().await {
            read.push(frame.unwrap());
        }
        read
    };
    // On paused time that is as soon as nobody has anything left to do.
    let both = async { tokio::join!(sending, receiving).1 };
    timeout(Request::DEFAULT_DEADLINE, Box::pin(both)).await.expect("every frame arrives")
}

#[tokio::test(start_paused = true)]
async fn fault_12_an_answer_and_its_frames_may_be_split_at_every_byte() {
    let (bytes, expected) = frames(200);
    for end in 0..HANDSHAKE.len() + 64 + bytes.len() {
        assert_eq!(read(&bytes, [end]).await, expected, "split at {end}");
    }
    assert_eq!(read(&bytes, 0..).await, expected, "split at all of them");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fault_12_an_answer_and_its_frames_may_come_in_any_pieces(
        ends in proptest::collection::btree_set(0_usize..70_000, 0..100),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let (bytes, expected) = frames(66_000);
        prop_assert_eq!(runtime.block_on(read(&bytes, ends)), expected);
    }
}
