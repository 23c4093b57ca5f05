//! The order and the rate of the dials of an API key.

mod budget;
mod clock;
mod limiter;
mod queue;
mod refusal_streak;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::{PrivateStream, Stream, Timestamp};

use super::LinkId;
use crate::{Error, Settings};

pub(crate) use budget::DialBudget;
#[cfg(test)]
pub(crate) use clock::unix_ms;
pub(crate) use clock::{ClockReading, ExchangeClock, SkewReport};
pub use limiter::DialLimiter;
pub(crate) use limiter::LimiterHandle;
use queue::FairQueue;
pub(crate) use refusal_streak::RefusalStreak;

/// The bounds of the pause of all streams after a refusal that does not say how long to wait.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Decides which link of an API key dials next, and records how the exchange responds to the key.
///
/// Only one dial is in progress at a time. Nonces must arrive in the order of their creation, because the
/// exchange takes a lower nonce for a replay. Among the links whose backoff has expired, the one whose last
/// dial is the oldest goes next. A failing stream therefore never delays another stream by more than one
/// dial. Only the history goes before the open orders of its subscriber, which would need another snapshot if it
/// came after them; the two exchange their turns.
#[derive(Debug)]
pub(crate) struct Dialer {
    budget: DialBudget,
    clock: ExchangeClock,
    /// No link may dial before this time.
    held_until: Option<Instant>,
    links: BTreeMap<LinkId, LinkState>,
    /// The links that wait for a dial.
    queue: FairQueue<LinkId>,
    /// The link whose dial is in progress, and the latest time at which that dial ends.
    dialing: Option<(LinkId, Instant)>,
    /// Number of consecutive dials, of any stream, that found the exchange unreachable.
    outages: u32,
    /// Number of pauses since the last accepted upgrade.
    pauses: u32,
    /// The time of the last accepted upgrade of a private stream.
    accepted_at: Option<Instant>,
    /// The paths on which an upgrade has been accepted.
    accepted_paths: BTreeSet<String>,
    /// Rejections of the key (401), over all streams.
    key_refusals: Option<RefusalStreak>,
    /// True if the turn of a link may have become earlier than last reported.
    has_changed: bool,
}

/// The state of a link, as far as it affects the dials of other links.
#[derive(Debug)]
enum LinkState {
    /// The link waits for a dial, is dialling, or has ended.
    Offline,
    Online,
    /// The key or its nonces were permanently rejected while the link waited.
    Refused(Error),
}

/// The answer to a link that is ready to dial.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Dial now.
    Dial,
    /// Ask again at this time, or when the dialer has changed.
    Wait(Instant),
    /// Give up, because the key or its nonces were permanently rejected.
    Refused(Error),
}

