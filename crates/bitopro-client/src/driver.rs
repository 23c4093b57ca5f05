//! The loop around a session on tokio: it does what the session asks for, and decides nothing.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bitopro_transport::{Connection, Connector, Error, ErrorKind, Frame};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::futures::Notified;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Duration, Sleep, sleep_until, timeout};

use crate::outside::{WallClock, monotonic_now as now};
use crate::session::{Action, Session};
use crate::shared::{Inbox, Needs};
use crate::state::Followed;

/// What a subscriber asks of its driver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    Close,
    Resync,
    /// A fresh snapshot is needed because the history has a new connection.
    Renew,
}

/// How many frames are handled before what they led to is handed over.
const BATCH: usize = 64;

pub(crate) struct Driver<D: Followed> {
    pub(crate) session: Session<D>,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) inbox: Delivery<D>,
    pub(crate) commands: UnboundedReceiver<Command>,
    pub(crate) clock: WallClock,
    pub(crate) send_deadline: Duration,
}

/// Reasons for fresh snapshots that no subscriber requested.
const RENEWED_BY_HISTORY: &str = "the history was without a connection, so orders may have closed unnoticed";
const REVERSED: &str = "an update took back the progress of an order, so the state is not trusted";

/// Completes when the dialer changes, if that matters.
async fn changed(notified: Option<Notified<'_>>) {
    match notified {
        Some(notified) => notified.await,
        None => pending().await,
    }
}

type Dialed = Result<Box<dyn Connection>, Error>;

/// What stands between the session and the exchange.
enum Link {
    Down,
    Dialing(Pin<Box<dyn Future<Output = Dialed> + Send>>),
    Up(Box<dyn Connection>),
}

/// What came over the link.
enum Arrival {
    Dialed(Dialed),
    Frame(Frame),
    Lost(Error),
}

impl<D: Followed> Driver<D> {
    pub(crate) async fn run(mut self) {
        let mut link = Link::Down;
        let mut timer = Timer::new();
        let mut has_more = false;
        let dialer = self.session.dialer().clone();
        loop {
            // Begins before the look at the dialer, so that no change in between is missed.
            let dialer_changed = self.session.is_waiting().then(|| dialer.changed());
            self.act(&mut link).await;
            self.deliver();
            if self.session.is_closed() {
                return;
            }
            if dialer_changed.is_none() && self.session.is_waiting() {
                // It waits since the look above, and has to hear of changes from now on.
                continue;
            }
            timer.set(self.session.poll_timeout());
            if std::mem::take(&mut has_more) {
                // In a burst the subscriber gets its turn too, or its queue overflows although it reads.
                yield_now().await;
                // And the deadlines theirs: frames without end must not put them off.
                if self.session.poll_timeout().is_some_and(|deadline| deadline <= now()) {
                    self.session.handle_timeout(now(), self.clock.now());
                    continue;
                }
            }
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Resync) => self.session.handle_resync(now()),
                    Some(Command::Renew) => self.session.handle_renewal(now(), RENEWED_BY_HISTORY),
                    Some(Command::Close) | None => self.session.handle_close(now()),
                },
                arrival = link.next() => has_more = self.handle(&mut link, arrival),
                () = changed(dialer_changed) => {}
                // A peer that sends bytes without end, and never a frame, uses up the budget of the task.
                () = unconstrained(timer.wait()) => self.session.handle_timeout(now(), self.clock.now()),
            }
        }
    }

    /// Hands over what the session has for the subscriber.
    fn deliver(&mut self) {
        let (now, wall) = (now(), self.clock.now());
        let needs = self.inbox.0.deliver(now, wall, &mut || self.session.poll_weighed());
        if needs == Needs::Snapshot {
            self.session.handle_renewal(now, REVERSED);
        }
    }

    /// Does all that the session asks for.
    async fn act(&mut self, link: &mut Link) {
        while let Some(action) = self.session.poll_action(now(), self.clock.now()) {
            match action {
                Action::Dial(request) => {
                    let connector = Arc::clone(&self.connector);
                    *link = Link::Dialing(Box::pin(async move { connector.connect(request).await }));
                }
                Action::Send(frame) => {
                    if let Link::Up(connection) = link {
                        // A send that fails or stalls shows as a connection that is lost or silent.
                        let _ = timeout(self.send_deadline, connection.send(frame)).await;
                    }
                }
                Action::HangUp => *link = Link::Down,
            }
        }
    }

    /// Tells whether more frames are there already, as far as was looked.
    fn handle(&mut self, link: &mut Link, arrival: Arrival) -> bool {
        let now = now();
        match arrival {
            Arrival::Dialed(Ok(connection)) => {
                *link = Link::Up(connection);
                self.session.handle_connected(now);
            }
            Arrival::Dialed(Err(error)) => {
                *link = Link::Down;
                self.session.handle_dial_failed(now, self.clock.now(), error);
            }
            Arrival::Lost(error) => self.session.handle_lost(now, error),
            Arrival::Frame(frame) => {
                let wall = self.clock.now();
                self.session.handle_frame(now, wall, frame);
                return self.handle_waiting(link, now, wall);
            }
        }
        false
    }

    /// Handles the frames that are already there, with one look at the clock. Tells whether there was a whole
    /// batch of them.
    fn handle_waiting(&mut self, link: &mut Link, now: Instant, wall: SystemTime) -> bool {
        for _ in 1..BATCH {
            if !self.session.is_open() {
                return false;
            }
            match link.next().now_or_never() {
                Some(Arrival::Frame(frame)) => self.session.handle_frame(now, wall, frame),
                Some(Arrival::Lost(error)) => {
                    self.session.handle_lost(now, error);
                    return false;
                }
                Some(Arrival::Dialed(_)) | None => return false,
            }
        }
        true
    }
}

impl Link {
    /// The next thing that comes over the link. Cancel-safe.
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

/// A driver's hold on its inbox. Ends the stream when the driver is gone, for whatever reason, even before
/// it ever ran: a subscriber never waits for nobody.
pub(crate) struct Delivery<D: Followed>(pub(crate) Arc<dyn Inbox<D>>);

impl<D: Followed> Drop for Delivery<D> {
    fn drop(&mut self) {
        self.0.end();
    }
}
