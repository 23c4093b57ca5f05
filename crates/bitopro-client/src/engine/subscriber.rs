use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime};

use bitopro_model::{Message, OrderId, PrivateStream};

use super::link::{Context, Link};
use crate::Settings;
use crate::account::{Account, Current, CurrentAccount, RecentlyClosed};
use crate::item::{AccountItem, Closed, Connected, Item};
use crate::queue::Queue;

/// The links of a subscriber, their current state, and the items that wait for the subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    links: Vec<Link>,
    account: Account,
    queue: Queue,
    /// The orders that the history has recently reported as closed, and the times of these reports, in this
    /// order.
    recently_closed: VecDeque<(Instant, OrderId)>,
    version: u64,
}

impl Subscriber {
    pub(super) fn new(settings: &Settings, links: Vec<Link>) -> Self {
        Self {
            links,
            account: Account::new(settings),
            queue: Queue::new(settings.queue_capacity),
            recently_closed: VecDeque::new(),
            version: 0,
        }
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter()
    }

    pub(super) fn link_mut(&mut self, stream: PrivateStream) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.stream() == stream)
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Applies and queues the new items of a link. Returns whether another link has work to do as a result.
    pub(super) fn collect(&mut self, stream: PrivateStream, cx: &mut Context<'_>) -> bool {
        let mut has_changed = false;
        while let Some((mut item, bytes)) = self.link_mut(stream).and_then(|link| link.items.pop_front()) {
            self.version += 1;
            self.add_closed_since_dial(stream, &mut item);
            self.record_closed_orders(stream, &item, cx.now);
            if let Some(request) = self.account.apply(stream, &item)
                && let Some(link) = self.link_mut(request.stream)
            {
                link.handle_snapshot_request(cx, request.reason);
                has_changed |= request.stream != stream;
            }
            let received = Some(cx.clock().time_at(cx.now));
            self.queue.push(AccountItem { stream, received, item }, bytes);
        }
        has_changed
    }

    /// Records the orders that an item of the history reports as closed.
    fn record_closed_orders(&mut self, stream: PrivateStream, item: &Item<Message>, now: Instant) {
        let follows_active = self.links.iter().any(|link| link.stream() == PrivateStream::ActiveOrders);
        if stream != PrivateStream::HistoryOrders || !follows_active {
            return;
        }
        let (Item::Snapshot(Message::HistoryOrders(event)) | Item::Update(Message::HistoryOrders(event))) =
            item
        else {
            return;
        };
        let closed = event.data.iter().filter(|order| !order.is_open());
        self.recently_closed.extend(closed.map(|order| (now, order.id.clone())));
        let excess = self.recently_closed.len().saturating_sub(RecentlyClosed::CAPACITY);
        self.recently_closed.drain(..excess);
    }

    /// Adds to a connection of the open orders the orders that the history has reported as closed since its
    /// dial started.
    fn add_closed_since_dial(&self, stream: PrivateStream, item: &mut Item<Message>) {
        if let (PrivateStream::ActiveOrders, Item::Connected(Connected { dialed, closed_since_dial, .. })) =
            (stream, item)
        {
            let closed = self.recently_closed.iter().filter(|(at, _)| at >= dialed);
            *closed_since_dial = closed.map(|(_, id)| id.clone()).collect();
        }
    }

    /// Returns the next item, if any.
    ///
    /// Merged items of the history are delivered at the position of the first of them. A connection that was
    /// queued after that position may therefore have to list more closed orders than when it was queued.
    pub(super) fn poll_item(&mut self) -> Option<AccountItem> {
        let mut next = self.queue.pop(&self.account)?;
        self.add_closed_since_dial(next.stream, &mut next.item);
        Some(next)
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.version += 1;
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.queue.is_empty() && self.links.iter().all(Link::is_closed)
    }

    pub(super) fn closed_streams(&self) -> BTreeMap<PrivateStream, Closed> {
        let streams = self.links.iter().map(Link::stream);
        streams.filter_map(|stream| Some((stream, self.queue.closed(stream)?.clone()))).collect()
    }

    pub(super) fn current(&self, now: Instant, wall: SystemTime) -> CurrentAccount {
        let link = |stream| self.links.iter().find(|link| link.stream() == stream);
        let age = |stream| link(stream)?.age(now, wall);
        let mut current = self.account.current(|stream| Some(age(stream)?.0));
        current.subscribed = self.links.len();
        let is_outdated = |stream| age(stream).is_some_and(|(_, is_outdated)| is_outdated);
        current.balances =
            current.balances.map(|part| part.stale_if(is_outdated(PrivateStream::AccountBalance)));
        current.closed_orders =
            current.closed_orders.map(|part| part.stale_if(is_outdated(PrivateStream::HistoryOrders)));
        current.trades = current.trades.map(|part| part.stale_if(is_outdated(PrivateStream::UserTrades)));
        // Some orders may be reported as closed only by the history.
        let follows_history = link(PrivateStream::HistoryOrders).is_some();
        let is_history_stale = current.closed_orders.as_ref().is_none_or(Current::is_stale);
        let is_stale = is_outdated(PrivateStream::ActiveOrders) || follows_history && is_history_stale;
        current.open_orders = current.open_orders.map(|part| part.stale_if(is_stale));
        current
    }
}
