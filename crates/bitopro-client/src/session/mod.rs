//! What to do when: the life of one stream as a plain state machine, without sockets, tasks or clocks.
//!
//! A driver feeds it what happened (`handle_*`, with the time as an argument) and does what it asks for
//! (`poll_*`). The crate's own driver is a thin loop on tokio; another runtime needs only another loop,
//! and a test needs none.

mod failures;
mod link;
mod patience;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::{SignedHeaders, Signer};
use bitopro_model::{Decoded, Event, Timestamp, decode};
use bitopro_transport::{self as transport, Frame, Request, Text};
use bytes::Bytes;

use crate::backoff::Backoff;
use crate::dialer::{DialerHandle, Reading, SharedDialer, Streak, Turn};
use crate::endpoints::Endpoints;
use crate::item::{
    Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed, MalformedReason, Refusals,
    Weighed,
};
use crate::suspend::SuspendWatch;
use crate::{Error, ErrorKind, Followed, Settings};

use link::{Open, Phase, Resync, Snapshot};
use patience::Streaks;

/// Grace period after a dial's deadline, which the connector itself enforces.
const DIAL_SLACK: Duration = Duration::from_secs(1);

/// What a session asks its driver to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Dial this. It is signed for this moment: a dial that has to wait must ask again.
    Dial(Request),
    /// Send this frame on the connection.
    Send(Frame),
    /// Drop the connection, or the dial that is under way.
    HangUp,
}

/// The life of one private stream.
///
/// After every `handle_*`, take all actions ([`poll_action`](Self::poll_action)), all items
/// ([`poll_item`](Self::poll_item)) and the next deadline ([`poll_timeout`](Self::poll_timeout)).
#[derive(Debug)]
pub struct Session<D: Followed> {
    settings: Settings,
    signer: Signer,
    /// The headers of the last dial.
    sent: Option<SignedHeaders>,
    dialer: DialerHandle,
    endpoints: Endpoints,
    backoff: Backoff,
    phase: Phase,
    actions: VecDeque<Action>,
    items: VecDeque<Weighed<D>>,
    /// The last data event of any connection.
    last_event: Option<Edge>,
    /// Since when something may be missing that no gap has announced yet, by the exchange's clock.
    missing_since: Option<Timestamp>,
    /// Number of connections so far.
    connections: u64,
    /// Number of failures since the last snapshot.
    failures: u32,
    streaks: Streaks,
    /// Connections in a row that the server refused after it had accepted them.
    refused_upgrades: Option<Streak>,
    /// A connection has delivered data or lasted.
    has_served: bool,
    /// When a fresh snapshot was last requested.
    last_resync: Option<Instant>,
    suspend: SuspendWatch,
}

impl<D: Followed> Session<D> {
    /// Creates a session that wants to dial immediately. The seed decides its jitter.
    pub(crate) fn new(
        settings: Settings,
        signer: Signer,
        dialer: &SharedDialer,
        endpoints: Endpoints,
        seed: u64,
        now: Instant,
        wall: SystemTime,
    ) -> Self {
        Self {
            backoff: Backoff::new(settings.backoff_first, settings.backoff_longest, seed),
            suspend: SuspendWatch::new(now, wall, settings.idle_limit),
            settings,
            signer,
            sent: None,
            dialer: dialer.link(now),
            endpoints,
            phase: Phase::Waiting { check_at: now },
            actions: VecDeque::new(),
            items: VecDeque::new(),
            last_event: None,
            missing_since: None,
            connections: 0,
            failures: 0,
            streaks: Streaks::default(),
            refused_upgrades: None,
            has_served: false,
            last_resync: None,
        }
    }

    /// Returns what to do now. `wall` is the machine's clock, from which a dial's nonce is made.
    pub fn poll_action(&mut self, now: Instant, wall: SystemTime) -> Option<Action> {
        self.has_slept(now, wall);
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if !self.is_waiting() {
            return None;
        }
        let at_most = self.settings.dial_deadline + DIAL_SLACK;
        match self.dialer.turn(now, at_most) {
            Turn::Dial => {}
            Turn::Wait(check_at) => {
                self.phase = Phase::Waiting { check_at };
                return None;
            }
            Turn::Refused(error) => {
                self.end(Closed::Failed(error));
                return None;
            }
        }
        let clock = self.dialer.read_clock(now, wall);
        match self.request(clock) {
            Ok(request) => {
                self.phase = Phase::Dialing { since: now, until: now + at_most, clock };
                Some(Action::Dial(request))
            }
            Err(error) => {
                self.end(Closed::Failed(error));
                None
            }
        }
    }

