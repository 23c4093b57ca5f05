//! The Rust version that we promise, against the ones that our dependencies ask for.

use anyhow::{Context, bail};
use cargo_metadata::semver::Version;

use crate::workspace;

pub(crate) fn check() -> anyhow::Result<()> {
    let metadata = workspace::metadata()?;
    let ours = metadata.workspace_packages();
    let promised = ours
        .iter()
        .map(|package| {
            package.rust_version.clone().with_context(|| format!("{} has no `rust-version`", package.name))
        })
        .collect::<anyhow::Result<Vec<Version>>>()?
        .into_iter()
        .min()
        .context("the workspace is empty")?;
    let asked = metadata.packages.iter().filter_map(|package| {
        package.rust_version.as_ref().map(|rust| (format!("{} {}", package.name, package.version), rust))
    });
    let faults = too_new(&promised, asked);
    if !faults.is_empty() {
        bail!(
            "{}\nChoose an older version with `cargo update <name> --precise <version>`, or raise `rust-version` in \
             Cargo.toml and say so in the changelog.",
            faults.join("\n")
        );
    }
    println!("Rust {promised} is enough for all {} packages", metadata.packages.len());
    Ok(())
}

fn too_new<'a>(promised: &Version, asked: impl IntoIterator<Item = (String, &'a Version)>) -> Vec<String> {
    asked
        .into_iter()
        .filter(|(_, rust)| *rust > promised)
        .map(|(package, rust)| format!("{package} asks for Rust {rust}, and we promise {promised}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_asks_for_more_is_named() {
        let promised = Version::new(1, 89, 0);
        let [older, newer] = [Version::new(1, 88, 0), Version::new(1, 89, 1)];
        let asked = [
            ("a 1.0.0".to_owned(), &older),
            ("b 2.1.0".to_owned(), &promised),
            ("c 0.3.0".to_owned(), &newer),
        ];
        assert_eq!(too_new(&promised, asked), ["c 0.3.0 asks for Rust 1.89.1, and we promise 1.89.0"]);
    }

    #[test]
    fn the_workspace_keeps_to_it() {
        check().unwrap();
    }
}
