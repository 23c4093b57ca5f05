//! The log, as a program sees it that uses `tracing`. docs/log.md describes the events.

use std::sync::Once;
use std::time::Duration;

use bitopro_client::model::{Decimal, PrivateStream, Timestamp};
use bitopro_client::rest::PlaceOrder;
use bitopro_client::transport::{Frame, Refusal, TungsteniteConnector, memory};
use bitopro_client::{AccountItem, Client, Credentials, Item, Outcome, WallClock};
use bitopro_sim::{Clock, Command, Simulator, refusal};
use futures_util::StreamExt;
use http::StatusCode;
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

use crate::network::{SharedBuffer, balance, network};
use crate::simulated::simulated;
use crate::soak::network::{DialMode, Network};

const SECOND: Duration = Duration::from_secs(1);

/// Captures the events of this thread that the filter selects, each as a line without its time and module.
fn capture(filter: &str) -> (SharedBuffer, DefaultGuard) {
    // Without a global subscriber, tracing may cache that an event is disabled while another
    // test starts to capture it.
    static GLOBAL: Once = Once::new();
    GLOBAL.call_once(|| drop(tracing::subscriber::set_global_default(tracing_subscriber::registry())));
    let buffer = SharedBuffer::default();
    let writer = buffer.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .finish();
    (buffer, tracing::subscriber::set_default(subscriber))
}

