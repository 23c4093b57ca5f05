//! Bounded runs of the fuzz targets below `xtask/fuzz`, which need cargo-fuzz and a nightly toolchain.
//!
//! The targets are also compiled into the tests of this crate, so that CI runs them on every seed with any toolchain.

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
    /// Any text as a message of every stream.
    Decode,
    /// Any sequence of events, at any times, for the sessions of a client.
    Session,
    /// Any bytes as a server's answer to the upgrade request, and as frames.
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
    ensure!(problems.is_empty(), "NOTHING WAS FUZZED: {}", problems.join("; "));
    let lock = workspace::root().join("Cargo.lock");
    fs::copy(&lock, directory().join("Cargo.lock")).context("cannot copy Cargo.lock for the fuzz targets")?;
    let targets = args.target.as_ref().map_or(Target::value_variants(), std::slice::from_ref);
    targets.iter().try_for_each(|target| fuzz(*target, args.seconds))
}

/// Reports a missing tool and how to install it.
fn missing(args: &[&str], tool: &str, remedy: &str) -> Option<String> {
    let status = cargo().args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = status.is_ok_and(|status| status.success());
    (!is_there).then(|| format!("{tool} is missing (`{remedy}`)"))
}

/// Returns rustup's cargo, which takes a toolchain as its first argument, rather than that of this toolchain.
fn cargo() -> Command {
    let mut cargo = command("cargo");
    cargo.env_remove("RUSTUP_TOOLCHAIN");
    cargo
}

fn directory() -> PathBuf {
    workspace::root().join("xtask/fuzz")
}

fn fuzz(target: Target, seconds: u32) -> anyhow::Result<()> {
    let name = target.to_possible_value().context("a target without a name")?.get_name().to_owned();
    let corpus = directory().join("corpus").join(&name);
    let seeds = corpus::seeds(target)?;
    println!("\n== {name}: {seconds} s, from {} seeds", seeds.len());
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
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
        "{name} failed ({status}): the input is below xtask/fuzz/artifacts/{name}. Keep it as a test in \
         xtask/src/fuzz.rs, and fix the fault"
    );
    Ok(())
}

#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "they are public where cargo-fuzz builds them")]
mod targets;

#[cfg(test)]
mod tests {
    use super::{Target, ValueEnum, corpus, missing, targets};

    fn check(target: Target, input: &[u8]) {
        match target {
            Target::Decode => targets::decode::check(input),
            Target::Session => targets::session::check(input),
            Target::Upgrade => targets::upgrade::check(input),
        }
    }

    /// Whole, and cut anywhere: a small part of what a fuzzer does, on any toolchain.
    #[test]
    fn every_seed_holds() {
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
