//! A process of `bitopro sim`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use anyhow::Context;
use tempfile::TempDir;

use crate::workspace;

/// The name of the second account.
const ACCOUNT: &str = "alice";

/// The simulator with its control server and two accounts, until it is dropped.
#[derive(Debug)]
pub(super) struct SimulatorProcess {
    child: Child,
    variables: Vec<(String, String)>,
    /// The directory of its CA certificate.
    _directory: TempDir,
}

impl SimulatorProcess {
    /// Starts the built command. The quirks are words such as `done-orders=all`.
    pub(super) fn start(quirks: &str, tls: bool) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("cannot create a directory for the simulator")?;
        let program = workspace::metadata()?.target_directory.join("debug").join("bitopro");
        let mut command = workspace::command(program.as_str());
        command.args(["sim", "--control", "--account", ACCOUNT]);
        command.args(quirks.split_whitespace().map(|quirk| format!("--{quirk}")));
        if tls {
            command.arg("--tls").arg(directory.path());
        }
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the simulator")?;
        let output = child.stdout.take().context("the simulator has no stdout")?;
        let mut simulator = Self { child, variables: Vec::new(), _directory: directory };
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(credentials) = line.strip_prefix(&format!("# {ACCOUNT}: ")) {
                let variables = credentials.split(' ').filter_map(variable);
                let variables = variables.map(|(name, value)| (format!("ALICE_{name}"), value));
                simulator.variables.extend(variables);
                break;
            }
            simulator.variables.extend(line.strip_prefix("export ").and_then(variable));
        }
        if let Some((_, file)) = simulator.variables.iter().find(|(name, _)| name == "BITOPRO_CA_FILE") {
            let trusted = ("NODE_EXTRA_CA_CERTS".to_owned(), file.clone());
            simulator.variables.push(trusted);
        }
        Ok(simulator)
    }

    /// Returns the environment of its clients, with the credentials of the second account under names that begin with
    /// `ALICE_`.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Drop for SimulatorProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn variable(assignment: &str) -> Option<(String, String)> {
    let (name, value) = assignment.split_once('=')?;
    Some((name.to_owned(), value.trim_matches('\'').to_owned()))
}
