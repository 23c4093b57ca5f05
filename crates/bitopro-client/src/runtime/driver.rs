//! The task of one link. It moves frames between a socket and the engine; the engine makes all decisions.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Sleep, sleep_until, timeout};

use super::SubscriptionInner;
use super::socket::{BatchEnd, Socket};
use crate::RestError;
use crate::engine::{Action, Engine, FrameDecoder, LinkId, RestReply};
use crate::rest_api::Rest;

/// Performs the actions of one link, and reports the results to the engine.
pub(super) struct Driver {
    subscription: Arc<SubscriptionInner>,
    link: LinkId,
    socket: Socket,
    /// The call of the REST API in progress, if any.
    call: Option<Calling>,
    /// True if items have arrived for which the subscriber has not been woken.
    has_changed: bool,
}

type Calling = Pin<Box<dyn Future<Output = Result<RestReply, RestError>> + Send>>;

/// The status of the link, as reported by the engine.
struct LinkStatus {
    actions: Vec<Action>,
    timeout: Option<Instant>,
    is_waiting: bool,
    is_closed: bool,
}

/// An event for which a driver waits.
enum Event {
    EngineChanged,
    Reply(Result<RestReply, RestError>),
    /// Frames were read at this time, or the socket has changed.
    Batch((Instant, SystemTime), BatchEnd),
    LimitChanged,
    Timeout,
}

impl Driver {
    pub(super) fn new(subscription: Arc<SubscriptionInner>, link: LinkId, decoder: FrameDecoder) -> Self {
        Self { subscription, link, socket: Socket::new(decoder), call: None, has_changed: false }
    }

