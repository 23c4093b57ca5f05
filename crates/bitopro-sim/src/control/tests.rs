use std::time::Duration;

use bitopro_auth::Signer;
use bitopro_model::{AccountBalance, Decimal, PrivateStream};
use bitopro_transport::{Connection, Connector, Request as Dial};
use bytes::Bytes;
use http::header::{ALLOW, HOST, ORIGIN};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{sleep, timeout};

use crate::control::problem::JsonResponse;
use crate::control::routes::{BODY_LIMIT, answer};
use crate::control::server::serve_client;
use crate::{SimCredentials, Simulator};

fn simulator() -> Simulator {
    Simulator::builder().with_named_account("alice").start_in_memory().unwrap()
}

fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header(HOST, "127.0.0.1:80");
    request.body(Full::new(body.into())).unwrap()
}

async fn json_of(response: JsonResponse) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"\n"));
    (status, serde_json::from_slice(&body).unwrap())
}

async fn get(simulator: &Simulator, path: &str) -> (u16, Value) {
    json_of(answer(simulator, request(Method::GET, path, "")).await).await
}

async fn post(simulator: &Simulator, commands: impl Into<Value>) -> (u16, Value) {
    let body = json!({ "commands": commands.into() }).to_string();
    json_of(answer(simulator, request(Method::POST, "/commands", body)).await).await
}

async fn connect(simulator: &Simulator, credentials: &SimCredentials) -> Box<dyn Connection> {
    let now = u64::try_from(simulator.now().as_millis()).unwrap();
    let signed = Signer::new(credentials.to_credentials().unwrap()).sign_identity(now);
    let url = format!("{}{}", simulator.ws_url(), PrivateStream::AccountBalance.path());
    let mut dial = Dial::new(url.parse().unwrap());
    for (name, value) in &signed {
        dial = dial.with_header(name, value).unwrap();
    }
    simulator.connector().connect(dial).await.unwrap()
}

fn amount(simulator: &Simulator, currency: &str) -> Decimal {
    simulator.balances()[&currency.into()].amount
}

#[tokio::test]
async fn commands_run_in_order_and_report_their_messages_and_placed_orders() {
    let simulator = simulator();
    let commands = [
        "place - sell bito_twd 2 at 5",
        "as alice place a buy bito_twd 2 at market",
        "deposit BTC 0.5",
        "pause-pings",
    ];
    let trades = simulator.trades().len();
    let (status, body) = post(&simulator, commands.map(str::to_owned).to_vec()).await;
    assert_eq!(status, 200, "{body}");
    let results = body["results"].as_array().unwrap();
    assert_eq!(
        results.iter().map(|result| result["command"].as_str().unwrap()).collect::<Vec<_>>(),
        commands
    );

    // The order of the first command is the maker of a trade with the order of the second one.
    let sold = results[0]["order"].as_str().unwrap();
    assert_eq!(simulator.trades()[trades].order_id.as_str(), sold);
    let messages = results[1]["messages"].as_array().unwrap();
    let of = |account: &str, stream: &str| {
        let found =
            messages.iter().find(|message| message["account"] == account && message["stream"] == stream);
        &found.unwrap()["message"]["data"]
    };
    assert_eq!(of("demo", "user-trades")["orderID"], sold);
    assert_eq!(of("alice", "user-trades")["orderID"], results[1]["order"]);
    assert_eq!(of("alice", "history-orders")["bito_twd"][0]["id"], results[1]["order"]);

    assert_eq!(results[2].get("order"), None);
    let message = &results[2]["messages"][0]["message"];
    let message = AccountBalance::from_json(&message.to_string()).unwrap();
    assert_eq!(message.data.get("BTC").unwrap().amount, amount(&simulator, "BTC"));
    assert_eq!(results[3]["messages"], json!([]));
}

