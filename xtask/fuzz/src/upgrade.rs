//! Reads any bytes as a server's response to the upgrade request and as the frames that follow it.
//!
//! The first byte of an input selects how the other bytes are sent. In those, `{accept}` is replaced by the
//! accept key of the request.

use std::time::Duration;

use bitopro_transport::{
    Connection, Error, ErrorKind, Frame, Limits, Refusal, Request, TungsteniteConnector,
};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A timeout above all limits here. The clock is paused, so no real time passes.
const LONG: Duration = Duration::from_secs(3_600);

/// Runs one input: dials a server that responds with it.
pub fn check(data: &[u8]) {
    let Some((mode, response)) = data.split_first() else { return };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O can be built").block_on(async {
        let (near, far) = duplex(16 << 10);
        let _ = tokio::join!(serve(far, *mode, response), dial(near));
    });
}

/// Sends the response and returns the stream if it is to stay open.
async fn serve(mut stream: DuplexStream, mode: u8, response: &[u8]) -> Option<DuplexStream> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a request is ASCII");
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let response =
        with_accept_key(response, &derive_accept_key(key.expect("a request has a key").as_bytes()));
    let piece_size = if mode & 2 == 0 { response.len().max(1) } else { 1 + usize::from(mode >> 2) };
    for piece in response.chunks(piece_size) {
        stream.write_all(piece).await.ok()?;
        tokio::task::yield_now().await;
    }
    (mode & 1 == 0).then_some(stream)
}

fn with_accept_key(response: &[u8], key: &str) -> Vec<u8> {
    const PLACEHOLDER: &[u8] = b"{accept}";
    match response.windows(PLACEHOLDER.len()).position(|window| window == PLACEHOLDER) {
        Some(at) => [&response[..at], key.as_bytes(), &response[at + PLACEHOLDER.len()..]].concat(),
        None => response.to_vec(),
    }
}

async fn dial(stream: DuplexStream) {
    let began = Instant::now();
    let request = Request::new("ws://localhost/ws".parse().expect("a URL"));
    let deadline = request.deadline();
    let dialed = timeout(LONG, TungsteniteConnector::new().connect_over(stream, request)).await;
    assert!(began.elapsed() <= deadline + Duration::from_millis(1), "the dial exceeded its deadline");
    match dialed.expect("the dial ends") {
        Ok(connection) => read(connection).await,
        Err(error) => assert_typed(&error),
    }
}

/// Reads to the end, or until nothing more arrives.
async fn read(mut connection: Box<dyn Connection>) {
    while let Ok(Some(item)) = timeout(LONG, connection.next()).await {
        let size = match &item {
            Ok(Frame::Text(text)) => text.len(),
            Ok(Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes)) => bytes.len(),
            _ => 0,
        };
        assert!(size <= Limits::default().message_bytes, "a message of {size} bytes");
        if let Err(error) = &item {
            use ErrorKind::{Disconnected, Protocol, TooLarge};
            assert!(matches!(error.kind(), Disconnected | Protocol | TooLarge), "{error:?}");
        }
        if matches!(item, Err(_) | Ok(Frame::Close(_))) {
            assert!(connection.next().await.is_none(), "an item after the end");
            return;
        }
    }
}

/// Asserts that a dial may fail with this error after it has connected to the server.
fn assert_typed(error: &Error) {
    match (error.kind(), error.refusal()) {
        (ErrorKind::Refused, Some(refusal)) => {
            assert_ne!(refusal.status.as_u16(), 101);
            assert!(refusal.body.len() <= Refusal::BODY_LIMIT);
        }
        (ErrorKind::Handshake | ErrorKind::Disconnected | ErrorKind::TimedOut, None) => {}
        _ => panic!("{error:?}"),
    }
    assert!(!error.to_string().contains(char::is_control), "{error}");
}
