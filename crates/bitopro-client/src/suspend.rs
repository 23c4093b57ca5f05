use std::time::{Duration, Instant, SystemTime};

/// Detects that the machine slept: its wall clock advanced while the monotonic clock, on Linux, stood still.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuspendWatch {
    now: Instant,
    wall: SystemTime,
    /// A shorter sleep is like any other silence, and the clock may be stepped by as much.
    limit: Duration,
}

impl SuspendWatch {
    pub(crate) fn new(now: Instant, wall: SystemTime, limit: Duration) -> Self {
        Self { now, wall, limit }
    }

    /// Returns how long the machine has slept since the last check, if longer than the limit.
    pub(crate) fn slept(&self, now: Instant, wall: SystemTime) -> Option<Duration> {
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let slept = by_wall.saturating_sub(now.saturating_duration_since(self.now));
        (slept > self.limit).then_some(slept)
    }

    /// Does the same, and counts from here on.
    pub(crate) fn check(&mut self, now: Instant, wall: SystemTime) -> Option<Duration> {
        let slept = self.slept(now, wall);
        *self = Self::new(now, wall, self.limit);
        slept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::test_start;

    #[test]
    fn a_sleep_is_what_the_wall_clock_has_more_than_the_monotonic_one() {
        let (start, wall) = (test_start(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
        let seconds = Duration::from_secs;
        let mut watch = SuspendWatch::new(start, wall, seconds(30));
        assert_eq!(watch.slept(start + seconds(600), wall + seconds(630)), None);
        assert_eq!(watch.slept(start + seconds(600), wall - seconds(600)), None);
        assert_eq!(watch.check(start + seconds(1), wall + seconds(601)), Some(seconds(600)));
        assert_eq!(watch.check(start + seconds(2), wall + seconds(602)), None);
    }
}
