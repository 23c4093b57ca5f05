//! The log, as a program sees it that uses `tracing`. docs/log.md describes the events.

use std::io;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use bitopro_auth::{API_KEY_HEADER, PAYLOAD_HEADER, Payload, SIGNATURE_HEADER, Signer};
use bitopro_model::{Decimal, Timestamp};
use bitopro_sim::{Command, Nonces, Quirks, SimCredentials, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

use crate::harness::{BALANCE_PATH, in_memory, over_sockets};

/// The captured events, each as a line without its time and module.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Captures the events of this thread.
    fn capture() -> (Self, DefaultGuard) {
        // Without a global subscriber, tracing may cache that an event is disabled while another test starts to
        // capture it.
        static GLOBAL: Once = Once::new();
        GLOBAL.call_once(|| drop(tracing::subscriber::set_global_default(tracing_subscriber::registry())));
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("bitopro_sim=trace")
            .with_writer(move || writer.clone())
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Removes and returns the text.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_client_is_logged_with_its_address_from_its_connection_to_its_end() {
    let (log, _guard) = Log::capture();
    let harness = over_sockets(Simulator::builder()).await;
    let mut connection = harness.connect().await;
    connection.send(Frame::close(1000, "")).await.unwrap();
    while connection.next().await.is_some() {}
    let text = log.take();
    let span = text.split_once('}').unwrap().0.to_owned();
    assert!(span.starts_with(" INFO client{peer=127.0.0.1:"), "{text}");
    let expected = format!(
        "{span}}}: connected stream=\"account-balance\" connection=1\n\
         {span}}}: disconnected stream=\"account-balance\" connection=1 reason=\"closed by the client\"\n"
    );
    assert_eq!(text, expected);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_logged_with_its_reason() {
    let (log, _guard) = Log::capture();
    let quirks = Quirks::default().with(Nonces::Increasing);
    let harness = in_memory(Simulator::builder().with_quirks(quirks));
    let SimCredentials { email, api_key, api_secret, .. } = SimCredentials::demo();
    let credentials = harness.simulator.credentials().to_credentials().unwrap();
    let good = harness.sign();
    let without = |name: &str| good.iter().filter(|(header, _)| *header != name).collect::<Vec<_>>();
    let another_secret = harness.sign_as(&email, &api_key, "other");
    let another_key = harness.sign_as(&email, "other", &api_secret);
    let another_email = harness.sign_as("other@example.com", &api_key, &api_secret);
    let no_nonce = credentials.sign(Payload::of_body(br#"{"identity":"demo@example.com"}"#));
    let old = Signer::new(credentials).sign_identity(1);
    harness.dial_path(BALANCE_PATH, good.iter()).await.unwrap();
    sleep(SECOND).await;
    log.take();
    for (path, headers, status, reason) in [
        ("/nowhere", vec![], 200, "unknown path"),
        (BALANCE_PATH, without(API_KEY_HEADER), 401, "no API key"),
        (BALANCE_PATH, without(PAYLOAD_HEADER), 401, "no payload"),
        (BALANCE_PATH, without(SIGNATURE_HEADER), 401, "no signature"),
        (BALANCE_PATH, another_key.iter().collect(), 401, "unknown API key"),
        (BALANCE_PATH, another_secret.iter().collect(), 401, "wrong signature"),
        (BALANCE_PATH, another_email.iter().collect(), 401, "wrong identity"),
        (BALANCE_PATH, no_nonce.iter().collect(), 400, "payload without identity or nonce"),
        (BALANCE_PATH, old.iter().collect(), 409, "nonce too far from the clock"),
        (BALANCE_PATH, good.iter().collect(), 401, "nonce not above all accepted ones"),
    ] {
        assert!(harness.dial_path(path, headers).await.is_err());
        let expected = format!(
            " WARN client{{peer=memory}}: refused status={status} reason=\"{reason}\" path=/ws{path}\n"
        );
        assert_eq!(log.take(), expected);
    }
    harness.simulator.execute(&"refuse 1 429".parse::<Command>().unwrap()).unwrap();
    assert!(harness.dial().await.is_err());
    let refused = log.take();
    assert!(refused.contains("refused status=429 reason=\"refused by a command\""), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_is_logged_with_its_reason() {
    let (log, _guard) = Log::capture();
    for (command, seconds, reason) in [
        ("close 1012", 3, "closed by a command"),
        ("disconnect", 1, "disconnected by a command"),
        // The connection is not polled, so it neither reads nor answers pings.
        ("pause-pings", 0, "connection lost"),
        ("resume-pings", 26, "no pong"),
        ("flood", 1, "client does not read"),
        ("stall", 6, "client does not read"),
        ("stop", 0, "simulator stopped"),
    ] {
        let harness = in_memory(Simulator::builder().with_queue_bytes(100_000));
        let connection = harness.connect().await;
        log.take();
        match command {
            "flood" => (0..2000).for_each(|amount| harness.set_amount("BTC", amount)),
            "stall" => {
                harness.simulator.execute(&Command::text(None, "x".repeat(1_000_000))).unwrap();
            }
            "stop" => {}
            command => {
                harness.simulator.execute(&command.parse().unwrap()).unwrap();
            }
        }
        sleep(seconds * SECOND).await;
        if reason == "connection lost" {
            drop(connection);
            sleep(SECOND).await;
        } else if command == "stop" {
            harness.simulator.stop().await;
        }
        let expected = format!(
            " INFO client{{peer=memory}}: disconnected stream=\"account-balance\" connection=1 \
             reason=\"{reason}\"\n"
        );
        assert_eq!(log.take(), expected, "{command}");
    }
}

#[test]
fn a_failed_command_of_the_market_is_logged() {
    let (log, _guard) = Log::capture();
    let now = Timestamp::from_millis(1_639_553_303_365);
    let mut exchange = Simulator::builder().build_exchange(now).unwrap();
    let price = exchange.market_price(&"btc_twd".into()).unwrap() - Decimal::ONE;
    for _ in 0..8 {
        exchange.execute(now, &format!("place - buy btc_twd 0.01 at {price}").parse().unwrap()).unwrap();
    }
    exchange.update_balances(now, |holdings| {
        holdings.get_mut(&"BTC".into()).unwrap().tradable = Some(false);
    });
    for _ in 0..200 {
        exchange.tick(now);
    }
    let text = log.take();
    let line = text.lines().next().unwrap_or_default();
    let is_expected = line.starts_with("DEBUG market command failed command=fill ")
        && line.ends_with(" error=the account has no tradable balance of BTC");
    assert!(is_expected, "{text}");
}
