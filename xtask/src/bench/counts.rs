//! Instruction counts, which unlike times are the same in each run. CI compares them with those in `counts.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use cargo_metadata::Message;
use serde::{Deserialize, Serialize};

use crate::bench::rows::{ENGINE, MESSAGES, Program};
use crate::workspace::{self, command};

/// The programs that count when their argument is `count`.
const PROGRAMS: [Program; 2] = [MESSAGES, ENGINE];
/// Counts may grow by this factor.
const TOLERANCE: f64 = 1.10;
const UPDATE: &str = "`cargo xtask bench --counts --write` updates xtask/src/bench/counts.json";

#[derive(Debug, Serialize, Deserialize)]
struct Counts {
    /// The compiler and the target, on which the counts depend.
    rustc: String,
    counts: BTreeMap<String, u64>,
}

/// Counts again and fails if a count has grown. The inner error states why this machine cannot count.
pub(crate) fn check() -> anyhow::Result<Result<(), String>> {
    let file = file();
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let before: Counts =
        serde_json::from_str(&text).with_context(|| format!("cannot parse {}", file.display()))?;
    let rustc = rustc()?;
    if before.rustc != rustc {
        return Ok(Err(format!(
            "the counts are those of rustc {}, and this is {rustc}; {UPDATE}",
            before.rustc
        )));
    }
    let now = match count()? {
        Ok(now) => now,
        Err(reason) => return Ok(Err(reason)),
    };
    for (name, now) in &now {
        let before = before.counts.get(name);
        println!("{name:<32}{now:>12}  {}", before.map(|before| change(*before, *now)).unwrap_or_default());
    }
    compare(&before.counts, &now)?;
    Ok(Ok(()))
}

/// Counts and writes the file.
pub(super) fn write() -> anyhow::Result<()> {
    let counts = Counts { rustc: rustc()?, counts: count()?.map_err(anyhow::Error::msg)? };
    Ok(fs::write(file(), serde_json::to_string_pretty(&counts)? + "\n")?)
}

fn file() -> PathBuf {
    workspace::root().join("xtask/src/bench/counts.json")
}

fn compare(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    ensure!(before.keys().eq(now.keys()), "the counts are of other rows; {UPDATE}");
    let grown = now.iter().filter_map(|(name, now)| {
        let before = *before.get(name)?;
        (ratio(before, *now) > TOLERANCE).then(|| format!("{name} ({})", change(before, *now)))
    });
    let grown: Vec<String> = grown.collect();
    ensure!(
        grown.is_empty(),
        "more instructions than before: {}; if that is intended, {UPDATE}",
        grown.join(", ")
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a ratio does not need all digits")]
fn ratio(before: u64, now: u64) -> f64 {
    now as f64 / before as f64
}

fn change(before: u64, now: u64) -> String {
    format!("{:+.1} %", (ratio(before, now) - 1.0) * 100.0)
}

/// Returns the version of the compiler and its target.
fn rustc() -> anyhow::Result<String> {
    let output = command("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    Ok(format!("{} {}", field("release:"), field("host:")))
}

/// Runs every program under callgrind.
fn count() -> anyhow::Result<Result<BTreeMap<String, u64>, String>> {
    let version = command("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        return Ok(Err("valgrind, which counts instructions, is not installed".to_owned()));
    }
    let mut counts = BTreeMap::new();
    for program in PROGRAMS {
        counts.extend(count_program(&program)?);
    }
    Ok(Ok(counts))
}

fn count_program(program: &Program) -> anyhow::Result<Vec<(String, u64)>> {
    let executable = build(program)?;
    let directory = tempfile::tempdir()?;
    let function = format!("{}::harness::counted_work", program.bench);
    let output = command("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .args([format!("--toggle-collect={function}"), format!("--dump-after={function}")])
        .arg(format!("--callgrind-out-file={}", directory.path().join("out").display()))
        .arg(executable)
        .arg("count")
        .output()?;
    ensure!(output.status.success(), "valgrind failed: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8_lossy(&output.stdout);
    // Each call of the function ends with a dump, so the first name belongs to `out.1`.
    let counts = (1..).zip(names.lines()).map(|(number, name)| {
        let dump = fs::read_to_string(directory.path().join(format!("out.{number}")));
        let dump = dump.with_context(|| format!("valgrind has written no count of {name}"))?;
        let totals = dump.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok((name.to_owned(), totals.context("no totals")?.trim().parse()?))
    });
    counts.collect()
}

/// Builds a benchmark and returns its path.
fn build(program: &Program) -> anyhow::Result<PathBuf> {
    let mut build = program.cargo_bench();
    let output = build.args(["--no-run", "--message-format=json"]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "cannot build the benchmark `{}`", program.bench);
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == program.bench
            && let Some(executable) = artifact.executable
        {
            return Ok(executable.into());
        }
    }
    bail!("cargo has built no benchmark `{}`", program.bench)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::compare;

    fn counts(rows: &[(&str, u64)]) -> BTreeMap<String, u64> {
        rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn a_count_may_grow_by_a_tenth() {
        let before = counts(&[("decode/a", 1_000), ("decode/b", 1_000)]);
        assert!(compare(&before, &counts(&[("decode/a", 1_100), ("decode/b", 1)])).is_ok());
        let error = compare(&before, &counts(&[("decode/a", 1_101), ("decode/b", 1_000)])).unwrap_err();
        assert!(
            error.to_string().starts_with("more instructions than before: decode/a (+10.1 %);"),
            "{error}"
        );
    }

    #[test]
    fn a_row_that_is_new_or_missing_is_an_error() {
        let before = counts(&[("decode/a", 1_000)]);
        assert!(compare(&before, &counts(&[])).is_err());
        assert!(compare(&before, &counts(&[("decode/a", 1_000), ("decode/b", 1)])).is_err());
    }
}
