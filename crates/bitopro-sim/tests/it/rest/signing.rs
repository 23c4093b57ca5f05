use bitopro_auth::{API_KEY_HEADER, PAYLOAD_HEADER, SIGNATURE_HEADER};
use bitopro_sim::{Nonces, Quirks, Simulator};
use http::Method;
use serde_json::Value;

use crate::harness::in_memory;

#[tokio::test(start_paused = true)]
async fn the_requests_of_other_clients_are_accepted() {
    let harness = in_memory(Simulator::builder());
    let now = harness.now_ms();
    for signed in [
        format!(r#"{{"identity":"","nonce":{now}}}"#),
        format!(r#"{{"nonce":{now},"identity":"somebody@example.com"}}"#),
        format!(r#"{{"pair":"btc_twd","order_id":"1","nonce":{now}}}"#),
    ] {
        assert_eq!(harness.raw(Method::GET, "/accounts/balance/", &signed, "").await.0, 200, "{signed}");
    }
    // The JSON as the body of DELETE, parameters without a value, and lowercase values.
    let signed = format!(r#"{{"identity":"","nonce":{now}}}"#);
    assert_eq!(harness.raw(Method::DELETE, "/orders/all/", &signed, &signed).await.0, 200);
    assert_eq!(harness.get("/orders/all/BTC_TWD?orderId=&ignoreTimeLimitEnable=False").await.0, 200);
    let body = format!(
        r#"{{"action":"buy","type":"limit","amount":"0.001","price":"1000000","timestamp":{now},"nonce":{now},
            "pair":"btc_twd","clientId":0,"condition":"","stopPrice":"","timeInForce":"gtc"}}"#
    );
    let mut request = harness.raw_request(Method::POST, "/orders/BTC_TWD?", &body, &body);
    request.headers_mut().insert("x-bitopro-api", "other-sdk".parse().unwrap());
    assert_eq!(harness.send(request).await.status(), 200);

    let mut request = harness.raw_request(Method::GET, "/accounts/balance", &signed, "");
    let url_safe = request.headers()[PAYLOAD_HEADER].to_str().unwrap().replace('+', "-").replace('/', "_");
    assert!(!url_safe.is_empty());
    request.headers_mut().remove("accept");
    assert_eq!(harness.send(request).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_signed_correctly_is_refused() {
    let harness = in_memory(Simulator::builder());
    let now = harness.now_ms();
    let nonce = format!(r#"{{"nonce":{now}}}"#);
    for header in [API_KEY_HEADER, PAYLOAD_HEADER, SIGNATURE_HEADER] {
        let mut request = harness.raw_request(Method::GET, "/accounts/balance", &nonce, "");
        request.headers_mut().remove(header);
        assert_eq!(harness.send(request).await.status(), 401, "{header}");
        let mut request = harness.raw_request(Method::GET, "/accounts/balance", &nonce, "");
        request.headers_mut().insert(header, "bm90aGluZw==".parse().unwrap());
        assert_eq!(harness.send(request).await.status(), 401, "{header}");
    }
    for (method, path, signed, body, expected) in [
        (Method::GET, "/accounts/balance", r#"{"identity":""}"#, "", 400),
        (Method::GET, "/accounts/balance", "[]", "", 400),
        (Method::DELETE, "/orders/all", "{}", "", 400),
        (Method::PUT, "/orders", "{}", r#"{"BTC_TWD":[]}"#, 400),
        (Method::GET, "/accounts/balance", r#"{"nonce":1}"#, "", 409),
        (Method::POST, "/orders/btc_twd", r#"{"timestamp":1}"#, r#"{"timestamp":1}"#, 409),
        (Method::PUT, "/orders", "{}", "{}", 200),
    ] {
        let (status, reply) = harness.raw(method, path, signed, body).await;
        assert_eq!(status, expected, "{path} {signed}: {reply}");
        assert!(status == 200 || reply["error"].is_string() && reply != Value::Null);
    }
    let unsigned = http::Request::get(format!("{}/tickers", harness.simulator.rest_url()));
    assert_eq!(harness.send(unsigned.body(bytes::Bytes::new()).unwrap()).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn streams_and_calls_share_the_nonces_of_a_key() {
    let harness = in_memory(Simulator::builder().with_quirks(Quirks::default().with(Nonces::Unused)));
    let nonce = format!(r#"{{"nonce":{}}}"#, harness.now_ms() + 1);
    assert_eq!(harness.raw(Method::GET, "/accounts/balance", &nonce, "").await.0, 200);
    assert_eq!(harness.raw(Method::GET, "/accounts/balance", &nonce, "").await.0, 401);
    let signed =
        harness.signer.sign_body(nonce.replace('{', r#"{"identity":"demo@example.com","#).as_bytes());
    assert!(harness.dial_path(crate::harness::BALANCE_PATH, signed.iter()).await.is_err());
}
