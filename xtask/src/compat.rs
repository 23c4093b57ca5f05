//! The exchange's own Python SDK on the simulator: a client that we did not write. A client and a simulator by the
//! same hand can agree on the same mistake; this one knows nothing of ours.
//!
//! Each of its private streams runs in a process of its own, unmodified but for the module's URL constant. We move
//! the simulator's books, and what the SDK hands to its callback must be every event that was sent, in order, and
//! lead to the same books; before and after connections end, with a close frame and without one; as the exchange is
//! documented, and at the same time under settings that differ from that.
//!
//! What was seen of the SDK (1.0.6 with websocket-client 1.5.1, and with 1.9.2, where it does the same):
//! - It cannot be stopped: its thread is no daemon, and when a socket is closed it dials again. So its process is killed.
//! - Its own reconnect works, after failed and refused dials too: three seconds after the end of each try, forever,
//!   with no backoff and whatever the refusal, each time signed anew. An exception in the callback is logged and
//!   swallowed.
//! - It notices only what TCP tells: it sends no pings and has no deadline for reading. A server that was frozen for
//!   45 s was waited for in silence.
//! - Its nonce is the clock's millisecond, each stream for itself. Streams that lost their connections together dial
//!   together, and the simulator refuses with 401 who comes with a nonce that is not above the last one; it is let in
//!   a try or two later. Hence no time here is fixed but the deadline.
//! - It calls its stream of balances `BitoproUserBlanceWs`.

mod book;
mod follower;
mod python;
mod scenario;
mod setting;
mod streams;
mod truth;

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bitopro_sim::{SimCredentials, Simulator};
use futures_util::future::try_join_all;
use tokio::time::{interval, timeout};

use follower::Follower;
use python::Python;
use setting::{SETTINGS, Setting};
use streams::STREAMS;

/// For everything after the installation. It takes about fifteen seconds, most of it the SDK's waits before dials.
const DEADLINE: Duration = Duration::from_secs(120);
/// How often the number of connections is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// An address at which the SDK's URL-safe base64 differs from the standard one in both characters.
const IDENTITY: &str = "~py?sdk@example.com";

/// What came of the comparison, unless it failed.
#[derive(Debug)]
pub(crate) enum Verdict {
    Agrees,
    /// This machine cannot run it, for this reason.
    NotRun(String),
}

pub(crate) fn run() -> anyhow::Result<()> {
    match check()? {
        Verdict::Agrees => Ok(()),
        Verdict::NotRun(why) => bail!("{why}"),
    }
}

pub(crate) fn check() -> anyhow::Result<Verdict> {
    let python = match python::prepare()? {
        Ok(python) => python,
        Err(why) => return Ok(Verdict::NotRun(why)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the simulator's runtime")?;
    // At the same time, since most of it is waiting.
    runtime.block_on(try_join_all(SETTINGS.iter().map(|setting| compare(&python, setting))))?;
    Ok(Verdict::Agrees)
}

async fn compare(python: &Python, setting: &'static Setting) -> anyhow::Result<()> {
    let credentials = SimCredentials::new(IDENTITY, "compat-key", "compat-secret");
    let simulator = setting.simulator().with_seed(7).with_credentials(credentials).start().await?;
    let mut followers = Vec::new();
    let outcome = match timeout(DEADLINE, follow(python, setting, &simulator, &mut followers)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("it was not done after {} s", DEADLINE.as_secs())),
    };
    let mut left = Vec::new();
    for follower in &mut followers {
        left.extend(follower.stop().await?);
    }
    let outcome = outcome.and_then(|()| {
        ensure!(left.is_empty(), "the SDK handed out what was not sent: {left:?}");
        Ok(())
    });
    if let Err(error) = outcome {
        let seen = followers.iter().map(Follower::report).collect::<Vec<_>>().join("\n");
        let dials: Vec<_> = simulator.dials().iter().map(|dial| (dial.path.clone(), dial.status)).collect();
        bail!("{}: {error:#}\n{seen}\nThe simulator's dials: {dials:?}", setting.name);
    }
    for follower in &followers {
        println!("{}: {}", setting.name, follower.summary());
    }
    simulator.stop().await;
    Ok(())
}

/// Everything that is done and compared.
async fn follow(
    python: &Python,
    setting: &'static Setting,
    simulator: &Simulator,
    followers: &mut Vec<Follower>,
) -> anyhow::Result<()> {
    // One after the other, so that each is signed after the one before it was let in.
    for stream in &STREAMS {
        followers.push(Follower::start(python, simulator, stream, setting)?);
        connected(simulator, followers, followers.len()).await?;
        agree(simulator, followers).await.with_context(|| format!("at the start of {}", stream.event))?;
    }
    moved(simulator, followers, "at first").await?;
    for (how, end) in scenario::ENDS {
        simulator.execute(&end())?;
        connected(simulator, followers, 0).await?;
        followers.iter_mut().for_each(Follower::cut_off);
        scenario::while_away(simulator)?;
        connected(simulator, followers, STREAMS.len()).await?;
        let when = format!("after an end {how}");
        agree(simulator, followers).await.with_context(|| when.clone())?;
        moved(simulator, followers, &when).await?;
    }
    let let_in = simulator.dials().iter().filter(|dial| dial.is_accepted()).count();
    let expected = STREAMS.len() * (1 + scenario::ENDS.len());
    ensure!(let_in == expected, "{let_in} dials were let in instead of {expected}");
    Ok(())
}

/// Moves the books, and compares after each move.
async fn moved(simulator: &Simulator, followers: &mut [Follower], when: &str) -> anyhow::Result<()> {
    for (what, change) in scenario::MOVES {
        let context = || format!("{when}: {what}");
        change(simulator).with_context(context)?;
        agree(simulator, followers).await.with_context(context)?;
    }
    Ok(())
}

/// Waits until so many sockets listen. No line tells this: the stream of trades begins with none.
async fn connected(simulator: &Simulator, followers: &[Follower], count: usize) -> anyhow::Result<()> {
    let mut look = interval(LOOK);
    while simulator.connections() != count {
        if let Some(ended) = followers.iter().find(|follower| follower.has_ended()) {
            bail!("the SDK's process for {} has ended", ended.stream().event);
        }
        look.tick().await;
    }
    Ok(())
}

/// Reads what was sent, and compares what it comes to with the truth.
async fn agree(simulator: &Simulator, followers: &mut [Follower]) -> anyhow::Result<()> {
    for follower in followers {
        follower.agree(simulator).await.with_context(|| follower.stream().event)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE;

    use super::*;

    #[test]
    fn the_identity_tells_the_two_alphabets_apart() {
        // As the SDK writes it.
        let payload = URL_SAFE.encode(format!(r#"{{"identity": "{IDENTITY}", "nonce": 1795312800000}}"#));
        assert!(payload.contains('-') && payload.contains('_'), "{payload}");
    }
}
