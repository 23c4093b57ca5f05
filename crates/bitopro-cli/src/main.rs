#![doc = include_str!("../README.md")]

mod args;
mod bounded_lines;
mod credentials;
mod decode;
mod exit;
mod log;
mod output;
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

use bitopro_client::transport::printable;
use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use args::{Args, Command};
use exit::{Failure, MAX_LINE, Status};
use log::PrintableFields;
use signals::Signals;

fn main() -> ExitCode {
    match run() {
        Ok(status) => status.into(),
        Err(failure) => exit::report(&failure).into(),
    }
}

fn run() -> Result<Status, Failure> {
    check_file_limit()
        .map_err(|error| Failure::new(Status::Unexpected, "cannot start the command").with_source(error))?;
    let signals = Signals::handle()?;
    let args = Args::parse();
    init_log();
    match args.command {
        Command::Watch(args) => watch::run(args, &signals),
        Command::Sim(args) => sim::run(args, &signals),
        Command::Decode(args) => decode::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Record(args) => record::run(&args, &signals),
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
            let error = printable(&error.to_string(), MAX_LINE);
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
        .fmt_fields(PrintableFields)
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

/// Runs a future on a runtime with a worker thread, so that slow printing on the main thread does not delay
/// pongs.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Status::Unexpected, "cannot start the async runtime").with_source(error)
    })?;
    let result = runtime.block_on(work);
    // Does not wait for threads, such as one that reads a certificate file.
    runtime.shutdown_background();
    result
}

/// Returns an error if the eight file descriptors that the two runtimes need are not available.
///
/// tokio panics if it cannot open the descriptors that it needs for signals.
fn check_file_limit() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::net::UnixStream;
        let pair = UnixStream::pair;
        let _descriptors = [pair()?, pair()?, pair()?, pair()?];
    }
    Ok(())
}
