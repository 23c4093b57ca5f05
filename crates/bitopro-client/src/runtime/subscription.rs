use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bitopro_model::Stream;
use tokio::task::AbortHandle;

use super::SubscriptionInner;
use super::topic::{Reading, Topic};
use crate::item::{Closed, StreamItem};
use crate::{Error, ErrorKind};

/// A subscription to one stream, or to a whole [`Account`](crate::Account).
///
/// A subscription is a [`Stream`](futures_core::Stream) of items, together with the current state that results from them. Each
/// stream has its own connections, gaps and end; the subscription ends when all of its streams have ended.
///
/// The sockets are read whether or not the subscription is polled. If the subscriber reads too slowly, the
/// waiting items of each stream are merged into the state and replaced by a [`Gap`](crate::Gap).
///
/// The sockets are read by tasks on the runtime of the caller, so a subscriber must not block its thread. On a
/// `current_thread` runtime, no frame is read and no ping is answered while it does, and the exchange disconnects
/// clients that do not answer. Run blocking code with `tokio::task::spawn_blocking`, or use a multi-thread runtime.
///
/// Dropping a subscription drops its connections immediately. To send a close frame first, call
/// [`close`](Self::close).
///
/// # Examples
///
/// ```
/// use bitopro_client::transport::{Frame, memory};
/// use bitopro_client::{Client, Credentials, Item};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // An exchange in memory. Leave the connector out to dial the real one.
/// let (connector, mut exchange) = memory::network();
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// let client = Client::builder(credentials).with_connector(connector).build()?;
/// let mut balances = client.balances();
///
/// // The exchange accepts the connection and sends a snapshot.
/// let mut peer = exchange.next_dial().await.ok_or("no dial")?.accept();
/// let btc = r#"{"currency":"BTC","amount":"1.10","available":"0.85"}"#;
/// let text = format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{"BTC":{btc}}}}}"#);
/// peer.send(Frame::text(text)).await?;
///
/// assert!(matches!(balances.next().await, Some(Item::Connected(_))));
/// assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
///
/// // The state can be read at any time, without waiting for an item.
/// let current = balances.current().ok_or("no snapshot")?;
/// let btc = current.state().get("BTC").ok_or("no BTC")?;
/// assert_eq!(btc.amount.to_string(), "1.10");
/// assert!(!current.is_stale());
/// # Ok(()) }
/// ```
#[must_use = "a subscription ends when it is dropped"]
pub struct Subscription<T: Topic> {
    inner: Arc<SubscriptionInner>,
    drivers: Vec<AbortHandle>,
    /// The next items, which were taken out of the engine together to lock it less often.
    items: VecDeque<StreamItem>,
    topic: PhantomData<fn() -> T>,
}

impl<T: Topic> Subscription<T> {
    pub(super) fn new(inner: Arc<SubscriptionInner>, drivers: Vec<AbortHandle>) -> Self {
        Self { inner, drivers, items: VecDeque::new(), topic: PhantomData }
    }

    /// Returns the next item, or `None` after every stream has ended.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped, no item is lost.
    pub async fn next(&mut self) -> Option<T::Item> {
        poll_fn(|context| self.poll_item(context)).await
    }

    fn poll_item(&mut self, context: &Context<'_>) -> Poll<Option<T::Item>> {
        let SubscriptionInner { runtime, id, consumer, .. } = &*self.inner;
        loop {
            if let Some(item) = self.items.pop_front() {
                if let Some(item) = T::item(item) {
                    return Poll::Ready(Some(item));
                }
                continue;
            }
            let take = |items: &mut VecDeque<StreamItem>| {
                runtime.with_engine(|engine| engine.poll_items(*id, items))
            };
            let mut is_exhausted = take(&mut self.items);
            if !is_exhausted && self.items.is_empty() {
                consumer.register(context.waker());
                // An item may have arrived just before the waker was registered.
                is_exhausted = take(&mut self.items);
            }
            if self.items.is_empty() {
                return if is_exhausted { Poll::Ready(None) } else { Poll::Pending };
            }
        }
    }

    /// Returns a consistent copy of the current state.
    ///
    /// The state of a stream is `None` before its first snapshot; trades, which have no snapshots, have a
    /// state from their first connection on.
    ///
    /// The copy is cheap because it shares its data with the subscription. While it is held, a message copies the
    /// parts of the state that it changes: a few of the orders or trades, or all balances.
    pub fn current(&self) -> T::Current {
        self.inner.current::<T>()
    }

    /// Creates a handle that reads the state from another task or thread.
    ///
    /// The handle does not keep the subscription alive.
    pub fn reader(&self) -> Reader<T> {
        let seen_version = self.inner.runtime.with_engine(|engine| engine.version(self.inner.id));
        Reader { seen_version, inner: Arc::clone(&self.inner), topic: PhantomData }
    }

