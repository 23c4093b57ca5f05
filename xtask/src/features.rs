//! The combinations of features with which every crate must build: none, each one alone, and all.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

/// Returns the arguments that select each crate with each combination of its features.
pub(crate) fn combinations(metadata: &Metadata) -> Vec<Vec<String>> {
    let packages = metadata.workspace_packages();
    let published = packages.into_iter().filter(|package| package.publish.is_none());
    published
        .flat_map(|package| combinations_of(&package.name, package.features.keys().map(String::as_str)))
        .collect()
}

fn combinations_of<'a>(name: &str, features: impl IntoIterator<Item = &'a str>) -> Vec<Vec<String>> {
    let features: BTreeSet<&str> = features.into_iter().filter(|feature| *feature != "default").collect();
    let mut combinations = vec![vec!["--no-default-features"]];
    if features.len() > 1 {
        combinations
            .extend(features.iter().map(|feature| vec!["--no-default-features", "--features", feature]));
    }
    if !features.is_empty() {
        combinations.push(vec!["--all-features"]);
    }
    let with_package = |combination: Vec<&str>| {
        ["--package", name].into_iter().chain(combination).map(str::to_owned).collect::<Vec<_>>()
    };
    combinations.into_iter().map(with_package).collect()
}

#[cfg(test)]
mod tests {
    use super::combinations_of;

    #[test]
    fn features_are_combined_as_none_each_alone_and_all() {
        let none = "--package a --no-default-features";
        let all = "--package a --all-features";
        let each = ["x", "y"].map(|feature| format!("{none} --features {feature}"));
        for (features, expected) in [
            (&["default"][..], vec![none]),
            (&["default", "x"], vec![none, all]),
            (&["y", "default", "x"], vec![none, &each[0], &each[1], all]),
        ] {
            let combinations = combinations_of("a", features.iter().copied());
            assert_eq!(
                combinations.iter().map(|combination| combination.join(" ")).collect::<Vec<_>>(),
                expected
            );
        }
    }
}
