//! What to do when: the life of one stream as a plain state machine, without sockets, tasks or clocks.
//!
//! A driver feeds it what happened (`handle_*`, with the time as an argument) and does what it asks for
//! (`poll_*`). The crate's own driver is a thin loop on tokio; another runtime needs only another loop,
//! and a test needs none.

mod clock;
mod link;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::Signer;
use bitopro_model::{Decoded, Event, Timestamp, decode};
use bitopro_transport::{self as transport, CloseFrame, Frame, Request, Text};
use bytes::Bytes;

use crate::backoff::Backoff;
use crate::budget::DialBudget;
use crate::endpoints::Endpoints;
use crate::item::{
    Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed, MalformedReason, Weighed,
};
use crate::{Error, ErrorKind, Followed, Settings, Verdict, classify};

use clock::{ExchangeClock, Reading};
use link::{Open, Phase, Refusals, Snapshot};

/// How much later than its deadline a dial may end: it is the connector's to keep, and only one that does
/// not is ended from here.
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
    budget: DialBudget,
    endpoints: Endpoints,
    backoff: Backoff,
    phase: Phase,
    actions: VecDeque<Action>,
    items: VecDeque<Weighed<D>>,
    /// The last data event of any connection.
    last_event: Option<Edge>,
    /// Since when something may be missing that no item has told of yet, by the exchange's clock.
    missing_since: Option<Timestamp>,
    /// How many connections there were.
    connections: u64,
    /// How many failures there were since the last snapshot.
    failures: u32,
    refusals: Refusals,
    clock: ExchangeClock,
}

impl<D: Followed> Session<D> {
    /// A session that wants to dial at once. The seed decides its jitter.
    pub(crate) fn new(
        settings: Settings,
        signer: Signer,
        budget: DialBudget,
        endpoints: Endpoints,
        seed: u64,
        now: Instant,
    ) -> Self {
        budget.forgive_key();
        Self {
            backoff: Backoff::new(settings.backoff_first, settings.backoff_longest, seed),
            settings,
            signer,
            budget,
            endpoints,
            phase: Phase::Waiting { until: now },
            actions: VecDeque::new(),
            items: VecDeque::new(),
            last_event: None,
            missing_since: None,
            connections: 0,
            failures: 0,
            refusals: Refusals::default(),
            clock: ExchangeClock::default(),
        }
    }

