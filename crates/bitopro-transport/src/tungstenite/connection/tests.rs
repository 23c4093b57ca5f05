use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::timeout;

use super::{Bytes, Connection as _, Error, ErrorKind, Frame, Limits, TungsteniteConnection};

/// Returns a client's connection and the raw stream of its peer.
async fn client(limits: Limits) -> (TungsteniteConnection<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 20);
    (TungsteniteConnection::client(near, Bytes::new(), limits).await, far)
}

/// Encodes a frame as a server writes it. `head` contains the FIN bit and the opcode.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126, "longer payloads have another encoding");
    [&[head, length], payload].concat()
}

/// Reads the next frame that the client wrote. Returns its first byte and its unmasked payload.
async fn written(far: &mut DuplexStream) -> (u8, Vec<u8>) {
    let mut head = [0; 6];
    timeout(Duration::from_secs(1), far.read_exact(&mut head)).await.expect("a frame was written").unwrap();
    assert_eq!(head[1] & 0x80, 0x80, "the client did not mask its frame");
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    far.read_exact(&mut payload).await.unwrap();
    for (byte, mask) in payload.iter_mut().zip(head[2..].iter().cycle()) {
        *byte ^= mask;
    }
    (head[0], payload)
}

/// Asserts that the stream has ended, without waiting, and stays ended.
fn assert_ended(connection: &mut TungsteniteConnection<DuplexStream>) {
    for _ in 0..2 {
        assert!(matches!(connection.next().now_or_never(), Some(None)), "the stream has ended");
    }
}

const FIN_TEXT: u8 = 0x81;
const TEXT: u8 = 0x01;
const CONTINUATION: u8 = 0x00;
const FIN_CLOSE: u8 = 0x88;
const FIN_PING: u8 = 0x89;
const FIN_PONG: u8 = 0x8a;

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_before_the_next_read() {
    let (mut connection, mut far) = client(Limits::default()).await;
    far.write_all(&frame(FIN_PING, b"payload")).await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap(), Frame::Ping(Bytes::from_static(b"payload")));
    // The answer arrives although the connection is not polled again.
    assert_eq!(written(&mut far).await, (FIN_PONG, b"payload".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_before_the_next_read_and_ends_the_stream() {
    let (mut connection, mut far) = client(Limits::default()).await;
    far.write_all(&frame(FIN_CLOSE, b"\x03\xe9going away")).await.unwrap();
    far.write_all(&frame(FIN_TEXT, b"too late")).await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap(), Frame::close(1001, "going away"));
    assert_eq!(written(&mut far).await, (FIN_CLOSE, b"\x03\xe9going away".to_vec()));
    assert_ended(&mut connection);
}

/// RFC 6455, section 7.4.1, reserves these codes for connections that ended without them.
#[tokio::test(start_paused = true)]
async fn a_close_code_that_no_peer_may_send_is_not_reported() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999] {
        let (mut connection, mut far) = client(Limits::default()).await;
        far.write_all(&frame(FIN_CLOSE, &[&code.to_be_bytes()[..], b"reason"].concat())).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::Close(None), "{code}");
        assert_eq!(written(&mut far).await.0, FIN_CLOSE);
        assert_ended(&mut connection);
    }
}

#[test]
fn the_default_limits_match_the_readme() {
    let Limits { message_bytes, write_buffer_bytes } = Limits::default();
    assert_eq!((message_bytes, write_buffer_bytes), (16_777_216, 65_536));
}

/// Receives these bytes. Returns the resulting error, which must be the last item of the stream.
async fn failure(limits: Limits, bytes: &[u8]) -> Error {
    let (mut connection, mut far) = client(limits).await;
    far.write_all(bytes).await.unwrap();
    let next =
        timeout(Duration::from_secs(1), connection.next()).await.expect("the error does not need more bytes");
    let error = next.unwrap().unwrap_err();
    assert_ended(&mut connection);
    error
}