    /// Waits until the state of every stream is known and fresh.
    ///
    /// This consumes no items. They remain in the queue, and are merged if it overflows.
    ///
    /// # Errors
    ///
    /// Returns the reason why a stream has ended, since its state cannot become fresh again.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn ready(&self) -> Result<(), Error> {
        loop {
            let changed = self.inner.changed.notified();
            let (runtime, id) = (&self.inner.runtime, self.inner.id);
            let (now, wall) = runtime.now();
            let (closed, is_fresh) =
                runtime.with_engine(|engine| (engine.closed_streams(id), engine.is_fresh(now, wall, id)));
            match closed.into_values().next() {
                Some(Closed::Failed(error)) => return Err(error),
                Some(Closed::Requested) => {
                    return Err(Error::new(ErrorKind::Stopped, "a stream was closed on request"));
                }
                None if is_fresh => return Ok(()),
                None => changed.await,
            }
        }
    }

    /// Requests new snapshots by reconnecting every connected stream.
    ///
    /// Each of these streams continues with `Disconnected`, `Connected`, a gap and a snapshot.
    pub fn resync(&self) {
        let (now, wall) = self.inner.runtime.now();
        self.inner.runtime.with_engine(|engine| engine.handle_resync(now, wall, self.inner.id));
        self.inner.wake();
    }

    /// Starts to close every stream.
    ///
    /// Each stream emits [`Item::Closed`](crate::Item::Closed) within the close deadline of 2 s.
    pub fn request_close(&self) {
        let (now, wall) = self.inner.runtime.now();
        self.inner.runtime.with_engine(|engine| engine.handle_close(now, wall, self.inner.id));
        self.inner.wake();
    }

    /// Closes the connections with a close frame, and returns the reason why each stream ended.
    ///
    /// Takes at most the close deadline of 2 s, and discards the remaining items. To read them, call
    /// [`request_close`](Self::request_close) instead and poll until the subscription ends.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the subscription, and thereby its connections.
    pub async fn close(mut self) -> BTreeMap<Stream, Closed> {
        self.request_close();
        while self.next().await.is_some() {}
        self.inner.runtime.with_engine(|engine| engine.closed_streams(self.inner.id))
    }
}

impl<T: Topic> futures_core::Stream for Subscription<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T::Item>> {
        self.poll_item(context)
    }
}

impl<T: Topic> Drop for Subscription<T> {
    fn drop(&mut self) {
        let (now, wall) = self.inner.runtime.now();
        self.inner.runtime.with_engine(|engine| engine.stop(now, wall, self.inner.id));
        self.drivers.iter().for_each(AbortHandle::abort);
        self.inner.wake();
    }
}

impl<T: Topic> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.inner.id).finish_non_exhaustive()
    }
}

/// A handle that reads the current state of a [`Subscription`] from another task or thread.
///
/// A reader remains usable after the subscription has ended; from then on, the state is stale.
///
/// # Examples
///
/// ```
/// # use bitopro_client::transport::{Frame, memory};
/// # use bitopro_client::{Client, Credentials};
/// #
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut exchange) = memory::network();
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let balances = client.balances();
/// let mut reader = balances.reader();
/// let watcher = tokio::spawn(async move {
///     while reader.changed().await {
///         if let Some(current) = reader.current().filter(|current| !current.is_stale()) {
///             return current.state().get("BTC").map(|btc| btc.amount);
///         }
///     }
///     None
/// });
/// # let mut peer = exchange.next_dial().await.ok_or("no dial")?.accept();
/// # let btc = r#"{"currency":"BTC","amount":"1.10","available":"0.85"}"#;
/// # let text = format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{"BTC":{btc}}}}}"#);
/// # peer.send(Frame::text(text)).await?;
/// let amount = watcher.await?.ok_or("no BTC")?;
/// assert_eq!(amount.to_string(), "1.10");
/// # Ok(()) }
/// ```
pub struct Reader<T: Topic> {
    inner: Arc<SubscriptionInner>,
    /// The last version of the state that [`changed`](Self::changed) reported.
    seen_version: u64,
    topic: PhantomData<fn() -> T>,
}

impl<T: Topic> Reader<T> {
    /// Returns a consistent copy of the current state, like [`Subscription::current`].
    pub fn current(&self) -> T::Current {
        self.inner.current::<T>()
    }

    /// Waits until there is a new version of the state since the previous call, or since the reader was
    /// created.
    ///
    /// Every item makes a new version, even if it changes only the freshness, or nothing. Returns `true` for
    /// a new version, and `false` once every stream has ended and all versions have been reported.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped, the next call reports the new version.
    pub async fn changed(&mut self) -> bool {
        loop {
            let changed = self.inner.changed.notified();
            let id = self.inner.id;
            let (version, has_ended) =
                self.inner.runtime.with_engine(|engine| (engine.version(id), engine.has_ended(id)));
            if std::mem::replace(&mut self.seen_version, version) != version {
                return true;
            }
            if has_ended {
                return false;
            }
            changed.await;
        }
    }
}

impl SubscriptionInner {
    fn current<T: Topic>(&self) -> T::Current {
        let time = self.runtime.now();
        self.runtime.with_engine(|engine| T::current(&Reading { engine, subscriber: self.id, time }))
    }
}

impl<T: Topic> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), seen_version: self.seen_version, topic: PhantomData }
    }
}

impl<T: Topic> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("id", &self.inner.id).finish_non_exhaustive()
    }
}
