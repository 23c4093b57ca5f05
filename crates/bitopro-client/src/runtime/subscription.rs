use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bitopro_model::PrivateStream;
use futures_core::Stream;
use tokio::task::AbortHandle;

use super::SubscriptionInner;
use super::topic::Topic;
use crate::item::Closed;
use crate::{Error, ErrorKind};

/// A subscription to one stream, or to a whole [`Account`](crate::Account): a [`Stream`] of items, and the state that
/// they add up to.
///
/// The sockets are read whether or not this is polled. What is not read in time is merged into the state, stream by
/// stream, and announced by a [`Gap`](crate::Gap). Each stream has its own connections, gaps and end; the subscription
/// ends when all of them have. Dropping it ends the connections immediately; [`close`](Self::close) ends them politely.
#[must_use = "a subscription ends when it is dropped"]
pub struct Subscription<T: Topic> {
    shared: Arc<SubscriptionInner>,
    drivers: Vec<AbortHandle>,
    topic: PhantomData<fn() -> T>,
}

impl<T: Topic> Subscription<T> {
    pub(super) fn new(shared: Arc<SubscriptionInner>, drivers: Vec<AbortHandle>) -> Self {
        Self { shared, drivers, topic: PhantomData }
    }

    /// Returns the next item, or `None` after the end of every stream.
    ///
    /// # Cancel safety
    /// If the future is dropped, no item is lost.
    pub async fn next(&mut self) -> Option<T::Item> {
        poll_fn(|context| self.poll_item(context)).await
    }

    fn poll_item(&mut self, context: &Context<'_>) -> Poll<Option<T::Item>> {
        let SubscriptionInner { runtime, id, consumer, .. } = &*self.shared;
        loop {
            let take = || runtime.with(|engine| (engine.poll_item(*id), engine.is_exhausted(*id)));
            let mut taken = take();
            if let (None, false) = taken {
                consumer.register(context.waker());
                // An item may have arrived before the registration.
                taken = take();
            }
            match taken {
                (Some(item), _) => {
                    if let Some(item) = T::item(item) {
                        return Poll::Ready(Some(item));
                    }
                }
                (None, true) => return Poll::Ready(None),
                (None, false) => return Poll::Pending,
            }
        }
    }

    /// Returns the state as it is known now: one consistent picture. The part of a stream is `None` before its first
    /// snapshot.
    ///
    /// Reading it is cheap, and so is keeping it for a moment. While it is kept, the next message that changes the same
    /// part makes one copy of that part: of all balances, open orders, closed orders or trades that are known. Drop it
    /// before you wait for the next item.
    pub fn current(&self) -> T::Current {
        self.shared.current::<T>()
    }

    /// Returns a handle that reads the state from elsewhere. It does not keep the subscription alive.
    pub fn reader(&self) -> Reader<T> {
        let seen = self.shared.runtime.with(|engine| engine.version(self.shared.id));
        Reader { seen, shared: Arc::clone(&self.shared), topic: PhantomData }
    }

    /// Waits until the state of every stream is known and fresh.
    ///
    /// Items are not consumed: they wait to be read, and are merged if they are too many.
    ///
    /// # Errors
    /// The reason why a stream has ended, since the state cannot become fresh then.
    ///
    /// # Cancel safety
    /// The future can be dropped at any time.
    pub async fn ready(&self) -> Result<(), Error> {
        loop {
            let changed = self.shared.changed.notified();
            let (runtime, id) = (&self.shared.runtime, self.shared.id);
            let (now, wall) = runtime.moment();
            let (ends, is_fresh) =
                runtime.with(|engine| (engine.closed_streams(id), engine.current(now, wall, id).is_fresh()));
            match ends.into_values().next() {
                Some(Closed::Failed(error)) => return Err(error),
                Some(Closed::Requested) => {
                    return Err(Error::new(ErrorKind::Stopped, "a stream was closed on request"));
                }
                None if is_fresh => return Ok(()),
                None => changed.await,
            }
        }
    }

    /// Requests fresh snapshots, which only new connections give: each stream that is connected continues with
    /// `Disconnected`, `Connected`, a gap and a snapshot.
    pub fn resync(&self) {
        let (now, wall) = self.shared.runtime.moment();
        self.shared.runtime.with(|engine| engine.handle_resync(now, wall, self.shared.id));
        self.shared.wake();
    }

    /// Requests the end of every stream, which is reported as [`Item::Closed`](crate::Item::Closed) within the close
    /// deadline.
    pub fn request_close(&self) {
        let (now, wall) = self.shared.runtime.moment();
        self.shared.runtime.with(|engine| engine.handle_close(now, wall, self.shared.id));
        self.shared.wake();
    }

    /// Closes the connections politely, within the close deadline, and returns why each stream ended. Items that wait
    /// are dropped; to read them instead, call [`request_close`](Self::request_close) and poll to the end.
    ///
    /// # Cancel safety
    /// If the future is dropped, so is the subscription, which ends the connections immediately.
    pub async fn close(mut self) -> BTreeMap<PrivateStream, Closed> {
        self.request_close();
        while self.next().await.is_some() {}
        self.shared.runtime.with(|engine| engine.closed_streams(self.shared.id))
    }
}

impl<T: Topic> Stream for Subscription<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T::Item>> {
        self.poll_item(context)
    }
}

impl<T: Topic> Drop for Subscription<T> {
    fn drop(&mut self) {
        let (now, wall) = self.shared.runtime.moment();
        self.shared.runtime.with(|engine| engine.stop(now, wall, self.shared.id));
        self.drivers.iter().for_each(AbortHandle::abort);
        self.shared.wake();
    }
}

impl<T: Topic> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

/// Reads the state of a [`Subscription`] from elsewhere. After the subscription's end the state is stale.
pub struct Reader<T: Topic> {
    shared: Arc<SubscriptionInner>,
    /// The version of the state that [`changed`](Self::changed) has reported.
    seen: u64,
    topic: PhantomData<fn() -> T>,
}

impl<T: Topic> Reader<T> {
    /// Returns the state as it is known now. See [`Subscription::current`].
    pub fn current(&self) -> T::Current {
        self.shared.current::<T>()
    }

    /// Waits until the state, or its freshness, has changed since the last call, or since the reader was created. Returns `false` once every stream has
    /// ended, so that it does not change any more.
    ///
    /// # Cancel safety
    /// If the future is dropped, the change is reported by the next call.
    pub async fn changed(&mut self) -> bool {
        loop {
            let changed = self.shared.changed.notified();
            let id = self.shared.id;
            let (version, is_over) =
                self.shared.runtime.with(|engine| (engine.version(id), engine.has_ended(id)));
            if std::mem::replace(&mut self.seen, version) != version {
                return true;
            }
            if is_over {
                return false;
            }
            changed.await;
        }
    }
}

impl SubscriptionInner {
    fn current<T: Topic>(&self) -> T::Current {
        let (now, wall) = self.runtime.moment();
        T::current(self.runtime.with(|engine| engine.current(now, wall, self.id)))
    }
}

impl<T: Topic> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), seen: self.seen, topic: PhantomData }
    }
}

impl<T: Topic> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
