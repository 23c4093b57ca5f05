use bitopro_auth::{Credentials, Signer};
use bitopro_client::model::PrivateStream;
use bitopro_transport::{Connection, Connector, Frame, Request, TungsteniteConnector};
use futures_util::StreamExt;
use serde_json::Value;

use crate::process::{Running, bitopro, run};

/// The exports that the command prints first.
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
fn its_exports_are_all_that_another_command_needs() {
    let mut sim = Running::start(&mut bitopro(&["sim"]));
    let exports = exports(&mut sim, 4);
    let names: Vec<&str> = exports.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["BITOPRO_WS_URL", "BITOPRO_API_KEY", "BITOPRO_API_SECRET", "BITOPRO_EMAIL"]);
    assert!(exports[0].1.starts_with("ws://127.0.0.1:") && exports[0].1.ends_with("/ws"), "{exports:?}");
    let mut watch = Running::start(bitopro(&["watch", "balances"]).envs(exports));
    for expected in ["connected", "snapshot", "update"] {
        assert_eq!(watch.json()["type"], expected);
    }
}

#[test]
fn with_tls_the_authority_is_what_makes_it_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let mut sim = Running::start(&mut bitopro(&[
        "sim",
        "--interval",
        "0",
        "--tls",
        directory.path().to_str().unwrap(),
    ]));
    let exports = exports(&mut sim, 5);
    assert!(exports[0].1.starts_with("wss://localhost:"), "{exports:?}");
    assert_eq!(exports[4].0, "BITOPRO_CA_FILE");
    let trusting = run(bitopro(&["watch", "balances", "--once"]).envs(exports.clone()));
    assert_eq!((trusting.code, trusting.types().len()), (Some(0), 3), "{}", trusting.stderr);
    let with_quirk =
        run(bitopro(&["watch", "balances", "--once"]).envs(exports).env_remove("BITOPRO_CA_FILE"));
    assert_eq!(with_quirk.code, Some(4));
    assert!(with_quirk.stderr.contains("certificate"), "{}", with_quirk.stderr);
}

#[test]
fn a_scenario_is_played_before_those_it_waits_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.scenario");
    let text = "# One socket.\n0 wait 1\n0 place a buy btc_twd 0.01 at 1000000\n0 fill a 0.004\n0 cancel a\n";
    std::fs::write(&path, text).unwrap();
    let mut sim = Running::start(&mut bitopro(&["sim", "--scenario", path.to_str().unwrap()]));
    let exports = exports(&mut sim, 4);
    let mut watch = Running::start(bitopro(&["watch", "orders"]).envs(exports));
    for expected in ["connected", "snapshot"] {
        assert_eq!(watch.json()["type"], expected);
    }
    for status in [0, 1, 3] {
        assert_eq!(watch.json()["data"]["btc_twd"][0]["status"], status);
    }
}

#[test]
fn a_scenario_that_cannot_be_played_is_told_with_its_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.scenario");
    for (text, told) in [
        ("0 wait 0\n0 dance\nsoon tick\n", &["is not a scenario", "line 2: ", "line 3: "][..]),
        ("0 tick\n0 cancel nothing\n", &["cannot be played", "line 2: no open order has the id nothing"]),
    ] {
        std::fs::write(&path, text).unwrap();
        let done = run(&mut bitopro(&["sim", "--scenario", path.to_str().unwrap()]));
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        assert!(told.iter().all(|told| done.stderr.contains(told)), "{}", done.stderr);
    }
    let done = run(&mut bitopro(&["sim", "--scenario", "/nowhere/day.scenario"]));
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    assert!(done.stderr.contains("/nowhere/day.scenario"), "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_cleanly() {
    for signal in ["INT", "TERM"] {
        let mut sim = Running::start(&mut bitopro(&["sim"]));
        exports(&mut sim, 4);
        sim.signal(signal);
        assert_eq!(sim.finish().1.code(), Some(0), "{signal}");
    }
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = run(&mut bitopro(&["sim", "--port", &port]));
    assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""));
    assert!(done.stderr.contains(&port), "{}", done.stderr);
}

/// Sockets to a simulator that runs as a command, whose messages are seen as they come.
struct Caller {
    exports: Vec<(String, String)>,
    nonce: u64,
}

