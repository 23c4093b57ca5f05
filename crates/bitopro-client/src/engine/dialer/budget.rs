use std::time::{Duration, Instant};

/// Limits the dials of one API key over all streams of a client.
///
/// The exchange allows 600 requests per minute. A client that dials more than a few times has a problem that
/// further dials do not solve.
///
/// Half of the budget may be spent immediately, and the rest is refilled evenly (the generic cell rate
/// algorithm). Counting the dials in a sliding window would give the same guarantee, but after an outage, a
/// client that has spent its budget would have to wait for minutes.
#[derive(Debug)]
pub(crate) struct DialBudget {
    /// Time in which one dial is refilled.
    refill: Duration,
    /// Maximum lead of the dials over the even rate.
    tolerance: Duration,
    /// Minimum time between two dials.
    spacing: Duration,
    /// The time at which the budget is full again.
    full_at: Option<Instant>,
    last_dial: Option<Instant>,
}

impl DialBudget {
    /// Creates a budget of `dials` in any period of length `span`, at least `spacing` apart.
    pub(crate) fn new(dials: u32, span: Duration, spacing: Duration) -> Self {
        let burst = (dials / 2).max(1);
        let refill = span / dials.saturating_sub(burst).max(1);
        Self { refill, tolerance: refill * (burst - 1), spacing, full_at: None, last_dial: None }
    }

    /// Returns the time at which the next dial is allowed: `now` or later. After it, `reserve` dials, but at
    /// most half of the burst, are still allowed immediately.
    pub(crate) fn free_at(&self, now: Instant, reserve: u32) -> Instant {
        let kept = self.refill.saturating_mul(reserve).min(self.tolerance / 2);
        let tolerance = self.tolerance.saturating_sub(kept);
        let budget_free_at = self.full_at.and_then(|full| full.checked_sub(tolerance));
        let spacing_ends_at = self.last_dial.map(|last| last + self.spacing);
        [budget_free_at, spacing_ends_at].into_iter().flatten().fold(now, Instant::max)
    }

    /// Returns the largest number of dials in any period of this length.
    pub(crate) fn most_in(&self, period: Duration) -> u32 {
        let most = |earlier: Duration, interval: Duration| {
            let intervals = (period + earlier).as_nanos().checked_div(interval.as_nanos());
            intervals.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX).saturating_add(1)
        };
        most(self.tolerance, self.refill).min(most(Duration::ZERO, self.spacing))
    }

    /// Counts a dial.
    pub(crate) fn spend(&mut self, now: Instant) {
        self.full_at = Some(self.full_at.map_or(now, |full| full.max(now)) + self.refill);
        self.last_dial = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::DialBudget;
    use crate::system::test_start;

    const SECOND: Duration = Duration::from_secs(1);

    /// Spends a dial if one is allowed. Otherwise, returns the time at which the next one is.
    fn try_spend(budget: &mut DialBudget, now: Instant) -> Result<(), Instant> {
        let free_at = budget.free_at(now, 0);
        if free_at > now {
            return Err(free_at);
        }
        budget.spend(now);
        Ok(())
    }

    #[test]
    fn half_of_the_budget_may_be_spent_immediately_and_the_rest_is_refilled_evenly() {
        let start = test_start();
        let mut budget = DialBudget::new(30, SECOND * 300, Duration::ZERO);
        for _ in 0..15 {
            assert_eq!(try_spend(&mut budget, start), Ok(()));
        }
        assert_eq!(try_spend(&mut budget, start), Err(start + SECOND * 20));
        assert_eq!(try_spend(&mut budget, start + SECOND * 20), Ok(()));
        assert_eq!(try_spend(&mut budget, start + SECOND * 21), Err(start + SECOND * 40));
        let later = start + SECOND * 3_000;
        for _ in 0..15 {
            assert_eq!(try_spend(&mut budget, later), Ok(()));
        }
        assert_eq!(try_spend(&mut budget, later), Err(later + SECOND * 20));
    }

    #[test]
    fn a_reserve_is_left_for_the_dials_that_follow() {
        let start = test_start();
        let mut budget = DialBudget::new(30, SECOND * 300, Duration::ZERO);
        for _ in 0..12 {
            assert_eq!(budget.free_at(start, 3), start);
            budget.spend(start);
        }
        assert_eq!(budget.free_at(start, 3), start + SECOND * 20);
        assert_eq!(budget.free_at(start, 0), start);
        assert_eq!(budget.free_at(start, 99), start + SECOND * 100, "when half of the burst is refilled");
    }

    proptest! {
        #[test]
        fn no_period_contains_more_dials_than_the_budget(
            dials in 1u32..40,
            waits in prop::collection::vec(0u64..5_000, 1..300),
        ) {
            let (mut now, span, spacing) = (test_start(), SECOND * 10, Duration::from_millis(100));
            let mut budget = DialBudget::new(dials, span, spacing);
            let mut spent_at: Vec<Instant> = Vec::new();
            for wait in waits {
                now += Duration::from_millis(wait);
                if try_spend(&mut budget, now).is_ok() {
                    spent_at.push(now);
                }
            }
            for window in spent_at.windows(usize::try_from(dials).unwrap() + 1) {
                let elapsed = *window.last().unwrap() - window[0];
                prop_assert!(elapsed + Duration::from_millis(1) >= span);
            }
            for period in [SECOND, SECOND * 7] {
                let most = usize::try_from(budget.most_in(period)).unwrap();
                for window in spent_at.windows(most + 1) {
                    prop_assert!(*window.last().unwrap() - window[0] > period);
                }
            }
            for pair in spent_at.windows(2) {
                prop_assert!(pair[1] - pair[0] >= spacing);
            }
        }

        #[test]
        fn no_wait_is_longer_than_the_refill_of_one_dial(dials in 1u32..40, tries in 1usize..100) {
            let (mut now, span) = (test_start(), SECOND * 300);
            let mut budget = DialBudget::new(dials, span, Duration::ZERO);
            for _ in 0..tries {
                if let Err(free_at) = try_spend(&mut budget, now) {
                    prop_assert!(free_at - now <= span / dials.saturating_sub((dials / 2).max(1)).max(1));
                    now = free_at;
                    prop_assert!(try_spend(&mut budget, now).is_ok());
                }
            }
        }
    }
}
