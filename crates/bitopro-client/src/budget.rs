use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one API key may dial, over all of a client's streams. Clones share the count.
///
/// The exchange allows 600 requests a minute; a client that needs more than a few dials is in trouble,
/// and more of them would not help.
///
/// A third of the budget may be spent at once, and the rest comes back evenly (the generic cell rate
/// algorithm). A plain count of the last minutes would keep the promise too, but whoever had spent it
/// would stand still for minutes while the exchange is back.
#[derive(Debug, Clone)]
pub(crate) struct DialBudget(Arc<Mutex<Meter>>);

/// The right to dial, until it is dropped.
#[derive(Debug)]
pub(crate) struct DialPermit(DialBudget);

impl Drop for DialPermit {
    fn drop(&mut self) {
        self.0.with(|meter| meter.is_dialing = false);
    }
}

/// How soon to ask again while another stream of the key dials.
const BUSY: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Meter {
    /// How long it takes for one dial to come back.
    interval: Duration,
    /// How far ahead of the even rate dials may be.
    tolerance: Duration,
    spacing: Duration,
    /// When the budget will be whole again.
    whole_at: Option<Instant>,
    last: Option<Instant>,
    held_until: Option<Instant>,
    is_dialing: bool,
    /// How many dials in a row found the exchange out of reach.
    outages: u32,
}

impl DialBudget {
    /// At most this many dials in any span of this length, and this long between any two.
    pub(crate) fn new(dials: u32, span: Duration, spacing: Duration) -> Self {
        let at_once = (dials / 3).max(1);
        let interval = span / dials.saturating_sub(at_once).max(1);
        let tolerance = interval * (at_once - 1);
        let (whole_at, last, held_until) = (None, None, None);
        Self(Arc::new(Mutex::new(Meter {
            interval,
            tolerance,
            spacing,
            whole_at,
            last,
            held_until,
            is_dialing: false,
            outages: 0,
        })))
    }

    /// Counts a dial, or says when to ask again.
    ///
    /// Only one dial of a key is under way at a time: nonces must arrive in the order in which they were
    /// made, or the exchange takes the later one for a replay.
    pub(crate) fn take(&self, now: Instant) -> Result<DialPermit, Instant> {
        self.with(|meter| {
            let free = meter.free_at(now);
            if free > now {
                return Err(free);
            }
            if meter.is_dialing {
                return Err(now + meter.spacing.max(BUSY));
            }
            meter.whole_at = Some(meter.whole_at.map_or(now, |whole| whole.max(now)) + meter.interval);
            meter.last = Some(now);
            meter.is_dialing = true;
            Ok(DialPermit(self.clone()))
        })
    }

    /// When the next dial is allowed: `now`, or later.
    pub(crate) fn free_at(&self, now: Instant) -> Instant {
        self.with(|meter| meter.free_at(now))
    }

    /// Allows no dial before this moment: the server asked for patience.
    pub(crate) fn hold(&self, until: Instant) {
        self.with(|meter| meter.held_until = meter.held_until.max(Some(until)));
    }

    /// A dial found the exchange out of reach. Tells how often in a row that was before, for any stream.
    pub(crate) fn count_outage(&self) -> u32 {
        self.with(|meter| {
            let before = meter.outages;
            meter.outages = before.saturating_add(1);
            before
        })
    }

    /// A dial came through.
    pub(crate) fn end_outage(&self) {
        self.with(|meter| meter.outages = 0);
    }

    fn with<T>(&self, work: impl FnOnce(&mut Meter) -> T) -> T {
        // No code panics while it holds the lock, so a poisoned one is still sound.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Meter {
    fn free_at(&self, now: Instant) -> Instant {
        let metered = self.whole_at.and_then(|whole| whole.checked_sub(self.tolerance));
        let spaced = self.last.map(|last| last + self.spacing);
        [metered, spaced, self.held_until].into_iter().flatten().fold(now, Instant::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::test_start;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn take(budget: &DialBudget, at: Instant) -> Result<(), Instant> {
        budget.clone().take(at).map(drop)
    }

    #[test]
    fn a_third_may_be_spent_at_once_and_the_rest_comes_back_evenly() {
        let start = test_start();
        let budget = DialBudget::new(30, SECOND * 300, Duration::ZERO);
        for _ in 0..10 {
            assert_eq!(take(&budget, start), Ok(()));
        }
        assert_eq!(take(&budget, start), Err(start + SECOND * 15));
        assert_eq!(take(&budget, start + SECOND * 15), Ok(()));
        assert_eq!(take(&budget, start + SECOND * 16), Err(start + SECOND * 30));
        let rested = start + SECOND * 3_000;
        for _ in 0..10 {
            assert_eq!(take(&budget, rested), Ok(()));
        }
        assert_eq!(take(&budget, rested), Err(rested + SECOND * 15));
    }

    #[test]
    fn a_hold_keeps_every_clone_from_dialling() {
        let start = test_start();
        let budget = DialBudget::new(30, SECOND * 300, Duration::ZERO);
        budget.hold(start + SECOND * 7);
        budget.hold(start + SECOND * 3);
        assert_eq!(take(&budget, start), Err(start + SECOND * 7));
        assert_eq!(budget.free_at(start), start + SECOND * 7);
        assert_eq!(take(&budget, start + SECOND * 7), Ok(()));
    }

    #[test]
    fn one_dial_is_under_way_at_a_time() {
        let start = test_start();
        let budget = DialBudget::new(30, SECOND * 300, SECOND);
        let permit = budget.take(start).unwrap();
        assert_eq!(take(&budget, start + SECOND * 5), Err(start + SECOND * 6));
        drop(permit);
        assert_eq!(take(&budget, start + SECOND * 5), Ok(()));
    }

    proptest! {
        #[test]
        fn no_span_ever_holds_more_than_the_budget(
            dials in 1u32..40,
            waits in prop::collection::vec(0u64..5_000, 1..300),
        ) {
            let (mut now, span, spacing) = (test_start(), SECOND * 10, Duration::from_millis(100));
            let budget = DialBudget::new(dials, span, spacing);
            let mut made: Vec<Instant> = Vec::new();
            for wait in waits {
                now += Duration::from_millis(wait);
                if take(&budget, now).is_ok() {
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
        fn nobody_waits_longer_than_the_even_rate(dials in 1u32..40, tries in 1usize..100) {
            let (mut now, span) = (test_start(), SECOND * 300);
            let budget = DialBudget::new(dials, span, Duration::ZERO);
            for _ in 0..tries {
                if let Err(free) = take(&budget, now) {
                    prop_assert!(free - now <= span / dials.saturating_sub((dials / 3).max(1)).max(1));
                    now = free;
                    prop_assert!(take(&budget, now).is_ok());
                }
            }
        }
    }
}
