//! Texts from outside that would control a terminal, and that are too long.

use bitopro_client::model::Balance;
use bitopro_client::transport::Refusal;
use bitopro_sim::{Command, Simulator};
use http::header::{CONTENT_TYPE, SERVER};
use http::{HeaderValue, StatusCode};

use crate::process::{Outcome, run, watch};

/// Escape codes, C1 controls, line separators, and controls that reorder or hide text.
const HOSTILE: &str = "\x1b[2J\x1b]0;t\x07\r\u{85}\u{9b}2J\u{2028}\u{202e}\u{2066}\u{200b}";
const ESCAPED: &str = r"\u{1b}[2J\u{1b}]0;t\u{7}\r\u{85}\u{9b}2J\u{2028}\u{202e}\u{2066}\u{200b}";

/// Asserts that the output shows the escaped text, and is printable and bounded.
fn assert_harmless(outcome: &Outcome, part: &str) {
    let Outcome { stdout, stderr, .. } = outcome;
    let shown = format!("{stdout}{stderr}");
    assert!(shown.contains(part), "`{part}` is missing in {shown:.5000}");
    let hostile: Vec<char> = HOSTILE.chars().filter(|c| !c.is_ascii_graphic()).collect();
    assert!(!shown.contains(&hostile[..]), "{shown:.5000}");
    assert!(shown.lines().all(|line| line.len() < 5_000), "a line is too long");
}

async fn watch_table(simulator: &Simulator, args: &[&str]) -> Outcome {
    let mut command = watch(simulator, "balances", &[&["--format", "table"], args].concat());
    tokio::task::spawn_blocking(move || run(command.env("RUST_LOG", "info"))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_57_a_hostile_currency_is_harmless_in_a_table() {
    let simulator = Simulator::builder().start().await.unwrap();
    let long = "x".repeat(1 << 20);
    simulator.set_balance(Balance::new(format!("{HOSTILE}{long}"), 7.into())).unwrap();
    for view in [&["--once"][..], &["--once", "--state"]] {
        let outcome = watch_table(&simulator, view).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_harmless(&outcome, &format!("{ESCAPED}xxx"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_57_a_hostile_refusal_or_close_reason_is_harmless_in_notes_errors_and_the_log() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut refusal = Refusal::new(StatusCode::NOT_FOUND);
    refusal.body = format!("{HOSTILE}{}", "x".repeat(1 << 20)).into();
    // A header cannot contain control characters of ASCII.
    let header = format!("\u{9b}2J\u{202e}{}", "x".repeat(2_000));
    for name in [SERVER, CONTENT_TYPE] {
        refusal.headers.insert(name, HeaderValue::from_bytes(header.as_bytes()).unwrap());
    }
    simulator.refuse_next(1, refusal);
    let outcome = watch_table(&simulator, &["--once"]).await;
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert_harmless(&outcome, ESCAPED);
    assert_harmless(&outcome, r"answered by \u{9b}2J\u{202e}xxx");

    let simulator = Simulator::builder().start().await.unwrap();
    let close = async {
        while simulator.connections() == 0 {
            tokio::task::yield_now().await;
        }
        simulator.execute(&Command::close(None, 1011, HOSTILE)).unwrap();
    };
    let (outcome, ()) = tokio::join!(watch_table(&simulator, &["--for", "3s"]), close);
    assert_harmless(&outcome, &format!("the server closed the connection with code 1011: {ESCAPED}"));
}
