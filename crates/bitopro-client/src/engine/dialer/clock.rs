use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::Timestamp;

/// The times of the exchange that are believed, 2025 to 2099. A nonce never decreases, so one absurd `Date` would
/// lock the key out until the process ends.
const BELIEVABLE_MS: Range<i64> = 1_735_689_600_000..4_102_444_800_000;

/// The largest correction that a single refusal can cause. A larger one needs a second refusal that agrees.
const TRUSTED_JUMP_MS: i64 = 3_600_000;

/// Largest difference between the times of two refusals that agree, elapsed time deducted.
const AGREEMENT_MS: i64 = 60_000;

/// Resolution of the `Date` header. A difference below it is none.
const DATE_RESOLUTION_MS: i64 = 1_000;

/// The exchange's clock: the machine's, until the exchange refuses it and reports its own time.
#[derive(Debug, Default)]
pub(crate) struct ExchangeClock {
    /// The time of the exchange at some moment. Later times are counted from there: the machine's clock may be
    /// set at any time, and an offset to it would then be wrong.
    shown: Option<Reading>,
    /// The time in the last refusal, if it was believable.
    reported: Option<Reading>,
    /// Consecutive refusals.
    refusals: u32,
}

/// The consequence of a refusal because of the clock (409) for the next dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockAdvice {
    /// Lead of the exchange's clock over the machine's, in milliseconds, if it is known.
    pub(crate) ahead_ms: Option<i64>,
    /// Lead of the last nonce over the exchange's clock, if it has one.
    pub(crate) nonce_ahead: Option<Duration>,
    /// The next dial has a chance that this one did not have.
    pub(crate) is_news: bool,
}

impl ExchangeClock {
    /// Returns the time of the exchange now.
    pub(crate) fn read(&self, now: Instant, wall: SystemTime) -> Reading {
        let shown_ms = match &self.shown {
            Some(shown) => shown.at(now).as_millis(),
            None => unix_ms(wall),
        };
        Reading { shown_ms, at: now }
    }

    /// Learns from a refusal because of the clock. `server` is the exchange's time, if it reported one.
    ///
    /// The first refusal changes nothing, since until 2021 the exchange used the status for a repeated request: a
    /// fresh nonce may be enough. From the second on the clock is corrected, by more than an hour only if two
    /// refusals agree.
    pub(crate) fn refuse(
        &mut self,
        server: Option<SystemTime>,
        last_nonce: u64,
        now: Instant,
        wall: SystemTime,
    ) -> ClockAdvice {
        self.refusals = self.refusals.saturating_add(1);
        let is_first = self.refusals == 1;
        let mut advice = ClockAdvice { ahead_ms: None, nonce_ahead: None, is_news: is_first };
        let Some(server_ms) = server.map(unix_ms).filter(|ms| BELIEVABLE_MS.contains(ms)) else {
            return advice;
        };
        advice.ahead_ms = Some(server_ms.saturating_sub(unix_ms(wall)));
        let reported = Reading { shown_ms: server_ms, at: now };
        let before = self.reported.replace(reported);
        if is_first {
            return advice;
        }
        let jump_ms = server_ms.saturating_sub(self.read(now, wall).shown_ms).saturating_abs();
        let is_confirmed = before.is_some_and(|before| {
            before.at(now).as_millis().saturating_sub(server_ms).saturating_abs() <= AGREEMENT_MS
        });
        if jump_ms > TRUSTED_JUMP_MS && !is_confirmed {
            advice.is_news = true;
            return advice;
        }
        if jump_ms > DATE_RESOLUTION_MS {
            self.shown = Some(reported);
            advice.is_news = true;
        }
        let lead_ms = i64::try_from(last_nonce).unwrap_or(i64::MAX).saturating_sub(server_ms);
        if lead_ms > DATE_RESOLUTION_MS {
            advice.nonce_ahead = u64::try_from(lead_ms).ok().map(Duration::from_millis);
        }
        advice
    }

    /// Records that the exchange accepted our time. If it refuses it later, that is a new finding.
    pub(crate) fn confirm(&mut self) {
        self.reported = None;
        self.refusals = 0;
    }
}

/// The time of the exchange at a moment, from which other moments are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) shown_ms: i64,
    pub(crate) at: Instant,
}

impl Reading {
    /// Returns the time of the exchange at another moment, earlier or later.
    pub(crate) fn at(&self, moment: Instant) -> Timestamp {
        let after = millis(moment.saturating_duration_since(self.at));
        let before = millis(self.at.saturating_duration_since(moment));
        Timestamp::from_millis(self.shown_ms.saturating_add(after).saturating_sub(before))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the milliseconds since the Unix epoch, negative before it.
pub(crate) fn unix_ms(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}
