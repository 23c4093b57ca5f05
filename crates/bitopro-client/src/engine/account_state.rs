//! The state of a subscriber to an account: what its streams have reported, and the backfill of their gaps.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bitopro_model::{Message, OrderId, PrivateStream, Stream};

use super::backfill::{BackfillState, Shared, Situation};
use super::link::Link;
use crate::Settings;
use crate::account::{Account, Current, CurrentAccount, RecentlyClosed, SnapshotRequest};
use crate::item::{Connected, Item, StreamItem};

#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) account: Account,
    /// The orders that the history has recently reported as closed, and the times of these reports, in this
    /// order.
    recently_closed: VecDeque<(Instant, OrderId)>,
    pub(super) backfill: Option<BackfillState>,
    /// The time at which the backfill has last asked to be polled.
    pub(super) backfill_due: Option<Instant>,
}

impl AccountState {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            account: Account::new(settings),
            recently_closed: VecDeque::new(),
            backfill: settings.backfill.clone().map(BackfillState::new),
            backfill_due: None,
        }
    }

    /// Applies an item. Returns a request if a stream needs a new snapshot.
    pub(super) fn apply(
        &mut self,
        links: &[Link],
        stream: PrivateStream,
        StreamItem { received, item, .. }: &StreamItem,
        now: Instant,
    ) -> Option<SnapshotRequest> {
        if let Some(backfill) = &mut self.backfill {
            let link = links.iter().find(|link| link.stream() == stream);
            backfill.observe(&self.account, item, link.and_then(Link::last_gap_start), now);
        }
        let request = self.account.apply(stream, item);
        if let (Some(backfill), Some(received)) = (&mut self.backfill, *received) {
            backfill.observe_applied(&self.account, stream, item, now, received);
        }
        request
    }

    pub(super) fn situation<'a>(&'a self, links: &[Link], shared: &'a Shared, now: Instant) -> Situation<'a> {
        let open = links.iter().filter(|link| !link.is_closed());
        let private = open.filter_map(|link| match link.stream() {
            Stream::Private(stream) => Some((stream, link.last_frame_with_data())),
            _ => None,
        });
        Situation { account: &self.account, shared, now, alive: private.collect() }
    }

    /// Records the orders that an item of the history reports as closed.
    pub(super) fn record_closed_orders(
        &mut self,
        links: &[Link],
        stream: Stream,
        item: &Item<Message>,
        now: Instant,
    ) {
        let follows_active = || links.iter().any(|link| link.stream() == PrivateStream::ActiveOrders);
        if stream != PrivateStream::HistoryOrders || !follows_active() {
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
    pub(super) fn add_closed_since_dial(&self, stream: Stream, item: &mut Item<Message>) {
        if let Item::Connected(connected) = item
            && stream == PrivateStream::ActiveOrders
        {
            let Connected { dialed, closed_since_dial, .. } = &mut **connected;
            let closed = self.recently_closed.iter().filter(|(at, _)| at >= dialed);
            *closed_since_dial = closed.map(|(_, id)| id.clone()).collect();
        }
    }

    /// Returns the current state. `age` returns the age of a stream's last event, and whether it is outdated.
    pub(super) fn current(
        &self,
        links: &[Link],
        age: impl Fn(PrivateStream) -> Option<(Duration, bool)>,
    ) -> CurrentAccount {
        let mut current = self.account.current(|stream| Some(age(stream)?.0));
        current.subscribed = links.len();
        let is_outdated = |stream| age(stream).is_some_and(|(_, is_outdated)| is_outdated);
        current.balances =
            current.balances.map(|part| part.stale_if(is_outdated(PrivateStream::AccountBalance)));
        current.closed_orders =
            current.closed_orders.map(|part| part.stale_if(is_outdated(PrivateStream::HistoryOrders)));
        current.trades = current.trades.map(|part| part.stale_if(is_outdated(PrivateStream::UserTrades)));
        // Some orders may be reported as closed only by the history.
        let follows_history = links.iter().any(|link| link.stream() == PrivateStream::HistoryOrders);
        let is_history_stale = current.closed_orders.as_ref().is_none_or(Current::is_stale);
        let is_stale = is_outdated(PrivateStream::ActiveOrders) || follows_history && is_history_stale;
        current.open_orders = current.open_orders.map(|part| part.stale_if(is_stale));
        current
    }
}
