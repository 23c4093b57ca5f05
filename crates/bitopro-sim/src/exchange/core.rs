mod market_data;
mod rest_lag;

use std::iter;

use bitopro_model::{Decimal, Order, OrderId, Pair, PrivateStream, Timestamp, Trade};
use fastrand::Rng;
use tracing::debug;

use crate::exchange::account::accounts::Accounts;
use crate::exchange::account::order::currencies;
use crate::exchange::account::{OrderChange, demo, holdings};
use crate::exchange::book::maker_quotes::MakerQuotes;
use crate::exchange::core::rest_lag::AccountsInRest;
use crate::exchange::events::publisher::Publisher;
use crate::exchange::market::pair_list::PairList;
use crate::exchange::market::trader::Trader;
use crate::exchange::matching::MatchingEngine;
use crate::{Account, AccountId, Command, CommandError, Holdings, NewOrder, PairRules, Push, Quirks};

/// The exchange alone, as a data structure without sockets, tasks or clocks.
///
/// The time is an argument of its methods: the same seed and the same times give the same messages, byte for
/// byte. Methods that change accounts return the messages to send, in order. Methods that do not name an
/// account are about the first one.
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
    engine: MatchingEngine,
    trader: Trader,
    /// One for each account, in the same order.
    publishers: Vec<Publisher>,
    pairs: Vec<PairRules>,
    /// The seed of the market makers' orders.
    seed: u64,
    rest: AccountsInRest,
}

impl Exchange {
    pub(crate) fn new(seed: u64, accounts: Accounts, quirks: Quirks, pairs: &PairList) -> Self {
        let mut rng = Rng::with_seed(seed);
        // The trader has its own generator, so that connections do not influence the market.
        let trader = Trader::new(rng.fork(), pairs);
        // Adding an account does not change the ids in the messages of the others.
        let mut other_ids = Rng::with_seed(!seed);
        let ids = iter::once(rng).chain(iter::repeat_with(|| other_ids.fork()));
        let publishers = accounts.iter().zip(ids);
        let publishers = publishers.map(|(account, ids)| Publisher::new(account.id(), ids, quirks)).collect();
        let pairs = pairs.0.iter().map(|listed| listed.rules.clone()).collect();
        let rest = AccountsInRest::new(quirks.rest_lag);
        let engine = MatchingEngine::new(accounts, quirks);
        let mut exchange = Self { engine, trader, publishers, pairs, seed, rest };
        exchange.quote();
        exchange
    }

    /// Lets the first account trade like the demo account in the week before `start`.
    pub(crate) fn trade_like_demo(&mut self, start: Timestamp) {
        demo::trade(&mut self.engine, start);
    }

