#![doc = include_str!("../README.md")]

mod args;
mod credentials;
mod decode;
mod exit;
mod output;
mod printable;
mod record;
mod sign;
mod signals;
mod sim;
mod single_line;
mod stdout_pipe;
mod watch;
mod writer;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use args::{Args, Command};
use exit::{Failure, Status};
use printable::printable;

fn main() -> ExitCode {
    let args = Args::parse();
    init_log();
    let result = match args.command {
        Command::Watch(args) => watch::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Decode(args) => decode::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Record(args) => record::run(&args),
    };
    match result {
        Ok(status) => status.into(),
        Err(failure) => exit::report(&failure).into(),
    }
}

/// Logs to standard error if `RUST_LOG` is set. An invalid filter is reported, and nothing is logged.
///
/// tungstenite logs every frame at TRACE, which reveals the account's data, and close frames at DEBUG. These
/// events are logged only if `RUST_LOG` names tungstenite.
fn init_log() {
    let Some(directives) = std::env::var_os(EnvFilter::DEFAULT_ENV).filter(|text| !text.is_empty()) else {
        return;
    };
    let directives = directives.to_string_lossy();
    let filter = match EnvFilter::try_new(&directives) {
        Ok(filter) => filter,
        Err(error) => {
            let error = printable(&error.to_string()).into_owned();
            // If standard error is closed, nothing can be reported.
            let _ = writeln!(
                std::io::stderr(),
                "bitopro: nothing is logged, because RUST_LOG is invalid: {error}; use `info` or \
                 `bitopro_client=debug`, for example"
            );
            return;
        }
    };
    let names_tungstenite =
        directives.split(',').any(|directive| directive.trim_start().starts_with("tungstenite"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .finish()
        .with(filter_fn(move |event| {
            names_tungstenite
                || *event.level() < LevelFilter::DEBUG
                || !event.target().starts_with("tungstenite")
        }))
        .init();
}

/// Creates a runtime with a worker thread, so that slow printing on the main thread does not delay pongs.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    check_file_limit()
        .and_then(|()| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build())
        .map_err(|error| {
            Failure::new(Status::Unexpected, "cannot start the async runtime").with_source(error)
        })
}

/// Returns an error if the six file descriptors that a runtime needs are not available.
///
/// tokio panics if it cannot open the descriptors that it needs for signals.
fn check_file_limit() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::net::UnixStream;
        let _descriptors = [UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?];
    }
    Ok(())
}
