//! The logic of all links of an API key, as a data structure without sockets, tasks, locks or clocks.

mod account_state;
mod backfill;
mod backoff;
mod connection;
mod decoded_frame;
mod dialer;
mod failures;
mod link;
mod log;
mod patience;
mod retry;
mod state;
mod subscribe;
mod subscriber;
mod suspend;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Instant, SystemTime};

use bitopro_auth::Signer;
use bitopro_model::Stream;
use bitopro_transport::{self as transport, Frame, Request};
use tracing::Span;

use crate::account::Changes;
use crate::endpoints::Endpoints;
use crate::item::StreamItem;
use crate::stats::StreamStats;
use crate::{RestError, Settings};
use link::{Context, Link};
use subscriber::Subscriber;

pub use backfill::{RestCall, RestReply};
pub(crate) use decoded_frame::{DecodedFrame, FrameDecoder};
pub(crate) use dialer::DialBudget;
pub use dialer::DialLimiter;
pub(crate) use dialer::LimiterHandle;

/// The logic of all connections of one API key, as a data structure without sockets, tasks or clocks.
///
/// An engine decides when to dial, interprets frames and maintains the state. Use it with another async
/// runtime, or in tests that control the time. [`Client`](crate::Client) is a ready-made driver
/// on tokio.
///
/// A driver reports events with the `handle_*` methods. After each of these calls, it performs all actions
/// from [`poll_action`](Self::poll_action), takes all items from [`poll_item`](Self::poll_item), and
/// schedules the next call of [`handle_timeout`](Self::handle_timeout) for
/// [`poll_timeout`](Self::poll_timeout).
///
/// Methods that take the time expect the monotonic clock as `now`, and the machine's wall clock as `wall`.
/// Nonces are derived from the wall clock.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant, SystemTime};
///
/// use bitopro_client::engine::Action;
/// use bitopro_client::model::PrivateStream;
/// use bitopro_client::transport::Frame;
/// use bitopro_client::{Client, Credentials, Item, StreamItem};
///
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// let mut engine = Client::builder(credentials).with_endpoint("wss://exchange.test/ws").build_engine()?;
/// let (mut now, mut wall) = (Instant::now(), SystemTime::now());
/// let subscriber = engine.subscribe(now, wall, &[PrivateStream::AccountBalance]);
///
/// // The engine requests a dial, which the transport makes.
/// let Some((link, Action::Dial(request))) = engine.poll_action(now, wall) else { panic!("no dial") };
/// assert_eq!(request.url().path(), "/ws/v1/pub/auth/account-balance");
/// engine.handle_connected(now, wall, link);
///
/// // The driver passes on every frame that arrives.
/// let text = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{}}"#;
/// engine.handle_frame(now, wall, link, Frame::text(text));
/// let items: Vec<StreamItem> = std::iter::from_fn(|| engine.poll_item(subscriber)).collect();
/// assert!(matches!(items[1].item, Item::Snapshot(_)));
/// assert!(!engine.current(now, wall, subscriber).balances.unwrap().is_stale());
///
/// // The engine drops a connection on which no frame has arrived for 30 s.
/// while let Some(due) = engine.poll_timeout().filter(|due| *due <= now + Duration::from_secs(30)) {
///     wall += due - now;
///     now = due;
///     engine.handle_timeout(now, wall);
///     if let Some((_, Action::Disconnect)) = engine.poll_action(now, wall) {
///         break;
///     }
/// }
/// assert!(matches!(engine.poll_item(subscriber).unwrap().item, Item::Disconnected(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    settings: Settings,
    /// `None` if the engine serves only public streams.
    signer: Option<Signer>,
    endpoints: Endpoints,
    dialer: dialer::Dialer,
    /// The seed of the jitter. All links share it, so that links that fail at the same time keep their order
    /// and the history is dialled before the open orders. Dials never coincide, since only one is in progress
    /// at a time.
    seed: u64,
    subscribers: BTreeMap<SubscriberId, Subscriber>,
    next_id: u64,
    /// The state that the backfills of all subscribers share.
    backfill: backfill::Shared,
    /// True if a link may have work to do because of another link or its subscriber.
    has_changed: bool,
    /// The counters of the streams whose subscribers were removed.
    removed: BTreeMap<Stream, StreamStats>,
}

/// Identifies a subscriber of an [`Engine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId(u64);