#[tokio::test(start_paused = true)]
async fn every_item_is_logged_once_in_the_span_of_its_connection() {
    let (log, _guard) = capture("bitopro_client=trace");
    let (builder, mut server) = network();
    let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
    let wall = WallClock::new(move || clock.now().to_system_time().unwrap());
    let balances = builder.with_wall_clock(wall).build().unwrap().balances();
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(balance(1)).await.unwrap();
    drop(peer);
    for _ in 0..3 {
        server.next_dial().await.unwrap().refuse(StatusCode::SERVICE_UNAVAILABLE);
    }
    let mut peer = server.next_dial().await.unwrap().accept();
    for text in [r#"{"event":"NEW\n","data":{}}"#, "{", "{"] {
        peer.send(Frame::text(text)).await.unwrap();
    }
    sleep(SECOND).await;
    balances.resync();
    let mut peer = server.next_dial().await.unwrap().accept();
    peer.send(balance(2)).await.unwrap();
    peer.send(balance(3)).await.unwrap();
    sleep(SECOND).await;
    balances.request_close();
    while !matches!(peer.recv().await, Some(Frame::Close(_))) {}
    peer.close(1000, "").await.unwrap();
    sleep(SECOND).await;
    let lines = log
        .text()
        .replace(r#"connection{stream="account-balance" connection="#, "")
        .replace(" attempt=", "/")
        .replace("url=wss://memory.test/ws/v1/pub/auth/account-balance", "URL");
    let refused = "error=the server is temporarily unavailable; answered with an empty response: the server \
                   refused the upgrade: HTTP 503 Service Unavailable";
    let expected = [
        "DEBUG 1/1}: dial URL",
        " INFO 1/1}: connected URL",
        "DEBUG 1/1}: snapshot bytes=132",
        " WARN 1/1}: disconnected kind=\"network\" retry_in_ms=657 repeats=1 error=the connection was lost: \
         no close frame was received",
        "DEBUG 2/1}: dial URL",
        &format!(" WARN 2/1}}: disconnected kind=\"unavailable\" retry_in_ms=1069 repeats=1 {refused}"),
        "DEBUG 2/2}: dial URL",
        &format!("DEBUG 2/2}}: disconnected kind=\"unavailable\" retry_in_ms=958 repeats=2 {refused}"),
        "DEBUG 2/3}: dial URL",
        &format!(" WARN 2/3}}: disconnected kind=\"unavailable\" retry_in_ms=6230 repeats=3 {refused}"),
        "DEBUG 2/4}: dial URL",
        " INFO 2/4}: connected URL",
        " INFO 2/4}: unknown event event=NEW\\n bytes=27 repeats=1",
        " WARN 2/4}: malformed bytes=1 repeats=1",
        "DEBUG 2/4}: malformed bytes=1 repeats=2",
        " INFO 2/4}: disconnected kind=\"resync\" retry_in_ms=0 repeats=1 error=a new snapshot was requested",
        "DEBUG 3/1}: dial URL",
        " INFO 3/1}: connected URL",
        " WARN 3/1}: gap reason=\"reconnected\" since=2026-01-01T00:00:00.000Z until=2026-01-01T00:00:09.918Z",
        "DEBUG 3/1}: snapshot bytes=132",
        "TRACE 3/1}: update bytes=132",
        " INFO 3/1}: closed",
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_gap_of_an_overrun_is_logged_with_its_stream() {
    let (log, _guard) = capture("bitopro_client=warn");
    let (builder, mut server) = network();
    let balances = builder.with_queue_capacity(2).build().unwrap().balances();
    let mut peer = server.next_dial().await.unwrap().accept();
    for amount in 1..=5 {
        peer.send(balance(amount)).await.unwrap();
    }
    sleep(SECOND).await;
    drop(peer);
    balances.take(3).for_each(async |_| {}).await;
    assert_eq!(log.text(), " WARN gap stream=\"account-balance\" reason=\"overrun\" missed=4 unknown=0\n");
}

#[tokio::test(start_paused = true)]
async fn the_spans_are_children_of_the_span_of_the_subscriber() {
    let (log, _guard) = capture("bitopro_client=info,it=info");
    let (builder, mut server) = network();
    let balances = {
        let _entered = tracing::info_span!("account", name = "savings").entered();
        builder.build().unwrap().balances()
    };
    let _peer = server.next_dial().await.unwrap().accept();
    sleep(SECOND).await;
    drop(balances);
    let log = log.text();
    assert_eq!(log.lines().count(), 2, "{log}"); // connected and closed
    for line in log.lines() {
        assert!(line.starts_with(" INFO account{name=\"savings\"}:connection{stream="), "{line}");
    }
}

/// `watch all`, while the exchange is unreachable, refuses dials, and works again.
#[tokio::test(start_paused = true)]
async fn ten_minutes_of_outages_are_fewer_than_40_lines() {
    let (log, _guard) = capture("bitopro_client=info");
    let (simulator, builder) = simulated(Simulator::builder(), 1);
    let network = Network::new(simulator.connector());
    let account = builder.with_connector(network.clone()).build().unwrap().account();
    let reader = tokio::spawn(account.for_each(async |_| {}));
    sleep(60 * SECOND).await;
    network.set_dial_mode(DialMode::Fails);
    simulator.execute(&Command::Disconnect(None)).unwrap();
    sleep(200 * SECOND).await;
    network.heal();
    for _ in 0..1000 {
        network.refuse(refusal::bad_gateway);
    }
    sleep(200 * SECOND).await;
    network.heal();
    sleep(140 * SECOND).await;
    let lines = log.text();
    let count = |text: &str| lines.lines().filter(|line| line.contains(text)).count();
    assert_eq!((count(": connected "), count(": gap ")), (8, 4), "{lines}");
    assert_eq!((count("\"network\""), count("\"unavailable\""), count("")), (8, 5, 26), "{lines}");
    reader.abort();
}

#[tokio::test]
async fn no_event_contains_a_secret_or_a_part_of_a_message() {
    let (log, _guard) = capture("trace");
    let simulator = Simulator::builder().with_tls().start().await.unwrap();
    let connector = TungsteniteConnector::new().with_extra_roots(simulator.ca_pem().unwrap()).unwrap();
    let right = simulator.credentials();
    let wrong = Credentials::new(right.api_key.as_str(), "wr0ng-s3cr3t", right.email.as_str()).unwrap();
    let right = right.to_credentials().unwrap();
    let client = |credentials| Client::builder(credentials).with_endpoint(simulator.ws_url()).with_seed(1);

    // Every kind of message.
    let mut account = client(right.clone()).with_connector(connector.clone()).build().unwrap().account();
    account.ready().await.unwrap();
    let bought = "place mine buy btc_twd 0.0123 at 2345678";
    let malformed =
        r#"text {"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"TWD":{"amount":"98765.4321x"}}}"#;
    let unknown = r#"text {"event":"NEW","data":{"amount":"98765.4321"}}"#;
    for command in [bought, "fill mine 0.0023", "deposit TWD 98765.4321", malformed, unknown] {
        simulator.execute(&command.parse::<Command>().unwrap()).unwrap();
    }
    let is_last = |item: &AccountItem| {
        item.stream == PrivateStream::UserTrades && matches!(item.item, Item::Unknown(_))
    };
    while !account.next().await.as_ref().is_some_and(is_last) {}
    let orders: Vec<String> = simulator.open_orders().iter().map(|order| order.id.to_string()).collect();
    account.close().await;

    // A refusal by the simulator, and one that echoes the request.
    client(wrong).with_connector(connector).build().unwrap().balances().for_each(async |_| {}).await;
    let (connector, mut server) = memory::network();
    let echo = async {
        for _ in 0..2 {
            let dial = server.next_dial().await.unwrap();
            let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED);
            let values = dial.request().headers().values().map(|value| value.to_str().unwrap());
            refusal.body = values.collect::<Vec<_>>().join(" ").into();
            dial.refuse_with(refusal);
        }
    };
    let balances = client(right.clone()).with_connector(connector).build().unwrap().balances();
    tokio::join!(echo, balances.for_each(async |_| {}));

    let log = log.text();
    for expected in [
        "TLS established",
        "upgrade refused",
        "snapshot",
        "update",
        "malformed",
        "unknown event",
        "(redacted)",
    ] {
        assert!(log.contains(expected), "`{expected}` is missing in the log:\n{log}");
    }
    let credentials = simulator.credentials();
    let secrets = [&credentials.api_key, &credentials.api_secret, &credentials.email].map(String::as_str);
    let others = ["wr0ng-s3cr3t", "eyJ", "98765", "2345678", "0.0023", "TWD", "btc_twd"];
    let orders = orders.iter().map(String::as_str);
    for forbidden in secrets.into_iter().chain(others).chain(orders) {
        assert!(!log.contains(forbidden), "`{forbidden}` is in the log:\n{log}");
    }
    let hex_runs = log.split(|c: char| !c.is_ascii_hexdigit());
    assert!(hex_runs.map(str::len).max() < Some(32), "a signature is in the log:\n{log}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_logged_with_the_client_id_of_the_order() {
    let (log, _guard) = capture("bitopro_client=warn");
    let (simulator, builder) = simulated(Simulator::builder(), 1);
    let client = builder.build().unwrap();
    client.trading_pairs().await.unwrap();
    let order = PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 3), Decimal::from(1_000_000));
    for order in [order.clone().with_client_id(7_u32), order] {
        simulator.execute(&"fail-rest 1 502".parse::<Command>().unwrap()).unwrap();
        assert!(matches!(client.place(&order).await.unwrap(), Outcome::Unknown(_)));
    }
    let fields: Vec<_> =
        log.text().lines().map(|line| line.split(" error=").next().unwrap().to_owned()).collect();
    let expected = [
        " WARN outcome unknown endpoint=POST /orders/{pair} client_id=7",
        " WARN outcome unknown endpoint=POST /orders/{pair}",
    ];
    assert_eq!(fields, expected);
}
