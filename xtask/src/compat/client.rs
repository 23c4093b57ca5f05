//! Another client of the exchange, and the scripts that compare it with the simulator.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};

use crate::compat::environment::{Environment, python};
use crate::compat::simulator::SimulatorProcess;
use crate::compat::table::Row;
use crate::named_test::NamedTest;
use crate::workspace;

/// A client in one version.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    /// The name of its package.
    pub(super) package: &'static str,
    pub(super) environment: Environment,
    /// The option that runs it, or `None` if it always runs.
    pub(super) opt_in: Option<OptIn>,
    pub(super) scripts: &'static [Script],
    /// The quirks of the simulator for each run of the scripts. A call passes only if it passes in all of them.
    pub(super) quirks: &'static [&'static str],
    pub(super) needs_tls: bool,
    /// The tests of bitopro-sim that use it.
    pub(super) tests: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptIn {
    Ccxt,
    CcxtJs,
}

/// A Python program that calls a client and prints a line for each call.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) file: &'static str,
    /// Further quirks of its simulator.
    pub(super) quirks: &'static str,
    /// Returns the arguments, given the directory of the environment.
    pub(super) arguments: fn(&Path) -> Vec<OsString>,
}

/// Returns the path of a script.
pub(super) fn script(file: &str) -> PathBuf {
    workspace::root().join("xtask/src/compat/scripts").join(file)
}

impl Client {
    pub(super) fn version(&self) -> String {
        self.environment.version(self.package)
    }

    /// Installs the client and runs its tests and scripts. The inner error states why this machine cannot run them.
    pub(super) fn run(&self) -> anyhow::Result<Result<Vec<Row>, String>> {
        let directory = match self.environment.prepare()? {
            Ok(directory) => directory,
            Err(reason) => return Ok(Err(reason)),
        };
        println!("{} {}", self.name, self.version());
        let interpreter = match self.environment {
            Environment::Python { .. } => python(&directory),
            Environment::Node { .. } => {
                // Node looks for packages beside the program that imports them.
                let driver = "ccxt_driver.mjs";
                std::fs::copy(script(driver), directory.join(driver)).context("cannot copy the driver")?;
                PathBuf::from("python3")
            }
        };
        let variable = [("BITOPRO_COMPAT_PYTHON", interpreter.to_string_lossy().into_owned())];
        for name in self.tests {
            NamedTest { binary: &["--package", "bitopro-sim", "--test", "compat"], name }.run(&variable)?;
        }
        let mut rows = Vec::new();
        for quirks in self.quirks {
            for script in self.scripts {
                let found = self.run_script(script, &interpreter, &directory, quirks)?;
                for row in found {
                    Row::merge(&mut rows, row);
                }
            }
        }
        Ok(Ok(rows))
    }

    fn run_script(
        &self,
        Script { file, quirks: further, arguments }: &Script,
        interpreter: &Path,
        directory: &Path,
        quirks: &str,
    ) -> anyhow::Result<Vec<Row>> {
        let simulator = SimulatorProcess::start(&format!("{quirks} {further}"), self.needs_tls)?;
        let mut command = workspace::command(&interpreter.to_string_lossy());
        command
            // Writes no compiled files beside the scripts, and hides the user's packages.
            .args(["-B", "-E", "-s"])
            .arg(script(file))
            .args(arguments(directory))
            .envs(simulator.variables())
            .env("COMPAT_QUIRKS", quirks)
            // Bypasses a proxy that this machine may have.
            .env("no_proxy", "127.0.0.1")
            .stderr(Stdio::inherit());
        let output = command.output().with_context(|| format!("cannot start {file}"))?;
        let rows = Row::parse_lines(&output.stdout, self.name, &self.version())
            .with_context(|| format!("cannot read the output of {file}"))?;
        ensure!(output.status.success() && !rows.is_empty(), "{file} failed; see its output");
        Ok(rows)
    }
}
