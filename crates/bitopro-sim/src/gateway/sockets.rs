use std::collections::{BTreeMap, BTreeSet};

use bitopro_transport::Frame;
use tokio::sync::oneshot;

use crate::SentMessage;
use crate::exchange::feed::series::Series;
use crate::exchange::recent_items::RecentItems;
use crate::gateway::channel::{Addressees, Channel, Message, Topic};
use crate::gateway::outbox::{Inbox, Outbox, outbox};
use crate::gateway::session;

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
    channel: Channel,
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

    /// Adds a socket, whose first messages are the current state. Returns `None` if they exceed its queue.
    pub(crate) fn add(&mut self, channel: Channel, first: Vec<Message>) -> Option<SocketEnd> {
        let (outbox, inbox) = outbox(self.queue_bytes);
        for message in first {
            outbox.put(Frame::text(message.text.as_str())).ok()?;
            self.sent.push(SentMessage::new(message, 1));
        }
        let id = self.next_id;
        self.next_id += 1;
        let (alive, disconnected) = oneshot::channel();
        self.by_id.insert(id, Socket { channel, outbox, alive: Some(alive) });
        Some(SocketEnd { id, inbox, disconnected })
    }

    /// Returns all series that sockets follow.
    pub(crate) fn followed(&self) -> BTreeSet<&Series> {
        let channels = self.by_id.values().map(|socket| &socket.channel);
        channels.flat_map(|channel| channel.topics.iter().filter_map(Topic::series)).collect()
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.by_id.remove(&id);
    }

    pub(crate) fn disconnect(&mut self, addressees: Addressees) {
        self.by_id.retain(|_, socket| !addressees.include(&socket.channel));
    }

    /// Sends a message to the sockets that follow its topic.
    pub(crate) fn publish(&mut self, message: Message) {
        let frame = Frame::text(message.text.as_str());
        let sockets = self.send_if(|channel| channel.topics.contains(&message.topic), &frame);
        self.sent.push(SentMessage::new(message, sockets));
    }

    /// Sends a frame to the addressed sockets.
    pub(crate) fn send(&mut self, addressees: Addressees, frame: &Frame) {
        self.send_if(|channel| addressees.include(channel), frame);
    }

    /// Sends a frame to some sockets, and returns their number. A socket whose queue is full is disconnected.
    fn send_if(&mut self, is_addressed: impl Fn(&Channel) -> bool, frame: &Frame) -> usize {
        let mut count = 0;
        self.by_id.retain(|_, socket| {
            let is_addressed = is_addressed(&socket.channel);
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
