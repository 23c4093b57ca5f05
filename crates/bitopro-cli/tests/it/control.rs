//! Controls a running `bitopro sim` over HTTP, as a test in another language would.

use std::io::Read;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::http_client::{response, send};
use crate::process::{Running, bitopro, run};
use crate::sim::exports;

/// The control server of a running command.
struct Control {
    address: String,
}

impl Control {
    /// Starts the command, and returns it with its exports and a client of its control server.
    fn start(args: &[&str]) -> (Running, Vec<(String, String)>, Self) {
        let mut sim = Running::start(bitopro(&["sim", "--control"]).args(args));
        let mut exports = exports(&mut sim, 6);
        let (name, url) = exports.pop().unwrap();
        assert_eq!(name, "BITOPRO_SIM_CONTROL_URL");
        let address = url.strip_prefix("http://").unwrap();
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with('/'), "{url}");
        let control = Self { address: address.to_owned() };
        (sim, exports, control)
    }

    fn send(&self, method: &str, path: &str, body: &str) -> TcpStream {
        send(&self.address, method, path, body)
    }

    fn get(&self, path: &str) -> Value {
        json_of(self.send("GET", path, ""))
    }

    fn run(&self, commands: &[&str]) -> Value {
        json_of(self.send("POST", "/commands", &json!({ "commands": commands }).to_string()))
    }
}

/// Reads the response from a socket, and returns its body.
fn json_of(socket: TcpStream) -> Value {
    let (_, body) = response(socket);
    serde_json::from_str(&body).expect(&body)
}

#[test]
fn commands_reach_a_watching_client_and_its_connections_can_be_broken() {
    let (_sim, exports, control) = Control::start(&[]);
    let mut watch = Running::start(bitopro(&["watch", "balances"]).envs(exports));
    assert_eq!(watch.json()["type"], "connected");
    let snapshot = watch.json();
    assert_eq!(snapshot["type"], "snapshot");
    let results = control.run(&["wait 1", "deposit BTC 0.5"]);
    assert_eq!(results["results"][1]["messages"][0]["account"], "demo", "{results}");
    // The market does not move, so the next update is that of the command.
    let update = watch.json();
    assert_eq!(update["type"], "update");
    assert_eq!(update["data"]["BTC"], control.get("/accounts/demo")["balances"]["BTC"]);
    control.run(&["disconnect"]);
    for expected in ["disconnected", "connected", "gap", "snapshot"] {
        assert_eq!(watch.json()["type"], expected);
    }
    let connections = control.get("/connections");
    assert_eq!((&connections["open"], connections["dials"].as_array().unwrap().len()), (&json!(1), 2));
}

#[test]
fn a_further_account_trades_with_the_first_one_and_has_printed_credentials() {
    let (mut sim, exports, control) = Control::start(&["--account", "alice", "--account", "bob"]);
    let comments = [sim.line(), sim.line()];
    let credentials = comments[0].strip_prefix("# alice: ").unwrap();
    let credentials = credentials.split(' ').map(|variable| variable.split_once('=').unwrap());
    assert_eq!(credentials.clone().count(), 3);
    assert!(comments[1].starts_with("# bob: BITOPRO_API_KEY=bob-key-of-the-simulator "), "{comments:?}");
    let mut watch = Running::start(bitopro(&["watch", "trades"]).envs(exports).envs(credentials));
    assert_eq!(watch.json()["type"], "connected");

    let results = control.run(&[
        "wait 1",
        "as alice place ask sell bito_twd 10 at 5",
        "place - buy bito_twd 4 at 5",
        "as alice cancel ask",
    ]);
    let ask = &results["results"][1]["order"];
    assert_eq!(&watch.json()["data"]["orderID"], ask, "{results}");
    let alice = control.get("/accounts/alice");
    assert_eq!((&alice["closed_orders"][0]["id"], &alice["closed_orders"][0]["status"]), (ask, &json!(3)));
    assert_eq!(control.get("/order-book/bito_twd")["asks"], json!([]));
    assert_eq!(control.get("/accounts")["accounts"].as_array().unwrap().len(), 3);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_command_while_a_request_waits() {
    let (sim, _, control) = Control::start(&[]);
    let amount = |control: &Control| control.get("/accounts/demo")["balances"]["BTC"]["amount"].clone();
    let before = amount(&control);
    let mut waiting = control.send("POST", "/commands", r#"{"commands": ["deposit BTC 1", "wait 1"]}"#);
    // The first command shows that the request is in progress.
    while amount(&control) == before {}
    assert_eq!(sim.stop("TERM"), Some(0));
    let mut response = String::new();
    // The socket is closed or reset without a response.
    let _ = waiting.read_to_string(&mut response);
    assert_eq!(response, "");
}

#[test]
fn invalid_and_duplicate_account_names_are_usage_errors() {
    for (names, expected) in [
        (&["two words"][..], "expected a name of letters, digits, `-` and `_`"),
        (&[""], "expected a name of letters, digits, `-` and `_`"),
        (&["alice", "alice"], "duplicate account name `alice`"),
        (&["demo"], "duplicate account name `demo`"),
    ] {
        let flags = names.iter().flat_map(|name| ["--account", name]);
        let outcome = run(bitopro(&["sim"]).args(flags));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{names:?}");
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}
