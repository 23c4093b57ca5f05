//! Compares the table in docs/log.md with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::workspace;

const MACROS: [&str; 6] = ["trace!(", "debug!(", "info!(", "warn!(", "error!(", "event!("];

/// Adds the names of the events that the files in a folder log. A name is the last argument of the macro.
fn add_logged(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_logged(&path, names);
            continue;
        }
        let source: String = fs::read_to_string(&path).unwrap().lines().map(str::trim).collect();
        for start in MACROS.iter().flat_map(|name| source.match_indices(name)) {
            let arguments = &source[start.0 + start.1.len()..];
            // `$` begins an argument in the definition of a macro.
            if !arguments.starts_with('$') {
                let (arguments, _) = arguments.split_once("\")").unwrap();
                names.insert(arguments.rsplit('"').next().unwrap().to_owned());
            }
        }
    }
}

/// Returns the names in the first column of a crate's table.
fn documented(page: &str, name: &str) -> BTreeSet<String> {
    let (_, section) = page.split_once(&format!("\n## {name}\n")).unwrap();
    let rows = section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_about_the_log_lists_every_event() {
    let page = fs::read_to_string(workspace::root().join("docs/log.md")).unwrap();
    for name in ["bitopro-client", "bitopro-transport", "bitopro-sim"] {
        let mut logged = BTreeSet::new();
        add_logged(&workspace::root().join("crates").join(name).join("src"), &mut logged);
        assert_eq!(documented(&page, name), logged, "{name}");
    }
}
