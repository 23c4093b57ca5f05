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

/// The network from a client to the simulator, with a log of who took it. It can be blocked, and cut under those
/// who are on it.
#[derive(Clone)]
pub(crate) struct Network {
    to: SimConnector,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    dials: Vec<Dialled>,
    passage: Passage,
    refusals: VecDeque<Refusing>,
    stretches: Vec<(PrivateStream, Arc<AtomicBool>)>,
    /// The times of orders are sent in whole seconds.
    is_coarse: bool,
}

/// A refusal that is made when a dial comes, since it may tell the time.
type Refusing = Box<dyn FnOnce() -> Refusal + Send>;

/// A dial that was made.
#[derive(Debug, Clone)]
pub(crate) struct Dialled {
    pub(crate) at: Instant,
    pub(crate) stream: PrivateStream,
    pub(crate) nonce: u64,
    /// The status that the network itself answered with.
    pub(crate) refused: Option<u16>,
}

/// What becomes of the dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Passage {
    #[default]
    Open,
    /// It is not answered.
    Hangs,
    /// It fails at once.
    Fails,
}

/// What becomes of one dial.
enum Entry {
    /// A connection, which this cuts.
    Open(Arc<AtomicBool>),
    Refused(Refusal),
    Hangs,
    Fails,
}

impl Network {
    pub(crate) fn new(to: SimConnector) -> Self {
        Self { to, state: Arc::default() }
    }

    /// Sends the times of orders in whole seconds from now on.
    pub(crate) fn make_coarse(&self) {
        self.locked(|state| state.is_coarse = true);
    }

    pub(crate) fn is_coarse(&self) -> bool {
        self.locked(|state| state.is_coarse)
    }

    pub(crate) fn set(&self, passage: Passage) {
        self.locked(|state| state.passage = passage);
    }

    /// Refuses one more dial, after those that are to be refused already.
    pub(crate) fn refuse(&self, refusal: impl FnOnce() -> Refusal + Send + 'static) {
        self.locked(|state| state.refusals.push_back(Box::new(refusal)));
    }

    pub(crate) fn refuses(&self) -> bool {
        self.locked(|state| !state.refusals.is_empty())
    }

    /// Lets everybody pass from now on. What was cut stays so.
    pub(crate) fn heal(&self) {
        self.locked(|state| {
            state.passage = Passage::Open;
            state.refusals.clear();
        });
    }

    /// From now on nothing passes over these connections, and neither end is told.
    pub(crate) fn cut(&self, which: Option<PrivateStream>) {
        self.locked(|state| {
            for (stream, is_cut) in &state.stretches {
                if which.is_none_or(|which| which == *stream) {
                    is_cut.store(true, Ordering::Relaxed);
                }
            }
        });
    }

    /// Whether the client holds a connection that was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.locked(|state| {
            state.stretches.retain(|(_, is_cut)| Arc::strong_count(is_cut) > 1);
            state.stretches.iter().any(|(_, is_cut)| is_cut.load(Ordering::Relaxed))
        })
    }

    /// Begins the log anew.
    pub(crate) fn forget(&self) {
        self.locked(|state| state.dials = Vec::new());
    }

    pub(crate) fn upgrade_attempts(&self) -> Vec<Dialled> {
        self.locked(|state| state.dials.clone())
    }

    /// Notes a dial, and tells what becomes of it.
    fn enter(&self, stream: PrivateStream, nonce: u64) -> Entry {
        self.locked(|state| {
            let entry = match state.passage {
                Passage::Open => match state.refusals.pop_front() {
                    Some(refusing) => Entry::Refused(refusing()),
                    None => Entry::Open(Arc::default()),
                },
                Passage::Hangs => Entry::Hangs,
                Passage::Fails => Entry::Fails,
            };
            let mut refused = None;
            match &entry {
                Entry::Open(is_cut) => state.stretches.push((stream, Arc::clone(is_cut))),
                Entry::Refused(refusal) => refused = Some(refusal.status.as_u16()),
                Entry::Hangs | Entry::Fails => {}
            }
            state.dials.push(Dialled { at: Instant::now(), stream, nonce, refused });
            entry
        })
    }

    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
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
        match self.enter(*stream, nonce) {
            Entry::Open(is_cut) => {
                let connection = self.to.connect(request).await?;
                let is_coarse = self.is_coarse();
                Ok(Box::new(Stretch { connection, is_cut, is_coarse }))
            }
            Entry::Refused(refusal) => Err(Error::refused(refusal)),
            Entry::Hangs => {
                sleep(request.deadline()).await;
                Err(blocked())
            }
            Entry::Fails => Err(blocked()),
        }
    }
}

/// A connection that can be cut.
struct Stretch {
    connection: Box<dyn Connection>,
    is_cut: Arc<AtomicBool>,
    is_coarse: bool,
}

/// A message in which the times of orders are whole seconds.
fn coarse(frame: Frame) -> Frame {
    const NAME: &str = "\"updatedTimestamp\":";
    let Frame::Text(text) = &frame else { return frame };
    let mut parts = text.as_str().split(NAME);
    let mut coarse = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let millis: i64 = part[..digits].parse().unwrap();
        coarse.extend([NAME, &(millis / 1_000 * 1_000).to_string(), &part[digits..]]);
    }
    Frame::text(coarse)
}

impl Stream for Stretch {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.connection).poll_next(context);
        if self.is_coarse { polled.map_ok(coarse) } else { polled }
    }
}

#[async_trait]
impl Connection for Stretch {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.connection.send(frame).await
    }
}
