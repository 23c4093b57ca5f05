use std::collections::BTreeMap;
use std::slice;

use bitopro_model::{Decimal, Order, OrderId, Pair, PrivateStream, Timestamp, Trade};
use fastrand::Rng;
use tracing::debug;

use crate::exchange::account::holdings;
use crate::exchange::account::order::currencies;
use crate::exchange::account::{Account, OrderChange};
use crate::exchange::events::publisher::Publisher;
use crate::exchange::market::trader::{MarketStep, Trader};
use crate::{Command, CommandError, Holdings, NewOrder, Push, Quirks};

/// The exchange alone, as a data structure without sockets, tasks or clocks.
///
/// The time is an argument of its methods: the same seed and the same times give the same messages, byte for
/// byte. Methods that change the account return the messages to send, in order.
///
/// [`SimulatorBuilder::build_exchange`](crate::SimulatorBuilder::build_exchange) creates it.
///
/// # Examples
///
/// ```
/// use bitopro_model::{PrivateStream, Timestamp};
/// use bitopro_sim::{Command, Simulator};
///
/// let now = Timestamp::from_millis(1_639_553_303_365);
/// let mut exchange = Simulator::builder().build_exchange(now)?;
/// let snapshot = exchange.snapshot(PrivateStream::AccountBalance, now).ok_or("no snapshot")?;
/// assert_eq!(snapshot.as_balances().map(|balances| balances.data.len()), Some(12));
///
/// let command: Command = "deposit BTC 0.5".parse()?;
/// let updates = exchange.execute(now, &command)?;
/// assert_eq!(updates.len(), 1);
/// assert_eq!(updates[0].stream, PrivateStream::AccountBalance);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Exchange {
    account: Account,
    /// The ids of the orders that were placed under a name.
    names: BTreeMap<String, OrderId>,
    trader: Trader,
    publisher: Publisher,
}

impl Exchange {
    pub(crate) fn new(seed: u64, account: Account, quirks: Quirks) -> Self {
        let mut rng = Rng::with_seed(seed);
        // The trader has its own generator, so that connections do not influence the market.
        let trader = Trader::new(rng.fork());
        Self { account, names: BTreeMap::new(), trader, publisher: Publisher::new(rng, quirks) }
    }

    /// Returns the balances of the account.
    pub fn balances(&self) -> &Holdings {
        self.account.holdings()
    }

    /// Returns the account's open orders, sorted by id.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.account.open_orders()
    }

    /// Returns the last 100 closed orders, oldest first.
    pub fn closed_orders(&self) -> impl Iterator<Item = &Order> {
        self.account.closed_orders()
    }

    /// Returns the last 10,000 trades, oldest first.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.account.trades()
    }

    /// Returns the market's price of a pair, or `None` if the market does not have the pair.
    pub fn market_price(&self, pair: &Pair) -> Option<Decimal> {
        let (base, quote) = currencies(pair).ok()?;
        self.trader.market().price(&base, &quote)
    }

    /// Returns the first message of a connection to a stream.
    ///
    /// The stream of trades has none, unless [`TradesOnConnect::Last`](crate::TradesOnConnect::Last) repeats
    /// the last trade.
    pub fn snapshot(&mut self, stream: PrivateStream, now: Timestamp) -> Option<Push> {
        self.publisher.snapshot(&self.account, stream, now)
    }

    /// Carries out a command that acts on the account.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the command cannot be carried out. If it acts on connections, that is
    /// [`CommandError::NeedsSimulator`].
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

    /// Places an order, which the market may match immediately, and returns its id and the messages to send.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the exchange does not accept the order.
    pub fn place(&mut self, now: Timestamp, order: &NewOrder) -> Result<(OrderId, Vec<Push>), CommandError> {
        let before = self.account.holdings().clone();
        let market = self.market_price(&order.pair);
        let change = self.account.place(now, order, market)?;
        let pushes = self.publisher.updates(&self.account, now, &before, slice::from_ref(&change));
        Ok((change.order.id, pushes))
    }

    /// Changes any number of balances, and returns the messages to send.
    ///
    /// Returns no message if nothing changed. No update shows that a currency was removed; it is only missing
    /// from the next snapshot. Open orders are cancelled if they reserve more than the part of the new amount
    /// that is neither available nor staked.
    pub fn update_balances(&mut self, now: Timestamp, change: impl FnOnce(&mut Holdings)) -> Vec<Push> {
        let before = self.account.holdings().clone();
        let mut holdings = before.clone();
        change(&mut holdings);
        // The closure may have inserted a balance under a key other than its currency.
        let cancelled = self.account.set_holdings(now, holdings::by_currency(holdings.into_values()));
        self.publisher.updates(&self.account, now, &before, &cancelled)
    }

    /// Runs one market step, and returns the messages to send.
    ///
    /// A price moves and may trigger or fill orders; otherwise, an order is placed, filled or cancelled at
    /// random. Returns no message if the account holds too little to trade.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Push> {
        let MarketStep { reached, alternatives } = self.trader.step(&self.account);
        let mut execute = |command: &Command| {
            let executed = self.execute(now, command);
            executed.inspect_err(|error| debug!(%command, %error, "market command failed")).ok()
        };
        let pushes: Vec<Push> = reached.iter().filter_map(&mut execute).flatten().collect();
        // An order that cannot be filled, such as in a currency that is no longer tradable, must not stop the
        // market.
        if pushes.is_empty() { alternatives.iter().find_map(execute).unwrap_or_default() } else { pushes }
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

    /// Resolves the name of an order. Any other string is treated as an id.
    fn order_id(&self, name: &str) -> OrderId {
        self.names.get(name).cloned().unwrap_or_else(|| OrderId::new(name))
    }
}

#[cfg(test)]
mod tests;
