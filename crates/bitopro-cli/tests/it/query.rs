//! The commands that read from the REST API, on a server that replies with fixtures.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::process::{Outcome, bitopro, run, with_credentials};

/// A server with the REST API.
pub(crate) struct RestServer(MockServer);

impl RestServer {
    /// The API key, the secret and the email of its account.
    pub(crate) const CREDENTIALS: [&str; 3] = ["some-api-key", "some-api-secret", "some.one@example.com"];

    pub(crate) async fn start() -> Self {
        Self(MockServer::start().await)
    }

    pub(crate) async fn respond_with(&self, url: &str, response: impl Respond + 'static) {
        Mock::given(method("GET")).and(path(url)).respond_with(response).mount(&self.0).await;
    }

    /// Replies with a fixture, whose name is below `fixtures/rest`, and returns it.
    async fn reply(&self, url: &str, fixture: &str) -> Value {
        let text = read_fixture(fixture);
        self.respond_with(url, ResponseTemplate::new(200).set_body_raw(text.clone(), "application/json"))
            .await;
        serde_json::from_str(&text).unwrap()
    }

    /// Returns a command with the base URLs of this server, and without credentials.
    fn public_command(&self, args: &[&str]) -> Command {
        let mut command = bitopro(args);
        command.env("BITOPRO_REST_URL", format!("{}/v3", self.0.uri()));
        command.env("BITOPRO_WS_URL", self.0.uri().replace("http", "ws"));
        command
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.public_command(args);
        let [key, secret, email] = Self::CREDENTIALS;
        with_credentials(&mut command, key, secret, email);
        command
    }

    async fn requests(&self) -> Vec<Request> {
        self.0.received_requests().await.unwrap()
    }
}

fn read_fixture(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rest");
    fs::read_to_string(directory.join(name)).unwrap()
}

/// Runs a command that must succeed without a note, and returns its output.
fn stdout(command: &mut Command) -> String {
    let outcome = run(command);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{command:?}");
    outcome.stdout
}

