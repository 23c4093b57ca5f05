//! The tables that the benchmarks print.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

/// A row of a table, with its values by column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) columns: BTreeMap<String, f64>,
}

/// Parses tables of words, whose first column is `row`.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Measured>> {
    let mut header = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        if name == "row" {
            header = words.collect();
            continue;
        }
        let values = words.map(str::parse).collect::<Result<Vec<f64>, _>>();
        let values = values.with_context(|| format!("`{line}` is not a row of numbers"))?;
        ensure!(values.len() == header.len(), "`{line}` does not match the header `{}`", header.join(" "));
        let columns = header.iter().map(|column| (*column).to_owned()).zip(values).collect();
        rows.push(Measured { name: name.to_owned(), columns });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn each_value_belongs_to_the_column_of_the_last_header() {
        let rows = parse("row ns ratio\na/b 3.5 0.7\n\nrow kib\nc 12\n").unwrap();
        assert_eq!(
            (rows[0].name.as_str(), rows[0].columns["ns"], rows[0].columns["ratio"]),
            ("a/b", 3.5, 0.7)
        );
        assert_eq!((rows[1].name.as_str(), rows[1].columns["kib"]), ("c", 12.0));
    }

    #[test]
    fn a_line_that_is_not_a_row_is_an_error() {
        for text in ["row ns\na 1 2\n", "row ns\na fast\n", "a 1\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
