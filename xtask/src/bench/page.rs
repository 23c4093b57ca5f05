//! The page of the documentation that shows the table.

use std::fs;

use anyhow::Context;

use crate::workspace;

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- written by `cargo xtask bench --write` -->\n";
const END: &str = "<!-- end of the table -->\n";

/// Replaces the table of the page.
pub(super) fn write(table: &str) -> anyhow::Result<()> {
    let path = workspace::root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let page = replace(&page, table).with_context(|| format!("{PAGE} has no place for the table"))?;
    fs::write(&path, page).with_context(|| format!("cannot write {PAGE}"))
}

fn replace(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, "\n", table, "\n", END, after].concat())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BEGIN, END, PAGE, replace};
    use crate::workspace;

    #[test]
    fn the_table_replaces_what_is_between_the_marks() {
        let page = fs::read_to_string(workspace::root().join(PAGE)).unwrap();
        let once = replace(&page, "| row |\n").unwrap();
        assert!(once.contains(&format!("{BEGIN}\n| row |\n\n{END}")));
        assert_eq!(replace(&once, "| row |\n").unwrap(), once);
        assert_eq!(replace("no marks", "| row |\n"), None);
    }
}
