use bitopro_auth::{Credentials, Signer};
use bitopro_client::model::PrivateStream;
use bitopro_transport::{Connection, Connector, Error, Frame, Request, TungsteniteConnector};
use futures_util::StreamExt;
use serde_json::Value;

use crate::process::{Running, bitopro, run};

/// Reads the `export` lines that the command prints first.
pub(crate) fn exports(running: &mut Running, count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|_| {
            let line = running.line();
            let (name, value) = line.strip_prefix("export ").expect(&line).split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

#[test]
fn the_exports_configure_another_command() {
    let mut sim = Running::start(&mut bitopro(&["sim"]));
    let exports = exports(&mut sim, 5);
    let names: Vec<&str> = exports.iter().map(|(name, _)| name.as_str()).collect();
    let expected =
        ["BITOPRO_WS_URL", "BITOPRO_REST_URL", "BITOPRO_API_KEY", "BITOPRO_API_SECRET", "BITOPRO_EMAIL"];
    assert_eq!(names, expected);
    assert!(exports[0].1.starts_with("ws://127.0.0.1:") && exports[0].1.ends_with("/ws"), "{exports:?}");
    let mut watch = Running::start(bitopro(&["watch", "balances"]).envs(exports));
    for expected in ["connected", "snapshot", "update"] {
        assert_eq!(watch.json()["type"], expected);
    }
}

#[test]
fn the_tls_certificate_is_trusted_only_with_the_ca_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut sim = Running::start(&mut bitopro(&[
        "sim",
        "--interval",
        "0",
        "--tls",
        directory.path().to_str().unwrap(),
    ]));
    let exports = exports(&mut sim, 6);
    assert!(exports[0].1.starts_with("wss://localhost:"), "{exports:?}");
    assert!(exports[1].1.starts_with("https://localhost:") && exports[1].1.ends_with("/v3"), "{exports:?}");
    assert_eq!(exports[5].0, "BITOPRO_CA_FILE");
    let with_ca = run(bitopro(&["watch", "balances", "--once"]).envs(exports.clone()));
    assert_eq!((with_ca.code, with_ca.types().len()), (Some(0), 3), "{}", with_ca.stderr);
    let without_ca =
        run(bitopro(&["watch", "balances", "--once"]).envs(exports).env_remove("BITOPRO_CA_FILE"));
    assert_eq!(without_ca.code, Some(4));
    let advice = "add its CA certificate with `--ca-file` or BITOPRO_CA_FILE";
    assert!(without_ca.stderr.contains(advice), "{}", without_ca.stderr);
    assert!(
        without_ca.json()[0]["data"]["error"].as_str().unwrap().ends_with(advice),
        "{}",
        without_ca.stdout
    );
}

#[test]
fn a_scenario_waits_for_its_clients() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.scenario");
    let text = "# One socket.\n0 wait 1\n0 place a buy btc_twd 0.01 at 1000000\n0 fill a 0.004\n0 cancel a\n";
    std::fs::write(&path, text).unwrap();
    let mut sim = Running::start(&mut bitopro(&["sim", "--scenario", path.to_str().unwrap()]));
    let exports = exports(&mut sim, 5);
    let mut watch = Running::start(bitopro(&["watch", "orders"]).envs(exports));
    for expected in ["connected", "snapshot"] {
        assert_eq!(watch.json()["type"], expected);
    }
    for status in [0, 1, 3] {
        assert_eq!(watch.json()["data"]["btc_twd"][0]["status"], status);
    }
}

