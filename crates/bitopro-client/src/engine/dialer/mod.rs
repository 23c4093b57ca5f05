//! The order and the pace of the dials of an API key.

mod budget;
mod clock;
mod limiter;
mod queue;
mod streak;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::{PrivateStream, Timestamp};

use super::LinkId;
use crate::{Error, Settings};

use budget::DialBudget;
#[cfg(test)]
pub(crate) use clock::unix_ms;
pub(crate) use clock::{ClockAdvice, ExchangeClock, Reading};
pub use limiter::DialLimiter;
pub(crate) use limiter::Limited;
use queue::FairQueue;
pub(crate) use streak::Streak;

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
    clock: ExchangeClock,
    held_until: Option<Instant>,
    links: BTreeMap<LinkId, LinkState>,
    /// The links that wait for a dial.
    queue: FairQueue<LinkId>,
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
    /// A link may have its turn earlier than was last reported to it.
    has_changed: bool,
}

#[derive(Debug)]
enum LinkState {
    /// Waits for a dial, dials, or is closed.
    Offline,
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
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            budget: DialBudget::new(settings.dial_budget, settings.dial_budget_span, settings.dial_spacing),
            clock: ExchangeClock::default(),
            held_until: None,
            links: BTreeMap::new(),
            queue: FairQueue::new(),
            has_changed: false,
            dialing: None,
            outages: 0,
            pauses: 0,
            accepted_at: None,
            worked: BTreeSet::new(),
            key_refusals: None,
        }
    }

    /// Adds a link that wants to dial immediately.
    pub(super) fn add(&mut self, id: LinkId, now: Instant) {
        self.links.insert(id, LinkState::Offline);
        self.queue.add(id);
        self.queue.wait(id, Some(now));
    }

    /// Returns whether a link may have its turn earlier than was last reported to it, since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    pub(super) fn remove(&mut self, id: LinkId) {
        self.end_dial(id);
        self.has_changed = true;
        self.queue.remove(id);
        self.links.remove(&id);
    }

    /// Lets the link wait until this moment before its next dial.
    pub(super) fn wait(&mut self, id: LinkId, ready_at: Instant) {
        self.set(id, LinkState::Offline);
        self.queue.wait(id, Some(ready_at));
    }

    /// Ends the link's interest in dials.
    pub(super) fn close(&mut self, id: LinkId) {
        self.set(id, LinkState::Offline);
    }

    fn set(&mut self, id: LinkId, state: LinkState) {
        self.end_dial(id);
        self.has_changed = true;
        self.queue.wait(id, None);
        self.links.insert(id, state);
    }

    fn end_dial(&mut self, id: LinkId) {
        if self.dialing.is_some_and(|(dialing, _)| dialing == id) {
            self.dialing = None;
        }
    }

    /// Starts a dial of the link if it is the link's turn. The dial takes `at_most` this long.
    pub(super) fn turn(
        &mut self,
        id: LinkId,
        now: Instant,
        at_most: Duration,
        limited: Option<&Limited>,
    ) -> Turn {
        if let Some(LinkState::Refused(error)) = self.links.get(&id) {
            return Turn::Refused(error.clone());
        }
        let Some(ready_at) = self.queue.ask(id) else { return Turn::Wait(now + at_most) };
        let dialing_until = self.dialing.map(|(_, until)| until);
        let earliest = self.free_at(now).max(ready_at).max(dialing_until.unwrap_or(now));
        if earliest > now {
            return Turn::Wait(earliest);
        }
        if let Some(limited) = limited {
            // This client takes its place in the queue of the shared limit before the limit allows a dial.
            limited.enqueue(now);
            let free = limited.free_at(now);
            if free > now {
                return Turn::Wait(free);
            }
        }
        if let Err(until) = self.queue.turn(id, now) {
            return Turn::Wait(until);
        }
        if let Some(limited) = limited
            && let Err(until) = limited.take(now)
        {
            return Turn::Wait(until);
        }
        self.queue.take(id);
        self.budget.spend(now);
        self.dialing = Some((id, now + at_most));
        Turn::Dial
    }

    /// Returns when the next dial of any link is allowed: `now`, or later.
    pub(super) fn free_at(&self, now: Instant) -> Instant {
        self.budget.free_at(now).max(self.held_until.unwrap_or(now))
    }

    /// Allows no dial of any link before this moment.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// Returns the length of the next pause of all links: 5 s, doubling to 60 s until an upgrade is accepted.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.pauses)).min(LONGEST_PAUSE);
        self.pauses = self.pauses.saturating_add(1);
        pause
    }

    /// Counts a dial that found the exchange unreachable, and returns the number of such dials in a row before it.
    /// Returns `None` while a link is online, since the exchange is reachable then.
    pub(super) fn count_outage(&mut self) -> Option<u32> {
        let before = self.outages;
        self.outages = before.saturating_add(1);
        let is_online = self.links.values().any(|link| matches!(link, LinkState::Online));
        (!is_online).then_some(before)
    }

    /// Records that the upgrade of a link on this stream's path was accepted.
    pub(super) fn accept(&mut self, id: LinkId, stream: PrivateStream, now: Instant) {
        self.set(id, LinkState::Online);
        self.outages = 0;
        self.pauses = 0;
        self.accepted_at = Some(now);
        self.worked.insert(stream);
        self.key_refusals = None;
        self.clock.confirm();
    }

    pub(super) fn has_worked(&self, stream: PrivateStream) -> bool {
        self.worked.contains(&stream)
    }

    /// Returns when an upgrade of any link was last accepted.
    pub(super) fn accepted_at(&self) -> Option<Instant> {
        self.accepted_at
    }

    /// Returns the exchange's clock.
    pub(super) fn read_clock(&self, now: Instant, wall: SystemTime) -> Reading {
        self.clock.read(now, wall)
    }

    /// Handles a refusal because of the clock. `server` is the exchange's time, if it reported one.
    pub(super) fn refuse_clock(
        &mut self,
        server: Option<SystemTime>,
        last_nonce: u64,
        now: Instant,
        wall: SystemTime,
    ) -> ClockAdvice {
        self.clock.refuse(server, last_nonce, now, wall)
    }

    pub(super) fn key_has_worked(&self) -> bool {
        self.accepted_at.is_some()
    }

    /// Counts a dial of any stream that was refused because of the key.
    pub(super) fn refuse_key(&mut self, now: Instant, at: Timestamp) -> Streak {
        Streak::extend(&mut self.key_refusals, now, at)
    }

    /// Ends every link that waits for a dial: the exchange has just refused the key, or its nonces, for good.
    ///
    /// The verdict is not kept. A link that is online, or is added later, asks the exchange again.
    pub(super) fn end_waiting(&mut self, error: &Error) {
        self.key_refusals = None;
        self.has_changed = true;
        for (id, link) in &mut self.links {
            if self.queue.ask(*id).is_some() {
                self.queue.wait(*id, None);
                *link = LinkState::Refused(error.clone());
            }
        }
    }
}
