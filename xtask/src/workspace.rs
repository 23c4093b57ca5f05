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

/// Returns cargo's metadata of the workspace and its dependencies, by the current lock file.
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

/// Returns a call of cargo, as [`command`] does.
pub(crate) fn cargo<A: AsRef<str>>(args: &[A]) -> Command {
    let mut cargo = command("cargo");
    cargo.args(args.iter().map(AsRef::as_ref));
    cargo
}

/// Returns a command at the root, without standard input, in the environment of a caller of `cargo` rather than of a
/// program that cargo started: some build scripts run again when such a variable changes.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null()).env("CI", "true");
    for (name, _) in env::vars_os() {
        let of_this_package = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
                .iter()
                .any(|own| name.starts_with(own))
        });
        if of_this_package {
            command.env_remove(name);
        }
    }
    command
}
