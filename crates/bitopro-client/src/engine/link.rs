//! The life of one stream's connections.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::{SignedHeaders, Signer};
use bitopro_model::{Message, PrivateStream, Timestamp};
use bitopro_transport::{self as transport, Frame, Request};

use super::backoff::Backoff;
use super::connection::{Open, Phase, Resync, Snapshot};
use super::dialer::{Dialer, Limited, Reading, Streak, Turn};
use super::patience::Streaks;
use super::received::Received;
use super::suspend::SuspendWatch;
use super::{Action, LinkId};
use crate::account::has_snapshot;
use crate::endpoints::Endpoints;
use crate::error::from_transport;
use crate::item::{Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Refusals};
use crate::{Error, ErrorKind, Settings};

/// Grace period after a dial's deadline, which the connector itself enforces.
const DIAL_SLACK: Duration = Duration::from_secs(1);

/// The moment, and everything that a link shares with the other links of the API key.
pub(super) struct Context<'a> {
    pub(super) settings: &'a Settings,
    pub(super) signer: &'a Signer,
    pub(super) dialer: &'a mut Dialer,
    /// The limit that the API key shares with others, if any.
    pub(super) limited: Option<&'a Limited>,
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
}

impl Context<'_> {
    /// Returns the exchange's clock.
    pub(super) fn clock(&self) -> Reading {
        self.dialer.read_clock(self.now, self.wall)
    }
}

/// The connections of one stream, one after the other.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    /// The headers of the last dial.
    pub(super) sent: Option<SignedHeaders>,
    pub(super) endpoints: Endpoints,
    pub(super) backoff: Backoff,
    pub(super) phase: Phase,
    pub(super) actions: VecDeque<Action>,
    /// Items, each with the size of the message in which it arrived.
    pub(super) items: VecDeque<(Item<Message>, usize)>,
    /// The last data event of any connection.
    last_event: Option<Edge>,
    /// When the last event arrived, or of a stream without snapshots the first connection.
    received: Option<Instant>,
    /// Since when something may be missing that no gap has announced yet, by the exchange's clock.
    missing_since: Option<Timestamp>,
    /// Number of connections so far.
    connections: u64,
    /// Number of failures since the last snapshot.
    failures: u32,
    pub(super) streaks: Streaks,
    /// Connections in a row that the server refused after it had accepted them.
    pub(super) refused_upgrades: Option<Streak>,
    /// A connection has delivered data or lasted.
    pub(super) has_served: bool,
    /// When a fresh snapshot was last requested.
    last_resync: Option<Instant>,
    suspend: SuspendWatch,
}

impl Link {
    /// Creates a link that wants to dial immediately. The seed decides its jitter.
    pub(super) fn new(id: LinkId, endpoints: Endpoints, seed: u64, cx: &mut Context<'_>) -> Self {
        let Context { settings, now, wall, .. } = *cx;
        cx.dialer.add(id, now);
        Self {
            id,
            backoff: Backoff::new(settings.backoff_first, settings.backoff_longest, seed),
            suspend: SuspendWatch::new(now, wall, settings.idle_limit),
            sent: None,
            endpoints,
            phase: Phase::Waiting { check_at: now },
            actions: VecDeque::new(),
            items: VecDeque::new(),
            last_event: None,
            received: None,
            missing_since: None,
            connections: 0,
            failures: 0,
            streaks: Streaks::default(),
            refused_upgrades: None,
            has_served: false,
            last_resync: None,
        }
    }

    pub(super) fn stream(&self) -> PrivateStream {
        self.id.stream
    }

    /// Returns the next action of the driver.
    pub(super) fn poll_action(&mut self, cx: &mut Context<'_>) -> Option<Action> {
        self.has_slept(cx);
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if !self.is_waiting() {
            return None;
        }
        let at_most = cx.settings.dial_deadline + DIAL_SLACK;
        match cx.dialer.turn(self.id, cx.now, at_most, cx.limited) {
            Turn::Dial => {}
            Turn::Wait(check_at) => {
                self.phase = Phase::Waiting { check_at };
                return None;
            }
            Turn::Refused(error) => {
                self.end(cx, Closed::Failed(error));
                return None;
            }
        }
        let clock = cx.clock();
        match self.request(cx, clock) {
            Ok(request) => {
                self.phase = Phase::Dialing { since: cx.now, until: cx.now + at_most, clock };
                Some(Action::Dial(request))
            }
            Err(error) => {
                self.end(cx, Closed::Failed(error));
                None
            }
        }
    }

