//! A response and its frames, split at arbitrary bytes: fault 12.

use bitopro_transport::{CloseFrame, Frame, Request, TungsteniteConnector};
use bytes::Bytes;
use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::raw::{self, HANDSHAKE, frame};

/// A text with characters of every UTF-8 length.
const TEXT: &str = "a\u{e9}\u{20ac}\u{1f600}";

/// Returns the bytes of a sequence of frames, and the frames that a client should receive. One text has
/// `long_length` bytes, which determines the encoding of its length.
fn frames(long_length: usize) -> (Vec<u8>, Vec<Frame>) {
    let long = "x".repeat(long_length);
    let (first, rest) = TEXT.as_bytes().split_at(2);
    let (second, third) = rest.split_at(6);
    let bytes = [
        frame(0x81, TEXT.as_bytes()),
        frame(0x89, b"ping"),
        frame(0x81, long.as_bytes()),
        // A message in three fragments, split inside a character and interrupted by a pong.
        frame(0x01, first),
        frame(0x8a, b"pong"),
        frame(0x00, second),
        frame(0x80, third),
        frame(0x82, b"\x00\xff"),
        frame(0x88, b"\x03\xe9going away"),
    ];
    let expected = vec![
        Frame::text(TEXT),
        Frame::Ping(Bytes::from_static(b"ping")),
        Frame::text(long),
        Frame::Pong(Bytes::from_static(b"pong")),
        Frame::text(TEXT),
        Frame::Binary(Bytes::from_static(b"\x00\xff")),
        Frame::Close(Some(CloseFrame { code: 1001, reason: "going away".into() })),
    ];
    (bytes.concat(), expected)
}

/// Returns the frames that a client receives if the response and the frames arrive in pieces that end at
/// these offsets.
async fn receive(frames: &[u8], ends: impl IntoIterator<Item = usize>) -> Vec<Frame> {
    let (near, mut far) = duplex(1 << 20);
    let send = async {
        let response = raw::receive_request(&mut far, HANDSHAKE).await.unwrap();
        let bytes = [response.as_bytes(), frames].concat();
        let (mut remaining, mut start) = (&bytes[..], 0);
        for end in ends.into_iter().take_while(|end| *end < bytes.len()).chain([bytes.len()]) {
            let (piece, rest) = remaining.split_at(end - start);
            far.write_all(piece).await.unwrap();
            (remaining, start) = (rest, end);
            // Lets the client read this piece before the next one is written.
            yield_now().await;
        }
        far
    };
    let receive = async {
        let request = Request::new("ws://localhost/ws".parse().unwrap());
        let mut connection = TungsteniteConnector::new().connect_over(near, request).await.unwrap();
        let mut received = Vec::new();
        while let Some(frame) = connection.next().await {
            received.push(frame.unwrap());
        }
        received
    };
    // With paused time, the timeout fires as soon as all tasks are idle.
    let both = async { tokio::join!(send, receive).1 };
    timeout(Request::DEFAULT_DEADLINE, Box::pin(both)).await.expect("every frame arrives")
}

#[tokio::test(start_paused = true)]
async fn fault_12_a_response_and_its_frames_may_be_split_at_any_byte() {
    let (bytes, expected) = frames(200);
    for end in 0..HANDSHAKE.len() + 64 + bytes.len() {
        assert_eq!(receive(&bytes, [end]).await, expected, "split at {end}");
    }
    assert_eq!(receive(&bytes, 0..).await, expected, "split at every byte");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fault_12_a_response_and_its_frames_may_arrive_in_any_pieces(
        ends in proptest::collection::btree_set(0_usize..70_000, 0..100),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let (bytes, expected) = frames(66_000);
        prop_assert_eq!(runtime.block_on(receive(&bytes, ends)), expected);
    }
}
