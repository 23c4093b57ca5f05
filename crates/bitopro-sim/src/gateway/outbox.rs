//! The queue of frames for one socket. Its size is bounded: a client that does not read delays no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bitopro_transport::Frame;
use tokio::sync::mpsc;

/// The cost of a frame beside its text, so that many empty frames are bounded too.
const FRAME_OVERHEAD_BYTES: usize = 64;

/// The exchange's end of the queue, which never waits.
#[derive(Debug)]
pub(crate) struct Outbox {
    frames: mpsc::UnboundedSender<Frame>,
    waiting: Arc<AtomicUsize>,
    limit: usize,
}

/// The socket's end of the queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    frames: mpsc::UnboundedReceiver<Frame>,
    waiting: Arc<AtomicUsize>,
}

/// The queue is full, or the socket is gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutboxError;

pub(crate) fn outbox(limit: usize) -> (Outbox, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Outbox { frames: sender, waiting: Arc::clone(&waiting), limit }, Inbox { frames: receiver, waiting })
}

impl Outbox {
    /// Adds a frame to the queue. One that is larger than the limit is accepted while the queue is empty.
    ///
    /// Only called under the dispatcher's lock, so that nothing is added between the check and the addition.
    pub(crate) fn put(&self, frame: Frame) -> Result<(), OutboxError> {
        let waiting = self.waiting.load(Ordering::Acquire);
        if waiting > 0 && waiting.saturating_add(cost(&frame)) > self.limit {
            return Err(OutboxError);
        }
        self.waiting.fetch_add(cost(&frame), Ordering::AcqRel);
        self.frames.send(frame).map_err(|_| OutboxError)
    }
}

impl Inbox {
    /// The next frame, or `None` once the other end is gone and all is taken. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let frame = self.frames.recv().await?;
        self.waiting.fetch_sub(cost(&frame), Ordering::AcqRel);
        Some(frame)
    }
}

fn cost(frame: &Frame) -> usize {
    let bytes = match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => bytes.len(),
        _ => 0,
    };
    bytes.saturating_add(FRAME_OVERHEAD_BYTES)
}

#[cfg(test)]
mod tests {
    use bitopro_transport::Frame;

    use super::{FRAME_OVERHEAD_BYTES, OutboxError, outbox};

    #[tokio::test]
    async fn what_is_taken_makes_room() {
        let (outbox, mut inbox) = outbox(3 * (FRAME_OVERHEAD_BYTES + 1));
        for text in ["a", "b", "c"] {
            assert_eq!(outbox.put(Frame::text(text)), Ok(()));
        }
        assert_eq!(outbox.put(Frame::text("")), Err(OutboxError));
        assert_eq!(inbox.next().await, Some(Frame::text("a")));
        assert_eq!(outbox.put(Frame::text("d")), Ok(()));
        assert_eq!(outbox.put(Frame::text("e")), Err(OutboxError));
        drop(outbox);
        for text in ["b", "c", "d"] {
            assert_eq!(inbox.next().await, Some(Frame::text(text)));
        }
        assert_eq!(inbox.next().await, None);
    }

    #[tokio::test]
    async fn one_frame_beyond_the_limit_is_taken_when_none_waits() {
        let (outbox, mut inbox) = outbox(10);
        let large = Frame::text("x".repeat(100));
        assert_eq!(outbox.put(large.clone()), Ok(()));
        assert_eq!(outbox.put(Frame::text("")), Err(OutboxError));
        assert_eq!(inbox.next().await, Some(large.clone()));
        assert_eq!(outbox.put(large), Ok(()));
    }

    #[test]
    fn a_socket_that_is_gone_takes_nothing() {
        let (outbox, inbox) = outbox(1000);
        drop(inbox);
        assert_eq!(outbox.put(Frame::text("a")), Err(OutboxError));
    }
}
