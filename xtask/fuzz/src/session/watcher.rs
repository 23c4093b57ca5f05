//! The rules of a link that a driver and a subscriber may rely on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bitopro_client::auth::Payload;
use bitopro_client::engine::Action;
use bitopro_client::model::{Message, PrivateStream, Timestamp};
use bitopro_client::transport::{self, Request};
use bitopro_client::{GapReason, Item};

/// The dials of all links of an engine.
#[derive(Default)]
pub(super) struct Dials {
    last_nonce: Option<u64>,
    recent: VecDeque<Instant>,
    /// A link has been connected.
    is_key_accepted: bool,
}

impl Dials {
    const MOST: usize = 30;
    const SPAN: Duration = Duration::from_secs(300);
    const APART: Duration = Duration::from_millis(100);

    pub(super) fn accept(&mut self) {
        self.is_key_accepted = true;
    }

    pub(super) fn is_key_accepted(&self) -> bool {
        self.is_key_accepted
    }

    pub(super) fn count(&mut self, now: Instant, request: &Request) {
        let payload = request.headers().get("x-bitopro-payload").and_then(|payload| payload.to_str().ok());
        let claim = Payload::received(payload.expect("a dial is signed")).identity_claim();
        let nonce = claim.expect("a payload can be read").nonce;
        assert!(self.last_nonce.is_none_or(|last| last < nonce), "the nonce {nonce} does not grow");
        self.last_nonce = Some(nonce);

        assert!(self.recent.back().is_none_or(|last| *last + Self::APART <= now), "two dials at once");
        self.recent.push_back(now);
        if self.recent.len() > Self::MOST {
            let first = self.recent.pop_front().expect("there are some");
            // The budget counts in whole nanoseconds.
            assert!(now + Duration::from_millis(1) >= first + Self::SPAN, "more dials than the budget");
        }
    }
}

/// The state of a link's driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Dialing,
    Up,
}

/// What the subscriber was told of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Items were merged, so the state of the connection is not known.
    Merged,
    Disconnected,
    Connected(First),
    Closed,
}

/// What became of a connection's first data message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Awaited,
    Unreadable,
    Came,
}

/// The rules of one stream.
pub(super) struct Watcher {
    pub(super) stream: PrivateStream,
    link: Link,
    dialed: Option<Instant>,
    told: Told,
    connections: u64,
    last_event: Option<Seen>,
    /// A connection was lost, after which something may have been missed that no gap has told of.
    owes_gap: bool,
    /// Items were merged, and since then no data of a new connection arrived: a gap may be owed or not.
    is_unsure: bool,
    /// How many refusals for the key's sake there were in a row.
    refused: u32,
}

