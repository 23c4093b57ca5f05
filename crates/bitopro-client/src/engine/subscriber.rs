use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime};

use bitopro_model::{Message, OrderId, PrivateStream};

use super::LinkId;
use super::backfill::{BackfillState, Poll, RestCall, RestReply, Shared, Situation};
use super::link::{Context, Link};
use crate::account::{Account, Current, CurrentAccount, RecentlyClosed};
use crate::item::{AccountItem, Closed, Connected, Item};
use crate::queue::Queue;
use crate::{RestError, Settings};

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
    backfill: Option<BackfillState>,
    /// The time at which the backfill has last asked to be polled.
    backfill_due: Option<Instant>,
}

impl Subscriber {
    pub(super) fn new(settings: &Settings, links: Vec<Link>) -> Self {
        Self {
            links,
            account: Account::new(settings),
            queue: Queue::new(settings.queue_capacity),
            recently_closed: VecDeque::new(),
            version: 0,
            backfill: settings.backfill.clone().map(BackfillState::new),
            backfill_due: None,
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
            self.add_closed_since_dial(stream, &mut item);
            self.record_closed_orders(stream, &item, cx.now);
            has_changed |= self.apply(stream, item, bytes, cx);
        }
        has_changed
    }

    /// Applies and queues an item. Returns whether another link has work to do as a result.
    fn apply(
        &mut self,
        stream: PrivateStream,
        item: Item<Message>,
        bytes: usize,
        cx: &mut Context<'_>,
    ) -> bool {
        self.version += 1;
        let received = cx.clock().time_at(cx.now);
        if let Some(backfill) = &mut self.backfill {
            let link = self.links.iter().find(|link| link.stream() == stream);
            backfill.observe(&self.account, &item, link.and_then(Link::last_gap_start), cx.now);
        }
        let request = self.account.apply(stream, &item);
        if let Some(backfill) = &mut self.backfill {
            backfill.observe_applied(&self.account, stream, &item, cx.now, received);
        }
        self.queue.push(AccountItem { stream, received: Some(received), item }, bytes);
        let Some(request) = request else { return false };
        let Some(link) = self.link_mut(request.stream) else { return false };
        link.handle_snapshot_request(cx, request.reason);
        request.stream != stream
    }

    /// Returns the link whose driver makes the calls of the backfill: that of the trades, or else the first one.
    fn calling_link(&self) -> Option<LinkId> {
        let trades = self.links.iter().find(|link| link.stream() == PrivateStream::UserTrades);
        trades.or(self.links.first()).filter(|link| !link.is_closing_or_closed()).map(|link| link.id)
    }

    /// Returns the time at which to call [`poll_call`](Self::poll_call) for a link, if any.
    pub(super) fn poll_call_timeout(&self, link: LinkId) -> Option<Instant> {
        self.backfill_due.filter(|_| self.calling_link() == Some(link))
    }

    /// Updates the time at which the backfill has something to do. Returns whether it has changed.
    pub(super) fn update_backfill_due(&mut self, shared: &Shared, now: Instant) -> bool {
        let due = self.backfill.as_ref().filter(|backfill| !backfill.is_idle());
        let due = due.and_then(|backfill| backfill.poll_timeout(&self.situation(shared, now)));
        std::mem::replace(&mut self.backfill_due, due) != due
    }

    fn situation<'a>(&'a self, shared: &'a Shared, now: Instant) -> Situation<'a> {
        let open = self.links.iter().filter(|link| !link.is_closed());
        let alive = open.map(|link| (link.stream(), link.last_frame_with_data())).collect();
        Situation { account: &self.account, shared, now, alive }
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
        let mut backfill = self.backfill.take_if(|backfill| !backfill.is_idle())?;
        let call = loop {
            match backfill.poll(&self.situation(shared, cx.now)) {
                Poll::Call(call) => {
                    shared.record_request(cx.now);
                    break Some(call);
                }
                Poll::Items(items) => {
                    self.backfill = Some(backfill);
                    for item in items {
                        self.push_recovered(link, item, cx);
                    }
                    backfill = self.backfill.take()?;
                }
                Poll::Pending => break None,
            }
        };
        self.backfill = Some(backfill);
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
        let stream = streams.iter().find(is_open).copied().unwrap_or(calling.stream);
        if let Some(link) = self.link_mut(stream) {
            link.log.item(&item, 0);
        }
        self.apply(stream, item, 0, cx);
    }

    /// Handles the reply to the last call of the backfill.
    pub(super) fn handle_reply(
        &mut self,
        reply: Result<RestReply, RestError>,
        shared: &mut Shared,
        now: Instant,
    ) {
        if let Some(backfill) = &mut self.backfill {
            backfill.handle_reply(reply, shared, now);
        }
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