#[test]
fn the_number_of_currencies_can_be_set() {
    let mut sim = Running::start(&mut bitopro(&["sim", "--currencies", "150"]));
    let watch = run(bitopro(&["watch", "balances", "--once"]).envs(exports(&mut sim, 5)));
    let snapshot = watch.stdout.lines().find(|line| line.contains(r#""type":"snapshot""#)).unwrap();
    let snapshot: Value = serde_json::from_str(snapshot).unwrap();
    assert_eq!(snapshot["data"].as_object().unwrap().len(), 150);
}

#[test]
fn the_rank_of_an_account_sets_its_fees() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.scenario");
    std::fs::write(&path, "0 wait 1\n0 place a sell bito_twd 100 at 3\n0 fill a\n").unwrap();
    let args = ["sim", "--rank", "demo=6", "--scenario", path.to_str().unwrap()];
    let mut sim = Running::start(&mut bitopro(&args));
    let mut watch = Running::start(bitopro(&["watch", "trades"]).envs(exports(&mut sim, 5)));
    assert_eq!(watch.json()["type"], "connected");
    assert_eq!(watch.json()["data"]["fee"], "0.0375");
}

/// A list of two pairs, of which one is paused and the other one is not in the default list.
const PAIRS: &str = r#"{"data":[
    {"pair":"btc_twd","base":"btc","quote":"twd","basePrecision":"8","quotePrecision":"0",
     "minLimitBaseAmount":"0.002","maxLimitBaseAmount":"100","minMarketBuyQuoteAmount":"190","orderOpenLimit":"9",
     "maintain":true,"orderBookQuotePrecision":"0","orderBookQuoteScaleLevel":"5","amountPrecision":"3"},
    {"pair":"mith_twd","base":"mith","quote":"twd","basePrecision":"8","quotePrecision":"2",
     "minLimitBaseAmount":"10","maxLimitBaseAmount":"100","minMarketBuyQuoteAmount":"190","orderOpenLimit":"9",
     "maintain":false,"orderBookQuotePrecision":"2","orderBookQuoteScaleLevel":"5","amountPrecision":"3",
     "initialPrice":"1.25","listedSince":2018}
]}"#;

#[test]
fn the_pairs_are_read_from_a_file_in_the_format_of_the_exchange() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pairs.json");
    std::fs::write(&path, PAIRS).unwrap();
    let args = ["sim", "--interval", "0", "--pairs", path.to_str().unwrap()];
    let mut sim = Running::start(&mut bitopro(&args));
    let exports = exports(&mut sim, 5);
    let client = |args: &[&str]| {
        let mut command = bitopro(args);
        command.envs(exports.clone());
        command
    };
    let pairs = run(&mut client(&["pairs", "--json"]));
    assert_eq!(pairs.code, Some(0), "{}", pairs.stderr);
    let pairs = pairs.json();
    assert_eq!(pairs.len(), 2);
    assert_eq!((&pairs[0]["pair"], &pairs[0]["minLimitBaseAmount"]), (&"btc_twd".into(), &"0.002".into()));
    let ticker = run(&mut client(&["ticker", "mith_twd", "--json"]));
    assert_eq!(ticker.json()[0]["lastPrice"], "1.25000000", "{}", ticker.stderr);
    let order = run(&mut client(&["order", "place", "btc_twd", "buy", "0.01", "--price", "1000000"]));
    assert_eq!((order.code, order.stdout.as_str()), (Some(2), ""), "{}", order.stderr);
    assert!(order.stderr.contains("maintenance"), "{}", order.stderr);
}