/// Identifies a link: one stream of one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct LinkId {
    /// The subscriber.
    pub subscriber: SubscriberId,
    /// The stream.
    pub stream: Stream,
}

/// An action that an [`Engine`] requests from its driver for one link.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Dial with this request immediately. Its signature contains the current time, so it must not be
    /// delayed.
    Dial(Request),
    /// Send this frame on the connection.
    Send(Frame),
    /// Drop the connection or the dial in progress.
    Disconnect,
    /// Make this call of the REST API, and pass the result to [`Engine::handle_reply`]. The connection continues in the
    /// meantime. Only an engine that was built with a [backfill](crate::ClientBuilder::with_backfill) requests calls,
    /// one at a time for each subscriber.
    Call(RestCall),
}

impl Engine {
    pub(crate) fn new(settings: Settings, signer: Option<Signer>, endpoints: Endpoints, seed: u64) -> Self {
        Self {
            dialer: dialer::Dialer::new(&settings),
            settings,
            signer,
            endpoints,
            seed,
            subscribers: BTreeMap::new(),
            next_id: 0,
            backfill: backfill::Shared::default(),
            has_changed: false,
            removed: BTreeMap::new(),
        }
    }

    /// Returns the signer, if any, and the exchange's time in Unix milliseconds.
    pub(crate) fn signer_and_time(&self, now: Instant, wall: SystemTime) -> (Option<Signer>, u64) {
        let time = self.dialer.read_clock(now, wall).exchange_ms;
        (self.signer.clone(), u64::try_from(time).unwrap_or(0))
    }

    /// Handles a call of the REST API that was refused because of the clock.
    pub(crate) fn record_clock_refusal(
        &mut self,
        server: Option<SystemTime>,
        nonce: u64,
        now: Instant,
        wall: SystemTime,
    ) {
        self.dialer.record_clock_refusal(server, nonce, now, wall);
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the next action and its link, if any.
    ///
    /// A dial comes after all other actions, so that it does not start while another dial still has to be
    /// dropped.
    pub fn poll_action(&mut self, now: Instant, wall: SystemTime) -> Option<(LinkId, Action)> {
        let mut links: Vec<&Link> = self.links().collect();
        links.sort_by_key(|link| link.actions.is_empty());
        let links: Vec<LinkId> = links.into_iter().map(|link| link.id).collect();
        links.into_iter().find_map(|link| Some((link, self.poll_link_action(now, wall, link, None)?)))
    }

    /// Returns the next action of a link.
    pub(crate) fn poll_link_action(
        &mut self,
        now: Instant,
        wall: SystemTime,
        link: LinkId,
        limiter: Option<&LimiterHandle>,
    ) -> Option<Action> {
        let action = self.with_link(now, wall, link, |link, cx| {
            cx.limiter = limiter;
            link.poll_action(cx)
        });
        action.flatten().or_else(|| self.poll_call(now, wall, link).map(Action::Call))
    }

    /// Returns the next call of a subscriber's backfill.
    fn poll_call(&mut self, now: Instant, wall: SystemTime, link: LinkId) -> Option<RestCall> {
        let Self { settings, signer, dialer, subscribers, backfill, .. } = self;
        let subscriber = subscribers.get_mut(&link.subscriber)?;
        let signer = signer.as_ref();
        let mut cx = Context { settings, signer, dialer, limiter: None, now, wall };
        let call = subscriber.poll_call(link, backfill, &mut cx);
        subscriber.update_backfill_due(backfill, now);
        call
    }

    /// Returns the next item of a subscriber, if any.
    ///
    /// The last item of each stream is [`Item::Closed`](crate::Item::Closed).
    pub fn poll_item(&mut self, subscriber: SubscriberId) -> Option<StreamItem> {
        self.subscribers.get_mut(&subscriber)?.poll_item().map(|(item, _)| item)
    }

    /// Moves some of the waiting items of a subscriber into `items`, which is empty. Returns whether the subscriber is
    /// exhausted: there was no item, and none will follow.
    pub(crate) fn poll_items(&mut self, subscriber: SubscriberId, items: &mut VecDeque<StreamItem>) -> bool {
        let Some(subscriber) = self.subscribers.get_mut(&subscriber) else { return true };
        subscriber.poll_items(items);
        items.is_empty() && subscriber.is_exhausted()
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout) and then
    /// [`poll_action`](Self::poll_action), if any.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links().filter_map(|link| self.link_timeout(link.id)).min()
    }

