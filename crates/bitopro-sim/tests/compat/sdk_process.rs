//! A process that runs one stream of the SDK, and its output.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use bitopro_sim::Simulator;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::setting::Setting;
use super::stream_messages::StreamMessages;
use super::streams::Stream;

use crate::python_command;

const DRIVER: &str = include_str!("driver.py");
/// Deadline for a message to arrive. It normally takes less than a millisecond.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(20);
/// Number of lines of the SDK's log in the report of a failure.
const REPORTED_LOG_LINES: usize = 12;

#[derive(Debug)]
pub(super) struct SdkProcess {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    log: Arc<Mutex<Vec<String>>>,
    messages: StreamMessages,
}

impl SdkProcess {
    pub(super) fn start(
        python: &str,
        simulator: &Simulator,
        stream: &'static Stream,
        setting: &'static Setting,
    ) -> anyhow::Result<Self> {
        let mut child = spawn(python, simulator, &[stream])?;
        let stdout = child.stdout.take().context("the SDK has no stdout")?;
        let stderr = child.stderr.take().context("the SDK has no stderr")?;
        let (sender, lines) = mpsc::unbounded_channel();
        each_line(stdout, move |line| {
            // The receiver is dropped when the comparison ends.
            let _ = sender.send(line);
        });
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Arc::clone(&log);
        each_line(stderr, move |line| sink.lock().unwrap_or_else(PoisonError::into_inner).push(line));
        Ok(Self { child, lines, log, messages: StreamMessages::new(stream, setting) })
    }

    pub(super) fn stream(&self) -> &'static Stream {
        self.messages.stream()
    }

    /// Returns whether the process has exited by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.lines.is_closed()
    }

    /// Treats the next message as the first one of a new connection.
    pub(super) fn begin_connection(&mut self) {
        self.messages.begin_connection();
    }

    /// Reads as many messages as were sent, and compares them and the resulting entries.
    pub(super) async fn compare(&mut self, simulator: &Simulator) -> anyhow::Result<()> {
        let sent = self.stream().sent(simulator)?;
        while self.messages.len() < sent.len() {
            let line = timeout(MESSAGE_DEADLINE, self.lines.recv()).await.with_context(|| {
                format!(
                    "{} messages were sent, but the SDK delivered only {}",
                    sent.len(),
                    self.messages.len()
                )
            })?;
            self.messages.read_line(&line.context("the SDK's process has exited")?)?;
        }
        self.messages.compare(&sent, &(self.stream().truth)(simulator, self.messages.setting())?)
    }

    /// Kills the process, and returns the lines of its output that were not compared.
    pub(super) async fn stop(&mut self) -> anyhow::Result<Vec<String>> {
        // This fails if the process has exited by itself.
        let _ = self.child.kill();
        self.child.wait().context("cannot wait for the SDK to end")?;
        let mut unread = Vec::new();
        while let Some(line) = self.lines.recv().await {
            unread.push(line);
        }
        Ok(unread)
    }

    pub(super) fn summary(&self) -> String {
        self.messages.summary()
    }

    /// Describes the received messages and the SDK's log, for the report of a failure.
    pub(super) fn report(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<&str> = log.iter().rev().take(REPORTED_LOG_LINES).rev().map(String::as_str).collect();
        format!("{}; the end of the SDK's log:\n    {}", self.messages.summary(), last.join("\n    "))
    }
}

/// Starts a process that runs these streams.
pub(super) fn spawn(python: &str, simulator: &Simulator, streams: &[&Stream]) -> anyhow::Result<Child> {
    python_command(python, DRIVER, simulator)
        .args(streams.iter().map(|stream| stream.class))
        // The SDK's URL constant ends with the API version.
        .env("COMPAT_WS_URL", format!("{}/v1", simulator.ws_url()))
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the SDK")
}

impl Drop for SdkProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes each line to `handle` on a separate thread, which ends with the writing process.
fn each_line(from: impl Read + Send + 'static, mut handle: impl FnMut(String) + Send + 'static) {
    thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).for_each(&mut handle);
    });
}
