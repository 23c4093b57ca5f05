//! The task of one link: it moves bytes between a socket and the engine, and decides nothing.

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

use super::SubscriptionInner;
use crate::engine::{Action, Engine, LinkId, Received};

/// Number of frames that are handled before the subscriber gets its turn.
const BATCH: usize = 64;

/// Size of their messages after which a batch ends, so that other links and readers do not wait long for the lock.
const BATCH_BYTES: usize = 256 << 10;

pub(super) struct Driver {
    shared: Arc<SubscriptionInner>,
    link: LinkId,
    socket: Socket,
    /// The frames that are handled next. Empty between two batches; kept for its memory.
    batch: Vec<Received>,
    /// The subscriber has not been woken for all items yet.
    has_changed: bool,
}

type Dialed = Result<Box<dyn Connection>, Error>;

/// The way to the exchange.
enum Socket {
    Down,
    Dialing(Pin<Box<dyn Future<Output = Dialed> + Send>>),
    Up(Box<dyn Connection>),
}

/// An arrival over the socket.
enum Arrival {
    Dialed(Dialed),
    Frame(Frame),
    Lost(Error),
}

/// The state of the link in the engine.
struct LinkStatus {
    actions: Vec<Action>,
    timeout: Option<Instant>,
    is_waiting: bool,
    is_closed: bool,
}

impl Driver {
    pub(super) fn new(shared: Arc<SubscriptionInner>, link: LinkId) -> Self {
        Self { shared, link, socket: Socket::Down, batch: Vec::new(), has_changed: false }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let runtime = &shared.runtime;
        let limiter = runtime.limited.as_ref().map(|(_, changed)| &**changed);
        let mut timer = Timer::new();
        let (mut has_more, mut is_waiting) = (false, false);
        let mut engine_changed = pin!(runtime.changed.notified());
        let mut limit_changed = pin!(limiter.map(Notify::notified));
        loop {
            // Before the look at the engine, so that no change in between is missed.
            engine_changed.as_mut().enable();
            if is_waiting && let Some(limit_changed) = limit_changed.as_mut().as_pin_mut() {
                limit_changed.enable();
            }
            let status = self.link_status();
            self.wake_subscriber();
            if status.is_closed && status.actions.is_empty() {
                return;
            }
            let has_begun_to_wait = !std::mem::replace(&mut is_waiting, status.is_waiting) && is_waiting;
            if has_begun_to_wait || !status.actions.is_empty() {
                for action in status.actions {
                    self.act(action).await;
                }
                continue;
            }
            timer.set(status.timeout);
            if std::mem::take(&mut has_more) {
                // In a burst the subscriber gets its turn too, or its queue overflows although it reads.
                yield_now().await;
                // And the deadlines theirs: frames without end must not put them off.
                if status.timeout.is_some_and(|deadline| deadline <= runtime.moment().0) {
                    self.with(runtime.moment(), Engine::handle_link_timeout);
                    continue;
                }
            }
            tokio::select! {
                biased;
                () = engine_changed.as_mut() => engine_changed.set(runtime.changed.notified()),
                arrival = self.socket.next() => has_more = self.handle(arrival),
                () = fires(limit_changed.as_mut().as_pin_mut()), if is_waiting => {
                    limit_changed.set(limiter.map(Notify::notified));
                }
                // A peer that sends bytes without end, and never a frame, uses up the budget of the task.
                () = unconstrained(timer.wait()) => self.with(runtime.moment(), Engine::handle_link_timeout),
            }
        }
    }

    /// Works with the engine on this link.
    fn with<R>(
        &mut self,
        (now, wall): (Instant, SystemTime),
        work: impl FnOnce(&mut Engine, Instant, SystemTime, LinkId) -> R,
    ) -> R {
        let id = self.shared.id;
        let (result, has_changed) = self.shared.runtime.with(|engine| {
            let before = engine.version(id);
            let result = work(engine, now, wall, self.link);
            (result, engine.version(id) != before)
        });
        self.has_changed |= has_changed;
        result
    }

