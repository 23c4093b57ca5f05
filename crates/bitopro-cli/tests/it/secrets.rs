//! Credentials and signatures never appear in the output, at any log level.

use bitopro_sim::Simulator;
use wiremock::{Request, ResponseTemplate};

use crate::process::{Outcome, bitopro, run, with_credentials};
use crate::query::RestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_log_shows_credentials_or_signatures() {
    let simulator = Simulator::builder().start().await.unwrap();
    let credentials = simulator.credentials().clone();
    let url = simulator.ws_url().to_string();
    let watch = |secret: &str, url: &str| -> Outcome {
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
    assert!(good.stderr.contains("TRACE"), "nothing was logged, so the test checks nothing: {}", good.stderr);
    let refused = watch("another-secret", &url);
    assert_eq!(refused.code, Some(3));
    let wrong_path = watch(&credentials.api_secret, &url.replace("/ws", "/nowhere"));
    assert_eq!(wrong_path.code, Some(2));
    for outcome in [good, refused, wrong_path] {
        let shown = outcome.stdout + &outcome.stderr;
        let secrets = [&credentials.api_secret, &credentials.api_key, &credentials.email];
        for secret in secrets.map(String::as_str).into_iter().chain(["another-secret", "eyJ"]) {
            assert!(!shown.contains(secret), "{secret} is in {shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_log_of_a_call_shows_credentials_or_signatures() {
    let server = RestServer::start().await;
    // A server that echoes what it has received, in a reply and in a refusal.
    let echo = |status: u16| {
        move |request: &Request| {
            let header = |name: &str| request.headers[name].to_str().unwrap();
            let sent = ["x-bitopro-apikey", "x-bitopro-payload", "x-bitopro-signature"].map(header);
            let body = serde_json::json!({ "error": sent.join(" "), "data": sent });
            ResponseTemplate::new(status).set_body_json(body)
        }
    };
    server.respond_with("/v3/accounts/balance", echo(200)).await;
    server.respond_with("/v3/orders/open", echo(401)).await;
    for (name, code) in [("balances", 5), ("orders", 3)] {
        let outcome = run(server.command(&[name]).env("RUST_LOG", "trace"));
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("TRACE"), "nothing was logged: {}", outcome.stderr);
        let [key, secret, email] = RestServer::CREDENTIALS;
        for secret in [key, secret, email, "eyJ"] {
            assert!(!format!("{outcome:?}").contains(secret), "{secret} is in {outcome:#?}");
        }
    }
}

#[test]
fn frames_are_logged_only_if_the_filter_names_tungstenite() {
    for (filter, expected) in [
        ("trace", &["DEBUG hyper"][..]),
        ("trace,tokio_tungstenite=off", &["DEBUG hyper"]),
        ("trace,tungstenite=trace", &["DEBUG hyper", "DEBUG tungstenite", "payload: 0x7b"]),
        ("tungstenite=debug", &["DEBUG tungstenite"]),
        ("off", &[]),
    ] {
        let outcome = run(bitopro(&["watch", "balances", "--demo", "--once"]).env("RUST_LOG", filter));
        assert_eq!(outcome.code, Some(0));
        // The names of spans may be between the two words.
        let is_shown = |(first, second): (&str, &str)| {
            let second = format!(" {second}");
            outcome.stderr.lines().any(|line| line.contains(first) && line.contains(&second))
        };
        for part in ["DEBUG hyper", "DEBUG tungstenite", "payload: 0x7b"] {
            assert_eq!(
                is_shown(part.split_once(' ').unwrap()),
                expected.contains(&part),
                "{part}: {filter}: {}",
                outcome.stderr
            );
        }
    }
}

#[test]
fn an_invalid_filter_is_reported_and_nothing_is_logged() {
    for (filter, is_valid) in [("info,=", false), ("bitopro_client=loud", false), ("info", true), ("", true)]
    {
        let outcome = run(bitopro(&["watch", "balances", "--demo", "--once"]).env("RUST_LOG", filter));
        assert_eq!(outcome.code, Some(0));
        let reports = outcome.stderr.matches("bitopro: nothing is logged, because RUST_LOG is invalid: ");
        assert_eq!(reports.count(), usize::from(!is_valid), "{filter}: {}", outcome.stderr);
        let is_logged = outcome.stderr.contains(" INFO connection{stream=\"account-balance\" connection=1");
        assert_eq!(is_logged, filter == "info", "{filter}: {}", outcome.stderr);
    }
    let misspelt = run(bitopro(&["watch", "balances", "--demo", "--once"]).env("RUST_LOG", "inof"));
    let expected = "bitopro: RUST_LOG selects the crate `inof`; did you mean the level `info`?\n";
    assert_eq!((misspelt.code, misspelt.stderr.as_str()), (Some(0), expected));
}

#[test]
fn no_flag_takes_a_secret() {
    for command in [
        &["--help"][..],
        &["watch", "--help"],
        &["balances", "--help"],
        &["orders", "--help"],
        &["trades", "--help"],
        &["pairs", "--help"],
        &["ticker", "--help"],
        &["order", "place", "--help"],
        &["order", "cancel", "--help"],
        &["sim", "--help"],
        &["decode", "--help"],
        &["sign", "--help"],
        &["record", "--help"],
    ] {
        let outcome = run(&mut bitopro(command));
        assert_eq!(outcome.code, Some(0));
        for flag in ["--secret", "--api", "--key", "--email", "--password", "--insecure"] {
            assert!(!outcome.stdout.contains(flag), "{flag} in {}", outcome.stdout);
        }
    }
}
