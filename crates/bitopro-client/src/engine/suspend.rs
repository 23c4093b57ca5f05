use std::time::{Duration, Instant, SystemTime};

/// Detects that the machine slept: its wall clock advanced while the monotonic clock, on Linux, stood still.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuspendWatch {
    now: Instant,
    wall: SystemTime,
    /// Time slept since the last frame.
    slept: Duration,
    /// A shorter sleep is like any other silence, and the wall clock may be set by as much.
    limit: Duration,
}

/// A difference between the clocks that means nothing.
const NOISE: Duration = Duration::from_secs(1);

/// Longest sleep after which a connection is trusted, whatever the idle limit is.
const LONGEST_TRUSTED: Duration = Duration::from_secs(30);

impl SuspendWatch {
    pub(crate) fn new(now: Instant, wall: SystemTime, idle_limit: Duration) -> Self {
        Self { now, wall, slept: Duration::ZERO, limit: idle_limit.min(LONGEST_TRUSTED) }
    }

    /// Returns how long the machine has slept since the last look.
    pub(crate) fn since(&self, now: Instant, wall: SystemTime) -> Duration {
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let slept = by_wall.saturating_sub(now.saturating_duration_since(self.now));
        if slept > NOISE { slept } else { Duration::ZERO }
    }

    /// Looks at the clocks, and returns how long the machine has slept since the last look.
    pub(crate) fn advance(&mut self, now: Instant, wall: SystemTime) -> Duration {
        let slept = self.since(now, wall);
        (self.now, self.wall) = (now, wall);
        self.slept += slept;
        slept
    }

    /// Returns the time slept since the last frame, if it and the time awake since then are too long together.
    pub(crate) fn slept(&self, awake: Duration) -> Option<Duration> {
        (!self.slept.is_zero() && self.slept + awake > self.limit).then_some(self.slept)
    }

    /// Returns whether a sleep is too long to trust what was heard before it.
    pub(crate) fn is_too_long(&self, slept: Duration) -> bool {
        slept > self.limit
    }

    /// Records that a frame arrived.
    pub(crate) fn forget(&mut self) {
        self.slept = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::SuspendWatch;
    use crate::system::test_start;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sleep_is_what_the_wall_clock_has_more_than_the_monotonic_one() {
        let (start, wall) = (test_start(), SystemTime::UNIX_EPOCH + SECOND * 1_000_000);
        let mut watch = SuspendWatch::new(start, wall, SECOND * 30);
        assert_eq!(watch.since(start + SECOND * 600, wall + SECOND * 601), Duration::ZERO);
        assert_eq!(watch.since(start + SECOND * 600, wall - SECOND * 600), Duration::ZERO);
        assert_eq!(watch.advance(start + SECOND, wall + SECOND * 26), SECOND * 25);
        assert_eq!((watch.slept(SECOND), watch.slept(SECOND * 6)), (None, Some(SECOND * 25)));
        assert_eq!(watch.advance(start + SECOND * 2, wall + SECOND * 52), SECOND * 25);
        assert_eq!(watch.slept(Duration::ZERO), Some(SECOND * 50), "sleeps add up");
        watch.forget();
        assert_eq!(watch.slept(SECOND * 100), None);
        let patient = SuspendWatch::new(start, wall, SECOND * 600);
        assert!(patient.is_too_long(SECOND * 31) && !patient.is_too_long(SECOND * 30));
    }
}
