//! A signal ends every command with the exit code of success, whatever blocks.
//!
//! The default action of a signal would kill the command, or do nothing if the command is process 1 of a
//! container. The exit code shows that a handler ran. Each test sends a signal when it has observed that the
//! command is about to block.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bitopro_client::model::Balance;
use bitopro_sim::Simulator;
use tokio::net::unix::pipe;
use tokio::task::yield_now;

use crate::process::{Running, bitopro, watch, with_credentials};

/// Only Linux shows whether SIGHUP is ignored.
const SIGNALS: &[&str] = if cfg!(target_os = "linux") { &["INT", "TERM", "HUP"] } else { &["INT", "TERM"] };

/// Returns a full pipe and its reading end.
async fn full_pipe() -> (Stdio, pipe::Receiver) {
    /// Small enough to be written completely or not at all on every system.
    const CHUNK: [u8; 512] = [b'\n'; 512];

    let (sender, receiver) = pipe::pipe().unwrap();
    sender.writable().await.unwrap();
    while sender.try_write(&CHUNK).is_ok() {}
    (sender.into_blocking_fd().unwrap().into(), receiver)
}

fn fifo(directory: &Path) -> PathBuf {
    let path = directory.join("fifo");
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap().success());
    path
}

/// Waits until the command has opened a FIFO, and returns the writing end.
async fn writer_of(fifo: &Path, running: &mut Running) -> pipe::Sender {
    loop {
        if let Ok(sender) = pipe::OpenOptions::new().open_sender(fifo) {
            return sender;
        }
        assert!(running.is_running(), "the command has not opened the FIFO");
        yield_now().await;
    }
}

fn with_some_credentials(command: &mut Command) -> &mut Command {
    with_credentials(command, "key", "secret", "me@example.com");
    command
}

