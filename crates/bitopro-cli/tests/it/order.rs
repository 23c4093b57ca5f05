//! The commands that place and cancel orders, on the simulated exchange.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use bitopro_sim::{Quirks, RateLimits, RestLag, Simulator};
use serde_json::{Value, json};

use crate::process::{Outcome, bitopro, run, with_credentials};

/// An order that remains open: its price is far below the market's.
const PLACE: [&str; 7] = ["order", "place", "btc_twd", "buy", "0.0100", "--price", "1000000"];

/// Returns a command with the base URLs and the account of the simulator.
fn on(simulator: &Simulator, args: &[&str]) -> Command {
    let mut command = bitopro(args);
    command.env("BITOPRO_WS_URL", simulator.ws_url().to_string());
    command.env("BITOPRO_REST_URL", simulator.rest_url().to_string());
    let account = simulator.credentials();
    with_credentials(&mut command, &account.api_key, &account.api_secret, &account.email);
    command
}

fn execute(simulator: &Simulator, commands: &[&str]) {
    for command in commands {
        simulator.execute(&command.parse().unwrap()).unwrap();
    }
}

/// Returns the ids of the open orders at the price of [`PLACE`].
fn placed(simulator: &Simulator) -> Vec<String> {
    let orders = simulator.open_orders().into_iter();
    orders.filter(|order| order.price == 1_000_000.into()).map(|order| order.id.to_string()).collect()
}

/// Runs a command that must succeed without a note, and returns its lines of JSON.
fn json(command: &mut Command) -> Vec<Value> {
    let outcome = run(command);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{command:?}");
    outcome.json()
}

