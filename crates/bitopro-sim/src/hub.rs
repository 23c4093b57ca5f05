//! The exchange and everybody who listens to it, behind one lock.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bitopro_model::{AccountBalance, PrivateStream, Timestamp};
use bitopro_transport::{Frame, Refusal, Text};
use http::StatusCode;
use tokio::sync::{oneshot, watch};

use crate::books::Books;
use crate::outbox::{Inbox, Outbox, outbox};
use crate::session::Keepalive;
use crate::{Clock, Dial, Exchange, UpgradeRequest};

/// How many dials are remembered: a simulator may run for weeks.
const DIALS_KEPT: usize = 10_000;

/// Shared by the simulator's handle, its connectors and its sockets.
#[derive(Debug)]
pub(crate) struct Hub {
    clock: Clock,
    clock_offset_ms: AtomicI64,
    pub(crate) keepalive: Keepalive,
    pub(crate) pings_paused: AtomicBool,
    queue_bytes: usize,
    closing: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    exchange: Exchange,
    sockets: BTreeMap<u64, Socket>,
    next_id: u64,
    dials: VecDeque<Dial>,
    refusals: VecDeque<(usize, Refusal)>,
}

/// A socket that listens. Taking it out of the hub ends it at once, without a close frame.
#[derive(Debug)]
struct Socket {
    stream: PrivateStream,
    outbox: Outbox,
    _alive: oneshot::Sender<Infallible>,
}

/// A socket's place in the hub, which it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) hub: Arc<Hub>,
    id: u64,
    pub(crate) inbox: Inbox,
    /// Resolves when the hub has no place for the socket any more.
    pub(crate) expelled: oneshot::Receiver<Infallible>,
}

impl Hub {
    pub(crate) fn new(
        exchange: Exchange,
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
                sockets: BTreeMap::new(),
                next_id: 0,
                dials: VecDeque::new(),
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
    pub(crate) fn admit(&self, request: &UpgradeRequest<'_>) -> Result<PrivateStream, Refusal> {
        self.locked(|state| {
            let decision = match state.ordered_refusal() {
                Some(refusal) => Err(refusal),
                None => state.exchange.authorize(request, self.now()),
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
    pub(crate) fn subscribe(self: &Arc<Self>, stream: PrivateStream) -> Option<Seat> {
        self.locked(|state| {
            if self.is_closing() {
                return None;
            }
            let (outbox, inbox) = outbox(self.queue_bytes);
            let snapshot = state.exchange.snapshot(self.now());
            outbox.put(Frame::Text(text(&snapshot))).ok()?;
            let id = state.next_id;
            state.next_id += 1;
            let (alive, expelled) = oneshot::channel();
            state.sockets.insert(id, Socket { stream, outbox, _alive: alive });
            Some(Seat { hub: Arc::clone(self), id, inbox, expelled })
        })
    }

    /// Changes the exchange, and tells those who listen.
    pub(crate) fn change(
        &self,
        change: impl FnOnce(&mut Exchange, Timestamp) -> Option<AccountBalance>,
    ) -> Option<AccountBalance> {
        self.locked(|state| {
            let event = change(&mut state.exchange, self.now())?;
            state.send(Some(PrivateStream::AccountBalance), &Frame::Text(text(&event)));
            Some(event)
        })
    }

    /// Sends a frame to every socket, whatever its stream.
    pub(crate) fn send_all(&self, frame: &Frame) {
        self.locked(|state| state.send(None, frame));
    }

    /// Ends every socket at once, without a close frame.
    pub(crate) fn expel_all(&self) {
        self.locked(|state| state.sockets.clear());
    }

    pub(crate) fn refuse_next(&self, count: usize, refusal: Refusal) {
        self.locked(|state| state.refusals.push_back((count, refusal)));
    }

    pub(crate) fn balances(&self) -> Books {
        self.locked(|state| state.exchange.balances().clone())
    }

    pub(crate) fn connections(&self) -> usize {
        self.locked(|state| state.sockets.len())
    }

    pub(crate) fn dials(&self) -> Vec<Dial> {
        self.locked(|state| state.dials.iter().cloned().collect())
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
    /// Sends to the sockets of a stream, or to all. One that does not keep up is ended.
    fn send(&mut self, stream: Option<PrivateStream>, frame: &Frame) {
        self.sockets.retain(|_, socket| {
            let meant = stream.is_none_or(|stream| stream == socket.stream);
            !meant || socket.outbox.put(frame.clone()).is_ok()
        });
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

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.locked(|state| state.sockets.remove(&self.id));
    }
}

fn text(event: &AccountBalance) -> Text {
    // Texts, numbers and maps with text keys: nothing in an event has a way to fail.
    serde_json::to_string(event).unwrap_or_default().into()
}