/// The payload is never sent, so it cannot be buffered.
#[tokio::test(start_paused = true)]
async fn fault_32_a_frame_is_rejected_by_its_announced_length() {
    let limit = u64::try_from(Limits::default().message_bytes).unwrap();
    for length in [limit + 1, 64 << 20, 1 << 63, u64::MAX] {
        for first in [FIN_TEXT, TEXT, 0x82] {
            let head = [&[first, 127][..], &length.to_be_bytes()].concat();
            let error = failure(Limits::default(), &head).await;
            let expected = format!(
                "a message of {length} bytes exceeds the limit of 16777216 bytes; raise it with `Limits::message_bytes`"
            );
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::TooLarge, expected));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_32_a_million_empty_fragments_form_one_message_and_a_ping_between_them_is_answered() {
    let (mut connection, mut far) = client(Limits::default()).await;
    let half = frame(CONTINUATION, b"").repeat(500_000);
    let sent = [frame(TEXT, b"wh"), half.clone(), frame(FIN_PING, b"7"), half, frame(0x80, b"ole")].concat();
    let receive = async {
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::Ping(Bytes::from_static(b"7")));
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("whole"));
    };
    let (written_all, ()) = tokio::join!(far.write_all(&sent), receive);
    written_all.unwrap();
    assert_eq!(written(&mut far).await, (FIN_PONG, b"7".to_vec()));
}

/// After the write buffer is full, only the last ping is answered, as RFC 6455, section 5.5.3, allows.
#[tokio::test(start_paused = true)]
async fn unread_pongs_are_bounded_and_sent_when_the_peer_reads_again() {
    // The pipe has room for one pong, the write buffer for two.
    let (near, mut far) = duplex(7);
    let limits = Limits::default().with_write_buffer_bytes(20);
    let mut connection = TungsteniteConnection::client(near, Bytes::new(), limits).await;
    for number in 0..=255 {
        let sent = frame(FIN_PING, &[number]);
        let (_, next) = tokio::join!(far.write_all(&sent), connection.next());
        assert_eq!(next.unwrap().unwrap(), Frame::Ping(Bytes::from(vec![number])));
    }
    let mut pongs = Vec::new();
    while pongs.last() != Some(&255) {
        tokio::select! {
            (_, payload) = written(&mut far) => pongs.push(payload[0]),
            frame = connection.next() => panic!("{frame:?} was not sent"),
        }
    }
    assert_eq!(pongs, [0, 1, 2, 255]);
}

