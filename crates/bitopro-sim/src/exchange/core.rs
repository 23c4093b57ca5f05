use bitopro_model::{
    Active, Decimal, History, Order, OrderId, Orders, Pair, PrivateStream, Timestamp, Trade,
};
use fastrand::Rng;

use crate::exchange::account::{Account, OrderChange, currencies};
use crate::exchange::doubts::{
    ActiveUpdates, BalanceUpdates, Doubts, FinalOrders, HistoryOnConnect, TradesOnConnect,
};
use crate::exchange::event::{Envelopes, Push};
use crate::exchange::holdings;
use crate::exchange::holdings::Holdings;
use crate::exchange::order::{NewOrder, OrderError};
use crate::exchange::trader::{Intent, Trader};

/// The exchange itself, without sockets, tasks or a clock: the time is an argument, and the same seed and
/// times give the same events, byte for byte.
///
/// Every method that changes something gives the events to be sent, in order. Made by
/// [`SimulatorBuilder::build_exchange`](crate::SimulatorBuilder::build_exchange).
#[derive(Debug)]
pub struct Exchange {
    account: Account,
    trader: Trader,
    envelopes: Envelopes,
    doubts: Doubts,
}

impl Exchange {
    pub(crate) fn new(seed: u64, account: Account, doubts: Doubts) -> Self {
        let mut rng = Rng::with_seed(seed);
        // A generator of its own, so that who connects, and when, does not change the day.
        let trader = Trader::new(rng.fork());
        let envelopes = Envelopes::new(rng, doubts);
        Self { account, trader, envelopes, doubts }
    }

    /// What the account holds.
    pub fn balances(&self) -> &Holdings {
        self.account.holdings()
    }

