use bitopro_model::{AccountBalance, Balance, Decimal, Order, OrderId, Pair, Trade};

use crate::{Command, CommandError, Exchange, Holdings, NewOrder, Push, SentMessage, Simulator};

/// The account: commands with a result, and what it holds.
impl Simulator {
    /// The balances of the account, which every client should agree with.
    pub fn balances(&self) -> Holdings {
        self.dispatcher.read(|exchange| exchange.balances().clone())
    }

    /// The account's open orders, by id, which every client should agree with.
    pub fn open_orders(&self) -> Vec<Order> {
        self.dispatcher.read(|exchange| exchange.open_orders().cloned().collect())
    }

    /// The recently closed orders, the oldest first; at most 100.
    pub fn closed_orders(&self) -> Vec<Order> {
        self.dispatcher.read(|exchange| exchange.closed_orders().cloned().collect())
    }

    /// The trades, the oldest first; the last 10,000.
    pub fn trades(&self) -> Vec<Trade> {
        self.dispatcher.read(|exchange| exchange.trades().cloned().collect())
    }

    /// The market's price of a pair, for those that have one.
    pub fn market_price(&self, pair: impl Into<Pair>) -> Option<Decimal> {
        let pair = pair.into();
        self.dispatcher.read(|exchange| exchange.market_price(&pair))
    }

    /// The events of the exchange, snapshots too, with the number of sockets that each was sent to; the last
    /// 10,000 of them.
    pub fn sent(&self) -> Vec<SentMessage> {
        self.dispatcher.sent()
    }

    /// Sets the balance of one currency, and sends an update. Returns the event that was sent, or `None` if
    /// nothing changed.
    ///
    /// Orders for which the new balance leaves no room are cancelled: between what is available or staked
    /// and the whole amount, there must be as much as the orders lock.
    pub fn set_balance(&self, balance: Balance) -> Option<AccountBalance> {
        self.update_balances(|holdings| {
            holdings.insert(balance.currency.clone(), balance);
        })
    }

    /// Changes any number of balances, and sends one update. Returns the event that was sent, or `None` if
    /// nothing changed. The function must not use the simulator, which waits for it.
    ///
    /// A currency that is removed is in no update; it is missing from the next snapshot. Orders are
    /// cancelled as by [`set_balance`](Self::set_balance).
    pub fn update_balances(&self, change: impl FnOnce(&mut Holdings)) -> Option<AccountBalance> {
        let pushes = self.dispatcher.update(|exchange, now| exchange.update_balances(now, change));
        pushes.iter().find_map(Push::as_balances).cloned()
    }

    /// Makes one step of the market, and returns the events that were sent: none if the account holds too
    /// little to trade.
    pub fn tick(&self) -> Vec<Push> {
        self.dispatcher.update(Exchange::tick)
    }

    /// Places an order, sends what comes of it, and returns its id. An order that the market matches
    /// immediately is closed when this returns.
    ///
    /// # Errors
    /// A [`CommandError`] that says why the exchange does not accept it.
    pub fn place(&self, order: &NewOrder) -> Result<OrderId, CommandError> {
        Ok(self.dispatcher.change(|exchange, now| exchange.place(now, order))?.0)
    }

    /// Fills an amount of an open order at its own price, and returns the events that were sent.
    ///
    /// # Errors
    /// A [`CommandError`] that says why not.
    pub fn fill(&self, id: &OrderId, amount: Decimal) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Fill { order: id.to_string(), amount: Some(amount) })
    }

    /// Fills all that remains of an open order at its own price, and returns the events that were sent.
    ///
    /// # Errors
    /// A [`CommandError`] that says why not.
    pub fn fill_rest(&self, id: &OrderId) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Fill { order: id.to_string(), amount: None })
    }

    /// Cancels an open order, and returns the events that were sent.
    ///
    /// # Errors
    /// A [`CommandError`] that says why not.
    pub fn cancel(&self, id: &OrderId) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Cancel(id.to_string()))
    }

    /// Triggers a stop order, and returns the events that were sent.
    ///
    /// # Errors
    /// A [`CommandError`] that says why not.
    pub fn trigger(&self, id: &OrderId) -> Result<Vec<Push>, CommandError> {
        self.execute(&Command::Trigger(id.to_string()))
    }
}
