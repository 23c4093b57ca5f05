use std::time::{Duration, Instant};

use bitopro_model::Timestamp;

/// Consecutive refusals of one kind, without a success between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusalStreak {
    /// The time of the first refusal, according to the monotonic clock.
    pub(crate) first_at: Instant,
    /// The time of the first refusal, according to the exchange's clock.
    pub(crate) first_timestamp: Timestamp,
    pub(crate) count: u32,
}

impl RefusalStreak {
    /// Counts a refusal, or starts a new streak with it.
    pub(crate) fn record(streak: &mut Option<Self>, now: Instant, timestamp: Timestamp) -> Self {
        let current = streak.get_or_insert(Self { first_at: now, first_timestamp: timestamp, count: 0 });
        current.count = current.count.saturating_add(1);
        *current
    }

    /// Returns whether the first refusal is at least `span` old.
    pub(crate) fn has_lasted(&self, now: Instant, span: Duration) -> bool {
        now.saturating_duration_since(self.first_at) >= span
    }
}
