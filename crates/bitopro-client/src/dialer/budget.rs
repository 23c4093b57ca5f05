use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Error;

/// How often one API key may dial, over all of a client's streams. Clones share the count.
///
/// The exchange allows 600 requests a minute; a client that needs more than a few dials is in trouble,
/// and more of them would not help.
///
/// Half of the budget may be spent at once, and the rest comes back evenly (the generic cell rate
/// algorithm). A plain count of the last minutes would keep the promise too, but whoever had spent it
/// would stand still for minutes while the exchange is back.
#[derive(Debug, Clone)]
pub(crate) struct DialBudget(Arc<Mutex<Meter>>);

/// The right to dial, until it is dropped or its time is over.
#[derive(Debug)]
pub(crate) struct DialPermit {
    budget: DialBudget,
    until: Instant,
}

impl Drop for DialPermit {
    fn drop(&mut self) {
        self.budget.with(|meter| {
            if meter.dialing_until == Some(self.until) {
                meter.dialing_until = None;
            }
        });
    }
}

/// Stands for an open connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Online(DialBudget);

impl Drop for Online {
    fn drop(&mut self) {
        self.0.with(|meter| meter.online = meter.online.saturating_sub(1));
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
    /// Until when a dial is under way at most: a session that nobody drives on must not block the others.
    dialing_until: Option<Instant>,
    /// How many connections are open.
    online: usize,
    /// How many dials in a row found the exchange out of reach.
    outages: u32,
    /// How many dials in a row were refused for the key's sake.
    key_refusals: u32,
    /// The last of them, once there were enough.
    key_refused: Option<Error>,
}

impl DialBudget {
    /// At most this many dials in any span of this length, and this long between any two.
    pub(crate) fn new(dials: u32, span: Duration, spacing: Duration) -> Self {
        let at_once = (dials / 2).max(1);
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
            dialing_until: None,
            online: 0,
            outages: 0,
            key_refusals: 0,
            key_refused: None,
        })))
    }

    /// Counts a dial that takes so long at most, or says when to ask again.
    ///
    /// Only one dial of a key is under way at a time: nonces must arrive in the order in which they were
    /// made, or the exchange takes the later one for a replay.
    pub(crate) fn take(&self, now: Instant, at_most: Duration) -> Result<DialPermit, Instant> {
        self.with(|meter| {
            let free = meter.free_at(now);
            if free > now {
                return Err(free);
            }
            if meter.dialing_until.is_some_and(|until| until > now) {
                return Err(now + meter.spacing.max(BUSY));
            }
            meter.whole_at = Some(meter.whole_at.map_or(now, |whole| whole.max(now)) + meter.interval);
            meter.last = Some(now);
            let until = now + at_most;
            meter.dialing_until = Some(until);
            Ok(DialPermit { budget: self.clone(), until })
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

    /// A dial found the exchange out of reach. Tells how often in a row that was before, for any stream; or
    /// nothing while another stream is connected, since then it is within reach.
    pub(crate) fn count_outage(&self) -> Option<u32> {
        self.with(|meter| {
            let before = meter.outages;
            meter.outages = before.saturating_add(1);
            (meter.online == 0).then_some(before)
        })
    }

    /// The exchange does not accept the key, which all streams dial with: this often in a row is final for all of
    /// them. Tells whether it is.
    pub(crate) fn refuse_key(&self, error: &Error, enough: u32) -> bool {
        self.with(|meter| {
            meter.key_refusals = meter.key_refusals.saturating_add(1);
            if meter.key_refusals >= enough {
                meter.key_refused = Some(error.clone());
            }
            meter.key_refused.is_some()
        })
    }

    /// Why no stream dials any more, if it is so.
    pub(crate) fn key_refused(&self) -> Option<Error> {
        self.with(|meter| meter.key_refused.clone())
    }

    /// Somebody subscribes anew, and so wants a key that was refused to be tried again.
    pub(crate) fn forgive_key(&self) {
        self.with(|meter| {
            if meter.key_refused.take().is_some() {
                meter.key_refusals = 0;
            }
        });
    }

    /// A dial came through, and its connection is open while this is kept.
    pub(crate) fn connect(&self) -> Online {
        self.with(|meter| {
            meter.outages = 0;
            meter.key_refusals = 0;
            meter.online += 1;
        });
        Online(self.clone())
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
        budget.clone().take(at, SECOND * 11).map(drop)
    }

    #[test]
    fn half_may_be_spent_at_once_and_the_rest_comes_back_evenly() {
        let start = test_start();
        let budget = DialBudget::new(30, SECOND * 300, Duration::ZERO);
        for _ in 0..15 {
            assert_eq!(take(&budget, start), Ok(()));
        }
        assert_eq!(take(&budget, start), Err(start + SECOND * 20));
        assert_eq!(take(&budget, start + SECOND * 20), Ok(()));
        assert_eq!(take(&budget, start + SECOND * 21), Err(start + SECOND * 40));
        let rested = start + SECOND * 3_000;
        for _ in 0..15 {
            assert_eq!(take(&budget, rested), Ok(()));
        }
        assert_eq!(take(&budget, rested), Err(rested + SECOND * 20));
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
        let permit = budget.take(start, SECOND * 11).unwrap();
        assert_eq!(take(&budget, start + SECOND * 5), Err(start + SECOND * 6));
        drop(permit);
        assert_eq!(take(&budget, start + SECOND * 5), Ok(()));
    }

    #[test]
    fn a_dial_that_is_never_ended_blocks_nobody_for_longer_than_it_may_take() {
        let start = test_start();
        let budget = DialBudget::new(30, SECOND * 300, SECOND);
        let forgotten = budget.take(start, SECOND * 11).unwrap();
        assert!(take(&budget, start + SECOND * 10).is_err());
        let next = budget.take(start + SECOND * 11, SECOND * 11).unwrap();
        drop(forgotten);
        assert!(take(&budget, start + SECOND * 13).is_err(), "the next one is still under way");
        drop(next);
        assert_eq!(take(&budget, start + SECOND * 13), Ok(()));
    }

    #[test]
    fn while_a_stream_is_connected_there_is_no_outage() {
        let budget = DialBudget::new(30, SECOND * 300, SECOND);
        assert_eq!((budget.count_outage(), budget.count_outage()), (Some(0), Some(1)));
        let online = (budget.connect(), budget.connect());
        assert_eq!(budget.count_outage(), None);
        drop(online);
        assert_eq!(budget.count_outage(), Some(1));
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
                    prop_assert!(free - now <= span / dials.saturating_sub((dials / 2).max(1)).max(1));
                    now = free;
                    prop_assert!(take(&budget, now).is_ok());
                }
            }
        }
    }
}
