use std::time::{Duration, Instant};

use bitopro_model::Timestamp;

use super::dialer::Reading;
use crate::Settings;

/// The phases of a link.
#[derive(Debug)]
pub(super) enum Phase {
    /// Waits for its turn to dial.
    Waiting { check_at: Instant },
    /// The driver dials; the request has its own deadline.
    Dialing { since: Instant, until: Instant, clock: Reading },
    /// Frames arrive.
    Open(Open),
    /// A close frame was sent, its answer is awaited.
    Closing { until: Instant },
    /// Over.
    Closed,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open {
    since: Instant,
    /// The exchange's clock at the dial. Read again for each, since a machine may sleep in between.
    clock: Reading,
    pub(super) last_frame: Instant,
    pub(super) snapshot: Snapshot,
    /// A data message has arrived.
    pub(super) has_data: bool,
    pub(super) resync: Option<Resync>,
    /// When to check next whether the connection is alive. Frames leave it unchanged, so that they cost no timer.
    idle_check: Instant,
}

/// A fresh snapshot that is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resync {
    pub(super) at: Instant,
    pub(super) reason: &'static str,
}

/// What became of a connection's first data message.
#[derive(Debug)]
pub(super) enum Snapshot {
    /// It has not arrived yet.
    Awaited { until: Instant },
    /// It could not be read, so what follows are updates of an unknown state: only a new connection helps, if this is
    /// still so when the deadline passes.
    Unreadable { until: Instant },
    /// It has arrived, or the stream has none.
    Seen,
}

/// Longest time between two checks of an open connection, so that a machine that slept notices soon after.
const LONGEST_CHECK: Duration = Duration::from_secs(5);

impl Snapshot {
    /// Records that a message could not be read. If it was the first one, it was the snapshot.
    pub(super) fn mark_unreadable(&mut self) {
        if let Self::Awaited { until } = *self {
            *self = Self::Unreadable { until };
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Awaited { until } | Self::Unreadable { until } => Some(*until),
            Self::Seen => None,
        }
    }
}

impl Open {
    pub(super) fn new(clock: Reading, now: Instant, settings: &Settings, has_snapshot: bool) -> Self {
        let awaited = Snapshot::Awaited { until: now + settings.snapshot_deadline };
        Self {
            since: now,
            clock,
            last_frame: now,
            snapshot: if has_snapshot { awaited } else { Snapshot::Seen },
            has_data: false,
            resync: None,
            idle_check: now + settings.idle_limit.min(LONGEST_CHECK),
        }
    }

    /// Returns when the connection was opened, by the exchange's clock.
    pub(super) fn opened(&self) -> Timestamp {
        self.clock.at(self.since)
    }

    /// Returns when the last frame arrived, by the exchange's clock.
    pub(super) fn last_heard(&self) -> Timestamp {
        self.clock.at(self.last_frame)
    }

    pub(super) fn next_check(&self) -> Instant {
        let resync = self.resync.map(|resync| resync.at);
        [self.snapshot.deadline(), resync].into_iter().flatten().fold(self.idle_check, Instant::min)
    }

    /// Returns whether no frame arrived for too long. If not, moves the next check.
    pub(super) fn is_idle(&mut self, now: Instant, limit: Duration) -> bool {
        let idle_at = self.last_frame + limit;
        self.idle_check = idle_at.min(now + LONGEST_CHECK);
        idle_at <= now
    }

    pub(super) fn is_snapshot_overdue(&self, now: Instant) -> bool {
        self.snapshot.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Returns whether the connection has lasted long enough for the next delays to start small again.
    pub(super) fn is_stable(&self, now: Instant, after: Duration) -> bool {
        matches!(self.snapshot, Snapshot::Seen) && self.since + after <= now
    }
}
