//! A process that calls ccxt's methods.

use std::io::Write;
use std::process::{Child, ChildStdin};
use std::time::Duration;

use anyhow::{Context, bail};
use bitopro_sim::Simulator;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::python_command;
use crate::sdk_process::each_line;

const DRIVER: &str = include_str!("driver.py");
/// Deadline for the reply to a call, which normally takes about 100 ms.
const CALL_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Ccxt {
    child: Child,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Ccxt {
    pub(super) fn start(python: &str, simulator: &Simulator) -> anyhow::Result<Self> {
        let mut child = python_command(python, DRIVER, simulator)
            .env("COMPAT_REST_URL", simulator.rest_url().to_string())
            .env("COMPAT_WS_URL", format!("{}/v1/pub", simulator.ws_url()))
            .spawn()
            .context("cannot start ccxt")?;
        let input = child.stdin.take().context("ccxt has no stdin")?;
        let stdout = child.stdout.take().context("ccxt has no stdout")?;
        let (sender, lines) = mpsc::unbounded_channel();
        each_line(stdout, move |line| {
            // The receiver is dropped when the comparison ends.
            let _ = sender.send(line);
        });
        Ok(Self { child, input, lines })
    }

    /// Begins a call. Its reply must be received before the next call.
    pub(super) fn begin(&mut self, method: &str, args: &Value) -> anyhow::Result<()> {
        let line = json!({ "method": method, "args": args });
        writeln!(self.input, "{line}").context("ccxt has exited")
    }

    /// Receives the reply: an object with `result`, or with `error` and `text`.
    pub(super) async fn receive(&mut self) -> anyhow::Result<Value> {
        let line = timeout(CALL_DEADLINE, self.lines.recv()).await.context("ccxt does not reply")?;
        Ok(serde_json::from_str(&line.context("ccxt has exited")?)?)
    }

    /// Calls a method and returns its result.
    pub(super) async fn call(&mut self, method: &str, args: Value) -> anyhow::Result<Value> {
        self.begin(method, &args)?;
        let mut reply = self.receive().await?;
        if let Some(result) = reply.get_mut("result") {
            return Ok(result.take());
        }
        bail!("{method}{args} failed: {reply}")
    }

    /// Calls a method that must raise an exception, and returns the name of its class and its text.
    pub(super) async fn exception(&mut self, method: &str, args: Value) -> anyhow::Result<[String; 2]> {
        self.begin(method, &args)?;
        let reply = self.receive().await?;
        let text = |name: &str| {
            let text = reply.get(name).and_then(Value::as_str);
            text.map(str::to_owned).with_context(|| format!("{method}{args} did not fail: {reply}"))
        };
        Ok([text("error")?, text("text")?])
    }
}

impl Drop for Ccxt {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
