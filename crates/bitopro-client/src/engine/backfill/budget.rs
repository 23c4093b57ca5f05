use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bitopro_rest::{List, TradingPair};

/// The period of the budget.
const PERIOD: Duration = Duration::from_secs(60);
/// Time after which the list of all pairs is read again.
const PAIRS_MAX_AGE: Duration = Duration::from_secs(3_600);

/// The budget of requests and the list of all pairs, which the backfills of all subscribers share.
#[derive(Debug, Default)]
pub(in crate::engine) struct Shared {
    /// The times of the requests of the last minute.
    requests: VecDeque<Instant>,
    pairs: Option<(Instant, List<TradingPair>)>,
}

impl Shared {
    /// Returns the time from which a request is allowed.
    pub(super) fn allowed_from(&self, budget: u32) -> Option<Instant> {
        let excess = self.requests.len().checked_sub(usize::try_from(budget).unwrap_or(usize::MAX))?;
        self.requests.get(excess).map(|oldest| *oldest + PERIOD)
    }

    /// Counts a request.
    pub(in crate::engine) fn record_request(&mut self, now: Instant) {
        while self.requests.front().is_some_and(|oldest| *oldest + PERIOD <= now) {
            self.requests.pop_front();
        }
        self.requests.push_back(now);
    }

    pub(super) fn set_pairs(&mut self, pairs: List<TradingPair>, now: Instant) {
        self.pairs = Some((now, pairs));
    }

    /// Returns all pairs, unless they have to be read first.
    pub(super) fn pairs(&self, now: Instant) -> Option<&List<TradingPair>> {
        self.pairs
            .as_ref()
            .filter(|(at, _)| now.saturating_duration_since(*at) < PAIRS_MAX_AGE)
            .map(|(_, pairs)| pairs)
    }
}