#[tokio::test]
async fn a_message_is_repeated_verbatim() {
    let simulator = simulator();
    let response =
        answer(&simulator, request(Method::POST, "/commands", r#"{"commands":"deposit BTC 1"}"#)).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    // A parsed object would be sorted by key.
    assert!(body.contains(r#""message":{"event":"ACCOUNT_BALANCE","#), "{body}");
}

#[tokio::test]
async fn the_first_failing_command_ends_the_request() {
    let simulator = simulator();
    let before = amount(&simulator, "BTC");
    let (status, body) = post(&simulator, vec!["deposit BTC 1", "cancel nothing", "deposit BTC 1"]).await;
    let error = "no open order has the name or id `nothing`";
    assert_eq!((status, &body["error"], &body["command"]), (409, &json!(error), &json!("cancel nothing")));
    assert_eq!(body["results"].as_array().map(Vec::len), Some(1), "{body}");
    assert_eq!(body["results"][0]["command"], "deposit BTC 1");
    assert_eq!(body["results"][0]["messages"].as_array().map(Vec::len), Some(1), "{body}");
    assert_eq!(amount(&simulator, "BTC"), before + Decimal::ONE);
}

#[tokio::test]
async fn no_command_is_carried_out_if_one_cannot_be_parsed() {
    let simulator = simulator();
    let before = amount(&simulator, "BTC");
    let (status, body) = post(&simulator, vec!["deposit BTC 1", "dance"]).await;
    assert_eq!((status, &body["command"], &body["results"]), (400, &json!("dance"), &json!([])));
    assert!(
        body["error"].as_str().unwrap().starts_with("unknown command `dance`; expected `place`"),
        "{body}"
    );
    assert_eq!(amount(&simulator, "BTC"), before);
}

#[tokio::test]
async fn an_invalid_body_is_explained() {
    let simulator = simulator();
    for (body, expected) in [
        ("", "the body is not JSON: EOF while parsing"),
        ("deposit BTC 1", "the body is not JSON: expected value at line 1 column 1"),
        ("[]", "expected a body such as {"),
        ("{}", "expected a body such as {"),
        (r#"{"commands": 1}"#, "expected a body such as {"),
        (r#"{"commands": ["tick", 2]}"#, "`2` is not a string; expected a body"),
        (r#"{"commands": "tick", "account": "alice"}"#, "unknown field `account`; expected a body"),
    ] {
        let (status, answer) =
            json_of(answer(&simulator, request(Method::POST, "/commands", body)).await).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer["error"].as_str().unwrap().starts_with(expected), "{body}: {answer}");
        assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    }
    let (status, _) = post(&simulator, " ".repeat(BODY_LIMIT)).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let simulator = simulator();
    for path in
        ["/", "/command", "/commands/", "/accounts/", "/accounts/bob", "/order-book/", "/order-book/a_b"]
    {
        let (status, body) = get(&simulator, path).await;
        assert_eq!(status, 404, "{path}");
        assert!(body["error"].is_string(), "{body}");
    }
    for (path, method, allowed) in [
        ("/commands", Method::GET, "POST"),
        ("/accounts", Method::POST, "GET"),
        ("/accounts/demo", Method::DELETE, "GET"),
        ("/order-book/btc_twd", Method::PUT, "GET"),
        ("/connections", Method::OPTIONS, "GET"),
    ] {
        let response = answer(&simulator, request(method, path, "")).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()[ALLOW]),
            (405, &allowed.parse().unwrap())
        );
        assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn requests_of_web_pages_are_refused() {
    let simulator = simulator();
    let with_host = |host: &str| {
        let mut request = request(Method::GET, "/connections", "");
        request.headers_mut().insert(HOST, host.parse().unwrap());
        request
    };
    for host in ["127.0.0.1", "127.0.0.1:1", "localhost:8080", "LOCALHOST", "[::1]:80", "127.1.2.3"] {
        assert_eq!(answer(&simulator, with_host(host)).await.status(), 200, "{host}");
    }
    for host in
        ["", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "/"]
    {
        let (status, body) = json_of(answer(&simulator, with_host(host)).await).await;
        assert_eq!((status, body["error"].as_str().unwrap().contains(host)), (403, true), "{host}");
    }
    let mut without_host = with_host("localhost");
    without_host.headers_mut().remove(HOST);
    assert_eq!(answer(&simulator, without_host).await.status(), 403);
    let mut with_target = with_host("localhost");
    *with_target.uri_mut() = "http://evil.example/connections".parse().unwrap();
    assert_eq!(answer(&simulator, with_target).await.status(), 403);

    let before = amount(&simulator, "BTC");
    let mut with_origin = request(Method::POST, "/commands", r#"{"commands":"deposit BTC 1"}"#);
    with_origin.headers_mut().insert(ORIGIN, "null".parse().unwrap());
    assert_eq!(answer(&simulator, with_origin).await.status(), 403);
    assert_eq!(amount(&simulator, "BTC"), before);
}

#[tokio::test]
async fn the_state_of_accounts_is_in_the_exchanges_own_fields_and_has_no_secrets() {
    let simulator = simulator();
    let (_, body) = get(&simulator, "/accounts").await;
    let alice = SimCredentials::named("alice");
    assert_eq!(
        body["accounts"][1],
        json!({ "name": "alice", "api_key": alice.api_key, "email": alice.email })
    );
    assert_eq!(body["accounts"][0]["name"], "demo");

    post(&simulator, vec!["as alice place a buy btc_twd 0.01 at 1000000", "as alice fill a 0.004"]).await;
    let (status, body) = get(&simulator, "/accounts/alice").await;
    assert_eq!((status, &body["name"]), (200, &json!("alice")));
    // BTC as of the first account, with 0.004 and without the fee.
    assert_eq!(body["balances"]["BTC"]["amount"], "1.60881557");
    assert_eq!(body["balances"].as_object().unwrap().len(), 12);
    assert_eq!(body["open_orders"][0]["remainingAmount"], "0.006");
    assert_eq!(body["closed_orders"], json!([]));
    assert_eq!(body["trades"][0]["volume"], "0.004");
    let (_, body) = get(&simulator, "/accounts/demo").await;
    assert_eq!(body["open_orders"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_order_book_has_all_levels() {
    let simulator = simulator();
    post(&simulator, "place a buy ada_usdt 3.50 at 0.7").await;
    let (_, body) = get(&simulator, "/order-book/ADA_USDT").await;
    let level = json!({ "price": "0.7", "amount": "3.5", "count": 1, "total": "3.5" });
    assert_eq!(body, json!({ "pair": "ADA_USDT", "market_price": null, "bids": [level], "asks": [] }));
    let (_, body) = get(&simulator, "/order-book/btc_twd").await;
    assert_eq!(body["market_price"], simulator.market_price("btc_twd").unwrap().to_string());
    assert!(body["asks"].as_array().unwrap().len() >= 50, "{body}");
}

#[tokio::test(start_paused = true)]
async fn wait_waits_for_connections() {
    let simulator = simulator();
    let commands = post(&simulator, vec!["wait 1", "disconnect"]);
    let client = async {
        sleep(Duration::from_secs(60)).await;
        connect(&simulator, simulator.credentials()).await
    };
    let ((status, body), _connection) = tokio::join!(commands, client);
    assert_eq!((status, simulator.connections()), (200, 0), "{body}");
    let (_, body) = get(&simulator, "/connections").await;
    assert_eq!((&body["open"], &body["dials"][0]["status"]), (&json!(0), &json!(101)));
    assert_eq!(body["dials"][0]["path"], "/ws/v1/pub/auth/account-balance");

    let url = format!("{}/v1/pub/order-books?pairs=BTC_TWD:1", simulator.ws_url());
    let _public = simulator.connector().connect(Dial::new(url.parse().unwrap())).await.unwrap();
    post(&simulator, "wait 1").await;
    let (_, body) = get(&simulator, "/connections").await;
    assert_eq!(body["dials"][1]["path"], "/ws/v1/pub/order-books?pairs=BTC_TWD:1");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disconnects_cancels_commands_that_wait() {
    let simulator = simulator();
    let before = amount(&simulator, "BTC");
    let (mut client, server) = duplex(1 << 16);
    let served = serve_client(&simulator, server);
    let leaves = async {
        let body = r#"{"commands":["deposit BTC 1","wait 1","deposit BTC 1"]}"#;
        let head =
            format!("POST /commands HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        // No response arrives, however long the client waits.
        timeout(Duration::from_secs(5), client.read_u8()).await.unwrap_err();
        drop(client);
    };
    tokio::join!(timeout(Duration::from_secs(10), served), leaves).0.unwrap();
    let _connection = connect(&simulator, simulator.credentials()).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(amount(&simulator, "BTC"), before + Decimal::ONE);
}
