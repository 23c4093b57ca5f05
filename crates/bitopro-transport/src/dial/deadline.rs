use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::{Error, ErrorKind};

/// The deadline that all steps of a dial or an exchange share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    /// The duration until the deadline, for messages.
    duration: Duration,
}

impl Deadline {
    /// Replaces a duration that overflows the clock.
    const MAX: Duration = Duration::from_secs(86_400);

    /// Creates a deadline that passes after this duration.
    pub(crate) fn after(duration: Duration) -> Self {
        let now = Instant::now();
        Self { at: now.checked_add(duration).unwrap_or(now + Self::MAX), duration }
    }

    pub(crate) fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Returns the output of `work`, or `None` if the deadline passes first.
    pub(crate) async fn timeout<T>(self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.at, work).await.ok()
    }

    /// Returns the error of a deadline that has passed. `missing` completes the message "… within 10 s".
    pub(crate) fn passed(self, missing: &str) -> Error {
        let seconds = self.duration.as_secs_f64();
        Error::new(ErrorKind::TimedOut, format!("{missing} within {seconds} s"))
    }

    /// Runs one step, and fails with [`ErrorKind::TimedOut`] when the deadline passes.
    ///
    /// `missing` completes the message "… within 10 s", such as "no response to the upgrade request".
    pub(crate) async fn within<T>(
        self,
        missing: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let late = || self.passed(missing);
        match self.timeout(work).await {
            // A step may have its own timer for the same moment. Its error, too, means that the deadline has
            // passed.
            Some(Err(_)) if self.remaining().is_zero() => Err(late()),
            Some(done) => done,
            None => Err(late()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadline, Duration, Error, ErrorKind, Instant};
    use std::future::{pending, ready};
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed() -> Result<(), Error> {
        Err(Error::new(ErrorKind::Connect, "connection refused"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_pending_step_fails_at_the_deadline() {
        let began = Instant::now();
        let deadline = Deadline::after(3 * SECOND);
        sleep(SECOND).await;
        assert_eq!(deadline.remaining(), 2 * SECOND);
        let error = deadline.within("no connection", pending::<Result<(), Error>>()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "no connection within 3 s");
        assert_eq!(began.elapsed(), 3 * SECOND);
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_finishes_in_time_returns_its_own_result() {
        let deadline = Deadline::after(SECOND);
        assert_eq!(deadline.within("no connection", ready(Ok(7))).await.unwrap(), 7);
        let error = deadline.within("no connection", ready(failed())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_fails_when_the_deadline_passes_has_timed_out() {
        let deadline = Deadline::after(SECOND / 20);
        let work = async {
            sleep(SECOND / 20).await;
            failed()
        };
        let error = deadline.within("no connection", work).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(format!("{error:#}"), "no connection within 0.05 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_overflows_the_clock_is_capped() {
        assert_eq!(Deadline::after(Duration::MAX).remaining(), Deadline::MAX);
    }
}
