//! Compares real output with the schema in docs/.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use bitopro_client::model::{PrivateStream, PublicStream, Stream};
use bitopro_client::{Client, Heartbeat, PublicClient};
use bitopro_sim::{Command, HistoryOnConnect, Quirks, Simulator};
use bitopro_transport::Refusal;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::process::{Running, run, watch};

/// The types of the lines of a backfill.
const BACKFILL: [&str; 3] = ["recovered_trade", "recovered_order", "backfilled"];
const README: &str = include_str!("../../README.md");
const SCHEMA: &str = include_str!("../../../../docs/ndjson.v1.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Panics unless a line conforms to the schema.
fn validate(schema: &jsonschema::Validator, line: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(line).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{line}: {errors:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_type_of_line_conforms_to_the_schema() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let simulator = Simulator::builder().with_seed(1).start().await.unwrap();
    let mut running = Running::start(&mut watch(&simulator, "all", &["--state", "--heartbeat", "20ms"]));
    let mut seen = BTreeSet::new();
    let mut read_until = |is_last: &mut dyn FnMut(&Value) -> ControlFlow<()>| loop {
        let line = running.json();
        validate(&validator, &line);
        seen.insert(format!("{} {}", line["type"].as_str().unwrap(), line["stream"].as_str().unwrap()));
        if is_last(&line).is_break() {
            break;
        }
    };
    let until = |expected: &'static str| {
        move |line: &Value| {
            if line["type"] == expected { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    };
    let mut connected = 0;
    read_until(&mut |line| {
        connected += u32::from(line["type"] == "connected");
        if connected == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let mut trades = 0;
    while trades < 3 {
        simulator.tick();
        read_until(&mut |line| {
            trades += u32::from(line["type"] == "update" && line["stream"] == "user-trades");
            if line["type"] == "heartbeat" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    simulator.execute(&Command::text(None, "{\"event\":\"MARGIN\",\"data\":1.10}")).unwrap();
    read_until(&mut until("unknown"));
    simulator.execute(&Command::text(None, "{\"event\":\"ACCOUNT_BALANCE\"}")).unwrap();
    read_until(&mut until("malformed"));
    simulator.refuse_next(1, Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
    simulator.execute(&Command::Disconnect(None)).unwrap();
    read_until(&mut until("gap"));
    simulator.stop().await;
    let types = schema()["properties"]["type"]["enum"].clone();
    for stream in PrivateStream::ALL {
        for r#type in ["connected", "update", "state", "heartbeat", "disconnected"] {
            let line = format!("{type} {stream}");
            assert!(seen.contains(&line), "{line}");
        }
    }
    let is_seen_below =
        |r#type: &&str| ["closed", "missing_pairs"].contains(r#type) || BACKFILL.contains(r#type);
    for r#type in types.as_array().unwrap().iter().filter_map(Value::as_str).filter(|it| !is_seen_below(it)) {
        assert!(seen.iter().any(|line| line.starts_with(r#type)), "{type}: {seen:?}");
    }
}

/// Missing pairs are reported after 10 s, so this runs on a paused clock.
#[tokio::test(start_paused = true)]
async fn the_lines_of_public_streams_conform_to_the_schema() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let streams = schema()["properties"]["stream"]["enum"].clone();
    let known = Stream::all().map(|stream| Value::from(stream.name()));
    assert_eq!(streams, known.collect::<Value>());
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let client = PublicClient::builder().with_connector(simulator.connector()).build().unwrap();
    let mut market = client.subscribe(PublicStream::ALL, ["BTC_TWD", "BCT_TWD"]).unwrap();
    let mut seen = BTreeSet::new();
    while PublicStream::ALL.iter().any(|stream| !seen.contains(&format!("missing_pairs {stream}"))) {
        let item = timeout(Duration::from_secs(60), market.next()).await.unwrap().unwrap();
        let state = market.current().stream(item.stream);
        for line in [serde_json::to_value(&item), serde_json::to_value(&state)] {
            let line = line.unwrap();
            if !line.is_null() {
                validate(&validator, &line);
                seen.insert(format!(
                    "{} {}",
                    line["type"].as_str().unwrap(),
                    line["stream"].as_str().unwrap()
                ));
            }
        }
        if let Some(state) = state {
            validate(&validator, &serde_json::to_value(Heartbeat(&state)).unwrap());
        }
        simulator.tick();
    }
    for stream in PublicStream::ALL {
        for r#type in ["connected", "snapshot", "state"] {
            assert!(seen.contains(&format!("{type} {stream}")), "{type} {stream}: {seen:?}");
        }
    }
}

/// A backfill takes longer than the settling time, so it runs on a paused clock.
#[tokio::test(start_paused = true)]
async fn the_lines_of_a_backfill_conform_to_the_schema() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let quirks = Quirks::default().with(HistoryOnConnect::Empty);
    let simulator = Simulator::builder().with_quirks(quirks).start_in_memory().unwrap();
    let client = Client::builder(simulator.credentials().to_credentials().unwrap())
        .with_endpoint(simulator.ws_url())
        .with_rest_endpoint(simulator.rest_url())
        .with_connector(simulator.connector())
        .with_http_client(simulator.connector());
    let mut account = client.build().unwrap().account();
    account.ready().await.unwrap();
    simulator.execute(&"fail-rest 1 502".parse().unwrap()).unwrap();
    simulator.execute(&Command::Disconnect(None)).unwrap();
    let order = simulator.open_orders().remove(0);
    simulator.fill_remaining(&order.id).unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        let item = timeout(Duration::from_secs(600), account.next()).await.unwrap().unwrap();
        let line = serde_json::to_value(&item).unwrap();
        let r#type = line["type"].as_str().unwrap();
        if BACKFILL.contains(&r#type) {
            validate(&validator, &line);
            seen.insert((r#type.to_owned(), line["data"]["complete"].as_bool()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_end_of_a_stream_conforms_to_the_schema() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let simulator = Simulator::builder().start().await.unwrap();
    simulator.refuse_next(99, Refusal::new(StatusCode::NOT_FOUND));
    let outcome = run(&mut watch(&simulator, "balances", &[]));
    let lines = outcome.json();
    for line in &lines {
        validate(&validator, line);
    }
    let closed = lines.last().unwrap();
    assert_eq!(closed["data"]["kind"], "wrong_path");
    assert_eq!((&closed["type"], &closed["data"]["retryable"]), (&json!("closed"), &json!(false)));
}

#[test]
fn the_schema_rejects_lines_with_missing_or_changed_keys() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let valid = json!({
        "v": 1, "type": "update", "stream": "account-balance", "received": "2021-12-15T07:28:23.365Z",
        "event_id": null, "timestamp": 1_639_553_303_365_u64,
        "data": {"BTC": {"currency": "BTC", "amount": "1.10", "available": "0.85", "future": [1]}},
    });
    validate(&validator, &valid);
    for (pointer, value) in [
        ("/v", json!(2)),
        ("/type", json!("other")),
        ("/stream", json!("user-trades")),
        ("/received", json!(1)),
        ("/timestamp", Value::Null),
        ("/data/BTC/amount", json!(1.1)),
        ("/data/BTC/amount", json!("1e3")),
        ("/data/BTC", json!({"currency": "BTC", "amount": "1"})),
    ] {
        let mut line = valid.clone();
        *line.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&line), "{line}");
    }
}

#[test]
fn the_readme_explains_every_kind_of_error() {
    let schema = schema();
    let kinds = schema.pointer("/$defs/error/properties/kind/enum").unwrap().as_array().unwrap();
    let (_, table) = README.split_once("| `kind` |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let listed: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(listed, kinds.iter().map(|kind| kind.as_str().unwrap()).collect());
}
