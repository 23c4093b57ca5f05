//! Bounded runs of the fuzz targets below `xtask/fuzz`, which need cargo-fuzz and a nightly toolchain.
//!
//! The targets themselves are compiled into the tests of this crate too, so that CI gives them every seed, and all
//! that was ever found, on any toolchain.

mod corpus;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::workspace::{self, command};

/// What is fuzzed, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// Any text as a message of every stream.
    Decode,
    /// Any sequence of events, at any times, for the sessions of a client.
    Session,
    /// Any bytes as a server's answer to the upgrade request, and as frames.
    Upgrade,
}

impl Target {
    const ALL: [Self; 3] = [Self::Decode, Self::Session, Self::Upgrade];

    fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Session => "session",
            Self::Upgrade => "upgrade",
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,

    /// Run this one only.
    #[arg(long, value_enum)]
    target: Option<Target>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let problems: Vec<String> = [
        missing(&["+nightly", "--version"], "a nightly toolchain", "rustup toolchain install nightly"),
        missing(&["fuzz", "--version"], "cargo-fuzz", "cargo install cargo-fuzz --locked"),
    ]
    .into_iter()
    .flatten()
    .collect();
    ensure!(problems.is_empty(), "NOTHING WAS FUZZED: {}", problems.join("; "));
    let lock = workspace::root().join("Cargo.lock");
    fs::copy(&lock, directory().join("Cargo.lock")).context("cannot copy Cargo.lock for the fuzz targets")?;
    for target in args.target.map_or(Target::ALL.to_vec(), |target| vec![target]) {
        fuzz(target, args.seconds)?;
    }
    Ok(())
}

/// What is missing, and how to get it.
fn missing(args: &[&str], what: &str, remedy: &str) -> Option<String> {
    let status = cargo().args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = status.is_ok_and(|status| status.success());
    (!is_there).then(|| format!("{what} is missing (`{remedy}`)"))
}

/// The cargo of rustup, which takes a toolchain as its first argument, rather than that of this toolchain.
fn cargo() -> Command {
    let mut cargo = command("cargo");
    cargo.env_remove("RUSTUP_TOOLCHAIN");
    cargo
}

fn directory() -> PathBuf {
    workspace::root().join("xtask/fuzz")
}

fn fuzz(target: Target, seconds: u32) -> anyhow::Result<()> {
    let name = target.name();
    let corpus = directory().join("corpus").join(name);
    let seeds = corpus::seeds(target)?;
    println!("\n== {name}: {seconds} s, from {} seeds", seeds.len());
    write(&corpus, &seeds)?;
    let mut fuzz = cargo();
    fuzz.current_dir(directory()).args(["+nightly", "fuzz", "run", "--fuzz-dir", ".", name]);
    fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=20", "-print_final_stats=1"]);
    let status = fuzz.status().context("cannot start cargo-fuzz")?;
    if !status.success() {
        bail!(
            "{name} found something ({status}): the input is below xtask/fuzz/artifacts/{name}. Keep it as a test in \
             xtask/src/fuzz/tests.rs, and mend what it breaks"
        );
    }
    Ok(())
}

fn write(corpus: &Path, seeds: &[Vec<u8>]) -> anyhow::Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    for (number, seed) in seeds.iter().enumerate() {
        let file = corpus.join(format!("seed-{number:03}"));
        fs::write(&file, seed).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "they are public where cargo-fuzz builds them")]
mod targets;
#[cfg(test)]
mod tests;