    /// Returns the time at which to call [`handle_link_timeout`](Self::handle_link_timeout), if any.
    pub(crate) fn link_timeout(&self, link: LinkId) -> Option<Instant> {
        let call = self.subscribers.get(&link.subscriber)?.poll_call_timeout(link);
        self.link(link)?.poll_timeout().into_iter().chain(call).min()
    }

    /// Handles the deadlines that have passed.
    ///
    /// Call this at the time that [`poll_timeout`](Self::poll_timeout) returned.
    pub fn handle_timeout(&mut self, now: Instant, wall: SystemTime) {
        let is_due = |link: &&Link| self.link_timeout(link.id).is_some_and(|due| due <= now);
        let due: Vec<LinkId> = self.links().filter(is_due).map(|link| link.id).collect();
        for link in due {
            self.handle_link_timeout(now, wall, link);
        }
    }

    pub(crate) fn handle_link_timeout(&mut self, now: Instant, wall: SystemTime, link: LinkId) {
        self.with_link(now, wall, link, Link::handle_timeout);
    }

    /// Handles a dial that succeeded.
    pub fn handle_connected(&mut self, now: Instant, wall: SystemTime, link: LinkId) {
        self.with_link(now, wall, link, Link::handle_connected);
    }

    /// Handles a dial that failed.
    pub fn handle_dial_failed(
        &mut self,
        now: Instant,
        wall: SystemTime,
        link: LinkId,
        error: transport::Error,
    ) {
        self.with_link(now, wall, link, |link, cx| link.handle_dial_failed(cx, error));
    }

    /// Handles a frame that arrived on the connection.
    pub fn handle_frame(&mut self, now: Instant, wall: SystemTime, link: LinkId, frame: Frame) {
        if let Some(decoder) = self.link(link).map(Link::decoder) {
            self.handle_decoded(now, wall, link, [decoder.decode(frame)]);
        }
    }

    /// Handles frames that arrived on the connection at the same time.
    pub(crate) fn handle_decoded(
        &mut self,
        now: Instant,
        wall: SystemTime,
        link: LinkId,
        frames: impl IntoIterator<Item = DecodedFrame>,
    ) {
        self.with_subscriber(now, wall, link.subscriber, |subscriber, cx| {
            ((), subscriber.handle_decoded(link.stream, frames, cx))
        });
    }

    /// Handles the result of an [`Action::Call`] for a link.
    pub fn handle_reply(&mut self, now: Instant, link: LinkId, reply: Result<RestReply, RestError>) {
        if let Some(subscriber) = self.subscribers.get_mut(&link.subscriber) {
            subscriber.handle_reply(reply, &mut self.backfill, now);
            subscriber.update_backfill_due(&self.backfill, now);
        }
    }

    /// Handles a connection that ended without a close frame.
    pub fn handle_lost(&mut self, now: Instant, wall: SystemTime, link: LinkId, error: transport::Error) {
        self.with_link(now, wall, link, |link, cx| link.handle_lost(cx, error));
    }

    /// Starts to close all streams of a subscriber.
    ///
    /// Each of them ends within the close deadline of 2 s.
    pub fn handle_close(&mut self, now: Instant, wall: SystemTime, subscriber: SubscriberId) {
        self.with_links(now, wall, subscriber, Link::handle_close);
    }

    /// Reconnects all connected streams of a subscriber to get new snapshots.
    pub fn handle_resync(&mut self, now: Instant, wall: SystemTime, subscriber: SubscriberId) {
        self.with_links(now, wall, subscriber, Link::handle_resync);
    }

    /// Ends the stream of a link whose driver has stopped.
    pub(crate) fn handle_stopped(&mut self, now: Instant, wall: SystemTime, link: LinkId) {
        self.with_link(now, wall, link, Link::handle_stopped);
    }

    /// Ends all streams of a subscriber immediately, and discards its waiting items.
    ///
    /// Its state remains readable, but is stale.
    pub fn stop(&mut self, now: Instant, wall: SystemTime, subscriber: SubscriberId) {
        self.with_links(now, wall, subscriber, Link::handle_stopped);
        if let Some(subscriber) = self.subscribers.get_mut(&subscriber) {
            subscriber.clear();
        }
    }

    /// Removes a subscriber and its state.
    pub fn remove(&mut self, subscriber: SubscriberId) {
        let Some(subscriber) = self.subscribers.remove(&subscriber) else { return };
        for link in subscriber.links() {
            self.dialer.remove(link.id);
        }
        subscriber.add_counters(&mut self.removed);
    }

