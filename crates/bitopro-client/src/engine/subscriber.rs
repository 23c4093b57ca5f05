use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime};

use bitopro_model::{Message, PrivateStream, Stream, Timestamp};

use super::LinkId;
use super::account_state::AccountState;
use super::backfill::{Poll, RestCall, RestReply, Shared};
use super::decoded_frame::DecodedFrame;
use super::link::{Context, Link};
use crate::RestError;
use crate::account::CurrentAccount;
use crate::item::{Closed, Item, StreamItem};
use crate::market::{CurrentMarket, Market};
use crate::queue::{MergedState, Queue, QueueStats};
use crate::stats::StreamStats;

/// The links of a subscriber, their current state, and the items that wait for the subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    links: Vec<Link>,
    state: State,
    queue: Queue,
    version: u64,
}

/// Number of message bytes after which a portion ends, so that it keeps little memory in use.
const PORTION_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) enum State {
    Account(Box<AccountState>),
    Market(Box<Market>),
}

impl Subscriber {
    pub(super) fn new(queue_capacity: usize, state: State, links: Vec<Link>) -> Self {
        let queue = Queue::new(queue_capacity, links.iter().map(Link::stream));
        Self { links, state, queue, version: 0 }
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter()
    }

    pub(super) fn link_mut(&mut self, stream: Stream) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.stream() == stream)
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    fn account(&self) -> Option<&AccountState> {
        match &self.state {
            State::Account(state) => Some(state),
            State::Market(_) => None,
        }
    }

    fn account_mut(&mut self) -> Option<&mut AccountState> {
        match &mut self.state {
            State::Account(state) => Some(state),
            State::Market(_) => None,
        }
    }

    /// Handles frames of a link. Returns whether another link has work to do as a result.
    pub(super) fn handle_decoded(
        &mut self,
        stream: Stream,
        frames: impl IntoIterator<Item = DecodedFrame>,
        cx: &mut Context<'_>,
    ) -> bool {
        let received = cx.time();
        if self.link_mut(stream).is_none_or(|link| link.handle_suspend(cx)) {
            // The frames may have waited in the socket since before the sleep.
            return self.collect(stream, received, cx);
        }
        let mut has_changed = false;
        for frame in frames {
            if let Some(link) = self.link_mut(stream) {
                link.handle_decoded(cx, frame);
            }
            has_changed |= self.collect(stream, received, cx);
        }
        has_changed
    }

    /// Applies and queues the new items of a link. Returns whether another link has work to do as a result.
    pub(super) fn collect(&mut self, stream: Stream, received: Timestamp, cx: &mut Context<'_>) -> bool {
        let mut has_changed = false;
        while let Some((item, bytes)) = self.link_mut(stream).and_then(|link| link.items.pop_front()) {
            let mut item = StreamItem { stream, received: Some(received), item };
            if let State::Account(state) = &mut self.state {
                state.add_closed_since_dial(stream, &mut item.item);
                state.record_closed_orders(&self.links, stream, &item.item, cx.now);
            }
            has_changed |= self.apply(item, bytes, cx);
        }
        has_changed
    }

    /// Applies and queues an item. Returns whether another link has work to do as a result.
    fn apply(&mut self, item: StreamItem, bytes: usize, cx: &mut Context<'_>) -> bool {
        self.version += 1;
        let stream = item.stream;
        match (&mut self.state, stream) {
            (State::Account(state), Stream::Private(private)) => {
                let request = state.apply(&self.links, private, &item, cx.now);
                self.queue.push(item, bytes);
                let Some(request) = request else { return false };
                let Some(link) = self.link_mut(request.stream.into()) else { return false };
                link.handle_snapshot_request(cx, request.reason);
                request.stream != private
            }
            (State::Market(market), Stream::Public(public)) => {
                let link = self.links.iter().find(|link| link.stream() == stream);
                let slept = link.map(|link| link.slept(cx.now, cx.wall)).unwrap_or_default();
                let StreamItem { received, item, .. } = item;
                for item in market.apply(public, item, (cx.now, slept)) {
                    self.queue.push(StreamItem { stream, received, item }, bytes);
                }
                false
            }
            _ => false,
        }
    }

    /// Returns the link whose driver makes the calls of the backfill: that of the trades, or else the first one.
    fn calling_link(&self) -> Option<LinkId> {
        let trades = self.links.iter().find(|link| link.stream() == PrivateStream::UserTrades);
        trades.or(self.links.first()).filter(|link| !link.is_closing_or_closed()).map(|link| link.id)
    }

    /// Returns the time at which to call [`poll_call`](Self::poll_call) for a link, if any.
    pub(super) fn poll_call_timeout(&self, link: LinkId) -> Option<Instant> {
        self.account()?.backfill_due.filter(|_| self.calling_link() == Some(link))
    }

    /// Updates the time at which the backfill has something to do. Returns whether it has changed.
    pub(super) fn update_backfill_due(&mut self, shared: &Shared, now: Instant) -> bool {
        let State::Account(state) = &mut self.state else { return false };
        let due = state.backfill.as_ref().filter(|backfill| !backfill.is_idle());
        let due = due.and_then(|backfill| backfill.poll_timeout(&state.situation(&self.links, shared, now)));
        std::mem::replace(&mut state.backfill_due, due) != due
    }

    /// Returns the next call of the backfill, and queues the items that it recovers.
    pub(super) fn poll_call(
        &mut self,
        link: LinkId,
        shared: &mut Shared,
        cx: &mut Context<'_>,
    ) -> Option<RestCall> {
        if self.calling_link() != Some(link) {
            return None;
        }
        let mut backfill = self.account_mut()?.backfill.take_if(|backfill| !backfill.is_idle())?;
        let call = loop {
            match backfill.poll(&self.account()?.situation(&self.links, shared, cx.now)) {
                Poll::Call(call) => {
                    shared.record_request(cx.now);
                    break Some(call);
                }
                Poll::Items(items) => {
                    self.account_mut()?.backfill = Some(backfill);
                    for item in items {
                        self.push_recovered(link, item, cx);
                    }
                    backfill = self.account_mut()?.backfill.take()?;
                }
                Poll::Pending => break None,
            }
        };
        self.account_mut()?.backfill = Some(backfill);
        call
    }

    /// Applies and queues an item of the backfill.
    fn push_recovered(&mut self, calling: LinkId, item: Item<Message>, cx: &mut Context<'_>) {
        let streams = match item {
            Item::RecoveredOrder(_) => &[PrivateStream::HistoryOrders, PrivateStream::ActiveOrders][..],
            _ => &[],
        };
        let is_open = |stream: &&PrivateStream| {
            self.links.iter().any(|link| link.stream() == **stream && !link.is_closed())
        };
        let stream = streams.iter().find(is_open).copied().map_or(calling.stream, Stream::from);
        if let Some(link) = self.link_mut(stream) {
            link.log.item(&item, 0);
        }
        self.apply(StreamItem { stream, received: Some(cx.time()), item }, 0, cx);
    }

    /// Handles the reply to the last call of the backfill.
    pub(super) fn handle_reply(
        &mut self,
        reply: Result<RestReply, RestError>,
        shared: &mut Shared,
        now: Instant,
    ) {
        if let Some(backfill) = self.account_mut().and_then(|state| state.backfill.as_mut()) {
            backfill.handle_reply(reply, shared, now);
        }
    }

    /// Returns the next item and the size of its message in bytes, if any.
    ///
    /// Merged items of the history are delivered at the position of the first of them. A connection that was
    /// queued after that position may therefore have to list more closed orders than when it was queued.
    pub(super) fn poll_item(&mut self) -> Option<(StreamItem, usize)> {
        match &self.state {
            State::Account(state) => {
                let (mut next, bytes) = self.queue.pop(&state.account)?;
                state.add_closed_since_dial(next.stream, &mut next.item);
                Some((next, bytes))
            }
            State::Market(market) => self.queue.pop(&**market),
        }
    }

    /// Moves a portion of the waiting items into `items`.
    pub(super) fn poll_items(&mut self, items: &mut VecDeque<StreamItem>) {
        let mut total_bytes = 0;
        while items.len() < self.queue.portion()
            && total_bytes < PORTION_BYTES
            && let Some((item, bytes)) = self.poll_item()
        {
            items.push_back(item);
            total_bytes += bytes;
        }
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.version += 1;
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.queue.is_empty() && self.links.iter().all(Link::is_closed)
    }

    pub(super) fn closed_streams(&self) -> BTreeMap<Stream, Closed> {
        let streams = self.links.iter().map(Link::stream);
        streams.filter_map(|stream| Some((stream, self.queue.closed(stream)?.clone()))).collect()
    }

    /// Adds the counters of each stream.
    pub(super) fn add_counters(&self, streams: &mut BTreeMap<Stream, StreamStats>) {
        for link in &self.links {
            let counters = &mut streams.entry(link.stream()).or_default().counters;
            counters.add(&link.counters);
            self.queue.stats(link.stream()).iter().for_each(|queue| counters.add(queue.counters));
        }
    }

    /// Adds the other numbers of each stream.
    pub(super) fn add_gauges(
        &self,
        now: Instant,
        wall: SystemTime,
        streams: &mut BTreeMap<Stream, StreamStats>,
    ) {
        for link in &self.links {
            let stream = link.stream();
            let stats = streams.entry(stream).or_default();
            if let Some(QueueStats { items, bytes, .. }) = self.queue.stats(stream) {
                stats.queued += u64::try_from(items).unwrap_or(u64::MAX);
                stats.queued_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
            }
            if link.is_closed() {
                continue;
            }
            let age = link.age(now, wall);
            let is_fresh = self.merged_state().is_fresh(stream) && !age.is_some_and(|(_, outdated)| outdated);
            stats.subscriptions += 1;
            stats.connected += u64::from(link.is_open());
            stats.fresh += u64::from(is_fresh);
            stats.data_age = stats.data_age.max(age.map(|(age, _)| age));
            stats.frame_age = stats.frame_age.max(link.frame_age(now, wall));
        }
    }

    fn merged_state(&self) -> &dyn MergedState {
        match &self.state {
            State::Account(state) => &state.account,
            State::Market(market) => &**market,
        }
    }

    /// Returns the current state of an account, which is empty for a subscriber to public streams.
    pub(super) fn current_account(&self, now: Instant, wall: SystemTime) -> CurrentAccount {
        let link = |stream| self.links.iter().find(|link| link.stream() == stream);
        let state = self.account();
        state
            .map(|state| state.current(&self.links, |stream| link(stream)?.age(now, wall)))
            .unwrap_or_default()
    }

    /// Returns the current state of public streams, which is empty for a subscriber to an account.
    pub(super) fn current_market(&self, now: Instant, wall: SystemTime) -> CurrentMarket {
        let State::Market(market) = &self.state else { return CurrentMarket::default() };
        let mut current = CurrentMarket::default();
        for link in &self.links {
            let is_outdated = link.age(now, wall).is_some_and(|(_, is_outdated)| is_outdated);
            market.read(link.stream(), (now, link.slept(now, wall)), is_outdated, &mut current);
        }
        current
    }
}
