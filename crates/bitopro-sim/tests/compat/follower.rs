//! One process of the SDK, and its output.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use bitopro_sim::Simulator;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::setting::Setting;
use super::stream_events::StreamEvents;
use super::streams::Stream;

const DRIVER: &str = include_str!("driver.py");
/// Deadline for an event to arrive, which is less than a millisecond of work.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines of the SDK's log in the report of a failure.
const LOG_SHOWN: usize = 12;

#[derive(Debug)]
pub(super) struct Follower {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    log: Arc<Mutex<Vec<String>>>,
    events: StreamEvents,
}

impl Follower {
    pub(super) fn start(
        python: &str,
        simulator: &Simulator,
        stream: &'static Stream,
        setting: &'static Setting,
    ) -> anyhow::Result<Self> {
        let account = simulator.credentials();
        let mut child = Command::new(python)
            // Isolated: neither the user's packages nor the files of the current directory are visible.
            .args(["-I", "-c", DRIVER, stream.class])
            // The SDK's constant ends in the version.
            .env("COMPAT_WS_URL", format!("{}/v1", simulator.ws_url()))
            .env("BITOPRO_API_KEY", &account.api_key)
            .env("BITOPRO_API_SECRET", &account.api_secret)
            .env("BITOPRO_EMAIL", &account.email)
            // Keeps a proxy of this machine out of it.
            .env("no_proxy", "127.0.0.1")
            // Never written to: the driver ends when this end is closed, however the test ended.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the SDK")?;
        let stdout = child.stdout.take().context("the SDK has no output")?;
        let stderr = child.stderr.take().context("the SDK has no log")?;
        let (sender, lines) = mpsc::unbounded_channel();
        each_line(stdout, move |line| {
            // The receiver is gone once the comparison is over.
            let _ = sender.send(line);
        });
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&log);
        each_line(stderr, move |line| kept.lock().unwrap_or_else(PoisonError::into_inner).push(line));
        Ok(Self { child, lines, log, events: StreamEvents::new(stream, setting) })
    }

    pub(super) fn stream(&self) -> &'static Stream {
        self.events.stream()
    }

    /// Returns whether the process has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.lines.is_closed()
    }

    /// Notes that the connection is gone: the next event begins another one.
    pub(super) fn cut_off(&mut self) {
        self.events.cut_off();
    }

    /// Reads as many events as were sent, and compares them and the resulting entries.
    pub(super) async fn agree(&mut self, simulator: &Simulator) -> anyhow::Result<()> {
        let sent = self.stream().sent(simulator)?;
        while self.events.taken() < sent.len() {
            let line = timeout(PATIENCE, self.lines.recv()).await.with_context(|| {
                format!(
                    "{} events were sent, and only {} came out of the SDK",
                    sent.len(),
                    self.events.taken()
                )
            })?;
            self.events.take(&line.context("the SDK's process has ended")?)?;
        }
        self.events.agree(&sent, &(self.stream().truth)(simulator, self.events.setting())?)
    }

    /// Ends the process and returns the lines that no comparison has read.
    pub(super) async fn stop(&mut self) -> anyhow::Result<Vec<String>> {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().context("cannot wait for the SDK to end")?;
        let mut left = Vec::new();
        while let Some(line) = self.lines.recv().await {
            left.push(line);
        }
        Ok(left)
    }

    pub(super) fn summary(&self) -> String {
        self.events.summary()
    }

    /// Describes what was received, to find the cause of a failure.
    pub(super) fn report(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<&str> = log.iter().rev().take(LOG_SHOWN).rev().map(String::as_str).collect();
        format!("{}; the end of the SDK's log:\n    {}", self.events.summary(), last.join("\n    "))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Handles each line on its own thread, which ends with the writing process.
fn each_line(from: impl Read + Send + 'static, mut handle: impl FnMut(String) + Send + 'static) {
    thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).for_each(&mut handle);
    });
}
