//! Streams other than the balances, and all streams together.

use std::collections::BTreeSet;

use bitopro_client::model::{Action, Balance, Decimal, OrderId};
use bitopro_sim::{Command, NewOrder, Simulator};
use bitopro_transport::Refusal;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::process::{Running, bitopro, run, watch};

/// Starts a simulator without market steps, and with an account of two currencies and no orders.
async fn quiet_account() -> Simulator {
    let balances = [("BTC", 10), ("TWD", 10_000_000)].map(|(code, amount)| Balance::new(code, amount.into()));
    Simulator::builder().with_balances(balances).start().await.unwrap()
}

/// Places an order that the market does not match.
fn place(simulator: &Simulator) -> OrderId {
    let order = NewOrder::limit("btc_twd", Action::Buy, Decimal::new(200, 4), 1_000_000.into());
    simulator.place(&order).unwrap()
}

fn start(simulator: &Simulator, stream: &str, args: &[&str], types: &[&str]) -> Running {
    let mut running = Running::start(&mut watch(simulator, stream, args));
    for expected in types {
        assert_eq!(running.json()["type"], *expected);
    }
    running
}

#[test]
fn the_demo_updates_all_streams() {
    let mut running = Running::start(&mut bitopro(&["watch", "all", "--demo"]));
    let mut missing: BTreeSet<(&str, &str)> = ["account-balance", "active-orders", "history-orders"]
        .into_iter()
        .flat_map(|stream| [(stream, "connected"), (stream, "snapshot"), (stream, "update")])
        .chain([("user-trades", "connected"), ("user-trades", "update")])
        .collect();
    while !missing.is_empty() {
        let line = running.json();
        missing.retain(|(stream, r#type)| line["stream"] != *stream || line["type"] != *r#type);
    }
}

#[test]
fn once_ends_after_every_snapshot_has_arrived() {
    let outcome = run(&mut bitopro(&["watch", "all", "--demo", "--once"]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let lines = outcome.json();
    let streams_with = |r#type: &str| -> BTreeSet<String> {
        let lines = lines.iter().filter(|line| line["type"] == r#type);
        lines.map(|line| line["stream"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        streams_with("snapshot"),
        ["account-balance", "active-orders", "history-orders"].map(str::to_owned).into()
    );
    assert_eq!(streams_with("closed").len(), 4);

    let outcome = run(&mut bitopro(&["watch", "trades", "--demo", "--once"]));
    assert_eq!((outcome.code, outcome.types()), (Some(0), vec!["connected".to_owned(), "closed".to_owned()]));
    for stream in ["orders", "history"] {
        let outcome = run(&mut bitopro(&["watch", stream, "--demo", "--once"]));
        assert_eq!(
            (outcome.code, outcome.types().join(" ").as_str()),
            (Some(0), "connected snapshot closed")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn orders_keep_the_field_names_of_the_exchange() {
    let simulator = quiet_account().await;
    let mut running = start(&simulator, "orders", &[], &["connected", "snapshot"]);
    let id = place(&simulator);
    let placed = running.json();
    assert_eq!((&placed["type"], &placed["stream"]), (&json!("update"), &json!("active-orders")));
    let order = &placed["data"]["btc_twd"][0];
    let seen = ["id", "action", "type", "status", "originalAmount", "remainingAmount"].map(|key| &order[key]);
    assert_eq!(seen, [&json!(id), &json!("BUY"), &json!("LIMIT"), &json!(0), &json!("0.02"), &json!("0.02")]);
    simulator.fill(&id, Decimal::new(5, 3)).unwrap();
    assert_eq!(running.json()["data"]["btc_twd"][0]["status"], 1);
    simulator.cancel(&id).unwrap();
    assert_eq!(running.json()["data"]["btc_twd"][0]["status"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn history_and_trades_report_a_filled_order() {
    let simulator = quiet_account().await;
    let mut history = start(&simulator, "history", &[], &["connected", "snapshot"]);
    let mut trades = start(&simulator, "trades", &[], &["connected"]);
    while simulator.connections() < 2 {
        tokio::task::yield_now().await;
    }
    let id = place(&simulator);
    simulator.fill_remaining(&id).unwrap();
    let ended = history.json();
    assert_eq!(
        (&ended["stream"], &ended["data"]["btc_twd"][0]["status"]),
        (&json!("history-orders"), &json!(2))
    );
    let trade = trades.json();
    assert_eq!((&trade["type"], &trade["stream"]), (&json!("update"), &json!("user-trades")));
    let seen = ["base", "quote", "side", "price", "orderID"].map(|key| &trade["data"][key]);
    assert_eq!(seen, [&json!("btc"), &json!("twd"), &json!("bid"), &json!("1000000"), &json!(id)]);

    simulator.execute(&Command::Disconnect(None)).unwrap();
    let after: Vec<Value> = (0..3).map(|_| trades.json()).collect();
    let types: Vec<&Value> = after.iter().map(|line| &line["type"]).collect();
    assert_eq!(types, ["disconnected", "connected", "gap"]);
    let gap = &after[2]["data"];
    assert_eq!((&gap["before"]["event_id"], &gap["after"]), (&trade["event_id"], &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_filter_removes_data_that_does_not_match() {
    let simulator = quiet_account().await;
    let mut running = start(&simulator, "all", &["--filter", "btc"], &[]);
    let mut connected = 0;
    let mut snapshots = 0;
    while (connected, snapshots) != (4, 3) {
        let line = running.json();
        connected += usize::from(line["type"] == "connected");
        snapshots += usize::from(line["type"] == "snapshot");
        if line["type"] == "snapshot" && line["stream"] == "account-balance" {
            assert_eq!(line["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["BTC"]);
        }
    }
    // The change of TWD is filtered out, so the order of BTC is next.
    simulator.set_balance(Balance::new("TWD", 9_000_000.into()));
    place(&simulator);
    let line = running.json();
    assert_eq!((&line["type"], &line["stream"]), (&json!("update"), &json!("active-orders")), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_state_is_printed_after_each_change() {
    let simulator = quiet_account().await;
    let mut running = start(&simulator, "orders", &["--state"], &["connected", "snapshot"]);
    let state = running.json();
    assert_eq!(
        (&state["type"], &state["stream"], &state["stale"], &state["data"]),
        (&json!("state"), &json!("active-orders"), &json!(false), &json!({}))
    );
    assert!(state["as_of"].is_u64() && state["age_ms"].is_u64(), "{state}");
    let first = place(&simulator);
    let second = {
        let (update, state) = (running.json(), running.json());
        assert_eq!((&update["type"], &state["type"]), (&json!("update"), &json!("state")));
        assert_eq!(state["data"], update["data"]);
        place(&simulator)
    };
    let (update, state) = (running.json(), running.json());
    assert_eq!(update["data"]["btc_twd"].as_array().unwrap().len(), 1);
    // The state is sorted by id, and a later id may be smaller.
    let orders = state["data"]["btc_twd"].as_array().unwrap();
    let ids: BTreeSet<&str> = orders.iter().map(|order| order["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [first.as_str(), second.as_str()].into());
    simulator.cancel(&first).unwrap();
    running.json();
    assert_eq!(running.json()["data"]["btc_twd"].as_array().unwrap().len(), 1);

    let mut trades = start(&simulator, "trades", &["--state"], &["connected"]);
    while simulator.connections() < 2 {
        tokio::task::yield_now().await;
    }
    simulator.fill_remaining(&second).unwrap();
    let (update, state) = (trades.json(), trades.json());
    assert_eq!(state["data"], json!([update["data"]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_state_as_a_table_contains_every_order() {
    let simulator = quiet_account().await;
    let (_, second) = (place(&simulator), place(&simulator));
    let args = ["--state", "--format", "table"];
    let mut running = Running::start(&mut watch(&simulator, "orders", &args));
    assert!(running.note().starts_with("connected to "));
    let mut read = |count: usize| -> Vec<String> { (0..count).map(|_| running.line()).collect() };
    let first = read(4);
    assert!(first[0].starts_with("orders as of "), "{first:?}");
    assert!(first[2].ends_with(" open") && first[3].ends_with(" open"), "{first:?}");
    simulator.cancel(&second).unwrap();
    let after = read(3);
    assert!(after[0].starts_with("orders as of ") && after[2].ends_with(" open"), "{after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_failure_of_watch_all_names_the_stream() {
    for (status, header, code) in
        [(StatusCode::NOT_FOUND, None, 2), (StatusCode::TOO_MANY_REQUESTS, Some("3000"), 6)]
    {
        let simulator = quiet_account().await;
        let mut refusal = Refusal::new(status);
        refusal
            .headers
            .extend(header.map(|value| (http::header::RETRY_AFTER, HeaderValue::from_static(value))));
        simulator.refuse_next(99, refusal);
        let outcome = run(&mut watch(&simulator, "all", &["--once"]));
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        assert_eq!(outcome.types().iter().filter(|r#type| *r#type == "closed").count(), 4);
        let named = ["account-balance: ", "active-orders: ", "history-orders: ", "user-trades: "];
        assert!(named.iter().any(|name| outcome.stderr.contains(name)), "{}", outcome.stderr);
    }
}
