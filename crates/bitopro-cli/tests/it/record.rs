use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bitopro_client::model::{AccountBalance, Balance, PrivateStream, parse_decimal};
use bitopro_sim::{self as sim, SimCredentials, Simulator};

use crate::process::{Outcome, bitopro, run, with_credentials};

fn record(simulator: &Simulator, file: &Path, args: &[&str]) -> Command {
    let account = simulator.credentials();
    let mut command = bitopro(&["record", file.to_str().unwrap()]);
    command.args(args).env("BITOPRO_WS_URL", simulator.ws_url().to_string());
    with_credentials(&mut command, &account.api_key, &account.api_secret, &account.email);
    command
}

/// Runs the command, and calls `action` after it has received the snapshot.
fn run_with_action(command: &mut Command, action: impl FnOnce()) -> Outcome {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut stdout = String::new();
    while !stdout.contains("snapshot") {
        assert_ne!(output.read_line(&mut stdout).unwrap(), 0, "{stdout}");
    }
    action();
    output.read_to_string(&mut stdout).unwrap();
    let rest = child.wait_with_output().unwrap();
    Outcome { code: rest.status.code(), stdout, stderr: String::from_utf8(rest.stderr).unwrap() }
}

fn btc(amount: &str) -> Balance {
    Balance::new("BTC", parse_decimal(amount).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_recording_contains_the_messages_without_personal_data() {
    let simulator = Simulator::builder().with_seed(3).with_tls().start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let [file, ca_file] = ["balances.jsonl", "ca.pem"].map(|name| dir.path().join(name));
    fs::write(&ca_file, simulator.ca_pem().unwrap()).unwrap();
    let before = simulator.balances();
    let mut command = record(&simulator, &file, &["--updates", "2"]);
    let outcome = run_with_action(command.env("BITOPRO_CA_FILE", ca_file), || {
        simulator.set_balance(btc("1234.5678"));
        simulator.set_balance(btc("1"));
    });
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let last = outcome.stdout.lines().last().unwrap();
    assert!(last.starts_with("recorded a snapshot and 2 updates; review "), "{last}");

    let text = fs::read_to_string(&file).unwrap();
    let events: Vec<_> = text.lines().map(|line| AccountBalance::from_json(line).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event.data.len()).collect::<Vec<_>>(), [before.len(), 1, 1]);
    let sent = simulator.sent().into_iter().filter(|sent| sent.stream == PrivateStream::AccountBalance);
    let ids: Vec<String> = sent.map(|sent| sent.event_id.unwrap().to_string()).collect();
    let SimCredentials { email, api_key, api_secret, .. } = simulator.credentials();
    for personal in ids.iter().chain([email, api_key, api_secret, &"1234.5678".to_owned()]) {
        assert!(!text.contains(personal), "{personal} is in {text}");
    }
    for (number, (event, line)) in events.iter().zip(text.lines()).enumerate() {
        assert_eq!(serde_json::to_string(event).unwrap(), line);
        assert_eq!(
            event.event_id.as_ref().unwrap().as_str(),
            format!("00000000-0000-4000-8000-{number:012}")
        );
    }
    let snapshot = &events[0].data;
    for (old, new) in before.values().zip(snapshot) {
        assert_eq!((&old.currency, old.tradable), (&new.currency, new.tradable));
        assert_eq!(old.amount.is_zero(), new.amount.is_zero());
        assert!(new.available <= new.amount);
    }
    let [first, second] = [1, 2].map(|at| events[at].data.iter().next().unwrap().amount.to_string());
    assert_eq!((first.len(), second.len()), ("1234.5678".len(), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_existing_file_is_not_overwritten() {
    let simulator = Simulator::builder().start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("balances.jsonl");
    fs::write(&file, "mine").unwrap();
    let outcome = run(&mut record(&simulator, &file, &[]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(outcome.stderr.contains("already exists; choose another file"), "{}", outcome.stderr);
    assert!(simulator.upgrade_attempts().is_empty());

    fs::remove_file(&file).unwrap();
    let outcome = run_with_action(&mut record(&simulator, &file, &[]), || {
        fs::write(&file, "mine").unwrap();
        simulator.set_balance(btc("7"));
    });
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_file_is_written_if_a_secret_would_be_in_it() {
    let SimCredentials { email, api_key, .. } = SimCredentials::demo();
    for (name, expected) in [
        (email.clone(), "the account's email address"),
        (hex::encode(api_key), "the API key"),
        (format!("={}", STANDARD.encode(email)), "the account's email address"),
    ] {
        let simulator = Simulator::builder().start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("balances.jsonl");
        let text = format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{}},"{name}":1}}"#);
        let outcome = run_with_action(&mut record(&simulator, &file, &[]), || {
            simulator.execute(&sim::Command::text(None, text)).unwrap();
        });
        assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
        assert!(
            outcome
                .stderr
                .contains(&format!("message 2 contains {expected} after scrubbing; no file was written")),
            "{}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains(&name) && fs::read_dir(dir.path()).unwrap().next().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_error_for_a_rejected_key_says_what_to_check_and_shows_no_secret() {
    let simulator = Simulator::builder().start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("balances.jsonl");
    let SimCredentials { email, api_key, .. } = simulator.credentials();
    let mut command = record(&simulator, &file, &[]);
    with_credentials(&mut command, api_key, "a-wrong-secret", email);
    let outcome = run(&mut command);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no snapshot was recorded"), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("check that the API key, secret and email belong together"),
        "{}",
        outcome.stderr
    );
    let shown = outcome.stdout + &outcome.stderr;
    for secret in [email, api_key, "a-wrong-secret"] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
    assert!(!file.exists());
}

#[test]
fn a_failed_dial_is_reported_with_its_cause() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut command = bitopro(&["record", "never-written"]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let outcome = run(command.env("BITOPRO_WS_URL", format!("ws://{address}/ws")));
    let cause = format!("cannot connect to the exchange; caused by: no TCP connection to {address}: ");
    let first = outcome.stdout.lines().next().unwrap();
    assert!(first.starts_with(&cause) && first.contains("; next dial in "), "{}", outcome.stdout);
}

#[test]
fn credentials_come_from_the_environment() {
    let outcome = run(&mut bitopro(&["record", "/nowhere/balances.jsonl"]));
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stderr.contains("BITOPRO_API_KEY"), "{}", outcome.stderr);
}
