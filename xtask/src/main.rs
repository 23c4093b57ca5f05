//! The project's own checks and generators. Every step of CI is one of these commands.
#![allow(clippy::print_stdout, reason = "the output of these commands")]

mod bench;
mod ci;
mod compat;
mod faults;
mod features;
mod fixtures;
mod fuzz;
mod layering;
#[cfg(test)]
mod log_events;
mod msrv;
mod named_test;
#[cfg(test)]
mod operations_page;
mod package;
mod public_api;
mod readme;
#[cfg(test)]
mod simulator_page;
mod soak;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own checks and generators")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the library against other code that does the same work, and compare the figures with their goals.
    Bench(bench::Args),
    /// Run every step of CI, and end with a count of failures.
    Ci,
    /// Run the exchange's own Python SDK against the simulator and compare what it receives with the account. Also run
    /// the code in docs/testing-with-pytest.md.
    Compat(compat::Args),
    /// Run the tests of the faults in docs/failures.md, and fail if a fault has none.
    Faults(faults::Args),
    /// Generate the fixtures from their sources.
    Fixtures(fixtures::Args),
    /// Run the fuzz targets for a limited time; needs cargo-fuzz and a nightly toolchain.
    Fuzz(fuzz::Args),
    /// Check that our crates have only allowed dependencies on each other.
    Layering,
    /// Check that no dependency requires a newer Rust than `rust-version`.
    Msrv,
    /// Build the packages as they would be published, and run the tests of those that need no other package.
    Package,
    /// Compare the public items of each library with its `public-api.txt`.
    PublicApi(public_api::Args),
    /// Check that the commands in the README exist.
    Readme,
    /// Run long tests: random faults, a stalled subscriber, or days of trading.
    Soak(soak::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Ci => return Ok(ci::run()),
        Command::Compat(args) => compat::run(&args),
        Command::Faults(args) => faults::run(&args),
        Command::Fixtures(args) => fixtures::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Layering => layering::check(),
        Command::Msrv => msrv::check(),
        Command::Package => package::check(),
        Command::PublicApi(args) => public_api::run(&args),
        Command::Readme => readme::check(),
        Command::Soak(args) => soak::run(&args),
    }?;
    Ok(ExitCode::SUCCESS)
}
