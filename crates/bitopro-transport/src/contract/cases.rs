//! The promises, one function each. Every function panics where its promise is broken.
//!
//! [`contract_tests!`](crate::contract_tests) makes a test of each; call one yourself to debug it.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "these are tests, called by the test functions of other crates"
)]
#![allow(clippy::missing_panics_doc, reason = "panicking is what they are for, and the module says so")]

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

/// Dials, and answers the dial, at the same time.
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
    connection.next().await.expect("the connection is open").expect("the connection is sound")
}

async fn refused_with(rig: &mut dyn Rig, refusal: Refusal) -> Error {
    let request = request(rig);
    let (dialed, ()) = dial(rig, request, async |dial| dial.refuse(refusal).await).await;
    dialed.map(|_| ()).expect_err("the server refused the dial")
}

/// Path and headers reach the server; a header's value is not changed.
pub async fn the_request_arrives_as_it_was_made(rig: &mut dyn Rig) {
    let request = request(rig).with_header("X-BITOPRO-APIKEY", "a-key").expect("a sound header");
    let (_dialed, (path, header)) = dial(rig, request, async |dial| {
        let seen = (dial.path(), dial.headers().get("x-bitopro-apikey").cloned());
        dial.accept().await;
        seen
    })
    .await;
    assert_eq!(path, PATH);
    assert_eq!(header, Some(HeaderValue::from_static("a-key")));
}

/// Texts and binaries of all sizes arrive as they were sent.
pub async fn frames_arrive_whole_and_in_order(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    let frames = [
        Frame::text(""),
        Frame::text("{\"a\":\"比特幣\"}"),
        Frame::Binary(Bytes::from_static(&[0, 159, 255])),
        Frame::text("x".repeat(300_000)),
        Frame::text("last"),
    ];
    let sending = async {
        for frame in frames.clone() {
            peer.send(frame).await;
        }
    };
    let reading = async {
        for frame in &frames {
            assert_eq!(&next(&mut connection).await, frame);
        }
    };
    tokio::join!(sending, reading);
}

/// A server that sends at once, so that frames share a segment with the upgrade, loses nothing.
pub async fn a_frame_right_behind_the_upgrade_is_not_lost(rig: &mut dyn Rig) {
    let request = request(rig);
    let (dialed, _peer) = dial(rig, request, async |dial| {
        let mut peer = dial.accept().await;
        peer.send(Frame::text("first")).await;
        peer
    })
    .await;
    assert_eq!(next(&mut dialed.expect("the server accepted the dial")).await, Frame::text("first"));
}

/// Thousands of frames without a pause arrive, each of them, in order.
pub async fn a_burst_loses_nothing(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    let sending = async {
        for number in 0..5_000 {
            peer.send(Frame::text(number.to_string())).await;
        }
    };
    let reading = async {
        for number in 0..5_000 {
            assert_eq!(next(&mut connection).await, Frame::text(number.to_string()));
        }
    };
    tokio::join!(sending, reading);
}

/// What the client sends reaches the server.
pub async fn frames_are_sent_as_they_are(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    for frame in [Frame::text("hello"), Frame::Binary(Bytes::from_static(b"\x00\xff"))] {
        connection.send(frame.clone()).await.expect("the connection is open");
        assert_eq!(peer.recv().await, Some(frame));
    }
}

/// A ping is answered with its own payload, without the client's doing, and is seen by the client.
pub async fn a_ping_is_answered_and_seen(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    for payload in [Bytes::new(), Bytes::from_static(b"payload")] {
        peer.send(Frame::Ping(payload.clone())).await;
        assert_eq!(next(&mut connection).await, Frame::Ping(payload.clone()));
        let polled = poll_fn(|context| {
            let quiet = Pin::new(&mut connection).poll_next(context).is_pending();
            Poll::Ready(quiet)
        });
        assert!(polled.await, "nothing else was sent");
        assert_eq!(peer.recv().await, Some(Frame::Pong(payload)));
    }
}

/// The close frame arrives with code and reason, and then the stream ends.
pub async fn a_close_by_the_server_is_the_last_frame(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    peer.send(Frame::close(1001, "going away")).await;
    assert_eq!(next(&mut connection).await, Frame::close(1001, "going away"));
    assert!(connection.next().await.is_none(), "nothing follows a close");
}

