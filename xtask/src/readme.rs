//! The commands of the README. A shell block tagged `sh ci` is run by CI, line by line, as a reader would run it;
//! the commands of the other shell blocks must at least exist.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, bail};
use clap::CommandFactory;

use crate::{Cli, workspace};

const README: &str = "README.md";

pub(crate) fn check() -> anyhow::Result<()> {
    let text = read()?;
    let commands = commands(&text);
    if !commands.iter().any(|command| command.in_ci) {
        bail!("{README} has no block tagged `sh ci`, so CI would run none of its commands");
    }
    let metadata = workspace::metadata()?;
    let packages = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let faults: Vec<String> = commands.iter().filter_map(|command| fault(command, &packages)).collect();
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!(
        "{} commands, {} of them run by CI",
        commands.len(),
        commands.iter().filter(|c| c.in_ci).count()
    );
    Ok(())
}

/// The commands that CI runs because the README tells its readers to.
pub(crate) fn run_by_ci() -> anyhow::Result<Vec<String>> {
    let text = read()?;
    Ok(commands(&text)
        .into_iter()
        .filter(|command| command.in_ci)
        .map(|command| command.text.to_owned())
        .collect())
}

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(README)).with_context(|| format!("cannot read {README}"))
}

#[derive(Debug, PartialEq, Eq)]
struct Command<'a> {
    line: usize,
    text: &'a str,
    in_ci: bool,
}

fn commands(markdown: &str) -> Vec<Command<'_>> {
    let mut commands = Vec::new();
    let mut block: Option<&str> = None;
    for (index, line) in markdown.lines().enumerate() {
        let text = line.trim();
        block = match (block, text.strip_prefix("```")) {
            (None, fence) => fence,
            (Some(_), Some(_)) => None,
            (Some(tags @ ("sh" | "sh ci")), None) if !text.is_empty() && !text.starts_with('#') => {
                commands.push(Command { line: index + 1, text, in_ci: tags == "sh ci" });
                Some(tags)
            }
            (open, None) => open,
        };
    }
    commands
}

/// What a look at the command's words can find wrong: a package or a subcommand that is not there.
fn fault(command: &Command<'_>, packages: &BTreeSet<String>) -> Option<String> {
    let words: Vec<&str> = command.text.split_whitespace().collect();
    let problem = match words.as_slice() {
        ["cargo", "xtask", name, ..] => {
            let known = Cli::command().find_subcommand(name).is_some();
            (!known).then(|| format!("`cargo xtask` has no command `{name}`"))
        }
        ["cargo", rest @ ..] => rest
            .iter()
            .take_while(|word| **word != "--")
            .zip(rest.iter().skip(1))
            .find(|(flag, name)| matches!(**flag, "-p" | "--package") && !packages.contains(**name))
            .map(|(_, name)| format!("the workspace has no package `{name}`")),
        _ => None,
    };
    problem.map(|problem| format!("{README}:{}: {problem}", command.line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "Text\n\n```sh ci\ncargo test --workspace\n```\n\n```rust\nlet not = \"a command\";\n```\n\
        ```sh\n# a comment\ncargo run -p no-such -- -p any\n\ncargo xtask nothing\ncargo xtask ci\n```\n";

    #[test]
    fn commands_are_found_with_their_lines_and_tags() {
        let found: Vec<_> = commands(SAMPLE).into_iter().map(|c| (c.line, c.text, c.in_ci)).collect();
        assert_eq!(
            found,
            [
                (4, "cargo test --workspace", true),
                (12, "cargo run -p no-such -- -p any", false),
                (14, "cargo xtask nothing", false),
                (15, "cargo xtask ci", false),
            ]
        );
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let packages = BTreeSet::from(["xtask".to_owned()]);
        let faults: Vec<_> =
            commands(SAMPLE).iter().filter_map(|command| fault(command, &packages)).collect();
        assert_eq!(
            faults,
            [
                "README.md:12: the workspace has no package `no-such`",
                "README.md:14: `cargo xtask` has no command `nothing`",
            ]
        );
    }

    #[test]
    fn the_readme_keeps_to_it() {
        check().unwrap();
    }
}
