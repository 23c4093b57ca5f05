//! The commands of the README, by the tag of their block. CI runs those of `sh ci` line by line, as a reader would,
//! and those of `sh once`, which go on until they are stopped, with `--once` added. The commands of the other shell
//! blocks must at least exist.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, bail};
use clap::CommandFactory;

use crate::{Cli, workspace};

const README: &str = "README.md";

pub(crate) fn check() -> anyhow::Result<()> {
    let text = read()?;
    let commands = commands(&text);
    if !commands.iter().any(|command| command.tag == Tag::Ci) {
        bail!("{README} has no block tagged `sh ci`, so CI would run none of its commands");
    }
    let metadata = workspace::metadata()?;
    let packages = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let faults: Vec<String> = commands.iter().filter_map(|command| fault(command, &packages)).collect();
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!("{} commands, {} of them run by CI", commands.len(), in_ci(&commands).len());
    Ok(())
}

/// The commands that CI runs because the README tells its readers to.
pub(crate) fn run_by_ci() -> anyhow::Result<Vec<String>> {
    let text = read()?;
    let commands = commands(&text);
    // One that would not end where `--once` went astray must not be started.
    if let Some(fault) = commands.iter().find_map(endless) {
        bail!("{fault}");
    }
    Ok(in_ci(&commands))
}

/// As CI runs them: the tests first, since they tell most and build what the others need.
fn in_ci(commands: &[Command<'_>]) -> Vec<String> {
    let of = |tag| commands.iter().filter(move |command| command.tag == tag);
    let plain = of(Tag::Ci).map(|command| command.text.to_owned());
    plain.chain(of(Tag::Once).map(|command| format!("{} --once", command.text))).collect()
}

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(README)).with_context(|| format!("cannot read {README}"))
}

#[derive(Debug, PartialEq, Eq)]
struct Command<'a> {
    line: usize,
    text: &'a str,
    tag: Tag,
}

/// What CI does with the commands of a shell block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// Looks whether they exist.
    Shown,
    /// Runs them.
    Ci,
    /// Runs them with `--once`.
    Once,
}

impl Tag {
    /// The tag of a block of commands, or `None` for a block of anything else.
    fn of(fence: &str) -> Option<Self> {
        match fence {
            "sh" => Some(Self::Shown),
            "sh ci" => Some(Self::Ci),
            "sh once" => Some(Self::Once),
            _ => None,
        }
    }
}

fn commands(markdown: &str) -> Vec<Command<'_>> {
    let mut commands = Vec::new();
    let mut block: Option<Option<Tag>> = None;
    for (index, line) in markdown.lines().enumerate() {
        let text = line.trim();
        block = match (block, text.strip_prefix("```")) {
            (None, fence) => fence.map(Tag::of),
            (Some(_), Some(_)) => None,
            (Some(tag), None) => {
                if let Some(tag) = tag.filter(|_| !text.is_empty() && !text.starts_with('#')) {
                    commands.push(Command { line: index + 1, text, tag });
                }
                Some(tag)
            }
        };
    }
    commands
}

/// A command tagged `sh once` to whose end nothing can be added.
fn endless(command: &Command<'_>) -> Option<String> {
    let plain = !command.text.contains(['#', '|', '&', ';', '<', '>', '\\']);
    let problem = "a block tagged `sh once` holds plain commands only, since `--once` is added at their end";
    (command.tag == Tag::Once && !plain).then(|| format!("{README}:{}: {problem}", command.line))
}

/// What a look at the command's words can find wrong: a package or a subcommand that is not there.
fn fault(command: &Command<'_>, packages: &BTreeSet<String>) -> Option<String> {
    if let Some(endless) = endless(command) {
        return Some(endless);
    }
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

    const SAMPLE: &str = "Text\n\n```sh once\ncargo run -p xtask -- watch\n```\n\n```sh ci\ncargo test --workspace\n```\n\n\
        ```rust\nlet not = \"a command\";\n```\n\
        ```sh\n# a comment\ncargo run -p no-such -- -p any\n\ncargo xtask nothing\ncargo xtask ci\n```\n";

    #[test]
    fn commands_are_found_with_their_lines_and_tags() {
        let found: Vec<_> = commands(SAMPLE).into_iter().map(|c| (c.line, c.text, c.tag)).collect();
        assert_eq!(
            found,
            [
                (4, "cargo run -p xtask -- watch", Tag::Once),
                (8, "cargo test --workspace", Tag::Ci),
                (16, "cargo run -p no-such -- -p any", Tag::Shown),
                (18, "cargo xtask nothing", Tag::Shown),
                (19, "cargo xtask ci", Tag::Shown),
            ]
        );
    }

    #[test]
    fn ci_runs_the_tagged_ones_the_tests_first() {
        assert_eq!(
            in_ci(&commands(SAMPLE)),
            ["cargo test --workspace", "cargo run -p xtask -- watch --once"]
        );
    }

    #[test]
    fn what_runs_until_it_is_stopped_must_take_once_at_its_end() {
        for tail in [" # moving", " | jq", " &", "; true", " > file", " \\"] {
            let text = format!("```sh once\ncargo run -- watch{tail}\n```\n");
            let faults: Vec<_> = commands(&text).iter().filter_map(endless).collect();
            assert_eq!(
                faults,
                [
                    "README.md:2: a block tagged `sh once` holds plain commands only, since `--once` is added at their end"
                ]
            );
            let elsewhere = text.replace("sh once", "sh ci");
            assert!(commands(&elsewhere).iter().all(|command| endless(command).is_none()), "{tail}");
        }
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let packages = BTreeSet::from(["xtask".to_owned()]);
        let faults: Vec<_> =
            commands(SAMPLE).iter().filter_map(|command| fault(command, &packages)).collect();
        assert_eq!(
            faults,
            [
                "README.md:16: the workspace has no package `no-such`",
                "README.md:18: `cargo xtask` has no command `nothing`",
            ]
        );
    }

    #[test]
    fn the_readme_keeps_to_it() {
        check().unwrap();
    }
}
