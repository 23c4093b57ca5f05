//! The combinations of features that every crate must build with: none, each one alone, and all.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

/// Returns the arguments that select each crate with each combination of its features.
pub(crate) fn combinations(metadata: &Metadata) -> Vec<Vec<String>> {
    let packages = metadata.workspace_packages();
    let published = packages.into_iter().filter(|package| package.publish.is_none());
    published
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
    let with_package = |choice: Vec<&str>| {
        ["--package", name].into_iter().chain(choice).map(str::to_owned).collect::<Vec<_>>()
    };
    choices.into_iter().map(with_package).collect()
}

#[cfg(test)]
mod tests {
    use super::of_crate;

    #[test]
    fn features_are_combined_as_none_each_and_all() {
        let none = "--package a --no-default-features";
        let all = "--package a --all-features";
        let each = ["x", "y"].map(|feature| format!("{none} --features {feature}"));
        for (features, expected) in [
            (&["default"][..], vec![none]),
            (&["default", "x"], vec![none, all]),
            (&["y", "default", "x"], vec![none, &each[0], &each[1], all]),
        ] {
            let choices = of_crate("a", features.iter().copied());
            assert_eq!(choices.iter().map(|choice| choice.join(" ")).collect::<Vec<_>>(), expected);
        }
    }
}