#[test]
fn every_problem_with_a_list_of_pairs_names_the_file_the_pair_and_the_field() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pairs.json");
    let path = path.to_str().unwrap();
    let wrong = PAIRS
        .replace(r#""maintain":true,"#, "")
        .replace(r#""quotePrecision":"2""#, r#""quotePrecision":"two""#);
    std::fs::write(path, wrong).unwrap();
    let outcome = run(&mut bitopro(&["sim", "--pairs", path]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    for expected in [
        format!("{path} is not a valid list of pairs"),
        "`maintain` of `btc_twd` is missing; ".to_owned(),
        r#"`quotePrecision` of `mith_twd` is `"two"`; expected a whole number"#.to_owned(),
    ] {
        assert!(outcome.stderr.contains(&expected), "{}", outcome.stderr);
    }
    let outcome = run(&mut bitopro(&["sim", "--pairs", "/nowhere/pairs.json"]));
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("cannot read the list of pairs from /nowhere"), "{}", outcome.stderr);
}

#[test]
fn errors_in_a_scenario_name_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.scenario");
    for (text, expected) in [
        ("0 wait 0\n0 dance\nsoon tick\n", &["is not a valid scenario", "line 2: ", "line 3: "][..]),
        (
            "0 tick\n0 cancel nothing\n",
            &["the scenario stopped", "line 2: no open order has the name or id `nothing`"],
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let outcome = run(&mut bitopro(&["sim", "--scenario", path.to_str().unwrap()]));
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(expected.iter().all(|part| outcome.stderr.contains(part)), "{}", outcome.stderr);
    }
    let outcome = run(&mut bitopro(&["sim", "--scenario", "/nowhere/day.scenario"]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(outcome.stderr.contains("/nowhere/day.scenario"), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_command_cleanly() {
    for signal in ["INT", "TERM"] {
        let mut sim = Running::start(&mut bitopro(&["sim"]));
        exports(&mut sim, 5);
        sim.signal(signal);
        assert_eq!(sim.finish().1.code(), Some(0), "{signal}");
    }
}

#[test]
fn an_occupied_port_is_an_error() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = run(&mut bitopro(&["sim", "--port", &port]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(outcome.stderr.contains(&port), "{}", outcome.stderr);
}

/// A client that reads raw messages from a running `bitopro sim`.
struct RawClient {
    exports: Vec<(String, String)>,
    nonce: u64,
}

impl RawClient {
    async fn dial(&mut self, stream: PrivateStream) -> Box<dyn Connection> {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        self.nonce = u64::try_from(now).unwrap().max(self.nonce + 1);
        self.dial_with_last_nonce(stream).await.unwrap()
    }

    async fn dial_with_last_nonce(&self, stream: PrivateStream) -> Result<Box<dyn Connection>, Error> {
        let [url, key, secret, email] = [0, 2, 3, 4].map(|at| self.exports[at].1.clone());
        let signed = Signer::new(Credentials::new(key, secret, email).unwrap()).sign_identity(self.nonce);
        let mut request = Request::new(format!("{url}{}", stream.path()).parse().unwrap());
        for (name, value) in &signed {
            request = request.with_header(name, value).unwrap();
        }
        TungsteniteConnector::new().connect(request).await
    }
}

/// Returns the next event and the number of pings before it.
async fn next(connection: &mut Box<dyn Connection>) -> (Value, usize) {
    let mut pings = 0;
    loop {
        match connection.next().await.unwrap().unwrap() {
            Frame::Text(text) => return (serde_json::from_str(&text).unwrap(), pings),
            _ => pings += 1,
        }
    }
}

#[tokio::test]
async fn each_quirk_changes_the_messages() {
    const QUIRKS: &[&str] = &[
        "--balance-updates=all",
        "--active-updates=whole-pair",
        "--final-orders=vanish",
        "--history-on-connect=empty",
        "--trades-on-connect=last",
        "--order-ids=numbers",
        "--datetimes=taiwan-marked-utc",
        "--event-ids=absent",
        "--order-id-sequence=counted",
        "--order-times=milliseconds",
        "--match-ids=uuid",
        "--nonces=increasing",
        "--ping-period=1",
        "--pong-deadline=60000",
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.scenario");
    let text = "0 wait 2\n0 place a buy eth_twd 500 at market\n0 place b buy btc_twd 0.01 at 1000000\n\
                0 cancel b\n0 wait 5\n100 place c sell eth_twd 0.005 at market\n";
    std::fs::write(&path, text).unwrap();
    for (flags, has_quirks) in [(&[][..], false), (QUIRKS, true)] {
        let scenario = ["sim", "--scenario", path.to_str().unwrap()];
        let mut sim = Running::start(&mut bitopro(&[&scenario[..], flags].concat()));
        let mut client = RawClient { exports: exports(&mut sim, 5), nonce: 0 };
        let mut balances = client.dial(PrivateStream::AccountBalance).await;
        let (first, _) = next(&mut balances).await;
        assert_eq!(first["data"].as_object().unwrap().len(), 12);
        assert_eq!(first.get("eventID").is_none(), has_quirks);
        let hours_ahead = |event: &Value| {
            let (hour, at) = (event["datetime"].as_str().unwrap(), event["timestamp"].as_i64().unwrap());
            (hour[11..13].parse::<i64>().unwrap() - at / 3_600_000).rem_euclid(24)
        };
        assert_eq!(hours_ahead(&first), if has_quirks { 8 } else { 0 });

        let mut open = client.dial(PrivateStream::ActiveOrders).await;
        let (listed, _) = next(&mut open).await;
        let orders = listed["data"]["btc_twd"].as_array().unwrap();
        assert_eq!(orders[0]["id"].is_number(), has_quirks);
        assert_eq!(orders.iter().any(|order| order["id"] == 8_917_255_509_u64), has_quirks);
        let is_second = |order: &Value| order["createdTimestamp"].as_i64().unwrap() % 1000 == 0;
        assert_eq!(!orders.iter().all(is_second), has_quirks);
        let update = next(&mut balances).await.0;
        assert_eq!(update["data"].as_object().unwrap().len(), if has_quirks { 12 } else { 2 });
        for _ in 0..2 {
            next(&mut balances).await;
        }
        // The market order `a`, which was never open, and `b` as it is placed and cancelled.
        let [filled, placed, cancelled] =
            [next(&mut open).await.0, next(&mut open).await.0, next(&mut open).await.0];
        let count = |event: &Value, pair: &str| event["data"][pair].as_array().unwrap().len();
        let counts = [count(&filled, "eth_twd"), count(&placed, "btc_twd"), count(&cancelled, "btc_twd")];
        assert_eq!(counts, if has_quirks { [1, 4, 3] } else { [1, 1, 1] });

        let mut history = client.dial(PrivateStream::HistoryOrders).await;
        assert_eq!(next(&mut history).await.0["data"].as_object().unwrap().is_empty(), has_quirks);
        let mut trades = client.dial(PrivateStream::UserTrades).await;
        // The fifth connection, for which the scenario waits.
        let _fifth = client.dial(PrivateStream::UserTrades).await;
        let (trade, pings) = next(&mut trades).await;
        assert_eq!(trade["data"]["side"], if has_quirks { "bid" } else { "ask" });
        assert_eq!(trade["data"]["matchID"] != "", has_quirks);
        let again = if has_quirks { next(&mut trades).await } else { (trade, pings) };
        assert_eq!(again.0["data"]["side"], "ask");
        assert_eq!(again.1 > 0, has_quirks, "expected a ping per millisecond for 100 ms");
        assert_eq!(client.dial_with_last_nonce(PrivateStream::UserTrades).await.is_err(), has_quirks);
    }
}

#[test]
fn invalid_values_are_usage_errors_that_name_the_expected_range() {
    for (flag, expected) in [
        ("--order-ids=roman", "[possible values: texts, numbers]"),
        ("--ping-period=0", "expected at least 1 millisecond"),
        ("--pong-deadline=soon", "expected at least 1 millisecond"),
        ("--port=70000", "expected a port from 0 to 65535"),
        ("--seed=-1", "expected a whole number from 0 to 2^64 - 1"),
        ("--currencies=-1", "expected a number of currencies from 0 to 65535"),
        ("--rank=demo", "expected the name of an account and a rank, such as `demo=3`"),
        ("--rank=bob=7", "unknown account `bob` with rank 7; rank 7 of account `bob` is not from 0 to 6"),
        ("--interval=1s", "expected at least 1 millisecond, or 0 for no market steps"),
    ] {
        let outcome = run(&mut bitopro(&["sim", flag]));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{flag}");
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}
