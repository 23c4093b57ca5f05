//! Whoever reads the output: not at all, not any more, or not through a pipe.

use std::fs;
use std::process::Stdio;

use bitopro_client::model::Balance;
use bitopro_sim::Simulator;
use tokio::net::unix::pipe;

use crate::process::{Running, bitopro, watch};

/// A pipe into which nothing more can be written, and its other end.
async fn full_pipe() -> (Stdio, pipe::Receiver) {
    /// Written whole or not at all, on every system.
    const CHUNK: [u8; 512] = [b'\n'; 512];

    let (sender, receiver) = pipe::pipe().unwrap();
    sender.writable().await.unwrap();
    while sender.try_write(&CHUNK).is_ok() {}
    (sender.into_blocking_fd().unwrap().into(), receiver)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signal_ends_it_although_nobody_reads() {
    for signal in ["INT", "TERM"] {
        let simulator = Simulator::builder().start().await.unwrap();
        let (stdout, unread) = full_pipe().await;
        let running = Running::start_into(&mut watch(&simulator, "balances", &[]), stdout);
        // It heeds signals before it dials.
        while simulator.connections() == 0 {
            tokio::task::yield_now().await;
        }
        for amount in 1..=3000_u32 {
            simulator.set_balance(Balance::new("BTC", amount.into()));
        }
        running.signal(signal);
        assert_eq!(running.finish().1.code(), Some(0), "{signal}");
        drop(unread);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_closed_pipe_is_noticed_while_nothing_happens() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut running = Running::start(&mut watch(&simulator, "balances", &[]));
    for expected in ["connected", "snapshot"] {
        assert_eq!(running.json()["type"], expected);
    }
    running.close_stdout();
    assert_eq!(running.finish().1.code(), Some(0));
}

#[test]
fn a_file_takes_it_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("balances.jsonl");
    let file = fs::File::create(&path).unwrap();
    let running = Running::start_into(&mut bitopro(&["watch", "balances", "--demo", "--once"]), file);
    assert_eq!(running.finish().1.code(), Some(0));
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 3);
}

#[test]
fn decode_tells_of_bad_lines_although_nobody_reads_the_good_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("frames.jsonl");
    let good = "{\"event\":\"MARGIN_BALANCE_INFO\"}\n";
    for (lines, code) in [(good.to_owned(), 0), (format!("{good}{{\n{good}"), 5)] {
        fs::write(&path, lines).unwrap();
        let (unread, stdout) = std::io::pipe().unwrap();
        drop(unread);
        let running = Running::start_into(&mut bitopro(&["decode", path.to_str().unwrap()]), stdout);
        assert_eq!(running.finish().1.code(), Some(code));
    }
}
