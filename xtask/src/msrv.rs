//! Compares our minimum Rust version with those of our dependencies.

use anyhow::{Context, bail};
use cargo_metadata::semver::Version;

use crate::workspace;

pub(crate) fn check() -> anyhow::Result<()> {
    let metadata = workspace::metadata()?;
    let versions = metadata.workspace_packages().into_iter().map(|package| {
        package.rust_version.clone().with_context(|| format!("{} has no `rust-version`", package.name))
    });
    let minimum = versions.collect::<anyhow::Result<Vec<Version>>>()?.into_iter().min();
    let minimum = minimum.context("the workspace is empty")?;
    let required = metadata.packages.iter().filter_map(|package| {
        package.rust_version.as_ref().map(|rust| (format!("{} {}", package.name, package.version), rust))
    });
    let problems = too_new(&minimum, required);
    if !problems.is_empty() {
        bail!(
            "{}\nselect an older version with `cargo update <name> --precise <version>`, or raise `rust-version` in \
             Cargo.toml and add the change to the changelog",
            problems.join("\n")
        );
    }
    println!("Rust {minimum} is sufficient for all {} packages", metadata.packages.len());
    Ok(())
}

fn too_new<'a>(minimum: &Version, required: impl IntoIterator<Item = (String, &'a Version)>) -> Vec<String> {
    let newer = required.into_iter().filter(|(_, rust)| *rust > minimum);
    newer
        .map(|(package, rust)| format!("{package} requires Rust {rust}, but `rust-version` is {minimum}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Version, check, too_new};

    #[test]
    fn a_package_that_requires_a_newer_rust_is_reported() {
        let [older, minimum, newer] =
            [(88, 0), (89, 0), (89, 1)].map(|(minor, patch)| Version::new(1, minor, patch));
        let required = [("a 1.0.0", &older), ("b 2.1.0", &minimum), ("c 0.3.0", &newer)];
        let required = required.map(|(package, rust)| (package.to_owned(), rust));
        assert_eq!(
            too_new(&minimum, required),
            ["c 0.3.0 requires Rust 1.89.1, but `rust-version` is 1.89.0"]
        );
        check().unwrap();
    }
}
