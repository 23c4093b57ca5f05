use bitopro_client::model::Balance;
use bitopro_sim::{Command, Simulator};
use bitopro_transport::Refusal;
use http::{HeaderValue, StatusCode};

use crate::process::{Running, bitopro, run, watch, with_credentials};

#[test]
fn the_demo_needs_neither_an_account_nor_a_network() {
    let outcome = run(&mut bitopro(&["watch", "balances", "--demo", "--once"]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(outcome.types(), ["connected", "snapshot", "closed"]);
    let snapshot = &outcome.json()[1];
    assert_eq!(snapshot["stream"], "account-balance");
    assert!(snapshot["event_id"].is_string() && snapshot["timestamp"].is_u64(), "{snapshot}");
    assert_eq!(snapshot["data"]["ADA"]["amount"], "3204.118");
    assert_eq!(snapshot["data"]["ADA"]["tradable"], true);
}

#[test]
fn the_demo_prints_updates_until_the_pipe_is_closed() {
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
fn a_signal_ends_the_command_cleanly() {
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
fn a_table_shows_every_digit_without_colours_in_a_pipe() {
    let outcome = run(&mut bitopro(&["watch", "balances", "--demo", "--once", "--format", "table"]));
    assert_eq!(outcome.code, Some(0));
    let row = ["TWD", "1588789.068981", "1394689.068981"];
    assert!(outcome.stdout.lines().any(|line| line.split_whitespace().skip(1).eq(row)), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains('\x1b'), "no colours into a pipe");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn names_from_the_network_are_escaped() {
    let hostile = Balance::new("\x1b[2J\rBTC\u{202e}", 1.into());
    let simulator = Simulator::builder().with_balances([hostile]).start().await.unwrap();
    let mut running = Running::start(&mut watch(&simulator, "balances", &["--format", "table"]));
    assert!(running.note().starts_with("connected to ws://127.0.0.1:"));
    assert!(running.line().starts_with("TIME UTC"));
    assert!(running.line().contains(r"\u{1b}[2J\rBTC\u{202e}"));
    simulator.set_balance(Balance::new("\x1b[31mETH", 0.into()));
    assert!(running.line().contains(r"\u{1b}[31mETH"));
    simulator.execute(&Command::text(None, "{\"event\":\"\\u001b]0;title\\u0007\"}")).unwrap();
    assert!(running.line().contains(r"unknown event \u{1b}]0;title\u{7}"));
    simulator.execute(&Command::close(None, 1001, "\x1b[2Jbye")).unwrap();
    let closed = running.note();
    assert!(closed.starts_with("disconnected: ") && !closed.contains('\x1b'), "{closed}");
    let gap = running.note();
    assert!(gap.starts_with("connected again after ") && gap.ends_with(" may be missing"), "{gap}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn both_table_views_show_the_same_balance_changes() {
    for args in [&["--format", "table"][..], &["--format", "table", "--state"]] {
        let balances = [("BTC", 10), ("TWD", 1_000)].map(|(code, amount)| Balance::new(code, amount.into()));
        let simulator = Simulator::builder().with_balances(balances).start().await.unwrap();
        let set = |code, amount: &str| {
            simulator.set_balance(Balance::new(code, amount.parse().unwrap())).unwrap();
        };
        let mut running = Running::start(&mut watch(&simulator, "balances", args));
        // The rows of a state have no time.
        let times = usize::from(!args.contains(&"--state"));
        let mut line_of = |code: &str| loop {
            let line = running.line();
            if line.split_whitespace().nth(times) == Some(code) {
                break line.split_whitespace().skip(times + 1).collect::<Vec<_>>().join(" ");
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
async fn connection_events_are_printed_in_order() {
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
async fn each_kind_of_refusal_has_its_exit_code() {
    let watch_refused = async |status: StatusCode| {
        let simulator = Simulator::builder().start().await.unwrap();
        let mut refusal = Refusal::new(status);
        // Without the header, a 429 would pause for too long.
        refusal.headers.insert("retry-after", HeaderValue::from_static("0"));
        simulator.refuse_next(9, refusal);
        let outcome = run(&mut watch(&simulator, "balances", &["--once"]));
        (outcome.code, simulator.upgrade_attempts().len(), outcome)
    };
    for (status, code, dials, expected) in [
        (StatusCode::UNAUTHORIZED, 3, 2, "check that the API key, secret and email belong together"),
        (StatusCode::FORBIDDEN, 3, 2, "permissions"),
        (StatusCode::NOT_FOUND, 2, 1, "base URL"),
        (StatusCode::OK, 2, 1, "no stream was opened at"),
        (StatusCode::TEMPORARY_REDIRECT, 2, 1, "the server redirects"),
        (StatusCode::TOO_MANY_REQUESTS, 6, 3, "too many requests"),
        (StatusCode::CONFLICT, 7, 3, "NTP"),
        (StatusCode::BAD_GATEWAY, 4, 3, "temporarily unavailable"),
        (StatusCode::BAD_REQUEST, 1, 1, "newer version"),
    ] {
        let (ended, dialled, outcome) = watch_refused(status).await;
        assert_eq!((ended, dialled), (Some(code), dials), "{status}: {}", outcome.stderr);
        assert!(
            outcome.stderr.starts_with("bitopro: ") && outcome.stderr.contains(expected),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.types().last().map(String::as_str), Some("closed"));
    }
}

/// Only on Linux, since elsewhere the environment cannot replace the system's root certificates.
#[cfg(target_os = "linux")]
#[test]
fn missing_ca_certificates_are_a_usage_error() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("wss://{}/ws", listener.local_addr().unwrap());
    let mut command = bitopro(&["watch", "balances", "--url", &url]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let outcome = run(command.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere"));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("CA certificates"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn once_does_not_wait_for_a_distant_dial() {
    for (status, code) in [(StatusCode::TOO_MANY_REQUESTS, 6), (StatusCode::SERVICE_UNAVAILABLE, 4)] {
        let simulator = Simulator::builder().start().await.unwrap();
        let mut refusal = Refusal::new(status);
        refusal.headers.insert("retry-after", HeaderValue::from_static("3000"));
        simulator.refuse_next(9, refusal);
        let outcome = run(&mut watch(&simulator, "balances", &["--once"]));
        assert_eq!((outcome.code, simulator.upgrade_attempts().len()), (Some(code), 1), "{}", outcome.stderr);
        assert_eq!(outcome.types(), ["disconnected", "closed"]);
        assert!(outcome.json()[1]["data"]["error"].is_string(), "{}", outcome.stdout);
        // The requested time, with up to about 1 s of jitter.
        assert!(["3000 s", "3001 s"].iter().any(|wait| outcome.stderr.contains(wait)), "{}", outcome.stderr);
    }
}

#[test]
fn usage_errors_are_reported_before_the_first_dial() {
    let missing = run(&mut bitopro(&["watch", "balances"]));
    assert_eq!(missing.code, Some(3));
    assert!(
        missing.stderr.contains("BITOPRO_API_KEY") && missing.stderr.contains("--demo"),
        "{}",
        missing.stderr
    );

    for (args, expected) in [
        (&["--url", "http://127.0.0.1/ws"][..], "wss://"),
        (&["--url", "nonsense"], "wss://"),
        (&["--url", "wss://"], "not a URL"),
        (&["--url", "ws://stream.bitopro.com/ws"], "unencrypted"),
        (&["--url", "ws://127.0.0.1:1/ws", "--ca-file", "/nowhere/ca.pem"], "/nowhere/ca.pem"),
    ] {
        let mut command = bitopro(&["watch", "balances"]);
        with_credentials(command.args(args), "key", "secret", "me@example.com");
        let outcome = run(&mut command);
        assert_eq!(outcome.code, Some(2), "{args:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
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
    let outcome = run(&mut watch(&simulator, "balances", &["--once", "--message-limit", "1000"]));
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    let expected = "exceeds the limit of 1000 bytes; raise it with ";
    assert!(outcome.stderr.contains(&format!("{expected}`--message-limit`")), "{}", outcome.stderr);
    let error = outcome.json()[1]["data"]["error"].as_str().unwrap().to_owned();
    assert!(error.ends_with(&format!("{expected}`--message-limit`")), "{error}");
    let outcome = run(&mut bitopro(&["watch", "balances", "--message-limit", "0"]));
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("a number of bytes, at least 1"), "{}", outcome.stderr);
}

#[test]
fn a_refused_tcp_connection_is_a_network_failure_after_three_attempts() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    drop(listener);
    let mut command = bitopro(&["watch", "balances", "--once", "--url", &url]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let outcome = run(&mut command);
    assert_eq!(
        (outcome.code, outcome.types()),
        (Some(4), vec!["disconnected".to_owned(), "disconnected".to_owned(), "closed".to_owned()])
    );
    assert!(outcome.stderr.contains("caused by: no TCP connection to 127.0.0.1:"), "{}", outcome.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_credentials_file_must_not_be_accessible_to_other_users() {
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
        let outcome = run(command.env("BITOPRO_API_KEY", "not-this-one"));
        assert_eq!(outcome.code, Some(code), "{mode:o}: {}", outcome.stderr);
        let refused =
            format!("the credentials file {path} has mode {mode:o}, so other users have access to it");
        assert_eq!(outcome.stderr.contains(&refused), code == 3, "{}", outcome.stderr);
        assert_eq!(outcome.stderr.contains("chmod 600"), code == 3, "{}", outcome.stderr);
    }
    let outcome = run(&mut bitopro(&["sign", "--credentials", directory.path().to_str().unwrap()]));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(" is a directory; `--credentials` needs a file"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("chmod"), "{}", outcome.stderr);
}
