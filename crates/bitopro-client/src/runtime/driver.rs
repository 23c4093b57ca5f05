//! The task of one link. It moves frames between a socket and the engine; the engine makes all decisions.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bitopro_transport::{Connection, Error, ErrorKind, Frame};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Sleep, sleep_until, timeout};
use tracing::{Instrument, Span};

use super::SubscriptionInner;
use crate::RestError;
use crate::engine::{Action, DecodedFrame, Engine, FrameDecoder, LinkId, RestReply};
use crate::rest_api::Rest;

/// Maximum number of frames in a batch, so that the subscriber can run between two batches.
const BATCH: usize = 64;

/// Number of message bytes after which a batch ends, so that other links and readers do not wait long for the
/// lock.
const BATCH_BYTES: usize = 256 << 10;

/// Performs the actions of one link, and reports the results to the engine.
pub(super) struct Driver {
    subscription: Arc<SubscriptionInner>,
    link: LinkId,
    decoder: FrameDecoder,
    socket: Socket,
    /// The span of the last dial, and of its connection.
    span: Span,
    /// The decoded frames of the current batch. Empty between two batches; kept to reuse its allocation.
    batch: Vec<DecodedFrame>,
    /// The call of the REST API in progress, if any.
    call: Option<Calling>,
    /// True if items have arrived for which the subscriber has not been woken.
    has_changed: bool,
}

type Calling = Pin<Box<dyn Future<Output = Result<RestReply, RestError>> + Send>>;

type Dialed = Result<Box<dyn Connection>, Error>;

enum Socket {
    Down,
    Dialing(Pin<Box<dyn Future<Output = Dialed> + Send>>),
    Up(Box<dyn Connection>),
}

enum SocketEvent {
    Dialed(Dialed),
    Frame(Frame),
    Lost(Error),
}

/// The status of the link, as reported by the engine.
struct LinkStatus {
    actions: Vec<Action>,
    timeout: Option<Instant>,
    is_waiting: bool,
    is_closed: bool,
}

impl Driver {
    pub(super) fn new(subscription: Arc<SubscriptionInner>, link: LinkId, decoder: FrameDecoder) -> Self {
        Self {
            subscription,
            link,
            decoder,
            socket: Socket::Down,
            span: Span::none(),
            batch: Vec::new(),
            call: None,
            has_changed: false,
        }
    }

    pub(super) async fn run(mut self) {
        let subscription = Arc::clone(&self.subscription);
        let runtime = &subscription.runtime;
        let limiter_changed = runtime.limiter.as_ref().map(|(_, changed)| &**changed);
        let mut timer = Timer::new();
        let (mut has_more, mut is_waiting) = (false, false);
        let mut engine_changed = pin!(runtime.changed.notified());
        let mut limit_changed = pin!(limiter_changed.map(Notify::notified));
        loop {
            // Enabled before the engine is queried, so that no change in between is missed.
            engine_changed.as_mut().enable();
            if is_waiting && let Some(limit_changed) = limit_changed.as_mut().as_pin_mut() {
                limit_changed.enable();
            }
            let status = self.link_status();
            self.wake_subscriber();
            if status.is_closed && status.actions.is_empty() {
                return;
            }
            let was_waiting = std::mem::replace(&mut is_waiting, status.is_waiting);
            if (is_waiting && !was_waiting) || !status.actions.is_empty() {
                for action in status.actions {
                    self.perform(action).await;
                }
                continue;
            }
            timer.set(status.timeout);
            if std::mem::take(&mut has_more) {
                // Without a yield, a burst would overflow the queue of a subscriber that does read.
                yield_now().await;
                // An endless flood of frames must not delay the deadlines.
                if status.timeout.is_some_and(|deadline| deadline <= runtime.now().0) {
                    self.with_engine(runtime.now(), Engine::handle_link_timeout);
                    continue;
                }
            }
            tokio::select! {
                biased;
                () = engine_changed.as_mut() => engine_changed.set(runtime.changed.notified()),
                reply = reply_or_pending(self.call.as_mut()) => {
                    self.call = None;
                    self.with_engine(runtime.now(), |engine, now, _, link| engine.handle_reply(now, link, reply));
                }
                event = self.socket.next().instrument(self.span.clone()) => has_more = self.handle(event),
                () = notified_or_pending(limit_changed.as_mut().as_pin_mut()), if is_waiting => {
                    limit_changed.set(limiter_changed.map(Notify::notified));
                }
                // A peer that keeps sending bytes without completing a frame uses up the cooperative budget
                // of the task, which must not stop the timer.
                () = unconstrained(timer.wait()) => self.with_engine(runtime.now(), Engine::handle_link_timeout),
            }
        }
    }

    /// Calls the engine for this link, and records whether that changed the state of the subscriber.
    fn with_engine<R>(
        &mut self,
        (now, wall): (Instant, SystemTime),
        work: impl FnOnce(&mut Engine, Instant, SystemTime, LinkId) -> R,
    ) -> R {
        let id = self.subscription.id;
        let (result, has_changed) = self.subscription.runtime.with_engine(|engine| {
            let before = engine.version(id);
            let result = work(engine, now, wall, self.link);
            (result, engine.version(id) != before)
        });
        self.has_changed |= has_changed;
        result
    }