fn assert_fails(command: &mut Command, code: i32, message: &str) {
    let Outcome { code: actual, stdout, stderr } = run(command);
    assert_eq!((actual, stdout.as_str(), stderr.as_str()), (Some(code), "", message), "{command:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_order_is_placed_and_cancelled_and_its_state_is_printed() {
    let simulator = Simulator::builder().start().await.unwrap();
    let lines = json(on(&simulator, &PLACE).args(["--client-id", "7", "--json"]));
    let ids = placed(&simulator);
    assert_eq!(ids.len(), 1);
    assert_eq!(lines[0], json!({"type": "placed", "data": {"pair": "btc_twd", "id": ids[0]}}));
    assert_eq!((&lines[1]["type"], &lines[1]["data"]["id"]), (&json!("order"), &json!(ids[0])));
    assert_eq!((&lines[1]["data"]["status"], &lines[1]["data"]["clientID"]), (&json!(0), &json!(7)));

    let lines = json(&mut on(&simulator, &["order", "cancel", "BTC_TWD", &ids[0]]));
    assert_eq!(lines[0], json!({"type": "cancelled", "data": {"pair": "btc_twd", "id": ids[0]}}));
    assert_eq!((&lines[1]["data"]["id"], &lines[1]["data"]["status"]), (&json!(ids[0]), &json!(4)));
    assert!(placed(&simulator).is_empty());

    let outcome = run(on(&simulator, &PLACE).args(["--live", "-o", "table"]));
    let id = placed(&simulator).remove(0);
    assert!(outcome.stdout.starts_with(&format!("placed order {id} of btc_twd\nTIME UTC ")), "{outcome:?}");
    assert!(outcome.stdout.ends_with(" buy  limit 1000000          0/0.01 open\n"), "{outcome:?}");
    // The order has its own client id, by which it would have been found.
    assert!(simulator.open_orders().iter().any(|order| order.id == *id && order.client_id.is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_market_order_that_buys_spends_an_amount_of_the_quote_currency() {
    let simulator = Simulator::builder().start().await.unwrap();
    let lines = json(&mut on(&simulator, &["order", "place", "btc_twd", "buy", "1000", "--market"]));
    let total: f64 = lines[1]["data"]["total"].as_str().unwrap().parse().unwrap();
    assert!((990.0..=1000.0).contains(&total), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn all_open_orders_of_a_pair_or_of_the_account_are_cancelled() {
    // The exchange allows one such call per second.
    let quirks = Quirks::default().with(RateLimits::Ignored);
    let simulator = Simulator::builder().with_quirks(quirks).start().await.unwrap();
    let open = simulator.open_orders();
    let ids = |orders: &[bitopro_client::model::Order]| -> Vec<Value> {
        let mut ids: Vec<Value> = orders
            .iter()
            .map(|order| json!({"type": "cancelled", "data": {"pair": order.pair, "id": order.id}}))
            .collect();
        ids.sort_by_key(Value::to_string);
        ids
    };
    let (of_pair, others): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|order| order.pair.as_str() == "btc_twd");
    assert!(!of_pair.is_empty() && !others.is_empty());
    for (target, expected) in [(&["btc_twd", "--all"][..], of_pair), (&["--all-pairs"], others)] {
        let mut lines = json(on(&simulator, &["order", "cancel"]).args(target));
        lines.sort_by_key(Value::to_string);
        assert_eq!(lines, ids(&expected));
    }
    assert!(simulator.open_orders().is_empty());
    let outcome = run(&mut on(&simulator, &["order", "cancel", "--all-pairs"]));
    assert_eq!(
        (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
        (Some(0), "", "bitopro: no orders were cancelled\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_order_that_breaks_a_rule_or_is_rejected_is_a_usage_error() {
    let simulator = Simulator::builder().start().await.unwrap();
    let place = |args: &[&str]| on(&simulator, &[&["order", "place"], args].concat());
    assert_fails(
        &mut place(&["btc_twd", "buy", "0.00001", "--price", "1000000.6"]),
        2,
        "bitopro: the order for btc_twd was not sent: the amount 0.00001 is below the minimum of 0.0001; the nearest \
         valid amount is 0.0001; and the price 1000000.6 has more than 0 decimal places; the nearest valid price is \
         1000001\n",
    );
    assert_fails(
        &mut place(&["btc_usd", "sell", "1", "--market"]),
        2,
        "bitopro: the order for btc_usd was not sent: the exchange does not list the pair; `bitopro pairs` lists the \
         pairs\n",
    );
    assert_fails(
        &mut place(&["btc_twd", "buy", "1", "--price", "1000000", "--client-id", "0"]),
        2,
        "bitopro: POST /orders/{pair}: invalid call: the client id is 0; expected 1 to 2147483647\n",
    );
    let outcome = run(&mut place(&["btc_twd", "buy", "100", "--price", "1000000"]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(outcome.stderr.starts_with("bitopro: POST /orders/{pair}: not enough balance (HTTP 422, "));
    assert!(outcome.stderr.ends_with("; `bitopro balances` shows what is available\n"), "{outcome:?}");
    assert_fails(
        &mut on(&simulator, &["order", "cancel", "btc_twd", "1"]),
        2,
        "bitopro: DELETE /orders/{pair}/{id}: rejected (HTTP 422, `Order 1 is not open.`); see the words of the \
         exchange\n",
    );
    let outcome = run(on(&simulator, &PLACE).env("BITOPRO_API_SECRET", "another-secret"));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""), "{outcome:?}");
    assert!(placed(&simulator).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_placed_order_whose_answer_is_lost_is_found_in_the_account() {
    for fault in ["lose", "truncate"] {
        let simulator = Simulator::builder().start().await.unwrap();
        // The first call reads the rules of the pair.
        execute(&simulator, &["fail-rest 1 delay 0", &format!("fail-rest 1 {fault}")]);
        let outcome = run(&mut on(&simulator, &PLACE));
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let [id] = placed(&simulator).try_into().unwrap();
        assert_eq!(outcome.json()[0], json!({"type": "placed", "data": {"pair": "btc_twd", "id": id}}));
        assert_eq!((outcome.types()[1].as_str(), &outcome.json()[1]["data"]["id"]), ("order", &json!(id)));
        assert!(outcome.stderr.starts_with("bitopro: it is unknown whether the order was placed: "));
        assert!(!outcome.stderr.contains("`GET`"), "{outcome:?}");
        let note = "\nbitopro: looking for the order in the account for up to 60 s\n";
        assert!(outcome.stderr.ends_with(note), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_cancellation_without_an_answer_is_unknown_unless_the_order_is_closed() {
    let simulator = Simulator::builder().start().await.unwrap();
    let id = json(&mut on(&simulator, &PLACE))[0]["data"]["id"].as_str().unwrap().to_owned();
    let cancel = || on(&simulator, &["order", "cancel", "btc_twd", &id]);
    execute(&simulator, &["fail-rest 1 502"]);
    assert_fails(
        &mut cancel(),
        8,
        &format!(
            "bitopro: it is unknown whether order {id} of btc_twd was cancelled: DELETE /orders/{{pair}}/{{id}}: \
             exchange unavailable (HTTP 502, `<html><body><h1>502 Bad Gateway</h1></body></html>`); `bitopro orders btc_twd` shows whether it is open; cancelling it again is \
             harmless\n"
        ),
    );
    execute(&simulator, &["fail-rest 1 lose"]);
    let outcome = run(&mut cancel());
    assert_eq!((outcome.code, outcome.types()), (Some(0), vec!["order".to_owned()]), "{outcome:?}");
    assert_eq!(outcome.json()[0]["data"]["status"], 4);
    assert!(outcome.stderr.ends_with("; it is closed now\n"), "{outcome:?}");

    execute(&simulator, &["fail-rest 1 lose"]);
    let outcome = run(&mut on(&simulator, &["order", "cancel", "--all-pairs"]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(8), ""));
    assert!(
        outcome.stderr.starts_with("bitopro: it is unknown which orders were cancelled: "),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.ends_with("; `bitopro orders` lists the orders that remain open\n"),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_state_that_cannot_be_read_yet_is_a_note() {
    let quirks = Quirks::default().with(RestLag::TwoSeconds);
    let simulator = Simulator::builder().with_quirks(quirks).start().await.unwrap();
    let outcome = run(&mut on(&simulator, &PLACE));
    assert_eq!((outcome.code, outcome.types()), (Some(0), vec!["placed".to_owned()]), "{outcome:?}");
    assert!(outcome.stderr.starts_with("bitopro: cannot read the state of the order: "), "{outcome:?}");
    assert!(outcome.stderr.ends_with("; see `bitopro orders btc_twd`\n"), "{outcome:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signal_before_the_outcome_is_known_leaves_it_unknown() {
    use crate::process::Running;

    let simulator = Simulator::builder().start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    // The signal arrives while the command waits for the answer, or while it looks for the order.
    for (signal, fault) in [("INT", "delay 600000"), ("TERM", "502")] {
        execute(&simulator, &["fail-rest 1 delay 0", &format!("fail-rest 1 {fault}")]);
        let path = directory.path().join(signal);
        let mut command = on(&simulator, &PLACE);
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&path).unwrap());
        let mut running = Running::spawn(&mut command);
        let stderr = || std::fs::read_to_string(&path).unwrap();
        while placed(&simulator).is_empty() && !stderr().contains("looking for the order") {
            assert!(running.is_running());
            tokio::task::yield_now().await;
        }
        assert_eq!(running.stop(signal), Some(8), "{signal}: {}", stderr());
        let last = stderr().lines().last().unwrap().to_owned();
        let start = "bitopro: stopped before the outcome was known; before you place the order again, look for it \
                     (client id ";
        let end = ") with `bitopro orders btc_twd` and `bitopro orders btc_twd --closed`";
        assert!(last.starts_with(start) && last.ends_with(end), "{last}");
        for id in placed(&simulator) {
            simulator.cancel(&id.into()).unwrap();
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_id_that_cannot_be_printed_is_in_the_error() {
    let simulator = Simulator::builder().start().await.unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let child = on(&simulator, &PLACE).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(8), "{stderr}");
    let id = placed(&simulator).remove(0);
    assert!(stderr.contains(&format!(
        "cannot print {{\"type\":\"placed\",\"data\":{{\"pair\":\"btc_twd\",\"id\":\"{id}\""
    )));
}

#[test]
fn without_live_a_cancellation_needs_no_credentials_and_no_connection() {
    let proxy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let dry_run = |args: &[&str]| run(bitopro(&["order"]).args(args).env("HTTPS_PROXY", &url));
    let note = "bitopro: nothing was sent; add `--live` to send it\n";
    let outcome = dry_run(&["cancel", "BTC_TWD", "12345", "-o", "table"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), note));
    assert_eq!(
        outcome.stdout,
        "cancel order 12345 of btc_twd\nDELETE https://api.bitopro.com/v3/orders/btc_twd/12345\n"
    );
    for (args, description, path) in [
        (&["btc_twd", "--all"][..], "cancel all open orders of btc_twd", "btc_twd"),
        (&["--all-pairs"], "cancel all open orders of the account", "all"),
    ] {
        let outcome = dry_run(&[&["cancel"], args].concat());
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), note));
        let url = format!("https://api.bitopro.com/v3/orders/{path}");
        let request = json!({"description": description, "method": "DELETE", "url": url, "body": null});
        assert_eq!(outcome.json(), [json!({"type": "request", "data": request})]);
    }
    proxy.set_nonblocking(true).unwrap();
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // With `--live`, credentials are needed.
    let outcome = run(&mut bitopro(&["order", "cancel", "btc_twd", "12345", "--live"]));
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_log_of_an_order_shows_credentials_or_signatures() {
    let simulator = Simulator::builder().start().await.unwrap();
    let outcome = run(on(&simulator, &PLACE).env("RUST_LOG", "trace"));
    assert!(outcome.code == Some(0) && outcome.stderr.contains("TRACE"), "{outcome:?}");
    let account = simulator.credentials();
    for secret in [&*account.api_key, &account.api_secret, &account.email, "eyJ"] {
        assert!(!format!("{outcome:?}").contains(secret), "{secret} is in {outcome:#?}");
    }
}
