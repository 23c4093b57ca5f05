use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::Timestamp;

/// The plausible times of the exchange, from 2025 to 2099. Nonces never decrease, so a single absurd `Date`
/// would lock the key out until the process ends.
const PLAUSIBLE_MS: Range<i64> = 1_735_689_600_000..4_102_444_800_000;

/// The largest correction that a single refusal can cause. A larger one needs a second, consistent refusal.
const MAX_UNCONFIRMED_JUMP_MS: i64 = 3_600_000;

/// The largest difference between the times of two consistent refusals, after deducting the elapsed time.
const MAX_DISAGREEMENT_MS: i64 = 60_000;

/// The resolution of the `Date` header. Smaller differences are ignored.
const DATE_RESOLUTION_MS: i64 = 1_000;

/// An estimate of the exchange's clock: the machine's clock until the exchange rejects its time and reports
/// its own.
#[derive(Debug, Default)]
pub(crate) struct ExchangeClock {
    /// The corrected time of the exchange, if any. Later times are counted from it on the monotonic clock. An
    /// offset to the machine's wall clock would become wrong whenever that clock is set.
    corrected: Option<ClockReading>,
    /// The time in the last refusal, if it was plausible.
    reported: Option<ClockReading>,
    /// Consecutive refusals.
    refusals: u32,
}

/// The consequences of a refusal because of the clock (409) for the next dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SkewReport {
    /// Lead of the exchange's clock over the machine's, in milliseconds, if known.
    pub(crate) ahead_ms: Option<i64>,
    /// Lead of the last nonce over the exchange's clock, if any.
    pub(crate) nonce_ahead: Option<Duration>,
    /// True if the next dial may succeed where this one failed, because its nonce or its clock is different.
    pub(crate) is_worth_retrying: bool,
}

impl ExchangeClock {
    /// Returns the current time of the exchange.
    pub(crate) fn read(&self, now: Instant, wall: SystemTime) -> ClockReading {
        let exchange_ms = match &self.corrected {
            Some(corrected) => corrected.time_at(now).as_millis(),
            None => unix_ms(wall),
        };
        ClockReading { exchange_ms, taken_at: now }
    }

    /// Handles a refusal because of the clock. `server` is the exchange's time, if it reported one.
    ///
    /// The first refusal does not correct the clock. Until 2021, the exchange used this status for repeated
    /// requests, so a new nonce may be enough. Later refusals correct the clock, but by more than an hour
    /// only if two consecutive refusals are consistent.
    pub(crate) fn record_refusal(
        &mut self,
        server: Option<SystemTime>,
        last_nonce: u64,
        now: Instant,
        wall: SystemTime,
    ) -> SkewReport {
        self.refusals = self.refusals.saturating_add(1);
        let is_first = self.refusals == 1;
        let mut report = SkewReport { ahead_ms: None, nonce_ahead: None, is_worth_retrying: is_first };
        let Some(server_ms) = server.map(unix_ms).filter(|ms| PLAUSIBLE_MS.contains(ms)) else {
            return report;
        };
        report.ahead_ms = Some(server_ms.saturating_sub(unix_ms(wall)));
        let reported = ClockReading { exchange_ms: server_ms, taken_at: now };
        let before = self.reported.replace(reported);
        if is_first {
            return report;
        }
        let jump_ms = server_ms.saturating_sub(self.read(now, wall).exchange_ms).saturating_abs();
        let is_confirmed = before.is_some_and(|before| {
            before.time_at(now).as_millis().saturating_sub(server_ms).saturating_abs() <= MAX_DISAGREEMENT_MS
        });
        if jump_ms > MAX_UNCONFIRMED_JUMP_MS && !is_confirmed {
            report.is_worth_retrying = true;
            return report;
        }
        if jump_ms > DATE_RESOLUTION_MS {
            self.corrected = Some(reported);
            report.is_worth_retrying = true;
        }
        let lead_ms = i64::try_from(last_nonce).unwrap_or(i64::MAX).saturating_sub(server_ms);
        if lead_ms > DATE_RESOLUTION_MS {
            report.nonce_ahead = u64::try_from(lead_ms).ok().map(Duration::from_millis);
        }
        report
    }

    /// Records that the exchange accepted the time. A later refusal counts as the first one.
    pub(crate) fn record_acceptance(&mut self) {
        self.reported = None;
        self.refusals = 0;
    }
}

/// The time of the exchange at one instant, from which its time at other instants is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockReading {
    pub(crate) exchange_ms: i64,
    pub(crate) taken_at: Instant,
}

impl ClockReading {
    /// Returns the time of the exchange at another instant, earlier or later.
    pub(crate) fn time_at(&self, instant: Instant) -> Timestamp {
        let after = millis(instant.saturating_duration_since(self.taken_at));
        let before = millis(self.taken_at.saturating_duration_since(instant));
        Timestamp::from_millis(self.exchange_ms.saturating_add(after).saturating_sub(before))
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
