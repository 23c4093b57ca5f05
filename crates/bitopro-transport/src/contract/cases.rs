//! The cases of the contract. Each function panics if the connector violates its case.
//!
//! [`contract_tests!`](crate::contract_tests) generates a test for each case. For debugging, call a function
//! directly.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "these are tests, called by the test functions of other crates"
)]
#![allow(clippy::missing_panics_doc, reason = "the module documents that every case panics on failure")]

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use http::header::{LOCATION, RETRY_AFTER};
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, Uri};
use tokio::time::Instant;

use super::{Rig, RigDial, RigPeer};
use crate::{Connection, Error, ErrorKind, Frame, Refusal, Request};

const PATH: &str = "/ws/v1/pub/auth/account-balance";

fn request(rig: &dyn Rig) -> Request {
    let mut parts = rig.url().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static(PATH));
    Request::new(Uri::from_parts(parts).expect("a base URL with a path"))
}

/// Dials and answers the dial concurrently.
async fn dial<T>(
    rig: &mut dyn Rig,
    request: Request,
    answer: impl AsyncFnOnce(Box<dyn RigDial>) -> T,
) -> (Result<Box<dyn Connection>, Error>, T) {
    let connector = rig.connector();
    tokio::join!(connector.connect(request), async { answer(rig.next_dial().await).await })
}

async fn connect(rig: &mut dyn Rig) -> (Box<dyn Connection>, Box<dyn RigPeer>) {
    let request = request(rig);
    let (dialed, peer) = dial(rig, request, async |dial| dial.accept().await).await;
    (dialed.expect("the server accepted the dial"), peer)
}

async fn next(connection: &mut Box<dyn Connection>) -> Frame {
    connection.next().await.expect("the connection is open").expect("a frame without an error")
}

async fn dial_refused(rig: &mut dyn Rig, refusal: Refusal) -> Error {
    let request = request(rig);
    let (dialed, ()) = dial(rig, request, async |dial| dial.refuse(refusal).await).await;
    dialed.map(|_| ()).expect_err("the server refused the dial")
}

/// The path and the headers of a request reach the server unchanged.
pub async fn the_request_arrives_unchanged(rig: &mut dyn Rig) {
    let request = request(rig).with_header("X-BITOPRO-APIKEY", "a-key").expect("a valid header");
    let (_dialed, (path, header)) = dial(rig, request, async |dial| {
        let seen = (dial.path(), dial.headers().get("x-bitopro-apikey").cloned());
        dial.accept().await;
        seen
    })
    .await;
    assert_eq!(path, PATH);
    assert_eq!(header, Some(HeaderValue::from_static("a-key")));
}

/// Text and binary messages of all sizes arrive unchanged and in order.
pub async fn frames_arrive_whole_and_in_order(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    let frames = [
        Frame::text(""),
        Frame::text("{\"a\":\"比特幣\"}"),
        Frame::Binary(Bytes::from_static(&[0, 159, 255])),
        Frame::text("x".repeat(300_000)),
        Frame::text("last"),
    ];
    let send = async {
        for frame in frames.clone() {
            peer.send(frame).await;
        }
    };
    let read = async {
        for frame in &frames {
            assert_eq!(&next(&mut connection).await, frame);
        }
    };
    tokio::join!(send, read);
}

/// A frame that the server sends immediately after the upgrade arrives, even in the same TCP segment.
pub async fn a_frame_right_after_the_upgrade_is_not_lost(rig: &mut dyn Rig) {
    let request = request(rig);
    let (dialed, _peer) = dial(rig, request, async |dial| {
        let mut peer = dial.accept().await;
        peer.send(Frame::text("first")).await;
        peer
    })
    .await;
    assert_eq!(next(&mut dialed.expect("the server accepted the dial")).await, Frame::text("first"));
}

/// Thousands of frames sent without a pause all arrive in order.
pub async fn a_burst_loses_nothing(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    let send = async {
        for number in 0..5_000 {
            peer.send(Frame::text(number.to_string())).await;
        }
    };
    let read = async {
        for number in 0..5_000 {
            assert_eq!(next(&mut connection).await, Frame::text(number.to_string()));
        }
    };
    tokio::join!(send, read);
}

/// Frames that the client sends reach the server unchanged.
pub async fn sent_frames_arrive_unchanged(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    for frame in [Frame::text("hello"), Frame::Binary(Bytes::from_static(b"\x00\xff"))] {
        connection.send(frame.clone()).await.expect("the connection is open");
        assert_eq!(peer.recv().await, Some(frame));
    }
}

/// The connection answers a ping with the same payload, and the ping appears in the stream.
pub async fn a_ping_is_answered_and_yielded(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    for payload in [Bytes::new(), Bytes::from_static(b"payload")] {
        peer.send(Frame::Ping(payload.clone())).await;
        assert_eq!(next(&mut connection).await, Frame::Ping(payload.clone()));
        let polled = poll_fn(|context| {
            let is_pending = Pin::new(&mut connection).poll_next(context).is_pending();
            Poll::Ready(is_pending)
        });
        assert!(polled.await, "the stream yielded an item that was not sent");
        assert_eq!(peer.recv().await, Some(Frame::Pong(payload)));
    }
}

