use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one API key may dial, over all of its streams. Clones share the count.
///
/// The exchange allows 600 requests a minute; a client that needs more than a few dials is in trouble,
/// and more of them would not help.
#[derive(Debug, Clone)]
pub(crate) struct DialBudget(Arc<Mutex<Window>>);

/// The right to dial, until it is dropped.
#[derive(Debug)]
pub(crate) struct DialPermit(DialBudget);

impl Drop for DialPermit {
    fn drop(&mut self) {
        self.0.with(|window| window.is_dialing = false);
    }
}

/// How soon to ask again while another stream of the key dials.
const BUSY: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Window {
    is_dialing: bool,
    dials: usize,
    span: Duration,
    spacing: Duration,
    recent: VecDeque<Instant>,
    held_until: Option<Instant>,
}

impl DialBudget {
    /// At most this many dials in any span of this length, and this long between any two.
    pub(crate) fn new(dials: usize, span: Duration, spacing: Duration) -> Self {
        Self(Arc::new(Mutex::new(Window {
            is_dialing: false,
            dials,
            span,
            spacing,
            recent: VecDeque::new(),
            held_until: None,
        })))
    }

    /// Counts a dial, or says when to ask again.
    ///
    /// Only one dial of a key is under way at a time: nonces must arrive in the order in which they were
    /// made, or the exchange takes the later one for a replay.
    pub(crate) fn take(&self, now: Instant) -> Result<DialPermit, Instant> {
        self.with(|window| {
            let free = window.free_at(now);
            if free > now {
                return Err(free);
            }
            if window.is_dialing {
                return Err(now + window.spacing.max(BUSY));
            }
            window.recent.push_back(now);
            window.is_dialing = true;
            Ok(DialPermit(self.clone()))
        })
    }

    /// When the next dial is allowed: `now`, or later.
    pub(crate) fn free_at(&self, now: Instant) -> Instant {
        self.with(|window| window.free_at(now))
    }

    /// Allows no dial before this moment: the server asked for patience.
    pub(crate) fn hold(&self, until: Instant) {
        self.with(|window| window.held_until = window.held_until.max(Some(until)));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Window) -> T) -> T {
        // No code panics while it holds the lock, so a poisoned one is still sound.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Window {
    fn free_at(&mut self, now: Instant) -> Instant {
        while self.recent.front().is_some_and(|dial| *dial + self.span <= now) {
            self.recent.pop_front();
        }
        let crowded = self.recent.len().checked_sub(self.dials).and_then(|excess| self.recent.get(excess));
        let free = crowded.map_or(now, |dial| *dial + self.span);
        let spaced = self.recent.back().map_or(now, |dial| *dial + self.spacing);
        free.max(spaced).max(self.held_until.unwrap_or(now)).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::test_start;
    use proptest::prelude::*;

    #[test]
    fn the_dial_over_the_budget_waits_for_the_oldest_to_age() {
        let (start, second) = (test_start(), Duration::from_secs(1));
        let budget = DialBudget::new(2, second * 10, Duration::ZERO);
        let take = |at: Instant| budget.clone().take(at).map(drop);
        assert_eq!(take(start), Ok(()));
        assert_eq!(take(start + second), Ok(()));
        assert_eq!(take(start + second * 2), Err(start + second * 10));
        assert_eq!(take(start + second * 10), Ok(()));
        assert_eq!(take(start + second * 10), Err(start + second * 11));
    }

    #[test]
    fn one_dial_is_under_way_at_a_time() {
        let (start, second) = (test_start(), Duration::from_secs(1));
        let budget = DialBudget::new(30, second * 300, second);
        let permit = budget.take(start).unwrap();
        assert_eq!(budget.clone().take(start + second * 5).map(drop), Err(start + second * 6));
        drop(permit);
        assert_eq!(budget.take(start + second * 5).map(drop), Ok(()));
    }

    #[test]
    fn a_hold_keeps_every_clone_from_dialling() {
        let (start, second) = (test_start(), Duration::from_secs(1));
        let budget = DialBudget::new(30, second * 300, Duration::ZERO);
        budget.hold(start + second * 7);
        budget.hold(start + second * 3);
        assert_eq!(budget.clone().take(start).map(drop), Err(start + second * 7));
        assert_eq!(budget.take(start + second * 7).map(drop), Ok(()));
    }

    proptest! {
        #[test]
        fn no_span_ever_holds_more_than_the_budget(waits in prop::collection::vec(0u64..5_000, 1..200)) {
            let (mut now, span) = (test_start(), Duration::from_secs(10));
            let budget = DialBudget::new(5, span, Duration::from_millis(100));
            let mut dials: Vec<Instant> = Vec::new();
            for wait in waits {
                now += Duration::from_millis(wait);
                if budget.take(now).is_ok() {
                    dials.push(now);
                }
            }
            for window in dials.windows(6) {
                prop_assert!(window[5] - window[0] >= span);
            }
            for pair in dials.windows(2) {
                prop_assert!(pair[1] - pair[0] >= Duration::from_millis(100));
            }
        }
    }
}