    fn link_status(&mut self) -> LinkStatus {
        let shared = Arc::clone(&self.shared);
        let limited = shared.runtime.limited.as_ref().map(|(limited, _)| limited);
        self.with(shared.runtime.moment(), |engine, now, wall, link| LinkStatus {
            actions: std::iter::from_fn(|| engine.poll_link_action(now, wall, link, limited)).collect(),
            timeout: engine.link_timeout(link),
            is_waiting: engine.is_waiting(link),
            is_closed: engine.is_closed(link),
        })
    }

    fn wake_subscriber(&mut self) {
        if std::mem::take(&mut self.has_changed) {
            self.shared.wake();
        }
    }

    async fn act(&mut self, action: Action) {
        let runtime = &self.shared.runtime;
        match action {
            Action::Dial(request) => {
                let connector = Arc::clone(&runtime.connector);
                self.socket = Socket::Dialing(Box::pin(async move { connector.connect(request).await }));
            }
            Action::Send(frame) => {
                if let Socket::Up(connection) = &mut self.socket {
                    // A send that fails or stalls shows as a connection that is lost or silent.
                    let _ = timeout(runtime.send_deadline, connection.send(frame)).await;
                }
            }
            Action::Disconnect => self.socket = Socket::Down,
        }
    }

    /// Handles what arrived, and the frames that are already there. Returns whether there was a whole batch of them.
    fn handle(&mut self, arrival: Arrival) -> bool {
        let moment = self.shared.runtime.moment();
        let (next, is_full) = self.read_batch(arrival);
        if !self.batch.is_empty() {
            let mut batch = std::mem::take(&mut self.batch);
            self.with(moment, |engine, now, wall, link| {
                batch.drain(..).for_each(|received| engine.handle_received(now, wall, link, received));
            });
            self.batch = batch;
        }
        match next {
            Some(Arrival::Dialed(Ok(connection))) => {
                self.socket = Socket::Up(connection);
                self.with(moment, Engine::handle_connected);
            }
            Some(Arrival::Dialed(Err(error))) => {
                self.socket = Socket::Down;
                self.with(moment, |engine, now, wall, link| {
                    engine.handle_dial_failed(now, wall, link, error);
                });
            }
            Some(Arrival::Lost(error)) => {
                self.with(moment, |engine, now, wall, link| engine.handle_lost(now, wall, link, error));
            }
            Some(Arrival::Frame(_)) | None => {}
        }
        is_full
    }

    /// Reads this frame and those that are already there, without the lock, which other links and readers need. Returns
    /// what arrived instead of a frame, and whether the batch is full.
    fn read_batch(&mut self, arrival: Arrival) -> (Option<Arrival>, bool) {
        let mut next = Some(arrival);
        let mut bytes = 0;
        while let Some(Arrival::Frame(frame)) = next {
            let received = Received::read(self.link.stream, frame);
            bytes += received.bytes();
            let is_last = matches!(received, Received::Close(_));
            self.batch.push(received);
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
    /// Ends the stream when the driver is gone, for whatever reason, so that no subscriber waits forever.
    fn drop(&mut self) {
        self.with(self.shared.runtime.moment(), Engine::handle_stopped);
        self.shared.wake();
    }
}

impl Socket {
    /// Returns what arrives next. Cancel-safe.
    async fn next(&mut self) -> Arrival {
        match self {
            Self::Down => pending().await,
            Self::Dialing(dial) => Arrival::Dialed(dial.await),
            Self::Up(connection) => match connection.next().await {
                Some(Ok(frame)) => Arrival::Frame(frame),
                Some(Err(error)) => Arrival::Lost(error),
                None => Arrival::Lost(Error::new(
                    ErrorKind::Disconnected,
                    "the connection ended without a close frame",
                )),
            },
        }
    }
}

/// Completes when a notification fires, if any.
async fn fires(notified: Option<Pin<&mut Notified<'_>>>) {
    match notified {
        Some(notified) => notified.await,
        None => pending().await,
    }
}

/// A timer that is only touched when its deadline changes.
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
