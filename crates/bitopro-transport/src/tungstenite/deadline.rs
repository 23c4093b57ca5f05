use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::{Error, ErrorKind};

/// Until when a dial may take: one deadline over all of its steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// What stands for a deadline that no clock can show.
    const FAR: Duration = Duration::from_secs(86_400);

    /// A deadline this far from now.
    pub(super) fn after(duration: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(duration).unwrap_or(now + Self::FAR))
    }

    /// How long there is still.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// What `work` gives in time, or nothing.
    pub(super) async fn cut<T>(self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.0, work).await.ok()
    }

    /// One step of a dial. `doing` completes "the dial's deadline passed while …".
    pub(super) async fn within<T>(
        self,
        doing: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let late = || Error::new(ErrorKind::TimedOut, format!("the dial's deadline passed while {doing}"));
        match self.cut(work).await {
            // A step may have a timer of its own for the same moment: whichever is first, this is what it means.
            Some(Err(error)) if self.left().is_zero() => Err(late().with_source(error)),
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
        Err(Error::new(ErrorKind::Connect, "nobody there"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_is_never_done_ends_at_the_deadline() {
        let began = Instant::now();
        let deadline = Deadline::after(3 * SECOND);
        sleep(SECOND).await;
        assert_eq!(deadline.left(), 2 * SECOND);
        let error = deadline.within("knocking", pending::<Result<(), Error>>()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "the dial's deadline passed while knocking");
        assert_eq!(began.elapsed(), 3 * SECOND);
        assert_eq!(deadline.left(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_is_done_in_time_gives_what_it_gave() {
        let deadline = Deadline::after(SECOND);
        assert_eq!(deadline.within("knocking", ready(Ok(7))).await.unwrap(), 7);
        let error = deadline.within("knocking", ready(failed())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_fails_as_the_deadline_passes_is_late() {
        let deadline = Deadline::after(SECOND);
        let work = async {
            sleep(SECOND).await;
            failed()
        };
        let error = deadline.within("knocking", work).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(std::error::Error::source(&error).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_beyond_all_clocks_is_far() {
        assert_eq!(Deadline::after(Duration::MAX).left(), Deadline::FAR);
    }
}
