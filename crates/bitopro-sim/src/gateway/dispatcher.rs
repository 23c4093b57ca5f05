//! The exchange and everybody who listens to it, behind one lock.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bitopro_model::{PrivateStream, Timestamp};
use bitopro_transport::{Frame, Refusal};
use http::StatusCode;
use tokio::sync::{oneshot, watch};

use crate::exchange::core::Exchange;
use crate::exchange::push::Push;
use crate::gateway::authentication::{Authentication, UpgradeRequest};
use crate::gateway::clock::Clock;
use crate::gateway::dial::Dial;
use crate::gateway::keepalive::Keepalive;
use crate::gateway::outbox::{Inbox, Outbox, outbox};
use crate::gateway::sent::Sent;

/// How many dials are remembered: a simulator may run for weeks.
const DIALS_KEPT: usize = 10_000;
/// How many events are remembered.
const SENT_KEPT: usize = 10_000;

/// Shared by the simulator's handle, its connectors and its sockets.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    clock: Clock,
    clock_offset_ms: AtomicI64,
    pub(crate) keepalive: Keepalive,
    pings_paused: AtomicBool,
    queue_bytes: usize,
    closing: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    exchange: Exchange,
    authentication: Authentication,
    sockets: BTreeMap<u64, Socket>,
    next_id: u64,
    dials: VecDeque<Dial>,
    sent: VecDeque<Sent>,
    refusals: VecDeque<(usize, Refusal)>,
}

/// A socket that listens. Taking it out of the dispatcher ends it at once, without a close frame.
#[derive(Debug)]
struct Socket {
    stream: PrivateStream,
    outbox: Outbox,
    _alive: oneshot::Sender<Infallible>,
}

/// A socket's place in the dispatcher, which it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) dispatcher: Arc<Dispatcher>,
    id: u64,
    pub(crate) inbox: Inbox,
    /// Resolves when the dispatcher has no place for the socket any more.
    pub(crate) disconnected: oneshot::Receiver<Infallible>,
}

impl Dispatcher {
    pub(crate) fn new(
        exchange: Exchange,
        authentication: Authentication,
        clock: Clock,
        clock_offset_ms: i64,
        keepalive: Keepalive,
        queue_bytes: usize,
    ) -> Self {
        Self {
            clock,
            clock_offset_ms: AtomicI64::new(clock_offset_ms),
            keepalive,
            pings_paused: AtomicBool::new(false),
            queue_bytes,
            closing: watch::Sender::new(false),
            state: Mutex::new(State {
                exchange,
                authentication,
                sockets: BTreeMap::new(),
                next_id: 0,
                dials: VecDeque::new(),
                sent: VecDeque::new(),
                refusals: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn set_clock_offset_ms(&self, offset: i64) {
        self.clock_offset_ms.store(offset, Ordering::Relaxed);
    }

    /// The exchange's time.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = self.clock_offset_ms.load(Ordering::Relaxed);
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add(offset))
    }

    /// Decides about a dial, and notes it.
    pub(crate) fn authorize(&self, request: &UpgradeRequest<'_>) -> Result<PrivateStream, Refusal> {
        self.locked(|state| {
            let decision = match state.ordered_refusal() {
                Some(refusal) => Err(refusal),
                None => state.authentication.authorize(request, self.now()),
            };
            let status = match &decision {
                Ok(_) => StatusCode::SWITCHING_PROTOCOLS,
                Err(refusal) => refusal.status,
            };
            if state.dials.len() == DIALS_KEPT {
                state.dials.pop_front();
            }
            state.dials.push_back(Dial::new(request, status));
            decision
        })
    }

    /// Gives a socket its snapshot and, from that moment on, every update. `None` while closing.
    pub(crate) fn subscribe(self: &Arc<Self>, stream: PrivateStream) -> Option<Subscription> {
        self.locked(|state| {
            if self.is_closing() {
                return None;
            }
            let (outbox, inbox) = outbox(self.queue_bytes);
            if let Some(snapshot) = state.exchange.snapshot(stream, self.now()) {
                outbox.put(Frame::text(snapshot.text.as_str())).ok()?;
                state.note(Sent::new(&snapshot, 1));
            }
            let id = state.next_id;
            state.next_id += 1;
            let (alive, disconnected) = oneshot::channel();
            state.sockets.insert(id, Socket { stream, outbox, _alive: alive });
            Some(Subscription { dispatcher: Arc::clone(self), id, inbox, disconnected })
        })
    }

    /// Changes the exchange, and sends the events that come of it.
    pub(crate) fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Exchange, Timestamp) -> Result<(T, Vec<Push>), E>,
    ) -> Result<(T, Vec<Push>), E> {
        self.locked(|state| {
            let (output, pushes) = change(&mut state.exchange, self.now())?;
            for push in &pushes {
                let sockets = state.send(Some(push.stream), &Frame::text(push.text.as_str()));
                state.note(Sent::new(push, sockets));
            }
            Ok((output, pushes))
        })
    }

    /// As [`change`](Self::change), for what cannot fail.
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

    /// Sends a frame to every socket of a stream, or of all, whatever it is.
    pub(crate) fn send(&self, stream: Option<PrivateStream>, frame: &Frame) {
        self.locked(|state| {
            state.send(stream, frame);
        });
    }

    /// Ends every socket of a stream, or of all, at once and without a close frame.
    pub(crate) fn disconnect(&self, stream: Option<PrivateStream>) {
        self.locked(|state| {
            state.sockets.retain(|_, socket| stream.is_some_and(|stream| stream != socket.stream));
        });
    }

    pub(crate) fn refuse_next(&self, count: usize, refusal: Refusal) {
        self.locked(|state| state.refusals.push_back((count, refusal)));
    }

    /// Looks at the exchange. Nothing is sent meanwhile.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Exchange) -> T) -> T {
        self.locked(|state| look(&state.exchange))
    }

    pub(crate) fn connections(&self) -> usize {
        self.locked(|state| state.sockets.len())
    }

    pub(crate) fn dials(&self) -> Vec<Dial> {
        self.locked(|state| state.dials.iter().cloned().collect())
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.locked(|state| state.sent.iter().cloned().collect())
    }

    /// Lets nobody in any more, and sends a close frame to those who are.
    pub(crate) fn close(&self, frame: &Frame) {
        self.locked(|state| {
            self.closing.send_replace(true);
            state.send(None, frame);
        });
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Resolves when nobody is let in any more.
    pub(crate) async fn closing(&self) {
        // The sender lives as long as `self`.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // A change that panicked has changed a copy only.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Sends to the sockets of a stream, or to all, and counts them. One that does not keep up is ended.
    fn send(&mut self, stream: Option<PrivateStream>, frame: &Frame) -> usize {
        let mut taken = 0;
        self.sockets.retain(|_, socket| {
            let meant = stream.is_none_or(|stream| stream == socket.stream);
            let took = meant && socket.outbox.put(frame.clone()).is_ok();
            taken += usize::from(took);
            !meant || took
        });
        taken
    }

    fn note(&mut self, sent: Sent) {
        if self.sent.len() == SENT_KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    fn ordered_refusal(&mut self) -> Option<Refusal> {
        while let Some((left, refusal)) = self.refusals.front_mut() {
            if let Some(rest) = left.checked_sub(1) {
                *left = rest;
                return Some(refusal.clone());
            }
            self.refusals.pop_front();
        }
        None
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.dispatcher.locked(|state| state.sockets.remove(&self.id));
    }
}
