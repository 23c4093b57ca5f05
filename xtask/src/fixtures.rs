//! The fixtures: whole messages and sessions, each written from its source byte for byte, except for the recorded ones, which
//! are inputs and only compared with their hash.

mod json;
mod live;
mod manifest;
mod scrub;
mod secrets;
mod session;
mod simulated;
mod store;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::workspace;
use manifest::Entry;
use table::{Fixture, fixtures};

const MANIFEST: &str = "manifest.json";

#[derive(Debug, clap::Args)]
#[allow(clippy::doc_markdown, reason = "these comments are the help text, where backticks would show")]
pub(crate) struct Args {
    /// Write nothing; fail where a fixture differs from its source.
    #[arg(long, conflicts_with = "live")]
    check: bool,

    /// Record balances of your own account from the real exchange
    ///
    /// Needs BITOPRO_API_KEY, BITOPRO_API_SECRET and BITOPRO_EMAIL. BITOPRO_WS_URL may
    /// name another base endpoint, and BITOPRO_CA_FILE a PEM file with certificates to
    /// trust too.
    ///
    /// Writes the snapshot and the updates that follow to fixtures/account-balance/
    /// recorded-*.json, and their hashes to the manifest. Before that, in memory:
    ///
    /// - event ids become counted ones;
    /// - of every amount, each digit from the first to the last that is not zero becomes
    ///   another; zeros at both ends, sign, decimal places and which amount is larger or
    ///   equal stay, sums do not;
    /// - in fields that the model does not know, so do the digits of numbers, and the
    ///   letters and digits of texts.
    ///
    /// What stays: the currencies and which of them are zero, how many digits an amount
    /// has, when the messages were sent, the names of unknown fields. Messages that are
    /// no balances are left out. Nothing is written if the email address, the key, the
    /// secret, the signature, the payload or an event id would be in it, as it is, in
    /// hex or in base64.
    #[arg(long, verbatim_doc_comment)]
    live: bool,

    /// End the recording after this many updates.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "live")]
    updates: usize,

    /// End the recording after this many seconds.
    #[arg(long, value_name = "S", default_value_t = 60, requires = "live")]
    seconds: u64,

    /// Remove an earlier recording for the new one.
    #[arg(long, requires = "live")]
    replace: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.live {
        let wanted = live::Wanted { updates: args.updates, within: Duration::from_secs(args.seconds) };
        live::record(wanted, args.replace)
    } else if args.check {
        check()
    } else {
        write(&directory())
    }
}

pub(crate) fn check() -> anyhow::Result<()> {
    check_in(&directory())
}

/// The texts of all fixtures, in the order of their paths.
pub(crate) fn texts() -> anyhow::Result<Vec<String>> {
    let dir = directory();
    let paths = files_below(&dir, "")?.into_iter().filter(|path| path != MANIFEST);
    paths
        .map(|path| fs::read_to_string(dir.join(&path)).with_context(|| format!("cannot read {path}")))
        .collect()
}

fn directory() -> PathBuf {
    workspace::root().join("fixtures")
}

fn write(dir: &Path) -> anyhow::Result<()> {
    let plan = Plan::new(fixtures(), manifest::recorded(&dir.join(MANIFEST))?)?;
    for (path, text) in &plan.files {
        let file = dir.join(path);
        fs::create_dir_all(file.parent().unwrap_or(dir))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{} files written, {} recorded fixtures left alone", plan.files.len(), plan.recorded.len());
    Ok(())
}

fn check_in(dir: &Path) -> anyhow::Result<()> {
    let plan = Plan::new(fixtures(), manifest::recorded(&dir.join(MANIFEST))?)?;
    let faults = plan.drift(dir)?;
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!(
        "{} generated files and {} recorded ones are as they should be",
        plan.files.len(),
        plan.recorded.len()
    );
    Ok(())
}

/// What the directory should hold.
struct Plan {
    /// Generated files, the manifest among them, by their path below the directory.
    files: BTreeMap<String, String>,
    recorded: Vec<Entry>,
}

impl Plan {
    fn new<'a>(
        fixtures: impl IntoIterator<Item = &'a Fixture>,
        recorded: Vec<Entry>,
    ) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        let mut entries = recorded.clone();
        for fixture in fixtures {
            let (entry, text) =
                fixture.generate().with_context(|| format!("cannot generate {}", fixture.path))?;
            files.insert(entry.path.clone(), text);
            entries.push(entry);
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        for (a, b) in entries.iter().zip(entries.iter().skip(1)) {
            ensure!(a.path != b.path, "{} stands twice in the manifest", a.path);
        }
        files.insert(MANIFEST.to_owned(), manifest::to_text(&entries)?);
        Ok(Self { files, recorded })
    }

    /// Where the directory differs from the plan, and what to do about it.
    fn drift(&self, dir: &Path) -> anyhow::Result<Vec<String>> {
        let mut found = files_below(dir, "")?;
        let mut faults = Vec::new();
        for (path, text) in &self.files {
            let same = found.remove(path) && fs::read_to_string(dir.join(path)).is_ok_and(|old| old == *text);
            if !same {
                faults.push(format!("fixtures/{path} differs from its source: run `cargo xtask fixtures`"));
            }
        }
        for entry in &self.recorded {
            let hash = found.remove(&entry.path).then(|| sha256(&dir.join(&entry.path))).transpose()?;
            if hash != entry.sha256 || hash.is_none() {
                faults.push(format!(
                    "fixtures/{} is not what was recorded: bring it back with `git checkout`, or record it anew",
                    entry.path
                ));
            }
        }
        faults.extend(found.into_iter().map(|path| {
            format!("fixtures/{path} is in no manifest: remove it, or add it to its table in xtask/src/fixtures/table/")
        }));
        Ok(faults)
    }
}

fn files_below(dir: &Path, prefix: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().display());
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path(), &format!("{path}/"))?);
        } else {
            files.insert(path);
        }
    }
    Ok(files)
}

fn sha256(file: &Path) -> anyhow::Result<String> {
    Ok(hex::encode(Sha256::digest(fs::read(file)?)))
}

#[cfg(test)]
mod tests;
