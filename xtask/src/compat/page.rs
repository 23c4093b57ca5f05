//! Runs the code of pages of the documentation, as it would run in a reader's project.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::compat::SDK;
use crate::compat::environment::{failure, python};
use crate::workspace;

/// A page whose code blocks are the files of a project.
#[derive(Debug)]
pub(super) struct Page {
    path: &'static str,
    /// The language of the blocks. Those with a name after it, such as `python NAME`, are files.
    language: &'static str,
    /// Returns the command that runs the tests of a project, without the directory in which it runs. The inner error
    /// states why this machine cannot run it.
    tests: fn() -> anyhow::Result<Result<Command, String>>,
}

pub(super) const PAGES: [Page; 2] = [
    Page { path: "docs/testing-with-pytest.md", language: "python", tests: pytest },
    Page { path: "docs/testing-with-node.md", language: "js", tests: node },
];

impl Page {
    /// Runs the code. Returns the reason if this machine cannot run it.
    pub(super) fn run(&self) -> anyhow::Result<Option<String>> {
        let path = self.path;
        let mut tests = match (self.tests)()? {
            Ok(tests) => tests,
            Err(reason) => return Ok(Some(format!("{path}: {reason}"))),
        };
        let page = fs::read_to_string(workspace::root().join(path))
            .with_context(|| format!("cannot read {path}"))?;
        let directory = tempfile::tempdir().context("cannot create a directory for the code")?;
        for (name, code) in files(&page, self.language) {
            let path = directory.path().join(name);
            fs::write(&path, code).with_context(|| format!("cannot write {}", path.display()))?;
        }
        tests.current_dir(directory.path()).env("PATH", path_with_command()?);
        ensure!(tests.status()?.success(), "the code in {path} failed; see its output");
        Ok(None)
    }
}

fn pytest() -> anyhow::Result<Result<Command, String>> {
    Ok(SDK.prepare()?.map(|directory| {
        let mut pytest = workspace::command(&python(&directory).to_string_lossy());
        pytest.args(["-I", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "--rootdir=.", "."]);
        pytest
    }))
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all pages")]
fn node() -> anyhow::Result<Result<Command, String>> {
    if let Some(reason) = failure(workspace::command("node").arg("--version").output()) {
        return Ok(Err(format!("`node --version` failed: {reason}")));
    }
    let mut node = workspace::command("node");
    node.arg("--test");
    Ok(Ok(node))
}

/// Returns the search path, which begins with the directory of the built command.
fn path_with_command() -> anyhow::Result<OsString> {
    let built = workspace::metadata()?.target_directory.join("debug").into_std_path_buf();
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths([built].into_iter().chain(env::split_paths(&path)))?)
}

/// Returns the name and the code of each file on a page.
fn files<'a>(page: &'a str, language: &str) -> Vec<(&'a str, &'a str)> {
    let start = format!("\n```{language} ");
    let blocks = page.split(&start).skip(1);
    let file = |block: &'a str| {
        let (name, rest) = block.split_once('\n')?;
        Some((name, rest.split_once("\n```\n")?.0))
    };
    blocks.filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{PAGES, files, workspace};

    /// A fixture is meant to be copied, so it must stay short.
    const MAX_FIXTURE_LINES: usize = 30;

    #[test]
    fn blocks_of_a_language_with_a_name_are_files() {
        let page = "Text\n\n```python a.py\nx = 1\n\ny = 2\n```\n\n```sh\nls\n```\n\n```python b.py\nz = 3\n```\nEnd\n";
        let found = files(page, "python");
        assert_eq!(found, [("a.py", "x = 1\n\ny = 2"), ("b.py", "z = 3")]);
        assert_eq!(files(page, "sh"), []);
    }

    #[test]
    fn each_page_has_a_short_fixture_and_a_test() {
        for page in PAGES {
            let text = fs::read_to_string(workspace::root().join(page.path)).unwrap();
            let files = files(&text, page.language);
            let [(_, fixture), (test, _)] = files[..] else { panic!("{}: {files:?}", page.path) };
            assert!(test.contains("test"), "{test}");
            let lines = fixture.lines().filter(|line| !line.is_empty()).count();
            assert!(lines <= MAX_FIXTURE_LINES, "{}: {lines}", page.path);
        }
    }
}