/// The client's close frame reaches the server.
pub async fn a_close_by_the_client_arrives(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    connection.send(Frame::close(1000, "done")).await.expect("the connection is open");
    assert_eq!(peer.recv().await, Some(Frame::close(1000, "done")));
}

/// A connection that ends without a close frame says so, once, and then the stream ends.
pub async fn an_end_without_a_close_is_an_error(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    peer.send(Frame::text("last words")).await;
    drop(peer);
    assert_eq!(next(&mut connection).await, Frame::text("last words"));
    let error = connection.next().await.expect("an error first").expect_err("nothing else was sent");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
    assert!(connection.next().await.is_none(), "nothing follows the error");
}

/// The server sees the end of a connection that the client drops.
pub async fn dropping_the_connection_ends_it(rig: &mut dyn Rig) {
    let (connection, mut peer) = connect(rig).await;
    drop(connection);
    assert_eq!(peer.recv().await, None);
}

/// A future that waits for a frame can be dropped at any time.
pub async fn a_wait_that_is_cut_short_loses_nothing(rig: &mut dyn Rig) {
    let (mut connection, mut peer) = connect(rig).await;
    for number in 0..100 {
        let cut_short = poll_fn(|context| {
            // Polled once and dropped, whether or not a frame was there.
            let mut next = Box::pin(connection.next());
            Poll::Ready(next.as_mut().poll(context).is_pending())
        });
        assert!(cut_short.await, "nothing was sent yet");
        peer.send(Frame::text(number.to_string())).await;
        assert_eq!(next(&mut connection).await, Frame::text(number.to_string()));
    }
}

/// A refusal is an error that carries what the server said.
pub async fn a_refusal_gives_status_headers_and_body(rig: &mut dyn Rig) {
    for status in
        [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY]
    {
        let mut refusal = Refusal::new(status);
        refusal.headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        refusal.body = Bytes::from_static(b"{\"error\":\"no\"}");
        let error = refused_with(rig, refusal).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
        let seen = error.refusal().expect("a refusal is there");
        assert_eq!(seen.status, status);
        assert_eq!(seen.headers.get(RETRY_AFTER), Some(&HeaderValue::from_static("7")));
        assert_eq!(seen.body, Bytes::from_static(b"{\"error\":\"no\"}"));
    }
}

/// A refusal's body is read up to its limit and no further.
pub async fn the_body_of_a_refusal_is_bounded(rig: &mut dyn Rig) {
    let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE);
    refusal.body = Bytes::from(vec![b'x'; 5_000_000]);
    let error = refused_with(rig, refusal).await;
    assert_eq!(error.refusal().map(|refusal| refusal.body.len()), Some(Refusal::BODY_LIMIT), "{error:?}");
}

/// A redirect is a refusal like any other: no header goes anywhere else.
pub async fn a_redirect_is_refused_and_not_followed(rig: &mut dyn Rig) {
    let mut refusal = Refusal::new(StatusCode::TEMPORARY_REDIRECT);
    refusal.headers.insert(LOCATION, HeaderValue::from_static("ws://127.0.0.1:9/elsewhere"));
    let error = refused_with(rig, refusal).await;
    assert_eq!(
        error.refusal().map(|refusal| refusal.status),
        Some(StatusCode::TEMPORARY_REDIRECT),
        "{error:?}"
    );
}

/// A server that goes away in the middle of the upgrade is an error, not a wait.
pub async fn a_connection_that_breaks_in_the_upgrade_is_an_error(rig: &mut dyn Rig) {
    let request = request(rig);
    let (dialed, ()) = dial(rig, request, async |dial| drop(dial)).await;
    let error = dialed.map(|_| ()).expect_err("the server broke the connection");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
}

/// An upgrade that is never answered ends when the request's deadline passes, and not before. Needs paused time.
pub async fn a_dial_that_is_not_answered_ends_at_its_deadline(rig: &mut dyn Rig) {
    let deadline = Duration::from_secs(3);
    let request = request(rig).with_deadline(deadline);
    let began = Instant::now();
    let dialed = rig.connector().connect(request).await;
    let error = dialed.map(|_| ()).expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert_eq!(began.elapsed().as_secs(), deadline.as_secs(), "the request's own deadline");
}
