//! Failures of calls and long lists, in virtual time.

use bitopro_client::rest::GetTicker;
use bitopro_client::transport::memory;
use bitopro_client::{Client, Credentials, Rest};
use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::window::Window;
use super::{call, orders, trades};
use crate::args::WindowArgs;
use crate::exit::{Failure, Status};

/// Returns the REST API of a server that gives these responses, the last one forever, and the URLs that it was asked
/// for.
fn serve(responses: Vec<(u16, Bytes)>) -> (Rest, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (connector, _dials) = memory::network();
    let (http, mut server) = memory::http_network();
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let builder = Client::builder(credentials).with_connector(connector).with_http_client(http);
    let (url, urls) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut responses = responses.into_iter().peekable();
        while let Some(request) = server.next_request().await {
            let _ = url.send(request.request().uri().to_string());
            let (status, body) = responses.next().unwrap();
            if responses.peek().is_none() {
                responses = vec![(status, body.clone())].into_iter().peekable();
            }
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            request.respond(response);
        }
    });
    (builder.build().unwrap().rest().unwrap(), urls)
}

async fn failure(status: u16, body: &'static str) -> Failure {
    let (rest, _urls) = serve(vec![(status, body.into())]);
    call(&rest, &GetTicker::new("nope_twd")).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn the_exit_code_and_the_text_of_a_failure_depend_on_its_kind() {
    const UNKNOWN_PAIR: &str = include_str!("../../../../fixtures/rest/errors/unknown-pair.json");

    for (status, body, code, text) in [
        (401, r#"{"error":"Invalid Signature"}"#, Status::Auth, "check the API key and its secret"),
        (403, r#"{"error":"api token is not allowed"}"#, Status::Auth, "check the permissions"),
        (404, r#"{"message":"404 NOT FOUND"}"#, Status::Usage, "check the id and the base URL"),
        (409, "{}", Status::Clock, "nonce conflict (HTTP 409, `{}`); correct the clock of this machine"),
        (422, UNKNOWN_PAIR, Status::Usage, "nope_twd.`); `bitopro pairs` lists the pairs"),
        (
            422,
            r#"{"error":"Invalid limit: 7"}"#,
            Status::Unexpected,
            "rejected (HTTP 422, `Invalid limit: 7`)",
        ),
        (429, "", Status::RateLimited, "rate limited (HTTP 429); wait before the next call"),
        (
            502,
            "<h1>502</h1>",
            Status::Network,
            "exchange unavailable (HTTP 502, `<h1>502</h1>`); wait, and try again",
        ),
        (200, "<h1>Blocked</h1>", Status::Network, "answered by a gateway, not by the exchange (HTTP 200"),
        (200, r#"{"data":[{"pair":"btc_twd","lastPrice":"1e"}]}"#, Status::BadData, "unreadable reply"),
    ] {
        let failure = failure(status, body).await;
        assert_eq!(failure.kind(), code, "{status} {body}: {failure}");
        let shown = format!("{failure:#}");
        assert!(shown.contains(text), "{shown}");
        for term in ["GetTradingPairs", "Endpoint::limits", "`GET`", "new nonce"] {
            assert!(!shown.contains(term), "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_a_network_failure() {
    let (connector, _dials) = memory::network();
    let (http, mut server) = memory::http_network();
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let builder = Client::builder(credentials).with_connector(connector).with_http_client(http);
    let rest = builder.build().unwrap().rest().unwrap();
    tokio::spawn(async move {
        let mut ignored = Vec::new();
        while let Some(request) = server.next_request().await {
            ignored.push(request);
        }
    });
    let failure = call(&rest, &GetTicker::new("btc_twd")).await.unwrap_err();
    assert_eq!(failure.kind(), Status::Network);
    assert_eq!(format!("{failure:#}"), "no complete response: no complete response within 10 s");
}

fn window(since: Option<&str>, until: Option<&str>, limit: Option<&str>) -> Result<Window, Failure> {
    let args = WindowArgs {
        since: since.map(|text| text.parse().unwrap()),
        until: until.map(|text| text.parse().unwrap()),
        limit: limit.map(|text| text.parse().unwrap()),
    };
    let now: Timestamp = "2026-11-28T00:00:00Z".parse().unwrap();
    Window::new(&args, now, &TimeZone::UTC)
}

#[tokio::test(start_paused = true)]
async fn a_window_of_at_most_90_days_ends_a_little_after_now_by_default() {
    for (since, until, expected) in [
        // The clock of this machine may be behind.
        (None, None, "startTimestamp=1788048300000&endTimestamp=1795824300000"),
        (Some("1h"), None, "startTimestamp=1795820400000&endTimestamp=1795824300000"),
        (Some("90d"), None, "startTimestamp=1788048000000&endTimestamp=1795824000000"),
        (None, Some("2027-03-01"), "startTimestamp=1788048300000&endTimestamp=1795824300000"),
        (None, Some("2026-11-01"), "startTimestamp=1785715200000&endTimestamp=1793491200000"),
    ] {
        let (rest, mut urls) = serve(vec![(200, r#"{"data":[]}"#.into())]);
        let window = window(since, until, None).unwrap();
        assert!(trades::trades(&rest, "BTC_twd", &window).await.unwrap().is_empty());
        let url = urls.recv().await.unwrap();
        let base = "https://api.bitopro.com/v3/orders/trades/btc_twd";
        assert_eq!(url, format!("{base}?{expected}&limit=1000"));
    }
    let error = window(Some("1h"), Some("2h"), None).unwrap_err();
    assert_eq!(error.kind(), Status::Usage);
    let expected = "`--since` (2026-11-27T23:00:00Z) is after `--until` (2026-11-27T22:00:00Z)";
    assert_eq!(error.to_string(), expected);
    let error = window(Some("2027-01-01"), None, None).unwrap_err();
    assert!(error.to_string().ends_with(" is after now (2026-11-28T00:00:00Z)"), "{error}");
    let error = window(Some("15000 years"), None, None).unwrap_err();
    assert_eq!(error.to_string(), "`--since` is out of range");
    let error = window(None, Some("1960-01-01"), None).unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (Status::Usage, "`--until` is out of range".to_owned()));
}

/// Returns a reply with orders that were last changed in these seconds, each with this status.
fn orders_reply(seconds: impl IntoIterator<Item = u32>, status: i32) -> Bytes {
    let order = |second| {
        let time = 1_795_000_000_000_u64 + u64::from(second) * 1_000;
        format!(
            r#"{{"id":"{second}","pair":"btc_twd","price":"1","action":"BUY","type":"LIMIT","status":{status},"createdTimestamp":{time},"updatedTimestamp":{time},"originalAmount":"1","remainingAmount":"1","executedAmount":"0"}}"#
        )
    };
    let orders: Vec<String> = seconds.into_iter().map(order).collect();
    format!(r#"{{"data":[{}]}}"#, orders.join(",")).into()
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_and_the_latest_closed_orders_remain() {
    const CANCELLED: i32 = 4;
    const IN_PROGRESS: i32 = 0;

    let pages = [
        (200, orders_reply((1_000..2_000).rev(), CANCELLED)),
        (200, orders_reply((0..=1_000).rev(), CANCELLED)),
    ];
    let (rest, mut urls) = serve([&pages[..], &[(200, orders_reply([0], CANCELLED))]].concat());
    let window = window(None, None, Some("3")).unwrap();
    let closed = orders::closed_orders(&rest, "btc_twd", &window).await.unwrap();
    let ids: Vec<&str> = closed.iter().map(|order| order.id.as_str()).collect();
    assert_eq!(ids, ["1997", "1998", "1999"]);
    assert!(!urls.recv().await.unwrap().contains("orderId="));
    assert!(urls.recv().await.unwrap().contains("orderId=1000&"));

    let (rest, _urls) = serve(vec![(200, orders_reply([1], IN_PROGRESS))]);
    assert_eq!(orders::closed_orders(&rest, "btc_twd", &window).await.unwrap(), []);
}
