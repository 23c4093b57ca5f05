//! Compares the public items of each library with its `public-api.txt`, so that no change to them goes
//! unnoticed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use cargo_metadata::Target;
use public_api::Builder;

use crate::workspace::{cargo, command, published, root};

/// The compiler version that generates the listings. Other versions may format the items differently.
const RUST: &str = "rustc 1.95.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the listings instead of comparing them.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.write {
        return libraries()?.iter().try_for_each(|library| Ok(fs::write(path(library), listing(library)?)?));
    }
    check()?.map_err(|reason| anyhow::anyhow!(reason))
}

/// Compares the listings. The inner error states why this machine cannot compare them.
pub(crate) fn check() -> anyhow::Result<Result<(), String>> {
    let rust = String::from_utf8(command("rustc").arg("--version").output()?.stdout)?;
    if !rust.starts_with(RUST) {
        return Ok(Err(format!("the listings need {RUST}*, but this is {}", rust.trim())));
    }
    let mut problems = Vec::new();
    for library in &libraries()? {
        let (old, new) = (fs::read_to_string(path(library)).unwrap_or_default(), listing(library)?);
        let only_in = |a: &str, b: &str, sign: &str| {
            let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
            lines.flat_map(|line| [sign, " ", line, "\n"]).collect::<String>()
        };
        let changes = only_in(&old, &new, "-") + &only_in(&new, &old, "+");
        if old != new {
            problems.push(format!("the public items of {library} have changed:\n{changes}"));
        }
    }
    ensure!(
        problems.is_empty(),
        "{}if this is intended, run `cargo xtask public-api --write` and add the change to the changelog",
        problems.concat()
    );
    Ok(Ok(()))
}

fn libraries() -> anyhow::Result<Vec<String>> {
    let packages = published()?.into_iter();
    let with_library = packages.filter(|package| package.targets.iter().any(Target::is_lib));
    Ok(with_library.map(|package| package.name.to_string()).collect())
}

fn path(library: &str) -> PathBuf {
    root().join("crates").join(library).join("public-api.txt")
}

/// Returns one line per public item of a library with all features. Leaves out derived implementations, auto
/// traits and blanket implementations.
fn listing(library: &str) -> anyhow::Result<String> {
    let target = root().join("target/public-api");
    // The JSON format of rustdoc is unstable and depends on the compiler version.
    let status = cargo(&["rustdoc", "--quiet", "--locked", "--lib", "--all-features", "--package", library])
        .arg("--target-dir")
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"])
        .env("RUSTC_BOOTSTRAP", "1")
        .status()?;
    ensure!(status.success(), "cannot build the documentation of {library}: {status}");
    let json = target.join("doc").join(format!("{}.json", library.replace('-', "_")));
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("cannot read the documentation of {library}"))?;
    let lines: Vec<String> = api.items().map(ToString::to_string).collect();
    Ok(lines.join("\n") + "\n")
}
