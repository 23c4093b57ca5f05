//! Compares the metrics in docs/operations.md and in the dashboard with the code.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::workspace;

fn read(path: &str) -> String {
    fs::read_to_string(workspace::root().join(path)).unwrap()
}

/// Returns the names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let names = text.match_indices("bitopro_").map(|(start, _)| {
        let name = &text[start..];
        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(name.len());
        name[..end].to_owned()
    });
    // The crates have such names too.
    let is_crate = |name: &String| {
        ["client", "model", "sim"].iter().any(|part| name.starts_with(&format!("bitopro_{part}")))
    };
    names.filter(|name| !is_crate(name)).collect()
}

fn code() -> BTreeSet<String> {
    let code = ["stats.rs", "stats/metric.rs"].map(|file| read(&format!("crates/bitopro-client/src/{file}")));
    metrics(&code.join(""))
}

#[test]
fn the_page_about_operations_lists_every_metric() {
    assert!(code().len() > 20, "{:?}", code());
    assert_eq!(metrics(&read("docs/operations.md")), code());
}

#[test]
fn the_dashboard_has_ten_panels_of_existing_metrics() {
    let text = read("docs/grafana.json");
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(dashboard["panels"].as_array().unwrap().len(), 10);
    let shown = metrics(&text);
    assert!(shown.is_subset(&code()), "{:?}", shown.difference(&code()));
}
