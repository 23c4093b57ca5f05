use std::time::Duration;

use bitopro_client::model::{Message, PrivateStream, Timestamp};
use bitopro_client::{Edge, GapReason, Item};

/// The order of the items of one stream, each checked when it is read.
pub(crate) struct Items {
    stream: PrivateStream,
    phase: Phase,
    connections: u64,
    last_event: Option<Seen>,
    /// The later edge of the last gap, if no event has followed yet.
    edge_due: Option<Seen>,
    /// A connection was lost, and no gap has followed yet.
    owes_gap: bool,
    /// Items were merged, and since then no data of a new connection arrived: a gap may be due or not.
    is_unsure: bool,
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

/// An event as the edge of a gap identifies it.
type Seen = (Timestamp, Option<String>);

impl Items {
    /// The longest `Retry-After` that is believed is an hour; backoff and budget come on top.
    pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3_600);

    pub(crate) fn new(stream: PrivateStream) -> Self {
        Self {
            stream,
            phase: Phase::Disconnected,
            connections: 0,
            last_event: None,
            edge_due: None,
            owes_gap: false,
            is_unsure: false,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(crate) fn has_data(&self) -> bool {
        matches!(self.phase, Phase::Connected(First::Arrived) | Phase::Merged)
    }

    fn has_snapshot(&self) -> bool {
        self.stream != PrivateStream::UserTrades
    }

    pub(crate) fn apply(&mut self, item: &Item<Message>) {
        assert!(!self.is_closed(), "an item after the end: {item:?}");
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
                assert!(self.has_snapshot());
                let is_due = matches!(self.phase, Phase::Connected(First::Awaited) | Phase::Merged);
                assert!(is_due, "a snapshot out of place");
                self.data(message);
            }
            Item::Update(message) => {
                let is_unreadable = self.phase == Phase::Connected(First::Unreadable);
                let is_allowed = self.has_data() || !self.has_snapshot() || is_unreadable;
                assert!(is_allowed, "an update before the snapshot");
                self.data(message);
            }
            Item::Gap(gap) => {
                assert_eq!(gap.before.as_ref().map(seen), self.last_event, "the earlier edge of {gap:?}");
                match &gap.reason {
                    GapReason::Reconnected { since, until, .. } => {
                        let owes_gap = std::mem::take(&mut self.owes_gap);
                        assert!(owes_gap || self.is_unsure, "a gap where nothing was missed");
                        assert!(is_connected, "a gap without a connection");
                        assert_eq!(gap.after.is_some(), self.has_snapshot());
                        assert!(since <= until, "{gap:?}");
                    }
                    GapReason::Overrun { missed, last, .. } => {
                        assert!(*missed > 0, "{gap:?}");
                        self.last_event = last.as_ref().map(seen).or(self.last_event.take());
                        (self.phase, self.owes_gap, self.is_unsure) = (Phase::Merged, false, true);
                    }
                    other => panic!("unknown reason {other:?}"),
                }
                self.edge_due = gap.after.as_ref().map(seen).or(self.edge_due.take());
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
            other => panic!("unknown item {other:?}"),
        }
    }

    fn data(&mut self, message: &Message) {
        assert!(matches!(self.phase, Phase::Connected(_) | Phase::Merged), "data without a connection");
        assert!(!self.owes_gap, "data before the gap that is due");
        if self.phase != Phase::Merged {
            (self.phase, self.is_unsure) = (Phase::Connected(First::Arrived), false);
        }
        let at = message.timestamp().expect("data have a time");
        let event = (at, message.event_id().map(str::to_owned));
        self.last_event = Some(match self.edge_due.take() {
            // What was merged is a snapshot without an id, at the time of its last event.
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
            Phase::Connected(_) => self.owes_gap |= self.last_event.is_some() || !self.has_snapshot(),
            // A gap may be due.
            Phase::Merged => return,
            Phase::Disconnected | Phase::Closed => {}
        }
        self.phase = Phase::Disconnected;
    }
}

fn seen(edge: &Edge) -> Seen {
    (edge.timestamp, edge.event_id.clone())
}
