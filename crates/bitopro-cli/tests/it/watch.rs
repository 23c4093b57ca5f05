use bitopro_client::model::Balance;
use bitopro_sim::{Command, Simulator};
use bitopro_transport::Refusal;
use http::{HeaderValue, StatusCode};

use crate::process::{Running, bitopro, run, watch, with_credentials};

#[test]
fn the_demo_shows_the_balances_without_account_or_network() {
    let done = run(&mut bitopro(&["watch", "balances", "--demo", "--once"]));
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert_eq!(done.types(), ["connected", "snapshot", "closed"]);
    let snapshot = &done.json()[1];
    assert_eq!(snapshot["stream"], "account-balance");
    assert!(snapshot["event_id"].is_string() && snapshot["timestamp"].is_u64(), "{snapshot}");
    assert_eq!(snapshot["data"]["ADA"]["amount"], "999999999999.99999999");
    assert_eq!(snapshot["data"]["ADA"]["tradable"], true);
}

#[test]
fn the_demo_moves_and_a_closed_pipe_ends_it() {
    let mut running = Running::start(&mut bitopro(&["watch", "balances", "--demo"]));
    for expected in ["connected", "snapshot", "update"] {
        assert_eq!(running.json()["type"], expected);
    }
    running.close_stdout();
    let (_, status) = running.finish();
    assert_eq!(status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_cleanly() {
    for signal in ["INT", "TERM"] {
        let mut running = Running::start(&mut bitopro(&["watch", "balances", "--demo"]));
        assert_eq!(running.json()["type"], "connected");
        running.signal(signal);
        let (rest, status) = running.finish();
        assert_eq!(status.code(), Some(0), "{signal}");
        let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!((&last["type"], &last["data"]["error"]), (&"closed".into(), &serde_json::Value::Null));
    }
}

#[test]
fn a_table_is_for_people_and_loses_no_digit() {
    let done = run(&mut bitopro(&["watch", "balances", "--demo", "--once", "--format", "table"]));
    assert_eq!(done.code, Some(0));
    assert!(done.stdout.contains("999999999999.99999999  999999999999.99999999\n"), "{}", done.stdout);
    assert!(!done.stdout.contains('\x1b'), "no colours into a pipe");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_name_from_the_network_acts_on_the_terminal() {
    let hostile = Balance::new("\x1b[2J\rBTC\u{202e}", 1.into());
    let simulator = Simulator::builder().with_balances([hostile]).start().await.unwrap();
    let mut running = Running::start(&mut watch(&simulator, "balances", &["--format", "table"]));
    assert!(running.line().starts_with("· connected to ws://127.0.0.1:"));
    assert!(running.line().starts_with("TIME UTC"));
    assert!(running.line().contains(r"\u{1b}[2J\rBTC\u{202e}"));
    simulator.set_balance(Balance::new("\x1b[31mETH", 0.into()));
    assert!(running.line().contains(r"\u{1b}[31mETH"));
    simulator.execute(&Command::text(None, "{\"event\":\"\\u001b]0;title\\u0007\"}")).unwrap();
    assert!(running.line().contains(r"unknown event \u{1b}]0;title\u{7}"));
    simulator.execute(&Command::close(None, 1001, "\x1b[2Jbye")).unwrap();
    let closed = running.line();
    assert!(closed.starts_with("· disconnected: ") && !closed.contains('\x1b'), "{closed}");
    assert!(running.line().starts_with("· connected to "));
    let gap = running.line();
    assert!(
        gap.starts_with("· gap: events may be missing") && gap.contains("; first event after: "),
        "{gap}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_balance_has_the_same_change_in_both_views() {
    for args in [&["--format", "table"][..], &["--format", "table", "--state"]] {
        let balances = [("BTC", 10), ("TWD", 1_000)].map(|(code, amount)| Balance::new(code, amount.into()));
        let simulator = Simulator::builder().with_balances(balances).start().await.unwrap();
        let set = |code, amount: &str| {
            simulator.set_balance(Balance::new(code, amount.parse().unwrap())).unwrap();
        };
        let mut running = Running::start(&mut watch(&simulator, "balances", args));
        let mut line_of = |code: &str| loop {
            let line = running.line();
            if line.split_whitespace().nth(1) == Some(code) {
                break line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
            }
        };
        assert_eq!(line_of("BTC"), "10 10");
        assert_eq!(line_of("TWD"), "1000 1000");
        for (amount, change) in [("9.75", "-0.25"), ("10", "+0.25")] {
            set("BTC", amount);
            assert_eq!(line_of("BTC"), format!("{amount} {amount} {change}"));
        }
        set("TWD", "1001");
        if args.contains(&"--state") {
            assert_eq!(line_of("BTC"), "10 10 +0.25");
        }
        assert_eq!(line_of("TWD"), "1001 1001 +1");
        // A snapshot after a gap reports the changes that the gap hid.
        simulator.execute(&Command::Disconnect(None)).unwrap();
        set("TWD", "999.5");
        let unchanged = if args.contains(&"--state") { "10 10 +0.25" } else { "10 10" };
        assert_eq!(line_of("BTC"), unchanged);
        assert_eq!(line_of("TWD"), "999.5 999.5 -1.5");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_happens_to_a_stream_is_in_its_lines() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut running = Running::start(&mut watch(&simulator, "balances", &[]));
    let mut read = || running.json();
    assert_eq!(read()["data"]["connection"], 1);
    let snapshot = read();
    simulator.execute(&Command::text(None, "{\"event\":\n\"MARGIN_BALANCE_INFO\", \"data\": 1.10}")).unwrap();
    let unknown = read();
    assert_eq!(
        (&unknown["type"], &unknown["data"]["event"]),
        (&"unknown".into(), &"MARGIN_BALANCE_INFO".into())
    );
    simulator.execute(&Command::text(None, "{\"event\":\"ACCOUNT_BALANCE\"}")).unwrap();
    let malformed = read();
    assert_eq!(malformed["type"], "malformed");
    assert_eq!(malformed["data"]["raw"], "{\"event\":\"ACCOUNT_BALANCE\"}");
    simulator.execute(&Command::Disconnect(None)).unwrap();
    assert_eq!(read()["type"], "disconnected");
    assert_eq!(read()["data"]["connection"], 2);
    let gap = read();
    assert_eq!((&gap["type"], &gap["data"]["reason"]), (&"gap".into(), &"reconnected".into()));
    assert_eq!(gap["data"]["before"]["event_id"], snapshot["event_id"]);
    let again = read();
    assert_eq!(gap["data"]["after"]["event_id"], again["event_id"]);
    assert_eq!((&again["type"], &again["data"]), (&"snapshot".into(), &snapshot["data"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_kind_of_failure_has_its_exit_code() {
    let refusing = async |status: StatusCode| {
        let simulator = Simulator::builder().start().await.unwrap();
        let mut refusal = Refusal::new(status);
        // A 429 that gives no time pauses for longer than a test should take.
        refusal.headers.insert("retry-after", HeaderValue::from_static("0"));
        simulator.refuse_next(9, refusal);
        let done = run(&mut watch(&simulator, "balances", &["--once"]));
        (done.code, simulator.upgrade_attempts().len(), done)
    };
    for (status, code, dials, told) in [
        (StatusCode::UNAUTHORIZED, 3, 2, "check key, secret and email"),
        (StatusCode::FORBIDDEN, 3, 2, "permissions"),
        (StatusCode::NOT_FOUND, 2, 1, "base URL"),
        (StatusCode::OK, 2, 1, "base URL"),
        (StatusCode::TEMPORARY_REDIRECT, 2, 1, "not followed"),
        (StatusCode::TOO_MANY_REQUESTS, 6, 3, "too many requests"),
        (StatusCode::CONFLICT, 7, 3, "NTP"),
        (StatusCode::BAD_GATEWAY, 4, 3, "cannot answer"),
        (StatusCode::BAD_REQUEST, 1, 1, "newer version"),
    ] {
        let (ended, dialled, done) = refusing(status).await;
        assert_eq!((ended, dialled), (Some(code), dials), "{status}: {}", done.stderr);
        assert!(done.stderr.starts_with("bitopro: ") && done.stderr.contains(told), "{}", done.stderr);
        assert_eq!(done.types().last().map(String::as_str), Some("closed"));
    }
}

/// Elsewhere the roots are the system's own, which nothing in the environment takes away.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_ca_certificates_says_so_and_ends_with_2() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("wss://{}/ws", listener.local_addr().unwrap());
    let mut command = bitopro(&["watch", "balances", "--url", &url]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let done = run(command.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere"));
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.stderr.contains("CA certificates"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn once_does_not_wait_for_a_try_that_is_far_off() {
    for (status, code) in [(StatusCode::TOO_MANY_REQUESTS, 6), (StatusCode::SERVICE_UNAVAILABLE, 4)] {
        let simulator = Simulator::builder().start().await.unwrap();
        let mut refusal = Refusal::new(status);
        refusal.headers.insert("retry-after", HeaderValue::from_static("3000"));
        simulator.refuse_next(9, refusal);
        let done = run(&mut watch(&simulator, "balances", &["--once"]));
        assert_eq!((done.code, simulator.upgrade_attempts().len()), (Some(code), 1), "{}", done.stderr);
        assert_eq!(done.types(), ["disconnected", "closed"]);
        assert!(done.json()[1]["data"]["error"].is_string(), "{}", done.stdout);
        // What was asked for, and up to about a second of jitter.
        assert!(["3000 s", "3001 s"].iter().any(|wait| done.stderr.contains(wait)), "{}", done.stderr);
    }
}

#[test]
fn what_a_user_gets_wrong_is_told_before_anything_is_dialled() {
    let missing = run(&mut bitopro(&["watch", "balances"]));
    assert_eq!(missing.code, Some(3));
    assert!(
        missing.stderr.contains("BITOPRO_API_KEY") && missing.stderr.contains("--demo"),
        "{}",
        missing.stderr
    );

    for (args, told) in [
        (&["--url", "http://127.0.0.1/ws"][..], "wss://"),
        (&["--url", "nonsense"], "wss://"),
        (&["--url", "wss://"], "not a URL"),
        (&["--url", "ws://stream.bitopro.com/ws"], "clear text"),
        (&["--url", "ws://127.0.0.1:1/ws", "--ca-file", "/nowhere/ca.pem"], "/nowhere/ca.pem"),
    ] {
        let mut command = bitopro(&["watch", "balances"]);
        with_credentials(command.args(args), "key", "secret", "me@example.com");
        let done = run(&mut command);
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(told), "{}", done.stderr);
    }
    for args in [
        &["watch", "nothing"][..],
        &["watch", "balances", "--demo", "--url", "ws://127.0.0.1/ws"],
        &["watch"],
    ] {
        assert_eq!(run(&mut bitopro(args)).code, Some(2), "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_55_a_message_beyond_the_limit_is_reported_with_the_option_that_raises_it() {
    let simulator = Simulator::builder().start().await.unwrap();
    let done = run(&mut watch(&simulator, "balances", &["--once", "--message-limit", "1000"]));
    assert_eq!(done.code, Some(4), "{}", done.stderr);
    let expected = "exceeds the limit of 1000 bytes; raise it with `Limits::message_bytes`";
    assert!(done.stderr.contains(&format!("{expected} (here `--message-limit`)")), "{}", done.stderr);
    assert!(done.json()[1]["data"]["error"].as_str().unwrap().ends_with(expected), "{}", done.stdout);
    let done = run(&mut bitopro(&["watch", "balances", "--message-limit", "0"]));
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("a number of bytes, at least 1"), "{}", done.stderr);
}

#[test]
fn nobody_there_is_a_network_failure_after_three_tries() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    drop(listener);
    let mut command = bitopro(&["watch", "balances", "--once", "--url", &url]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let done = run(&mut command);
    assert_eq!(
        (done.code, done.types()),
        (Some(4), vec!["disconnected".to_owned(), "disconnected".to_owned(), "closed".to_owned()])
    );
    assert!(done.stderr.contains("because: no connection to 127.0.0.1:"), "{}", done.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn credentials_may_come_from_a_file_that_is_the_user_s_alone() {
    use std::os::unix::fs::PermissionsExt;

    let simulator = Simulator::builder().start().await.unwrap();
    let credentials = simulator.credentials();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bitopro.env");
    let text = format!(
        "export BITOPRO_API_KEY={}\nBITOPRO_API_SECRET='{}'\nBITOPRO_EMAIL={}\n",
        credentials.api_key, credentials.api_secret, credentials.email
    );
    std::fs::write(&path, text).unwrap();
    for (mode, code) in [(0o600, 0), (0o400, 0), (0o640, 3), (0o604, 3), (0o666, 3)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let url = simulator.ws_url().to_string();
        let path = path.to_str().unwrap();
        let mut command = bitopro(&["watch", "balances", "--once", "--url", &url, "--credentials", path]);
        let done = run(command.env("BITOPRO_API_KEY", "not-this-one"));
        assert_eq!(done.code, Some(code), "{mode:o}: {}", done.stderr);
        assert_eq!(done.stderr.contains("chmod 600"), code == 3, "{}", done.stderr);
    }
}
