use std::time::Duration;

use bitopro_client::rest::{self, CancelOrder, GetBalances, GetOrder};
use bitopro_client::transport::memory::IncomingRequest;
use bitopro_client::transport::{Error, ErrorKind};
use bitopro_client::{RestError, RestErrorKind};
use bitopro_sim::{Command, Simulator};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use tokio::time::Instant;

use super::{client, order, respond};
use crate::simulated::simulated;

const EMPTY: &str = r#"{"data":[]}"#;

/// Makes a call that only reads. `answer` is given the number of each request, from 1. Returns the result, the
/// number of requests and the time until the result.
async fn read(mut answer: impl FnMut(usize, IncomingRequest)) -> (Result<(), RestError>, usize, Duration) {
    let (client, mut server) = client();
    let rest = client.rest().unwrap();
    let start = Instant::now();
    let call = tokio::spawn(async move { rest.call(&GetBalances::new()).await.map(drop) });
    drop(client);
    let mut requests = 0;
    while let Some(request) = server.next_request().await {
        requests += 1;
        answer(requests, request);
    }
    (call.await.unwrap(), requests, start.elapsed())
}

fn fail(request: IncomingRequest, kind: ErrorKind) {
    request.fail(Error::new(kind, "failed on purpose"));
}

/// The name of a failure, and the answer that causes it.
type Failure = (&'static str, fn(IncomingRequest));

#[tokio::test(start_paused = true)]
async fn a_call_that_only_reads_is_repeated_after_a_temporary_failure() {
    let failures: [Failure; 8] = [
        ("connect", |request| fail(request, ErrorKind::Connect)),
        ("disconnected", |request| fail(request, ErrorKind::Disconnected)),
        ("timed out", |request| fail(request, ErrorKind::TimedOut)),
        ("502 page", |request| respond(request, 502, "<html>Bad Gateway</html>")),
        ("404 page", |request| respond(request, 404, "<html>Not Found</html>")),
        ("503", |request| respond(request, 503, "")),
        ("409", |request| respond(request, 409, r#"{"error":"nonce"}"#)),
        ("dropped", |request| drop(request)),
    ];
    for (name, failure) in failures {
        let (result, requests, elapsed) = read(|number, request| match number {
            1 | 2 => failure(request),
            _ => respond(request, 200, EMPTY),
        })
        .await;
        assert!(result.is_ok(), "{name}: {result:?}");
        assert_eq!((requests, elapsed.as_secs()), (3, 3), "{name}");

        let (result, requests, _) = read(|_, request| failure(request)).await;
        assert!(result.unwrap_err().kind().is_transient(), "{name}");
        assert_eq!(requests, 3, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_answer_is_not_repeated() {
    for (status, body, kind) in [
        (401, r#"{"error":"Invalid Signature"}"#, rest::ErrorKind::Unauthorized),
        (403, r#"{"error":"api token is not allowed"}"#, rest::ErrorKind::Forbidden),
        (422, r#"{"error":"Unsupported trading pair nope_usdt."}"#, rest::ErrorKind::UnknownPair),
        (404, r#"{"message":"404 NOT FOUND"}"#, rest::ErrorKind::NotFound),
        (200, r#"{"data":[{"currency":"btc","amount":"#, rest::ErrorKind::Unreadable),
    ] {
        let (result, requests, elapsed) = read(|_, request| respond(request, status, body)).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), RestErrorKind::Call(kind), "{error}");
        assert_eq!((requests, elapsed), (1, Duration::ZERO), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_changes_something_is_sent_once() {
    for status in [409, 429, 502] {
        let (client, mut server) = client();
        let rest = client.rest().unwrap();
        drop(client);
        let calls = tokio::spawn(async move {
            let placed = rest.call(&order()).await.map(drop);
            [placed, rest.call(&CancelOrder::new("btc_twd", "17")).await.map(drop)]
        });
        let mut methods = Vec::new();
        while let Some(request) = server.next_request().await {
            methods.push(request.request().method().to_string());
            respond(request, status, "<html></html>");
        }
        assert_eq!(methods, ["POST", "DELETE"], "{status}");
        assert!(calls.await.unwrap().iter().all(Result::is_err));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_429_all_calls_wait() {
    for (retry_after, expected) in [(None, 5), (Some("17"), 17), (Some("86400"), 60)] {
        let (client, mut server) = client();
        let (first, second) = (client.rest().unwrap(), client.rest().unwrap());
        let start = Instant::now();
        let placed = tokio::spawn(async move { first.call(&order()).await.map(drop) });
        let request = server.next_request().await.unwrap();
        let mut response = Response::new(r#"{"error":"too many requests"}"#.into());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        request.respond(response);
        let error = placed.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), RestErrorKind::Call(rest::ErrorKind::RateLimited));
        let read = tokio::spawn(async move { second.call(&GetOrder::new("btc_twd", "17")).await.map(drop) });
        drop(server.next_request().await.unwrap());
        assert_eq!(start.elapsed().as_secs(), expected);
        read.abort();
    }
}

/// Without a new dial, only the REST API shows that the clock is wrong.
#[tokio::test(start_paused = true)]
async fn fault_71_a_clock_that_the_exchange_rejects_is_corrected_by_its_date() {
    let (simulator, client) = simulated(Simulator::builder(), 1);
    let client = client.build().unwrap();
    let rest = client.rest().unwrap();
    assert!(rest.call(&GetBalances::new()).await.is_ok());
    simulator.execute(&Command::SetClockOffsetMs(3_000_000)).unwrap();
    assert!(rest.call(&GetBalances::new()).await.is_ok(), "the third request has the exchange's time");
}
