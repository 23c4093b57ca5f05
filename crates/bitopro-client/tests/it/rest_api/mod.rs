//! Calls of the REST API over the memory transport, with paused time.

mod dials;
mod limits;
mod repetition;

use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_auth::{API_KEY_HEADER, PAYLOAD_HEADER, Payload, SIGNATURE_HEADER, Signer};
use bitopro_client::rest::{GetBalances, GetOpenOrders, PlaceOrder};
use bitopro_client::transport::memory::{self, IncomingRequest, MemoryHttpServer};
use bitopro_client::{Client, ClientBuilder, Credentials, RestErrorKind};
use bitopro_model::Decimal;
use bytes::Bytes;
use http::{Response, StatusCode};

const KEY: &str = "an-api-key-of-a-test";
const EMAIL: &str = "some.one@example.com";

fn signer() -> Signer {
    Signer::new(Credentials::new(KEY, "an-api-secret", EMAIL).unwrap())
}

/// Creates a builder over the memory transport, and the HTTP server that it reaches.
fn builder() -> (ClientBuilder, MemoryHttpServer) {
    let (connector, _) = memory::network();
    let (http, server) = memory::http_network();
    (Client::builder(signer()).with_connector(connector).with_http_client(http), server)
}

fn client() -> (Client, MemoryHttpServer) {
    let (builder, server) = builder();
    (builder.build().unwrap(), server)
}

fn respond(request: IncomingRequest, status: u16, body: impl Into<Bytes>) {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    request.respond(response);
}

fn order() -> PlaceOrder {
    PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 2), Decimal::from(2_600_000))
}

#[tokio::test(start_paused = true)]
async fn a_call_is_signed_with_its_own_nonce_and_read() {
    let (client, mut server) = client();
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let rest = client.rest().unwrap();
        let call = tokio::spawn(async move { rest.call(&GetBalances::new()).await });
        let incoming = server.next_request().await.unwrap();
        let request = incoming.request();
        assert_eq!(request.uri(), "https://api.bitopro.com/v3/accounts/balance");
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header(API_KEY_HEADER), KEY);
        let payload = Payload::received(header(PAYLOAD_HEADER));
        signer().credentials().verify(&payload, header(SIGNATURE_HEADER)).unwrap();
        nonces.push(payload.identity_claim().unwrap().nonce);
        let body = r#"{"data":[{"currency":"btc","amount":"1.10","available":"1.00"}]}"#;
        respond(incoming, 200, body);
        let balances = call.await.unwrap().unwrap();
        assert_eq!(balances.iter().next().unwrap().amount.to_string(), "1.10");
    }
    assert!(nonces[0] < nonces[1], "{nonces:?}");
}

#[tokio::test(start_paused = true)]
async fn secrets_that_a_server_echoes_are_not_in_errors() {
    for status in [200, 400, 401, 422, 502] {
        let (client, mut server) = client();
        let rest = client.rest().unwrap();
        // An order is sent only once, whatever the response.
        let call = tokio::spawn(async move { rest.call(&order()).await });
        let incoming = server.next_request().await.unwrap();
        let header = |name: &str| incoming.request().headers()[name].to_str().unwrap();
        let secrets = [KEY, header(PAYLOAD_HEADER), header(SIGNATURE_HEADER)].map(str::to_owned);
        let echo = format!(r#"{{"error":"wrong: {}"}}"#, secrets.join(" "));
        respond(incoming, status, echo);
        let error = call.await.unwrap().unwrap_err();
        let shown = format!("{error} {error:#} {error:?}");
        assert!(secrets.iter().all(|secret| !shown.contains(&**secret)), "{shown}");
        assert!(status == 200 || shown.contains("wrong: (redacted)"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_call_is_not_sent_and_not_counted() {
    let (client, mut server) = client();
    let rest = client.rest().unwrap();
    let error = rest.call(&order().with_client_id(0_u32)).await.unwrap_err();
    assert!(matches!(error.kind(), RestErrorKind::Call(kind) if kind.is_invalid()), "{error}");
    assert!(server.try_next_request().is_none());
    let available: Vec<_> = rest.limits().iter().map(|usage| usage.available).collect();
    assert_eq!(available, [570, 570, 1_200, 1_200]);
}

#[tokio::test]
async fn the_rest_api_is_off_unless_its_server_is_known() {
    let off = |builder: ClientBuilder| builder.build().unwrap().rest().unwrap_err();
    let (connector, _dials) = memory::network();
    let own = || Client::builder(signer()).with_connector(connector.clone());
    let error = off(own());
    assert_eq!(error.kind(), RestErrorKind::Off);
    insta::assert_snapshot!(error, @"the REST API is off: no HTTP client is set; set one with `with_http_client`");
    let (other, _server) = builder();
    let error = off(other.with_endpoint("ws://127.0.0.1:1/ws"));
    insta::assert_snapshot!(error, @"the REST API is off: the streams are not those of the exchange, and the base URL of their REST API is unknown; set it in BITOPRO_REST_URL or with `with_rest_endpoint`");
    let simulator = own().with_endpoint("ws://127.0.0.1:1/ws").with_rest_endpoint("http://127.0.0.1:1/v3");
    assert_eq!(simulator.build().unwrap().rest().unwrap().base_url().to_string(), "http://127.0.0.1:1/v3");
    let error = own().with_rest_endpoint("http://127.0.0.1:1/v3").build().unwrap_err();
    insta::assert_snapshot!(error.problems().join("\n"), @"REST base URL `http://127.0.0.1:1/v3` is not that of the exchange, but the base URL of the streams is; set both to the same server");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_ends_at_its_deadline_with_an_unknown_outcome() {
    let (builder, mut server) = builder();
    let client = builder.with_request_deadline(Duration::from_secs(3)).build().unwrap();
    let rest = client.rest().unwrap();
    let placed = tokio::spawn(async move { rest.call(&order()).await });
    let ignored = server.next_request().await.unwrap();
    let error = placed.await.unwrap().unwrap_err();
    assert!(error.kind().is_outcome_unknown());
    insta::assert_snapshot!(format!("{error:#}"), @"no complete response, so the exchange may have carried out the call: no complete response within 3 s");
    drop(ignored);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_may_be_written_in_three_ways() {
    for body in [r#"{"data":null}"#, r#"{"data":{}}"#, r#"{"data":[]}"#] {
        let (client, mut server) = client();
        let rest = client.rest().unwrap();
        let call = tokio::spawn(async move { rest.call(&GetOpenOrders::new()).await });
        respond(server.next_request().await.unwrap(), 200, body);
        assert!(call.await.unwrap().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn calls_and_their_failures_are_counted() {
    let (client, mut server) = client();
    for status in [200, 401] {
        let rest = client.rest().unwrap();
        let call = tokio::spawn(async move { rest.call(&GetBalances::new()).await });
        respond(server.next_request().await.unwrap(), status, r#"{"data":[]}"#);
        let _ = call.await.unwrap();
    }
    let stats = client.stats().rest.unwrap();
    assert_eq!((stats.calls, stats.failures), (2, BTreeMap::from([("call", 1)])));
    let text = client.stats().to_prometheus();
    for line in [
        "bitopro_rest_calls_total{} 2\n",
        "bitopro_rest_failures_total{kind=\"call\"} 1\n",
        "bitopro_rest_calls_available{calls=\"all calls\",scope=\"address\"} ",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