    /// Returns whether the link waits for its turn to dial, which may come earlier than
    /// [`poll_timeout`](Self::poll_timeout) when another link has finished a dial.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. })
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), and then [`poll_action`](Self::poll_action).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { check_at } => Some(*check_at),
            Phase::Dialing { until, .. } | Phase::Closing { until } => Some(*until),
            Phase::Open(open) => Some(open.next_check()),
            Phase::Closed => None,
        }
    }

    /// Returns whether a connection is open, so that frames mean something.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_) | Phase::Closing { .. })
    }

    /// Returns whether the stream has ended: the last item is [`Item::Closed`].
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Handles a dial that led to an open connection.
    pub(super) fn handle_connected(&mut self, cx: &mut Context<'_>) {
        let Phase::Dialing { since, clock, .. } = self.phase else { return };
        let url = self.endpoints.url(self.stream());
        self.endpoints.keep();
        self.streaks = Streaks::default();
        cx.dialer.accept(self.id, self.stream(), cx.now);
        self.connections += 1;
        let (number, ended_since_dial) = (self.connections, Vec::new());
        self.push(Item::Connected(Connected { url, number, dialed: since, ended_since_dial }));
        let open = Open::new(clock, cx.now, cx.settings, has_snapshot(self.stream()));
        if !has_snapshot(self.stream()) {
            self.received.get_or_insert(cx.now);
            // What was missed is never sent, so the gap has no later edge and is reported immediately.
            self.push_gap(open.opened(), None);
        }
        self.suspend.forget();
        self.phase = Phase::Open(open);
    }

    /// Handles a frame that arrived.
    pub(super) fn handle_received(&mut self, cx: &mut Context<'_>, received: Received) {
        if self.has_slept(cx) {
            // What waited in the socket was sent before the sleep.
            return;
        }
        match &mut self.phase {
            Phase::Open(open) => {
                open.last_frame = cx.now;
                self.suspend.forget();
                match received {
                    Received::Message(Message::Unknown(unknown), bytes) => {
                        self.items.push_back((Item::Unknown(unknown), bytes));
                    }
                    Received::Message(message, bytes) => self.handle_message(cx, message, bytes),
                    Received::Malformed(malformed) => {
                        open.snapshot.mark_unreadable();
                        let bytes = malformed.raw.len();
                        self.items.push_back((Item::Malformed(malformed), bytes));
                    }
                    Received::Close(close) => self.handle_server_close(cx, close),
                    Received::Other => {}
                }
            }
            Phase::Closing { .. } if matches!(received, Received::Close(_)) => {
                self.actions.push_back(Action::Disconnect);
                self.end(cx, Closed::Requested);
            }
            _ => {}
        }
    }

    /// Drops the connection if the machine slept: nothing that arrived before says anything about now.
    fn has_slept(&mut self, cx: &mut Context<'_>) -> bool {
        let slept = self.suspend.advance(cx.now, cx.wall);
        if !slept.is_zero() {
            // The monotonic clock has not noticed.
            self.received = self.received.map(|received| received.checked_sub(slept).unwrap_or(received));
        }
        let Phase::Open(open) = &self.phase else { return false };
        let Some(slept) = self.suspend.slept(cx.now.saturating_duration_since(open.last_frame)) else {
            return false;
        };
        self.actions.push_back(Action::Disconnect);
        let message =
            format!("this machine slept for about {} s, so the connection is not trusted", slept.as_secs());
        self.disconnect(cx, Error::new(ErrorKind::Idle, message), None);
        true
    }

    /// Handles a connection that ended without a close frame.
    pub(super) fn handle_lost(&mut self, cx: &mut Context<'_>, error: transport::Error) {
        match self.phase {
            Phase::Open(_) => {
                self.refused_upgrades = None;
                self.actions.push_back(Action::Disconnect);
                self.disconnect(cx, from_transport(error), None);
            }
            Phase::Closing { .. } => self.end(cx, Closed::Requested),
            _ => {}
        }
    }

    /// Handles the moment that [`poll_timeout`](Self::poll_timeout) returned.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        if self.has_slept(cx) {
            return;
        }
        let idle_limit = cx.settings.idle_limit;
        match &mut self.phase {
            Phase::Open(open) => {
                if open.is_idle(cx.now, idle_limit) {
                    self.actions.push_back(Action::Disconnect);
                    let message =
                        format!("no frame arrived for {} s, not even a ping", idle_limit.as_secs_f64());
                    self.disconnect(cx, Error::new(ErrorKind::Idle, message), None);
                } else if let Some(resync) = open.resync.filter(|resync| resync.at <= cx.now) {
                    self.resync(cx, resync.reason);
                } else if open.is_snapshot_overdue(cx.now) {
                    self.actions.push_back(Action::Disconnect);
                    let message = "no snapshot that can be read arrived in time";
                    self.disconnect(cx, Error::new(ErrorKind::NoSnapshot, message), None);
                }
            }
            Phase::Dialing { until, .. } if *until <= cx.now => {
                self.actions.push_back(Action::Disconnect);
                let message = "the connector did not keep the dial's deadline";
                let error = from_transport(transport::Error::new(transport::ErrorKind::TimedOut, message));
                self.dial_again(cx, error, None);
            }
            Phase::Closing { until } if *until <= cx.now => {
                self.actions.push_back(Action::Disconnect);
                self.end(cx, Closed::Requested);
            }
            _ => {}
        }
    }

    /// Handles the subscriber's request to end the stream.
    pub(super) fn handle_close(&mut self, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Open(_) => {
                self.actions.push_back(Action::Send(Frame::close(1000, "")));
                self.phase = Phase::Closing { until: cx.now + cx.settings.close_deadline };
            }
            Phase::Waiting { .. } | Phase::Dialing { .. } => {
                self.actions.push_back(Action::Disconnect);
                self.end(cx, Closed::Requested);
            }
            Phase::Closing { .. } | Phase::Closed => {}
        }
    }

    /// Ends the stream, if it has not ended: its driver is gone.
    pub(super) fn handle_stopped(&mut self, cx: &mut Context<'_>) {
        if !self.is_closed() {
            let message = "the stream was stopped from outside: did its runtime shut down?";
            self.actions.clear();
            self.end(cx, Closed::Failed(Error::new(ErrorKind::Stopped, message)));
        }
    }

    /// Handles the subscriber's request for a fresh snapshot, which only a new connection gives.
    pub(super) fn handle_resync(&mut self, cx: &mut Context<'_>) {
        self.resync(cx, "a fresh snapshot was requested");
    }

    /// Requests a fresh snapshot for a reason other than the subscriber's wish: soon, but not more often than a
    /// connection needs to prove itself. A new connection before then makes it unnecessary.
    pub(super) fn handle_snapshot_request(&mut self, cx: &mut Context<'_>, reason: &'static str) {
        if let Phase::Open(open) = &mut self.phase {
            let at = self.last_resync.map_or(cx.now, |last| cx.now.max(last + cx.settings.stable_after));
            open.resync.get_or_insert(Resync { at, reason });
        }
    }

    fn resync(&mut self, cx: &mut Context<'_>, reason: &'static str) {
        if let Phase::Open(_) = self.phase {
            self.actions.push_back(Action::Disconnect);
            self.last_resync = Some(cx.now);
            self.record_stability(cx);
            self.mark_gap();
            // Nothing failed, so only the budget delays the next dial.
            self.wait(cx, Error::new(ErrorKind::Resync, reason), Duration::ZERO, None);
        }
    }

    fn handle_message(&mut self, cx: &Context<'_>, message: Message, bytes: usize) {
        let Phase::Open(open) = &mut self.phase else { return };
        let opened = open.opened();
        open.has_data = true;
        self.has_served = true;
        self.refused_upgrades = None;
        self.received = Some(cx.now);
        let is_first = matches!(open.snapshot, Snapshot::Awaited { .. });
        if is_first {
            open.snapshot = Snapshot::Seen;
            self.failures = 0;
        }
        let edge = Edge::of(&message);
        self.push_gap(opened, edge.clone());
        let item = if is_first { Item::Snapshot(message) } else { Item::Update(message) };
        self.items.push_back((item, bytes));
        self.last_event = edge;
    }

    /// Returns the time since the last event arrived, and whether it may be out of date although nothing was missed until
    /// then: the machine may have slept since, or the connection is closing, so that frames are no longer read.
    pub(super) fn age(&self, now: Instant, wall: SystemTime) -> Option<(Duration, bool)> {
        let slept = self.suspend.since(now, wall);
        let age = now.saturating_duration_since(self.received?) + slept;
        Some((age, self.suspend.is_too_long(slept) || matches!(self.phase, Phase::Closing { .. })))
    }

    /// Signs the request for a dial at this moment.
    fn request(&mut self, cx: &Context<'_>, clock: Reading) -> Result<Request, Error> {
        let url = self.endpoints.url(self.stream());
        let signed = cx.signer.sign_identity(u64::try_from(clock.shown_ms).unwrap_or(0));
        let signed = self.sent.insert(signed);
        let unsigned = Request::new(url).with_deadline(cx.settings.dial_deadline);
        let signed =
            signed.iter().try_fold(unsigned, |request, (name, value)| request.with_header(name, value));
        signed.map_err(from_transport)
    }

    /// Handles an open connection that is gone.
    pub(super) fn disconnect(&mut self, cx: &mut Context<'_>, error: Error, streak: Option<Streak>) {
        self.record_stability(cx);
        self.mark_gap();
        self.retry(cx, error, Duration::ZERO, streak);
    }

    /// Lets the next delays start small again after a connection that has proved itself.
    pub(super) fn record_stability(&mut self, cx: &mut Context<'_>) {
        if let Phase::Open(open) = &self.phase
            && open.is_stable(cx.now, cx.settings.stable_after)
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
            && (self.last_event.is_some() || !has_snapshot(self.stream()))
        {
            self.missing_since.get_or_insert(open.last_heard());
        }
    }

    /// Reports a gap between the last event and this one, or now, if something may be missing.
    fn push_gap(&mut self, opened: Timestamp, after: Option<Edge>) {
        let Some(since) = self.missing_since.take() else { return };
        // A clock may have been set back in between.
        let reason = GapReason::Reconnected { since, until: opened.max(since) };
        let before = self.last_event.clone();
        self.push(Item::Gap(Gap { before, after, reason, leaves_stale: false }));
    }

    /// Tries again after this pause, or the longer one that the exchange asked for, which all streams keep, and a
    /// growing delay on top; or gives up after the allowed number of failures.
    pub(super) fn retry(
        &mut self,
        cx: &mut Context<'_>,
        error: Error,
        pause: Duration,
        streak: Option<Streak>,
    ) {
        match self.next_delay(cx, &error, pause) {
            Some(delay) => self.wait(cx, error, delay, streak),
            None => self.end(cx, Closed::Failed(error)),
        }
    }

    /// Tries again after a delay that holds for every stream.
    pub(super) fn retry_for_all(&mut self, cx: &mut Context<'_>, error: Error, streak: Option<Streak>) {
        let Some(delay) = self.next_delay(cx, &error, Duration::ZERO) else {
            return self.end(cx, Closed::Failed(error));
        };
        // Before the end of this dial gives another stream its turn.
        cx.dialer.hold(cx.now + delay);
        self.wait(cx, error, delay, streak);
    }

    /// Returns the delay before the next dial, or `None` after the allowed number of failures.
    fn next_delay(&mut self, cx: &mut Context<'_>, error: &Error, pause: Duration) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if cx.settings.retry_limit.is_some_and(|limit| self.failures >= limit) {
            return None;
        }
        let pause = match error.kind() {
            ErrorKind::RateLimited { retry_after: None } => cx.dialer.next_pause(),
            _ => pause.max(error.kind().retry_after().unwrap_or_default().min(cx.settings.retry_after_cap)),
        };
        if !pause.is_zero() {
            cx.dialer.hold(cx.now + pause);
        }
        // Every client was asked for the same pause, so jitter comes on top.
        Some(pause + self.backoff.next_delay())
    }

    pub(super) fn wait(
        &mut self,
        cx: &mut Context<'_>,
        error: Error,
        delay: Duration,
        streak: Option<Streak>,
    ) {
        cx.dialer.wait(self.id, cx.now + delay);
        let shared = cx.limited.map_or(cx.now, |limited| limited.free_at(cx.now));
        let check_at = cx.dialer.free_at(cx.now).max(shared).max(cx.now + delay);
        self.phase = Phase::Waiting { check_at };
        let refusals = streak.map(|streak| Refusals { first: streak.since, count: streak.count });
        self.push(Item::Disconnected(Disconnected { error, retry_in: check_at - cx.now, refusals }));
    }

    fn push(&mut self, item: Item<Message>) {
        self.items.push_back((item, 0));
    }

    pub(super) fn end(&mut self, cx: &mut Context<'_>, closed: Closed) {
        cx.dialer.close(self.id);
        self.phase = Phase::Closed;
        self.push(Item::Closed(closed));
    }
}
