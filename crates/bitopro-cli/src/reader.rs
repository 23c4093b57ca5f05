//! Whoever reads standard output: `head` leaves after some lines, and a quiet account writes nothing that
//! would notice.

#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};

#[cfg(unix)]
use tokio::io::{Interest, unix::AsyncFd};

/// The other end of standard output.
#[cfg(unix)]
pub(crate) struct Reader(Option<AsyncFd<OwnedFd>>);

#[cfg(unix)]
impl Reader {
    /// Within a runtime.
    #[allow(
        deprecated,
        reason = "the successor is unsafe for the sake of descriptors that may be closed under it; this one is owned"
    )]
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout().as_fd().try_clone_to_owned();
        // A regular file cannot be waited for, and nobody is at its other end.
        Self(stdout.and_then(|stdout| AsyncFd::with_interest(stdout, Interest::ERROR)).ok())
    }

    /// Waits until nobody can read any more. Cancel-safe.
    pub(crate) async fn gone(&self) {
        if let Some(stdout) = &self.0
            && stdout.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Where pipes cannot be waited for, the next write notices.
#[cfg(not(unix))]
pub(crate) struct Reader;

#[cfg(not(unix))]
impl Reader {
    pub(crate) fn of_stdout() -> Self {
        Self
    }

    pub(crate) async fn gone(&self) {
        std::future::pending::<()>().await;
    }
}
