use std::time::{Duration, Instant, SystemTime};

/// Detects that the machine slept: the wall clock advanced, but the monotonic clock, which Linux stops during
/// a suspend, did not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuspendDetector {
    now: Instant,
    wall: SystemTime,
    /// Time slept since the last frame.
    slept: Duration,
    /// The longest sleep, including silence, after which a connection is still trusted. Setting the wall
    /// clock forward by less has no effect.
    limit: Duration,
}

/// The largest difference between the clocks that is ignored.
const CLOCK_NOISE: Duration = Duration::from_secs(1);

/// The upper bound of `limit`, for any idle limit.
const MAX_LIMIT: Duration = Duration::from_secs(30);

impl SuspendDetector {
    pub(crate) fn new(now: Instant, wall: SystemTime, idle_limit: Duration) -> Self {
        Self { now, wall, slept: Duration::ZERO, limit: idle_limit.min(MAX_LIMIT) }
    }

    /// Returns the time slept since the last call of [`advance`](Self::advance).
    pub(crate) fn slept_since_advance(&self, now: Instant, wall: SystemTime) -> Duration {
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let slept = by_wall.saturating_sub(now.saturating_duration_since(self.now));
        if slept > CLOCK_NOISE { slept } else { Duration::ZERO }
    }

    /// Records the current time. Returns the time slept since the previous call.
    pub(crate) fn advance(&mut self, now: Instant, wall: SystemTime) -> Duration {
        if (now, wall) == (self.now, self.wall) {
            return Duration::ZERO;
        }
        let slept = self.slept_since_advance(now, wall);
        (self.now, self.wall) = (now, wall);
        self.slept += slept;
        slept
    }

    /// Returns the time slept since the last frame, if that plus the time awake since then exceeds the limit.
    pub(crate) fn excessive_sleep(&self, last_frame: Instant) -> Option<Duration> {
        let is_excessive = || self.slept + self.now.saturating_duration_since(last_frame) > self.limit;
        (!self.slept.is_zero() && is_excessive()).then_some(self.slept)
    }

    /// Returns whether a sleep is too long to trust the state from before it.
    pub(crate) fn is_too_long(&self, slept: Duration) -> bool {
        slept > self.limit
    }

    /// Records that a frame arrived.
    pub(crate) fn record_frame(&mut self) {
        self.slept = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::SuspendDetector;
    use crate::system::test_start;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sleep_is_the_lead_of_the_wall_clock_over_the_monotonic_clock() {
        let (earlier, wall) = (test_start(), SystemTime::UNIX_EPOCH + SECOND * 1_000_000);
        let start = earlier + SECOND * 100;
        let mut detector = SuspendDetector::new(start, wall, SECOND * 30);
        assert_eq!(detector.slept_since_advance(start + SECOND * 600, wall + SECOND * 601), Duration::ZERO);
        assert_eq!(detector.slept_since_advance(start + SECOND * 600, wall - SECOND * 600), Duration::ZERO);
        assert_eq!(detector.advance(start + SECOND, wall + SECOND * 26), SECOND * 25);
        assert_eq!(
            (detector.excessive_sleep(start), detector.excessive_sleep(earlier + SECOND * 95)),
            (None, Some(SECOND * 25))
        );
        assert_eq!(detector.advance(start + SECOND * 2, wall + SECOND * 52), SECOND * 25);
        assert_eq!(detector.excessive_sleep(start + SECOND * 2), Some(SECOND * 50), "sleeps add up");
        detector.record_frame();
        assert_eq!(detector.excessive_sleep(earlier + SECOND * 2), None);
        let with_long_idle_limit = SuspendDetector::new(start, wall, SECOND * 600);
        assert!(
            with_long_idle_limit.is_too_long(SECOND * 31) && !with_long_idle_limit.is_too_long(SECOND * 30)
        );
    }
}
