//! Any bytes as a server's answer to the upgrade request, and as the frames that follow it.
//!
//! The first byte of an input says how the bytes after it are sent. In them, `{accept}` stands for the accept key that
//! belongs to the request.

use std::time::Duration;

use bitopro_transport::{
    Connection, Error, ErrorKind, Frame, Limits, Refusal, Request, TungsteniteConnector,
};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Longer than anything here may take, on a clock that does not wait.
const LONG: Duration = Duration::from_secs(3_600);

/// Dials a server that answers with this input.
pub fn check(data: &[u8]) {
    let Some((how, answer)) = data.split_first() else { return };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("there are no I/O resources to lack").block_on(async {
        let (near, far) = duplex(16 << 10);
        let _ = tokio::join!(serve(far, *how, answer), dial(near));
    });
}

/// Gives the stream back if it is to stay open.
async fn serve(mut stream: DuplexStream, how: u8, answer: &[u8]) -> Option<DuplexStream> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a request is ASCII");
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let answer = with_accept_key(answer, &derive_accept_key(key.expect("a request has its key").as_bytes()));
    let pieces = if how & 2 == 0 { answer.len().max(1) } else { 1 + usize::from(how >> 2) };
    for piece in answer.chunks(pieces) {
        stream.write_all(piece).await.ok()?;
        tokio::task::yield_now().await;
    }
    (how & 1 == 0).then_some(stream)
}

fn with_accept_key(answer: &[u8], key: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"{accept}";
    match answer.windows(PLACE.len()).position(|window| window == PLACE) {
        Some(at) => [&answer[..at], key.as_bytes(), &answer[at + PLACE.len()..]].concat(),
        None => answer.to_vec(),
    }
}

async fn dial(stream: DuplexStream) {
    let began = Instant::now();
    let request = Request::new("ws://localhost/ws".parse().expect("a URL"));
    let deadline = request.deadline();
    let dialed = timeout(LONG, TungsteniteConnector::new().connect_over(stream, request)).await;
    assert!(began.elapsed() <= deadline + Duration::from_millis(1), "the deadline passed");
    match dialed.expect("the deadline passed") {
        Ok(connection) => read(connection).await,
        Err(error) => assert_typed(&error),
    }
}

/// Reads to the end, or until nothing comes any more.
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
            assert!(connection.next().await.is_none(), "something comes after the end");
            return;
        }
    }
}

/// What a dial may fail with once there is a connection to the server.
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
