use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

/// The exchange's times that a clock is corrected by, 2025 to 2099. A nonce never goes back, so one absurd
/// `Date` would lock the key out for as long as the process lives.
const BELIEVABLE_MS: Range<i64> = 1_735_689_600_000..4_102_444_800_000;

/// The exchange's clock: the machine's, until the exchange says that this one is off.
#[derive(Debug, Default)]
pub(super) struct ExchangeClock {
    /// What it showed at some moment. Counted on from there: the machine's clock may be set right at any
    /// time, and an offset to it would then be wrong.
    shown: Option<(i64, Instant)>,
    /// Whether that was learned since the last connection.
    is_corrected: bool,
}

impl ExchangeClock {
    /// The time for a nonce, in Unix milliseconds.
    pub(super) fn now_ms(&self, now: Instant, wall: SystemTime) -> u64 {
        let now_ms = match self.shown {
            Some((shown_ms, at)) => shown_ms.saturating_add(millis(now.saturating_duration_since(at))),
            None => unix_ms(wall),
        };
        u64::try_from(now_ms).unwrap_or(0)
    }

    /// The exchange told its time when it refused ours: believed once, until a connection comes about.
    /// Gives how far it is ahead of the machine's clock, in milliseconds, if it can be believed at all.
    pub(super) fn correct(&mut self, server: SystemTime, now: Instant, wall: SystemTime) -> Option<i64> {
        let server_ms = Some(unix_ms(server)).filter(|ms| BELIEVABLE_MS.contains(ms))?;
        if !self.is_corrected {
            self.shown = Some((server_ms, now));
            self.is_corrected = true;
        }
        Some(server_ms.saturating_sub(unix_ms(wall)))
    }

    /// The exchange accepted our time. Should it refuse it again, that is news to be believed.
    pub(super) fn confirm(&mut self) {
        self.is_corrected = false;
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
