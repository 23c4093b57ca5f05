//! The socket of one link, from which frames are read in batches.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bitopro_transport::{Connection, Error, ErrorKind, Frame};
use futures_util::StreamExt;
use tracing::Span;

use crate::engine::{DecodedFrame, FrameDecoder};

/// Maximum number of frames in a batch, so that the subscriber can run between two batches.
const BATCH: usize = 64;

/// Number of message bytes after which a batch ends, so that other links and readers do not wait long for the
/// lock.
const BATCH_BYTES: usize = 256 << 10;

pub(super) struct Socket {
    state: State,
    decoder: FrameDecoder,
    /// The span of the last dial, and of its connection.
    span: Span,
    /// The decoded frames of the last batch.
    pub(super) frames: Vec<DecodedFrame>,
    /// True if the last poll of the connection has registered the task for a wake-up, and the task has not waited since
    /// then. The next poll of the batch, before the task waits, need not poll the connection again.
    is_pending: bool,
}

type Dialed = Result<Box<dyn Connection>, Error>;

enum State {
    Down,
    Dialing(Pin<Box<dyn Future<Output = Dialed> + Send>>),
    Up(Box<dyn Connection>),
}

enum Event {
    Connected,
    DialFailed(Error),
    Frame(Frame),
    Lost(Error),
}

/// The reason why a batch of frames ended.
pub(super) enum BatchEnd {
    /// The batch has its maximum size, so more frames may have arrived.
    Full,
    /// No further frame has arrived, or the last one was a close frame.
    Drained,
    Connected,
    DialFailed(Error),
    Lost(Error),
}

impl Socket {
    pub(super) fn new(decoder: FrameDecoder) -> Self {
        Self { state: State::Down, decoder, span: Span::none(), frames: Vec::new(), is_pending: false }
    }

    /// Starts a dial.
    pub(super) fn dial(&mut self, span: Span, dial: impl Future<Output = Dialed> + Send + 'static) {
        self.span = span;
        self.set(State::Dialing(Box::pin(dial)));
    }

    /// Drops the connection or the dial in progress.
    pub(super) fn disconnect(&mut self) {
        self.set(State::Down);
    }

    fn set(&mut self, state: State) {
        (self.state, self.is_pending) = (state, false);
    }

    /// Returns the open connection, if any, for a caller that may wait.
    pub(super) fn connection(&mut self) -> Option<&mut dyn Connection> {
        // A wake-up that ends the wait may be that of the socket.
        self.is_pending = false;
        match &mut self.state {
            State::Up(connection) => Some(&mut **connection),
            State::Down | State::Dialing(_) => None,
        }
    }

    /// Reads and decodes the frames that have arrived into `frames`. This needs no lock, which other links and readers
    /// need.
    ///
    /// Returns the time at which the first of them was read, and the reason why the batch ended.
    pub(super) fn poll_batch<T>(
        &mut self,
        context: &mut Context<'_>,
        now: impl FnOnce() -> T,
    ) -> Poll<(T, BatchEnd)> {
        if std::mem::take(&mut self.is_pending) {
            return Poll::Pending;
        }
        let _entered = self.span.enter();
        let mut event = ready!(self.state.poll_next(context));
        let now = now();
        let mut bytes = 0;
        let end = loop {
            let frame = match event {
                Event::Frame(frame) => self.decoder.decode(frame),
                Event::Connected => break BatchEnd::Connected,
                Event::DialFailed(error) => break BatchEnd::DialFailed(error),
                Event::Lost(error) => break BatchEnd::Lost(error),
            };
            bytes += frame.bytes();
            let is_last = matches!(frame, DecodedFrame::Close(_));
            self.frames.push(frame);
            if is_last {
                break BatchEnd::Drained;
            }
            if self.frames.len() >= BATCH || bytes >= BATCH_BYTES {
                break BatchEnd::Full;
            }
            let Poll::Ready(next) = self.state.poll_next(context) else {
                self.is_pending = true;
                break BatchEnd::Drained;
            };
            event = next;
        };
        Poll::Ready((now, end))
    }
}

impl State {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let connection = match self {
            Self::Down => return Poll::Pending,
            Self::Dialing(dial) => match ready!(dial.as_mut().poll(context)) {
                Ok(connection) => {
                    *self = Self::Up(connection);
                    return Poll::Ready(Event::Connected);
                }
                Err(error) => {
                    *self = Self::Down;
                    return Poll::Ready(Event::DialFailed(error));
                }
            },
            Self::Up(connection) => connection,
        };
        Poll::Ready(match ready!(connection.poll_next_unpin(context)) {
            Some(Ok(frame)) => Event::Frame(frame),
            Some(Err(error)) => Event::Lost(error),
            None => Event::Lost(Error::new(ErrorKind::Disconnected, "no close frame was received")),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use bitopro_model::PrivateStream;
    use futures_util::task::noop_waker_ref;

    use super::{BatchEnd, Connection, Context, Error, Frame, FrameDecoder, Pin, Poll, Socket, Span};

    /// A connection that counts its polls.
    struct Counting {
        frames: VecDeque<Frame>,
        polls: Arc<AtomicU32>,
    }

    impl futures_core::Stream for Counting {
        type Item = Result<Frame, Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.polls.fetch_add(1, Ordering::Relaxed);
            self.frames.pop_front().map_or(Poll::Pending, |frame| Poll::Ready(Some(Ok(frame))))
        }
    }

    #[async_trait]
    impl Connection for Counting {
        async fn send(&mut self, _: Frame) -> Result<(), Error> {
            Ok(())
        }
    }

    /// Returns a socket whose two frames have been read in one batch, and the number of its polls so far.
    fn drained() -> (Socket, Arc<AtomicU32>) {
        let polls = Arc::new(AtomicU32::new(0));
        let frames = [Frame::text("1"), Frame::text("2")].into();
        let connection = Counting { frames, polls: Arc::clone(&polls) };
        let mut socket = Socket::new(FrameDecoder::new(PrivateStream::UserTrades.into(), None));
        socket.dial(Span::none(), async { Ok(Box::new(connection) as Box<dyn Connection>) });
        assert!(matches!(poll(&mut socket), Poll::Ready(BatchEnd::Connected)));
        assert!(matches!(poll(&mut socket), Poll::Ready(BatchEnd::Drained)));
        (socket, polls)
    }

    fn poll(socket: &mut Socket) -> Poll<BatchEnd> {
        let context = &mut Context::from_waker(noop_waker_ref());
        socket.poll_batch(context, || ()).map(|((), end)| end)
    }

    #[test]
    fn a_drained_socket_is_polled_again_only_after_the_task_has_waited() {
        let (mut socket, polls) = drained();
        assert_eq!((socket.frames.len(), polls.load(Ordering::Relaxed)), (2, 3));
        assert!(poll(&mut socket).is_pending());
        assert_eq!(polls.load(Ordering::Relaxed), 3, "the task is already registered");
        assert!(poll(&mut socket).is_pending());
        assert_eq!(polls.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_drained_socket_is_polled_again_after_a_send() {
        let (mut socket, polls) = drained();
        assert!(socket.connection().is_some());
        assert!(poll(&mut socket).is_pending());
        assert_eq!(polls.load(Ordering::Relaxed), 4, "the wake-up of the socket may have ended the send");
    }
}
