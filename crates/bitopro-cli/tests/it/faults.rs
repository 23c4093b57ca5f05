//! Processes that are suspended and resumed. Names begin with the fault's number in the failure model.
//!
//! Limits are short, and a slow machine may lose a connection more than once. The assertions hold regardless.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use bitopro_client::model::{Balance, Timestamp};
use bitopro_client::{Client, Credentials, ErrorKind, Item};
use bitopro_sim::Simulator;
use tokio::time::timeout;

use crate::process::{Running, bitopro, run, watch};
use crate::sim::exports;

const LIMIT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn fault_07_a_frozen_simulator_is_detected_and_reconnected_when_it_resumes() {
    let mut sim = Running::start(&mut bitopro(&["sim", "--interval", "20"]));
    let values: Vec<String> = exports(&mut sim, 5).into_iter().map(|(_, value)| value).collect();
    let [url, _, key, secret, email] = &values[..] else { panic!("{values:?}") };
    let mut balances =
        Client::builder(Credentials::new(key.as_str(), secret.as_str(), email.as_str()).unwrap())
            .with_endpoint(url)
            .with_idle_limit(LIMIT)
            .with_dial_deadline(LIMIT)
            .with_backoff(Duration::from_millis(1), Duration::from_millis(1))
            .with_dial_budget(1_000_000, LIMIT)
            .build()
            .unwrap()
            .balances();
    // Much longer than any other limit, so that a missing item fails the test instead of blocking it.
    let mut next = async || timeout(120 * LIMIT, balances.next()).await.expect("no item arrived").unwrap();
    while !matches!(next().await, Item::Snapshot(_)) {}
    sim.signal("STOP");
    let is_lost =
        |item: &Item<_>, kind| matches!(item, Item::Disconnected(lost) if lost.error.kind() == kind);
    while !is_lost(&next().await, ErrorKind::Idle) {}
    // The kernel still accepts connections, but the frozen simulator does not answer.
    while !is_lost(&next().await, ErrorKind::Network) {}
    sim.signal("CONT");
    let gap = loop {
        match next().await {
            Item::Gap(gap) => break gap,
            Item::Connected(_) | Item::Disconnected(_) => {}
            other => panic!("expected a gap, got {other:?}"),
        }
    };
    let mut latest = gap.before.unwrap().timestamp;
    assert!(latest > Timestamp::from_millis(0));
    // The simulator resumes the old connection too. The client must not deliver anything from it.
    let mut delivered = BTreeSet::new();
    for _ in 0..20 {
        if let Item::Snapshot(event) | Item::Update(event) = next().await {
            assert!(event.timestamp >= latest, "{event:?} is older than {latest}");
            latest = event.timestamp;
            assert!(delivered.insert(event.event_id.clone()), "{event:?} is delivered twice");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_40_a_resumed_watch_reports_a_gap_and_the_current_state() {
    let simulator = Simulator::builder()
        .with_ping_period(Duration::from_millis(20))
        .with_pong_deadline(LIMIT)
        .start()
        .await
        .unwrap();
    let mut running = Running::start(&mut watch(&simulator, "balances", &[]));
    while running.json()["type"] != "snapshot" {}
    running.signal("STOP");
    // The simulator drops the connection because no pong arrives.
    while simulator.connections() > 0 {
        tokio::task::yield_now().await;
    }
    simulator.set_balance(Balance::new("BTC", 7.into())).unwrap();
    running.signal("CONT");
    for expected in ["disconnected", "gap", "snapshot"] {
        loop {
            let line = running.json();
            if line["type"] == expected {
                if expected == "snapshot" {
                    assert_eq!(line["data"]["BTC"]["amount"], "7");
                }
                break;
            }
            let may_precede = line["type"] == "connected" || line["type"] == "disconnected";
            assert!(may_precede, "expected {expected}, got {line}");
        }
    }
}

#[cfg(unix)]
#[test]
fn fault_40_a_low_limit_of_open_files_is_an_error_and_not_a_panic() {
    for limit in 6..=8 {
        let watch = bitopro(&["watch", "balances", "--demo", "--once"]);
        let limited = format!(r#"ulimit -n {limit} && exec "$0" "$@""#);
        let outcome =
            run(Command::new("sh").args(["-c", &limited]).arg(watch.get_program()).args(watch.get_args()));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{limit}: {outcome:?}");
        assert!(
            outcome.stderr.contains("bitopro: ") && outcome.stderr.contains("os error 24"),
            "{limit}: {outcome:?}"
        );
    }
}