/// The server's close frame arrives with its code and reason, and then the stream ends.
pub async fn a_close_by_the_server_is_the_last_frame(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    peer.send(Frame::close(1001, "going away")).await;
    assert_eq!(next(&mut connection).await, Frame::close(1001, "going away"));
    assert!(connection.next().await.is_none(), "an item follows the close frame");
}

/// The client's close frame reaches the server.
pub async fn a_close_by_the_client_arrives(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    connection.send(Frame::close(1000, "done")).await.expect("the connection is open");
    assert_eq!(peer.recv().await, Some(Frame::close(1000, "done")));
}

/// A connection that ends without a close frame yields one error of kind [`ErrorKind::Disconnected`], and
/// then ends.
pub async fn an_end_without_a_close_frame_is_an_error(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    peer.send(Frame::text("last words")).await;
    drop(peer);
    assert_eq!(next(&mut connection).await, Frame::text("last words"));
    let error = connection.next().await.expect("an error before the end").expect_err("an error, not a frame");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
    assert!(connection.next().await.is_none(), "an item follows the error");
}

/// If the client drops the connection, the server sees it end.
pub async fn dropping_the_connection_ends_it(rig: &mut dyn Rig) {
    let (connection, mut peer) = connect(rig).await;
    drop(connection);
    assert_eq!(peer.recv().await, None);
}

/// Dropping a future that waits for a frame loses no frame.
pub async fn a_cancelled_read_loses_nothing(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    for number in 0..100 {
        let was_pending = poll_fn(|context| {
            // The future is polled once and dropped.
            let mut next = Box::pin(connection.next());
            Poll::Ready(next.as_mut().poll(context).is_pending())
        });
        assert!(was_pending.await, "the stream yielded an item that was not sent");
        peer.send(Frame::text(number.to_string())).await;
        assert_eq!(next(&mut connection).await, Frame::text(number.to_string()));
    }
}

/// A refused dial fails with an error that contains the status, the headers and the body.
pub async fn a_refusal_reports_status_headers_and_body(rig: &mut dyn Rig) {
    for status in
        [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY]
    {
        let mut refusal = Refusal::new(status);
        refusal.headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        refusal.body = Bytes::from_static(b"{\"error\":\"no\"}");
        let error = dial_refused(rig, refusal).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
        let seen = error.refusal().expect("the error contains the refusal");
        assert_eq!(seen.status, status);
        assert_eq!(seen.headers.get(RETRY_AFTER), Some(&HeaderValue::from_static("7")));
        assert_eq!(seen.body, Bytes::from_static(b"{\"error\":\"no\"}"));
    }
}

/// At most [`Refusal::BODY_LIMIT`] bytes of a refusal's body are read.
pub async fn the_body_of_a_refusal_is_bounded(rig: &mut dyn Rig) {
    let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE);
    refusal.body = Bytes::from(vec![b'x'; 5_000_000]);
    let error = dial_refused(rig, refusal).await;
    assert_eq!(error.refusal().map(|refusal| refusal.body.len()), Some(Refusal::BODY_LIMIT), "{error:?}");
}

/// A redirect is a refusal, so that no header is sent to another server.
pub async fn a_redirect_is_refused_and_not_followed(rig: &mut dyn Rig) {
    let mut refusal = Refusal::new(StatusCode::TEMPORARY_REDIRECT);
    refusal.headers.insert(LOCATION, HeaderValue::from_static("ws://127.0.0.1:9/elsewhere"));
    let error = dial_refused(rig, refusal).await;
    assert_eq!(
        error.refusal().map(|refusal| refusal.status),
        Some(StatusCode::TEMPORARY_REDIRECT),
        "{error:?}"
    );
}

/// If the connection breaks during the upgrade, the dial fails immediately.
pub async fn a_connection_that_breaks_during_the_upgrade_is_an_error(rig: &mut dyn Rig) {
    let request = request(rig);
    let (dialed, ()) = dial(rig, request, async |dial| drop(dial)).await;
    let error = dialed.map(|_| ()).expect_err("the server broke the connection");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
}

/// An unanswered dial fails exactly at the request's deadline. Requires paused time.
pub async fn an_unanswered_dial_fails_at_its_deadline(rig: &mut dyn Rig) {
    let deadline = Duration::from_secs(3);
    let request = request(rig).with_deadline(deadline);
    let began = Instant::now();
    let dialed = rig.connector().connect(request).await;
    let error = dialed.map(|_| ()).expect_err("the server does not answer");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert_eq!(
        began.elapsed().as_secs(),
        deadline.as_secs(),
        "the dial did not fail at the request's deadline"
    );
}
