//! The order and the pace of the dials of an API key.

mod budget;
mod clock;
mod limiter;
mod shared;
mod streak;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bitopro_model::{PrivateStream, Timestamp};

use crate::{Error, Settings};

use budget::DialBudget;
#[cfg(test)]
pub(crate) use clock::unix_ms;
pub(crate) use clock::{ClockAdvice, ExchangeClock, Reading};
pub use limiter::DialLimiter;
use limiter::Limited;
pub(crate) use shared::{DialerHandle, SharedDialer};
pub(crate) use streak::Streak;

/// Grace period for a link whose turn it is. A session that is not driven must not block the others.
const TURN_GRACE: Duration = Duration::from_secs(1);

/// Bounds of the pause of all streams after a refusal that gives no time to wait.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Decides which link of an API key may dial next, and remembers what the exchange said about the key.
///
/// One dial is in progress at a time: nonces must arrive in the order in which they were made, or the exchange takes
/// the later one for a replay. Of the links whose backoff has expired, the one whose last dial is the oldest goes
/// next, so that a stream that keeps failing never delays one that would be accepted by more than one dial.
#[derive(Debug)]
pub(crate) struct Dialer {
    budget: DialBudget,
    /// The limit that this client shares with others, if any.
    limited: Option<Limited>,
    clock: ExchangeClock,
    held_until: Option<Instant>,
    links: BTreeMap<LinkId, Link>,
    next_id: u64,
    /// Number of dials and added links so far, from which each link takes its place in the queue.
    places: u64,
    /// The link whose dial is in progress, and when that dial ends at the latest.
    dialing: Option<(LinkId, Instant)>,
    /// Consecutive dials of any stream that found the exchange unreachable.
    outages: u32,
    /// Pauses since the last accepted upgrade.
    pauses: u32,
    accepted_at: Option<Instant>,
    /// The streams on whose path an upgrade was accepted.
    worked: BTreeSet<PrivateStream>,
    key_refusals: Option<Streak>,
}

/// Identifies a link of a [`Dialer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(u64);

#[derive(Debug)]
struct Link {
    state: LinkState,
    /// Place in the queue: the order of the last dials; before its first one, of when links were added.
    place: u64,
}

#[derive(Debug)]
enum LinkState {
    Idle,
    Waiting {
        ready_at: Instant,
        /// When it was first found to be the next to dial.
        turn_since: Option<Instant>,
    },
    Online,
    /// The key, or its nonces, were refused for good while the link waited.
    Refused(Error),
}

/// The answer to a link that wants to dial.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Dial now.
    Dial,
    /// Ask again at this moment, or when the dialer has changed.
    Wait(Instant),
    /// Give up: the key, or its nonces, were refused for good.
    Refused(Error),
}

impl Dialer {
    fn new(settings: &Settings, limited: Option<Limited>) -> Self {
        Self {
            limited,
            budget: DialBudget::new(settings.dial_budget, settings.dial_budget_span, settings.dial_spacing),
            clock: ExchangeClock::default(),
            held_until: None,
            links: BTreeMap::new(),
            next_id: 0,
            places: 0,
            dialing: None,
            outages: 0,
            pauses: 0,
            accepted_at: None,
            worked: BTreeSet::new(),
            key_refusals: None,
        }
    }

    /// Adds a link that wants to dial immediately.
    fn add(&mut self, now: Instant) -> LinkId {
        let id = LinkId(self.next_id);
        self.next_id += 1;
        let state = LinkState::Waiting { ready_at: now, turn_since: None };
        let place = self.next_place();
        self.links.insert(id, Link { state, place });
        id
    }

    fn next_place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    fn remove(&mut self, id: LinkId) {
        self.end_dial(id);
        self.links.remove(&id);
    }

    /// Lets the link wait until this moment before its next dial.
    fn wait(&mut self, id: LinkId, ready_at: Instant) {
        self.set(id, LinkState::Waiting { ready_at, turn_since: None });
    }

    /// Ends the link's interest in dials.
    fn close(&mut self, id: LinkId) {
        self.set(id, LinkState::Idle);
    }

    fn set(&mut self, id: LinkId, state: LinkState) {
        self.end_dial(id);
        if let Some(link) = self.links.get_mut(&id) {
            link.state = state;
        }
    }

    fn end_dial(&mut self, id: LinkId) {
        if self.dialing.is_some_and(|(dialing, _)| dialing == id) {
            self.dialing = None;
        }
    }

