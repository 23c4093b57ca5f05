use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bitopro_client::auth::Payload;
use bitopro_client::model::PrivateStream;
use bitopro_client::transport::{Connection, Connector, Error, ErrorKind, Frame, Refusal, Request};
use bitopro_sim::SimConnector;
use futures_util::Stream;
use tokio::time::{Instant, sleep};

/// The network between a client and the simulator, with a log of all dials. It can block or refuse dials and
/// cut open connections.
#[derive(Clone)]
pub(crate) struct Network {
    connector: SimConnector,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    dials: Vec<Dial>,
    dial_mode: DialMode,
    refusals: VecDeque<CreateRefusal>,
    connections: Vec<(PrivateStream, Arc<AtomicBool>)>,
}

/// Creates a refusal at the time of the dial, since it may contain that time.
type CreateRefusal = Box<dyn FnOnce() -> Refusal + Send>;

/// A dial in the log.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) at: Instant,
    pub(crate) stream: PrivateStream,
    pub(crate) nonce: u64,
    /// The status with which the network itself refused the dial, if it did.
    pub(crate) refused: Option<u16>,
}

/// The mode of the network, which applies to all dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DialMode {
    #[default]
    Open,
    /// Dials are not answered.
    Hangs,
    /// Dials fail immediately.
    Fails,
}

/// The outcome of one dial.
enum Outcome {
    /// A connection that is cut by setting this flag.
    Open(Arc<AtomicBool>),
    Refused(Refusal),
    Hangs,
    Fails,
}

impl Network {
    pub(crate) fn new(connector: SimConnector) -> Self {
        Self { connector, state: Arc::default() }
    }

    pub(crate) fn set_dial_mode(&self, dial_mode: DialMode) {
        self.with_state(|state| state.dial_mode = dial_mode);
    }

    /// Refuses one more dial, after the pending refusals.
    pub(crate) fn refuse(&self, refusal: impl FnOnce() -> Refusal + Send + 'static) {
        self.with_state(|state| state.refusals.push_back(Box::new(refusal)));
    }

    pub(crate) fn has_pending_refusals(&self) -> bool {
        self.with_state(|state| !state.refusals.is_empty())
    }

    /// Forwards all further dials. Connections that were cut remain cut.
    pub(crate) fn heal(&self) {
        self.with_state(|state| {
            state.dial_mode = DialMode::Open;
            state.refusals.clear();
        });
    }

    /// Drops all further traffic of these connections, without notifying either end.
    pub(crate) fn cut(&self, which: Option<PrivateStream>) {
        self.with_state(|state| {
            for (stream, is_cut) in &state.connections {
                if which.is_none_or(|which| which == *stream) {
                    is_cut.store(true, Ordering::Relaxed);
                }
            }
        });
    }

    /// Returns whether the client holds a connection that was cut.
    pub(crate) fn has_cut_connection(&self) -> bool {
        self.with_state(|state| {
            state.connections.retain(|(_, is_cut)| Arc::strong_count(is_cut) > 1);
            state.connections.iter().any(|(_, is_cut)| is_cut.load(Ordering::Relaxed))
        })
    }

    /// Clears the log of dials.
    pub(crate) fn clear_log(&self) {
        self.with_state(|state| state.dials = Vec::new());
    }

    pub(crate) fn dials(&self) -> Vec<Dial> {
        self.with_state(|state| state.dials.clone())
    }

    /// Logs a dial and returns its outcome.
    fn dial(&self, stream: PrivateStream, nonce: u64) -> Outcome {
        self.with_state(|state| {
            let outcome = match state.dial_mode {
                DialMode::Open => match state.refusals.pop_front() {
                    Some(create) => Outcome::Refused(create()),
                    None => Outcome::Open(Arc::default()),
                },
                DialMode::Hangs => Outcome::Hangs,
                DialMode::Fails => Outcome::Fails,
            };
            let mut refused = None;
            match &outcome {
                Outcome::Open(is_cut) => state.connections.push((stream, Arc::clone(is_cut))),
                Outcome::Refused(refusal) => refused = Some(refusal.status.as_u16()),
                Outcome::Hangs | Outcome::Fails => {}
            }
            state.dials.push(Dial { at: Instant::now(), stream, nonce, refused });
            outcome
        })
    }

    fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap())
    }
}

#[async_trait]
impl Connector for Network {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let path = request.url().path().to_owned();
        let stream = PrivateStream::ALL.iter().find(|stream| path.ends_with(stream.path())).unwrap();
        let payload = request.headers()["x-bitopro-payload"].to_str().unwrap();
        let nonce = Payload::received(payload).identity_claim().unwrap().nonce;
        let blocked = || Error::new(ErrorKind::Connect, "the network is blocked");
        match self.dial(*stream, nonce) {
            Outcome::Open(is_cut) => {
                let connection = self.connector.connect(request).await?;
                Ok(Box::new(CuttableConnection { connection, is_cut }))
            }
            Outcome::Refused(refusal) => Err(Error::refused(refusal)),
            Outcome::Hangs => {
                sleep(request.deadline()).await;
                Err(blocked())
            }
            Outcome::Fails => Err(blocked()),
        }
    }
}

/// A connection that can be cut.
struct CuttableConnection {
    connection: Box<dyn Connection>,
    is_cut: Arc<AtomicBool>,
}

impl Stream for CuttableConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Pin::new(&mut self.connection).poll_next(context)
    }
}

#[async_trait]
impl Connection for CuttableConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.connection.send(frame).await
    }
}
