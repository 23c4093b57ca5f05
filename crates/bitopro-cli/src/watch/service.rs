//! Reports to systemd that the service is ready and alive (`Type=notify`, `WatchdogSec=`).
//!
//! Without a service manager, which sets `NOTIFY_SOCKET`, nothing here has an effect.

use std::convert::Infallible;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::interval;

/// A change of the state of the service.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// Every stream has delivered its first data, or has ended.
    Ready,
    Stopping,
    /// This thread is alive.
    Alive,
}

/// Reports that this thread is alive, twice in each watchdog interval of the unit.
///
/// An outage of the exchange does not stop it, because a restart would not end the outage.
pub(super) async fn keep_alive() -> Infallible {
    let Some(limit) = watchdog_interval() else { return std::future::pending().await };
    let mut timer = interval(limit / 2);
    loop {
        timer.tick().await;
        // Fails only if the runtime shuts down.
        let _ = notify(Change::Alive).await;
    }
}

/// Reports a change from another thread, because a service manager that does not read its socket blocks the sender.
pub(super) fn notify(change: Change) -> JoinHandle<()> {
    spawn_blocking(move || send(change))
}

#[cfg(unix)]
fn send(change: Change) {
    use sd_notify::NotifyState;

    let state = match change {
        Change::Ready => NotifyState::Ready,
        Change::Stopping => NotifyState::Stopping,
        Change::Alive => NotifyState::Watchdog,
    };
    // A service manager that has gone away must not stop the command.
    let _ = sd_notify::notify(&[state]);
}

#[cfg(unix)]
fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())
}

#[cfg(not(unix))]
fn send(_: Change) {}

#[cfg(not(unix))]
fn watchdog_interval() -> Option<Duration> {
    None
}
