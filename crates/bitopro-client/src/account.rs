//! The four streams of an account as one: in the order in which their items arrive, with one state.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bitopro_model::{
    AccountBalance, Active, ActiveOrders, Balances, Event, History, HistoryOrders, Orders, PrivateStream,
    Trade, UserTrade,
};
use futures_core::Stream;
use tokio::sync::mpsc::UnboundedSender;

use crate::Settings;
use crate::driver::Command;
use crate::item::Item;
use crate::mailbox::Mailbox;
use crate::outside::monotonic_now;
use crate::shared::{Inbox, Waited};
use crate::state::{BalanceBook, Current, Followed, OpenOrders, OrderHistory, RecentTrades};
use crate::subscription::Line;

/// An item of one of the account's streams.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "a box would stand in the way of every match, to save copying a trade"
)]
pub enum AccountItem {
    /// Of the balances.
    Balances(Item<AccountBalance>),
    /// Of the open orders.
    ActiveOrders(Item<ActiveOrders>),
    /// Of the orders that ended.
    HistoryOrders(Item<HistoryOrders>),
    /// Of the trades.
    UserTrades(Item<UserTrade>),
}

impl AccountItem {
    /// The stream that it is of.
    pub fn stream(&self) -> PrivateStream {
        match self {
            Self::Balances(_) => PrivateStream::AccountBalance,
            Self::ActiveOrders(_) => PrivateStream::ActiveOrders,
            Self::HistoryOrders(_) => PrivateStream::HistoryOrders,
            Self::UserTrades(_) => PrivateStream::UserTrades,
        }
    }

    /// Whether it is the whole state of its stream.
    pub(crate) fn is_snapshot(&self) -> bool {
        match self {
            Self::Balances(item) => matches!(item, Item::Snapshot(_)),
            Self::ActiveOrders(item) => matches!(item, Item::Snapshot(_)),
            Self::HistoryOrders(item) => matches!(item, Item::Snapshot(_)),
            Self::UserTrades(item) => matches!(item, Item::Snapshot(_)),
        }
    }

    /// Whether after it something may be missing until the next snapshot.
    pub(crate) fn casts_doubt(&self) -> bool {
        fn does<E>(item: &Item<E>) -> bool {
            matches!(item, Item::Malformed(_) | Item::Gap(_))
        }
        match self {
            Self::Balances(item) => does(item),
            Self::ActiveOrders(item) => does(item),
            Self::HistoryOrders(item) => does(item),
            Self::UserTrades(item) => does(item),
        }
    }
}

/// The state of an account, all parts of it read at the same moment. A part is `None` before its first
/// snapshot, that of the trades before its first connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CurrentAccount {
    /// What the account holds.
    pub balances: Option<Current<BalanceBook>>,
    /// What it has open.
    pub open_orders: Option<Current<OpenOrders>>,
    /// What ended lately.
    pub history: Option<Current<OrderHistory>>,
    /// What was traded lately.
    pub trades: Option<Current<RecentTrades>>,
}

impl CurrentAccount {
    /// Whether every part is known and none may be out of date.
    pub fn is_fresh(&self) -> bool {
        fn fresh<S>(part: Option<&Current<S>>) -> bool {
            part.is_some_and(|part| !part.is_stale())
        }
        fresh(self.balances.as_ref())
            && fresh(self.open_orders.as_ref())
            && fresh(self.history.as_ref())
            && fresh(self.trades.as_ref())
    }
}

/// A whole account: a [`Stream`] of the items of its four streams in the order in which they arrive, and the
/// state that they add up to.
///
/// Each stream has a socket of its own, and its own connections, gaps and end; this ends when all four have.
/// What is not read in time is merged stream by stream. Polling is cancel-safe, and dropping it ends all
/// connections at once.
pub struct AccountSubscription {
    desk: Arc<Desk>,
    lines: Vec<Line>,
}

impl AccountSubscription {
    pub(crate) fn new(desk: Arc<Desk>, lines: Vec<Line>) -> Self {
        Self { desk, lines }
    }

    /// The state as it is known now. Cheap, and one consistent picture of all four streams.
    pub fn current(&self) -> CurrentAccount {
        self.desk.current()
    }

    /// A handle that reads the state from elsewhere. It keeps nothing alive.
    pub fn reader(&self) -> AccountReader {
        AccountReader(Arc::clone(&self.desk))
    }

    /// Asks for fresh snapshots, which only new connections give.
    pub fn resync(&self) {
        self.lines.iter().for_each(|line| line.send(Command::Resync));
    }

    /// Asks for the end of all streams, each of which comes within the close deadline.
    pub fn request_close(&self) {
        self.lines.iter().for_each(|line| line.send(Command::Close));
    }

    /// Closes all connections politely, within the close deadline. What had not been read is dropped.
    pub async fn close(mut self) {
        self.request_close();
        while std::future::poll_fn(|context| Pin::new(&mut self).poll_next(context)).await.is_some() {}
    }
}

impl Stream for AccountSubscription {
    type Item = AccountItem;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<AccountItem>> {
        self.desk.0.poll(context, |mail| match mail.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if mail.is_exhausted() => Poll::Ready(None),
            None => Poll::Pending,
        })
    }
}

impl Drop for AccountSubscription {
    /// The drivers are told to end, and may take a moment; a reader must not take the state for fresh meanwhile.
    fn drop(&mut self) {
        Inbox::<Balances>::end(&*self.desk);
        Inbox::<Orders<Active>>::end(&*self.desk);
        Inbox::<Orders<History>>::end(&*self.desk);
        Inbox::<Trade>::end(&*self.desk);
    }
}

impl fmt::Debug for AccountSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSubscription").finish_non_exhaustive()
    }
}

/// Reads the state of an [`AccountSubscription`] from elsewhere. After its end the state is stale.
#[derive(Clone)]
pub struct AccountReader(Arc<Desk>);

impl AccountReader {
    /// The state as it is known now. Cheap, and one consistent picture of all four streams.
    pub fn current(&self) -> CurrentAccount {
        self.0.current()
    }
}

impl fmt::Debug for AccountReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountReader")
    }
}

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

    fn current(&self) -> CurrentAccount {
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
    fn deliver(&self, now: Instant, next: &mut dyn FnMut() -> Option<Item<Event<D>>>) {
        let Some(first) = next() else { return };
        self.0.change(|mail| {
            mail.push(first, now);
            while let Some(item) = next() {
                mail.push(item, now);
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

    fn push<D: Lane>(&mut self, item: Item<Event<D>>, now: Instant) {
        D::tell_others(self, &item, now);
        let mailbox = D::mailbox(self);
        let waiting = mailbox.len();
        mailbox.push(item, now);
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
