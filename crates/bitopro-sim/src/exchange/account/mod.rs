//! The trading account. Amounts are exact decimals, and a failed operation changes no balance and no order.
//!
//! An amount that an order locks is taken from `available` but stays in `amount`. So for every currency,
//! `amount == available + stake + locked` holds if it held at the start.

pub(crate) mod demo;
mod execution;
pub(crate) mod fill;
pub(crate) mod holdings;
mod open_order;
pub(crate) mod order;

use std::collections::BTreeMap;

use bitopro_model::{Action, Balance, Currency, Decimal, Order, OrderId, OrderStatus, Timestamp, Trade};

use crate::exchange::account::execution::{
    IdSequence, cancelled_status, new_trade, order_after_fill, set_updated,
};
use crate::exchange::account::fill::{Fill, adjusted, tradable_balance};
use crate::exchange::account::open_order::OpenOrder;
use crate::exchange::account::order::{Kind, currencies};
use crate::exchange::exact::{difference, sum};
use crate::exchange::recent_items::RecentItems;
use crate::{CommandError, Holdings, NewOrder, OrderTimes, Quirks};

/// Number of closed orders that count as recent. An assumption.
pub(crate) const CLOSED_ORDERS_KEPT: usize = 100;
/// Number of trades that are kept.
const TRADES_KEPT: usize = 10_000;

#[derive(Debug, Clone)]
pub(crate) struct Account {
    holdings: Holdings,
    open: BTreeMap<OrderId, OpenOrder>,
    closed_orders: RecentItems<Order>,
    trades: RecentItems<Trade>,
    ids: IdSequence,
    order_times: OrderTimes,
}

/// An order after a change, and the trade that changed it, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderChange {
    pub(crate) order: Order,
    pub(crate) trade: Option<Trade>,
}

impl Account {
    /// Creates an account without orders.
    pub(crate) fn new(holdings: Holdings, quirks: Quirks) -> Self {
        let (closed_orders, trades) = (RecentItems::new(CLOSED_ORDERS_KEPT), RecentItems::new(TRADES_KEPT));
        let (ids, order_times) = (IdSequence::new(quirks), quirks.order_times);
        Self { holdings, open: BTreeMap::new(), closed_orders, trades, ids, order_times }
    }

