use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Checks the dials of a client with default settings, over all of its streams.
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
    /// A tolerance, since the budget refills in fractions of a nanosecond.
    const ROUNDING: Duration = Duration::from_micros(1);

    /// Asserts that a dial has the highest nonce so far and respects the budget and the spacing.
    pub(crate) fn apply(&mut self, nonce: u64, at: Instant) {
        assert!(self.last_nonce.is_none_or(|last| last < nonce), "nonce {nonce} is not above the last one");
        self.last_nonce = Some(nonce);

        let is_spaced = self.recent.back().is_none_or(|last| *last + Self::SPACING <= at);
        assert!(is_spaced, "the dial with nonce {nonce} follows the last one too soon");
        self.recent.push_back(at);
        if self.recent.len() > Self::BUDGET as usize {
            let first = self.recent.pop_front();
            let is_within_budget = first.is_none_or(|first| first + Self::SPAN <= at + Self::ROUNDING);
            assert!(is_within_budget, "the dial with nonce {nonce} exceeds the budget");
        }
    }
}
