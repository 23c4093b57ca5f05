use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bitopro_model::Event;
use futures_core::Stream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use crate::driver::Command;
use crate::item::{Closed, Item};
use crate::shared::{Inbox, Shared};
use crate::state::{Current, Followed};

/// One followed stream: a [`Stream`] of [`Item`]s, and the state that they add up to.
///
/// The socket is read whether or not this is polled. What is not read in time is merged into the state
/// and announced by a [`Gap`](crate::Gap). Polling is cancel-safe. Dropping it ends the connection at
/// once; [`close`](Self::close) ends it politely.
pub struct Subscription<D: Followed> {
    shared: Arc<Shared<D>>,
    line: Line,
}

/// The subscriber's hold on a driver, which ends with it.
#[derive(Debug)]
pub(crate) struct Line {
    commands: UnboundedSender<Command>,
    driver: AbortHandle,
}

impl Line {
    pub(crate) fn new(commands: UnboundedSender<Command>, driver: AbortHandle) -> Self {
        Self { commands, driver }
    }

    pub(crate) fn commands(&self) -> UnboundedSender<Command> {
        self.commands.clone()
    }

    pub(crate) fn send(&self, command: Command) {
        // A driver that is gone has ended its stream already.
        let _ = self.commands.send(command);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl<D: Followed> Subscription<D> {
    pub(crate) fn new(shared: Arc<Shared<D>>, line: Line) -> Self {
        Self { shared, line }
    }

    /// The state as it is known now, or `None` before the first snapshot. Cheap, and one consistent picture.
    pub fn current(&self) -> Option<Current<D::State>> {
        self.shared.current()
    }

    /// A handle that reads the state from elsewhere. It keeps nothing alive.
    pub fn reader(&self) -> Reader<D> {
        Reader(Arc::clone(&self.shared))
    }

    /// Asks for a fresh snapshot, which only a new connection gives: the stream goes on with
    /// `Disconnected`, `Connected`, a gap and a snapshot. Nothing happens while there is no connection.
    pub fn resync(&self) {
        self.line.send(Command::Resync);
    }

    /// Closes the connection politely, within the close deadline, and tells why the stream ended. What
    /// had not been read is dropped. To read on to the end instead, poll the stream after
    /// [`request_close`](Self::request_close).
    ///
    /// Cancel-safe: dropping the future drops the subscription, which ends the connection at once.
    pub async fn close(mut self) -> Closed {
        self.request_close();
        while poll_fn(|context| Pin::new(&mut self).poll_next(context)).await.is_some() {}
        // The stream has just come to its end, so there is a reason.
        self.shared.closed().unwrap_or(Closed::Requested)
    }

    /// Asks for the end of the stream, which comes as [`Item::Closed`] within the close deadline.
    pub fn request_close(&self) {
        self.line.send(Command::Close);
    }
}

impl<D: Followed> Stream for Subscription<D> {
    type Item = Item<Event<D>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared.poll_item(context)
    }
}

impl<D: Followed> Drop for Subscription<D> {
    /// The driver is told to end, and may take a moment; a reader must not take the state for fresh meanwhile.
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl<D: Followed> fmt::Debug for Subscription<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("stream", &D::STREAM).finish_non_exhaustive()
    }
}

/// Reads the state of a [`Subscription`] from elsewhere. After the subscription's end the state is stale.
pub struct Reader<D: Followed>(Arc<Shared<D>>);

impl<D: Followed> Reader<D> {
    /// The state as it is known now, or `None` before the first snapshot. Cheap, and one consistent picture.
    pub fn current(&self) -> Option<Current<D::State>> {
        self.0.current()
    }
}

impl<D: Followed> Clone for Reader<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Followed> fmt::Debug for Reader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("stream", &D::STREAM).finish_non_exhaustive()
    }
}
