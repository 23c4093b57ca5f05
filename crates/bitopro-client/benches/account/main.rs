//! Measures the CPU time, memory and latency that the client adds to a bare WebSocket, through its public
//! API.
//!
//! Run it with `cargo bench -p bitopro-client --bench account`; arguments such as `-- latency/burst`
//! select rows whose name contains one of them. It needs Linux, two cores and about 2 minutes. Each measurement runs in
//! its own process, which connects to a load generator in another one, so that the table counts the client's
//! CPU only.
//!
//! | column | meaning |
//! |---|---|
//! | `bare` | tokio-tungstenite read loops on the same sockets with the same read buffer, without decoding |
//! | `client` | the client, whose items are all read |
//! | `ratio` | `client` divided by `bare` |
//! | `lost` | updates that did not fit into the client's queue and were merged; if more than 1 %, do not compare the row |
//!
//! | row | meaning |
//! |---|---|
//! | `cpu/LOAD/LINK/RUNTIME/READER` | µs of CPU time per update, through `balances()` or `account()` |
//! | `memory/LINK/account` | KiB of resident memory per idle account of four streams and 150 currencies |
//! | `latency/LOAD/RUNTIME/p50`, `p99` | µs from just before a trade is written until its item is read, 1,000 trades per second |
//! | `latency/burst/RUNTIME/snapshots` | balance snapshots read per second during that time, without merged ones |
//!
//! Loads: `flood` sends updates of one balance as fast as the socket accepts them, `paced` sends 1,000 per
//! second, and `mixed` floods all four sockets of the account. `books` sends order books of 35 pairs with 20 levels
//! (2.9 kB) on one socket, 37 per second as measured on the exchange, and `book-flood` as fast as the socket accepts them. `quiet` sends only trades; `burst` also sends
//! snapshots of 150 currencies (16 kB) on the socket of the balances, as fast as it accepts them. Latency is
//! measured over TLS. Runtimes: `current` is tokio's `current_thread`, and `multi` has two worker threads.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a failure ends the program")]
#![allow(clippy::disallowed_methods, reason = "two processes need the same clock")]

mod generator;
mod messages;
mod run;
mod shim;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use run::Run;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve"] => runtime("current").block_on(generator::serve()),
        ["read", reader, load, link, flavor, ports @ ..] => {
            let ports: Vec<u16> = ports.iter().map(|port| port.parse().expect("a port")).collect();
            let &[plain, tls] = ports.as_slice() else { panic!("two ports are needed") };
            let run = Run::new(reader, load, *link == "tls", plain, if *link == "tls" { tls } else { plain });
            let values: Vec<String> =
                runtime(flavor).block_on(run.measure()).iter().map(f64::to_string).collect();
            println!("{}", values.join(" "));
        }
        filters => table(filters),
    }
}

fn runtime(flavor: &str) -> tokio::runtime::Runtime {
    let mut builder = match flavor {
        "multi" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}

/// Runs every measurement and prints the table.
fn table(filters: &[&str]) {
    let program = || Command::new(std::env::current_exe().expect("the path of this program"));
    let mut server =
        program().arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a server");
    let mut ports = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut ports).expect("the server's ports");
    let read = |reader: &str, load: &str, link: &str, flavor: &str| -> Vec<f64> {
        let words = ["read", reader, load, link, flavor].into_iter().chain(ports.split_whitespace());
        let output = program().args(words).stderr(Stdio::inherit()).output().expect("a reader");
        assert!(output.status.success(), "{reader} failed under load {load} over {link}");
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().map(|word| word.parse().expect("a number")).collect()
    };
    println!("{:<40}{:>10}{:>10}{:>8}{:>8}", "row", "bare", "client", "ratio", "lost");
    let compare = |load: &str, link: &str, flavor: &str, rows: &[(&str, &[String])]| {
        let is_wanted = |names: &[String]| {
            filters.is_empty() || names.iter().any(|name| filters.iter().any(|filter| name.contains(filter)))
        };
        if !rows.iter().any(|(_, names)| is_wanted(names)) {
            return;
        }
        let sockets = match load {
            "flood" | "paced" => "bare-balances",
            "books" | "book-flood" => "bare-books",
            _ => "bare-account",
        };
        let bare = read(sockets, load, link, flavor);
        for (reader, names) in rows.iter().filter(|(_, names)| is_wanted(names)) {
            let client = read(reader, load, link, flavor);
            let lost = client.first().copied().unwrap_or_default();
            for (name, (bare, client)) in names.iter().zip(bare.iter().zip(&client).skip(1)) {
                println!("{name:<40}{bare:>10.2}{client:>10.2}{:>8.2}{lost:>8}", client / bare);
            }
        }
    };
    for (load, link, flavor) in [
        ("flood", "plain", "current"),
        ("flood", "tls", "current"),
        ("flood", "tls", "multi"),
        ("paced", "plain", "current"),
        ("paced", "tls", "current"),
        ("paced", "tls", "multi"),
    ] {
        let name = |reader: &str| [format!("cpu/{load}/{link}/{flavor}/{reader}")];
        compare(load, link, flavor, &[("balances", &name("balances")), ("account", &name("account"))]);
    }
    for (load, link) in [("book-flood", "plain"), ("books", "plain"), ("books", "tls")] {
        compare(load, link, "current", &[("books", &[format!("cpu/{load}/{link}/current/books")])]);
    }
    for (link, flavor) in [("plain", "current"), ("tls", "current"), ("tls", "multi")] {
        compare("mixed", link, flavor, &[("account", &[format!("cpu/mixed/{link}/{flavor}/account")])]);
    }
    for link in ["plain", "tls"] {
        compare("idle", link, "current", &[("account", &[format!("memory/{link}/account")])]);
    }
    for flavor in ["multi", "current"] {
        for (load, figures) in [("quiet", &["p50", "p99"][..]), ("burst", &["p50", "p99", "snapshots"])] {
            let names: Vec<_> =
                figures.iter().map(|figure| format!("latency/{load}/{flavor}/{figure}")).collect();
            compare(load, "tls", flavor, &[("account", &names)]);
        }
    }
    drop(server.stdin.take());
    server.wait().expect("the server ends with its input");
}

/// Returns the time of the wall clock, which both processes share.
fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_nanos()).expect("a clock before 2554")
}
