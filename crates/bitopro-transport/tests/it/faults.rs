//! Faults of a server, over real sockets.

use std::time::Duration;

use bitopro_transport::{
    Connection, Connector, Error, ErrorKind, Frame, Refusal, Request, TungsteniteConnector,
};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::raw::{self, HANDSHAKE, frame};

const FIN_TEXT: u8 = 0x81;

/// A deadline that must pass during a test, so a slow machine cannot cause a failure.
const SHORT_DEADLINE: Duration = Duration::from_millis(50);

/// More bytes than the kernel buffers for a client that has stopped reading.
const MORE_THAN_BUFFERED: usize = 64 << 20;

/// Dials a server that handles the connection with `serve`.
async fn dial<T>(
    deadline: Duration,
    serve: impl AsyncFnOnce(TcpStream) -> T,
) -> (Result<Box<dyn Connection>, Error>, T) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap()).parse().unwrap();
    let request = Request::new(url).with_deadline(deadline);
    let connector = TungsteniteConnector::new();
    tokio::join!(connector.connect(request), async { serve(listener.accept().await.unwrap().0).await })
}

async fn connected(serve: impl AsyncFnOnce(TcpStream) -> TcpStream) -> (Box<dyn Connection>, TcpStream) {
    let (dialed, stream) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
        raw::respond(&mut stream, HANDSHAKE).await.unwrap();
        serve(stream).await
    })
    .await;
    (dialed.unwrap(), stream)
}

async fn next(connection: &mut Box<dyn Connection>) -> Frame {
    connection.next().await.unwrap().unwrap()
}

/// Asserts that the connection ends without a close frame and yields no incomplete frame.
async fn assert_lost(mut connection: Box<dyn Connection>) {
    let error = connection.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
    assert!(connection.next().await.is_none());
}

#[tokio::test]
async fn fault_02_a_reset_in_the_middle_of_a_frame_is_a_lost_connection() {
    let (mut connection, mut stream) = connected(async |stream| stream).await;
    stream.write_all(&frame(FIN_TEXT, b"whole")).await.unwrap();
    stream.write_all(&frame(FIN_TEXT, b"cut short")[..5]).await.unwrap();
    assert_eq!(next(&mut connection).await, Frame::text("whole"));
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_lost(connection).await;
}

#[tokio::test]
async fn fault_03_an_end_in_the_middle_of_a_frame_is_a_lost_connection() {
    let (connection, mut stream) = connected(async |stream| stream).await;
    stream.write_all(&frame(FIN_TEXT, b"cut short")[..5]).await.unwrap();
    drop(stream);
    assert_lost(connection).await;
}

#[tokio::test]
async fn fault_08_an_upgrade_that_is_never_answered_ends_at_its_deadline() {
    let dial = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
        raw::receive_request(&mut stream, "").await.unwrap();
        // The request has arrived, so only the deadline remains, and time can advance automatically.
        tokio::time::pause();
        stream
    });
    let (dialed, _stream) =
        timeout(2 * Request::DEFAULT_DEADLINE, dial).await.expect("the dial ends at its deadline");
    let error = dialed.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(format!("{error:#}"), "no response to the upgrade request within 10 s");
}

#[tokio::test]
async fn fault_10_a_response_sent_byte_by_byte_ends_at_its_deadline() {
    let (dialed, sent) = dial(SHORT_DEADLINE, async |mut stream| {
        let response = raw::receive_request(&mut stream, HANDSHAKE).await.unwrap();
        // The deadline passes after half of the response.
        let pause = SHORT_DEADLINE * 2 / u32::try_from(response.len()).unwrap();
        for (sent, byte) in response.bytes().enumerate() {
            if stream.write_u8(byte).await.is_err() {
                return sent;
            }
            tokio::time::sleep(pause).await;
        }
        response.len()
    })
    .await;
    assert!(sent > 0);
    assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::TimedOut);
}

/// Writes until the client closes the connection, which it must do before reading everything.
async fn write_endlessly(stream: &mut TcpStream, filler: &[u8]) {
    let mut written = 0;
    while stream.write_all(filler).await.is_ok() {
        written += filler.len();
        assert!(written < MORE_THAN_BUFFERED, "the client keeps reading");
    }
}

#[tokio::test]
async fn fault_10_an_endless_response_head_is_an_error() {
    // An endless number of headers, and one endless header.
    for filler in ["\r\nX-Filler: filler", "filler"] {
        let (dialed, ()) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
            let response = raw::receive_request(&mut stream, HANDSHAKE).await.unwrap();
            stream.write_all(response.trim_end().as_bytes()).await.unwrap();
            write_endlessly(&mut stream, filler.repeat(1000).as_bytes()).await;
        })
        .await;
        assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::Handshake, "{filler}");
    }
}

#[tokio::test]
async fn fault_11_a_frame_in_the_same_segment_as_the_response_is_not_lost() {
    let (dialed, ()) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
        let response = raw::receive_request(&mut stream, HANDSHAKE).await.unwrap();
        stream.write_all(&[response.as_bytes(), &frame(FIN_TEXT, b"first")].concat()).await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    assert_eq!(next(&mut dialed.unwrap()).await, Frame::text("first"));
}

#[tokio::test]
async fn fault_20_an_endless_error_page_is_read_up_to_its_limit() {
    for head in ["HTTP/1.1 502 Bad Gateway", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5000000000"]
    {
        let (dialed, ()) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
            raw::respond(&mut stream, &format!("{head}\r\n\r\n")).await.unwrap();
            write_endlessly(&mut stream, &b"<html>".repeat(1000)).await;
        })
        .await;
        let error = dialed.map(|_| ()).unwrap_err();
        assert_eq!(error.refusal().unwrap().body.len(), Refusal::BODY_LIMIT, "{error:?}");
    }
}

#[tokio::test]
async fn fault_42_a_burst_in_one_write_is_received_whole_and_in_order() {
    for count in [2, 10, 20_000] {
        let (mut connection, mut stream) = connected(async |stream| stream).await;
        let texts: Vec<String> = (0..count).map(|number| format!("text {number}")).collect();
        let burst: Vec<u8> = texts.iter().flat_map(|text| frame(FIN_TEXT, text.as_bytes())).collect();
        let receive = async {
            for text in &texts {
                assert_eq!(next(&mut connection).await, Frame::text(text.as_str()));
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&burst), receive);
        written.unwrap();
    }
}

#[tokio::test]
async fn fault_41_a_redirect_is_refused_and_not_followed() {
    let elsewhere = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        for scheme in ["ws", "http", "wss"] {
            let response = format!(
                "HTTP/1.1 {status}\r\nLocation: {scheme}://{address}/ws\r\nContent-Length: 0\r\n\r\n"
            );
            let (dialed, _) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
                raw::respond(&mut stream, &response).await.unwrap();
                stream
            })
            .await;
            let error = dialed.map(|_| ()).unwrap_err();
            assert_eq!(error.refusal().unwrap().status.as_str(), &status[..3], "{error:?}");
        }
    }
    // A connection, if any, would be waiting in the backlog.
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
