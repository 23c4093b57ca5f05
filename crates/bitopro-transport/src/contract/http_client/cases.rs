//! The cases of the contract. Each function panics if the client violates its case.
//!
//! [`http_contract_tests!`](crate::http_contract_tests) generates a test for each case. For debugging, call a function
//! directly.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "these are tests, called by the test functions of other crates"
)]
#![allow(clippy::missing_panics_doc, reason = "the module documents that every case panics on failure")]

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode, Uri};
use tokio::time::Instant;

use super::{HttpRig, HttpRigRequest};
use crate::{Error, ErrorKind, HttpLimits};

const DEADLINE: Duration = Duration::from_secs(60);
const PATH_AND_QUERY: &str = "/v3/orders/all/btc_twd?statusKind=OPEN&client%20id=%E6%AF%94";

fn request(rig: &dyn HttpRig, method: Method, body: impl Into<Bytes>) -> Request<Bytes> {
    let mut parts = rig.url().into_parts();
    parts.path_and_query = Some(PATH_AND_QUERY.parse().expect("a valid path"));
    let url = Uri::from_parts(parts).expect("a base URL with a path");
    Request::builder().method(method).uri(url).body(body.into()).expect("a valid request")
}

fn response(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

/// Sends a request with a new client and handles it concurrently.
async fn exchange<T>(
    rig: &mut dyn HttpRig,
    limits: HttpLimits,
    request: Request<Bytes>,
    handle: impl AsyncFnOnce(Box<dyn HttpRigRequest>) -> T,
) -> (Result<Response<Bytes>, Error>, T) {
    let client = rig.client(limits);
    tokio::join!(client.send(request, DEADLINE), async { handle(rig.next_request().await).await })
}

/// Sends a `GET` request with a new client and answers it.
async fn answered(
    rig: &mut dyn HttpRig,
    limits: HttpLimits,
    response: Response<Bytes>,
) -> Result<Response<Bytes>, Error> {
    let request = request(rig, Method::GET, "");
    exchange(rig, limits, request, async |request| request.respond(response)).await.0
}

/// The method, path, query, headers and body of a request reach the server unchanged.
pub async fn a_request_arrives_unchanged(rig: &mut dyn HttpRig) {
    let body = |text: &'static [u8]| Bytes::from_static(text);
    for (method, body) in [
        (Method::GET, body(b"")),
        (Method::DELETE, body(b"")),
        (Method::POST, body(b"")),
        (Method::POST, body("{\"amount\":\"1.10\",\"name\":\"比特幣\"}\n".as_bytes())),
        (Method::PUT, body(b"\0\xff\r\n\r\n")),
        (Method::POST, Bytes::from(vec![b'x'; 300_000])),
    ] {
        let mut request = request(rig, method.clone(), body.clone());
        let header = |name: &'static str| HeaderName::from_static(name);
        request.headers_mut().insert(header("x-bitopro-apikey"), HeaderValue::from_static("a-key"));
        request.headers_mut().append(header("x-twice"), HeaderValue::from_static("first"));
        request.headers_mut().append(header("x-twice"), HeaderValue::from_static("second, \"quoted\""));
        let sent = request.headers().clone();
        let (responded, seen) = exchange(rig, HttpLimits::default(), request, async |incoming| {
            let seen = incoming.request().clone();
            incoming.respond(response(StatusCode::OK, ""));
            seen
        })
        .await;
        responded.expect("the server answered");
        assert_eq!(seen.method(), method);
        assert_eq!(seen.uri().path_and_query().map(ToString::to_string).as_deref(), Some(PATH_AND_QUERY));
        assert_eq!(seen.body(), &body, "{method}");
        for name in sent.keys() {
            let values =
                |headers: &http::HeaderMap| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
            assert_eq!(values(seen.headers()), values(&sent), "{name}");
        }
    }
}

/// The status, headers and body of a response reach the client unchanged.
pub async fn a_response_arrives_unchanged(rig: &mut dyn HttpRig) {
    let body = Bytes::from([b"{\"a\":\"\0\xff".as_slice(), &b"x".repeat(100_000)].concat());
    let mut sent = response(StatusCode::TOO_MANY_REQUESTS, body.clone());
    sent.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("7"));
    for value in ["first", "second"] {
        sent.headers_mut().append(HeaderName::from_static("x-twice"), HeaderValue::from_static(value));
    }
    let seen = answered(rig, HttpLimits::default(), sent).await.expect("the server answered");
    assert_eq!(seen.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.headers().get(RETRY_AFTER), Some(&HeaderValue::from_static("7")));
    assert_eq!(seen.headers().get_all("x-twice").iter().collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(seen.body(), &body);
}

/// Every final status, including 4xx and 5xx, is a response and not an error.
pub async fn every_status_is_a_response(rig: &mut dyn HttpRig) {
    for status in [200, 201, 204, 304, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 599] {
        let status = StatusCode::from_u16(status).expect("a valid status");
        let has_body = !matches!(status.as_u16(), 204 | 304);
        let body = if has_body { "{\"error\":\"no\"}" } else { "" };
        let seen = answered(rig, HttpLimits::default(), response(status, body)).await;
        let seen = seen.expect("a status is a response");
        assert_eq!((seen.status(), seen.body().as_ref()), (status, body.as_bytes()));
    }
}

/// A response without a body has an empty body, with `GET` and with `HEAD`.
pub async fn an_empty_body_is_empty(rig: &mut dyn HttpRig) {
    for method in [Method::GET, Method::HEAD] {
        let request = request(rig, method, "");
        let respond = async |request: Box<dyn HttpRigRequest>| request.respond(response(StatusCode::OK, ""));
        let (seen, ()) = exchange(rig, HttpLimits::default(), request, respond).await;
        assert!(seen.expect("the server answered").body().is_empty());
    }
}

/// A body of exactly the maximum size is complete, even if it is empty.
pub async fn a_body_at_the_limit_is_complete(rig: &mut dyn HttpRig) {
    for limit in [0, 1, 100_000] {
        let body = Bytes::from(vec![b'x'; limit]);
        let limits = HttpLimits::default().with_body_bytes(limit);
        let seen = answered(rig, limits, response(StatusCode::OK, body.clone())).await;
        assert_eq!(seen.expect("the body fits").into_body(), body);
    }
}

/// A larger body is an error of kind [`TooLarge`](ErrorKind::TooLarge) that names the limit and the option.
pub async fn a_body_beyond_the_limit_is_an_error_that_names_the_option(rig: &mut dyn HttpRig) {
    for limit in [0, 1, 100_000] {
        let body = Bytes::from(vec![b'x'; limit + 1]);
        let limits = HttpLimits::default().with_body_bytes(limit);
        let error =
            answered(rig, limits, response(StatusCode::OK, body)).await.expect_err("the body is too large");
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
        for part in [format!(" {limit} bytes"), "`HttpLimits::body_bytes`".to_owned()] {
            assert!(error.to_string().contains(&part), "`{part}` is missing in: {error}");
        }
    }
}

/// A redirect is a response, so that no header is sent to another server.
pub async fn a_redirect_is_a_response_and_not_followed(rig: &mut dyn HttpRig) {
    for status in [StatusCode::MOVED_PERMANENTLY, StatusCode::TEMPORARY_REDIRECT] {
        let mut redirect = response(status, "");
        redirect.headers_mut().insert(LOCATION, HeaderValue::from_static("http://127.0.0.1:9/elsewhere"));
        let seen = answered(rig, HttpLimits::default(), redirect).await;
        assert_eq!(seen.expect("a redirect is a response").status(), status);
    }
}

/// If the connection breaks before the response, the request fails immediately and is not repeated.
pub async fn a_connection_that_breaks_before_the_response_is_an_error(rig: &mut dyn HttpRig) {
    for method in [Method::GET, Method::POST] {
        let request = request(rig, method, "");
        let (broken, ()) = exchange(rig, HttpLimits::default(), request, async |request| drop(request)).await;
        let error = broken.expect_err("the server broke the connection");
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
    }
}

/// Concurrent requests of one client get their own responses, in whatever order the server answers.
pub async fn concurrent_requests_get_their_own_responses(rig: &mut dyn HttpRig) {
    const REQUESTS: usize = 10;
    let client = rig.client(HttpLimits::default());
    let bodies: Vec<Bytes> = (0..REQUESTS).map(|number| number.to_string().into()).collect();
    let requests: Vec<_> = bodies.iter().map(|body| request(rig, Method::POST, body.clone())).collect();
    let sent = join_all(requests.into_iter().map(|request| client.send(request, DEADLINE)));
    let serve = async {
        let mut waiting = Vec::new();
        for _ in 0..REQUESTS {
            waiting.push(rig.next_request().await);
        }
        for request in waiting.into_iter().rev() {
            let body = request.request().body().clone();
            request.respond(response(StatusCode::OK, body));
        }
    };
    let (responses, ()) = tokio::join!(sent, serve);
    let seen: Vec<Bytes> =
        responses.into_iter().map(|response| response.expect("the server answered").into_body()).collect();
    assert_eq!(seen, bodies);
}

/// Dropping the future of a request cancels it at the server, and the client remains usable.
pub async fn a_dropped_request_is_cancelled(rig: &mut dyn HttpRig) {
    let client = rig.client(HttpLimits::default());
    let sent = request(rig, Method::GET, "");
    let mut received = tokio::select! {
        _ = client.send(sent.clone(), DEADLINE) => panic!("the server did not answer"),
        received = rig.next_request() => received,
    };
    received.cancelled().await;
    let serve = async { rig.next_request().await.respond(response(StatusCode::OK, "next")) };
    let (seen, ()) = tokio::join!(client.send(sent, DEADLINE), serve);
    assert_eq!(seen.expect("the server answered").body().as_ref(), b"next");
}

/// Headers that the client sets itself, and `CONNECT`, are rejected without sending the request.
pub async fn reserved_headers_and_methods_are_rejected(rig: &mut dyn HttpRig) {
    let client = rig.client(HttpLimits::default());
    for name in ["host", "connection", "upgrade", "content-length", "transfer-encoding"] {
        let mut request = request(rig, Method::POST, "body");
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static("s3cret"));
        let error = client.send(request, DEADLINE).await.expect_err("the header is reserved");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error:?}");
        assert!(error.to_string().contains(name) && !format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let error =
        client.send(request(rig, Method::CONNECT, ""), DEADLINE).await.expect_err("CONNECT is rejected");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error:?}");
}

/// An unanswered request fails exactly at its deadline. Requires paused time.
pub async fn an_unanswered_request_fails_at_its_deadline(rig: &mut dyn HttpRig) {
    let deadline = Duration::from_secs(3);
    let client = rig.client(HttpLimits::default());
    let began = Instant::now();
    let sent = client.send(request(rig, Method::GET, ""), deadline).await;
    let error = sent.expect_err("the server does not answer");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert!(error.to_string().ends_with("within 3 s"), "{error}");
    assert_eq!(began.elapsed().as_secs(), deadline.as_secs(), "the request did not fail at its deadline");
}
