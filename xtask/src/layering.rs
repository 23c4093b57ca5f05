//! Checks the dependencies between the crates of the workspace.

use std::collections::BTreeSet;
use std::process::Stdio;

use anyhow::{bail, ensure};
use cargo_metadata::{DependencyKind, Metadata};

use crate::workspace::{self, cargo};

/// Every crate of the workspace, with the crates of the workspace on which it may depend.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bitopro-model", &[]),
    ("bitopro-auth", &[]),
    ("bitopro-transport", &[]),
    ("bitopro-rest", &["bitopro-auth", "bitopro-model"]),
    ("bitopro-client", &["bitopro-auth", "bitopro-model", "bitopro-rest", "bitopro-transport"]),
    ("bitopro-sim", &["bitopro-auth", "bitopro-model", "bitopro-rest", "bitopro-transport"]),
    ("bitopro-cli", &["bitopro-auth", "bitopro-client", "bitopro-model", "bitopro-sim", "bitopro-transport"]),
    ("xtask", &["bitopro-client", "bitopro-model", "bitopro-sim", "bitopro-transport"]),
];

/// Dependencies that are allowed for tests only.
const ALLOWED_IN_TESTS: &[(&str, &str)] = &[("bitopro-client", "bitopro-sim"), ("xtask", "bitopro-rest")];

/// The crates that guarantee to have no runtime, network, clock, randomness or logging.
const PURE: &[&str] = &["bitopro-auth", "bitopro-model", "bitopro-rest"];

/// Dependencies that break this guarantee, at any depth. Not listed are `http` and `bytes`, which only define the
/// vocabulary types of requests and responses.
const IMPURE: &[&str] = &[
    "async-std",
    "chrono",
    "fastrand",
    "getrandom",
    "hyper",
    "log",
    "mio",
    "rand",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tokio-tungstenite",
    "tracing",
    "tungstenite",
];

pub(crate) fn check() -> anyhow::Result<()> {
    let metadata = workspace::metadata()?;
    let edges = edges(&metadata);
    let mut problems: Vec<String> = edges.iter().filter_map(Edge::problem).collect();
    problems.extend(metadata.workspace_packages().iter().filter_map(|package| unlisted(&package.name)));
    for name in PURE {
        problems.extend(impure(name, &tree(name)?));
    }
    if !problems.is_empty() {
        bail!(
            "{}\nallowed dependencies are listed in `ALLOWED` in xtask/src/layering.rs",
            problems.join("\n")
        );
    }
    println!("all {} dependencies between our crates are allowed", edges.len());
    Ok(())
}

/// A dependency between two crates of the workspace.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    only_in_tests: bool,
}

/// Reads the edges from the manifests rather than from the resolved graph, so that edges behind a feature are
/// included.
fn edges(metadata: &Metadata) -> BTreeSet<Edge> {
    let packages = metadata.workspace_packages();
    let crates: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let edges = packages.iter().flat_map(|package| {
        package.dependencies.iter().map(|dependency| Edge {
            from: package.name.to_string(),
            to: dependency.name.clone(),
            only_in_tests: dependency.kind == DependencyKind::Development,
        })
    });
    edges.filter(|edge| crates.contains(edge.to.as_str())).collect()
}

/// Reports a crate that the table does not list, even if it has no edges.
fn unlisted(name: &str) -> Option<String> {
    let is_listed = ALLOWED.iter().any(|(listed, _)| *listed == name);
    (!is_listed).then(|| format!("{name} is not in the table of allowed dependencies"))
}

impl Edge {
    fn problem(&self) -> Option<String> {
        let Self { from, to, only_in_tests } = self;
        let allowed = ALLOWED.iter().any(|(name, targets)| name == from && targets.contains(&to.as_str()));
        let in_tests = *only_in_tests && ALLOWED_IN_TESTS.contains(&(from, to));
        let kind = if *only_in_tests { " (in tests)" } else { "" };
        (!allowed && !in_tests).then(|| format!("{from} -> {to}{kind}: this dependency is not allowed"))
    }
}

/// Lists all packages in the build of a crate, with all features and on all platforms, one per line.
///
/// Uses `cargo tree`, because the graph in `cargo metadata` includes packages that only a weak feature
/// (`rand?/std`) names.
fn tree(name: &str) -> anyhow::Result<String> {
    let args =
        ["tree", "--locked", "--all-features", "--target=all", "--edges=normal,build", "--prefix=none"];
    let output = cargo(&args).args(["--package", name]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "`cargo tree --package {name}` failed: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn impure(pure: &str, tree: &str) -> BTreeSet<String> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| IMPURE.contains(name))
        .map(|name| format!("{pure} must not depend on {name}; see `cargo tree -p {pure} -i {name}`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, ALLOWED_IN_TESTS, Edge, check, impure, unlisted};

    fn problem(from: &str, to: &str, only_in_tests: bool) -> Option<String> {
        Edge { from: from.to_owned(), to: to.to_owned(), only_in_tests }.problem()
    }

    #[test]
    fn the_workspace_has_only_allowed_dependencies() {
        check().unwrap();
    }

    #[test]
    fn only_listed_dependencies_are_allowed() {
        for (from, targets) in ALLOWED {
            assert!(
                targets
                    .iter()
                    .all(|to| problem(from, to, false).is_none() && problem(from, to, true).is_none())
            );
        }
        for (from, to) in ALLOWED_IN_TESTS {
            assert_eq!(problem(from, to, true), None);
            assert_eq!(
                problem(from, to, false),
                Some(format!("{from} -> {to}: this dependency is not allowed"))
            );
        }
        for (from, to) in [
            ("bitopro-model", "bitopro-auth"),
            ("bitopro-model", "bitopro-client"),
            ("bitopro-transport", "bitopro-model"),
            ("bitopro-rest", "bitopro-transport"),
            ("bitopro-rest", "bitopro-client"),
            ("bitopro-model", "bitopro-rest"),
            ("bitopro-sim", "bitopro-client"),
            ("bitopro-client", "bitopro-cli"),
            ("bitopro-cli", "xtask"),
        ] {
            assert_eq!(
                problem(from, to, false),
                Some(format!("{from} -> {to}: this dependency is not allowed"))
            );
        }
        assert_eq!(unlisted("bitopro-auth"), None);
        assert_eq!(
            unlisted("bitopro-fleet").as_deref(),
            Some("bitopro-fleet is not in the table of allowed dependencies")
        );
        assert_eq!(
            problem("bitopro-transport", "bitopro-sim", true).as_deref(),
            Some("bitopro-transport -> bitopro-sim (in tests): this dependency is not allowed")
        );
    }

    #[test]
    fn an_impure_dependency_is_reported_once() {
        let tree = "bitopro-model v0.1.0 (/some/where)\nserde v1.0.229\ntokio-like v1.0.0\n";
        assert!(impure("bitopro-model", tree).is_empty());
        let problems =
            impure("bitopro-model", &format!("{tree}tokio v1.48.0\na v1.0.0\ntokio v1.48.0 (*)\n"));
        assert_eq!(
            problems.into_iter().collect::<Vec<_>>(),
            ["bitopro-model must not depend on tokio; see `cargo tree -p bitopro-model -i tokio`"]
        );
    }
}
