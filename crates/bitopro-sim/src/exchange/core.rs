use std::collections::BTreeMap;
use std::slice;

use bitopro_model::{Decimal, Order, OrderId, Pair, PrivateStream, Timestamp, Trade};
use fastrand::Rng;

use crate::exchange::account::holdings;
use crate::exchange::account::order::currencies;
use crate::exchange::account::{Account, OrderChange};
use crate::exchange::events::publisher::Publisher;
use crate::exchange::market::trader::Trader;
use crate::{Command, CommandError, Holdings, NewOrder, Push, Quirks};

/// The exchange itself, without sockets, tasks or a clock: the time is an argument, and the same seed and
/// times give the same events, byte for byte.
///
/// Every method that changes something returns the events to send, in order. Made by
/// [`SimulatorBuilder::build_exchange`](crate::SimulatorBuilder::build_exchange).
#[derive(Debug)]
pub struct Exchange {
    account: Account,
    /// The orders that were placed under a name.
    names: BTreeMap<String, OrderId>,
    trader: Trader,
    publisher: Publisher,
}

impl Exchange {
    pub(crate) fn new(seed: u64, account: Account, quirks: Quirks) -> Self {
        let mut rng = Rng::with_seed(seed);
        // The trader has its own generator, so that connections do not change what it does.
        let trader = Trader::new(rng.fork());
        Self { account, names: BTreeMap::new(), trader, publisher: Publisher::new(rng, quirks) }
    }

    /// The balances of the account.
    pub fn balances(&self) -> &Holdings {
        self.account.holdings()
    }

    /// The account's open orders, by id.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.account.open_orders()
    }

    /// The recently closed orders, the oldest first; at most 100.
    pub fn closed_orders(&self) -> impl Iterator<Item = &Order> {
        self.account.closed_orders()
    }

    /// The trades, the oldest first; the last 10,000.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.account.trades()
    }

    /// The market's price of a pair, for those that have one.
    pub fn market_price(&self, pair: &Pair) -> Option<Decimal> {
        let (base, quote) = currencies(pair).ok()?;
        self.trader.market().price(&base, &quote)
    }

    /// Returns the event that a connection to a stream begins with. That of trades begins with none
    /// unless [`TradesOnConnect`](crate::TradesOnConnect) says otherwise.
    pub fn snapshot(&mut self, stream: PrivateStream, now: Timestamp) -> Option<Push> {
        self.publisher.snapshot(&self.account, stream, now)
    }

    /// Carries out a command about the account.
    ///
    /// # Errors
    /// A [`CommandError`] that says why not; [`CommandError::NeedsSimulator`] for a command about
    /// connections.
    pub fn execute(&mut self, now: Timestamp, command: &Command) -> Result<Vec<Push>, CommandError> {
        match command {
            Command::Place { name, order } => {
                let (id, pushes) = self.place(now, order)?;
                self.names.extend(name.clone().map(|name| (name, id)));
                Ok(pushes)
            }
            Command::Fill { order, amount } => {
                let id = self.order_id(order);
                self.change(now, |account| account.fill(now, &id, *amount).map(Some))
            }
            Command::Cancel(order) => {
                let id = self.order_id(order);
                self.change(now, |account| account.cancel(now, &id).map(Some))
            }
            Command::Trigger(order) => {
                let id = self.order_id(order);
                self.change(now, |account| account.trigger(now, &id).map(Some))
            }
            Command::Deposit { currency, amount } => {
                self.change(now, |account| account.deposit(currency, *amount).map(|()| None))
            }
            Command::SetBalance(balance) => Ok(self.update_balances(now, |holdings| {
                holdings.insert(balance.currency.clone(), balance.clone());
            })),
            Command::Tick(count) => Ok((0..*count).flat_map(|_| self.tick(now)).collect()),
            other => Err(CommandError::NeedsSimulator(other.to_string())),
        }
    }

    /// Places an order, matches it if the market does so immediately, and returns its id too.
    ///
    /// # Errors
    /// A [`CommandError`] that says why the exchange does not accept it.
    pub fn place(&mut self, now: Timestamp, order: &NewOrder) -> Result<(OrderId, Vec<Push>), CommandError> {
        let before = self.account.holdings().clone();
        let market = self.market_price(&order.pair);
        let change = self.account.place(now, order, market)?;
        let pushes = self.publisher.updates(&self.account, now, &before, slice::from_ref(&change));
        Ok((change.order.id, pushes))
    }

    /// Changes any number of balances. Returns no event if nothing changed.
    ///
    /// A currency that is removed is in no update; it is missing from the next snapshot. Orders that
    /// lock more than the new balance leaves room for, between what is available and the whole amount,
    /// are cancelled.
    pub fn update_balances(&mut self, now: Timestamp, change: impl FnOnce(&mut Holdings)) -> Vec<Push> {
        let before = self.account.holdings().clone();
        let mut holdings = before.clone();
        change(&mut holdings);
        // A balance may have been put under a key other than its own currency.
        let cancelled = self.account.set_holdings(now, holdings::of(holdings.into_values()));
        self.publisher.updates(&self.account, now, &before, &cancelled)
    }

    /// Makes one step of the market: a price moves, and the account's orders with it, or the account
    /// places, fills or cancels one. Returns no event if the account holds too little to trade.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Push> {
        let commands = self.trader.step(&self.account);
        commands.iter().flat_map(|command| self.execute(now, command).unwrap_or_default()).collect()
    }

    fn change(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut Account) -> Result<Option<OrderChange>, CommandError>,
    ) -> Result<Vec<Push>, CommandError> {
        let before = self.account.holdings().clone();
        let change = change(&mut self.account)?;
        Ok(self.publisher.updates(&self.account, now, &before, change.as_slice()))
    }

    /// The id of an order by the name that it was placed under, or else the text as an id.
    fn order_id(&self, name: &str) -> OrderId {
        self.names.get(name).cloned().unwrap_or_else(|| OrderId::new(name))
    }
}

#[cfg(test)]
mod tests;
