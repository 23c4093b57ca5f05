//! Which crate depends on which, so that nobody has to remember.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::Stdio;

use anyhow::{bail, ensure};
use cargo_metadata::{DependencyKind, Metadata};

use crate::workspace::{self, cargo};

/// Every crate of the workspace, with the ones of ours that it may depend on. No other edge is allowed.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bitopro-model", &[]),
    ("bitopro-auth", &[]),
    ("bitopro-transport", &[]),
    ("bitopro-client", &["bitopro-auth", "bitopro-model", "bitopro-transport"]),
    ("bitopro-sim", &["bitopro-auth", "bitopro-model", "bitopro-transport"]),
    ("bitopro-cli", &["bitopro-auth", "bitopro-client", "bitopro-model", "bitopro-sim", "bitopro-transport"]),
    (
        "xtask",
        &[
            "bitopro-auth",
            "bitopro-cli",
            "bitopro-client",
            "bitopro-model",
            "bitopro-sim",
            "bitopro-transport",
        ],
    ),
];

/// What only the tests of a crate may use beside that.
const ALLOWED_IN_TESTS: &[(&str, &str)] = &[("bitopro-client", "bitopro-sim")];

/// The crates that promise no runtime, no network, no clock, no randomness and no logging.
const PURE: &[&str] = &["bitopro-auth", "bitopro-model"];

/// What would break that promise, however deep below them it stands.
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
    let graph = Graph::of(&workspace::metadata()?);
    let mut faults = forbidden_edges(&graph);
    for name in PURE {
        faults.extend(impure_ways(&tree(name)?));
    }
    if !faults.is_empty() {
        bail!("{}\nThe arrows are in `ALLOWED` of xtask/src/layering.rs.", faults.join("\n"));
    }
    println!("{} crates, no edge but the allowed ones", graph.crates.len());
    Ok(())
}

/// The crates of the workspace, and the edges between them.
#[derive(Debug, Default)]
struct Graph {
    crates: BTreeSet<String>,
    edges: BTreeSet<Edge>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    only_in_tests: bool,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.only_in_tests { " (in tests)" } else { "" };
        write!(f, "{} -> {}{kind}", self.from, self.to)
    }
}

impl Graph {
    /// From the manifests rather than from what is resolved: an edge behind a feature is an edge.
    fn of(metadata: &Metadata) -> Self {
        let packages = metadata.workspace_packages();
        let crates: BTreeSet<String> = packages.iter().map(|package| package.name.to_string()).collect();
        let edges = packages
            .iter()
            .flat_map(|package| {
                package.dependencies.iter().map(|dependency| Edge {
                    from: package.name.to_string(),
                    to: dependency.name.clone(),
                    only_in_tests: dependency.kind == DependencyKind::Development,
                })
            })
            .filter(|edge| crates.contains(&edge.to))
            .collect();
        Self { crates, edges }
    }
}

fn forbidden_edges(graph: &Graph) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let unknown = graph
        .crates
        .iter()
        .filter(|name| !allowed.contains_key(name.as_str()))
        .map(|name| format!("{name}: a crate that has no place in the layering yet"));
    let forbidden = graph.edges.iter().filter(|edge| {
        let Some(targets) = allowed.get(edge.from.as_str()) else { return false };
        let in_tests = edge.only_in_tests && ALLOWED_IN_TESTS.contains(&(&edge.from, &edge.to));
        !in_tests && !targets.contains(&edge.to.as_str())
    });
    unknown.chain(forbidden.map(|edge| format!("{edge}: this edge is not allowed"))).collect()
}

