//! Runs the exchange's own Python SDK against the simulator. A client and a simulator by the same authors can
//! share the same mistake, but the SDK shares no code with either.
//!
//! In the first test, each of the SDK's private streams runs in its own process, unmodified except for the
//! module's URL constant. The test changes the simulator's account. The SDK must pass every message to its
//! callback in order, and the messages must result in the simulator's account, before and after connections
//! end with and without a close frame. All settings run at the same time: the documented behaviour, and the
//! quirks that differ from it.
//!
//! In the second test, one process opens all four streams at the same moment, and none may be refused.
//!
//! `cargo xtask compat` installs the SDK and runs these tests.
//!
//! Observed behaviour of the SDK (1.0.6 with websocket-client 1.5.1, and the same with 1.9.2):
//! - It cannot be stopped: its thread is not a daemon, and it dials again when a socket is closed. The test
//!   kills its process.
//! - It reconnects by itself, also after failed and refused dials: three seconds after the end of each
//!   attempt, forever, without backoff and regardless of the refusal, with a new signature each time. An
//!   exception in the callback is logged and otherwise ignored.
//! - It notices only failures that TCP reports: it sends no pings and has no read deadline. It waited
//!   silently for a server that was frozen for 45 s.
//! - Its nonce is the clock's time in milliseconds when a request is signed, so requests signed in the same
//!   millisecond have the same nonce. With `nonces=unused` and `nonces=increasing`, the simulator answers 401
//!   to some of the streams that dial together; the SDK succeeds one or two attempts later. So the first test
//!   expects no fixed times, except for the deadline.
//! - Its class for the stream of balances is called `BitoproUserBlanceWs`.

#![allow(clippy::print_stdout, reason = "a summary of the comparison")]

mod scenario;
mod sdk_process;
mod setting;
mod stream_messages;
mod streams;
mod truth;

use std::collections::BTreeSet;
use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bitopro_sim::{SimCredentials, Simulator, UpgradeAttempt};
use futures_util::future::try_join_all;
use tokio::time::{interval, timeout};

use sdk_process::SdkProcess;
use setting::{SETTINGS, Setting};
use streams::STREAMS;

/// Deadline for the whole comparison. It takes about 15 s, most of which the SDK spends waiting to dial.
const DEADLINE: Duration = Duration::from_secs(120);
/// Interval at which the number of connections is polled.
const POLL: Duration = Duration::from_millis(10);
/// An email address whose URL-safe base64, which the SDK sends, differs from standard base64 in both
/// characters.
const IDENTITY: &str = "~py?sdk@example.com";

/// The environment variable with the Python interpreter that has the SDK; `cargo xtask compat` sets it.
const PYTHON_VARIABLE: &str = "BITOPRO_COMPAT_PYTHON";

/// Number of times that the second test opens all streams.
const ROUNDS: usize = 20;

