//! The state machine that keeps one stream of one subscriber connected.

use std::collections::{BTreeSet, VecDeque};
use std::mem::Discriminant;
use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::{SignedHeaders, Signer};
use bitopro_model::{Message, Pair, Stream, Timestamp};
use bitopro_transport::{self as transport, Frame};

use super::backoff::Backoff;
use super::connection::{OpenConnection, PendingResync, Phase, SnapshotStatus};
use super::decoded_frame::DecodedFrame;
use super::dialer::{ClockReading, Dialer, LimiterHandle, RefusalStreak, Turn};
use super::log::Log;
use super::patience::RefusalStreaks;
use super::suspend::SuspendDetector;
use super::target::Target;
use super::{Action, LinkId, SubscriberId};
use crate::endpoints::Endpoints;
use crate::error::{connection_lost, dial_failed};
use crate::item::{Closed, Connected, Edge, Gap, GapReason, Item};
use crate::stats::Counters;
use crate::{Error, ErrorKind, Settings};

/// Grace period after a dial's deadline, which the connector itself enforces.
const DIAL_GRACE: Duration = Duration::from_secs(1);

/// The current time, and everything that a link shares with the other links of the API key.
pub(super) struct Context<'a> {
    pub(super) settings: &'a Settings,
    pub(super) signer: Option<&'a Signer>,
    pub(super) dialer: &'a mut Dialer,
    /// The dial limiter that the client shares with other clients, if any.
    pub(super) limiter: Option<&'a LimiterHandle>,
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
}

impl Context<'_> {
    pub(super) fn clock(&self) -> ClockReading {
        self.dialer.read_clock(self.now, self.wall)
    }

    /// Returns the current time, according to the exchange's clock.
    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.clock().exchange_ms)
    }
}

/// The successive connections of one stream of one subscriber.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    /// The path and query, relative to the base URL.
    pub(super) path: String,
    /// The pairs of a public stream.
    pub(super) pairs: BTreeSet<Pair>,
    /// The signed headers of the last dial.
    pub(super) last_headers: Option<SignedHeaders>,
    pub(super) endpoints: Endpoints,
    pub(super) backoff: Backoff,
    pub(super) phase: Phase,
    pub(super) actions: VecDeque<Action>,
    /// New items, each with the size of its message in bytes.
    pub(super) items: VecDeque<(Item<Message>, usize)>,
    /// The last data message, of any connection.
    last_event: Option<Edge>,
    /// The time at which the last data message arrived. A stream without snapshots starts with its first
    /// connection.
    last_data_at: Option<Instant>,
    /// The start of the next gap, according to the exchange's clock, if something may have been missed.
    missing_since: Option<(Timestamp, Instant)>,
    /// The start of the last gap that was emitted.
    last_gap_start: Option<Instant>,
    /// Number of connections so far.
    connections: u64,
    /// Number of failures since the last snapshot.
    pub(super) failures: u32,
    /// The kind of the last failure, and the number of consecutive failures of this kind, unless data has
    /// arrived or a connection has become stable since then.
    pub(super) repeated: Option<(Discriminant<ErrorKind>, u32)>,
    pub(super) log: Log,
    pub(super) streaks: RefusalStreaks,
    /// Consecutive connections that the server accepted and then closed as refused.
    pub(super) refusals_after_upgrade: Option<RefusalStreak>,
    /// True if any connection so far has delivered data or become stable.
    pub(super) has_been_usable: bool,
    /// The time of the last resync.
    last_resync: Option<Instant>,
    suspend: SuspendDetector,
    /// Total time for which the machine slept. The monotonic clock did not advance during it.
    slept: Duration,
    /// The counts of dials and frames. The queue counts the items.
    pub(super) counters: Counters,
}

impl Link {
    /// Creates a link that is ready to dial. Its jitter is derived from the seed.
    pub(super) fn new(
        subscriber: SubscriberId,
        target: Target,
        endpoints: Endpoints,
        seed: u64,
        cx: &mut Context<'_>,
    ) -> Self {
        let Context { settings, now, wall, .. } = *cx;
        let Target { stream, path, pairs } = target;
        let id = LinkId { subscriber, stream };
        cx.dialer.add(id, now);
        Self {
            id,
            path,
            pairs,
            backoff: Backoff::new(settings.backoff_first, settings.backoff_longest, seed),
            suspend: SuspendDetector::new(now, wall, settings.idle_limit),
            last_headers: None,
            endpoints,
            phase: Phase::Waiting { check_at: now },
            actions: VecDeque::new(),
            items: VecDeque::new(),
            last_event: None,
            last_data_at: None,
            missing_since: None,
            last_gap_start: None,
            connections: 0,
            failures: 0,
            repeated: None,
            log: Log::new(id.stream),
            streaks: RefusalStreaks::default(),
            refusals_after_upgrade: None,
            has_been_usable: false,
            last_resync: None,
            slept: Duration::ZERO,
            counters: Counters::default(),
        }
    }

