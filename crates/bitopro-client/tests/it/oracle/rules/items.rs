use std::time::Duration;

use bitopro_client::model::{EventId, Message, PrivateStream, Timestamp};
use bitopro_client::{Edge, GapReason, Item};

/// Checks the sequence of the items of one stream, as they are read.
pub(crate) struct Items {
    stream: PrivateStream,
    phase: Phase,
    connections: u64,
    last_event: Option<EventKey>,
    /// The later edge of the last gap, if no event has followed yet.
    due_edge: Option<EventKey>,
    /// A connection was lost, and no gap has followed yet.
    is_gap_due: bool,
    /// Items were merged and no data of a new connection has arrived since, so a gap may or may not follow.
    is_gap_possible: bool,
}

/// The state of the connection, as far as the items have reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Items were merged, so the state of the connection is not known.
    Merged,
    Disconnected,
    Connected(First),
    Closed,
}

/// The first data message of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Awaited,
    Unreadable,
    Arrived,
}

/// An event, as the edges of gaps identify it.
type EventKey = (Timestamp, Option<EventId>);

impl Items {
    /// The longest delay before a dial. `Retry-After` is capped at an hour; backoff and budget are added to
    /// it.
    pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3_600);

    pub(crate) fn new(stream: PrivateStream) -> Self {
        Self {
            stream,
            phase: Phase::Disconnected,
            connections: 0,
            last_event: None,
            due_edge: None,
            is_gap_due: false,
            is_gap_possible: false,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(crate) fn has_data(&self) -> bool {
        matches!(self.phase, Phase::Connected(First::Arrived) | Phase::Merged)
    }

    pub(crate) fn apply(&mut self, item: &Item<Message>) {
        assert!(!self.is_closed(), "an item after `Closed`: {item:?}");
        let is_connected = matches!(self.phase, Phase::Connected(_) | Phase::Merged);
        match item {
            Item::Connected(connected) => {
                assert!(matches!(self.phase, Phase::Disconnected | Phase::Merged), "connected twice");
                let is_next = connected.number == self.connections + 1;
                assert!(is_next || self.phase == Phase::Merged && connected.number > self.connections);
                self.phase = Phase::Connected(First::Awaited);
                self.connections = connected.number;
            }
            Item::Snapshot(message) => {
                assert!(self.stream.has_snapshot());
                let is_due = matches!(self.phase, Phase::Connected(First::Awaited) | Phase::Merged);
                assert!(is_due, "unexpected snapshot");
                self.apply_data(message);
            }
            Item::Update(message) => {
                let is_unreadable = self.phase == Phase::Connected(First::Unreadable);
                let is_allowed = self.has_data() || !self.stream.has_snapshot() || is_unreadable;
                assert!(is_allowed, "an update before the snapshot");
                self.apply_data(message);
            }
            Item::Gap(gap) => {
                assert_eq!(
                    gap.before.as_ref().map(event_key),
                    self.last_event,
                    "the earlier edge of {gap:?}"
                );
                match &gap.reason {
                    GapReason::Reconnected { since, until, .. } => {
                        let is_gap_due = std::mem::take(&mut self.is_gap_due);
                        assert!(is_gap_due || self.is_gap_possible, "a gap although nothing was missed");
                        assert!(is_connected, "a gap without a connection");
                        assert_eq!(gap.after.is_some(), self.stream.has_snapshot());
                        assert!(since <= until, "{gap:?}");
                    }
                    GapReason::Overrun { missed, last, .. } => {
                        assert!(*missed > 0, "{gap:?}");
                        self.last_event = last.as_ref().map(event_key).or(self.last_event.take());
                        (self.phase, self.is_gap_due, self.is_gap_possible) = (Phase::Merged, false, true);
                    }
                    other => panic!("unknown reason {other:?}"),
                }
                self.due_edge = gap.after.as_ref().map(event_key).or(self.due_edge.take());
            }
            Item::Malformed(_) => {
                if self.phase == Phase::Connected(First::Awaited) {
                    self.phase = Phase::Connected(First::Unreadable);
                }
            }
            Item::Unknown(_) => assert!(is_connected, "a message without a connection"),
            Item::Disconnected(disconnected) => {
                assert!(disconnected.retry_in <= Self::LONGEST_WAIT, "{disconnected:?}");
                self.disconnect();
            }
            Item::Closed(_) => {
                self.disconnect();
                self.phase = Phase::Closed;
            }
            Item::RecoveredTrade(_) => assert_eq!(self.stream, PrivateStream::UserTrades),
            Item::RecoveredOrder(order) => {
                assert!(order.is_final(), "{order:?}");
                assert!(matches!(self.stream, PrivateStream::ActiveOrders | PrivateStream::HistoryOrders));
            }
            Item::Backfilled(_) => {}
            other => panic!("unknown item {other:?}"),
        }
    }

    fn apply_data(&mut self, message: &Message) {
        assert!(matches!(self.phase, Phase::Connected(_) | Phase::Merged), "data without a connection");
        assert!(!self.is_gap_due, "data before the gap that is due");
        if self.phase != Phase::Merged {
            (self.phase, self.is_gap_possible) = (Phase::Connected(First::Arrived), false);
        }
        let at = message.timestamp().expect("data messages have a timestamp");
        let event = (at, message.event_id().cloned());
        self.last_event = Some(match self.due_edge.take() {
            // Merged items become a snapshot without an id, with the time of their last event.
            Some(due) if event.1.is_none() && due.0 == at => due,
            Some(due) => {
                assert_eq!(due, event, "the event after a gap of {}", self.stream);
                event
            }
            None => event,
        });
    }

    fn disconnect(&mut self) {
        match self.phase {
            Phase::Connected(_) => {
                self.is_gap_due |= self.last_event.is_some() || !self.stream.has_snapshot();
            }
            // A gap may or may not follow.
            Phase::Merged => return,
            Phase::Disconnected | Phase::Closed => {}
        }
        self.phase = Phase::Disconnected;
    }
}

fn event_key(edge: &Edge) -> EventKey {
    (edge.timestamp, edge.event_id.clone())
}
