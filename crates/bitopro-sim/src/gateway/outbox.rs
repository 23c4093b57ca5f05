//! The bounded queue of frames for one socket, so that a client that does not read cannot delay the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bitopro_transport::Frame;
use tokio::sync::mpsc;

/// The cost of a frame in addition to its payload, which bounds the number of empty frames too.
const FRAME_OVERHEAD_BYTES: usize = 64;

/// The exchange's end of the queue, where adding a frame never waits.
#[derive(Debug)]
pub(crate) struct Outbox {
    frames: mpsc::UnboundedSender<Frame>,
    queued_bytes: Arc<AtomicUsize>,
    limit: usize,
}

/// The socket's end of the queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    frames: mpsc::UnboundedReceiver<Frame>,
    queued_bytes: Arc<AtomicUsize>,
}

/// The queue is full, or the socket has been closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutboxError;

pub(crate) fn outbox(limit: usize) -> (Outbox, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let queued_bytes = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox { frames: sender, queued_bytes: Arc::clone(&queued_bytes), limit };
    (outbox, Inbox { frames: receiver, queued_bytes })
}

impl Outbox {
    /// Adds a frame to the queue. A frame larger than the limit is accepted only if the queue is empty.
    ///
    /// The caller holds the dispatcher's lock, so that no frame is added between the check and the addition.
    pub(crate) fn put(&self, frame: Frame) -> Result<(), OutboxError> {
        let queued = self.queued_bytes.load(Ordering::Acquire);
        if queued > 0 && queued.saturating_add(cost(&frame)) > self.limit {
            return Err(OutboxError);
        }
        self.queued_bytes.fetch_add(cost(&frame), Ordering::AcqRel);
        self.frames.send(frame).map_err(|_| OutboxError)
    }
}

impl Inbox {
    /// Returns the next frame, or `None` once the queue is empty and the other end was dropped. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let frame = self.frames.recv().await?;
        self.queued_bytes.fetch_sub(cost(&frame), Ordering::AcqRel);
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
    async fn taking_a_frame_frees_its_space() {
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
    async fn a_frame_beyond_the_limit_is_accepted_by_an_empty_queue() {
        let (outbox, mut inbox) = outbox(10);
        let large = Frame::text("x".repeat(100));
        assert_eq!(outbox.put(large.clone()), Ok(()));
        assert_eq!(outbox.put(Frame::text("")), Err(OutboxError));
        assert_eq!(inbox.next().await, Some(large.clone()));
        assert_eq!(outbox.put(large), Ok(()));
    }

    #[test]
    fn a_closed_socket_accepts_no_frames() {
        let (outbox, inbox) = outbox(1000);
        drop(inbox);
        assert_eq!(outbox.put(Frame::text("a")), Err(OutboxError));
    }
}
