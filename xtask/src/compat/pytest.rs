//! Runs the code in docs/testing-with-pytest.md as pytest would in a reader's project.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::compat::python::interpreter;
use crate::workspace::{self, cargo};

const PAGE: &str = "docs/testing-with-pytest.md";

pub(super) fn run(python: &Path) -> anyhow::Result<()> {
    let page =
        fs::read_to_string(workspace::root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let directory = tempfile::tempdir().context("cannot create a directory for pytest")?;
    for (name, code) in files(&page) {
        let path = directory.path().join(name);
        fs::write(&path, code).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let build = cargo(&["build", "--locked", "--package", "bitopro-cli"]).status()?;
    ensure!(build.success(), "cannot build the command");
    let mut pytest = interpreter(python);
    pytest.args(["-I", "-m", "pytest", "-p", "no:cacheprovider", "--color=no"]).arg(directory.path());
    pytest.env("PATH", path_with_command()?).current_dir(directory.path());
    ensure!(pytest.status()?.success(), "the code in {PAGE} failed; see its output");
    Ok(())
}

/// Returns the search path, which begins with the directory of the built command.
fn path_with_command() -> anyhow::Result<OsString> {
    let built = workspace::metadata()?.target_directory.join("debug").into_std_path_buf();
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths([built].into_iter().chain(env::split_paths(&path)))?)
}

/// Returns the name and the code of each file on the page: a block whose tag is `python NAME`.
fn files(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("\n```python ").skip(1).filter_map(|block| {
        let (name, rest) = block.split_once('\n')?;
        Some((name, rest.split_once("\n```\n")?.0))
    })
}

#[cfg(test)]
mod tests {
    use super::files;

    /// The fixture is meant to be copied, so it must stay short.
    const MAX_FIXTURE_LINES: usize = 30;

    #[test]
    fn blocks_of_python_with_a_name_are_files() {
        let page = "Text\n\n```python a.py\nx = 1\n\ny = 2\n```\n\n```sh\nls\n```\n\n```python b.py\nz = 3\n```\nEnd\n";
        assert_eq!(files(page).collect::<Vec<_>>(), [("a.py", "x = 1\n\ny = 2"), ("b.py", "z = 3")]);
    }

    #[test]
    fn the_page_has_a_short_fixture_and_a_test() {
        let page = include_str!("../../../docs/testing-with-pytest.md");
        let files: Vec<_> = files(page).collect();
        assert_eq!(files.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["conftest.py", "test_bot.py"]);
        let lines = files[0].1.lines().filter(|line| !line.is_empty()).count();
        assert!(lines <= MAX_FIXTURE_LINES, "{lines}");
    }
}
