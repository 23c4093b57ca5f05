#![doc = include_str!("../README.md")]

mod args;
mod bounded_lines;
mod check;
mod client;
mod credentials;
mod decode;
mod demo;
mod exit;
mod filter;
mod generate;
mod log;
mod order;
mod output;
mod query;
mod record;
#[cfg(test)]
mod samples;
mod sign;
mod signals;
mod sim;
mod table;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{Failure, Status};
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
    log::init();
    match args.command {
        Command::Watch(args) => watch::run(args, &signals),
        Command::Balances(args) => query::balances::run(args),
        Command::Orders(args) => query::orders::run(args),
        Command::Trades(args) => query::trades::run(args),
        Command::Pairs(args) => query::pairs::run(args),
        Command::Ticker(args) => query::ticker::run(args),
        Command::Order(args) => order::run(args, &signals),
        Command::Check(args) => check::run(&args, &signals),
        Command::Sim(args) => sim::run(args, &signals),
        Command::Decode(args) => decode::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Record(args) => record::run(&args, &signals),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    }
}

/// Runs a future on a runtime with a worker thread, so that slow printing on the main thread does not delay
/// pongs.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_on(tokio::runtime::Builder::new_multi_thread().worker_threads(1), work)
}

/// Runs a future and its tasks on this thread, which it must not block. Each item then costs less than with
/// [`block_on`], and the tasks that receive items cannot outrun the future that prints them.
fn block_on_one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_on(&mut tokio::runtime::Builder::new_current_thread(), work)
}

fn run_on<T>(
    builder: &mut tokio::runtime::Builder,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = builder.enable_all().build().map_err(|error| {
        Failure::new(Status::Unexpected, "cannot start the async runtime").with_source(error)
    })?;
    let result = runtime.block_on(work);
    // Does not wait for work that blocks.
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
