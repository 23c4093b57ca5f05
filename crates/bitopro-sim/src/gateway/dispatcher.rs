//! The exchange and its sockets behind one lock.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bitopro_model::{Stream, Timestamp};
use bitopro_transport::{Frame, Refusal};
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::exchange::feed::MarketFeed;
use crate::exchange::recent_items::RecentItems;
use crate::gateway::authentication::{Authentication, Rejection, UpgradeRequest};
use crate::gateway::channel::{AccountStream, Addressees, Channel, Message, Topic};
use crate::gateway::counted_queue::CountedQueue;
use crate::gateway::keepalive::Keepalive;
use crate::gateway::session;
use crate::gateway::sockets::{SocketEnd, Sockets};
use crate::rest::{Answer, RestApi};
use crate::{
    Account, AccountId, Clock, CommandError, Exchange, Push, RestFault, SentMessage, UpgradeAttempt,
};

/// Number of dials that are kept.
const DIALS_KEPT: usize = 10_000;

/// State shared by the simulator's handle, its connectors and its sessions.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    clock: Clock,
    clock_offset_ms: AtomicI64,
    pub(crate) keepalive: Keepalive,
    pings_paused: AtomicBool,
    closing: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    exchange: Exchange,
    feed: MarketFeed,
    authentication: Authentication,
    sockets: Sockets,
    dials: RecentItems<UpgradeAttempt>,
    /// The requested refusals of the next dials.
    refusals: CountedQueue<Refusal>,
    rest: RestApi,
}

/// A connection's subscription to a stream, which ends when dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) socket: SocketEnd,
    stream: Stream,
    /// The reason why the connection ends, for the log.
    pub(crate) end: &'static str,
}

impl Dispatcher {
    pub(crate) fn new(
        (exchange, feed): (Exchange, MarketFeed),
        authentication: Authentication,
        rest: RestApi,
        sockets: Sockets,
        (clock, keepalive): (Clock, Keepalive),
    ) -> Self {
        let (dials, refusals) = (RecentItems::new(DIALS_KEPT), CountedQueue::default());
        Self {
            clock,
            clock_offset_ms: AtomicI64::new(0),
            keepalive,
            pings_paused: AtomicBool::new(false),
            closing: watch::Sender::new(false),
            state: Mutex::new(State { exchange, feed, authentication, sockets, dials, refusals, rest }),
        }
    }

    pub(crate) fn set_clock_offset_ms(&self, offset: i64) {
        self.clock_offset_ms.store(offset, Ordering::Relaxed);
    }