    fn link_status(&mut self) -> LinkStatus {
        let subscription = Arc::clone(&self.subscription);
        let limiter = subscription.runtime.limiter.as_ref().map(|(limiter, _)| limiter);
        self.with_engine(subscription.runtime.now(), |engine, now, wall, link| LinkStatus {
            actions: std::iter::from_fn(|| engine.poll_link_action(now, wall, link, limiter)).collect(),
            timeout: engine.link_timeout(link),
            is_waiting: engine.is_waiting(link),
            is_closed: engine.is_closed(link),
        })
    }

    fn wake_subscriber(&mut self) {
        if std::mem::take(&mut self.has_changed) {
            self.subscription.wake();
        }
    }

    async fn perform(&mut self, action: Action) {
        let runtime = &self.subscription.runtime;
        match action {
            Action::Dial(request) => {
                self.span = runtime.with_engine(|engine| engine.span(self.link));
                let connector = Arc::clone(&runtime.connector);
                self.socket = Socket::Dialing(Box::pin(async move { connector.connect(request).await }));
            }
            Action::Send(frame) => {
                if let Socket::Up(connection) = &mut self.socket {
                    // If the send fails or stalls, the connection is later reported as lost or idle.
                    let _ = timeout(runtime.send_deadline, connection.send(frame)).await;
                }
            }
            Action::Disconnect => self.socket = Socket::Down,
            Action::Call(call) => {
                let rest = Rest::new(runtime);
                self.call = Some(Box::pin(async move { rest?.call_once(&call).await }));
            }
        }
    }

    /// Handles an event, and the frames that have arrived since. Returns whether the batch is full, so that
    /// more frames may be waiting.
    fn handle(&mut self, event: SocketEvent) -> bool {
        let now = self.subscription.runtime.now();
        let (next, is_full) = self.read_batch(event);
        if !self.batch.is_empty() {
            let mut batch = std::mem::take(&mut self.batch);
            self.with_engine(now, |engine, now, wall, link| {
                engine.handle_decoded(now, wall, link, batch.drain(..));
            });
            self.batch = batch;
        }
        match next {
            Some(SocketEvent::Dialed(Ok(connection))) => {
                self.socket = Socket::Up(connection);
                self.with_engine(now, Engine::handle_connected);
            }
            Some(SocketEvent::Dialed(Err(error))) => {
                self.socket = Socket::Down;
                self.with_engine(now, |engine, now, wall, link| {
                    engine.handle_dial_failed(now, wall, link, error);
                });
            }
            Some(SocketEvent::Lost(error)) => {
                self.with_engine(now, |engine, now, wall, link| engine.handle_lost(now, wall, link, error));
            }
            Some(SocketEvent::Frame(_)) | None => {}
        }
        is_full
    }

    /// Decodes this frame and those that have arrived since, without holding the lock, which other links and
    /// readers need.
    ///
    /// Returns the event that ended the batch, unless it was a frame, and whether the batch is full.
    fn read_batch(&mut self, event: SocketEvent) -> (Option<SocketEvent>, bool) {
        let span = self.span.clone();
        let _entered = span.enter();
        let mut next = Some(event);
        let mut bytes = 0;
        while let Some(SocketEvent::Frame(frame)) = next {
            let frame = self.decoder.decode(frame);
            bytes += frame.bytes();
            let is_last = matches!(frame, DecodedFrame::Close(_));
            self.batch.push(frame);
            if is_last {
                return (None, false);
            }
            if self.batch.len() >= BATCH || bytes >= BATCH_BYTES {
                return (None, true);
            }
            next = self.socket.next().now_or_never();
        }
        (next, false)
    }
}

impl Drop for Driver {
    /// Ends the stream when its driver stops for any reason, so that no subscriber waits forever.
    fn drop(&mut self) {
        self.with_engine(self.subscription.runtime.now(), Engine::handle_stopped);
        self.subscription.wake();
    }
}

impl Socket {
    /// Returns the next event. Cancel-safe.
    async fn next(&mut self) -> SocketEvent {
        match self {
            Self::Down => pending().await,
            Self::Dialing(dial) => SocketEvent::Dialed(dial.await),
            Self::Up(connection) => match connection.next().await {
                Some(Ok(frame)) => SocketEvent::Frame(frame),
                Some(Err(error)) => SocketEvent::Lost(error),
                None => SocketEvent::Lost(Error::new(ErrorKind::Disconnected, "no close frame was received")),
            },
        }
    }
}

/// Waits for the reply to a call. Never completes without a call.
async fn reply_or_pending(call: Option<&mut Calling>) -> Result<RestReply, RestError> {
    match call {
        Some(call) => call.await,
        None => pending().await,
    }
}

/// Waits for a notification. Never completes if `notified` is `None`.
async fn notified_or_pending(notified: Option<Pin<&mut Notified<'_>>>) {
    match notified {
        Some(notified) => notified.await,
        None => pending().await,
    }
}

/// A timer that is only reset when its deadline changes.
struct Timer {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn new() -> Self {
        Self { deadline: None, sleep: None }
    }

    fn set(&mut self, deadline: Option<Instant>) {
        if self.deadline == deadline && self.sleep.as_ref().is_none_or(|sleep| !sleep.is_elapsed()) {
            return;
        }
        self.deadline = deadline;
        let Some(deadline) = deadline.map(tokio::time::Instant::from_std) else {
            self.sleep = None;
            return;
        };
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.sleep = Some(Box::pin(sleep_until(deadline))),
        }
    }

    async fn wait(&mut self) {
        match &mut self.sleep {
            Some(sleep) => sleep.await,
            None => pending().await,
        }
    }
}
