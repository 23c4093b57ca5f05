//! The delay before the next dial, and the end of a stream at its retry limit.

use std::mem::discriminant;
use std::time::Duration;

use super::connection::Phase;
use super::dialer::RefusalStreak;
use super::link::{Context, Link};
use crate::item::{Closed, Disconnected, Item, Refusals};
use crate::{Error, ErrorKind};

impl Link {
    /// Schedules the next dial after the loss of an open connection.
    pub(super) fn disconnect(&mut self, cx: &mut Context<'_>, error: Error, streak: Option<RefusalStreak>) {
        self.record_stability(cx);
        self.mark_gap();
        self.retry(cx, error, Duration::ZERO, streak);
    }

    /// Resets the backoff and the counts of failures if the connection is stable.
    pub(super) fn record_stability(&mut self, cx: &mut Context<'_>) {
        if let Phase::Open(open) = &self.phase
            && open.is_stable(cx.now, cx.settings.stable_after)
        {
            self.backoff.reset();
            (self.failures, self.repeated) = (0, None);
            self.has_been_usable = true;
            self.refusals_after_upgrade = None;
        }
    }

    /// Schedules the next dial after a failure, or ends the stream if the retry limit is reached.
    ///
    /// The delay is `pause`, or the longer pause that the exchange requested, plus the backoff. The pause
    /// applies to all streams, the backoff only to this one.
    pub(super) fn retry(
        &mut self,
        cx: &mut Context<'_>,
        error: Error,
        pause: Duration,
        streak: Option<RefusalStreak>,
    ) {
        match self.next_delay(cx, &error, pause) {
            Some(delay) => self.schedule_dial(cx, error, delay, streak),
            None => self.end(cx, Closed::Failed(error)),
        }
    }

    /// Schedules the next dial after a failure, with a delay that applies to all streams.
    pub(super) fn retry_with_shared_delay(
        &mut self,
        cx: &mut Context<'_>,
        error: Error,
        streak: Option<RefusalStreak>,
    ) {
        let Some(delay) = self.next_delay(cx, &error, Duration::ZERO) else {
            return self.end(cx, Closed::Failed(error));
        };
        // Must precede `schedule_dial`, which ends this dial and thereby gives another stream its turn.
        cx.dialer.hold(cx.now + delay);
        self.schedule_dial(cx, error, delay, streak);
    }

    /// Counts a failure. Returns the delay before the next dial, or `None` if the retry limit is reached.
    fn next_delay(&mut self, cx: &mut Context<'_>, error: &Error, pause: Duration) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if cx.settings.retry_limit.is_some_and(|limit| self.failures >= limit) {
            return None;
        }
        let pause = match error.kind() {
            ErrorKind::RateLimited { retry_after: None } => cx.dialer.next_pause(),
            _ => pause.max(error.kind().retry_after().unwrap_or_default().min(cx.settings.retry_after_cap)),
        };
        if !pause.is_zero() {
            cx.dialer.hold(cx.now + pause);
        }
        // Many clients may have been given the same pause, so the jitter is added to it.
        Some(pause + self.backoff.next_delay())
    }

    pub(super) fn schedule_dial(
        &mut self,
        cx: &mut Context<'_>,
        error: Error,
        delay: Duration,
        streak: Option<RefusalStreak>,
    ) {
        cx.dialer.wait(self.id, cx.now + delay);
        let limiter_free_at = cx.limiter.map_or(cx.now, |limiter| limiter.free_at(cx.now));
        let check_at = cx.dialer.free_at(cx.now).max(limiter_free_at).max(cx.now + delay);
        self.phase = Phase::Waiting { check_at };
        let refusals = streak.map(|streak| Refusals { first: streak.first_timestamp, count: streak.count });
        let (retry_in, repeats) = (check_at - cx.now, self.count_repeats(error.kind()));
        let disconnected = Disconnected { error, retry_in, refusals, repeats };
        self.push_item(Item::Disconnected(Box::new(disconnected)));
    }

    /// Counts a failure. Returns the number of consecutive failures of its kind.
    fn count_repeats(&mut self, kind: ErrorKind) -> u32 {
        // Two errors of one kind may differ in their fields, such as the time to wait.
        let kind = discriminant(&kind);
        let previous = self.repeated.filter(|(repeated, _)| *repeated == kind).map_or(0, |(_, count)| count);
        let count = previous.saturating_add(1);
        self.repeated = Some((kind, count));
        count
    }
}
