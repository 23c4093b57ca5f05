//! The fixtures: whole messages, each written from its source byte for byte, except for the recorded ones, which
//! are inputs and only compared with their hash.

mod json;
mod manifest;
mod simulated;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::workspace;
use manifest::Entry;
use table::{FIXTURES, Fixture};

const MANIFEST: &str = "manifest.json";

pub(crate) fn write() -> anyhow::Result<()> {
    let dir = workspace::root().join("fixtures");
    let plan = Plan::new(FIXTURES, manifest::recorded(&dir.join(MANIFEST))?)?;
    for (path, text) in &plan.files {
        let file = dir.join(path);
        fs::create_dir_all(file.parent().unwrap_or(&dir))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{} files written, {} recorded fixtures left alone", plan.files.len(), plan.recorded.len());
    Ok(())
}

pub(crate) fn check() -> anyhow::Result<()> {
    let dir = workspace::root().join("fixtures");
    let plan = Plan::new(FIXTURES, manifest::recorded(&dir.join(MANIFEST))?)?;
    let faults = plan.drift(&dir)?;
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
    fn new(fixtures: &[Fixture], recorded: Vec<Entry>) -> anyhow::Result<Self> {
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
            format!("fixtures/{path} is in no manifest: remove it, or add it to xtask/src/fixtures/table.rs")
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