    /// Returns the exchange's time.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = self.clock_offset_ms.load(Ordering::Relaxed);
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add(offset))
    }

    /// Decides whether to accept a dial, records it, and logs a refusal.
    pub(crate) fn authorize(&self, request: &UpgradeRequest<'_>) -> Result<Channel, Refusal> {
        let decision = self.locked(|state| {
            let decision = match state.refusals.next() {
                Some(refusal) => Err(Rejection::new(refusal, "refused by a command")),
                None => state.authentication.authorize(request, state.exchange.pairs(), self.now()),
            };
            let status = match &decision {
                Ok(_) => StatusCode::SWITCHING_PROTOCOLS,
                Err(rejection) => rejection.refusal.status,
            };
            state.dials.push(UpgradeAttempt::new(request, status));
            decision
        });
        decision.map_err(|Rejection { refusal, reason }| {
            let status = refusal.status.as_u16();
            warn!(status, reason, path = format_args!("{:.100}", request.target()), "refused");
            refusal
        })
    }

    /// Answers a call of the REST API, and sends the messages that it causes.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Answer {
        let answer = self.locked(|state| {
            let State { exchange, authentication, rest, .. } = state;
            let now = self.now();
            let answer = rest.answer(request, (exchange, authentication), now);
            // A call that changes the market sends a message to an account.
            if !answer.pushes.is_empty() {
                state.publish(&answer.pushes, now);
            }
            answer
        });
        let (method, path) = (request.method(), format_args!("{:.100}", request.uri().path()));
        let status = answer.response.status().as_u16();
        if let Some(reason) = answer.refused {
            warn!(status, reason, %method, path, "refused");
        } else {
            debug!(status, %method, path, "answered");
        }
        answer
    }

    pub(crate) fn fail_rest(&self, count: usize, fault: RestFault) {
        self.locked(|state| state.rest.faults.push(count, fault));
    }

    /// Subscribes a connection, and queues its snapshots and every later update. Returns `None` while closing.
    pub(crate) fn subscribe(self: &Arc<Self>, channel: Channel) -> Option<Subscription> {
        let stream = channel.stream;
        let socket = self.locked(|state| {
            if self.is_closing() {
                return None;
            }
            let now = self.now();
            let first = channel.topics.iter().filter_map(|topic| state.first_message(topic, now)).collect();
            state.sockets.add(channel, first)
        })?;
        info!(stream = stream.name(), connection = socket.id, "connected");
        Some(Subscription { dispatcher: Arc::clone(self), socket, stream, end: session::STOPPED })
    }

    /// Changes the exchange, and sends the resulting messages.
    pub(crate) fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Exchange, Timestamp) -> Result<(T, Vec<Push>), E>,
    ) -> Result<(T, Vec<Push>), E> {
        self.locked(|state| {
            let now = self.now();
            let (output, pushes) = change(&mut state.exchange, now)?;
            state.publish(&pushes, now);
            Ok((output, pushes))
        })
    }

    /// Like [`change`](Self::change), for a change that cannot fail.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Exchange, Timestamp) -> Vec<Push>) -> Vec<Push> {
        let Ok(((), pushes)) = self.change::<_, Infallible>(|exchange, now| Ok(((), change(exchange, now))));
        pushes
    }

    pub(crate) fn pause_pings(&self, paused: bool) {
        self.pings_paused.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn are_pings_paused(&self) -> bool {
        self.pings_paused.load(Ordering::Relaxed)
    }

    /// Sends a frame to the addressed sockets.
    pub(crate) fn send(&self, addressees: Addressees, frame: &Frame) {
        self.locked(|state| state.sockets.send(addressees, frame));
    }

    /// Ends the addressed sockets immediately and without a close frame.
    pub(crate) fn disconnect(&self, addressees: Addressees) {
        self.locked(|state| state.sockets.disconnect(addressees));
    }

    pub(crate) fn refuse_next(&self, count: usize, refusal: Refusal) {
        self.locked(|state| state.refusals.push(count, refusal));
    }

    pub(crate) fn account_id(&self, name: &str) -> Result<AccountId, CommandError> {
        self.read(|exchange| exchange.account(name).map(Account::id))
    }

    /// Reads the exchange while it cannot change.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Exchange) -> T) -> T {
        self.locked(|state| read(&state.exchange))
    }

    pub(crate) fn connections(&self) -> usize {
        self.locked(|state| state.sockets.len())
    }

    pub(crate) fn upgrade_attempts(&self) -> Vec<UpgradeAttempt> {
        self.locked(|state| state.dials.iter().cloned().collect())
    }

    pub(crate) fn sent(&self) -> Vec<SentMessage> {
        self.locked(|state| state.sockets.sent())
    }

    /// Accepts no more subscriptions, and sends a close frame to every socket.
    pub(crate) fn close(&self, frame: &Frame) {
        self.locked(|state| {
            self.closing.send_replace(true);
            state.sockets.send(Addressees::ALL, frame);
        });
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Resolves when no more subscriptions are accepted.
    pub(crate) async fn closing(&self) {
        // An error is impossible, since `self` owns the sender.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // Poisoning is harmless: a caller's closure that panicked has only changed a copy.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Returns the first message of a new socket about a topic, if any.
    fn first_message(&mut self, topic: &Topic, now: Timestamp) -> Option<Message> {
        match topic {
            Topic::Account(AccountStream { account, stream }) => {
                self.exchange.snapshot_of(*account, *stream, now).as_ref().map(Message::from)
            }
            Topic::Market(series) => self.feed.first(&self.exchange, series, now).ok().map(Message::from),
        }
    }

    /// Sends the messages that a change of the exchange causes: those about accounts, and then those about the market.
    fn publish(&mut self, pushes: &[Push], now: Timestamp) {
        for push in pushes {
            self.sockets.publish(push.into());
        }
        for push in self.feed.updates(&self.exchange, &self.sockets.followed(), now) {
            self.sockets.publish(push.into());
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let connection = self.socket.id;
        self.dispatcher.locked(|state| state.sockets.remove(connection));
        info!(stream = self.stream.name(), connection, reason = self.end, "disconnected");
    }
}
