//! Runs the command, and kills it when a test ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bitopro_sim::Simulator;
use serde_json::Value;

/// Returns `bitopro watch` for a stream of the simulator's account.
pub(crate) fn watch(simulator: &Simulator, stream: &str, args: &[&str]) -> Command {
    let credentials = simulator.credentials();
    let mut command = bitopro(&["watch", stream]);
    command.args(args).env("BITOPRO_WS_URL", simulator.ws_url().to_string());
    with_credentials(&mut command, &credentials.api_key, &credentials.api_secret, &credentials.email);
    command
}

/// Returns the command, which does not inherit variables for BitoPro, proxies and logs from the tests.
pub(crate) fn bitopro(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitopro"));
    for name in ["WS_URL", "REST_URL", "API_KEY", "API_SECRET", "EMAIL", "CA_FILE"] {
        command.env_remove(format!("BITOPRO_{name}"));
    }
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").args(args).stdin(Stdio::null());
    command
}

pub(crate) fn with_credentials(command: &mut Command, key: &str, secret: &str, email: &str) {
    command.env("BITOPRO_API_KEY", key).env("BITOPRO_API_SECRET", secret).env("BITOPRO_EMAIL", email);
}

/// The output and the exit code of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Parses each line of standard output as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Returns the `type` of each line.
    pub(crate) fn types(&self) -> Vec<String> {
        self.json().iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn run(command: &mut Command) -> Outcome {
    run_with_input(command, b"")
}

pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Outcome {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // Fails with a broken pipe if the command does not read all of its input.
    let _ = writer.join().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn kill(id: u32, signal: &str) {
    assert!(Command::new("kill").args(["-s", signal, &id.to_string()]).status().unwrap().success());
}

/// A running command, which is killed on drop.
pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_into(command, Stdio::piped())
    }

    /// Starts a command with the given standard output.
    pub(crate) fn start_into(command: &mut Command, stdout: impl Into<Stdio>) -> Self {
        Self::spawn(command.stdout(stdout).stderr(Stdio::null()))
    }

    /// Starts a command with its own standard output and standard error.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdout }
    }

    /// Returns standard error, which must be piped.
    pub(crate) fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    /// Reads the next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the output ended with {line:?}");
        line.trim_end().to_owned()
    }

    /// Reads the next line, which must be a note of a table, and returns its text without the time.
    pub(crate) fn note(&mut self) -> String {
        let line = self.line();
        let text = line.split_once(" · ").filter(|(time, _)| time.len() == "07:28:23".len());
        text.unwrap_or_else(|| panic!("not a note: {line}")).1.to_owned()
    }

    pub(crate) fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        kill(self.id(), name);
    }

    /// Returns whether the command has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, and returns the exit code, which is `None` if the signal has killed the command.
    pub(crate) fn stop(self, signal: &str) -> Option<i32> {
        /// Much longer than a command takes, so that only one that does not end fails the test.
        const LIMIT: Duration = Duration::from_secs(30);

        self.signal(signal);
        let id = self.id();
        let (code, received) = mpsc::channel();
        thread::spawn(move || code.send(self.finish().1.code()));
        received.recv_timeout(LIMIT).unwrap_or_else(|_| {
            kill(id, "KILL");
            panic!("SIG{signal} does not end the command");
        })
    }

    /// Waits until the command ends, and returns the rest of standard output and the exit status.
    pub(crate) fn finish(mut self) -> (String, ExitStatus) {
        let mut rest = String::new();
        if let Some(stdout) = &mut self.stdout {
            stdout.read_to_string(&mut rest).unwrap();
        }
        (rest, self.child.wait().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
