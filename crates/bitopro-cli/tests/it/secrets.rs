//! Nothing that signs a request shows, however much is logged.

use bitopro_sim::Simulator;

use crate::process::{Done, bitopro, run, with_credentials};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_log_shows_what_signs_a_request() {
    let simulator = Simulator::builder().start().await.unwrap();
    let credentials = simulator.credentials().clone();
    let url = simulator.ws_url().to_string();
    let watch = |secret: &str, url: &str| -> Done {
        let mut command = bitopro(&["watch", "balances", "--once", "--url", url]);
        with_credentials(
            command.env("RUST_LOG", "trace,tungstenite=trace"),
            &credentials.api_key,
            secret,
            &credentials.email,
        );
        run(&mut command)
    };
    let good = watch(&credentials.api_secret, &url);
    assert_eq!(good.code, Some(0));
    assert!(good.stderr.contains("TRACE"), "nothing was logged, so nothing was tested: {}", good.stderr);
    let refused = watch("an-other-secret", &url);
    assert_eq!(refused.code, Some(3));
    let lost = watch(&credentials.api_secret, &url.replace("/ws", "/nowhere"));
    assert_eq!(lost.code, Some(2));
    for done in [good, refused, lost] {
        let shown = done.stdout + &done.stderr;
        let secrets = [&credentials.api_secret, &credentials.api_key, &credentials.email];
        for secret in secrets.map(String::as_str).into_iter().chain(["an-other-secret", "eyJ"]) {
            assert!(!shown.contains(secret), "{secret} is in {shown}");
        }
    }
}

#[test]
fn frames_are_in_the_log_only_where_they_are_asked_for_by_name() {
    for (log, shows) in [
        ("trace", &["DEBUG hyper"][..]),
        ("trace,tokio_tungstenite=off", &["DEBUG hyper"]),
        ("trace,tungstenite=trace", &["DEBUG hyper", "DEBUG tungstenite", "payload: 0x7b"]),
        ("tungstenite=debug", &["DEBUG tungstenite"]),
        ("off", &[]),
    ] {
        let done = run(bitopro(&["watch", "balances", "--demo", "--once"]).env("RUST_LOG", log));
        assert_eq!(done.code, Some(0));
        for part in ["DEBUG hyper", "DEBUG tungstenite", "payload: 0x7b"] {
            assert_eq!(done.stderr.contains(part), shows.contains(&part), "{part}: {log}: {}", done.stderr);
        }
    }
}

#[test]
fn no_flag_takes_a_secret() {
    for command in [
        &["--help"][..],
        &["watch", "--help"],
        &["sim", "--help"],
        &["decode", "--help"],
        &["sign", "--help"],
        &["record", "--help"],
    ] {
        let done = run(&mut bitopro(command));
        assert_eq!(done.code, Some(0));
        for flag in ["--secret", "--api", "--key", "--email", "--password", "--insecure"] {
            assert!(!done.stdout.contains(flag), "{flag} in {}", done.stdout);
        }
    }
}
