use std::time::{Duration, Instant};

use bitopro_model::Timestamp;

use super::clock::Reading;
use crate::budget::{DialPermit, Online};
use crate::{ErrorKind, Settings};

/// Where a session is in the life of its connection.
#[derive(Debug)]
pub(super) enum Phase {
    /// Before a dial.
    Waiting { until: Instant },
    /// The driver dials; the request has its own deadline. No other stream of the key does meanwhile.
    Dialing { until: Instant, clock: Reading, _permit: DialPermit },
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
    _online: Online,
    since: Instant,
    /// The exchange's clock at the dial. Read anew for each, since a machine may sleep in between.
    clock: Reading,
    pub(super) last_frame: Instant,
    pub(super) snapshot: Snapshot,
    /// When a fresh snapshot is wanted.
    pub(super) resync_at: Option<Instant>,
    /// When to look next whether anything came. Left alone by frames, so that they cost no timer.
    idle_check: Instant,
}

/// What became of a connection's first data message.
#[derive(Debug)]
pub(super) enum Snapshot {
    /// It has not come yet.
    Awaited { until: Instant },
    /// It came and could not be read, so what follows are updates of an unknown state: only a new
    /// connection helps, if it is still so when the deadline passes.
    Unreadable { until: Instant },
    /// It came, or the stream has none.
    Seen,
}

impl Snapshot {
    /// A message could not be read. If it was the first one, it was the snapshot.
    pub(super) fn spoil(&mut self) {
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
    pub(super) fn new(
        online: Online,
        clock: Reading,
        now: Instant,
        settings: &Settings,
        has_snapshot: bool,
    ) -> Self {
        let awaited = Snapshot::Awaited { until: now + settings.snapshot_deadline };
        Self {
            _online: online,
            since: now,
            clock,
            last_frame: now,
            snapshot: if has_snapshot { awaited } else { Snapshot::Seen },
            resync_at: None,
            idle_check: now + settings.idle_limit,
        }
    }

    /// When it was open, by the exchange's clock.
    pub(super) fn opened(&self) -> Timestamp {
        self.clock.at(self.since)
    }

    /// When the last frame arrived, by the exchange's clock.
    pub(super) fn last_heard(&self) -> Timestamp {
        self.clock.at(self.last_frame)
    }

    pub(super) fn next_check(&self) -> Instant {
        [self.snapshot.deadline(), self.resync_at].into_iter().flatten().fold(self.idle_check, Instant::min)
    }

    /// Whether nothing came for too long. If not, moves the next look to when it could be.
    pub(super) fn is_idle(&mut self, now: Instant, limit: Duration) -> bool {
        self.idle_check = self.last_frame + limit;
        self.idle_check <= now
    }

    pub(super) fn misses_snapshot(&self, now: Instant) -> bool {
        self.snapshot.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Whether the connection was good enough to begin the next delays small again.
    pub(super) fn is_proven(&self, now: Instant, after: Duration) -> bool {
        matches!(self.snapshot, Snapshot::Seen) && self.since + after <= now
    }
}

/// How many dials were refused since the last connection, for reasons that do not pass by themselves.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    auth: u32,
    clock: u32,
    certificate: u32,
}

impl Refusals {
    /// Counts a failure, and tells whether there were enough of its kind to give up.
    pub(super) fn is_enough(&mut self, kind: ErrorKind, settings: &Settings) -> bool {
        let (count, limit) = match kind {
            ErrorKind::Unauthorized | ErrorKind::Forbidden => (&mut self.auth, settings.auth_attempts),
            ErrorKind::ClockSkew { .. } => (&mut self.clock, settings.clock_attempts),
            ErrorKind::Certificate => (&mut self.certificate, settings.certificate_attempts),
            _ => return false,
        };
        *count = count.saturating_add(1);
        *count >= limit
    }
}