#[tokio::test]
#[ignore = "needs Python with the exchange's SDK: run `cargo xtask compat`"]
async fn the_official_sdk_receives_every_message_of_the_simulator() -> anyhow::Result<()> {
    let python = python()?;
    // Concurrently, since most of the time is spent waiting.
    try_join_all(SETTINGS.iter().map(|setting| compare(&python, setting))).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs Python with the exchange's SDK: run `cargo xtask compat`"]
async fn the_official_sdk_opens_four_streams_at_the_same_moment_without_a_refusal() -> anyhow::Result<()> {
    let python = python()?;
    let mut rounds_with_equal_nonces = 0;
    for round in 1..=ROUNDS {
        let simulator = Simulator::builder().start().await?;
        let mut process = sdk_process::spawn(&python, &simulator, &STREAMS.each_ref())?;
        let is_connected = async {
            let mut poll = interval(POLL);
            while simulator.connections() < STREAMS.len() {
                poll.tick().await;
            }
        };
        let connected = timeout(DEADLINE, is_connected).await;
        process.kill()?;
        process.wait()?;
        let dials = simulator.upgrade_attempts();
        connected.with_context(|| format!("round {round}: not all streams are connected: {dials:?}"))?;
        let are_accepted = dials.len() == STREAMS.len() && dials.iter().all(UpgradeAttempt::is_accepted);
        ensure!(are_accepted, "round {round}: {dials:?}");
        let nonces: BTreeSet<_> = dials.iter().map(|dial| dial.nonce).collect();
        rounds_with_equal_nonces += usize::from(nonces.len() < dials.len());
        simulator.stop().await;
    }
    println!("{ROUNDS} rounds without a refusal, {rounds_with_equal_nonces} of them with equal nonces");
    ensure!(rounds_with_equal_nonces > 0, "the streams were never opened in the same millisecond");
    Ok(())
}

/// Returns a command that runs a program with the credentials of the simulator's account, connected by pipes.
fn python_command(python: &str, driver: &str, simulator: &Simulator) -> Command {
    let account = simulator.credentials();
    let mut command = Command::new(python);
    command
        // Isolated mode hides the user's packages and the files of the current directory.
        .args(["-I", "-c", driver])
        .env("BITOPRO_API_KEY", &account.api_key)
        .env("BITOPRO_API_SECRET", &account.api_secret)
        .env("BITOPRO_EMAIL", &account.email)
        // Bypasses a proxy that this machine may have.
        .env("no_proxy", "127.0.0.1")
        // The program exits when this pipe closes, however the test ends.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

fn python() -> anyhow::Result<String> {
    env::var(PYTHON_VARIABLE)
        .with_context(|| format!("{PYTHON_VARIABLE} is not set: run `cargo xtask compat`"))
}

async fn compare(python: &str, setting: &'static Setting) -> anyhow::Result<()> {
    let credentials = SimCredentials::new("compat-key", "compat-secret", IDENTITY);
    let simulator = setting.simulator()?.with_seed(7).with_credentials(credentials).start().await?;
    let mut processes = Vec::new();
    let outcome = match timeout(DEADLINE, run_scenario(python, setting, &simulator, &mut processes)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("the comparison did not end within {} s", DEADLINE.as_secs())),
    };
    let mut unread = Vec::new();
    for process in &mut processes {
        unread.extend(process.stop().await?);
    }
    let outcome = outcome.and_then(|()| {
        ensure!(unread.is_empty(), "the SDK delivered messages that were not sent: {unread:?}");
        Ok(())
    });
    if let Err(error) = outcome {
        let reports = processes.iter().map(SdkProcess::report).collect::<Vec<_>>().join("\n");
        let dials: Vec<_> =
            simulator.upgrade_attempts().iter().map(|dial| (dial.path.clone(), dial.status)).collect();
        bail!("{}: {error:#}\n{reports}\ndials to the simulator: {dials:?}", setting.name);
    }
    for process in &processes {
        println!("{}: {}", setting.name, process.summary());
    }
    simulator.stop().await;
    Ok(())
}

/// Runs the scenario and compares after each step.
async fn run_scenario(
    python: &str,
    setting: &'static Setting,
    simulator: &Simulator,
    processes: &mut Vec<SdkProcess>,
) -> anyhow::Result<()> {
    // One after the other, so that the first dials have increasing nonces and none is refused.
    for stream in &STREAMS {
        processes.push(SdkProcess::start(python, simulator, stream, setting)?);
        wait_for_connections(simulator, processes, processes.len()).await?;
        compare_all(simulator, processes)
            .await
            .with_context(|| format!("at the start of {}", stream.event))?;
    }
    run_steps(simulator, processes, "before the first disconnect").await?;
    for (manner, end) in scenario::CONNECTION_ENDS {
        simulator.execute(&end())?;
        wait_for_connections(simulator, processes, 0).await?;
        processes.iter_mut().for_each(SdkProcess::begin_connection);
        scenario::change_while_disconnected(simulator)?;
        wait_for_connections(simulator, processes, STREAMS.len()).await?;
        let when = format!("after an end {manner}");
        compare_all(simulator, processes).await.with_context(|| when.clone())?;
        run_steps(simulator, processes, &when).await?;
    }
    let accepted = simulator.upgrade_attempts().iter().filter(|dial| dial.is_accepted()).count();
    let expected = STREAMS.len() * (1 + scenario::CONNECTION_ENDS.len());
    ensure!(accepted == expected, "{accepted} dials were accepted, expected {expected}");
    Ok(())
}

/// Runs every step of [`scenario::STEPS`] and compares after each.
async fn run_steps(simulator: &Simulator, processes: &mut [SdkProcess], when: &str) -> anyhow::Result<()> {
    for (name, change) in scenario::STEPS {
        let context = || format!("{when}: {name}");
        change(simulator).with_context(context)?;
        compare_all(simulator, processes).await.with_context(context)?;
    }
    Ok(())
}

/// Waits until `count` sockets are connected. The SDK's output does not show this, since trades have no
/// snapshot.
async fn wait_for_connections(
    simulator: &Simulator,
    processes: &[SdkProcess],
    count: usize,
) -> anyhow::Result<()> {
    let mut poll = interval(POLL);
    while simulator.connections() != count {
        if let Some(ended) = processes.iter().find(|process| process.has_ended()) {
            bail!("the SDK's process for {} has ended", ended.stream().event);
        }
        poll.tick().await;
    }
    Ok(())
}

/// Reads the messages that were sent, and compares the resulting entries with the simulator's account.
async fn compare_all(simulator: &Simulator, processes: &mut [SdkProcess]) -> anyhow::Result<()> {
    for process in processes {
        process.compare(simulator).await.with_context(|| process.stream().event)?;
    }
    Ok(())
}

#[test]
fn the_identity_differs_between_the_two_base64_alphabets() {
    // In the SDK's format.
    let payload = URL_SAFE.encode(format!(r#"{{"identity": "{IDENTITY}", "nonce": 1795312800000}}"#));
    assert!(payload.contains('-') && payload.contains('_'), "{payload}");
}
