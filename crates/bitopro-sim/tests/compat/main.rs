//! Runs the exchange's own Python SDK against the simulator: a client that we did not write. A client and a simulator
//! by the same authors can agree on the same mistake; this one shares nothing with ours.
//!
//! Each of its private streams runs in its own process, unmodified except for the module's URL constant. The test
//! changes the simulator's account, and the SDK must hand every event that was sent to its callback, in order, and
//! those events must add up to the simulator's account; before and after connections end, with a close frame and
//! without one; as the exchange is documented, and at the same time under settings that differ from that.
//!
//! `cargo xtask compat` installs the SDK and runs this test.
//!
//! Observed of the SDK (1.0.6 with websocket-client 1.5.1, and the same with 1.9.2):
//! - It cannot be stopped: its thread is not a daemon, and it dials again when a socket is closed. The test kills its
//!   process.
//! - Its own reconnect works, after failed and refused dials too: three seconds after the end of each attempt, forever,
//!   with no backoff and whatever the refusal, signed again each time. An exception in the callback is logged and
//!   swallowed.
//! - It notices only what TCP reports: it sends no pings and has no read deadline. It waited in silence for a server
//!   that was frozen for 45 s.
//! - Its nonce is the clock's millisecond, per stream. Streams that lost their connections together dial together, and
//!   the simulator answers 401 to a nonce that is not above the last one; the SDK succeeds an attempt or two later.
//!   Hence nothing here has a fixed time but the deadline.
//! - It calls its stream of balances `BitoproUserBlanceWs`.

#![allow(clippy::print_stdout, reason = "the summary of what was compared")]

mod follower;
mod scenario;
mod setting;
mod stream_events;
mod streams;
mod truth;

use std::env;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bitopro_sim::{SimCredentials, Simulator};
use futures_util::future::try_join_all;
use tokio::time::{interval, timeout};

use follower::Follower;
use setting::{SETTINGS, Setting};
use streams::STREAMS;

/// For the whole comparison. It takes about fifteen seconds, most of which the SDK waits before dials.
const DEADLINE: Duration = Duration::from_secs(120);
/// Interval at which the number of connections is polled.
const POLL: Duration = Duration::from_millis(10);
/// An address at which the SDK's URL-safe base64 differs from the standard one in both characters.
const IDENTITY: &str = "~py?sdk@example.com";

/// Names the interpreter that has the SDK; set by `cargo xtask compat`.
const PYTHON_VARIABLE: &str = "BITOPRO_COMPAT_PYTHON";

#[tokio::test]
#[ignore = "needs Python with the exchange's SDK: run `cargo xtask compat`"]
async fn the_exchange_s_sdk_sees_what_the_simulator_sends() -> anyhow::Result<()> {
    let python = env::var(PYTHON_VARIABLE)
        .with_context(|| format!("{PYTHON_VARIABLE} is not set: run `cargo xtask compat`"))?;
    // At the same time, since most of it is waiting.
    try_join_all(SETTINGS.iter().map(|setting| compare(&python, setting))).await?;
    Ok(())
}

async fn compare(python: &str, setting: &'static Setting) -> anyhow::Result<()> {
    let credentials = SimCredentials::new("compat-key", "compat-secret", IDENTITY);
    let simulator = setting.simulator()?.with_seed(7).with_credentials(credentials).start().await?;
    let mut followers = Vec::new();
    let outcome = match timeout(DEADLINE, follow(python, setting, &simulator, &mut followers)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("the comparison did not end within {} s", DEADLINE.as_secs())),
    };
    let mut left = Vec::new();
    for follower in &mut followers {
        left.extend(follower.stop().await?);
    }
    let outcome = outcome.and_then(|()| {
        ensure!(left.is_empty(), "the SDK delivered events that were not sent: {left:?}");
        Ok(())
    });
    if let Err(error) = outcome {
        let seen = followers.iter().map(Follower::report).collect::<Vec<_>>().join("\n");
        let dials: Vec<_> =
            simulator.upgrade_attempts().iter().map(|dial| (dial.path.clone(), dial.status)).collect();
        bail!("{}: {error:#}\n{seen}\nThe simulator's dials: {dials:?}", setting.name);
    }
    for follower in &followers {
        println!("{}: {}", setting.name, follower.summary());
    }
    simulator.stop().await;
    Ok(())
}

/// Plays the scenario and compares after each step.
async fn follow(
    python: &str,
    setting: &'static Setting,
    simulator: &Simulator,
    followers: &mut Vec<Follower>,
) -> anyhow::Result<()> {
    // One after the other: each is signed after the one before it was accepted.
    for stream in &STREAMS {
        followers.push(Follower::start(python, simulator, stream, setting)?);
        connected(simulator, followers, followers.len()).await?;
        agree(simulator, followers).await.with_context(|| format!("at the start of {}", stream.event))?;
    }
    play_moves(simulator, followers, "before the first disconnect").await?;
    for (how, end) in scenario::ENDS {
        simulator.execute(&end())?;
        connected(simulator, followers, 0).await?;
        followers.iter_mut().for_each(Follower::cut_off);
        scenario::while_away(simulator)?;
        connected(simulator, followers, STREAMS.len()).await?;
        let when = format!("after an end {how}");
        agree(simulator, followers).await.with_context(|| when.clone())?;
        play_moves(simulator, followers, &when).await?;
    }
    let accepted = simulator.upgrade_attempts().iter().filter(|dial| dial.is_accepted()).count();
    let expected = STREAMS.len() * (1 + scenario::ENDS.len());
    ensure!(accepted == expected, "{accepted} dials were accepted instead of {expected}");
    Ok(())
}

/// Plays every step of [`scenario::MOVES`] and compares after each.
async fn play_moves(simulator: &Simulator, followers: &mut [Follower], when: &str) -> anyhow::Result<()> {
    for (what, change) in scenario::MOVES {
        let context = || format!("{when}: {what}");
        change(simulator).with_context(context)?;
        agree(simulator, followers).await.with_context(context)?;
    }
    Ok(())
}

/// Waits until `count` sockets are connected. The SDK's output does not show this: trades begin with no event.
async fn connected(simulator: &Simulator, followers: &[Follower], count: usize) -> anyhow::Result<()> {
    let mut poll = interval(POLL);
    while simulator.connections() != count {
        if let Some(ended) = followers.iter().find(|follower| follower.has_ended()) {
            bail!("the SDK's process for {} has ended", ended.stream().event);
        }
        poll.tick().await;
    }
    Ok(())
}

/// Reads the events that were sent, and compares the resulting entries with the simulator's account.
async fn agree(simulator: &Simulator, followers: &mut [Follower]) -> anyhow::Result<()> {
    for follower in followers {
        follower.agree(simulator).await.with_context(|| follower.stream().event)?;
    }
    Ok(())
}

#[test]
fn the_identity_differs_between_the_two_base64_alphabets() {
    // As the SDK writes it.
    let payload = URL_SAFE.encode(format!(r#"{{"identity": "{IDENTITY}", "nonce": 1795312800000}}"#));
    assert!(payload.contains('-') && payload.contains('_'), "{payload}");
}