impl Dialer {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            budget: settings.dial_budget(),
            clock: ExchangeClock::default(),
            held_until: None,
            links: BTreeMap::new(),
            queue: FairQueue::new(),
            has_changed: false,
            dialing: None,
            outages: 0,
            pauses: 0,
            accepted_at: None,
            accepted_paths: BTreeSet::new(),
            key_refusals: None,
        }
    }

    /// Adds a link that is ready to dial.
    pub(super) fn add(&mut self, id: LinkId, now: Instant) {
        self.links.insert(id, LinkState::Offline);
        self.queue.add(id);
        self.queue.set_ready_at(id, Some(now));
    }

    /// Returns whether the turn of a link may have become earlier since the previous call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    pub(super) fn remove(&mut self, id: LinkId) {
        self.end_dial(id);
        self.has_changed = true;
        self.queue.remove(id);
        self.links.remove(&id);
    }

    /// Ends the current dial or connection of a link, and sets the earliest time of its next dial.
    pub(super) fn wait(&mut self, id: LinkId, ready_at: Instant) {
        self.set_state(id, LinkState::Offline);
        self.queue.set_ready_at(id, Some(ready_at));
    }

    /// Ends the current dial or connection of a link, which will not dial again.
    pub(super) fn close(&mut self, id: LinkId) {
        self.set_state(id, LinkState::Offline);
    }

    fn set_state(&mut self, id: LinkId, state: LinkState) {
        self.end_dial(id);
        self.has_changed = true;
        self.queue.set_ready_at(id, None);
        self.links.insert(id, state);
    }

    fn end_dial(&mut self, id: LinkId) {
        if self.dialing.is_some_and(|(dialing, _)| dialing == id) {
            self.dialing = None;
        }
    }

    /// Starts a dial, which takes at most `max_duration`, if it is the turn of this link.
    pub(super) fn turn(
        &mut self,
        id: LinkId,
        now: Instant,
        max_duration: Duration,
        limiter: Option<&LimiterHandle>,
    ) -> Turn {
        if let Some(LinkState::Refused(error)) = self.links.get(&id) {
            return Turn::Refused(error.clone());
        }
        let Some(ready_at) = self.queue.mark_active(id) else { return Turn::Wait(now + max_duration) };
        let dialing_until = self.dialing.map(|(_, until)| until);
        let earliest = self.free_at(now).max(ready_at).max(dialing_until.unwrap_or(now));
        if earliest > now {
            return Turn::Wait(earliest);
        }
        if let Some(limiter) = limiter {
            // Enqueues this client even before the limiter allows a dial, so that it gets its turn.
            limiter.enqueue(now);
            let free_at = limiter.free_at(now);
            if free_at > now {
                return Turn::Wait(free_at);
            }
        }
        let mut turn = self.queue.turn(id, now);
        let history = LinkId { stream: PrivateStream::HistoryOrders.into(), ..id };
        if turn.is_ok() && id.stream == PrivateStream::ActiveOrders && self.queue.put_before(history, id, now)
        {
            self.has_changed = true;
            turn = self.queue.turn(id, now);
        }
        if let Err(until) = turn {
            return Turn::Wait(until);
        }
        if let Some(limiter) = limiter
            && let Err(until) = limiter.try_dial(now)
        {
            return Turn::Wait(until);
        }
        self.queue.take_turn(id);
        self.budget.spend(now);
        self.dialing = Some((id, now + max_duration));
        Turn::Dial
    }

    /// Returns the time at which the next dial of any link is allowed: `now` or later.
    ///
    /// While the exchange is unreachable, a dial leaves enough of the budget for the others to follow it
    /// immediately. An outage would otherwise spend it all, and after the outage the links could reconnect only one
    /// by one.
    pub(super) fn free_at(&self, now: Instant) -> Instant {
        let others = u32::try_from(self.links.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let reserve = if self.outages == 0 || self.is_online() { 0 } else { others };
        self.budget.free_at(now, reserve).max(self.held_until.unwrap_or(now))
    }

    /// Prevents the dials of all links until this time.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// Returns the duration of the next pause of all links. It starts at 5 s and doubles up to 60 s; an
    /// accepted upgrade resets it.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.pauses)).min(LONGEST_PAUSE);
        self.pauses = self.pauses.saturating_add(1);
        pause
    }

    /// Counts a dial that found the exchange unreachable, and returns the number of consecutive such dials
    /// before it.
    ///
    /// Returns `None` while any link is online, since the exchange is reachable then.
    pub(super) fn count_outage(&mut self) -> Option<u32> {
        let before = self.outages;
        self.outages = before.saturating_add(1);
        (!self.is_online()).then_some(before)
    }

    fn is_online(&self) -> bool {
        self.links.values().any(|link| matches!(link, LinkState::Online))
    }

    /// Records that an upgrade was accepted on this path.
    pub(super) fn record_upgrade(&mut self, id: LinkId, path: &str, now: Instant) {
        self.set_state(id, LinkState::Online);
        self.outages = 0;
        self.pauses = 0;
        self.accepted_paths.insert(path.to_owned());
        if let Stream::Private(_) = id.stream {
            self.accepted_at = Some(now);
            self.key_refusals = None;
            self.clock.record_acceptance();
        }
    }

    pub(super) fn path_has_worked(&self, path: &str) -> bool {
        self.accepted_paths.contains(path)
    }

    /// Returns the time at which a signed upgrade of any link was last accepted.
    pub(super) fn accepted_at(&self) -> Option<Instant> {
        self.accepted_at
    }

    /// Returns the current time of the exchange.
    pub(super) fn read_clock(&self, now: Instant, wall: SystemTime) -> ClockReading {
        self.clock.read(now, wall)
    }

    /// Handles a refusal because of the clock. `server` is the exchange's time, if it reported one.
    pub(super) fn record_clock_refusal(
        &mut self,
        server: Option<SystemTime>,
        last_nonce: u64,
        now: Instant,
        wall: SystemTime,
    ) -> SkewReport {
        self.clock.record_refusal(server, last_nonce, now, wall)
    }

    /// Returns whether an upgrade of any link has been accepted.
    pub(super) fn has_connected(&self) -> bool {
        !self.accepted_paths.is_empty()
    }

    pub(super) fn key_has_worked(&self) -> bool {
        self.accepted_at.is_some()
    }

    /// Counts a dial of any stream that was refused because of the key.
    pub(super) fn record_key_refusal(&mut self, now: Instant, timestamp: Timestamp) -> RefusalStreak {
        RefusalStreak::record(&mut self.key_refusals, now, timestamp)
    }

    /// Ends all links that wait for a dial, because the exchange has permanently rejected the key or its
    /// nonces.
    ///
    /// Other links are not affected. A link that is online or is added later dials again.
    pub(super) fn refuse_waiting(&mut self, error: &Error) {
        self.key_refusals = None;
        self.has_changed = true;
        for (id, link) in &mut self.links {
            if self.queue.mark_active(*id).is_some() {
                self.queue.set_ready_at(*id, None);
                *link = LinkState::Refused(error.clone());
            }
        }
    }
}
