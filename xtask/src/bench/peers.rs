//! Installs other clients and builds our command.

use std::path::PathBuf;

use anyhow::{anyhow, ensure};

use crate::compat::{self, Environment};
use crate::workspace::{self, cargo};

/// Python with the fastest packages.
const FAST: Environment = Environment::Python {
    directory: "bench-python",
    requirements: &[include_str!("requirements.txt")],
    imports: "import orjson, websockets",
};

/// Returns the variables with the paths of the programs.
pub(super) fn variables() -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let build = cargo(&["build", "--locked", "--quiet", "--release", "--package", "bitopro-cli"]).status()?;
    ensure!(build.success(), "cannot build the command");
    let command = workspace::metadata()?.target_directory.join("release").join("bitopro");
    let mut variables = vec![("BITOPRO_BENCH_COMMAND", command.into_std_path_buf())];
    for (name, environment) in [
        ("BITOPRO_BENCH_PYTHON_WEBSOCKETS", &FAST),
        ("BITOPRO_BENCH_PYTHON_SDK", &compat::SDK),
        ("BITOPRO_BENCH_PYTHON_CCXT", &compat::CCXT),
    ] {
        let directory = environment.prepare()?.map_err(|reason| anyhow!(reason))?;
        variables.push((name, compat::python(&directory)));
    }
    Ok(variables)
}