#[tokio::test]
async fn fault_56_a_signal_ends_a_command_that_reads_a_fifo() {
    let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("wss://{}/ws", server.local_addr().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = fifo(directory.path());
    let fifo = path.to_str().unwrap();
    let mut commands = vec![
        bitopro(&["decode", fifo]),
        bitopro(&["sim", "--scenario", fifo]),
        bitopro(&["sign", "--credentials", fifo]),
        bitopro(&["sign", "--body", fifo]),
        bitopro(&["watch", "all", "--credentials", fifo]),
        bitopro(&["watch", "all", "--ca-file", fifo]),
        bitopro(&["record", "never-written"]),
    ];
    commands[6].env("BITOPRO_CA_FILE", fifo).current_dir(directory.path());
    if cfg!(target_os = "linux") {
        let mut command = bitopro(&["watch", "all", "--url", &url]);
        command.env("SSL_CERT_FILE", fifo);
        commands.push(command);
    }
    for mut command in commands {
        for signal in SIGNALS {
            let mut running = Running::start(with_some_credentials(&mut command));
            let _writer = writer_of(&path, &mut running).await;
            assert_eq!(running.stop(signal), Some(0), "{signal}: {command:?}");
        }
    }
}

#[tokio::test]
async fn fault_56_a_signal_ends_a_command_that_reads_standard_input() {
    for args in [&["decode"][..], &["sim", "--scenario", "-"], &["sign", "--body", "-"]] {
        for signal in SIGNALS {
            let (stdin, mut writer) = std::io::pipe().unwrap();
            let running = Running::start(with_some_credentials(&mut bitopro(args)).stdin(stdin));
            // More than a pipe can hold, so the command has begun to read.
            writer.write_all(&vec![b'\n'; 1 << 20]).unwrap();
            assert_eq!(running.stop(signal), Some(0), "{signal}: {args:?}");
        }
    }
}

#[tokio::test]
async fn fault_56_a_signal_ends_a_command_whose_output_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    for signal in SIGNALS {
        let (stdout, _unread) = full_pipe().await;
        let sim = bitopro(&["sim", "--tls", directory.path().to_str().unwrap()]);
        let mut running = Running::start_into(&mut { sim }, stdout);
        // Written immediately before the first output.
        while !ca_file.exists() {
            assert!(running.is_running());
            yield_now().await;
        }
        assert_eq!(running.stop(signal), Some(0), "{signal}: sim");
        std::fs::remove_file(&ca_file).unwrap();

        let (stdout, _unread) = full_pipe().await;
        let (stdin, mut writer) = std::io::pipe().unwrap();
        let running = Running::start_into(bitopro(&["decode"]).stdin(stdin), stdout);
        writer.write_all(b"{\"event\":\"MARGIN_BALANCE_INFO\"}\n").unwrap();
        writer.write_all(&vec![b'\n'; 64 << 10]).unwrap();
        assert_eq!(running.stop(signal), Some(0), "{signal}: decode");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_56_a_signal_ends_watch_during_a_flood_that_is_not_read() {
    for args in [&["--state"][..], &["--once"]] {
        let simulator = Simulator::builder().start().await.unwrap();
        let (stdout, _unread) = full_pipe().await;
        let running = Running::start_into(&mut watch(&simulator, "balances", args), stdout);
        while simulator.connections() == 0 {
            yield_now().await;
        }
        for amount in 1..=3000_u32 {
            simulator.set_balance(Balance::new("BTC", amount.into()));
        }
        assert_eq!(running.stop("TERM"), Some(0), "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_56_record_writes_the_file_although_its_output_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    for signal in SIGNALS {
        let simulator = Simulator::builder().start().await.unwrap();
        let file = directory.path().join(signal);
        let mut record = bitopro(&["record", "--updates", "0", file.to_str().unwrap()]);
        record
            .envs(watch(&simulator, "all", &[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        let (stdout, _unread) = full_pipe().await;
        let mut running = Running::start_into(&mut record, stdout);
        while !std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')) {
            assert!(running.is_running());
            yield_now().await;
        }
        assert_eq!(running.stop(signal), Some(0), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fault_56_record_writes_no_file_if_it_is_stopped_before_a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("balances.jsonl");
    let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut record = bitopro(&["record", file.to_str().unwrap()]);
    record.env("BITOPRO_WS_URL", format!("ws://{}/ws", server.local_addr().unwrap()));
    for signal in SIGNALS {
        let running = Running::start(with_some_credentials(&mut record));
        let _unanswered = server.accept().unwrap();
        running.signal(signal);
        let (stdout, status) = running.finish();
        assert_eq!(status.code(), Some(0), "{signal}");
        assert_eq!(stdout, "stopped before a snapshot arrived; no file was written\n");
        assert!(!file.exists());
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Running, Simulator, Stdio, bitopro, full_pipe, watch, yield_now};

    const SIGHUP_BIT: u64 = 1 << 0;
    const SIGTERM_BIT: u64 = 1 << 14;

    /// Returns a set of signals in the status of a process.
    fn signals(running: &Running, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn fault_56_a_signal_ends_watch_although_its_log_is_not_read() {
        let simulator = Simulator::builder().start().await.unwrap();
        let (stderr, _unread) = full_pipe().await;
        let mut watch = watch(&simulator, "all", &[]);
        watch.env("RUST_LOG", "trace").stdout(Stdio::null()).stderr(stderr);
        let running = Running::spawn(&mut watch);
        while signals(&running, "SigCgt") & SIGTERM_BIT == 0 {
            yield_now().await;
        }
        assert_eq!(running.stop("TERM"), Some(0));
    }

    #[test]
    fn fault_56_a_hang_up_remains_ignored_under_nohup() {
        let watch = bitopro(&["watch", "balances", "--demo"]);
        let mut nohup = std::process::Command::new("sh");
        nohup
            .args(["-c", r#"trap '' HUP && exec "$0" "$@""#])
            .arg(watch.get_program())
            .args(watch.get_args());
        let mut running = Running::start(&mut nohup);
        assert_eq!(running.json()["type"], "connected");
        assert_eq!(signals(&running, "SigIgn") & SIGHUP_BIT, SIGHUP_BIT);
        assert_eq!(running.stop("TERM"), Some(0));
    }
}
