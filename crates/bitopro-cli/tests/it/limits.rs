//! `--once`, `--count` and `--heartbeat`, and the freshness of the last state.

use bitopro_sim::{Command, Simulator};
use bitopro_transport::Refusal;
use http::StatusCode;

use crate::process::{Outcome, Running, bitopro, run, watch};

async fn simulator() -> Simulator {
    Simulator::builder().start().await.unwrap()
}

/// Returns the type of each line, without those of the end of the streams.
fn types(outcome: &Outcome) -> Vec<String> {
    outcome.types().into_iter().filter(|r#type| r#type != "closed").collect()
}

#[test]
fn count_ends_the_command_after_this_many_messages() {
    let outcome = run(&mut bitopro(&["watch", "balances", "--demo", "--count", "2", "-o", "json"]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(types(&outcome), ["connected", "snapshot", "update"]);
}

#[test]
fn count_ignores_messages_that_the_filter_removes() {
    let args = ["watch", "balances", "--demo", "--count", "2", "--filter", "usdt"];
    let outcome = run(&mut bitopro(&args));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(types(&outcome), ["connected", "snapshot", "update"]);
    assert!(outcome.json().iter().all(|line| line["data"]["TWD"].is_null()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_heartbeat_reports_the_freshness_of_each_stream() {
    let simulator = simulator().await;
    let mut running = Running::start(&mut watch(&simulator, "all", &["--heartbeat", "1ms"]));
    let mut fresh = std::collections::BTreeSet::new();
    while fresh.len() < 4 {
        let line = running.json();
        if line["type"] == "heartbeat" {
            assert!(line["received"].is_string(), "{line}");
            assert_eq!(line["age_ms"].is_null(), line["stale"] == true && line["as_of"].is_null(), "{line}");
            if line["stale"] == false {
                fresh.insert(line["stream"].as_str().unwrap().to_owned());
            }
        }
    }
    simulator.stop().await;
    loop {
        let line = running.json();
        if line["type"] == "heartbeat" && line["stale"] == true {
            break;
        }
    }
    let mut running = Running::start(&mut bitopro(&[
        "watch",
        "balances",
        "--demo",
        "--heartbeat",
        "1ms",
        "--format",
        "table",
    ]));
    loop {
        let line = running.line();
        if line.contains(" · balances: last event at ") {
            assert!(line.ends_with(" s ago"), "{line}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn once_with_the_state_ends_with_fresh_states() {
    let simulator = simulator().await;
    let outcome = run(&mut watch(&simulator, "all", &["--once", "--state"]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    for stream in ["account-balance", "active-orders", "history-orders"] {
        let states: Vec<_> = outcome
            .json()
            .into_iter()
            .filter(|line| line["type"] == "state" && line["stream"] == stream)
            .collect();
        assert_eq!(states.last().unwrap()["stale"], false, "{stream}: {}", outcome.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_history_with_the_state_prints_each_state_once() {
    let simulator = simulator().await;
    let mut running = Running::start(&mut watch(&simulator, "history", &["--state"]));
    for expected in ["connected", "snapshot", "state"] {
        assert_eq!(running.json()["type"], expected);
    }
    simulator.execute(&Command::Disconnect(None)).unwrap();
    for expected in ["disconnected", "state", "connected", "gap", "snapshot", "state"] {
        let line = running.json();
        assert_eq!((&line["type"], &line["stream"]), (&expected.into(), &"history-orders".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_stream_prints_the_same_state_twice_in_a_row() {
    let interval = std::time::Duration::from_millis(5);
    let simulator = Simulator::builder().with_market_interval(interval).start().await.unwrap();
    let mut running = Running::start(&mut watch(&simulator, "all", &["--state"]));
    let mut states = std::collections::BTreeMap::new();
    let mut next = || {
        let mut line = running.json();
        if line["type"] == "state" {
            let stream = line["stream"].as_str().unwrap().to_owned();
            (line["received"], line["age_ms"]) = Default::default();
            let last = states.insert(stream, line.clone());
            assert_ne!(last.as_ref(), Some(&line));
        }
        line
    };
    for _ in 0..2 {
        // The history closes orders in the state of the open orders.
        for _ in 0..30 {
            while next()["type"] != "update" {}
        }
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE);
        simulator.refuse_next(2, refusal);
        simulator.execute(&Command::Disconnect(None)).unwrap();
        while next()["type"] != "gap" {}
    }
}

#[test]
fn a_filter_that_matches_nothing_is_reported() {
    let filter = |format| {
        run(&mut bitopro(&["watch", "balances", "--demo", "--once", "--filter", "btv", "--format", format]))
    };
    let expected = "no balance matches `btv`; there are ADA, BCH, BITO, BNB, ";
    let ndjson = filter("ndjson");
    assert_eq!(ndjson.code, Some(0));
    assert!(ndjson.stderr.starts_with(&format!("bitopro: {expected}")), "{}", ndjson.stderr);
    let table = filter("table");
    assert_eq!(table.stderr, "");
    assert!(table.stdout.contains(&format!(" · {expected}")), "{}", table.stdout);
}

#[test]
fn times_must_be_positive() {
    for time in ["0", "30", "-30s", "soon", ""] {
        let outcome = run(&mut bitopro(&["watch", "balances", "--demo", &format!("--for={time}")]));
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains("expected a time such as 30s, 5m or 1h"), "{}", outcome.stderr);
    }
}
