use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The dials of all streams of a client with the default settings.
#[derive(Default)]
pub(crate) struct Dials {
    last_nonce: Option<u64>,
    recent: VecDeque<Instant>,
}

impl Dials {
    /// The default budget: at most this many dials in [`SPAN`](Self::SPAN).
    pub(crate) const BUDGET: u32 = 30;
    pub(crate) const SPAN: Duration = Duration::from_secs(300);
    const SPACING: Duration = Duration::from_millis(100);
    /// The budget refills in fractions of a nanosecond.
    const ROUNDING: Duration = Duration::from_micros(1);

    /// Counts a dial: its nonce is the highest so far, and it keeps to the budget and the spacing.
    pub(crate) fn count(&mut self, nonce: u64, at: Instant) {
        assert!(self.last_nonce.is_none_or(|last| last < nonce), "nonce {nonce} does not grow");
        self.last_nonce = Some(nonce);

        let is_spaced = self.recent.back().is_none_or(|last| *last + Self::SPACING <= at);
        assert!(is_spaced, "two dials at the same time, the later one with nonce {nonce}");
        self.recent.push_back(at);
        if self.recent.len() > Self::BUDGET as usize {
            let first = self.recent.pop_front();
            let is_within_budget = first.is_none_or(|first| first + Self::SPAN <= at + Self::ROUNDING);
            assert!(is_within_budget, "more dials than the budget, with nonce {nonce}");
        }
    }
}
