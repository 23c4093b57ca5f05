use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bitopro_model::{Message, Pair, Timestamp};

use super::dialer::ClockReading;
use crate::Settings;

/// The state of a link.
#[derive(Debug)]
pub(super) enum Phase {
    /// Waiting for its turn to dial.
    Waiting { check_at: Instant },
    /// The driver is dialling. The request also carries a deadline, which ends before `until`.
    Dialing { since: Instant, until: Instant, clock: ClockReading },
    /// The connection is open.
    Open(OpenConnection),
    /// A close frame was sent, and the response to it is awaited.
    Closing { until: Instant },
    /// The stream has ended.
    Closed,
}

/// The state of an open connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    since: Instant,
    /// The exchange's clock at the dial. It is read for each dial, since the machine may sleep between two
    /// dials.
    clock: ClockReading,
    pub(super) last_frame: Instant,
    pub(super) snapshot: SnapshotStatus,
    /// The requested pairs of a public stream about which no message has arrived yet.
    pub(super) awaited_pairs: BTreeSet<Pair>,
    /// True if a data message has arrived.
    pub(super) has_data: bool,
    pub(super) resync: Option<PendingResync>,
    /// The time of the next idle check. Frames do not move it, so that they do not reset the timer.
    idle_check: Instant,
}

/// A scheduled resync.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingResync {
    pub(super) at: Instant,
    pub(super) reason: &'static str,
}

/// The status of a connection's snapshot, which is its first data message, or the first one of each pair.
#[derive(Debug)]
pub(super) enum SnapshotStatus {
    /// It has not arrived yet.
    Awaited { until: Instant },
    /// It could not be read, so all further messages are updates of an unknown state. The connection is
    /// replaced when the deadline passes.
    Unreadable { until: Instant },
    /// It has arrived, or the stream has no snapshots.
    Arrived,
}

/// Maximum time between two idle checks, so that a suspend of the machine is detected soon after.
const MAX_CHECK_INTERVAL: Duration = Duration::from_secs(5);

impl SnapshotStatus {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Awaited { until } | Self::Unreadable { until } => Some(*until),
            Self::Arrived => None,
        }
    }
}

impl OpenConnection {
    pub(super) fn new(clock: ClockReading, now: Instant, settings: &Settings, has_snapshot: bool) -> Self {
        let awaited = SnapshotStatus::Awaited { until: now + settings.snapshot_deadline };
        Self {
            since: now,
            clock,
            last_frame: now,
            snapshot: if has_snapshot { awaited } else { SnapshotStatus::Arrived },
            awaited_pairs: BTreeSet::new(),
            has_data: false,
            resync: None,
            idle_check: now + settings.idle_limit.min(MAX_CHECK_INTERVAL),
        }
    }

    /// Returns the time at which the connection was opened, according to the exchange's clock.
    pub(super) fn opened_at(&self) -> Timestamp {
        self.clock.time_at(self.since)
    }

    /// Returns the time at which the last frame arrived, according to the exchange's clock.
    pub(super) fn last_frame_at(&self) -> Timestamp {
        self.clock.time_at(self.last_frame)
    }

    /// Records a data message. Returns whether it is a snapshot.
    pub(super) fn record_data(&mut self, message: &Message) -> bool {
        self.has_data = true;
        let is_snapshot = match message.market_pair() {
            Some(pair) => self.awaited_pairs.remove(pair),
            None => matches!(self.snapshot, SnapshotStatus::Awaited { .. }),
        };
        if is_snapshot && self.awaited_pairs.is_empty() {
            self.snapshot = SnapshotStatus::Arrived;
        }
        is_snapshot
    }

    /// Records an unreadable message. If it was the first message, it was the snapshot, or that of some pair.
    pub(super) fn record_unreadable(&mut self) {
        if let SnapshotStatus::Awaited { until } = self.snapshot {
            self.snapshot = SnapshotStatus::Unreadable { until };
        }
    }

    pub(super) fn next_check(&self) -> Instant {
        let resync = self.resync.map(|resync| resync.at);
        [self.snapshot.deadline(), resync].into_iter().flatten().fold(self.idle_check, Instant::min)
    }

    /// Returns whether the connection has been idle for at least `limit`. Schedules the next check.
    pub(super) fn check_idle(&mut self, now: Instant, limit: Duration) -> bool {
        let idle_at = self.last_frame + limit;
        self.idle_check = idle_at.min(now + MAX_CHECK_INTERVAL);
        idle_at <= now
    }

    pub(super) fn is_snapshot_overdue(&self, now: Instant) -> bool {
        self.snapshot.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Returns whether the snapshot has arrived and the connection was opened at least `after` ago.
    pub(super) fn is_stable(&self, now: Instant, after: Duration) -> bool {
        matches!(self.snapshot, SnapshotStatus::Arrived) && self.since + after <= now
    }
}
