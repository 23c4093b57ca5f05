//! Orders without a network, in virtual time.

use bitopro_client::transport::memory;
use bitopro_client::{Client, Credentials, WallClock, model, rest};
use bitopro_sim::{Clock, Simulator};
use clap::Parser;
use http::Method;

use super::line::{Line, OrderRef};
use super::{Server, place, sends};
use crate::args::{Args, Command, OrderArgs, OrderCommand, PlaceArgs};
use crate::client::for_order;
use crate::exit::{Failure, Status};
use crate::signals::Signals;

fn args(text: &str) -> PlaceArgs {
    let args =
        Args::try_parse_from(["bitopro", "order", "place"].into_iter().chain(text.split(' '))).unwrap();
    match args.command {
        Command::Order(OrderArgs { command: OrderCommand::Place(args) }) => args,
        command => panic!("{command:?}"),
    }
}

/// Places an order on a simulated exchange after these commands.
async fn place_after(commands: &[&str], order: &str) -> Result<Status, Failure> {
    let clock = Clock::following_tokio(model::Timestamp::from_millis(1_767_225_600_000));
    let simulator = Simulator::builder().with_clock(clock.clone()).start_in_memory().unwrap();
    let client = Client::builder(simulator.credentials().to_credentials().unwrap())
        .with_endpoint(simulator.ws_url())
        .with_connector(simulator.connector())
        .with_rest_endpoint(simulator.rest_url())
        .with_http_client(simulator.connector())
        .with_wall_clock(WallClock::new(move || clock.now().to_system_time().unwrap()))
        .build()
        .unwrap();
    client.trading_pairs().await.unwrap();
    for command in commands {
        simulator.execute(&command.parse().unwrap()).unwrap();
    }
    place::run_on(&Server { client, sends: true }, &args(order), &Signals::never()).await
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_not_placed_is_a_failure_of_the_network() {
    let start = tokio::time::Instant::now();
    let failure = place_after(&["fail-rest 1 502"], "btc_twd buy 0.01 --price 1000000").await.unwrap_err();
    assert_eq!(failure.kind(), Status::Network);
    let text = "the order was not placed: POST /orders/{pair}: exchange unavailable (HTTP 502, \
                `<html><body><h1>502 Bad Gateway</h1></body></html>`)";
    assert_eq!(format!("{failure:#}"), text);
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_remains_unknown_has_its_own_exit_code() {
    // Two orders fit: that of the command, and one of another program.
    let commands = ["place - buy btc_twd 0.01 at 1000000 client 7", "fail-rest 1 lose"];
    let failure = place_after(&commands, "btc_twd buy 0.01 --price 1000000 --client-id 7").await.unwrap_err();
    assert_eq!(failure.kind(), Status::UnknownOutcome);
    let text = failure.to_string();
    assert!(
        text.starts_with("it remains unknown whether the order was placed: several orders fit"),
        "{text}"
    );
    let advice = "; before you place the order again, look for it (client id 7) with `bitopro orders btc_twd` and \
                  `bitopro orders btc_twd --closed`";
    assert!(text.ends_with(advice), "{text}");
}

#[tokio::test(start_paused = true)]
async fn without_live_only_the_rules_are_read_from_the_exchange() {
    const RULES: &[u8] = include_bytes!("../../../../fixtures/rest/trading-pairs/strings.json");

    let (connector, _dials) = memory::network();
    let (http, mut server) = memory::http_network();
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let client =
        Client::builder(credentials).with_connector(connector).with_http_client(http).build().unwrap();
    let sends = sends(client.rest().unwrap().base_url(), false);
    let server_task = tokio::spawn(async move {
        let mut requests = Vec::new();
        while let Some(request) = server.next_request().await {
            requests.push((request.request().method().clone(), request.request().uri().path().to_owned()));
            request.respond(http::Response::new(RULES.into()));
        }
        requests
    });
    let order = args("sol_twd buy 1 --price 4390");
    let server = Server { client, sends };
    assert_eq!(place::run_on(&server, &order, &Signals::never()).await.unwrap(), Status::Ok);
    let failure =
        place::run_on(&server, &args("sol_twd buy 0.0001 --price 1"), &Signals::never()).await.unwrap_err();
    assert_eq!(failure.kind(), Status::Usage);
    drop(server);
    let rules = (Method::GET, "/v3/provisioning/trading-pairs".to_owned());
    assert_eq!(server_task.await.unwrap(), [rules]);
}

#[test]
fn only_a_server_on_this_machine_is_sent_a_request_without_live() {
    for (base, expected) in [
        ("https://api.bitopro.com/v3", false),
        ("https://exchange.example/v3", false),
        ("https://10.0.0.1/v3", false),
        ("http://127.0.0.1:8765/v3", true),
        ("https://localhost:8765/v3", true),
    ] {
        let base: rest::BaseUrl = base.parse().unwrap();
        assert_eq!((sends(&base, false), sends(&base, true)), (expected, true), "{base}");
    }
}

#[tokio::test]
async fn every_kind_of_order_is_described_with_its_currencies() {
    let (connector, _dials) = memory::network();
    let (http, _server) = memory::http_network();
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let client =
        Client::builder(credentials).with_connector(connector).with_http_client(http).build().unwrap();
    let server = Server { client, sends: false };
    for (text, description, body) in [
        (
            "btc_twd buy 0.0100 --price 2600000",
            "buy 0.0100 BTC at 2600000 TWD or less",
            r#"{"action":"BUY","amount":"0.0100","price":"2600000","type":"LIMIT"}"#,
        ),
        (
            "btc_twd sell 1 --price 2600000 --client-id 7",
            "sell 1 BTC at 2600000 TWD or more",
            r#"{"action":"SELL","amount":"1","clientId":7,"price":"2600000","type":"LIMIT"}"#,
        ),
        (
            "btc_twd buy 1 --price 2 --post-only",
            "buy 1 BTC at 2 TWD or less, only as the maker",
            r#"{"action":"BUY","amount":"1","price":"2","timeInForce":"POST_ONLY","type":"LIMIT"}"#,
        ),
        (
            "btc_twd sell 1 --price 2 --post-only",
            "sell 1 BTC at 2 TWD or more, only as the maker",
            r#"{"action":"SELL","amount":"1","price":"2","timeInForce":"POST_ONLY","type":"LIMIT"}"#,
        ),
        (
            "btc_twd buy 1 --price 3 --stop-above 2.50",
            "buy 1 BTC at 3 TWD or less, once the market price is 2.50 TWD or more",
            r#"{"action":"BUY","amount":"1","condition":">=","price":"3","stopPrice":"2.50","type":"STOP_LIMIT"}"#,
        ),
        (
            "btc_twd sell 1 --price 2 --stop-below 2.50",
            "sell 1 BTC at 2 TWD or more, once the market price is 2.50 TWD or less",
            r#"{"action":"SELL","amount":"1","condition":"<=","price":"2","stopPrice":"2.50","type":"STOP_LIMIT"}"#,
        ),
        (
            "BTC_TWD buy 1000 --market",
            "buy BTC for 1000 TWD at the market price",
            r#"{"action":"BUY","amount":"1000","type":"MARKET"}"#,
        ),
        (
            "btc_twd sell 0.5 --market",
            "sell 0.5 BTC at the market price",
            r#"{"action":"SELL","amount":"0.5","type":"MARKET"}"#,
        ),
    ] {
        let request = place::request(&server, &args(text)).unwrap();
        let url = "https://api.bitopro.com/v3/orders/btc_twd";
        assert_eq!(request.to_text().unwrap(), format!("{description}\nPOST {url}\n{body}\n"));
    }
}

#[test]
fn errors_name_commands_and_not_calls_of_the_library() {
    for kind in rest::ErrorKind::ALL {
        let text = for_order(&format!("failed; {}", kind.advice()));
        for term in ["`GET`", "GetBalances", "GetTradingPairs", "TradingPair::", "Endpoint::", "new nonce"] {
            assert!(!text.contains(term), "{text}");
        }
    }
}

#[test]
fn an_id_cannot_change_the_terminal() {
    let order = OrderRef::new("BTC_TWD", "\u{1b}[2J\u{202e}");
    assert_eq!(order.to_string(), "order \\u{1b}[2J\\u{202e} of btc_twd");
}

#[test]
fn the_times_of_an_order_are_in_milliseconds() {
    const IN_SECONDS: &str = include_str!("../../../../fixtures/rest/open-orders/seconds.json");

    let mut list: serde_json::Value = serde_json::from_str(IN_SECONDS).unwrap();
    let seconds = list["data"][0]["createdTimestamp"].as_i64().unwrap();
    let order = serde_json::from_value(list["data"][0].take()).unwrap();
    let line = serde_json::to_value(Line::order(order)).unwrap();
    assert_eq!(line["data"]["createdTimestamp"], seconds * 1_000);
}