    /// Starts a dial of the link if it is the link's turn. The dial takes `at_most` this long.
    fn turn(&mut self, id: LinkId, now: Instant, at_most: Duration) -> Turn {
        let ready_at = match self.links.get_mut(&id).map(|link| &mut link.state) {
            Some(LinkState::Refused(error)) => return Turn::Refused(error.clone()),
            Some(LinkState::Waiting { ready_at, turn_since }) => {
                // A link that asks is present, even if it has let its turn pass.
                *turn_since = None;
                *ready_at
            }
            _ => now + TURN_GRACE,
        };
        let dialing_until = self.dialing.map(|(_, until)| until);
        let earliest = self.own_free_at(now).max(ready_at).max(dialing_until.unwrap_or(now));
        if earliest > now {
            return Turn::Wait(earliest);
        }
        if let Some(limited) = &self.limited {
            // This client takes its place in the queue of the shared limit before the limit allows a dial.
            limited.enqueue();
            let free = limited.free_at(now);
            if free > now {
                return Turn::Wait(free);
            }
        }
        if let Some(other) = self.next(now).filter(|next| *next != id)
            && let Some(Link { state: LinkState::Waiting { turn_since, .. }, .. }) =
                self.links.get_mut(&other)
        {
            return Turn::Wait(*turn_since.get_or_insert(now) + TURN_GRACE);
        }
        if let Some(limited) = &self.limited
            && let Err(until) = limited.take(now)
        {
            return Turn::Wait(until);
        }
        self.set(id, LinkState::Idle);
        self.budget.spend(now);
        self.dialing = Some((id, now + at_most));
        let place = self.next_place();
        if let Some(link) = self.links.get_mut(&id) {
            link.place = place;
        }
        Turn::Dial
    }

    /// Returns the link that dials next, of those that may dial now and have not let their turn pass.
    fn next(&self, now: Instant) -> Option<LinkId> {
        let ready = self.links.iter().filter_map(|(id, link)| match link.state {
            LinkState::Waiting { ready_at, turn_since }
                if ready_at <= now && turn_since.is_none_or(|since| since + TURN_GRACE > now) =>
            {
                Some((link.place, *id))
            }
            _ => None,
        });
        ready.min().map(|(_, id)| id)
    }

    /// Returns when the next dial of any link is allowed: `now`, or later.
    fn free_at(&self, now: Instant) -> Instant {
        let shared = self.limited.as_ref().map_or(now, |limited| limited.free_at(now));
        self.own_free_at(now).max(shared)
    }

    fn own_free_at(&self, now: Instant) -> Instant {
        self.budget.free_at(now).max(self.held_until.unwrap_or(now))
    }

    /// Allows no dial of any link before this moment.
    fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// Returns the length of the next pause of all links: 5 s, doubling to 60 s until an upgrade is accepted.
    fn next_pause(&mut self) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.pauses)).min(LONGEST_PAUSE);
        self.pauses = self.pauses.saturating_add(1);
        pause
    }

    /// Counts a dial that found the exchange unreachable, and returns the number of such dials in a row before it.
    /// Returns `None` while a link is online, since the exchange is reachable then.
    fn count_outage(&mut self) -> Option<u32> {
        let before = self.outages;
        self.outages = before.saturating_add(1);
        let is_online = self.links.values().any(|link| matches!(link.state, LinkState::Online));
        (!is_online).then_some(before)
    }

    /// Records that the upgrade of a link on this stream's path was accepted.
    fn accept(&mut self, id: LinkId, stream: PrivateStream, now: Instant) {
        self.set(id, LinkState::Online);
        self.outages = 0;
        self.pauses = 0;
        self.accepted_at = Some(now);
        self.worked.insert(stream);
        self.key_refusals = None;
        self.clock.confirm();
    }

    fn has_worked(&self, stream: PrivateStream) -> bool {
        self.worked.contains(&stream)
    }

    fn key_has_worked(&self) -> bool {
        self.accepted_at.is_some()
    }

    /// Counts a dial of any stream that was refused because of the key.
    fn refuse_key(&mut self, now: Instant, at: Timestamp) -> Streak {
        Streak::extend(&mut self.key_refusals, now, at)
    }

    /// Ends every link that waits for a dial: the exchange has just refused the key, or its nonces, for good.
    ///
    /// The verdict is not kept. A link that is online, or is added later, asks the exchange again.
    fn end_waiting(&mut self, error: &Error) {
        self.key_refusals = None;
        for link in self.links.values_mut() {
            if matches!(link.state, LinkState::Waiting { .. }) {
                link.state = LinkState::Refused(error.clone());
            }
        }
    }
}
