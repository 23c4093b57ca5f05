use crate::process::{Running, bitopro, run};

/// The exports that the command prints first.
fn exports(running: &mut Running, count: usize) -> Vec<(String, String)> {
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
    let doubting = run(bitopro(&["watch", "balances", "--once"]).envs(exports).env_remove("BITOPRO_CA_FILE"));
    assert_eq!(doubting.code, Some(4));
    assert!(doubting.stderr.contains("certificate"), "{}", doubting.stderr);
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
