//! Detects that the reader of standard output has closed the pipe, as `head` does after some lines.
//!
//! A write would detect it too, but nothing is written while the account does not change.

#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};

#[cfg(unix)]
use tokio::io::{Interest, unix::AsyncFd};

/// Standard output, if it is a pipe.
#[cfg(unix)]
pub(crate) struct StdoutPipe(Option<AsyncFd<OwnedFd>>);

#[cfg(unix)]
impl StdoutPipe {
    /// Starts watching standard output. Must be called within a runtime.
    #[allow(
        deprecated,
        reason = "the replacement is unsafe because a borrowed descriptor may be closed; this one is owned"
    )]
    pub(crate) fn new() -> Self {
        let stdout = std::io::stdout().as_fd().try_clone_to_owned();
        // A regular file has no reader and does not support readiness.
        Self(stdout.and_then(|stdout| AsyncFd::with_interest(stdout, Interest::ERROR)).ok())
    }

    /// Waits until the reader closes the pipe. Cancel-safe.
    pub(crate) async fn closed(&self) {
        if let Some(stdout) = &self.0
            && stdout.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// On other platforms, only the next write detects that the pipe is closed.
#[cfg(not(unix))]
pub(crate) struct StdoutPipe;

#[cfg(not(unix))]
impl StdoutPipe {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) async fn closed(&self) {
        std::future::pending::<()>().await;
    }
}