    pub(super) fn stream(&self) -> Stream {
        self.id.stream
    }

    /// Returns the next action for the driver, if any.
    pub(super) fn poll_action(&mut self, cx: &mut Context<'_>) -> Option<Action> {
        self.handle_suspend(cx);
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if !self.is_waiting() {
            return None;
        }
        let max_duration = cx.settings.dial_deadline + DIAL_GRACE;
        match cx.dialer.turn(self.id, cx.now, max_duration, cx.limiter) {
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
                self.phase = Phase::Dialing { since: cx.now, until: cx.now + max_duration, clock };
                self.log.dial(self.connections + 1, request.url());
                self.counters.dials += 1;
                Some(Action::Dial(request))
            }
            Err(error) => {
                self.end(cx, Closed::Failed(error));
                None
            }
        }
    }

    /// Returns whether the link waits for its turn to dial. The turn may come before
    /// [`poll_timeout`](Self::poll_timeout), when another link finishes its dial.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. })
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout) and then
    /// [`poll_action`](Self::poll_action), if any.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { check_at } => Some(*check_at),
            Phase::Dialing { until, .. } | Phase::Closing { until } => Some(*until),
            Phase::Open(open) => Some(open.next_check()),
            Phase::Closed => None,
        }
    }

    /// Returns whether a connection is open. Frames are ignored otherwise.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_) | Phase::Closing { .. })
    }

    /// Returns whether the stream has ended. Its last item is [`Item::Closed`].
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Handles a dial that succeeded.
    pub(super) fn handle_connected(&mut self, cx: &mut Context<'_>) {
        let Phase::Dialing { since, clock, .. } = self.phase else { return };
        let url = self.endpoints.url(&self.path);
        self.endpoints.reset_failures();
        self.streaks = RefusalStreaks::default();
        cx.dialer.record_upgrade(self.id, &self.path, cx.now);
        self.connections += 1;
        let (number, closed_since_dial) = (self.connections, Vec::new());
        let connected = Connected { url, number, dialed: since, closed_since_dial };
        self.push_item(Item::Connected(Box::new(connected)));
        let mut open = OpenConnection::new(clock, cx.now, cx.settings, self.stream().has_snapshot());
        open.awaited_pairs.clone_from(&self.pairs);
        if !self.stream().has_snapshot() {
            self.last_data_at.get_or_insert(cx.now);
            // The missed events are never sent, so the gap has no later edge and is emitted immediately.
            self.push_gap(open.opened_at(), None);
        }
        self.suspend.record_frame();
        self.phase = Phase::Open(open);
    }

    /// Handles a frame that arrived on the connection.
    pub(super) fn handle_decoded(&mut self, cx: &mut Context<'_>, frame: DecodedFrame) {
        match &mut self.phase {
            Phase::Open(open) => {
                open.last_frame = cx.now;
                self.suspend.record_frame();
                self.counters.bytes += u64::try_from(frame.bytes()).unwrap_or(0);
                match frame {
                    DecodedFrame::Message(Message::Unknown(unknown), bytes) => {
                        self.push_message(Item::Unknown(unknown), bytes);
                    }
                    DecodedFrame::Message(message, bytes) => self.handle_message(cx, message, bytes),
                    DecodedFrame::Malformed(malformed) => {
                        open.record_unreadable();
                        let bytes = malformed.raw.len();
                        self.push_message(Item::Malformed(Box::new(malformed)), bytes);
                    }
                    DecodedFrame::Close(close) => self.handle_server_close(cx, close),
                    DecodedFrame::Ping => self.counters.pings += 1,
                    DecodedFrame::Other => {}
                }
            }
            Phase::Closing { .. } if matches!(frame, DecodedFrame::Close(_)) => {
                self.actions.push_back(Action::Disconnect);
                self.end(cx, Closed::Requested);
            }
            _ => {}
        }
    }

    /// Drops the connection if the machine slept for too long to trust it. Returns whether the connection was
    /// dropped.
    pub(super) fn handle_suspend(&mut self, cx: &mut Context<'_>) -> bool {
        let slept = self.suspend.advance(cx.now, cx.wall);
        if !slept.is_zero() {
            // The monotonic clock did not advance during the sleep.
            self.last_data_at = self.last_data_at.map(|at| at.checked_sub(slept).unwrap_or(at));
            self.slept += slept;
        }
        let Phase::Open(open) = &self.phase else { return false };
        let Some(slept) = self.suspend.excessive_sleep(open.last_frame) else { return false };
        self.actions.push_back(Action::Disconnect);
        let message =
            format!("this machine slept for about {} s, so the connection may be dead", slept.as_secs());
        self.disconnect(cx, Error::new(ErrorKind::Idle, message), None);
        true
    }

    /// Handles a connection that ended without a close frame.
    pub(super) fn handle_lost(&mut self, cx: &mut Context<'_>, error: transport::Error) {
        match self.phase {
            Phase::Open(_) => {
                self.refusals_after_upgrade = None;
                self.actions.push_back(Action::Disconnect);
                self.disconnect(cx, connection_lost(error), None);
            }
            Phase::Closing { .. } => self.end(cx, Closed::Requested),
            _ => {}
        }
    }

    /// Handles the deadlines that have passed.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        if self.handle_suspend(cx) {
            return;
        }
        let idle_limit = cx.settings.idle_limit;
        match &mut self.phase {
            Phase::Open(open) => {
                if open.check_idle(cx.now, idle_limit) {
                    self.actions.push_back(Action::Disconnect);
                    let message =
                        format!("no frame arrived for {} s, not even a ping", idle_limit.as_secs_f64());
                    self.disconnect(cx, Error::new(ErrorKind::Idle, message), None);
                } else if let Some(resync) = open.resync.filter(|resync| resync.at <= cx.now) {
                    self.resync(cx, resync.reason);
                } else if open.is_snapshot_overdue(cx.now) && open.has_data && !open.awaited_pairs.is_empty()
                {
                    open.snapshot = SnapshotStatus::Arrived;
                    let missing = open.awaited_pairs.iter().cloned().collect();
                    self.push_item(Item::MissingPairs(missing));
                } else if open.is_snapshot_overdue(cx.now) {
                    self.actions.push_back(Action::Disconnect);
                    let seconds = cx.settings.snapshot_deadline.as_secs_f64();
                    let message = format!("no readable snapshot arrived within {seconds} s");
                    self.disconnect(cx, Error::new(ErrorKind::NoSnapshot, message), None);
                }
            }
            Phase::Dialing { until, .. } if *until <= cx.now => {
                self.actions.push_back(Action::Disconnect);
                let seconds = cx.settings.dial_deadline.as_secs_f64();
                let message = format!("the connector did not finish within {seconds} s");
                let error = dial_failed(transport::Error::new(transport::ErrorKind::TimedOut, message));
                self.redial(cx, error, None);
            }
            Phase::Closing { until } if *until <= cx.now => {
                self.actions.push_back(Action::Disconnect);
                self.end(cx, Closed::Requested);
            }
            _ => {}
        }
    }

    /// Starts to close the stream.
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

    /// Ends the stream immediately, because its driver has stopped.
    pub(super) fn handle_stopped(&mut self, cx: &mut Context<'_>) {
        if !self.is_closed() {
            let message =
                "the stream was stopped; its subscription was dropped, or its runtime has shut down";
            self.actions.clear();
            self.end(cx, Closed::Failed(Error::new(ErrorKind::Stopped, message)));
        }
    }

    /// Reconnects to get the new snapshot that the subscriber requested.
    pub(super) fn handle_resync(&mut self, cx: &mut Context<'_>) {
        self.resync(cx, "a new snapshot was requested");
    }

    /// Schedules a resync that the subscriber did not request.
    ///
    /// The resync is due immediately, but no sooner than `stable_after` after the previous one. A new
    /// connection before then makes it unnecessary.
    pub(super) fn handle_snapshot_request(&mut self, cx: &mut Context<'_>, reason: &'static str) {
        if let Phase::Open(open) = &mut self.phase {
            let at = self.last_resync.map_or(cx.now, |last| cx.now.max(last + cx.settings.stable_after));
            open.resync.get_or_insert(PendingResync { at, reason });
        }
    }

    fn resync(&mut self, cx: &mut Context<'_>, reason: &'static str) {
        if let Phase::Open(_) = self.phase {
            self.actions.push_back(Action::Disconnect);
            self.last_resync = Some(cx.now);
            self.record_stability(cx);
            self.mark_gap();
            // Nothing failed, so only the budget delays the next dial.
            self.schedule_dial(cx, Error::new(ErrorKind::Resync, reason), Duration::ZERO, None);
        }
    }

    fn handle_message(&mut self, cx: &Context<'_>, message: Message, bytes: usize) {
        let Phase::Open(open) = &mut self.phase else { return };
        let is_snapshot = open.record_data(&message);
        let gap_end = self.missing_since.map(|_| open.opened_at());
        self.has_been_usable = true;
        self.refusals_after_upgrade = None;
        self.last_data_at = Some(cx.now);
        self.repeated = None;
        if is_snapshot {
            self.failures = 0;
        }
        let edge = Edge::of(&message);
        if let Some(opened) = gap_end {
            self.push_gap(opened, edge.clone());
        }
        let item = if is_snapshot { Item::Snapshot(message) } else { Item::Update(message) };
        self.push_message(item, bytes);
        self.last_event = edge;
    }

    /// Returns whether the stream has ended, or will end without another frame.
    pub(super) fn is_closing_or_closed(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. } | Phase::Closed)
    }

    pub(super) fn last_gap_start(&self) -> Option<Instant> {
        self.last_gap_start
    }

    /// Returns the time of the last frame of the open connection, if the snapshot has arrived or the stream has none.
    pub(super) fn last_frame_with_data(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Open(open) if matches!(open.snapshot, SnapshotStatus::Arrived) => Some(open.last_frame),
            _ => None,
        }
    }

    /// Returns the time since the last frame of the open connection, if any.
    pub(super) fn frame_age(&self, now: Instant, wall: SystemTime) -> Option<Duration> {
        let Phase::Open(open) = &self.phase else { return None };
        let slept = self.suspend.slept_since_advance(now, wall);
        Some(now.saturating_duration_since(open.last_frame) + slept)
    }

    /// Returns the total time for which the machine has slept.
    pub(super) fn slept(&self, now: Instant, wall: SystemTime) -> Duration {
        self.slept + self.suspend.slept_since_advance(now, wall)
    }

    /// Returns the age of the last event, and whether the state is outdated for a reason that no item has
    /// reported yet: the machine slept in the meantime, or the connection is closing and its frames are no
    /// longer read.
    pub(super) fn age(&self, now: Instant, wall: SystemTime) -> Option<(Duration, bool)> {
        let slept = self.suspend.slept_since_advance(now, wall);
        let age = now.saturating_duration_since(self.last_data_at?) + slept;
        Some((age, self.suspend.is_too_long(slept) || matches!(self.phase, Phase::Closing { .. })))
    }

    /// Starts a gap at the last frame of the connection. A stream with snapshots cannot miss anything before
    /// its first event.
    pub(super) fn mark_gap(&mut self) {
        if let Phase::Open(open) = &self.phase
            && (self.last_event.is_some() || !self.stream().has_snapshot())
        {
            self.missing_since.get_or_insert((open.last_frame_at(), open.last_frame));
        }
    }

    /// Emits the current gap, if any. It ends at the event `after`, or at `opened` on a stream without
    /// snapshots.
    fn push_gap(&mut self, opened: Timestamp, after: Option<Edge>) {
        let Some((since, start)) = self.missing_since.take() else { return };
        self.last_gap_start = Some(start);
        // The clock may have been set back in the meantime.
        let reason = GapReason::Reconnected { since, until: opened.max(since) };
        let before = self.last_event.clone();
        self.push_item(Item::Gap(Box::new(Gap { before, after, reason, leaves_stale: false })));
    }

    pub(super) fn push_item(&mut self, item: Item<Message>) {
        self.push_message(item, 0);
    }

    /// Logs and emits an item whose message has this size in bytes.
    fn push_message(&mut self, item: Item<Message>, bytes: usize) {
        self.log.item(&item, bytes);
        self.items.push_back((item, bytes));
    }

    pub(super) fn end(&mut self, cx: &mut Context<'_>, closed: Closed) {
        cx.dialer.close(self.id);
        self.phase = Phase::Closed;
        self.push_item(Item::Closed(closed));
    }
}
