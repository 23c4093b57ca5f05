use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::Timestamp;

/// The exchange's times that a clock is corrected by, 2025 to 2099. A nonce never goes back, so one absurd
/// `Date` would lock the key out for as long as the process lives.
const BELIEVABLE_MS: Range<i64> = 1_735_689_600_000..4_102_444_800_000;

/// The exchange's clock: the machine's, until the exchange says that this one is off.
#[derive(Debug, Default)]
pub(super) struct ExchangeClock {
    /// What it showed at some moment. Counted on from there: the machine's clock may be set right at any
    /// time, and an offset to it would then be wrong.
    shown: Option<Reading>,
    /// Whether that was learned since the last connection.
    is_corrected: bool,
}

impl ExchangeClock {
    /// What it shows now.
    pub(super) fn read(&self, now: Instant, wall: SystemTime) -> Reading {
        let shown_ms = match &self.shown {
            Some(shown) => shown.at(now).as_millis(),
            None => unix_ms(wall),
        };
        Reading { shown_ms, at: now }
    }

    /// The exchange told its time when it refused ours: believed once, until a connection comes about.
    /// Gives how far it is ahead of the machine's clock, in milliseconds, if it can be believed at all.
    pub(super) fn correct(&mut self, server: SystemTime, now: Instant, wall: SystemTime) -> Option<i64> {
        let server_ms = Some(unix_ms(server)).filter(|ms| BELIEVABLE_MS.contains(ms))?;
        if !self.is_corrected {
            self.shown = Some(Reading { shown_ms: server_ms, at: now });
            self.is_corrected = true;
        }
        Some(server_ms.saturating_sub(unix_ms(wall)))
    }

    /// The exchange accepted our time. Should it refuse it again, that is news to be believed.
    pub(super) fn confirm(&mut self) {
        self.is_corrected = false;
    }
}

/// What the exchange's clock showed at a moment, from which other moments are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) shown_ms: i64,
    pub(super) at: Instant,
}

impl Reading {
    /// What it shows at another moment, be it earlier or later.
    pub(super) fn at(&self, moment: Instant) -> Timestamp {
        let after = millis(moment.saturating_duration_since(self.at));
        let before = millis(self.at.saturating_duration_since(moment));
        Timestamp::from_millis(self.shown_ms.saturating_add(after).saturating_sub(before))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since the Unix epoch, negative before it.
pub(super) fn unix_ms(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}
