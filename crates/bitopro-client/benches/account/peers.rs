//! Other clients, and our command, in their own processes.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::generator::{FLOOD, PACED, SNAPSHOTS, UPDATES};
use crate::messages;
use crate::run::{cpu_time, request};

/// Size of the file of messages, in bytes.
const FILE_SIZE: usize = 500_000_000;
/// The unit of the times in `/proc/PID/stat`, on every architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// A program of another process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer<'a> {
    /// Python with one of these clients: `websockets`, `sdk` or `ccxt`. The variable `BITOPRO_BENCH_PYTHON_CLIENT` has
    /// the path of its interpreter.
    Python(&'a str),
    /// `bitopro`, whose path is in `BITOPRO_BENCH_COMMAND`.
    Command,
}

/// Runs a program against the load generator. Returns the number of messages that it did not print, and its µs of CPU
/// time per message.
pub(crate) fn read(peer: Peer<'_>, load: &str, control: u16) -> Vec<f64> {
    let messages = match load {
        "updates" => UPDATES,
        "snapshots" => SNAPSHOTS,
        "paced" => PACED,
        _ => FLOOD,
    };
    let prints = load == "flood";
    let base = format!("ws://127.0.0.1:{control}/{load}");
    let mut command = match peer {
        Peer::Python(client) => {
            let mut command = python(client);
            command.args([client, &format!("{base}/v1"), &messages.to_string()]);
            if prints {
                command.arg("print");
            }
            command
        }
        Peer::Command => {
            let mut command = Command::new(variable("BITOPRO_BENCH_COMMAND"));
            command.args(["watch", "balances", "--format", "ndjson", "--url", &base]);
            command.env("BITOPRO_API_KEY", "key").env("BITOPRO_API_SECRET", "secret");
            command.env("BITOPRO_EMAIL", "me@example.com");
            command
        }
    };
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a client");
    let mut process = Process { child };
    let lines = BufReader::new(process.child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let (snapshots, updates) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (seen_snapshots, seen_updates) = (Arc::clone(&snapshots), Arc::clone(&updates));
    std::thread::spawn(move || {
        for line in lines {
            seen_snapshots.fetch_add(u32::from(line.contains(r#""type":"snapshot""#)), Ordering::Relaxed);
            seen_updates.fetch_add(u32::from(line.contains(r#""type":"update""#)), Ordering::Relaxed);
        }
    });
    let id = process.child.id();
    wait(id, Duration::from_secs(30), || snapshots.load(Ordering::Relaxed) > 0);
    wait(id, Duration::from_secs(1), || false);
    let before = cpu_time(id);
    request(control, "/go");
    let expected = if prints { messages } else { 1 };
    wait(id, Duration::from_secs(2), || updates.load(Ordering::Relaxed) >= expected);
    let micros = cpu_time(id).saturating_sub(before).as_secs_f64() * 1e6;
    let printed = updates.load(Ordering::Relaxed);
    // Without a line for each message, an incomplete run cannot be compared.
    assert!(prints || printed == expected, "{peer:?} has not received every message");
    let missing = expected.saturating_sub(printed);
    vec![f64::from(missing), micros / f64::from(messages), f64::from(missing)]
}

/// Waits until the condition is true, or until the process has not used the CPU for this time.
fn wait(id: u32, limit: Duration, is_done: impl Fn() -> bool) {
    let (mut last, mut idle) = (cpu_time(id), Duration::ZERO);
    let step = Duration::from_millis(20);
    while !is_done() && idle < limit {
        std::thread::sleep(step);
        let now = cpu_time(id);
        idle = if now == last { idle + step } else { Duration::ZERO };
        last = now;
    }
}

/// A process that ends when it is dropped.
struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Decodes a file of messages with our command or with Python. Returns 0 and the nanoseconds of CPU time per byte.
pub(crate) fn decode(peer: Peer<'_>) -> Vec<f64> {
    let path = std::env::temp_dir().join(format!("bitopro-bench-{}.jsonl", std::process::id()));
    if !path.exists() {
        write_messages(&path);
    }
    let mut command = match peer {
        Peer::Python(client) => {
            let mut command = python(client);
            command.args(["decode", "", "0"]);
            command
        }
        Peer::Command => {
            let mut command = Command::new(variable("BITOPRO_BENCH_COMMAND"));
            command.arg("decode");
            command
        }
    };
    let before = cpu_time_of_children();
    let input = File::open(&path).expect("the file of messages");
    let status = command.stdin(input).stdout(Stdio::null()).status().expect("a decoder");
    assert!(status.success(), "{status}");
    vec![0.0, (cpu_time_of_children() - before) * 1e9 / 5e8]
}

/// Removes the file of messages, if any.
pub(crate) fn remove_messages() {
    let _ = std::fs::remove_file(
        std::env::temp_dir().join(format!("bitopro-bench-{}.jsonl", std::process::id())),
    );
}

/// Writes a mixture of messages: mostly updates, and half of the bytes in snapshots and order books.
fn write_messages(path: &Path) {
    let order = |id| [("usdt_twd".to_owned(), vec![messages::order(id, "usdt_twd", 0, 0)])];
    let mut mixture = Vec::new();
    for id in 0..40 {
        mixture.extend([
            messages::balances(id, 2),
            messages::open_orders(id, &order(id)),
            messages::trade(id, id),
        ]);
    }
    mixture.extend([messages::balances(0, 150), messages::closed_orders(0, &order(1))]);
    mixture.extend((0..8).map(|id| messages::book(id, "BTC_TWD", 20)));
    let mixture = mixture.join("\n") + "\n";
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    for _ in 0..FILE_SIZE / mixture.len() {
        file.write_all(mixture.as_bytes()).expect("space for 500 MB");
    }
    file.flush().expect("space for 500 MB");
}

/// Returns the seconds of CPU time of all processes that have ended.
fn cpu_time_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The fields 16 and 17. The second one, the name, may contain spaces and ends with a parenthesis.
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ').skip(13).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

fn python(client: &str) -> Command {
    let mut command = Command::new(variable(&format!("BITOPRO_BENCH_PYTHON_{}", client.to_uppercase())));
    command.args(["-I", concat!(env!("CARGO_MANIFEST_DIR"), "/benches/account/peer.py")]);
    command
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; use `cargo xtask bench --peers`"))
}