#[tokio::test(start_paused = true)]
async fn a_message_above_the_limit_ends_the_connection_even_in_several_frames() {
    let limits = Limits::default().with_message_bytes(10);
    let fits = [frame(FIN_TEXT, b"0123456789"), [frame(TEXT, b"01234"), frame(0x80, b"56789")].concat()];
    for bytes in fits {
        let (mut connection, mut far) = client(limits).await;
        far.write_all(&bytes).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("0123456789"));
    }
    let exceeds =
        [frame(FIN_TEXT, b"0123456789a"), [frame(TEXT, b"01234"), frame(CONTINUATION, b"56789a")].concat()];
    for bytes in exceeds {
        let error = failure(limits, &bytes).await;
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
        assert!(
            error.to_string().starts_with("a message of 11 bytes exceeds the limit of 10 bytes"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_exceeds_the_write_buffer_is_not_sent() {
    // Besides the payload, a frame has a head of 2 bytes and a mask of 4 bytes.
    let limits = Limits::default().with_write_buffer_bytes(16);
    let (mut connection, mut far) = client(limits).await;
    let error = connection.send(Frame::text("0123456789a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    connection.send(Frame::text("0123456789")).await.unwrap();
    assert_eq!(written(&mut far).await, (FIN_TEXT, b"0123456789".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn limits_of_zero_reject_every_frame_and_do_not_panic() {
    let limits = Limits { message_bytes: 0, write_buffer_bytes: 0 };
    let (mut connection, _far) = client(limits).await;
    let error = connection.send(Frame::text("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    assert_eq!(failure(limits, &frame(FIN_TEXT, b"0")).await.kind(), ErrorKind::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_frame_is_a_protocol_error() {
    let masked = [FIN_TEXT, 0x81, 1, 2, 3, 4, b'a' ^ 1];
    for (case, bytes) in [
        ("a text that is not UTF-8", frame(FIN_TEXT, b"\xff")),
        ("an undefined opcode", frame(0x83, b"")),
        ("a reserved bit", frame(FIN_TEXT | 0x40, b"a")),
        ("a continuation without a first fragment", frame(0x80, b"a")),
        ("a fragmented ping", frame(0x09, b"a")),
        ("a ping of more than 125 bytes", [&[FIN_PING, 126, 0, 126][..], &[0; 126]].concat()),
        ("a close frame with a payload of one byte", frame(FIN_CLOSE, b"\x03")),
        ("a close reason that is not UTF-8", frame(FIN_CLOSE, b"\x03\xe8\xff")),
        ("a masked frame from the server", masked.to_vec()),
    ] {
        let error = failure(Limits::default(), &bytes).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{case}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fault_03_an_end_in_the_middle_of_a_frame_is_a_lost_connection() {
    let (mut connection, mut far) = client(Limits::default()).await;
    far.write_all(&frame(FIN_TEXT, b"cut short")[..5]).await.unwrap();
    drop(far);
    let error = connection.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
    assert_eq!(format!("{error:#}"), "no close frame was received");
    assert_ended(&mut connection);
}

/// A peer without a TLS `close_notify` causes the former, whose text in rustls is a link to its manual.
#[tokio::test(start_paused = true)]
async fn the_error_of_a_lost_connection_has_a_cause_unless_the_stream_just_ended() {
    for (kind, expected) in [
        (io::ErrorKind::UnexpectedEof, "no close frame was received"),
        (io::ErrorKind::ConnectionReset, "no close frame was received: read failed"),
    ] {
        let stream = tokio::io::join(FailingReader(kind), tokio::io::sink());
        let mut connection = TungsteniteConnection::client(stream, Bytes::new(), Limits::default()).await;
        let error = connection.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
        assert_eq!(format!("{error:#}"), expected);
    }
}

struct FailingReader(io::ErrorKind);

impl AsyncRead for FailingReader {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::new(self.0, "read failed")))
    }
}

#[tokio::test(start_paused = true)]
async fn no_frame_can_be_sent_after_a_close_frame() {
    let (mut connection, mut far) = client(Limits::default()).await;
    connection.send(Frame::close(1000, "done")).await.unwrap();
    assert_eq!(written(&mut far).await, (FIN_CLOSE, b"\x03\xe8done".to_vec()));
    let error = connection.send(Frame::text("too late")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
    far.write_all(&frame(FIN_CLOSE, b"\x03\xe8done")).await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap(), Frame::close(1000, "done"));
    let error = connection.send(Frame::text("too late")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_frame_is_encoded() {
    let (mut connection, mut far) = client(Limits::default()).await;
    for (sent, head, payload) in [
        (Frame::text("text"), FIN_TEXT, &b"text"[..]),
        (Frame::Binary(Bytes::from_static(b"\x00\xff")), 0x82, b"\x00\xff"),
        (Frame::Ping(Bytes::from_static(b"ping")), FIN_PING, b"ping"),
        (Frame::Pong(Bytes::from_static(b"pong")), FIN_PONG, b"pong"),
        (Frame::Close(None), FIN_CLOSE, b""),
    ] {
        connection.send(sent).await.unwrap();
        assert_eq!(written(&mut far).await, (head, payload.to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_frame_is_decoded() {
    let (mut connection, mut far) = client(Limits::default()).await;
    for (bytes, expected) in [
        (frame(FIN_TEXT, b"text"), Frame::text("text")),
        (frame(0x82, b"\x00\xff"), Frame::Binary(Bytes::from_static(b"\x00\xff"))),
        (frame(FIN_PONG, b"pong"), Frame::Pong(Bytes::from_static(b"pong"))),
        (frame(FIN_CLOSE, b""), Frame::Close(None)),
    ] {
        far.write_all(&bytes).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), expected);
    }
}
