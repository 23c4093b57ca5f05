//! Runs the measurements and prints the table.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::cases::{Case, cases};
use crate::peers::{self, Peer};

/// Number of sockets that a process must be able to open.
const OPEN_FILES: u32 = 10_000;

/// Measures the rows whose name contains one of the filters, or all if there are none.
pub(crate) fn print(filters: &[&str]) {
    let generator = Generator::start();
    println!("{:<40}{:>10}{:>10}{:>8}{:>10}{:>8}", "row", "bare", "client", "ratio", "added", "lost");
    let is_wanted = |name: &String| filters.is_empty() || filters.iter().any(|filter| name.contains(filter));
    for case in cases().iter().filter(|case| case.names.iter().any(is_wanted)) {
        // In turn, so that whatever else the machine does slows down both.
        let runs: Vec<_> = (0..case.runs)
            .map(|_| (generator.read(&case.baseline, case), generator.read(case.reader, case)))
            .collect();
        // The first value of a run is the number of lost updates.
        for (column, name) in (1..).zip(&case.names) {
            let figures = runs.iter().map(|(bare, client)| (value(bare, column), value(client, column)));
            let bare = median(figures.clone().map(|(bare, _)| bare));
            let client = median(figures.clone().map(|(_, client)| client));
            let ratio = median(figures.clone().map(|(bare, client)| client / bare));
            let added = median(figures.map(|(bare, client)| client - bare));
            let lost = median(runs.iter().map(|(_, client)| value(client, 0)));
            println!("{name:<40}{bare:>10.2}{client:>10.2}{ratio:>8.2}{added:>10.2}{lost:>8}");
        }
    }
}

/// The process of the load generator, which ends with its standard input.
struct Generator {
    process: Child,
    ports: String,
}

impl Generator {
    fn start() -> Self {
        let mut process =
            program().arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a server");
        let mut ports = String::new();
        BufReader::new(process.stdout.take().expect("piped"))
            .read_line(&mut ports)
            .expect("the server's ports");
        Self { process, ports }
    }

    /// Returns what this reader has measured in its own process, or what was measured of another program.
    fn read(&self, reader: &str, case: &Case) -> Vec<f64> {
        let Case { load, link, flavor, .. } = case;
        let peer = match reader {
            "command" => Some(Peer::Command),
            _ => reader.strip_prefix("python-").map(Peer::Python),
        };
        if let Some(peer) = peer {
            let port = self.ports.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
            return if *load == "file" { peers::decode(peer) } else { peers::read(peer, load, port) };
        }
        let words = ["read", reader, load, link, flavor].into_iter().chain(self.ports.split_whitespace());
        // A client without its own connector uses the proxy of the environment.
        let output = program()
            .args(words)
            .env("NO_PROXY", "127.0.0.1")
            .stderr(Stdio::inherit())
            .output()
            .expect("a reader");
        assert!(output.status.success(), "{reader} failed under load {load} over {link}");
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().map(|word| word.parse().expect("a number")).collect()
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        peers::remove_messages();
    }
}

/// Returns a command that runs this program with a higher limit of open files, as far as the machine allows it.
fn program() -> Command {
    let mut command = Command::new("sh");
    let limit = format!("ulimit -n {OPEN_FILES} 2>/dev/null; exec \"$0\" \"$@\"");
    command.args(["-c", &limit]).arg(std::env::current_exe().expect("the path of this program"));
    command
}

fn value(figures: &[f64], column: usize) -> f64 {
    figures.get(column).copied().unwrap_or(f64::NAN)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    value(&values, values.len() / 2)
}
