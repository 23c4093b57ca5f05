//! Measures the CPU time, memory and latency that the client adds to a bare WebSocket, through its public
//! API.
//!
//! Run it with `cargo bench -p bitopro-client --bench account`; arguments such as `-- latency/burst`
//! select rows whose name contains one of them. It needs Linux, two cores and about 15 minutes. Each measurement runs in
//! its own process, which connects to a load generator in another one, so that the table counts the client's
//! CPU only.
//!
//! | column | meaning |
//! |---|---|
//! | `bare` | tokio-tungstenite read loops on the same sockets with the same read buffer, without decoding |
//! | `client` | the client, whose items are all read |
//! | `ratio`, `added` | `client` divided by `bare`, and `client` minus `bare` |
//! | `lost` | updates that did not fit into the client's queue and were merged; if more than 1 %, do not compare the row |
//!
//! In the rows of other clients, `bare` is the other client: Python with websockets and orjson, the exchange's Python SDK,
//! or ccxt for Python. `cargo xtask bench --peers` installs them.
//!
//! Each figure is the median of several runs of both.
//!
//! | row | meaning |
//! |---|---|
//! | `cpu/LOAD/LINK/RUNTIME/READER` | µs of CPU time per update |
//! | `memory/LINK/READER` | KiB of resident memory per idle subscription with 150 currencies |
//! | `clients/memory`, `clients/cpu` | KiB and ms of a further client without a connector; `bare` is one that shares a connector |
//! | `scale/LINK/cpu`, `memory` | µs of CPU time per update, and MiB of resident memory, of 2,000 accounts with one update per second on each of their four streams |
//! | `peers/LOAD/CLIENT` | µs of CPU time per message, through `balances()` |
//! | `peers/watch/cpu`, `missing` | the same of `bitopro watch` in NDJSON against Python that prints the same, and the number of updates that were not printed, of 512,000 |
//! | `peers/decode/mixed` | nanoseconds of CPU time per byte of `bitopro decode` with 500 MB of messages, against orjson's `loads` and `dumps` |
//! | `latency/LOAD/RUNTIME/p50`, `p99` | µs from just before a trade is written until its item is read, 1,000 trades per second |
//! | `latency/burst/RUNTIME/snapshots` | balance snapshots read per second during that time, without merged ones |
//!
//! Readers: `balances`, `orders` and `trades` are subscriptions of one stream, `account` one of all four, and `books` one
//! of 35 order books with 20 levels (2.9 kB).
//!
//! Loads: `flood`, `order-flood` and `trade-flood` send updates of one balance, order or trade as fast as the socket
//! accepts them, `paced` sends 1,000 updates of a balance per second, and `mixed` floods all four sockets of the account. `books` sends 37 order books
//! per second as measured on the exchange, and `book-flood` as fast as the socket accepts them. `quiet` sends only
//! trades; `updates` and `snapshots` send 64,000 updates of a balance and 4,000 snapshots of 150 currencies; `burst` also sends snapshots of 150 currencies (16 kB) on the socket of the balances, as fast as it accepts
//! them. Latency is measured over TLS. Runtimes: `current` is tokio's `current_thread`, and `multi` has two worker
//! threads.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a failure ends the program")]
#![allow(clippy::disallowed_methods, reason = "two processes need the same clock")]

mod cases;
mod generator;
mod messages;
mod peers;
mod run;
mod shim;
mod table;

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
        filters => table::print(filters),
    }
}

fn runtime(flavor: &str) -> tokio::runtime::Runtime {
    let mut builder = match flavor {
        "multi" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}

/// Returns the time of the wall clock, which both processes share.
fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_nanos()).expect("a clock before 2554")
}
