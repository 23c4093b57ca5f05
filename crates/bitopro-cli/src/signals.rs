//! Stops the process on a signal, whatever blocks: a separate thread handles the signals of every command.

use std::time::Duration;
use std::{io, process, thread};

use tokio::runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::exit::{Failure, Status};

/// Time after a signal in which the exchange can answer the close frames. The rest of the stop limit is left for
/// the output.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// Time from the first signal to the end of the process. The rest of the documented 2 s is for a busy machine.
const STOP_LIMIT: Duration = Duration::from_millis(1500);
/// Time after the first signal in which others are ignored. `timeout`, shells and process managers often send a
/// signal both to a process and to its group.
const REPEAT_PERIOD: Duration = Duration::from_millis(100);

/// Handles Ctrl-C and, on Unix, SIGTERM and SIGHUP.
///
/// The first signal ends the process immediately, unless a command waits for it in order to stop by itself.
/// The command then has 1.5 s, and a second signal ends the process immediately, unless it repeats the first.
/// The exit code is that of success.
#[derive(Debug)]
pub(crate) struct Signals(watch::Sender<bool>);

impl Signals {
    /// Starts to handle the signals. Must be called before anything can block.
    pub(crate) fn handle() -> Result<Self, Failure> {
        let failed =
            |error| Failure::new(Status::Unexpected, "cannot install the signal handlers").with_source(error);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut received = {
            let _entered = runtime.enter();
            Received::listen().map_err(failed)?
        };
        let (requests, _) = watch::channel(false);
        let signals = Self(requests.clone());
        let work = move || {
            runtime.block_on(until_exit(&requests, async || received.next().await));
            process::exit(Status::Ok as i32);
        };
        thread::Builder::new().name("signals".to_owned()).spawn(work).map_err(failed)?;
        Ok(signals)
    }

    /// Creates signals of which none arrives.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self(watch::channel(false).0)
    }

    /// Lets the caller stop by itself after the first signal, for as long as it keeps the returned value.
    pub(crate) fn stop_request(&self) -> StopRequest {
        StopRequest(self.0.subscribe())
    }
}

/// The request to stop that the first signal makes.
#[derive(Debug)]
pub(crate) struct StopRequest(watch::Receiver<bool>);

impl StopRequest {
    /// Creates a request that no signal makes.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Creates a request that is made after a delay.
    #[cfg(test)]
    pub(crate) fn after(delay: Duration) -> Self {
        let (request, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            request.send(true)
        });
        Self(receiver)
    }

    /// Waits until a signal arrives, or returns immediately if one has arrived. Cancel-safe.
    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|is_requested| *is_requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Passes the first signal on as a request to stop, and returns when the process must exit.
async fn until_exit(requests: &watch::Sender<bool>, mut signal: impl AsyncFnMut()) {
    signal().await;
    if requests.send(true).is_err() {
        return;
    }
    let repeats = async {
        loop {
            signal().await;
        }
    };
    let _ = timeout(REPEAT_PERIOD, repeats).await;
    // Either the time is up, or a second signal has arrived.
    let _ = timeout(STOP_LIMIT.saturating_sub(REPEAT_PERIOD), signal()).await;
}

/// The signals of the operating system.
#[cfg(unix)]
struct Received {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Received {
    /// Starts listening for the signals.
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let hang_up = if is_default_hang_up() { Some(signal(SignalKind::hangup())?) } else { None };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up,
        })
    }

    /// Waits for the next signal. Cancel-safe.
    async fn next(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }
}

/// Returns whether SIGHUP has its default action, as far as is known. Under `nohup`, it must remain ignored. Only
/// Linux shows this without `unsafe`; elsewhere, the default action ends the process.
#[cfg(unix)]
fn is_default_hang_up() -> bool {
    const SIGHUP_BIT: u64 = 1;

    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & SIGHUP_BIT == 0)
}

/// The signals of the operating system.
#[cfg(not(unix))]
struct Received;

#[cfg(not(unix))]
impl Received {
    /// Starts listening for the signals.
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next signal. Cancel-safe.
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, watch};
    use tokio::time::{Duration, Instant, sleep};

    use super::{StopRequest, until_exit};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn fault_56_without_a_command_that_waits_the_first_signal_ends_the_process() {
        let (requests, _) = watch::channel(false);
        let start = Instant::now();
        until_exit(&requests, async || sleep(SECOND).await).await;
        assert_eq!(start.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn fault_56_a_command_that_does_not_stop_is_ended_within_2_s() {
        let (requests, waiting) = watch::channel(false);
        let mut request = StopRequest(waiting);
        let (signal, mut signals) = mpsc::channel(1);
        let exit = async {
            until_exit(&requests, async || signals.recv().await.unwrap()).await;
            Instant::now()
        };
        let command = async {
            sleep(60 * SECOND).await;
            let start = Instant::now();
            signal.send(()).await.unwrap();
            request.requested().await;
            // A request is not lost if it is awaited again.
            request.requested().await;
            assert_eq!(start.elapsed(), Duration::ZERO);
            start
        };
        let (exit, start) = tokio::join!(exit, command);
        // The rest of the 2 s is for a busy machine.
        assert_eq!(exit - start, 3 * SECOND / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn fault_56_a_second_signal_ends_the_process_immediately_unless_it_repeats_the_first() {
        let (requests, waiting) = watch::channel(false);
        let _request = StopRequest(waiting);
        let start = Instant::now();
        let (signal, mut signals) = mpsc::channel(1);
        let exit = async {
            until_exit(&requests, async || signals.recv().await.unwrap()).await;
            start.elapsed()
        };
        let sender = async {
            for gap in [0, 10, 20, 270] {
                sleep(Duration::from_millis(gap)).await;
                signal.send(()).await.unwrap();
            }
        };
        assert_eq!(tokio::join!(exit, sender).0, Duration::from_millis(300));
    }
}
