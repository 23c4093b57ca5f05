//! Checks which crate depends on which.

use std::collections::BTreeSet;
use std::process::Stdio;

use anyhow::{bail, ensure};
use cargo_metadata::{DependencyKind, Metadata};

use crate::workspace::{self, cargo};

/// Every crate of the workspace, with those of ours that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bitopro-model", &[]),
    ("bitopro-auth", &[]),
    ("bitopro-transport", &[]),
    ("bitopro-client", &["bitopro-auth", "bitopro-model", "bitopro-transport"]),
    ("bitopro-sim", &["bitopro-auth", "bitopro-model", "bitopro-transport"]),
    ("bitopro-cli", &["bitopro-auth", "bitopro-client", "bitopro-model", "bitopro-sim", "bitopro-transport"]),
    ("xtask", &["bitopro-client", "bitopro-model", "bitopro-sim", "bitopro-transport"]),
];

/// Edges that are allowed for tests only.
const ALLOWED_IN_TESTS: &[(&str, &str)] = &[("bitopro-client", "bitopro-sim")];

/// The crates that promise no runtime, no network, no clock, no randomness and no logging.
const PURE: &[&str] = &["bitopro-auth", "bitopro-model"];

/// Dependencies that break that promise, at any depth.
const IMPURE: &[&str] = &[
    "async-std",
    "chrono",
    "fastrand",
    "getrandom",
    "http",
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
    let mut faults: Vec<String> = edges.iter().filter_map(Edge::fault).collect();
    faults.extend(metadata.workspace_packages().iter().filter_map(|package| unlisted(&package.name)));
    for name in PURE {
        faults.extend(impure(name, &tree(name)?));
    }
    if !faults.is_empty() {
        bail!("{}\nThe table of edges is `ALLOWED` in xtask/src/layering.rs.", faults.join("\n"));
    }
    println!("{} edges between our crates, all of them allowed", edges.len());
    Ok(())
}

/// A dependency between two crates of the workspace.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    only_in_tests: bool,
}

/// Reads the edges from the manifests rather than from the resolved graph: an edge behind a feature counts.
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

/// Reports a crate without a place in the table, which may have no edge yet.
fn unlisted(name: &str) -> Option<String> {
    let is_listed = ALLOWED.iter().any(|(listed, _)| *listed == name);
    (!is_listed).then(|| format!("{name} has no place in the layering yet"))
}

impl Edge {
    fn fault(&self) -> Option<String> {
        let Self { from, to, only_in_tests } = self;
        let allowed = ALLOWED.iter().any(|(name, targets)| name == from && targets.contains(&to.as_str()));
        let in_tests = *only_in_tests && ALLOWED_IN_TESTS.contains(&(from, to));
        let kind = if *only_in_tests { " (in tests)" } else { "" };
        (!allowed && !in_tests).then(|| format!("{from} -> {to}{kind}: this edge is not allowed"))
    }
}

/// Lists the packages that a crate is built with, over all features and platforms, one a line.
///
/// Uses `cargo tree`, since the graph in `cargo metadata` includes what only weak features (`rand?/std`) name.
fn tree(name: &str) -> anyhow::Result<String> {
    let args =
        ["tree", "--locked", "--all-features", "--target=all", "--edges=normal,build", "--prefix=none"];
    let output = cargo(&args).args(["--package", name]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "`cargo tree` of {name}: {}", output.status);
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

    fn fault(from: &str, to: &str, only_in_tests: bool) -> Option<String> {
        Edge { from: from.to_owned(), to: to.to_owned(), only_in_tests }.fault()
    }

    #[test]
    fn the_workspace_has_only_allowed_edges() {
        check().unwrap();
    }

    #[test]
    fn only_listed_edges_are_allowed() {
        for (from, targets) in ALLOWED {
            assert!(
                targets.iter().all(|to| fault(from, to, false).is_none() && fault(from, to, true).is_none())
            );
        }
        for (from, to) in ALLOWED_IN_TESTS {
            assert_eq!(fault(from, to, true), None);
            assert_eq!(fault(from, to, false), Some(format!("{from} -> {to}: this edge is not allowed")));
        }
        for (from, to) in [
            ("bitopro-model", "bitopro-auth"),
            ("bitopro-model", "bitopro-client"),
            ("bitopro-transport", "bitopro-model"),
            ("bitopro-sim", "bitopro-client"),
            ("bitopro-client", "bitopro-cli"),
            ("bitopro-cli", "xtask"),
        ] {
            assert_eq!(fault(from, to, false), Some(format!("{from} -> {to}: this edge is not allowed")));
        }
        assert_eq!(unlisted("bitopro-auth"), None);
        assert_eq!(
            unlisted("bitopro-rest").as_deref(),
            Some("bitopro-rest has no place in the layering yet")
        );
        assert_eq!(
            fault("bitopro-transport", "bitopro-sim", true).as_deref(),
            Some("bitopro-transport -> bitopro-sim (in tests): this edge is not allowed")
        );
    }

    #[test]
    fn an_impure_dependency_is_reported_once() {
        let tree = "bitopro-model v0.1.0 (/some/where)\nserde v1.0.229\ntokio-like v1.0.0\n";
        assert!(impure("bitopro-model", tree).is_empty());
        let faults = impure("bitopro-model", &format!("{tree}tokio v1.48.0\na v1.0.0\ntokio v1.48.0 (*)\n"));
        assert_eq!(
            faults.into_iter().collect::<Vec<_>>(),
            ["bitopro-model must not depend on tokio; see `cargo tree -p bitopro-model -i tokio`"]
        );
    }
}
