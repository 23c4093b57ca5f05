//! Compares the Rust version that we promise with those that our dependencies require.

use anyhow::{Context, bail};
use cargo_metadata::semver::Version;

use crate::workspace;

pub(crate) fn check() -> anyhow::Result<()> {
    let metadata = workspace::metadata()?;
    let versions = metadata.workspace_packages().into_iter().map(|package| {
        package.rust_version.clone().with_context(|| format!("{} has no `rust-version`", package.name))
    });
    let promised = versions.collect::<anyhow::Result<Vec<Version>>>()?.into_iter().min();
    let promised = promised.context("the workspace is empty")?;
    let required = metadata.packages.iter().filter_map(|package| {
        package.rust_version.as_ref().map(|rust| (format!("{} {}", package.name, package.version), rust))
    });
    let faults = too_new(&promised, required);
    if !faults.is_empty() {
        bail!(
            "{}\nChoose an older version with `cargo update <name> --precise <version>`, or raise `rust-version` in \
             Cargo.toml and add it to the changelog.",
            faults.join("\n")
        );
    }
    println!("Rust {promised} suffices for all {} packages", metadata.packages.len());
    Ok(())
}

fn too_new<'a>(promised: &Version, required: impl IntoIterator<Item = (String, &'a Version)>) -> Vec<String> {
    let newer = required.into_iter().filter(|(_, rust)| *rust > promised);
    newer
        .map(|(package, rust)| format!("{package} requires Rust {rust}, but we promise {promised}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Version, check, too_new};

    #[test]
    fn a_package_that_requires_a_newer_rust_is_reported() {
        let [older, promised, newer] =
            [(88, 0), (89, 0), (89, 1)].map(|(minor, patch)| Version::new(1, minor, patch));
        let required = [("a 1.0.0", &older), ("b 2.1.0", &promised), ("c 0.3.0", &newer)];
        let required = required.map(|(package, rust)| (package.to_owned(), rust));
        assert_eq!(too_new(&promised, required), ["c 0.3.0 requires Rust 1.89.1, but we promise 1.89.0"]);
        check().unwrap();
    }
}