    /// The account's open orders, by id.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.account.open_orders()
    }

    /// The orders that ended lately, the oldest first; at most 100.
    pub fn history(&self) -> impl Iterator<Item = &Order> {
        self.account.history()
    }

    /// What was traded, the oldest first; the last 10,000.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.account.trades()
    }

    /// The market's price of a pair, for those that have one.
    pub fn market_price(&self, pair: &Pair) -> Option<Decimal> {
        let (base, quote) = currencies(pair).ok()?;
        self.trader.market().price(&base, &quote)
    }

    /// The event that a connection to a stream begins with. That of trades begins with none unless
    /// [`TradesOnConnect`] says otherwise.
    pub fn snapshot(&mut self, stream: PrivateStream, now: Timestamp) -> Option<Push> {
        let Self { account, envelopes, doubts, .. } = self;
        match stream {
            PrivateStream::AccountBalance => Some(envelopes.push(now, holdings::all(account.holdings()))),
            PrivateStream::ActiveOrders => {
                let open: Orders<Active> = account.open_orders().cloned().collect();
                Some(envelopes.push(now, open))
            }
            PrivateStream::HistoryOrders => {
                let recent: Orders<History> = match doubts.history_on_connect {
                    HistoryOnConnect::Recent => account.history().cloned().collect(),
                    HistoryOnConnect::Empty => Orders::default(),
                };
                Some(envelopes.push(now, recent))
            }
            PrivateStream::UserTrades => match doubts.trades_on_connect {
                TradesOnConnect::Nothing => None,
                TradesOnConnect::Last => {
                    account.trades().next_back().map(|trade| envelopes.push(now, trade.clone()))
                }
            },
            _ => None,
        }
    }

    /// Changes the balances by hand. Gives no event if nothing changed.
    ///
    /// A currency that is taken away is in no update; it is missing from the next snapshot. Orders that
    /// lock more than the new balance leaves room for, between what is available and the whole amount,
    /// are cancelled.
    pub fn update_balances(&mut self, now: Timestamp, change: impl FnOnce(&mut Holdings)) -> Vec<Push> {
        let before = self.account.holdings().clone();
        let mut holdings = before.clone();
        change(&mut holdings);
        // A balance may have been put under a key other than its own currency.
        let cancelled = self.account.set_holdings(now, holdings::of(holdings.into_values()));
        let mut pushes: Vec<Push> = cancelled.iter().flat_map(|done| self.order_events(now, done)).collect();
        pushes.extend(self.balance_event(now, &before));
        pushes
    }

    /// Places an order, and matches it if the market does so at once.
    ///
    /// # Errors
    /// An [`OrderError`] that says why the exchange does not take it.
    pub fn place(&mut self, now: Timestamp, order: &NewOrder) -> Result<(OrderId, Vec<Push>), OrderError> {
        let market = self.market_price(&order.pair);
        let (done, pushes) = self.act(now, |account| account.place(now, order, market))?;
        Ok((done.order.id, pushes))
    }

    /// Fills an open order at its own price: this much of it, or all that remains.
    ///
    /// # Errors
    /// An [`OrderError`] that says why not.
    pub fn fill(
        &mut self,
        now: Timestamp,
        id: &OrderId,
        volume: Option<Decimal>,
    ) -> Result<Vec<Push>, OrderError> {
        Ok(self.act(now, |account| account.fill(now, id, volume))?.1)
    }

    /// Cancels an open order, and releases what it locks.
    ///
    /// # Errors
    /// An [`OrderError`] that says why not.
    pub fn cancel(&mut self, now: Timestamp, id: &OrderId) -> Result<Vec<Push>, OrderError> {
        Ok(self.act(now, |account| account.cancel(now, id))?.1)
    }

    /// Triggers a stop order: it becomes a limit order under the same id.
    ///
    /// # Errors
    /// An [`OrderError`] that says why not.
    pub fn trigger(&mut self, now: Timestamp, id: &OrderId) -> Result<Vec<Push>, OrderError> {
        Ok(self.act(now, |account| account.trigger(now, id))?.1)
    }

    /// One step of the market: a price moves, and the account's orders with it, or it places, loses or
    /// cancels one. Gives no event if the account holds too little to trade.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Push> {
        let intents = self.trader.step(&self.account);
        let mut pushes = Vec::new();
        for intent in intents {
            let told = match intent {
                Intent::Place(order) => self.place(now, &order).map(|(_, pushes)| pushes),
                Intent::Fill(id, volume) => self.fill(now, &id, volume),
                Intent::Cancel(id) => self.cancel(now, &id),
                Intent::Trigger(id) => self.trigger(now, &id),
            };
            pushes.extend(told.into_iter().flatten());
        }
        pushes
    }

    fn act(
        &mut self,
        now: Timestamp,
        act: impl FnOnce(&mut Account) -> Result<OrderChange, OrderError>,
    ) -> Result<(OrderChange, Vec<Push>), OrderError> {
        let before = self.account.holdings().clone();
        let done = act(&mut self.account)?;
        let mut pushes = self.order_events(now, &done);
        pushes.extend(self.balance_event(now, &before));
        Ok((done, pushes))
    }

    /// What is told of an order and its trade. That trades come before orders is an assumption.
    fn order_events(&mut self, now: Timestamp, done: &OrderChange) -> Vec<Push> {
        let Self { account, envelopes, doubts, .. } = self;
        let mut pushes = Vec::new();
        if let Some(trade) = &done.trade {
            pushes.push(envelopes.push(now, trade.clone()));
        }
        let order = &done.order;
        let shown = !order.is_final() || doubts.final_orders == FinalOrders::Shown;
        let orders: Option<Vec<Order>> = match doubts.active_updates {
            ActiveUpdates::Changed => shown.then(|| vec![order.clone()]),
            ActiveUpdates::WholePair => {
                let open = account.open_orders().filter(|open| open.pair == order.pair);
                let ended = Some(order).filter(|order| order.is_final() && shown);
                Some(open.chain(ended).cloned().collect())
            }
        };
        if let Some(orders) = orders {
            let active: Orders<Active> = [(order.pair.clone(), orders)].into_iter().collect();
            pushes.push(envelopes.push(now, active));
        }
        if order.is_final() {
            let ended: Orders<History> = [order.clone()].into_iter().collect();
            pushes.push(envelopes.push(now, ended));
        }
        pushes
    }

    fn balance_event(&mut self, now: Timestamp, before: &Holdings) -> Option<Push> {
        let changed = holdings::changed(before, self.account.holdings());
        if changed.is_empty() {
            return None;
        }
        let told = match self.doubts.balance_updates {
            BalanceUpdates::Changed => changed,
            BalanceUpdates::All => holdings::all(self.account.holdings()),
        };
        Some(self.envelopes.push(now, told))
    }
}

#[cfg(test)]
mod tests;
