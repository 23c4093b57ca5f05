//! Where the drivers of an account deliver, and what one stream means for the others.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bitopro_model::{
    Active, ActiveOrders, Balances, Event, History, HistoryOrders, Orders, PrivateStream, Trade,
};
use tokio::sync::mpsc::UnboundedSender;

use super::{AccountItem, CurrentAccount};
use crate::Settings;
use crate::driver::Command;
use crate::item::{Item, Weighed};
use crate::mailbox::Mailbox;
use crate::outside::monotonic_now;
use crate::shared::{Inbox, Waited};
use crate::state::Followed;
use crate::subscription::Line;

/// Where the drivers of an account deliver.
pub(crate) struct Desk(Waited<Mail>);

impl Desk {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Waited::new(Mail::new(settings)))
    }

    /// Tells how the driver of the open orders is reached.
    pub(crate) fn connect_active(&self, line: &Line) {
        self.0.change(|mail| mail.active_line = Some(line.commands()));
    }

    pub(super) fn poll_item(&self, context: &Context<'_>) -> Poll<Option<AccountItem>> {
        self.0.poll(context, |mail| match mail.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if mail.is_exhausted() => Poll::Ready(None),
            None => Poll::Pending,
        })
    }

    pub(super) fn current(&self) -> CurrentAccount {
        let now = monotonic_now();
        self.0.read(|mail| CurrentAccount {
            balances: mail.balances.state().current(now),
            // It may be that only history tells that an order has ended.
            open_orders: mail
                .active
                .state()
                .current(now)
                .map(|orders| orders.doubted_if(!mail.history.state().is_sure())),
            history: mail.history.state().current(now),
            trades: mail.trades.state().current(now),
        })
    }
}

impl<D: Lane> Inbox<D> for Desk {
    fn deliver(&self, now: Instant, next: &mut dyn FnMut() -> Option<Weighed<D>>) {
        let Some(first) = next() else { return };
        self.0.change(|mail| {
            mail.push(first, now);
            while let Some(weighed) = next() {
                mail.push(weighed, now);
            }
        });
    }
}

/// The mailboxes of an account's streams, and the order in which their items arrived.
pub(crate) struct Mail {
    arrived: VecDeque<PrivateStream>,
    balances: Mailbox<Balances>,
    active: Mailbox<Orders<Active>>,
    history: Mailbox<Orders<History>>,
    trades: Mailbox<Trade>,
    /// The way to the driver of the open orders.
    active_line: Option<UnboundedSender<Command>>,
    /// Whether the connection of the open orders is older than that of history.
    active_is_older: bool,
    /// When a fresh list of open orders was last asked for, and how soon it may be again.
    renewed: Option<Instant>,
    renewal_spacing: Duration,
}

/// A stream that has a mailbox among those of an account.
pub(crate) trait Lane: Followed {
    fn mailbox(mail: &mut Mail) -> &mut Mailbox<Self>;

    /// What an item of this stream means for the others.
    fn tell_others(_: &mut Mail, _: &Item<Event<Self>>, _: Instant) {}
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

    fn tell_others(mail: &mut Mail, item: &Item<ActiveOrders>, _: Instant) {
        if let Item::Connected(_) = item {
            mail.active_is_older = false;
        }
    }
}

impl Lane for Orders<History> {
    fn mailbox(mail: &mut Mail) -> &mut Mailbox<Self> {
        &mut mail.history
    }

    /// An order that is over is not open, whether or not the stream of open orders ever says so.
    ///
    /// It may be that only history tells of the end, so what it missed without a connection is found out from
    /// a list of open orders that is younger than its new one. Since a client makes one dial at a time, that
    /// is any whose connection comes after. A new connection of history has proved itself by its list.
    fn tell_others(mail: &mut Mail, item: &Item<HistoryOrders>, now: Instant) {
        match item {
            Item::Snapshot(event) | Item::Update(event) => {
                // Of a status that is not known, this is the stream that tells.
                for order in event.data.iter().filter(|order| !order.is_open()) {
                    mail.active.state_mut().state_mut().end(&order.id);
                }
                if matches!(item, Item::Snapshot(_)) {
                    mail.renew_active(now);
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
            arrived: VecDeque::new(),
            balances: Mailbox::new(settings),
            active: Mailbox::new(settings),
            history: Mailbox::new(settings),
            trades: Mailbox::new(settings),
            active_line: None,
            active_is_older: false,
            renewed: None,
            renewal_spacing: settings.proven_after,
        }
    }

    /// Has the open orders listed anew if their list is older than history's. A history that comes and goes
    /// costs them no more than one dial in a while; meanwhile they are in doubt.
    fn renew_active(&mut self, now: Instant) {
        if !self.active_is_older {
            return;
        }
        self.active.state_mut().doubt();
        // One that is still to come is asked for again: it is forgotten where the connection was lost since.
        let at = match self.renewed {
            Some(at) if at > now => at,
            Some(last) => now.max(last + self.renewal_spacing),
            None => now,
        };
        self.renewed = Some(at);
        if let Some(active) = &self.active_line {
            // A driver that is gone has ended its stream already.
            let _ = active.send(Command::ResyncAt(at));
        }
    }

    fn push<D: Lane>(&mut self, weighed: Weighed<D>, now: Instant) {
        D::tell_others(self, &weighed.0, now);
        let mailbox = D::mailbox(self);
        let waiting = mailbox.len();
        mailbox.push(weighed, now);
        // An item that was merged is told when there is nothing else.
        if mailbox.len() > waiting {
            self.arrived.push_back(D::STREAM);
        }
    }

    fn pop(&mut self) -> Option<AccountItem> {
        while let Some(stream) = self.arrived.pop_front() {
            if let Some(item) = self.pop_from(stream) {
                return Some(item);
            }
        }
        PrivateStream::ALL.iter().find_map(|stream| self.pop_from(*stream))
    }

    fn pop_from(&mut self, stream: PrivateStream) -> Option<AccountItem> {
        match stream {
            PrivateStream::AccountBalance => self.balances.pop().map(AccountItem::Balances),
            PrivateStream::ActiveOrders => self.active.pop().map(AccountItem::ActiveOrders),
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
