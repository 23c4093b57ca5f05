//! Reads the commands in the README and the tags of their blocks.
//!
//! CI runs the commands in `sh ci` blocks line by line, as a reader would. Commands in `sh once` blocks run
//! until they are stopped, so CI appends `--once` to them. All other commands must at least exist.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, bail, ensure};
use clap::CommandFactory;

use crate::{Cli, workspace};

const README: &str = "README.md";

pub(crate) fn check() -> anyhow::Result<()> {
    let text = read()?;
    let commands = commands(&text);
    ensure!(
        commands.iter().any(|command| command.tag == "sh ci"),
        "{README} has no block tagged `sh ci`, so CI would run none of its commands"
    );
    let metadata = workspace::metadata()?;
    let packages = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let problems: Vec<String> = commands.iter().filter_map(|command| command.problem(&packages)).collect();
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    println!("{} commands, of which CI runs {}", commands.len(), select_for_ci(&commands)?.len());
    Ok(())
}

/// Returns the commands that CI runs because the README recommends them.
pub(crate) fn ci_commands() -> anyhow::Result<Vec<String>> {
    select_for_ci(&commands(&read()?))
}

/// Selects the commands for CI. The tests come first, because they find the most problems and build what the
/// other commands need.
fn select_for_ci(commands: &[Command<'_>]) -> anyhow::Result<Vec<String>> {
    let tagged = |tag| commands.iter().filter(move |command| command.tag == tag);
    // A command that does not receive `--once` would never end.
    if let Some(problem) = commands.iter().find_map(Command::once_problem) {
        bail!("{problem}");
    }
    let plain = tagged("sh ci").map(|command| command.text.to_owned());
    Ok(plain.chain(tagged("sh once").map(|command| format!("{} --once", command.text))).collect())
}

fn read() -> anyhow::Result<String> {
    fs::read_to_string(workspace::root().join(README)).with_context(|| format!("cannot read {README}"))
}

#[derive(Debug, PartialEq, Eq)]
struct Command<'a> {
    line: usize,
    /// The block's tag: `sh`, `sh ci` or `sh once`.
    tag: &'a str,
    text: &'a str,
}

fn commands(markdown: &str) -> Vec<Command<'_>> {
    let mut commands = Vec::new();
    let mut block = None;
    for (line, text) in (1..).zip(markdown.lines().map(str::trim)) {
        match (block, text.strip_prefix("```")) {
            (None, fence) => block = fence,
            (Some(_), Some(_)) => block = None,
            (Some(tag @ ("sh" | "sh ci" | "sh once")), None)
                if !text.is_empty() && !text.starts_with('#') =>
            {
                commands.push(Command { line, tag, text });
            }
            _ => {}
        }
    }
    commands
}

impl Command<'_> {
    /// Reports a command tagged `sh once` to which `--once` cannot be appended.
    fn once_problem(&self) -> Option<String> {
        let is_plain = !self.text.contains(['#', '|', '&', ';', '<', '>', '\\']);
        let line = self.line;
        (self.tag == "sh once" && !is_plain)
            .then(|| format!("{README}:{line}: `--once` cannot be appended to this command; remove shell syntax and comments"))
    }

    /// Reports a package or a subcommand that does not exist.
    fn problem(&self, packages: &BTreeSet<String>) -> Option<String> {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let problem = match words.as_slice() {
            ["cargo", "xtask", name, ..] => {
                let is_known = Cli::command().find_subcommand(name).is_some();
                (!is_known).then(|| format!("`cargo xtask` has no command `{name}`"))
            }
            ["cargo", rest @ ..] => rest
                .iter()
                .take_while(|word| **word != "--")
                .zip(rest.iter().skip(1))
                .find(|(flag, name)| matches!(**flag, "-p" | "--package") && !packages.contains(**name))
                .map(|(_, name)| format!("the workspace has no package `{name}`")),
            _ => None,
        };
        self.once_problem().or(problem.map(|problem| format!("{README}:{}: {problem}", self.line)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Command, check, commands, select_for_ci};

    const SAMPLE: &str = "Text\n\n```sh once\ncargo run -p xtask -- watch\n```\n\n```sh ci\ncargo test --workspace\n```\n\n\
        ```rust\nlet not = \"a command\";\n```\n\
        ```sh\n# a comment\ncargo run -p no-such -- -p any\n\ncargo xtask nothing\ncargo xtask ci\n```\n";

    #[test]
    fn commands_have_their_lines_and_tags() {
        let found: Vec<_> = commands(SAMPLE).into_iter().map(|c| (c.line, c.text, c.tag)).collect();
        assert_eq!(
            found,
            [
                (4, "cargo run -p xtask -- watch", "sh once"),
                (8, "cargo test --workspace", "sh ci"),
                (16, "cargo run -p no-such -- -p any", "sh"),
                (18, "cargo xtask nothing", "sh"),
                (19, "cargo xtask ci", "sh"),
            ]
        );
        assert_eq!(
            select_for_ci(&commands(SAMPLE)).unwrap(),
            ["cargo test --workspace", "cargo run -p xtask -- watch --once"]
        );
    }

    #[test]
    fn once_can_only_be_appended_to_a_plain_command() {
        for tail in [" # moving", " | jq", " &", "; true", " > file", " \\"] {
            let text = format!("```sh once\ncargo run -- watch{tail}\n```\n");
            let error = select_for_ci(&commands(&text)).unwrap_err().to_string();
            assert!(error.starts_with("README.md:2: `--once` cannot be appended"), "{error}");
            let elsewhere = text.replace("sh once", "sh ci");
            assert!(
                commands(&elsewhere).iter().all(|command| Command::once_problem(command).is_none()),
                "{tail}"
            );
        }
    }

    #[test]
    fn unknown_packages_and_commands_are_reported() {
        let packages = BTreeSet::from(["xtask".to_owned()]);
        let problems: Vec<_> =
            commands(SAMPLE).iter().filter_map(|command| command.problem(&packages)).collect();
        assert_eq!(
            problems,
            [
                "README.md:16: the workspace has no package `no-such`",
                "README.md:18: `cargo xtask` has no command `nothing`",
            ]
        );
        check().unwrap();
    }
}
