use std::time::{Duration, Instant};

use bitopro_model::Timestamp;

/// Consecutive refusals of one kind, without a success between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Streak {
    pub(crate) first: Instant,
    /// When the first one arrived, by the exchange's clock.
    pub(crate) since: Timestamp,
    pub(crate) count: u32,
}

impl Streak {
    /// Counts one more refusal.
    pub(crate) fn extend(streak: &mut Option<Self>, now: Instant, at: Timestamp) -> Self {
        let known = streak.get_or_insert(Self { first: now, since: at, count: 0 });
        known.count = known.count.saturating_add(1);
        *known
    }

    /// Returns whether the first refusal is at least this old.
    pub(crate) fn has_lasted(&self, now: Instant, span: Duration) -> bool {
        now.saturating_duration_since(self.first) >= span
    }
}