impl Watcher {
    pub(super) fn new(stream: PrivateStream) -> Self {
        Self {
            stream,
            link: Link::Down,
            dialed: None,
            told: Told::Disconnected,
            connections: 0,
            last_event: None,
            owes_gap: false,
            is_unsure: false,
            refused: 0,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.told == Told::Closed
    }

    /// Returns whether a dial is in progress that has not lasted too long.
    pub(super) fn dials_at(&self, now: Instant) -> bool {
        self.is_dialing() && self.dialed.is_some_and(|dialed| now < dialed + LONGEST_DIAL)
    }

    pub(super) fn is_dialing(&self) -> bool {
        self.link == Link::Dialing
    }

    fn has_snapshot(&self) -> bool {
        self.stream != PrivateStream::UserTrades
    }

    pub(super) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// A dial, if one is in progress, is about to succeed. Returns whether one is.
    pub(super) fn connects(&mut self) -> bool {
        let is_dialing = self.is_dialing();
        if is_dialing {
            (self.link, self.refused) = (Link::Up, 0);
        }
        is_dialing
    }

    pub(super) fn has_data(&self) -> bool {
        matches!(self.told, Told::Connected(First::Came) | Told::Merged)
    }

    /// A dial, if one is under way, is about to fail like this.
    pub(super) fn fails(&mut self, error: &transport::Error) {
        if self.link == Link::Dialing {
            self.link = Link::Down;
            let is_auth = error.refusal().is_some_and(|refusal| matches!(refusal.status.as_u16(), 401 | 403));
            self.refused += u32::from(is_auth);
        }
    }

    /// The engine asks the driver for this.
    pub(super) fn acts(&mut self, action: &Action, now: Instant, is_key_accepted: bool) {
        match action {
            Action::Dial(_) => {
                assert!(!self.is_closed(), "a dial after the end");
                assert_eq!(self.link, Link::Down, "a dial beside a connection");
                let may_dial = self.refused < 2 || is_key_accepted;
                assert!(may_dial, "a dial after two refusals of a key that never worked");
                (self.link, self.dialed) = (Link::Dialing, Some(now));
            }
            Action::Send(_) => {}
            Action::HangUp => self.link = Link::Down,
            _ => panic!("an action that no driver knows"),
        }
    }

    /// The subscriber reads this.
    pub(super) fn sees(&mut self, item: &Item<Message>) {
        assert!(!self.is_closed(), "an item after the end: {item:?}");
        let is_connected = matches!(self.told, Told::Connected(_) | Told::Merged);
        match item {
            Item::Connected(connected) => {
                assert!(matches!(self.told, Told::Disconnected | Told::Merged), "connected twice");
                let is_next = connected.number == self.connections + 1;
                assert!(is_next || self.told == Told::Merged && connected.number > self.connections);
                self.told = Told::Connected(First::Awaited);
                self.connections = connected.number;
            }
            Item::Snapshot(message) => {
                assert!(self.has_snapshot());
                let is_due = matches!(self.told, Told::Connected(First::Awaited) | Told::Merged);
                assert!(is_due, "a snapshot out of place");
                self.data(message);
            }
            Item::Update(message) => {
                let may_come = self.has_data() || !self.has_snapshot() || self.is_unreadable();
                assert!(may_come || self.told == Told::Merged, "an update before the snapshot");
                self.data(message);
            }
            Item::Gap(gap) => match &gap.reason {
                GapReason::Reconnected { since, until, .. } => {
                    let owes_gap = std::mem::take(&mut self.owes_gap);
                    assert!(owes_gap || self.is_unsure, "a gap where nothing was missed");
                    assert!(is_connected, "a gap without a connection");
                    let before = gap.before.as_ref().map(|edge| (edge.timestamp, edge.event_id.clone()));
                    assert!(before == self.last_event || self.is_unsure);
                    assert_eq!(gap.after.is_some(), self.has_snapshot());
                    assert!(since <= until, "{gap:?}");
                }
                GapReason::Overrun { missed, .. } => {
                    assert!(*missed > 0, "{gap:?}");
                    (self.told, self.owes_gap, self.is_unsure) = (Told::Merged, false, true);
                }
                other => panic!("a reason that no subscriber knows: {other:?}"),
            },
            Item::Malformed(_) => {
                assert!(is_connected || self.told == Told::Disconnected, "a message without a connection");
                if self.told == Told::Connected(First::Awaited) {
                    self.told = Told::Connected(First::Unreadable);
                }
            }
            Item::Unknown(_) => assert!(is_connected, "a message without a connection"),
            Item::Disconnected(disconnected) => {
                assert!(disconnected.retry_in <= LONGEST_WAIT, "{disconnected:?}");
                self.disconnect();
            }
            Item::Closed(_) => {
                self.disconnect();
                self.told = Told::Closed;
            }
            _ => panic!("an item that no subscriber knows: {item:?}"),
        }
    }

    fn is_unreadable(&self) -> bool {
        self.told == Told::Connected(First::Unreadable)
    }

    fn data(&mut self, message: &Message) {
        assert!(matches!(self.told, Told::Connected(_) | Told::Merged), "data without a connection");
        assert!(!self.owes_gap, "data before the gap that it ends");
        if self.told != Told::Merged {
            (self.told, self.is_unsure) = (Told::Connected(First::Came), false);
        }
        self.last_event = message.timestamp().map(|at| (at, message.event_id().map(str::to_owned)));
    }

    fn disconnect(&mut self) {
        match self.told {
            Told::Connected(_) => self.owes_gap |= self.last_event.is_some() || !self.has_snapshot(),
            // Perhaps.
            Told::Merged => return,
            Told::Disconnected | Told::Closed => {}
        }
        self.told = Told::Disconnected;
    }
}

/// The time after which a dial counts as lost.
const LONGEST_DIAL: Duration = Duration::from_secs(11);

/// What an edge of a gap tells of an event.
type Seen = (Timestamp, Option<String>);

/// The longest `Retry-After` that is believed is an hour; backoff and budget come on top.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3_600);
