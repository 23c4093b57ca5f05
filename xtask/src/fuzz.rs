//! Runs the fuzz targets in `xtask/fuzz` for a limited time. Needs cargo-fuzz and a nightly toolchain.
//!
//! The tests of this crate also include the targets, so that CI runs them on every seed, with any toolchain.

mod corpus;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::ValueEnum;

use crate::workspace::{self, command};

/// The fuzz targets, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Decode any text as a message of every stream.
    Decode,
    /// Read any bytes as the reply to every call of the REST API.
    Rest,
    /// Apply any sequence of events, at any times, to the links of an account.
    Session,
    /// Read any bytes as the response to an upgrade request, followed by frames.
    Upgrade,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run each target for this many seconds.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,

    /// Run only this target.
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
    ensure!(problems.is_empty(), "cannot fuzz: {}", problems.join("; "));
    let lock = workspace::root().join("Cargo.lock");
    fs::copy(&lock, directory().join("Cargo.lock")).context("cannot copy Cargo.lock for the fuzz targets")?;
    let targets = args.target.as_ref().map_or(Target::value_variants(), std::slice::from_ref);
    targets.iter().try_for_each(|target| fuzz(*target, args.seconds))
}

/// Returns a message about a missing tool, with the command that installs it.
fn missing(args: &[&str], tool: &str, remedy: &str) -> Option<String> {
    let status = cargo().args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_installed = status.is_ok_and(|status| status.success());
    (!is_installed).then(|| format!("{tool} is missing (`{remedy}`)"))
}

/// Returns the cargo of rustup, which accepts a toolchain as its first argument, instead of this toolchain's
/// cargo.
fn cargo() -> Command {
    let mut cargo = command("cargo");
    cargo.env_remove("RUSTUP_TOOLCHAIN");
    cargo
}

fn directory() -> PathBuf {
    workspace::root().join("xtask/fuzz")
}

fn fuzz(target: Target, seconds: u32) -> anyhow::Result<()> {
    let name = target.to_possible_value().context("the target has no name")?.get_name().to_owned();
    let corpus = directory().join("corpus").join(&name);
    let seeds = corpus::seeds(target)?;
    println!("\n== {name}: {seconds} s, from {} seeds", seeds.len());
    fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
    for (number, seed) in seeds.iter().enumerate() {
        let file = corpus.join(format!("seed-{number:03}"));
        fs::write(&file, seed).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut fuzz = cargo();
    fuzz.current_dir(directory()).args(["+nightly", "fuzz", "run", "--fuzz-dir", ".", &name]);
    fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=20", "-print_final_stats=1"]);
    let status = fuzz.status().context("cannot start cargo-fuzz")?;
    ensure!(
        status.success(),
        "{name} failed ({status}); its input is in xtask/fuzz/artifacts/{name}: fix the bug and add the input as a test \
         to xtask/src/fuzz.rs"
    );
    Ok(())
}

#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "cargo-fuzz builds them as a library")]
mod targets;

#[cfg(test)]
mod tests {
    use super::{Target, ValueEnum, corpus, missing, targets};

    fn check(target: Target, input: &[u8]) {
        match target {
            Target::Decode => targets::decode::check(input),
            Target::Rest => targets::rest::check(input),
            Target::Session => targets::session::check(input),
            Target::Upgrade => targets::upgrade::check(input),
        }
    }

    /// Checks each seed, complete and truncated: a small part of what a fuzzer does, but with any toolchain.
    #[test]
    fn every_seed_passes_complete_and_truncated() {
        for target in Target::value_variants() {
            for seed in corpus::seeds(*target).unwrap() {
                check(*target, &seed);
                for length in (0..seed.len()).step_by(seed.len() / 16 + 1) {
                    check(*target, &seed[..length]);
                }
            }
        }
    }

    #[test]
    fn a_missing_tool_is_reported_with_its_remedy() {
        assert_eq!(missing(&["--version"], "cargo", "rustup"), None);
        assert_eq!(
            missing(&["no-such-command"], "a tool", "cargo install tool"),
            Some("a tool is missing (`cargo install tool`)".to_owned())
        );
    }
}
