#![doc = include_str!("../README.md")]

mod args;
mod compact;
mod credentials;
mod decode;
mod exit;
mod output;
mod printable;
mod reader;
mod record;
mod sign;
mod signals;
mod sim;
mod watch;
mod writer;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use args::{Args, Command};
use exit::{Failure, Status};

fn main() -> ExitCode {
    let args = Args::parse();
    init_log();
    let done = match args.command {
        Command::Watch(args) => watch::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Decode(args) => decode::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Record(args) => record::run(&args),
    };
    match done {
        Ok(status) => status.into(),
        Err(failure) => exit::report(&failure).into(),
    }
}

/// Logs go to standard error, and only where `RUST_LOG` asks for them.
///
/// tungstenite writes each frame at TRACE, and with it what the account holds, and those of a close at DEBUG: only
/// where it is asked for by name.
fn init_log() {
    let Ok(asked) = std::env::var(EnvFilter::DEFAULT_ENV) else { return };
    let Ok(filter) = EnvFilter::try_new(&asked) else { return };
    let wants_frames = asked.split(',').any(|directive| directive.trim_start().starts_with("tungstenite"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .finish()
        .with(filter_fn(move |line| {
            wants_frames || *line.level() < LevelFilter::DEBUG || !line.target().starts_with("tungstenite")
        }))
        .init();
}

/// A runtime whose tasks run beside the main thread, so that much to print does not delay the answers to pings.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    has_room()
        .and_then(|()| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build())
        .map_err(|error| {
            Failure::new(Status::Unexpected, "the runtime could not be started").with_source(error)
        })
}

/// Fails where not even a runtime's own six files may be opened: tokio panics if those for signals are not to be had.
fn has_room() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::net::UnixStream;
        let _room = [UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?];
    }
    Ok(())
}