/// What a crate is built with, every feature and platform taken together: one package a line after its depth.
///
/// From `cargo tree`, since the graph in `cargo metadata` also holds what only weak features (`rand?/std`) name.
fn tree(name: &str) -> anyhow::Result<String> {
    let args =
        ["tree", "--locked", "--all-features", "--target=all", "--edges=normal,build", "--prefix=depth"];
    let output =
        cargo(&args).args(["--format", " {p}", "--package", name]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "`cargo tree` of {name}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// For each impure crate in the tree, the first way to it.
fn impure_ways(tree: &str) -> Vec<String> {
    let mut faults = BTreeMap::new();
    let mut way: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let (Some(depth), Some(name)) = (words.next().and_then(|depth| depth.parse().ok()), words.next())
        else {
            continue;
        };
        way.truncate(depth);
        way.push(name);
        if IMPURE.contains(&name) {
            let pure = way.first().copied().unwrap_or_default();
            let fault = format!("{}: {pure} promises to do without that", way.join(" -> "));
            faults.entry(name).or_insert(fault);
        }
    }
    faults.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, only_in_tests: bool) -> Edge {
        Edge { from: from.to_owned(), to: to.to_owned(), only_in_tests }
    }

    fn faults(edges: impl IntoIterator<Item = Edge>) -> Vec<String> {
        let edges: BTreeSet<Edge> = edges.into_iter().collect();
        let crates = edges.iter().flat_map(|edge| [edge.from.clone(), edge.to.clone()]).collect();
        forbidden_edges(&Graph { crates, edges })
    }

    #[test]
    fn every_allowed_edge_passes() {
        let normal = ALLOWED.iter().flat_map(|(from, to)| to.iter().map(|to| edge(from, to, false)));
        let tests = ALLOWED_IN_TESTS.iter().map(|(from, to)| edge(from, to, true));
        assert_eq!(faults(normal.chain(tests)), Vec::<String>::new());
    }

    #[test]
    fn an_allowed_edge_may_also_be_one_of_tests() {
        assert!(faults([edge("bitopro-client", "bitopro-model", true)]).is_empty());
    }

    #[test]
    fn a_forbidden_edge_is_named() {
        for (from, to) in [
            ("bitopro-model", "bitopro-auth"),
            ("bitopro-transport", "bitopro-model"),
            ("bitopro-sim", "bitopro-client"),
            ("bitopro-client", "bitopro-cli"),
            ("bitopro-cli", "xtask"),
        ] {
            let expected = vec![format!("{from} -> {to}: this edge is not allowed")];
            assert_eq!(faults([edge(from, to, false)]), expected);
        }
    }

    #[test]
    fn an_edge_that_closes_a_cycle_is_named() {
        let faults = faults([
            edge("bitopro-client", "bitopro-model", false),
            edge("bitopro-model", "bitopro-client", false),
        ]);
        assert_eq!(faults, ["bitopro-model -> bitopro-client: this edge is not allowed"]);
    }

    #[test]
    fn what_tests_may_use_the_crate_may_not() {
        let faults = faults([
            edge("bitopro-client", "bitopro-sim", false),
            edge("bitopro-client", "bitopro-sim", true),
            edge("bitopro-transport", "bitopro-sim", true),
        ]);
        assert_eq!(
            faults,
            [
                "bitopro-client -> bitopro-sim: this edge is not allowed",
                "bitopro-transport -> bitopro-sim (in tests): this edge is not allowed",
            ]
        );
    }

    #[test]
    fn a_crate_without_a_place_is_named() {
        let faults = faults([edge("bitopro-rest", "bitopro-auth", false)]);
        assert_eq!(faults, ["bitopro-rest: a crate that has no place in the layering yet"]);
    }

    #[test]
    fn an_impure_crate_is_found_however_deep_it_stands() {
        let clean = "0 bitopro-model v0.1.0 (/some/where)\n1 serde v1.0.229\n2 tokio-like v1.0.0\n";
        assert_eq!(impure_ways(clean), Vec::<String>::new());
        let deep = "0 bitopro-model v0.1.0\n1 a v1.0.0\n2 b v1.0.0\n3 tokio v1.48.0\n2 c v1.0.0\n3 log v0.4.0\n\
            1 tokio v1.48.0 (*)\n";
        assert_eq!(
            impure_ways(deep),
            [
                "bitopro-model -> a -> c -> log: bitopro-model promises to do without that",
                "bitopro-model -> a -> b -> tokio: bitopro-model promises to do without that",
            ]
        );
    }

    #[test]
    fn the_workspace_keeps_to_it() {
        check().unwrap();
    }
}