    /// Returns the numbers of each stream so far.
    pub fn stats(&self, now: Instant, wall: SystemTime) -> BTreeMap<Stream, StreamStats> {
        let mut streams = self.removed.clone();
        for subscriber in self.subscribers.values() {
            subscriber.add_counters(&mut streams);
            subscriber.add_gauges(now, wall, &mut streams);
        }
        streams
    }

    /// Returns whether every stream of a subscriber has ended.
    pub(crate) fn has_ended(&self, subscriber: SubscriberId) -> bool {
        self.links_of(subscriber).into_iter().all(|link| self.is_closed(link))
    }

    /// Returns the links of a subscriber, or an empty list after the subscriber has been removed.
    pub fn links_of(&self, subscriber: SubscriberId) -> Vec<LinkId> {
        let links = self.subscribers.get(&subscriber).into_iter().flat_map(Subscriber::links);
        links.map(|link| link.id).collect()
    }

    /// Creates a value that derives the changes of an account from the items of a subscriber.
    pub fn changes(&self) -> Changes {
        Changes::new(&self.settings)
    }

    /// Returns the span of the last dial of a link, and of its connection.
    pub(crate) fn span(&self, link: LinkId) -> Span {
        self.link(link).map_or_else(Span::none, |link| link.log.span().clone())
    }

    /// Returns whether a link waits for its turn to dial, which may come at any time.
    pub(crate) fn is_waiting(&self, link: LinkId) -> bool {
        self.link(link).is_some_and(Link::is_waiting)
    }

    /// Returns whether a link has an open connection.
    ///
    /// Frames for other links are ignored.
    pub fn is_open(&self, link: LinkId) -> bool {
        self.link(link).is_some_and(Link::is_open)
    }

    /// Returns whether the stream of a link has ended, or its subscriber was removed.
    pub(crate) fn is_closed(&self, link: LinkId) -> bool {
        self.link(link).is_none_or(Link::is_closed)
    }

    /// Returns whether the events since the previous call may have given other links work to do.
    pub(crate) fn take_changed(&mut self) -> bool {
        let dialer = self.dialer.take_changed();
        std::mem::take(&mut self.has_changed) || dialer
    }

    pub(crate) fn decoder(&self, link: LinkId) -> Option<FrameDecoder> {
        self.link(link).map(Link::decoder)
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.subscribers.values().flat_map(Subscriber::links)
    }

    fn link(&self, id: LinkId) -> Option<&Link> {
        self.subscribers.get(&id.subscriber)?.links().find(|link| link.id == id)
    }

    /// Calls `work` with a link, and queues the resulting items.
    fn with_link<'a, T>(
        &'a mut self,
        now: Instant,
        wall: SystemTime,
        id: LinkId,
        work: impl FnOnce(&mut Link, &mut Context<'a>) -> T,
    ) -> Option<T> {
        let result = self.with_subscriber(now, wall, id.subscriber, |subscriber, cx| {
            let Some(link) = subscriber.link_mut(id.stream) else { return (None, false) };
            let result = work(link, cx);
            (Some(result), subscriber.collect(id.stream, cx.time(), cx))
        });
        result.flatten()
    }

    /// Calls `work` with a subscriber. `work` also returns whether another link has work to do as a result.
    fn with_subscriber<'a, T>(
        &'a mut self,
        now: Instant,
        wall: SystemTime,
        id: SubscriberId,
        work: impl FnOnce(&mut Subscriber, &mut Context<'a>) -> (T, bool),
    ) -> Option<T> {
        let Self { settings, signer, dialer, subscribers, has_changed, backfill, .. } = self;
        let subscriber = subscribers.get_mut(&id)?;
        let signer = signer.as_ref();
        let mut cx = Context { settings, signer, dialer, limiter: None, now, wall };
        let (result, affects_others) = work(subscriber, &mut cx);
        *has_changed |= affects_others;
        *has_changed |= subscriber.update_backfill_due(backfill, now);
        Some(result)
    }

    /// Calls `work` with each link of a subscriber.
    fn with_links(
        &mut self,
        now: Instant,
        wall: SystemTime,
        subscriber: SubscriberId,
        mut work: impl FnMut(&mut Link, &mut Context<'_>),
    ) {
        for link in self.links_of(subscriber) {
            self.with_link(now, wall, link, &mut work);
        }
        self.has_changed = true;
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("endpoints", &self.endpoints)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
