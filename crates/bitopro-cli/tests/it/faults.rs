//! Processes that are stopped and go on. Names begin with the row of the catalogue of faults.
//!
//! Limits are short, and a machine that is slow may lose a connection once more: what is asserted holds all the same.

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
async fn fault_07_a_simulator_that_is_frozen_is_noticed_and_found_again_when_it_goes_on() {
    let mut sim = Running::start(&mut bitopro(&["sim", "--interval", "20"]));
    let values: Vec<String> = exports(&mut sim, 4).into_iter().map(|(_, value)| value).collect();
    let [url, key, secret, email] = &values[..] else { panic!("{values:?}") };
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
    // Far more than any limit here, for what would else be waited for without end.
    let mut next = async || timeout(120 * LIMIT, balances.next()).await.expect("something happens").unwrap();
    while !matches!(next().await, Item::Snapshot(_)) {}
    sim.signal("STOP");
    let lost = |item: &Item<_>, why| matches!(item, Item::Disconnected(disconnected) if disconnected.error.kind() == why);
    while !lost(&next().await, ErrorKind::Idle) {}
    // It is still listened for it, but nobody answers.
    while !lost(&next().await, ErrorKind::Network) {}
    sim.signal("CONT");
    let gap = loop {
        match next().await {
            Item::Gap(gap) => break gap,
            Item::Connected(_) | Item::Disconnected(_) => {}
            other => panic!("{other:?} where a gap was expected"),
        }
    };
    let mut latest = gap.before.unwrap().timestamp;
    assert!(latest > Timestamp::from_millis(0));
    // The simulator goes on with the old connection too, as far as it knows: nothing of that is heard.
    let mut heard = BTreeSet::new();
    for _ in 0..20 {
        if let Item::Snapshot(event) | Item::Update(event) = next().await {
            assert!(event.timestamp >= latest, "{event:?} is older than {latest}");
            latest = event.timestamp;
            assert!(heard.insert(event.event_id.clone()), "{event:?} is heard twice");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_40_a_watch_that_is_stopped_and_goes_on_tells_the_gap_and_the_truth() {
    let simulator = Simulator::builder()
        .with_ping_period(Duration::from_millis(20))
        .with_pong_deadline(LIMIT)
        .start()
        .await
        .unwrap();
    let mut running = Running::start(&mut watch(&simulator, "balances", &[]));
    while running.json()["type"] != "snapshot" {}
    running.signal("STOP");
    // It is dropped for want of a pong.
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
            assert!(may_precede, "{line} where a {expected} was expected");
        }
    }
}

#[cfg(unix)]
#[test]
fn fault_40_a_command_that_may_open_hardly_any_file_says_so_and_does_not_panic() {
    for limit in 6..=8 {
        let watch = bitopro(&["watch", "balances", "--demo", "--once"]);
        let limited = format!(r#"ulimit -n {limit} && exec "$0" "$@""#);
        let done =
            run(Command::new("sh").args(["-c", &limited]).arg(watch.get_program()).args(watch.get_args()));
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{limit}: {done:?}");
        assert!(
            done.stderr.contains("bitopro: ") && done.stderr.contains("os error 24"),
            "{limit}: {done:?}"
        );
    }
}
