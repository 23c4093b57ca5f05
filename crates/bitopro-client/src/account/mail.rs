//! Where the drivers of an account deliver, and what one stream means for the others.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bitopro_model::{
    Active, ActiveOrders, Balances, Event, History, HistoryOrders, OrderId, Orders, PrivateStream, Trade,
};
use tokio::sync::mpsc::UnboundedSender;

use super::{AccountItem, CurrentAccount};
use crate::Settings;
use crate::driver::Command;
use crate::item::{Item, Weighed};
use crate::mailbox::Mailbox;
use crate::outside::{WallClock, monotonic_now};
use crate::shared::{Inbox, Needs, Waited};
use crate::state::{ClosedOrders, Current, Followed, Reporter};
use crate::subscription::Line;

/// Where the drivers of an account deliver.
pub(crate) struct Desk {
    mail: Waited<Mail>,
    clock: WallClock,
}

impl Desk {
    pub(crate) fn new(settings: &Settings, clock: WallClock) -> Self {
        Self { mail: Waited::new(Mail::new(settings)), clock }
    }

    /// Sets how the driver of the open orders is reached.
    pub(crate) fn connect_active(&self, line: &Line) {
        self.mail.change(|mail| (false, mail.active_line = Some(line.commands())));
    }

    pub(super) fn poll_item(&self, context: &Context<'_>) -> Poll<Option<AccountItem>> {
        self.mail.poll(context, |mail| match mail.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if mail.is_exhausted() => Poll::Ready(None),
            None => Poll::Pending,
        })
    }

    pub(super) fn current(&self) -> CurrentAccount {
        let (now, wall) = (monotonic_now(), self.clock.now());
        self.mail.read(|mail| {
            let history = mail.history.current(now, wall);
            // Perhaps only the history reports that an order was closed.
            let is_history_stale = history.as_ref().is_none_or(Current::is_stale);
            CurrentAccount {
                balances: mail.balances.current(now, wall),
                open_orders: mail.active.current(now, wall).map(|orders| orders.doubted_if(is_history_stale)),
                history,
                trades: mail.trades.current(now, wall),
            }
        })
    }
}

impl<D: Lane> Inbox<D> for Desk {
    fn deliver(&self, now: Instant, wall: SystemTime, next: &mut dyn FnMut() -> Option<Weighed<D>>) -> Needs {
        self.mail.change(|mail| {
            D::mailbox(mail).look(now, wall);
            let (mut has_items, mut needs_snapshot) = (false, false);
            while let Some(weighed) = next() {
                has_items = true;
                needs_snapshot |= mail.push(weighed, now);
            }
            (has_items, Needs::snapshot_if(needs_snapshot))
        })
    }

    fn clock(&self) -> &WallClock {
        &self.clock
    }
}

/// The mailboxes of an account's streams, whose items are delivered in the order of their arrival.
pub(crate) struct Mail {
    balances: Mailbox<Balances>,
    active: Mailbox<Orders<Active>>,
    history: Mailbox<Orders<History>>,
    trades: Mailbox<Trade>,
    /// Number of items that have arrived.
    arrived: u64,
    /// The way to the driver of the open orders.
    active_line: Option<UnboundedSender<Command>>,
    /// Whether the connection of the open orders is older than that of history.
    active_is_older: bool,
    /// The orders that the history has recently reported as closed, the latest last.
    ended: VecDeque<(Instant, OrderId)>,
}

/// A stream that has a mailbox among those of an account.
pub(crate) trait Lane: Followed {
    fn mailbox(mail: &mut Mail) -> &mut Mailbox<Self>;

    /// Applies what an item of this stream means for the others, and completes it by what the others know.
    fn relate(_: &mut Mail, _: &mut Item<Event<Self>>, _: Instant) {}
}

impl Lane for Balances {
    fn mailbox(mail: &mut Mail) -> &mut Mailbox<Self> {
        &mut mail.balances
    }
}

impl Lane for Orders<Active> {
    fn mailbox(mail: &mut Mail) -> &mut Mailbox<Self> {
        &mut mail.active
    }

    fn relate(mail: &mut Mail, item: &mut Item<ActiveOrders>, _: Instant) {
        if let Item::Connected(connected) = item {
            mail.active_is_older = false;
            connected.ended_since_dial = mail.ended_since(connected.dialed);
        }
    }
}

