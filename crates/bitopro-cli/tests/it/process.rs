//! Runs the command, and ends it when a test is over.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use bitopro_sim::Simulator;
use serde_json::Value;

/// The command that follows a stream of this simulator's account.
pub(crate) fn watch(simulator: &Simulator, stream: &str, args: &[&str]) -> Command {
    let credentials = simulator.credentials();
    let mut command = bitopro(&["watch", stream]);
    command.args(args).env("BITOPRO_WS_URL", simulator.ws_url().to_string());
    with_credentials(&mut command, &credentials.api_key, &credentials.api_secret, &credentials.email);
    command
}

/// The command, without what the environment of the tests may say about BitoPro and proxies.
pub(crate) fn bitopro(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitopro"));
    for name in ["WS_URL", "API_KEY", "API_SECRET", "EMAIL", "CA_FILE"] {
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

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The lines of standard output, each of them JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The types of the lines, in order.
    pub(crate) fn types(&self) -> Vec<String> {
        self.json().iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn run(command: &mut Command) -> Done {
    run_with_input(command, b"")
}

pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Done {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A command that does not read its input to the end breaks the pipe.
    let _ = writing.join().unwrap();
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that runs, and is killed if the test ends before it does.
pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_into(command, Stdio::piped())
    }

    /// With a standard output of the test's own.
    pub(crate) fn start_into(command: &mut Command, stdout: impl Into<Stdio>) -> Self {
        let mut child = command.stdout(stdout).stderr(Stdio::null()).spawn().unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdout }
    }

    /// The next line of its standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "it ended with {line:?}");
        line.trim_end().to_owned()
    }

    pub(crate) fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The rest of its standard output, and how it ended.
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
