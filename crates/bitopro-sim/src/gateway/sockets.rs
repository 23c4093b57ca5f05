use std::collections::BTreeMap;

use bitopro_transport::Frame;
use tokio::sync::oneshot;

use crate::exchange::recent_items::RecentItems;
use crate::gateway::account_stream::{AccountStream, Addressees};
use crate::gateway::outbox::{Inbox, Outbox, outbox};
use crate::gateway::session;
use crate::{Push, SentMessage};

/// Number of sent messages that are kept.
const SENT_KEPT: usize = 10_000;

/// The sockets that have subscribed to a stream, and the messages that were sent to them.
#[derive(Debug)]
pub(crate) struct Sockets {
    by_id: BTreeMap<u64, Socket>,
    next_id: u64,
    sent: RecentItems<SentMessage>,
    queue_bytes: usize,
}

/// A subscribed socket. Dropping it ends the connection immediately, without a close frame.
#[derive(Debug)]
struct Socket {
    stream: AccountStream,
    outbox: Outbox,
    /// Sends the reason why the exchange drops the socket. None is sent if a command does.
    alive: Option<oneshot::Sender<&'static str>>,
}

/// The connection's side of a socket.
#[derive(Debug)]
pub(crate) struct SocketEnd {
    pub(crate) id: u64,
    pub(crate) inbox: Inbox,
    /// Resolves when the socket is disconnected, with the reason unless a command did it.
    pub(crate) disconnected: oneshot::Receiver<&'static str>,
}

impl Sockets {
    pub(crate) fn new(queue_bytes: usize) -> Self {
        Self { by_id: BTreeMap::new(), next_id: 1, sent: RecentItems::new(SENT_KEPT), queue_bytes }
    }

    /// Adds a socket whose first message is the snapshot, if any.
    pub(crate) fn add(&mut self, stream: AccountStream, snapshot: Option<&Push>) -> Option<SocketEnd> {
        let (outbox, inbox) = outbox(self.queue_bytes);
        if let Some(snapshot) = snapshot {
            outbox.put(Frame::text(snapshot.text.as_str())).ok()?;
            self.sent.push(SentMessage::new(snapshot, 1));
        }
        let id = self.next_id;
        self.next_id += 1;
        let (alive, disconnected) = oneshot::channel();
        self.by_id.insert(id, Socket { stream, outbox, alive: Some(alive) });
        Some(SocketEnd { id, inbox, disconnected })
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.by_id.remove(&id);
    }

    pub(crate) fn disconnect(&mut self, addressees: Addressees) {
        self.by_id.retain(|_, socket| !addressees.include(socket.stream));
    }

    /// Sends a message to the sockets of its stream.
    pub(crate) fn publish(&mut self, push: &Push) {
        let stream = AccountStream { account: push.account, stream: push.stream };
        let sockets = self.send(stream.into(), &Frame::text(push.text.as_str()));
        self.sent.push(SentMessage::new(push, sockets));
    }

    /// Sends a frame to the addressed sockets, and returns their number. A socket whose queue is full is
    /// disconnected.
    pub(crate) fn send(&mut self, addressees: Addressees, frame: &Frame) -> usize {
        let mut count = 0;
        self.by_id.retain(|_, socket| {
            let is_addressed = addressees.include(socket.stream);
            let is_sent = is_addressed && socket.outbox.put(frame.clone()).is_ok();
            count += usize::from(is_sent);
            if is_addressed && !is_sent {
                let _ = socket.alive.take().map(|alive| alive.send(session::NOT_READ));
            }
            !is_addressed || is_sent
        });
        count
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn sent(&self) -> Vec<SentMessage> {
        self.sent.iter().cloned().collect()
    }
}
