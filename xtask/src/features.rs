//! The combinations of features that every crate must build with: none, each one alone, and all.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

/// The arguments that choose one crate and one combination of its features.
pub(crate) fn combinations(metadata: &Metadata) -> Vec<Vec<String>> {
    metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.publish.is_none())
        .flat_map(|package| of_crate(&package.name, package.features.keys().map(String::as_str)))
        .collect()
}

fn of_crate<'a>(name: &str, features: impl IntoIterator<Item = &'a str>) -> Vec<Vec<String>> {
    let features: BTreeSet<&str> = features.into_iter().filter(|feature| *feature != "default").collect();
    let mut choices = vec![vec!["--no-default-features"]];
    if features.len() > 1 {
        choices.extend(features.iter().map(|feature| vec!["--no-default-features", "--features", feature]));
    }
    if !features.is_empty() {
        choices.push(vec!["--all-features"]);
    }
    choices
        .into_iter()
        .map(|choice| ["--package", name].into_iter().chain(choice).map(str::to_owned).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, features: &[&str]) -> Vec<String> {
        of_crate(name, features.iter().copied()).into_iter().map(|line| line.join(" ")).collect()
    }

    #[test]
    fn a_crate_without_features_has_one_combination() {
        assert_eq!(lines("a", &[]), ["--package a --no-default-features"]);
        assert_eq!(lines("a", &["default"]), ["--package a --no-default-features"]);
    }

    #[test]
    fn one_feature_is_off_or_on() {
        assert_eq!(
            lines("a", &["default", "x"]),
            ["--package a --no-default-features", "--package a --all-features"]
        );
    }

    #[test]
    fn several_features_are_none_each_and_all() {
        assert_eq!(
            lines("a", &["y", "default", "x"]),
            [
                "--package a --no-default-features",
                "--package a --no-default-features --features x",
                "--package a --no-default-features --features y",
                "--package a --all-features",
            ]
        );
    }
}