    /// What to do now. `wall` is the machine's clock, from which a dial's nonce is made.
    pub fn poll_action(&mut self, now: Instant, wall: SystemTime) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        let Phase::Waiting { until } = self.phase else { return None };
        if until > now {
            return None;
        }
        if let Some(error) = self.budget.key_refused() {
            self.end(Closed::Failed(error));
            return None;
        }
        let at_most = self.settings.dial_deadline + DIAL_SLACK;
        let permit = match self.budget.take(now, at_most) {
            Ok(permit) => permit,
            Err(free_at) => {
                self.phase = Phase::Waiting { until: free_at };
                return None;
            }
        };
        let clock = self.clock.read(now, wall);
        match self.request(clock) {
            Ok(request) => {
                self.phase = Phase::Dialing { until: now + at_most, clock, _permit: permit };
                Some(Action::Dial(request))
            }
            Err(error) => {
                self.end(Closed::Failed(error));
                None
            }
        }
    }

    /// The next item for the subscriber.
    pub fn poll_item(&mut self) -> Option<Item<Event<D>>> {
        self.poll_weighed().map(|(item, _)| item)
    }

    pub(crate) fn poll_weighed(&mut self) -> Option<Weighed<D>> {
        self.items.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and then [`poll_action`](Self::poll_action).
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { until } | Phase::Dialing { until, .. } | Phase::Closing { until } => {
                Some(*until)
            }
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

    /// The dial led to an open connection.
    pub fn handle_connected(&mut self, now: Instant) {
        let Phase::Dialing { clock, .. } = self.phase else { return };
        let Some(url) = self.endpoints.url(D::STREAM) else { return };
        self.endpoints.keep();
        self.refusals = Refusals::default();
        self.clock.confirm();
        self.connections += 1;
        self.tell(Item::Connected(Connected { url, number: self.connections }));
        let open = Open::new(self.budget.connect(), clock, now, &self.settings, D::HAS_SNAPSHOT);
        if !D::HAS_SNAPSHOT {
            // What was missed is never sent, so the gap is all there is to tell, and now is when.
            self.tell_gap(open.opened(), None);
        }
        self.phase = Phase::Open(open);
    }

    /// The dial failed. `wall` is the machine's clock, which the server's is compared with.
    pub fn handle_dial_failed(&mut self, now: Instant, wall: SystemTime, error: transport::Error) {
        if !matches!(self.phase, Phase::Dialing { .. }) {
            return;
        }
        let error = self.judge(now, wall, error);
        self.dial_failed(now, error);
    }

    fn dial_failed(&mut self, now: Instant, error: Error) {
        // What a key may do can differ by stream; whether it is accepted at all cannot.
        let is_key = error.kind() == ErrorKind::Unauthorized;
        let is_refused = is_key && self.budget.refuse_key(&error, self.settings.auth_attempts);
        if is_refused || !error.is_retryable() || self.refusals.is_enough(error.kind(), &self.settings) {
            self.end(Closed::Failed(error));
        } else if is_key {
            self.retry_for_all(now, error);
        } else if error.is_network() && self.endpoints.move_on() {
            self.wait(now, error, Duration::ZERO);
        } else {
            // What is out for this stream, while no other is connected, is out for all of them. They share how
            // long it has been so, and the budget is not spent on each of them finding out that it still is.
            let is_out = error.is_network() || matches!(error.kind(), ErrorKind::Unavailable { .. });
            let outage = if is_out { self.budget.count_outage() } else { None };
            if let Some(before) = outage {
                self.backoff.catch_up(before);
                self.retry_for_all(now, error);
            } else {
                self.retry(now, error, Duration::ZERO);
            }
        }
    }

    /// A frame arrived.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame) {
        match &mut self.phase {
            Phase::Open(open) => {
                open.last_frame = now;
                match frame {
                    Frame::Text(text) => self.handle_text(text),
                    Frame::Binary(raw) => self.malformed(MalformedReason::Binary, raw),
                    Frame::Close(close) => {
                        self.actions.push_back(Action::HangUp);
                        self.lose(now, closed_by_server(close));
                    }
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

    /// The connection ended without a close frame.
    pub fn handle_lost(&mut self, now: Instant, error: transport::Error) {
        match self.phase {
            Phase::Open(_) => {
                self.actions.push_back(Action::HangUp);
                self.lose(now, error.into());
            }
            Phase::Closing { .. } => self.end(Closed::Requested),
            _ => {}
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) told has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let idle_limit = self.settings.idle_limit;
        match &mut self.phase {
            Phase::Open(open) => {
                if open.is_idle(now, idle_limit) {
                    self.actions.push_back(Action::HangUp);
                    let message = format!("nothing came for {} s, not even a ping", idle_limit.as_secs_f64());
                    self.lose(now, Error::new(ErrorKind::Idle, message));
                } else if open.resync_at.is_some_and(|at| at <= now) {
                    self.handle_resync(now);
                } else if open.misses_snapshot(now) {
                    self.actions.push_back(Action::HangUp);
                    let message = "no snapshot that can be read came in time";
                    self.lose(now, Error::new(ErrorKind::NoSnapshot, message));
                }
            }
            Phase::Dialing { until, .. } if *until <= now => {
                self.actions.push_back(Action::HangUp);
                let message = "the connector did not keep the dial's deadline";
                self.dial_failed(now, transport::Error::new(transport::ErrorKind::TimedOut, message).into());
            }
            Phase::Closing { until } if *until <= now => {
                self.actions.push_back(Action::HangUp);
                self.end(Closed::Requested);
            }
            _ => {}
        }
    }

    /// The subscriber wants the stream to end.
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

    /// A fresh snapshot is wanted at this time, unless there is a new connection before.
    pub fn handle_resync_at(&mut self, at: Instant) {
        if let Phase::Open(open) = &mut self.phase {
            open.resync_at = Some(at);
        }
    }

    /// The subscriber wants a fresh snapshot, which only a new connection gives.
    pub fn handle_resync(&mut self, now: Instant) {
        if let Phase::Open(_) = self.phase {
            self.actions.push_back(Action::HangUp);
            self.credit(now);
            self.mark_gap();
            // Nothing failed, so nothing is held against the next dial but the budget.
            self.wait(now, Error::new(ErrorKind::Resync, "a fresh snapshot was asked for"), Duration::ZERO);
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
            open.snapshot.spoil();
        }
    }

    fn handle_event(&mut self, event: Event<D>, bytes: usize) {
        let Phase::Open(open) = &mut self.phase else { return };
        let (edge, opened) = (Edge::of(&event), open.opened());
        let is_first = matches!(open.snapshot, Snapshot::Awaited { .. });
        if is_first {
            open.snapshot = Snapshot::Seen;
            self.failures = 0;
        }
        self.tell_gap(opened, Some(edge.clone()));
        let item = if is_first { Item::Snapshot(event) } else { Item::Update(event) };
        self.items.push_back((item, bytes));
        self.last_event = Some(edge);
    }

    /// The request for a dial at this moment.
    fn request(&self, clock: Reading) -> Result<Request, Error> {
        let no_url = || Error::new(ErrorKind::InvalidUrl, "there is no endpoint to dial");
        let url = self.endpoints.url(D::STREAM).ok_or_else(no_url)?;
        let signed = self.signer.sign_identity(u64::try_from(clock.shown_ms).unwrap_or(0));
        let unsigned = Request::new(url).with_deadline(self.settings.dial_deadline);
        Ok(signed.iter().try_fold(unsigned, |request, (name, value)| request.with_header(name, value))?)
    }

    /// What a failed dial means.
    fn judge(&mut self, now: Instant, wall: SystemTime, error: transport::Error) -> Error {
        let Some(refusal) = error.refusal() else { return error.into() };
        let verdict = classify(refusal, wall);
        let ahead_ms = match verdict {
            Verdict::ClockSkew { server_time: Some(server) } => self.clock.correct(server, now, wall),
            _ => None,
        };
        let path = self.endpoints.url(D::STREAM).map(|url| url.path().to_owned()).unwrap_or_default();
        Error::refused(verdict, &path, ahead_ms, error)
    }

    /// An open connection is gone.
    fn lose(&mut self, now: Instant, error: Error) {
        self.credit(now);
        self.mark_gap();
        self.retry(now, error, Duration::ZERO);
    }

    /// A connection that was good begins the next delays small again.
    fn credit(&mut self, now: Instant) {
        if let Phase::Open(open) = &self.phase
            && open.is_proven(now, self.settings.proven_after)
        {
            self.backoff.reset();
            self.failures = 0;
        }
    }

    /// From the last frame on something may be missed. Before the first event of a stream with snapshots
    /// there was nothing to miss.
    fn mark_gap(&mut self) {
        if let Phase::Open(open) = &self.phase
            && (self.last_event.is_some() || !D::HAS_SNAPSHOT)
        {
            self.missing_since.get_or_insert(open.last_heard());
        }
    }

    /// Tells that something may be missing, if so, between the last event and this one, or now.
    fn tell_gap(&mut self, opened: Timestamp, after: Option<Edge>) {
        let Some(since) = self.missing_since.take() else { return };
        // A clock may have been set back in between.
        let reason = GapReason::Reconnected { since, until: opened.max(since) };
        self.tell(Item::Gap(Gap { before: self.last_event.clone(), after, reason }));
    }

    /// Tries again after a pause that grows and this on top, or gives up after as many failures as were
    /// allowed.
    fn retry(&mut self, now: Instant, error: Error, on_top: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.settings.retry_limit.is_some_and(|limit| self.failures >= limit) {
            return self.end(Closed::Failed(error));
        }
        let asked = error.retry_after().unwrap_or_default().min(self.settings.retry_after_cap);
        if !asked.is_zero() {
            self.budget.hold(now + asked);
        }
        // On top of what was asked for, since everybody was asked for the same.
        let delay = asked + self.backoff.next_delay() + on_top;
        self.wait(now, error, delay);
    }

    /// Tries again after a pause that is every stream's. The others wait the space of one dial less: it is their
    /// turn to find out.
    fn retry_for_all(&mut self, now: Instant, error: Error) {
        self.retry(now, error, self.settings.dial_spacing);
        if let Phase::Waiting { until } = &self.phase {
            self.budget.hold(until.checked_sub(self.settings.dial_spacing).unwrap_or(*until));
        }
    }

    fn wait(&mut self, now: Instant, error: Error, delay: Duration) {
        let until = self.budget.free_at(now).max(now + delay);
        self.phase = Phase::Waiting { until };
        self.tell(Item::Disconnected(Disconnected { error, retry_in: until - now }));
    }

    fn tell(&mut self, item: Item<Event<D>>) {
        self.items.push_back((item, 0));
    }

    fn end(&mut self, closed: Closed) {
        self.phase = Phase::Closed;
        self.tell(Item::Closed(closed));
    }
}

fn closed_by_server(close: Option<CloseFrame>) -> Error {
    let code = close.as_ref().map(|close| close.code);
    let said = close
        .filter(|close| !close.reason.is_empty())
        .map(|close| format!(": {}", close.reason.escape_debug()));
    let with = code.map(|code| format!(" with code {code}")).unwrap_or_default();
    let message = format!("the exchange closed the connection{with}{}", said.unwrap_or_default());
    Error::new(ErrorKind::ClosedByServer { code }, message)
}
