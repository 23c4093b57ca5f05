//! What a server on this machine can do to a connection, over real sockets. Names begin with the row of the
//! catalogue of faults.

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

/// A deadline that is there to pass: a machine that is slow cannot make it not pass.
const SOON: Duration = Duration::from_millis(50);

/// More than the kernel takes for a reader that reads no more.
const TOO_MUCH: usize = 64 << 20;

/// Dials a server, which does this with the connection.
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
        raw::answer(&mut stream, HANDSHAKE).await.unwrap();
        serve(stream).await
    })
    .await;
    (dialed.unwrap(), stream)
}

async fn next(connection: &mut Box<dyn Connection>) -> Frame {
    connection.next().await.unwrap().unwrap()
}

/// The connection ends without a close frame, and with nothing of a frame that was cut short.
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
    let dialing = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
        raw::asked(&mut stream, "").await.unwrap();
        // The request is there: from here on, only the deadline is left to happen.
        tokio::time::pause();
        stream
    });
    let (dialed, _stream) =
        timeout(2 * Request::DEFAULT_DEADLINE, dialing).await.expect("the deadline is kept");
    assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn fault_10_an_answer_that_comes_byte_by_byte_ends_at_its_deadline() {
    let (dialed, sent) = dial(SOON, async |mut stream| {
        let answer = raw::asked(&mut stream, HANDSHAKE).await.unwrap();
        // As slow as it has to be for its first half to take all of the time.
        let pause = SOON * 2 / u32::try_from(answer.len()).unwrap();
        for (sent, byte) in answer.bytes().enumerate() {
            if stream.write_u8(byte).await.is_err() {
                return sent;
            }
            tokio::time::sleep(pause).await;
        }
        answer.len()
    })
    .await;
    assert!(sent > 0);
    assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::TimedOut);
}

/// Writes for as long as anybody reads, who must not read all of it.
async fn write_without_end(stream: &mut TcpStream, filler: &[u8]) {
    let mut written = 0;
    while stream.write_all(filler).await.is_ok() {
        written += filler.len();
        assert!(written < TOO_MUCH, "it is read on and on");
    }
}

#[tokio::test]
async fn fault_10_a_head_without_end_is_not_read_on() {
    // Of headers without end, and of one that has none.
    for filler in ["\r\nX-Filler: filler", "filler"] {
        let (dialed, ()) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
            let answer = raw::asked(&mut stream, HANDSHAKE).await.unwrap();
            stream.write_all(answer.trim_end().as_bytes()).await.unwrap();
            write_without_end(&mut stream, filler.repeat(1000).as_bytes()).await;
        })
        .await;
        assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::Handshake, "{filler}");
    }
}

#[tokio::test]
async fn fault_11_a_frame_in_the_segment_of_the_answer_is_not_lost() {
    let (dialed, ()) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
        let answer = raw::asked(&mut stream, HANDSHAKE).await.unwrap();
        stream.write_all(&[answer.as_bytes(), &frame(FIN_TEXT, b"first")].concat()).await.unwrap();
        // And nothing after it.
        stream.shutdown().await.unwrap();
    })
    .await;
    assert_eq!(next(&mut dialed.unwrap()).await, Frame::text("first"));
}

#[tokio::test]
async fn fault_20_a_page_without_end_is_not_read_on() {
    for head in ["HTTP/1.1 502 Bad Gateway", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5000000000"]
    {
        let (dialed, ()) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
            raw::answer(&mut stream, &format!("{head}\r\n\r\n")).await.unwrap();
            write_without_end(&mut stream, &b"<html>".repeat(1000)).await;
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
        let receiving = async {
            for text in &texts {
                assert_eq!(next(&mut connection).await, Frame::text(text.as_str()));
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&burst), receiving);
        written.unwrap();
    }
}

#[tokio::test]
async fn fault_41_a_redirect_is_refused_and_nothing_follows_it() {
    let elsewhere = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        for scheme in ["ws", "http", "wss"] {
            let answer = format!(
                "HTTP/1.1 {status}\r\nLocation: {scheme}://{address}/ws\r\nContent-Length: 0\r\n\r\n"
            );
            let (dialed, _) = dial(Request::DEFAULT_DEADLINE, async |mut stream| {
                raw::answer(&mut stream, &answer).await.unwrap();
                stream
            })
            .await;
            let error = dialed.map(|_| ()).unwrap_err();
            assert_eq!(error.refusal().unwrap().status.as_str(), &status[..3], "{error:?}");
        }
    }
    // A connection that had been made would wait here, whether or not anybody had accepted it.
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