impl Lane for Orders<History> {
    fn mailbox(mail: &mut Mail) -> &mut Mailbox<Self> {
        &mut mail.history
    }

    /// A closed order is not open, whether or not the stream of open orders ever says so.
    ///
    /// Perhaps only the history reports the end of an order, so what it missed without a connection is learned from a
    /// list of open orders that is younger than its new one. Since a client makes one dial at a time, that is any whose
    /// connection comes after. A new connection of the history has proved itself by its list.
    fn relate(mail: &mut Mail, item: &mut Item<HistoryOrders>, now: Instant) {
        match item {
            Item::Snapshot(event) | Item::Update(event) => {
                // With a status that is not known, an order in the history is closed.
                for order in event.data.iter().filter(|order| !order.is_open()) {
                    mail.active.state_mut().state_mut().close(&order.id, Reporter::History);
                    mail.ended.push_back((now, order.id.clone()));
                }
                let excess = mail.ended.len().saturating_sub(ClosedOrders::CAPACITY);
                mail.ended.drain(..excess);
                if matches!(item, Item::Snapshot(_)) {
                    mail.renew_active();
                }
            }
            Item::Connected(_) => mail.active_is_older = mail.active.state().is_connected(),
            _ => {}
        }
    }
}

impl Lane for Trade {
    fn mailbox(mail: &mut Mail) -> &mut Mailbox<Self> {
        &mut mail.trades
    }
}

impl Mail {
    fn new(settings: &Settings) -> Self {
        Self {
            balances: Mailbox::new(settings),
            active: Mailbox::new(settings),
            history: Mailbox::new(settings),
            trades: Mailbox::new(settings),
            arrived: 0,
            active_line: None,
            active_is_older: false,
            ended: VecDeque::new(),
        }
    }

    /// Requests a fresh list of open orders if theirs is older than that of the history. Until then they are stale.
    fn renew_active(&mut self) {
        if !self.active_is_older {
            return;
        }
        self.active.state_mut().doubt();
        if let Some(active) = &self.active_line {
            // A driver that is gone has ended its stream already.
            let _ = active.send(Command::Renew);
        }
    }

    /// Adds an item. Returns whether its stream needs a fresh snapshot.
    fn push<D: Lane>(&mut self, (mut item, bytes): Weighed<D>, now: Instant) -> bool {
        D::relate(self, &mut item, now);
        self.arrived += 1;
        let place = self.arrived;
        D::mailbox(self).push(place, (item, bytes), now)
    }

    /// Returns the orders that the history has reported as closed since this moment.
    fn ended_since(&self, moment: Instant) -> Vec<OrderId> {
        self.ended.iter().filter(|(at, _)| *at >= moment).map(|(_, id)| id.clone()).collect()
    }

    /// Returns the next item of the open orders. Ends that were merged are delivered in an earlier place than they
    /// arrived in, so that a connection may have to know of more of them than when it arrived.
    fn pop_active(&mut self) -> Option<Item<ActiveOrders>> {
        let mut item = self.active.pop();
        if let Some(Item::Connected(connected)) = &mut item {
            connected.ended_since_dial = self.ended_since(connected.dialed);
        }
        item
    }

    /// Returns the oldest item of all streams.
    fn pop(&mut self) -> Option<AccountItem> {
        let places = [
            (self.balances.next_place(), PrivateStream::AccountBalance),
            (self.active.next_place(), PrivateStream::ActiveOrders),
            (self.history.next_place(), PrivateStream::HistoryOrders),
            (self.trades.next_place(), PrivateStream::UserTrades),
        ];
        let oldest = places.into_iter().filter_map(|(place, stream)| Some((place?, stream))).min()?;
        match oldest.1 {
            PrivateStream::AccountBalance => self.balances.pop().map(AccountItem::Balances),
            PrivateStream::ActiveOrders => self.pop_active().map(AccountItem::ActiveOrders),
            PrivateStream::HistoryOrders => self.history.pop().map(AccountItem::HistoryOrders),
            PrivateStream::UserTrades => self.trades.pop().map(AccountItem::UserTrades),
            _ => None,
        }
    }

    fn is_exhausted(&self) -> bool {
        self.balances.is_exhausted()
            && self.active.is_exhausted()
            && self.history.is_exhausted()
            && self.trades.is_exhausted()
    }
}
