//! What a driver and a subscriber see of a session, and what they may rely on.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use bitopro_client::auth::Payload;
use bitopro_client::model::{Event, Timestamp};
use bitopro_client::session::Action;
use bitopro_client::transport::{self, Request};
use bitopro_client::{Followed, GapReason, Item};

/// The dials of all sessions of a client.
#[derive(Default)]
pub(super) struct Dials {
    last_nonce: Option<u64>,
    recent: VecDeque<Instant>,
    /// A session has been connected.
    is_key_accepted: bool,
}

impl Dials {
    const MOST: usize = 30;
    const SPAN: Duration = Duration::from_secs(300);
    const APART: Duration = Duration::from_millis(100);

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

/// What the driver of a session has at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Dialing,
    Up,
}

/// What the subscriber was told of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
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
    has_snapshot: bool,
    link: Link,
    told: Told,
    connections: u64,
    last_event: Option<Seen>,
    /// A connection was lost, after which something may have been missed that no gap has told of.
    owes_gap: bool,
    /// How many refusals for the key's sake there were in a row.
    refused: u32,
}

impl Watcher {
    pub(super) fn new(has_snapshot: bool) -> Self {
        Self {
            has_snapshot,
            link: Link::Down,
            told: Told::Disconnected,
            connections: 0,
            last_event: None,
            owes_gap: false,
            refused: 0,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.told == Told::Closed
    }

    pub(super) fn is_dialing(&self) -> bool {
        self.link == Link::Dialing
    }

    pub(super) fn has_data(&self) -> bool {
        self.told == Told::Connected(First::Came)
    }

    /// A dial, if one is under way, is about to fail like this.
    pub(super) fn fails(&mut self, error: &transport::Error) {
        if self.link == Link::Dialing {
            self.link = Link::Down;
            let is_auth = error.refusal().is_some_and(|refusal| matches!(refusal.status.as_u16(), 401 | 403));
            self.refused += u32::from(is_auth);
        }
    }

    /// The session asks the driver for this.
    pub(super) fn acts(&mut self, action: &Action, dials: &Dials) {
        match action {
            Action::Dial(_) => {
                assert!(!self.is_closed(), "a dial after the end");
                assert_eq!(self.link, Link::Down, "a dial beside a connection");
                let may_dial = self.refused < 2 || dials.is_key_accepted;
                assert!(may_dial, "a dial after two refusals of a key that never worked");
                self.link = Link::Dialing;
            }
            Action::Send(_) => {}
            Action::HangUp => self.link = Link::Down,
            _ => panic!("an action that no driver knows"),
        }
    }

    /// The session tells the subscriber this.
    pub(super) fn sees<D: Followed + Debug>(&mut self, item: &Item<Event<D>>, dials: &mut Dials) {
        assert!(!self.is_closed(), "an item after the end: {item:?}");
        match item {
            Item::Connected(connected) => {
                assert_eq!(self.told, Told::Disconnected, "connected twice");
                self.told = Told::Connected(First::Awaited);
                self.connections += 1;
                assert_eq!(connected.number, self.connections);
                (self.link, self.refused) = (Link::Up, 0);
                dials.is_key_accepted = true;
            }
            Item::Snapshot(event) => {
                assert!(self.has_snapshot);
                assert_eq!(self.told, Told::Connected(First::Awaited), "a snapshot out of place");
                self.data(event);
            }
            Item::Update(event) => {
                let may_come = self.has_data() || !self.has_snapshot || self.is_unreadable();
                assert!(may_come, "an update before the snapshot");
                self.data(event);
            }
            Item::Gap(gap) => {
                assert!(std::mem::take(&mut self.owes_gap), "a gap where nothing was missed");
                assert!(matches!(self.told, Told::Connected(_)), "a gap without a connection");
                let before = gap.before.as_ref().map(|edge| (edge.timestamp, edge.event_id.clone()));
                assert_eq!(before, self.last_event);
                assert_eq!(gap.after.is_some(), self.has_snapshot);
                let GapReason::Reconnected { since, until, .. } = &gap.reason else { panic!("{gap:?}") };
                assert!(since <= until, "{gap:?}");
            }
            Item::Malformed(_) => {
                assert!(matches!(self.told, Told::Connected(_)), "a message without a connection");
                if self.told == Told::Connected(First::Awaited) {
                    self.told = Told::Connected(First::Unreadable);
                }
            }
            Item::Unknown(_) => {
                assert!(matches!(self.told, Told::Connected(_)), "a message without a connection");
            }
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

    fn data<D>(&mut self, event: &Event<D>) {
        assert!(matches!(self.told, Told::Connected(_)), "data without a connection");
        assert!(!self.owes_gap, "data before the gap that it ends");
        self.told = Told::Connected(First::Came);
        self.last_event = Some((event.timestamp, event.event_id.clone()));
    }

    fn disconnect(&mut self) {
        if matches!(self.told, Told::Connected(_)) {
            self.told = Told::Disconnected;
            self.owes_gap |= self.last_event.is_some() || !self.has_snapshot;
        }
    }
}

/// What an edge of a gap tells of an event.
type Seen = (Timestamp, Option<String>);

/// The longest `Retry-After` that is believed is an hour; backoff and budget come on top.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3_600);