impl Caller {
    async fn dial(&mut self, stream: PrivateStream) -> Box<dyn Connection> {
        let [url, key, secret, email] = [0, 1, 2, 3].map(|at| self.exports[at].1.clone());
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        self.nonce = u64::try_from(now).unwrap().max(self.nonce + 1);
        let signed = Signer::new(Credentials::new(key, secret, email).unwrap()).sign_identity(self.nonce);
        let mut request = Request::new(format!("{url}{}", stream.path()).parse().unwrap());
        for (name, value) in &signed {
            request = request.with_header(name, value).unwrap();
        }
        TungsteniteConnector::new().connect(request).await.unwrap()
    }
}

/// The next event, and how many pings came before it.
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
async fn each_switch_shows_in_what_is_sent() {
    const SWITCHED: &[&str] = &[
        "--balance-updates=all",
        "--active-updates=whole-pair",
        "--final-orders=vanish",
        "--history-on-connect=empty",
        "--trades-on-connect=last",
        "--order-ids=numbers",
        "--datetimes=taiwan-marked-utc",
        "--event-ids=absent",
        "--ping-period=1",
        "--pong-deadline=60000",
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("day.scenario");
    let text = "0 wait 2\n0 place a buy eth_twd 0.1 at market\n0 place b buy btc_twd 0.01 at 1000000\n\
                0 cancel b\n0 wait 5\n100 place c sell eth_twd 0.1 at market\n";
    std::fs::write(&path, text).unwrap();
    for (flags, is_switched) in [(&[][..], false), (SWITCHED, true)] {
        let scenario = ["sim", "--scenario", path.to_str().unwrap()];
        let mut sim = Running::start(&mut bitopro(&[&scenario[..], flags].concat()));
        let mut caller = Caller { exports: exports(&mut sim, 4), nonce: 0 };
        let mut balances = caller.dial(PrivateStream::AccountBalance).await;
        let (first, _) = next(&mut balances).await;
        assert_eq!(first["data"].as_object().unwrap().len(), 12);
        assert_eq!(first.get("eventID").is_none(), is_switched);
        let ahead = |event: &Value| {
            let (hour, at) = (event["datetime"].as_str().unwrap(), event["timestamp"].as_i64().unwrap());
            (hour[11..13].parse::<i64>().unwrap() - at / 3_600_000).rem_euclid(24)
        };
        assert_eq!(ahead(&first), if is_switched { 8 } else { 0 });

        let mut open = caller.dial(PrivateStream::ActiveOrders).await;
        let (listed, _) = next(&mut open).await;
        assert_eq!(listed["data"]["btc_twd"][0]["id"].is_number(), is_switched);
        let update = next(&mut balances).await.0;
        assert_eq!(update["data"].as_object().unwrap().len(), if is_switched { 12 } else { 2 });
        for _ in 0..2 {
            next(&mut balances).await;
        }
        // Of `a`, which was never open, `b` as it is placed, and `b` as it ends.
        let [of_a, placed, ended] =
            [next(&mut open).await.0, next(&mut open).await.0, next(&mut open).await.0];
        let count = |event: &Value, pair: &str| event["data"][pair].as_array().unwrap().len();
        let counts = [count(&of_a, "eth_twd"), count(&placed, "btc_twd"), count(&ended, "btc_twd")];
        assert_eq!(counts, if is_switched { [1, 4, 3] } else { [1, 1, 1] });

        let mut history = caller.dial(PrivateStream::HistoryOrders).await;
        assert_eq!(next(&mut history).await.0["data"].as_object().unwrap().is_empty(), is_switched);
        let mut trades = caller.dial(PrivateStream::UserTrades).await;
        // The fifth, for which the scenario waits.
        let _one_more = caller.dial(PrivateStream::UserTrades).await;
        let (trade, pings) = next(&mut trades).await;
        assert_eq!(trade["data"]["side"], if is_switched { "bid" } else { "ask" });
        let again = if is_switched { next(&mut trades).await } else { (trade, pings) };
        assert_eq!(again.0["data"]["side"], "ask");
        assert_eq!(again.1 > 0, is_switched, "a ping each millisecond, and 100 of them");
    }
}

#[test]
fn a_switch_takes_only_what_it_knows() {
    for (flag, told) in [
        ("--order-ids=roman", "[possible values: texts, numbers]"),
        ("--ping-period=0", "0 is not in 1.."),
        ("--pong-deadline=soon", "invalid digit"),
    ] {
        let done = run(&mut bitopro(&["sim", flag]));
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{flag}");
        assert!(done.stderr.contains(told), "{}", done.stderr);
    }
}