    pub(crate) fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// Returns the open orders, sorted by id.
    pub(crate) fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.open.values().map(|open_order| &open_order.order)
    }

    /// Returns the recently closed orders, oldest first.
    pub(crate) fn closed_orders(&self) -> impl Iterator<Item = &Order> {
        self.closed_orders.iter()
    }

    /// Returns the recent trades, oldest first.
    pub(crate) fn trades(&self) -> impl DoubleEndedIterator<Item = &Trade> {
        self.trades.iter()
    }

    /// Replaces the balances, and cancels the orders that they do not cover.
    pub(crate) fn set_holdings(&mut self, now: Timestamp, holdings: Holdings) -> Vec<OrderChange> {
        self.holdings = holdings;
        let uncovered = self.uncovered_orders();
        let removed: Vec<OpenOrder> = uncovered.iter().filter_map(|id| self.open.remove(id)).collect();
        removed.into_iter().map(|removed| self.close_cancelled(now, removed)).collect()
    }

    /// Adds to the amount and the available amount of a currency. A negative amount is a withdrawal.
    pub(crate) fn deposit(&mut self, currency: &Currency, amount: Decimal) -> Result<(), CommandError> {
        let balance = self.holdings.get(currency).cloned();
        let balance = balance.unwrap_or_else(|| Balance::new(currency.clone(), Decimal::ZERO));
        self.holdings.insert(currency.clone(), adjusted(&balance, amount, amount)?);
        Ok(())
    }

    /// Places an order. `market` is the market's price of the pair, if any.
    pub(crate) fn place(
        &mut self,
        now: Timestamp,
        new: &NewOrder,
        market: Option<Decimal>,
    ) -> Result<OrderChange, CommandError> {
        let new = &new.clone().normalized();
        let market = market.map(|market| market.normalize());
        let immediate = market.filter(|market| match new.action {
            Action::Buy => new.price >= *market,
            _ => new.price <= *market,
        });
        match (&new.kind, immediate) {
            (Kind::Market, _) => {
                let market = market.ok_or_else(|| CommandError::NoMarket(new.pair.clone()))?;
                self.execute_immediately(now, new, market)
            }
            (Kind::Limit, Some(market)) => self.execute_immediately(now, new, market),
            (Kind::PostOnly, Some(_)) => {
                let mut order = self.prepare(now, new, new.price)?.order;
                order.status = OrderStatus::PostOnlyCancelled;
                self.closed_orders.push(order.clone());
                Ok(OrderChange { order, trade: None })
            }
            (Kind::Limit | Kind::PostOnly | Kind::StopLimit { .. }, _) => self.add_open_order(now, new),
        }
    }

    /// Fills a volume of an order at its own price, or the remaining amount if `None`.
    pub(crate) fn fill(
        &mut self,
        now: Timestamp,
        id: &OrderId,
        volume: Option<Decimal>,
    ) -> Result<OrderChange, CommandError> {
        let OpenOrder { order, locked, .. } =
            self.open.get(id).ok_or_else(|| CommandError::NotOpen(id.clone()))?;
        let remaining = order.remaining_amount;
        let volume = volume.unwrap_or(remaining).normalize();
        if order.status == OrderStatus::NotTriggered {
            return Err(CommandError::NotTriggered(id.clone()));
        }
        if volume <= Decimal::ZERO {
            return Err(CommandError::NotPositive);
        }
        if volume > remaining {
            return Err(CommandError::ExceedsRemaining { amount: volume, remaining });
        }
        let (base, quote) = currencies(&order.pair)?;
        let fill = Fill::new(base, quote, order.action.clone(), order.price, volume)?;
        let order = order_after_fill(order, &fill, self.order_times.truncate(now))?;
        let trade = new_trade(&order, &fill, self.ids.next_match(), true, now);
        // Truncated parts never add up to more than the truncated whole, so the locked amount is always
        // enough. The last fill releases what remains of it.
        let released = if order.is_final() { *locked } else { fill.paid().1 };
        let locked = difference(*locked, released).ok_or(CommandError::Inexact)?;
        fill.settle(&mut self.holdings, released)?;
        if order.is_final() {
            self.open.remove(id);
            self.closed_orders.push(order.clone());
        } else if let Some(open_order) = self.open.get_mut(id) {
            open_order.order = order.clone();
            open_order.locked = locked;
        }
        self.trades.push(trade.clone());
        Ok(OrderChange { order, trade: Some(trade) })
    }

    pub(crate) fn cancel(&mut self, now: Timestamp, id: &OrderId) -> Result<OrderChange, CommandError> {
        let open_order = self.open.get(id).ok_or_else(|| CommandError::NotOpen(id.clone()))?;
        let balance = self.holdings.get(&open_order.currency);
        let balance = balance.ok_or_else(|| CommandError::NotTradable(open_order.currency.clone()))?;
        let released = adjusted(balance, Decimal::ZERO, open_order.locked)?;
        let removed = self.open.remove(id).ok_or_else(|| CommandError::NotOpen(id.clone()))?;
        self.holdings.insert(released.currency.clone(), released);
        Ok(self.close_cancelled(now, removed))
    }

    /// Turns a waiting stop order into a limit order. That it keeps its id is an assumption.
    pub(crate) fn trigger(&mut self, now: Timestamp, id: &OrderId) -> Result<OrderChange, CommandError> {
        let OpenOrder { order, .. } =
            self.open.get_mut(id).ok_or_else(|| CommandError::NotOpen(id.clone()))?;
        if order.status != OrderStatus::NotTriggered {
            return Err(CommandError::NothingToTrigger(id.clone()));
        }
        order.status = OrderStatus::InProgress;
        set_updated(order, self.order_times.truncate(now));
        Ok(OrderChange { order: order.clone(), trade: None })
    }

    /// Opens an order and locks the amount that it may have to pay.
    fn add_open_order(&mut self, now: Timestamp, new: &NewOrder) -> Result<OrderChange, CommandError> {
        let open_order = self.prepare(now, new, new.price)?;
        let locked = adjusted(
            tradable_balance(&self.holdings, &open_order.currency)?,
            Decimal::ZERO,
            -open_order.locked,
        )?;
        self.holdings.insert(locked.currency.clone(), locked);
        let order = open_order.order.clone();
        self.open.insert(order.id.clone(), open_order);
        Ok(OrderChange { order, trade: None })
    }

    /// Executes an order completely and immediately, at the market's price.
    fn execute_immediately(
        &mut self,
        now: Timestamp,
        new: &NewOrder,
        price: Decimal,
    ) -> Result<OrderChange, CommandError> {
        let (base, quote) = currencies(&new.pair)?;
        let order = self.prepare(now, new, price)?.order;
        let fill = Fill::new(base, quote, new.action.clone(), price, order.original_amount)?;
        let order = order_after_fill(&order, &fill, self.order_times.truncate(now))?;
        let trade = new_trade(&order, &fill, self.ids.next_match(), false, now);
        fill.settle(&mut self.holdings, Decimal::ZERO)?;
        self.closed_orders.push(order.clone());
        self.trades.push(trade.clone());
        Ok(OrderChange { order, trade: Some(trade) })
    }

    fn prepare(&mut self, now: Timestamp, new: &NewOrder, price: Decimal) -> Result<OpenOrder, CommandError> {
        OpenOrder::prepare(new, price, self.order_times.truncate(now), &self.holdings, &mut self.ids)
    }

    fn close_cancelled(&mut self, now: Timestamp, removed: OpenOrder) -> OrderChange {
        let mut order = removed.order;
        order.status = cancelled_status(&order);
        set_updated(&mut order, self.order_times.truncate(now));
        self.closed_orders.push(order.clone());
        OrderChange { order, trade: None }
    }

    /// Returns the open orders of each currency in which they lock more than the part of the balance that is
    /// neither available nor staked.
    fn uncovered_orders(&self) -> Vec<OrderId> {
        let mut locked: BTreeMap<&Currency, Option<Decimal>> = BTreeMap::new();
        for open_order in self.open.values() {
            let total = locked.entry(&open_order.currency).or_insert(Some(Decimal::ZERO));
            *total = total.and_then(|total| sum(total, open_order.locked));
        }
        locked.retain(|currency, locked| {
            let fits = self.holdings.get(*currency).zip(*locked).is_some_and(|(balance, locked)| {
                let used = sum(balance.available, balance.stake.unwrap_or_default())
                    .and_then(|used| sum(used, locked));
                used.is_some_and(|used| used <= balance.amount)
            });
            !fits
        });
        let uncovered = self.open.values().filter(|open_order| locked.contains_key(&open_order.currency));
        uncovered.map(|open_order| open_order.order.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
