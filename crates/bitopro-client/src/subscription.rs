use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bitopro_model::Event;
use futures_core::Stream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use crate::driver::Command;
use crate::item::{Closed, Item};
use crate::mailbox::Mailbox;
use crate::outside::monotonic_now;
use crate::state::{Current, Followed};
use crate::{Error, ErrorKind, Settings};

/// One followed stream: a [`Stream`] of [`Item`]s, and the state that they add up to.
///
/// The socket is read whether or not this is polled. What is not read in time is merged into the state
/// and announced by a [`Gap`](crate::Gap). Polling is cancel-safe. Dropping it ends the connection at
/// once; [`close`](Self::close) ends it politely.
pub struct Subscription<D: Followed> {
    shared: Arc<Shared<D>>,
    commands: UnboundedSender<Command>,
    driver: AbortHandle,
}

impl<D: Followed> Subscription<D> {
    pub(crate) fn new(
        shared: Arc<Shared<D>>,
        commands: UnboundedSender<Command>,
        driver: AbortHandle,
    ) -> Self {
        Self { shared, commands, driver }
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
        // A driver that is gone has ended the stream already.
        let _ = self.commands.send(Command::Resync);
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
        self.shared.with(|inner| inner.mailbox.closed().cloned()).unwrap_or(Closed::Requested)
    }

    /// Asks for the end of the stream, which comes as [`Item::Closed`] within the close deadline.
    pub fn request_close(&self) {
        let _ = self.commands.send(Command::Close);
    }
}

impl<D: Followed> Stream for Subscription<D> {
    type Item = Item<Event<D>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared.poll_item(context)
    }
}

impl<D: Followed> Drop for Subscription<D> {
    fn drop(&mut self) {
        self.driver.abort();
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

/// What the driver and the subscriber share.
pub(crate) struct Shared<D: Followed>(Mutex<Inner<D>>);

struct Inner<D: Followed> {
    mailbox: Mailbox<D>,
    waker: Option<Waker>,
}

impl<D: Followed> Shared<D> {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Mutex::new(Inner { mailbox: Mailbox::new(settings), waker: None }))
    }

    /// Puts items into the mailbox until there are no more, and wakes the subscriber once.
    pub(crate) fn deliver(&self, now: Instant, mut next: impl FnMut() -> Option<Item<Event<D>>>) {
        let Some(first) = next() else { return };
        let waker = self.with(|inner| {
            inner.mailbox.push(first, now);
            while let Some(item) = next() {
                inner.mailbox.push(item, now);
            }
            inner.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the stream if the session did not.
    pub(crate) fn end(&self) {
        let error =
            Error::new(ErrorKind::Stopped, "the stream was stopped from outside: did its runtime shut down?");
        let mut closed = Some(Item::Closed(Closed::Failed(error)));
        self.deliver(monotonic_now(), || closed.take());
    }

    fn poll_item(&self, context: &Context<'_>) -> Poll<Option<Item<Event<D>>>> {
        self.with(|inner| {
            if let Some(item) = inner.mailbox.pop() {
                return Poll::Ready(Some(item));
            }
            if inner.mailbox.is_exhausted() {
                return Poll::Ready(None);
            }
            inner.waker = Some(context.waker().clone());
            Poll::Pending
        })
    }

    fn current(&self) -> Option<Current<D::State>> {
        let now = monotonic_now();
        self.with(|inner| inner.mailbox.state().current(now))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner<D>) -> T) -> T {
        // No code of others runs while the lock is held, so a poisoned one is still sound.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
