//! Generates and checks the fixtures, which are complete messages and sessions.
//!
//! Each fixture must equal the text that is generated from its source. The exceptions are recorded fixtures,
//! which are inputs and are only compared with their hashes.

mod json;
mod manifest;
mod session;
mod simulated;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::workspace;
use manifest::Entry;
use table::Table;

const MANIFEST: &str = "manifest.json";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a fixture differs from its source.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.check { check() } else { write(&directory()) }
}

pub(crate) fn check() -> anyhow::Result<()> {
    let (dir, plan) = (directory(), Plan::read()?);
    let problems = plan.drift(&dir)?;
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    println!("{} generated files and {} recorded fixtures match", plan.files.len(), plan.recorded.len());
    Ok(())
}

/// The folder of the replies of the REST API.
const REST: &str = "rest/";

/// Returns the texts of all messages and sessions, sorted by path.
pub(crate) fn texts() -> anyhow::Result<Vec<String>> {
    read_all(|path| path != MANIFEST && !path.starts_with(REST))
}

/// Returns the texts of all replies of the REST API, sorted by path.
pub(crate) fn rest_texts() -> anyhow::Result<Vec<String>> {
    read_all(|path| path.starts_with(REST))
}

fn read_all(is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
    let dir = directory();
    let paths = files_in(&dir, "")?.into_iter().filter(|path| is_wanted(path));
    paths
        .map(|path| fs::read_to_string(dir.join(&path)).with_context(|| format!("cannot read {path}")))
        .collect()
}

fn directory() -> PathBuf {
    workspace::root().join("fixtures")
}

fn write(dir: &Path) -> anyhow::Result<()> {
    let plan = Plan::read()?;
    for (path, text) in &plan.files {
        let file = dir.join(path);
        fs::create_dir_all(file.parent().unwrap_or(dir))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{} files written, {} recorded fixtures unchanged", plan.files.len(), plan.recorded.len());
    Ok(())
}

/// The expected content of the directory.
struct Plan {
    /// Generated files, including the manifest, by their path in the directory.
    files: BTreeMap<String, String>,
    recorded: Vec<Entry>,
}

impl Plan {
    fn read() -> anyhow::Result<Self> {
        let generated = Table::read(&workspace::root().join("xtask/fixtures"))?.generate()?;
        Self::new(generated, manifest::recorded(&directory().join(MANIFEST))?)
    }

    fn new(generated: Vec<(Entry, String)>, recorded: Vec<Entry>) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        let mut entries = recorded.clone();
        for (entry, text) in generated {
            files.insert(entry.path.clone(), text);
            entries.push(entry);
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        for (a, b) in entries.iter().zip(entries.iter().skip(1)) {
            ensure!(a.path != b.path, "duplicate fixture {}", a.path);
        }
        files.insert(MANIFEST.to_owned(), manifest::to_text(&entries)?);
        Ok(Self { files, recorded })
    }

    /// Lists the differences between the directory and the plan, with a remedy for each.
    fn drift(&self, dir: &Path) -> anyhow::Result<Vec<String>> {
        let mut found = files_in(dir, "")?;
        let mut problems = Vec::new();
        for (path, text) in &self.files {
            let same = found.remove(path) && fs::read_to_string(dir.join(path)).is_ok_and(|old| old == *text);
            if !same {
                problems.push(format!("fixtures/{path} differs from its source; run `cargo xtask fixtures`"));
            }
        }
        for Entry { path, sha256, .. } in &self.recorded {
            let hash = found.remove(path).then(|| hash_of(&dir.join(path))).transpose()?;
            match (sha256, hash) {
                (Some(expected), Some(hash)) if *expected == hash => {}
                (None, Some(hash)) => {
                    problems.push(format!("fixtures/{path} has no hash: add `\"sha256\": \"{hash}\"` to its entry"));
                }
                _ => problems.push(format!(
                    "fixtures/{path} differs from its recording; restore it with `git checkout`, or record it again"
                )),
            }
        }
        for path in found {
            let hash = hash_of(&dir.join(&path))?;
            problems.push(format!(
                "fixtures/{path} is not in the manifest; remove it, add it to a table in xtask/fixtures/, or, if it was \
                 recorded, add an entry with `\"sha256\": \"{hash}\"` to fixtures/manifest.json"
            ));
        }
        Ok(problems)
    }
}

fn files_in(dir: &Path, prefix: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().display());
        if entry.file_type()?.is_dir() {
            files.extend(files_in(&entry.path(), &format!("{path}/"))?);
        } else {
            files.insert(path);
        }
    }
    Ok(files)
}

fn hash_of(file: &Path) -> anyhow::Result<String> {
    Ok(hex::encode(Sha256::digest(fs::read(file)?)))
}

#[cfg(test)]
mod tests;