    /// Returns all accounts, of which there is at least one.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.engine.accounts().iter()
    }

    /// Returns the account with a name.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError::UnknownAccount`] if no account has this name.
    pub fn account(&self, name: &str) -> Result<&Account, CommandError> {
        self.engine.accounts().named(name)
    }

    /// Returns an account by its id, which must be one of this exchange.
    pub(crate) fn account_or_first(&self, id: AccountId) -> &Account {
        self.engine.accounts().get(id).unwrap_or(self.first())
    }

    /// Returns an account as REST shows it at this time.
    pub(crate) fn account_in_rest(&self, id: AccountId, now: Timestamp) -> &Account {
        let accounts = self.rest.accounts(now).unwrap_or(self.engine.accounts());
        accounts.get(id).unwrap_or(self.first())
    }

    fn first(&self) -> &Account {
        self.engine.accounts().first()
    }

    /// Returns the balances of the first account.
    pub fn balances(&self) -> &Holdings {
        self.first().balances()
    }

    /// Returns the first account's open orders, sorted by id.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.first().open_orders()
    }

    /// Returns the last 100 closed orders of the first account, oldest first.
    pub fn closed_orders(&self) -> impl Iterator<Item = &Order> {
        self.first().closed_orders()
    }

    /// Returns the last 10,000 trades of the first account, oldest first.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.first().trades()
    }

    /// Returns the market's price of a pair, or `None` if the market does not have the pair.
    pub fn market_price(&self, pair: &Pair) -> Option<Decimal> {
        let (base, quote) = currencies(pair).ok()?;
        self.trader.market().price(&base, &quote)
    }

    /// Returns the first message of a connection to a stream of the first account.
    ///
    /// The stream of trades has none, unless [`TradesOnConnect::Last`](crate::TradesOnConnect::Last) repeats
    /// the last trade.
    pub fn snapshot(&mut self, stream: PrivateStream, now: Timestamp) -> Option<Push> {
        self.snapshot_of(AccountId::DEFAULT, stream, now)
    }

    /// Like [`snapshot`](Self::snapshot), of any account.
    pub fn snapshot_of(&mut self, id: AccountId, stream: PrivateStream, now: Timestamp) -> Option<Push> {
        let account = self.engine.accounts().get(id).ok()?;
        self.publishers.get_mut(id.index())?.snapshot(account, stream, now)
    }

    /// Carries out a command that acts on an account or on the market.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the command cannot be carried out. If it acts on connections, that is
    /// [`CommandError::NeedsSimulator`].
    pub fn execute(&mut self, now: Timestamp, command: &Command) -> Result<Vec<Push>, CommandError> {
        self.execute_with_order(now, command).map(|(_, pushes)| pushes)
    }

    /// Like [`execute`](Self::execute), and also returns the id of a placed order.
    pub(crate) fn execute_with_order(
        &mut self,
        now: Timestamp,
        command: &Command,
    ) -> Result<(Option<OrderId>, Vec<Push>), CommandError> {
        let (name, command) = command.addressee()?;
        let id = name.map_or(Ok(AccountId::DEFAULT), |name| self.account(name).map(Account::id))?;
        let pushes = match command {
            Command::Place { name, order } => {
                let (order, pushes) = self.place_as(id, now, order)?;
                if let Some(name) = name {
                    self.engine.name_order(id, name.clone(), order.clone())?;
                }
                return Ok((Some(order), pushes));
            }
            Command::Fill { order, amount } => {
                let order = self.order_id(id, order)?;
                self.change(now, |engine| Ok(vec![engine.fill(now, id, &order, *amount)?]))?
            }
            Command::Cancel(order) => {
                let order = self.order_id(id, order)?;
                self.cancel_as(id, now, &order)?
            }
            Command::Trigger(order) => {
                let order = self.order_id(id, order)?;
                self.change(now, |engine| engine.trigger(now, id, &order))?
            }
            Command::Deposit { currency, amount } => self.change(now, |engine| {
                engine.deposit(now, id, currency.clone(), *amount).map(|()| Vec::new())
            })?,
            Command::SetBalance(balance) => self.update_balances_of(id, now, |holdings| {
                holdings.insert(balance.currency.clone(), balance.clone());
            })?,
            Command::Tick(count) => (0..*count).flat_map(|_| self.tick(now)).collect(),
            other => return Err(CommandError::NeedsSimulator(other.to_string())),
        };
        Ok((None, pushes))
    }

    /// Places an order of the first account, which may be matched immediately, and returns its id and the
    /// messages to send.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the exchange does not accept the order.
    pub fn place(&mut self, now: Timestamp, order: &NewOrder) -> Result<(OrderId, Vec<Push>), CommandError> {
        self.place_as(AccountId::DEFAULT, now, order)
    }

    /// Like [`place`](Self::place), of any account.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the exchange does not accept the order.
    pub fn place_as(
        &mut self,
        account: AccountId,
        now: Timestamp,
        order: &NewOrder,
    ) -> Result<(OrderId, Vec<Push>), CommandError> {
        self.rest.keep(now, self.engine.accounts());
        let before = self.all_balances();
        let (id, changes) = self.engine.place(now, account, order)?;
        Ok((id, self.publish(now, &before, &changes)))
    }

    /// Cancels an open order, and returns the messages to send.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError::NotOpen`] if the account has no open order with this id.
    pub fn cancel_as(
        &mut self,
        account: AccountId,
        now: Timestamp,
        order: &OrderId,
    ) -> Result<Vec<Push>, CommandError> {
        self.change(now, |engine| Ok(vec![engine.cancel(now, account, order)?]))
    }

    /// Changes any number of balances of the first account, and returns the messages to send.
    ///
    /// Returns no message if nothing changed. No update shows that a currency was removed; it is only missing
    /// from the next snapshot. Open orders are cancelled if they reserve more than the part of the new amount
    /// that is neither available nor staked.
    pub fn update_balances(&mut self, now: Timestamp, change: impl FnOnce(&mut Holdings)) -> Vec<Push> {
        // The first account always exists.
        self.update_balances_of(AccountId::DEFAULT, now, change).unwrap_or_default()
    }

    /// Like [`update_balances`](Self::update_balances), of any account.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError::UnknownAccount`] if the account belongs to another exchange.
    pub fn update_balances_of(
        &mut self,
        account: AccountId,
        now: Timestamp,
        change: impl FnOnce(&mut Holdings),
    ) -> Result<Vec<Push>, CommandError> {
        let mut balances = self.engine.accounts().get(account)?.balances().clone();
        change(&mut balances);
        // The closure may have inserted a balance under a key other than its currency.
        let balances = holdings::by_currency(balances.into_values());
        self.change(now, |engine| engine.set_holdings(now, account, balances))
    }

    /// Runs one market step, and returns the messages to send.
    ///
    /// A price moves, market makers replace their orders, and orders of any account are filled or triggered. Unless that
    /// changes the first account, one of its orders is placed, filled or cancelled at random. Returns no message if the
    /// account holds too little to trade.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Push> {
        let alternatives = self.trader.step(self.engine.accounts().first());
        self.quote();
        let reached = self.trader.reached(self.engine.accounts().iter());
        let mut pushes: Vec<Push> =
            reached.iter().filter_map(|command| self.try_execute(now, command)).flatten().collect();
        // A reached order that cannot be filled, for example because its currency is not tradable, does not stop the
        // market.
        if pushes.iter().all(|push| push.account != AccountId::DEFAULT) {
            let executed = alternatives.iter().find_map(|command| self.try_execute(now, command));
            pushes.extend(executed.unwrap_or_default());
        }
        pushes
    }

    fn try_execute(&mut self, now: Timestamp, command: &Command) -> Option<Vec<Push>> {
        let executed = self.execute(now, command);
        executed.inspect_err(|error| debug!(%command, %error, "market command failed")).ok()
    }

    /// Replaces the market makers' orders in the pairs whose price has moved.
    fn quote(&mut self) {
        for (pair, price) in self.trader.take_moved() {
            if let Some(rules) = self.pairs.iter().find(|rules| rules.pair == pair) {
                self.engine.quote(pair, MakerQuotes::around(price, rules, self.seed));
            }
        }
    }

    /// Changes accounts, and returns the messages about each of them.
    fn change(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut MatchingEngine) -> Result<Vec<OrderChange>, CommandError>,
    ) -> Result<Vec<Push>, CommandError> {
        self.rest.keep(now, self.engine.accounts());
        let before = self.all_balances();
        let changes = change(&mut self.engine)?;
        Ok(self.publish(now, &before, &changes))
    }

    fn all_balances(&self) -> Vec<Holdings> {
        self.accounts().map(|account| account.balances().clone()).collect()
    }

    /// Returns the messages about each account, whose previous balances are in `before`.
    fn publish(&mut self, now: Timestamp, before: &[Holdings], changes: &[OrderChange]) -> Vec<Push> {
        let accounts = self.engine.accounts().iter().zip(before).zip(&mut self.publishers);
        accounts
            .flat_map(|((account, before), publisher)| {
                let own = changes.iter().filter(|change| change.account == account.id());
                publisher.updates(account, now, before, own)
            })
            .collect()
    }

    fn order_id(&self, account: AccountId, name: &str) -> Result<OrderId, CommandError> {
        Ok(self.engine.accounts().get(account)?.order_id(name))
    }
}

#[cfg(test)]
mod tests;
