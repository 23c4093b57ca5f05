use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use cargo_metadata::{Metadata, MetadataCommand, Package};

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Returns cargo's metadata of the workspace and its dependencies, as locked.
pub(crate) fn metadata() -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cannot read the workspace with `cargo metadata --locked`")
}

/// Returns the packages that would be published.
pub(crate) fn published() -> anyhow::Result<Vec<Package>> {
    let packages = metadata()?.workspace_packages().into_iter().cloned().collect::<Vec<_>>();
    Ok(packages.into_iter().filter(|package| package.publish.is_none()).collect())
}

/// Returns a cargo command, prepared by [`command`].
pub(crate) fn cargo<A: AsRef<str>>(args: &[A]) -> Command {
    let mut cargo = command("cargo");
    cargo.args(args.iter().map(AsRef::as_ref));
    cargo
}

/// Returns a command that runs at the root of the repository, without standard input.
///
/// Removes the variables that cargo sets for the programs that it starts, because some build scripts run
/// again when one of them changes.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null()).env("CI", "true");
    for (name, _) in env::vars_os() {
        let is_set_by_cargo = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        if is_set_by_cargo {
            command.env_remove(name);
        }
    }
    command
}