fn json(command: &mut Command) -> Vec<Value> {
    stdout(command).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn balances_are_printed_as_received() {
    let server = RestServer::start().await;
    let reply = server.reply("/v3/accounts/balance", "balances/unknown-fields.json").await;
    assert_eq!(json(&mut server.command(&["balances"])), *reply["data"].as_array().unwrap());
    assert_eq!(json(&mut server.command(&["balances", "SOL"])), [reply["data"][2].clone()]);
    let table = "\
CURRENCY         AMOUNT AVAILABLE
twd      73500.25        61200.25
bito       900             150    750 staked
sol          2.50000001      2.5
";
    assert_eq!(stdout(&mut server.command(&["balances", "-o", "table"])), table);
    let outcome = run(&mut server.command(&["balances", "sol_ada"]));
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(0), 1));
    assert_eq!(outcome.stderr, "bitopro: no balance matches `ada`; there are twd, bito, sol\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn open_orders_are_sorted_and_their_times_may_be_seconds() {
    let server = RestServer::start().await;
    let reply = server.reply("/v3/orders/open", "open-orders/seconds.json").await;
    let mut expected = reply["data"].as_array().unwrap().clone();
    expected.reverse();
    // Like the times of closed orders, they are printed in milliseconds.
    for order in &mut expected {
        for name in ["createdTimestamp", "updatedTimestamp"] {
            order[name] = (order[name].as_i64().unwrap() * 1_000).into();
        }
    }
    assert_eq!(json(&mut server.command(&["orders"])), expected);
    let table = "\
TIME UTC            PAIR    ORDER         SIDE TYPE  PRICE EXECUTED/AMOUNT STATUS
2026-11-22 01:58:20 sol_twd SL-5627877367 sell stop   4100             0/1 stop <= 4150
2026-11-22 02:00:05 sol_twd 6120443789    sell limit  4600         0/0.750 open
";
    assert_eq!(stdout(&mut server.command(&["orders", "SOL_TWD", "-o", "table"])), table);
    let urls: Vec<String> = server.requests().await.iter().map(|request| request.url.to_string()).collect();
    assert!(
        urls[0].ends_with("/v3/orders/open") && urls[1].ends_with("/v3/orders/open?pair=sol_twd"),
        "{urls:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_empty_list_prints_nothing_or_a_note() {
    let server = RestServer::start().await;
    server.reply("/v3/orders/open", "open-orders/empty-object.json").await;
    assert_eq!(stdout(&mut server.command(&["orders"])), "");
    let table = stdout(&mut server.command(&["orders", "--format", "table"]));
    assert!(table.ends_with("\n· no orders\n"), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn closed_orders_and_trades_are_read_from_the_history() {
    let server = RestServer::start().await;
    let reply = server.reply("/v3/orders/all/sol_twd", "order-history/order-with-stop-profit.json").await;
    let orders = json(&mut server.command(&["orders", "sol_twd", "--closed", "--since", "90d"]));
    assert_eq!((&orders[0]["id"], &orders[0]["total"]), (&reply["data"][0]["id"], &json!("5487.5")));
    server.reply("/v3/orders/trades/sol_twd", "own-trades/trades.json").await;
    let table = "\
TIME UTC            TRADE      ORDER      SIDE ROLE  PRICE AMOUNT   VALUE FEE
2026-11-21 02:00:00 8923941255 5381594156 buy  maker  4390  0.625 2743.75 0.000625 sol
2026-11-21 02:00:00 9170224466 5381594156 buy  maker  4390  0.625 2743.75 0.000625 sol
";
    assert_eq!(stdout(&mut server.command(&["trades", "sol_twd", "-o", "table"])), table);
    let outcome = run(&mut server.command(&["trades", "sol_twd", "--since", "100d", "--limit", "1"]));
    assert_eq!(outcome.json()[0]["tradeId"], "9170224466");
    let note = "the list may be incomplete: the window is longer than 90 days, so only its end was read";
    assert_eq!((outcome.code, outcome.stderr), (Some(0), format!("bitopro: {note}\n")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn public_data_needs_no_credentials_and_sends_none() {
    let server = RestServer::start().await;
    let pairs = server.reply("/v3/provisioning/trading-pairs", "trading-pairs/strings.json").await;
    server.reply("/v3/tickers", "tickers/tickers.json").await;
    let ticker = server.reply("/v3/tickers/sol_twd", "ticker/object.json").await;
    assert_eq!(json(&mut server.public_command(&["pairs"])), *pairs["data"].as_array().unwrap());
    let table = "\
PAIR    MIN AMOUNT MAX AMOUNT AMOUNT DECIMALS PRICE DECIMALS MIN MARKET BUY MAX ORDERS
sol_twd      0.025   50000000               3              1            210        200
";
    assert_eq!(stdout(&mut server.public_command(&["pairs", "TWD", "-o", "table"])), table);
    let table = "\
PAIR             LAST CHANGE 24H      HIGH 24H       LOW 24H   VOLUME 24H
sol_twd 4512.30000000     -1.75% 4650.00000000 4480.10000000 810.44000000
";
    assert_eq!(stdout(&mut server.public_command(&["ticker", "-o", "table"])), table);
    // Credentials in the environment are not used.
    let twice = json(&mut server.command(&["ticker", "sol_twd", "SOL_TWD"]));
    assert_eq!(twice, [ticker["data"].clone(), ticker["data"].clone()]);
    for request in server.requests().await {
        let headers: Vec<&str> = request.headers.keys().map(http::HeaderName::as_str).collect();
        assert!(!headers.iter().any(|name| name.starts_with("x-bitopro")), "{headers:?}");
    }
    let outcome = run(&mut server.public_command(&["pairs", "btc"]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), "bitopro: no pair matches `btc`\n"));
}

/// Asserts that a command fails with this code and exactly this message.
fn assert_fails(command: &mut Command, code: i32, message: &str) {
    let Outcome { code: actual, stdout, stderr } = run(command);
    assert_eq!((actual, stdout.as_str(), stderr.as_str()), (Some(code), "", message), "{command:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_error_says_what_to_do() {
    let server = RestServer::start().await;
    let refusal = |status, fixture| {
        ResponseTemplate::new(status).set_body_raw(read_fixture(fixture), "application/json")
    };
    server.respond_with("/v3/tickers/nope_twd", refusal(422, "errors/unknown-pair.json")).await;
    server.respond_with("/v3/accounts/balance", refusal(401, "errors/invalid-signature.json")).await;
    assert_fails(
        &mut server.public_command(&["ticker", "nope_twd"]),
        2,
        "bitopro: GET /tickers/{pair}: unknown pair (HTTP 422, `Unsupported trading pair nope_twd.`); `bitopro pairs` \
         lists the pairs\n",
    );
    assert_fails(
        &mut server.command(&["balances"]),
        3,
        "bitopro: GET /accounts/balance: unauthorized (HTTP 401, `Invalid Signature`); check the API key and its \
         secret\n",
    );
    assert_fails(
        &mut server.public_command(&["balances"]),
        3,
        "bitopro: no usable credentials in the environment; set them, or pass `--credentials FILE`\n  caused by: no \
         value for BITOPRO_API_KEY, BITOPRO_API_SECRET and BITOPRO_EMAIL\n",
    );
    let off = "bitopro: the REST API is off: the streams are not those of the exchange, and the base URL of their REST \
               API is unknown; set it in BITOPRO_REST_URL\n";
    for args in [&["balances"][..], &["pairs"]] {
        assert_fails(server.command(args).env_remove("BITOPRO_REST_URL"), 2, off);
    }
    let rest_url = format!("{}/v3", server.0.uri());
    assert_fails(
        server.command(&["pairs"]).env_remove("BITOPRO_WS_URL"),
        2,
        &format!(
            "bitopro: invalid client configuration: REST base URL `{rest_url}` is not that of the exchange, but the base URL of the streams is; set \
             BITOPRO_WS_URL and BITOPRO_REST_URL to the same server\n"
        ),
    );
    let missing =
        "bitopro: cannot read the CA file missing.pem\n  caused by: No such file or directory (os error 2)\n";
    assert_fails(&mut server.command(&["pairs", "--ca-file", "missing.pem"]), 2, missing);
    assert_eq!(server.requests().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_certificate_of_the_ca_file_is_trusted() {
    let simulator = bitopro_sim::Simulator::builder().with_tls().start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    fs::write(&ca_file, simulator.ca_pem().unwrap()).unwrap();
    let url = simulator.ws_url().to_string();
    let pairs = || {
        let mut command = bitopro(&["pairs"]);
        command.env("BITOPRO_WS_URL", &url);
        command.env("BITOPRO_REST_URL", url.replace("wss://", "https://").replace("/ws", "/v3"));
        command
    };
    let outcome = run(&mut pairs());
    assert_eq!((outcome.code, outcome.stderr.contains("certificate")), (Some(4), true), "{}", outcome.stderr);
    // The server may reject the call, but its certificate is accepted.
    for command in [pairs().arg("--ca-file").arg(&ca_file), pairs().env("BITOPRO_CA_FILE", &ca_file)] {
        let outcome = run(command);
        assert!(!outcome.stderr.contains("certificate"), "{}", outcome.stderr);
    }
}

#[test]
fn an_unusable_proxy_is_a_usage_error() {
    let mut command = bitopro(&["ticker"]);
    let outcome = run(command.env("ALL_PROXY", "https://me:hush@proxy.test"));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("ALL_PROXY does not name a usable proxy"), "{outcome:?}");
    assert!(!outcome.stderr.contains("hush"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_57_hostile_texts_are_harmless() {
    const HOSTILE: &str = "\x1b[2J\u{9b}2J\u{2028}\u{202e}";

    let server = RestServer::start().await;
    let balance = json!({ "currency": HOSTILE, "amount": "1", "available": "1" });
    let reply = ResponseTemplate::new(200).set_body_json(json!({ "data": [balance] }));
    server.respond_with("/v3/accounts/balance", reply).await;
    let refusal = ResponseTemplate::new(422).set_body_json(json!({ "error": HOSTILE }));
    server.respond_with("/v3/orders/open", refusal).await;
    for args in [&["balances"][..], &["balances", "-o", "table"], &["balances", "btc"], &["orders"]] {
        let Outcome { stdout, stderr, .. } = run(&mut server.command(args));
        let shown = stdout + &stderr;
        assert!(shown.contains("202e"), "{shown}");
        let is_hostile = |character: char| {
            character != '\n' && HOSTILE.contains(character) && !character.is_ascii_graphic()
        };
        assert!(!shown.contains(is_hostile), "{shown:?}");
    }
}

#[cfg(unix)]
#[test]
fn fault_56_a_signal_ends_a_call_that_is_not_answered() {
    use crate::process::Running;

    let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = server.local_addr().unwrap();
    let mut command = bitopro(&["ticker"]);
    command.env("BITOPRO_WS_URL", format!("ws://{address}/ws"));
    command.env("BITOPRO_REST_URL", format!("http://{address}/v3"));
    let running = Running::start(&mut command);
    let _unanswered = server.accept().unwrap();
    assert_eq!(running.stop("TERM"), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_closed_pipe_is_a_success() {
    use crate::process::Running;

    let server = RestServer::start().await;
    server.reply("/v3/tickers", "tickers/tickers.json").await;
    let (unread, stdout) = std::io::pipe().unwrap();
    drop(unread);
    let running = Running::start_into(&mut server.public_command(&["ticker"]), stdout);
    assert_eq!(running.finish().1.code(), Some(0));
}
