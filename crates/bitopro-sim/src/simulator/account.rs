use bitopro_model::{AccountBalance, Balance, Decimal, Order, OrderId, Pair, Trade};

use crate::{
    Account, AccountHandle, AccountId, Command, CommandError, Exchange, Holdings, NewOrder, Push,
    SentMessage, Simulator,
};

/// The first account: its state, and commands that return a result. [`account`](Self::account) returns a handle
/// to any other one.
impl Simulator {
    /// Returns a handle to the account with a name.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError::UnknownAccount`] if no account has this name.
    pub fn account(&self, name: &str) -> Result<AccountHandle<'_>, CommandError> {
        Ok(AccountHandle::new(self, self.dispatcher.account_id(name)?))
    }

    /// Returns handles to all accounts, the first one first.
    pub fn accounts(&self) -> Vec<AccountHandle<'_>> {
        let ids: Vec<_> = self.dispatcher.read(|exchange| exchange.accounts().map(Account::id).collect());
        ids.into_iter().map(|id| AccountHandle::new(self, id)).collect()
    }

    fn first(&self) -> AccountHandle<'_> {
        AccountHandle::new(self, AccountId::DEFAULT)
    }

    /// Returns the balances of the account, which a client's state should equal.
    pub fn balances(&self) -> Holdings {
        self.first().read(|account| account.balances().clone())
    }

    /// Returns the account's open orders, sorted by id, which a client's state should equal.
    pub fn open_orders(&self) -> Vec<Order> {
        self.first().read(|account| account.open_orders().cloned().collect())
    }

    /// Returns the last 100 closed orders, oldest first.
    pub fn closed_orders(&self) -> Vec<Order> {
        self.first().read(|account| account.closed_orders().cloned().collect())
    }

    /// Returns the last 10,000 trades, oldest first.
    pub fn trades(&self) -> Vec<Trade> {
        self.first().read(|account| account.trades().cloned().collect())
    }

    /// Returns the market's price of a pair, or `None` if the market does not have the pair.
    pub fn market_price(&self, pair: impl Into<Pair>) -> Option<Decimal> {
        let pair = pair.into();
        self.dispatcher.read(|exchange| exchange.market_price(&pair))
    }

    /// Returns the last 10,000 messages that the exchange sent, including snapshots, oldest first.
    pub fn sent(&self) -> Vec<SentMessage> {
        self.dispatcher.sent()
    }

    /// Sets the balance of one currency, and sends and returns the resulting update.
    ///
    /// Returns `None` if nothing changed. Open orders are cancelled if they reserve more than the part of the
    /// new amount that is neither available nor staked.
    pub fn set_balance(&self, balance: Balance) -> Option<AccountBalance> {
        self.update_balances(|holdings| {
            holdings.insert(balance.currency.clone(), balance);
        })
    }

    /// Changes any number of balances, and sends and returns the resulting update.
    ///
    /// Returns `None` if nothing changed. The closure must not use the simulator, which would deadlock. No
    /// update shows that a currency was removed; it is only missing from the next snapshot. Orders are
    /// cancelled as by [`set_balance`](Self::set_balance).
    pub fn update_balances(&self, change: impl FnOnce(&mut Holdings)) -> Option<AccountBalance> {
        let pushes = self.dispatcher.update(|exchange, now| exchange.update_balances(now, change));
        pushes.iter().find_map(Push::as_balances).cloned()
    }

    /// Runs one market step, and returns the messages sent.
    ///
    /// Sends no messages if the account holds too little to trade.
    pub fn tick(&self) -> Vec<Push> {
        self.dispatcher.update(Exchange::tick)
    }

    /// Places an order, sends the resulting messages, and returns the order's id.
    ///
    /// An order that the market matches immediately is already closed when this returns.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the exchange does not accept the order.
    pub fn place(&self, order: &NewOrder) -> Result<OrderId, CommandError> {
        Ok(self.dispatcher.change(|exchange, now| exchange.place(now, order))?.0)
    }

    /// Fills an amount of an open order at its own price, and returns the messages sent.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the order cannot be filled, for example because it is not open or less
    /// of it remains.
    pub fn fill(&self, id: &OrderId, amount: Decimal) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Fill { order: id.to_string(), amount: Some(amount) })
    }

    /// Fills the remaining amount of an open order at its own price, and returns the messages sent.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the order cannot be filled, for example because it is not open.
    pub fn fill_remaining(&self, id: &OrderId) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Fill { order: id.to_string(), amount: None })
    }

    /// Cancels an open order, and returns the messages sent.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the order cannot be cancelled, for example because it is not open.
    pub fn cancel(&self, id: &OrderId) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Cancel(id.to_string()))
    }

    /// Triggers a stop order, and returns the messages sent.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the order is not a stop order that waits to be triggered.
    pub fn trigger(&self, id: &OrderId) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Trigger(id.to_string()))
    }
}