    pub(super) async fn run(mut self) {
        let subscription = Arc::clone(&self.subscription);
        let runtime = &subscription.runtime;
        let limiter_changed = runtime.limiter.as_ref().map(|(_, changed)| &**changed);
        let mut timer = Timer::new();
        let (mut has_more, mut is_waiting) = (false, false);
        let mut engine_changed = pin!(runtime.changed.notified());
        let mut limit_changed = pin!(limiter_changed.map(Notify::notified));
        // A notification is enabled before the engine is queried, so that no change in between is missed.
        engine_changed.as_mut().enable();
        let mut status = self.query();
        loop {
            self.wake_subscriber();
            if status.is_closed && status.actions.is_empty() {
                return;
            }
            let was_waiting = std::mem::replace(&mut is_waiting, status.is_waiting);
            if (is_waiting && !was_waiting) || !status.actions.is_empty() {
                if is_waiting && let Some(limit_changed) = limit_changed.as_mut().as_pin_mut() {
                    limit_changed.enable();
                }
                for action in status.actions {
                    self.perform(action).await;
                }
                status = self.query();
                continue;
            }
            timer.set(status.timeout);
            if std::mem::take(&mut has_more) {
                // Without a yield, a burst would overflow the queue of a subscriber that does read.
                yield_now().await;
                // An endless flood of frames must not delay the deadlines.
                let now = runtime.now();
                if status.timeout.is_some_and(|deadline| deadline <= now.0) {
                    status = self.update(now, Engine::handle_link_timeout);
                    continue;
                }
            }
            let event = poll_fn(|context| {
                if engine_changed.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Event::EngineChanged);
                }
                if let Some(call) = &mut self.call
                    && let Poll::Ready(reply) = call.as_mut().poll(context)
                {
                    return Poll::Ready(Event::Reply(reply));
                }
                if let Poll::Ready((now, end)) = self.socket.poll_batch(context, || runtime.now()) {
                    return Poll::Ready(Event::Batch(now, end));
                }
                if is_waiting
                    && let Some(limit_changed) = limit_changed.as_mut().as_pin_mut()
                    && limit_changed.poll(context).is_ready()
                {
                    return Poll::Ready(Event::LimitChanged);
                }
                timer.poll(context).map(|()| Event::Timeout)
            });
            status = match event.await {
                Event::EngineChanged => {
                    engine_changed.set(runtime.changed.notified());
                    engine_changed.as_mut().enable();
                    self.query()
                }
                Event::Reply(reply) => {
                    self.call = None;
                    self.update(runtime.now(), |engine, now, _, link| engine.handle_reply(now, link, reply))
                }
                Event::Batch(now, end) => {
                    has_more = matches!(end, BatchEnd::Full);
                    self.handle_batch(now, end)
                }
                Event::LimitChanged => {
                    limit_changed.set(limiter_changed.map(Notify::notified));
                    is_waiting = false;
                    self.query()
                }
                Event::Timeout => self.update(runtime.now(), Engine::handle_link_timeout),
            };
        }
    }

    fn query(&mut self) -> LinkStatus {
        self.update(self.subscription.runtime.now(), |_, _, _, _| {})
    }

    /// Calls the engine for this link, and records whether that changed the state of the subscriber. Returns the
    /// status of the link afterwards.
    fn update(
        &mut self,
        (now, wall): (Instant, SystemTime),
        work: impl FnOnce(&mut Engine, Instant, SystemTime, LinkId),
    ) -> LinkStatus {
        let (id, link) = (self.subscription.id, self.link);
        let runtime = &self.subscription.runtime;
        let limiter = runtime.limiter.as_ref().map(|(limiter, _)| limiter);
        let (status, has_changed) = runtime.with_engine(|engine| {
            let before = engine.version(id);
            work(engine, now, wall, link);
            let status = LinkStatus {
                actions: std::iter::from_fn(|| engine.poll_link_action(now, wall, link, limiter)).collect(),
                timeout: engine.link_timeout(link),
                is_waiting: engine.is_waiting(link),
                is_closed: engine.is_closed(link),
            };
            (status, engine.version(id) != before)
        });
        self.has_changed |= has_changed;
        status
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
                let span = runtime.with_engine(|engine| engine.span(self.link));
                let connector = Arc::clone(&runtime.connector);
                self.socket.dial(span, async move { connector.connect(request).await });
            }
            Action::Send(frame) => {
                if let Some(connection) = self.socket.connection() {
                    // If the send fails or stalls, the connection is later reported as lost or idle.
                    let _ = timeout(runtime.send_deadline, connection.send(frame)).await;
                }
            }
            Action::Disconnect => self.socket.disconnect(),
            Action::Call(call) => {
                let rest = Rest::new(runtime);
                self.call = Some(Box::pin(async move { rest?.call_once(&call).await }));
            }
        }
    }

    /// Applies the frames of a batch, and then its end.
    fn handle_batch(&mut self, now: (Instant, SystemTime), end: BatchEnd) -> LinkStatus {
        let mut frames = std::mem::take(&mut self.socket.frames);
        let status = self.update(now, |engine, now, wall, link| {
            engine.handle_decoded(now, wall, link, frames.drain(..));
            match end {
                BatchEnd::Full | BatchEnd::Drained => {}
                BatchEnd::Connected => engine.handle_connected(now, wall, link),
                BatchEnd::DialFailed(error) => engine.handle_dial_failed(now, wall, link, error),
                BatchEnd::Lost(error) => engine.handle_lost(now, wall, link, error),
            }
        });
        self.socket.frames = frames;
        status
    }
}

impl Drop for Driver {
    /// Ends the stream when its driver stops for any reason, so that no subscriber waits forever.
    fn drop(&mut self) {
        let runtime = &self.subscription.runtime;
        let (now, wall) = runtime.now();
        runtime.with_engine(|engine| engine.handle_stopped(now, wall, self.link));
        self.subscription.wake();
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

    /// Waits for the deadline, even if the task has used up its cooperative budget. A peer that keeps sending bytes
    /// without completing a frame would otherwise stop the timer.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => pin!(unconstrained(sleep.as_mut())).poll(context),
            None => Poll::Pending,
        }
    }
}