    /// Returns whether the session waits for its turn to dial, which may come earlier than
    /// [`poll_timeout`](Self::poll_timeout) when another session of the same client has finished a dial: poll it again
    /// then.
    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. })
    }

    pub(crate) fn dialer(&self) -> &SharedDialer {
        self.dialer.shared()
    }

    /// The next item for the subscriber.
    pub fn poll_item(&mut self) -> Option<Item<Event<D>>> {
        self.poll_weighed().map(|(item, _)| item)
    }

    pub(crate) fn poll_weighed(&mut self) -> Option<Weighed<D>> {
        self.items.pop_front()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), and then [`poll_action`](Self::poll_action).
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { check_at } => Some(*check_at),
            Phase::Dialing { until, .. } | Phase::Closing { until } => Some(*until),
            Phase::Open(open) => Some(open.next_check()),
            Phase::Closed => None,
        }
    }

    /// Whether a connection is open, so that frames mean something.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_) | Phase::Closing { .. })
    }

    /// Whether it is over: nothing is left to do, and the last item is [`Item::Closed`].
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Handles a dial that led to an open connection.
    pub fn handle_connected(&mut self, now: Instant) {
        let Phase::Dialing { since, clock, .. } = self.phase else { return };
        let Some(url) = self.endpoints.url(D::STREAM) else { return };
        self.endpoints.keep();
        self.streaks = Streaks::default();
        self.dialer.accept(D::STREAM, now);
        self.connections += 1;
        let (number, ended_since_dial) = (self.connections, Vec::new());
        self.push(Item::Connected(Connected { url, number, dialed: since, ended_since_dial }));
        let open = Open::new(clock, now, &self.settings, D::HAS_SNAPSHOT);
        if !D::HAS_SNAPSHOT {
            // What was missed is never sent, so the gap has no later edge and is reported immediately.
            self.push_gap(open.opened(), None);
        }
        self.suspend.forget();
        self.phase = Phase::Open(open);
    }

    /// Handles a frame that arrived. `wall` is the machine's clock.
    pub fn handle_frame(&mut self, now: Instant, wall: SystemTime, frame: Frame) {
        if self.has_slept(now, wall) {
            // What waited in the socket was sent before the sleep.
            return;
        }
        match &mut self.phase {
            Phase::Open(open) => {
                open.last_frame = now;
                self.suspend.forget();
                match frame {
                    Frame::Text(text) => self.handle_text(text),
                    Frame::Binary(raw) => self.malformed(MalformedReason::Binary, raw),
                    Frame::Close(close) => self.handle_server_close(now, wall, close),
                    _ => {}
                }
            }
            Phase::Closing { .. } if matches!(frame, Frame::Close(_)) => {
                self.actions.push_back(Action::HangUp);
                self.end(Closed::Requested);
            }
            _ => {}
        }
    }

    /// Drops the connection if the machine slept: nothing that arrived before says anything about now.
    fn has_slept(&mut self, now: Instant, wall: SystemTime) -> bool {
        self.suspend.advance(now, wall);
        let Phase::Open(open) = &self.phase else { return false };
        let Some(slept) = self.suspend.slept(now.saturating_duration_since(open.last_frame)) else {
            return false;
        };
        self.actions.push_back(Action::HangUp);
        let message =
            format!("this machine slept for about {} s, so the connection is not trusted", slept.as_secs());
        self.lose(now, Error::new(ErrorKind::Idle, message), None);
        true
    }

    /// Handles a connection that ended without a close frame.
    pub fn handle_lost(&mut self, now: Instant, error: transport::Error) {
        match self.phase {
            Phase::Open(_) => {
                self.refused_upgrades = None;
                self.actions.push_back(Action::HangUp);
                self.lose(now, error.into(), None);
            }
            Phase::Closing { .. } => self.end(Closed::Requested),
            _ => {}
        }
    }

    /// Handles the moment that [`poll_timeout`](Self::poll_timeout) returned. `wall` is the machine's clock.
    pub fn handle_timeout(&mut self, now: Instant, wall: SystemTime) {
        if self.has_slept(now, wall) {
            return;
        }
        let idle_limit = self.settings.idle_limit;
        match &mut self.phase {
            Phase::Open(open) => {
                if open.is_idle(now, idle_limit) {
                    self.actions.push_back(Action::HangUp);
                    let message =
                        format!("no frame arrived for {} s, not even a ping", idle_limit.as_secs_f64());
                    self.lose(now, Error::new(ErrorKind::Idle, message), None);
                } else if let Some(resync) = open.resync.filter(|resync| resync.at <= now) {
                    self.resync(now, resync.reason);
                } else if open.misses_snapshot(now) {
                    self.actions.push_back(Action::HangUp);
                    let message = "no snapshot that can be read arrived in time";
                    self.lose(now, Error::new(ErrorKind::NoSnapshot, message), None);
                }
            }
            Phase::Dialing { until, .. } if *until <= now => {
                self.actions.push_back(Action::HangUp);
                let message = "the connector did not keep the dial's deadline";
                let error = transport::Error::new(transport::ErrorKind::TimedOut, message).into();
                self.dial_again(now, error, None);
            }
            Phase::Closing { until } if *until <= now => {
                self.actions.push_back(Action::HangUp);
                self.end(Closed::Requested);
            }
            _ => {}
        }
    }

    /// Handles the subscriber's request to end the stream.
    pub fn handle_close(&mut self, now: Instant) {
        match self.phase {
            Phase::Open(_) => {
                self.actions.push_back(Action::Send(Frame::close(1000, "")));
                self.phase = Phase::Closing { until: now + self.settings.close_deadline };
            }
            Phase::Waiting { .. } | Phase::Dialing { .. } => {
                self.actions.push_back(Action::HangUp);
                self.end(Closed::Requested);
            }
            Phase::Closing { .. } | Phase::Closed => {}
        }
    }

    /// Handles the subscriber's request for a fresh snapshot, which only a new connection gives.
    pub fn handle_resync(&mut self, now: Instant) {
        self.resync(now, "a fresh snapshot was requested");
    }

    /// Requests a fresh snapshot for a reason other than the subscriber's wish: soon, but not more often than a
    /// connection needs to prove itself. A new connection before then makes it unnecessary.
    pub(crate) fn handle_renewal(&mut self, now: Instant, reason: &'static str) {
        if let Phase::Open(open) = &mut self.phase {
            let at = self.last_resync.map_or(now, |last| now.max(last + self.settings.proven_after));
            open.resync.get_or_insert(Resync { at, reason });
        }
    }

    fn resync(&mut self, now: Instant, reason: &'static str) {
        if let Phase::Open(_) = self.phase {
            self.actions.push_back(Action::HangUp);
            self.last_resync = Some(now);
            self.credit(now);
            self.mark_gap();
            // Nothing failed, so only the budget delays the next dial.
            self.wait(now, Error::new(ErrorKind::Resync, reason), Duration::ZERO, None);
        }
    }

    fn handle_text(&mut self, text: Text) {
        let bytes = text.len();
        match decode::<D>(&text) {
            Ok(Decoded::Event(event)) => self.handle_event(event, bytes),
            Ok(Decoded::Unknown(unknown)) => self.items.push_back((Item::Unknown(unknown), bytes)),
            Err(error) => self.malformed(error.into(), text.into_bytes()),
        }
    }

    fn malformed(&mut self, reason: MalformedReason, raw: Bytes) {
        let bytes = raw.len();
        self.items.push_back((Item::Malformed(Malformed { reason, raw }), bytes));
        if let Phase::Open(open) = &mut self.phase {
            open.snapshot.mark_unreadable();
        }
    }

    fn handle_event(&mut self, event: Event<D>, bytes: usize) {
        let Phase::Open(open) = &mut self.phase else { return };
        let (edge, opened) = (Edge::of(&event), open.opened());
        open.has_data = true;
        self.has_served = true;
        self.refused_upgrades = None;
        let is_first = matches!(open.snapshot, Snapshot::Awaited { .. });
        if is_first {
            open.snapshot = Snapshot::Seen;
            self.failures = 0;
        }
        self.push_gap(opened, Some(edge.clone()));
        let item = if is_first { Item::Snapshot(event) } else { Item::Update(event) };
        self.items.push_back((item, bytes));
        self.last_event = Some(edge);
    }

    /// The request for a dial at this moment.
    fn request(&mut self, clock: Reading) -> Result<Request, Error> {
        let no_url = || Error::new(ErrorKind::InvalidUrl, "there is no endpoint to dial");
        let url = self.endpoints.url(D::STREAM).ok_or_else(no_url)?;
        let signed = self.signer.sign_identity(u64::try_from(clock.shown_ms).unwrap_or(0));
        let signed = self.sent.insert(signed);
        let unsigned = Request::new(url).with_deadline(self.settings.dial_deadline);
        Ok(signed.iter().try_fold(unsigned, |request, (name, value)| request.with_header(name, value))?)
    }

    /// Handles an open connection that is gone.
    fn lose(&mut self, now: Instant, error: Error, streak: Option<Streak>) {
        self.credit(now);
        self.mark_gap();
        self.retry(now, error, Duration::ZERO, streak);
    }

    /// Lets the next delays start small again after a connection that has proved itself.
    fn credit(&mut self, now: Instant) {
        if let Phase::Open(open) = &self.phase
            && open.is_proven(now, self.settings.proven_after)
        {
            self.backoff.reset();
            self.failures = 0;
            self.has_served = true;
            self.refused_upgrades = None;
        }
    }

    /// Records that something may be missed from the last frame on. Before the first event of a stream with
    /// snapshots there was nothing to miss.
    fn mark_gap(&mut self) {
        if let Phase::Open(open) = &self.phase
            && (self.last_event.is_some() || !D::HAS_SNAPSHOT)
        {
            self.missing_since.get_or_insert(open.last_heard());
        }
    }

    /// Reports a gap between the last event and this one, or now, if something may be missing.
    fn push_gap(&mut self, opened: Timestamp, after: Option<Edge>) {
        let Some(since) = self.missing_since.take() else { return };
        // A clock may have been set back in between.
        let reason = GapReason::Reconnected { since, until: opened.max(since) };
        self.push(Item::Gap(Gap { before: self.last_event.clone(), after, reason }));
    }

    /// Tries again after this pause, or the longer one that the exchange asked for, which all streams keep, and a
    /// growing delay on top; or gives up after the allowed number of failures.
    fn retry(&mut self, now: Instant, error: Error, pause: Duration, streak: Option<Streak>) {
        match self.next_delay(now, &error, pause) {
            Some(delay) => self.wait(now, error, delay, streak),
            None => self.end(Closed::Failed(error)),
        }
    }

    /// Tries again after a delay that holds for every stream.
    fn retry_for_all(&mut self, now: Instant, error: Error, streak: Option<Streak>) {
        let Some(delay) = self.next_delay(now, &error, Duration::ZERO) else {
            return self.end(Closed::Failed(error));
        };
        // Before the end of this dial gives another stream its turn.
        self.dialer.hold(now + delay);
        self.wait(now, error, delay, streak);
    }

    /// Returns the delay before the next dial, or `None` after the allowed number of failures.
    fn next_delay(&mut self, now: Instant, error: &Error, pause: Duration) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if self.settings.retry_limit.is_some_and(|limit| self.failures >= limit) {
            return None;
        }
        let pause = match error.kind() {
            ErrorKind::RateLimited { retry_after: None } => self.dialer.next_pause(),
            _ => pause.max(error.retry_after().unwrap_or_default().min(self.settings.retry_after_cap)),
        };
        if !pause.is_zero() {
            self.dialer.hold(now + pause);
        }
        // Every client was asked for the same pause, so jitter comes on top.
        Some(pause + self.backoff.next_delay())
    }

    fn wait(&mut self, now: Instant, error: Error, delay: Duration, streak: Option<Streak>) {
        self.dialer.wait(now + delay);
        let check_at = self.dialer.free_at(now).max(now + delay);
        self.phase = Phase::Waiting { check_at };
        let refusals = streak.map(|streak| Refusals { first: streak.since, count: streak.count });
        self.push(Item::Disconnected(Disconnected { error, retry_in: check_at - now, refusals }));
    }

    fn push(&mut self, item: Item<Event<D>>) {
        self.items.push_back((item, 0));
    }

    fn end(&mut self, closed: Closed) {
        self.dialer.close();
        self.phase = Phase::Closed;
        self.push(Item::Closed(closed));
    }
}
