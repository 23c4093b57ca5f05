//! `bitopro check`.

use bitopro_sim::Simulator;

use crate::process::{Outcome, bitopro, run, with_credentials};

/// Returns the step and the result of each line.
fn results(outcome: &Outcome) -> Vec<String> {
    let json = outcome.json();
    json.iter()
        .map(|line| format!("{} {}", line["step"].as_str().unwrap(), line["result"].as_str().unwrap()))
        .collect()
}

/// Returns the text of a step.
fn text(outcome: &Outcome, step: &str) -> String {
    let lines = outcome.json();
    let line = lines.iter().find(|line| line["step"] == step).unwrap();
    line["text"].as_str().unwrap().to_owned()
}

async fn check(simulator: &Simulator, secret: Option<&str>) -> Outcome {
    let credentials = simulator.credentials().clone();
    let mut command = bitopro(&["check", "-o", "json"]);
    command.env("BITOPRO_WS_URL", simulator.ws_url().to_string());
    command.env("BITOPRO_REST_URL", simulator.rest_url().to_string());
    if let Some(secret) = secret {
        with_credentials(&mut command, &credentials.api_key, secret, &credentials.email);
    }
    tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap()
}

#[test]
fn the_demo_passes_every_step() {
    let outcome = run(&mut bitopro(&["check", "--demo", "-o", "json"]));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let steps = ["credentials", "proxy", "dns", "tcp", "clock", "key", "stream", "ping"];
    assert_eq!(results(&outcome), steps.map(|step| format!("{step} ok")));
    assert!(outcome.json().iter().all(|line| line["ms"].is_u64()), "{}", outcome.stdout);
    let table = run(&mut bitopro(&["check", "--demo", "--format", "table"]));
    assert!(table.stdout.starts_with("ok       credentials  complete (0 ms)\n"), "{}", table.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wrong_secret_fails_the_steps_that_are_signed() {
    let simulator = Simulator::builder().start().await.unwrap();
    let outcome = check(&simulator, Some("another-secret")).await;
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    let results = results(&outcome);
    assert_eq!(results[4..], ["clock ok", "key failed", "stream failed", "ping skipped"]);
    assert!(text(&outcome, "stream").contains("check that the API key"), "{}", text(&outcome, "stream"));
    let credentials = simulator.credentials();
    for secret in ["another-secret", &credentials.api_key, &credentials.email] {
        assert!(!outcome.stdout.contains(secret), "{}", outcome.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_credentials_the_network_is_still_checked() {
    let simulator = Simulator::builder().start().await.unwrap();
    let outcome = check(&simulator, None).await;
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    let expected = [
        "credentials failed",
        "proxy ok",
        "dns ok",
        "tcp ok",
        "clock ok",
        "key skipped",
        "stream skipped",
        "ping skipped",
    ];
    assert_eq!(results(&outcome), expected);
    assert!(text(&outcome, "credentials").contains("BITOPRO_API_KEY"));
}

#[test]
fn a_server_that_cannot_be_reached_fails_at_tcp() {
    // The port is free again once the listener is dropped.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut command = bitopro(&["check", "-o", "json", "--url", &format!("ws://{address}/ws")]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let outcome = run(&mut command);
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert_eq!(
        results(&outcome)[2..],
        ["dns ok", "tcp failed", "clock skipped", "key skipped", "stream failed", "ping skipped"]
    );
    assert!(text(&outcome, "clock").starts_with("the REST API is off"), "{outcome:?}");
}

#[test]
fn a_proxy_of_the_environment_is_named_without_its_password() {
    let mut command = bitopro(&["check", "-o", "json"]);
    command.env("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:1");
    let outcome = run(&mut command);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert_eq!(results(&outcome)[1..4], ["proxy ok", "dns skipped", "tcp skipped"]);
    assert_eq!(text(&outcome, "proxy"), "http://127.0.0.1:1 is used, because of the environment");
    assert!(!outcome.stdout.contains("hunter2"));
    let mut command = bitopro(&["check", "-o", "json"]);
    let outcome = run(command.env("HTTPS_PROXY", "ftp://127.0.0.1:1"));
    assert_eq!(results(&outcome)[1..4], ["proxy failed", "dns skipped", "tcp skipped"]);
}
