use std::time::{Duration, Instant};

/// Limits how often one API key may dial, over all streams of a client.
///
/// The exchange allows 600 requests a minute; a client that needs more than a few dials is in trouble, and more
/// dials would not help.
///
/// Half of the budget may be spent immediately, and the rest is refilled evenly (the generic cell rate algorithm).
/// Counting the dials of the last minutes would keep the same promise, but a client that had spent its budget would
/// then wait for minutes although the exchange is back.
#[derive(Debug)]
pub(crate) struct DialBudget {
    /// The time in which one dial is refilled.
    refill: Duration,
    /// Largest lead of the dials over the even rate.
    tolerance: Duration,
    spacing: Duration,
    /// When the budget will be full again.
    full_at: Option<Instant>,
    last: Option<Instant>,
}

impl DialBudget {
    /// Creates a budget of this number of dials in any span of this length, with this spacing between two dials.
    pub(crate) fn new(dials: u32, span: Duration, spacing: Duration) -> Self {
        let burst = (dials / 2).max(1);
        let refill = span / dials.saturating_sub(burst).max(1);
        Self { refill, tolerance: refill * (burst - 1), spacing, full_at: None, last: None }
    }

    /// Returns when the next dial is allowed: `now`, or later.
    pub(crate) fn free_at(&self, now: Instant) -> Instant {
        let metered = self.full_at.and_then(|full| full.checked_sub(self.tolerance));
        let spaced = self.last.map(|last| last + self.spacing);
        [metered, spaced].into_iter().flatten().fold(now, Instant::max)
    }

    /// Counts a dial.
    pub(crate) fn spend(&mut self, now: Instant) {
        self.full_at = Some(self.full_at.map_or(now, |full| full.max(now)) + self.refill);
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::DialBudget;
    use crate::system::test_start;

    const SECOND: Duration = Duration::from_secs(1);

    /// Spends a dial if one is allowed, or returns when the next one is.
    fn take(budget: &mut DialBudget, now: Instant) -> Result<(), Instant> {
        let free = budget.free_at(now);
        if free > now {
            return Err(free);
        }
        budget.spend(now);
        Ok(())
    }

    #[test]
    fn half_may_be_spent_immediately_and_the_rest_is_refilled_evenly() {
        let start = test_start();
        let mut budget = DialBudget::new(30, SECOND * 300, Duration::ZERO);
        for _ in 0..15 {
            assert_eq!(take(&mut budget, start), Ok(()));
        }
        assert_eq!(take(&mut budget, start), Err(start + SECOND * 20));
        assert_eq!(take(&mut budget, start + SECOND * 20), Ok(()));
        assert_eq!(take(&mut budget, start + SECOND * 21), Err(start + SECOND * 40));
        let rested = start + SECOND * 3_000;
        for _ in 0..15 {
            assert_eq!(take(&mut budget, rested), Ok(()));
        }
        assert_eq!(take(&mut budget, rested), Err(rested + SECOND * 20));
    }

    proptest! {
        #[test]
        fn no_span_ever_holds_more_than_the_budget(
            dials in 1u32..40,
            waits in prop::collection::vec(0u64..5_000, 1..300),
        ) {
            let (mut now, span, spacing) = (test_start(), SECOND * 10, Duration::from_millis(100));
            let mut budget = DialBudget::new(dials, span, spacing);
            let mut made: Vec<Instant> = Vec::new();
            for wait in waits {
                now += Duration::from_millis(wait);
                if take(&mut budget, now).is_ok() {
                    made.push(now);
                }
            }
            for window in made.windows(usize::try_from(dials).unwrap() + 1) {
                let apart = *window.last().unwrap() - window[0];
                prop_assert!(apart + Duration::from_millis(1) >= span);
            }
            for pair in made.windows(2) {
                prop_assert!(pair[1] - pair[0] >= spacing);
            }
        }

        #[test]
        fn no_wait_is_longer_than_the_even_rate(dials in 1u32..40, tries in 1usize..100) {
            let (mut now, span) = (test_start(), SECOND * 300);
            let mut budget = DialBudget::new(dials, span, Duration::ZERO);
            for _ in 0..tries {
                if let Err(free) = take(&mut budget, now) {
                    prop_assert!(free - now <= span / dials.saturating_sub((dials / 2).max(1)).max(1));
                    now = free;
                    prop_assert!(take(&mut budget, now).is_ok());
                }
            }
        }
    }
}
