//! The account that trades. Every operation is done whole or not at all, in exact decimals.
//!
//! What an order locks is taken from `available` and stays in `amount`, so that for every currency
//! `amount == available + stake + locked` remains true if it was true at the start.

use std::collections::{BTreeMap, VecDeque};

use bitopro_model::{
    Action, Currency, Decimal, Order, OrderId, OrderStatus, Pair, TimeInForce, Timestamp, Trade,
};

use crate::books::Books;
use crate::deal::{Deal, moved, tradable};
use crate::exact::{difference, product_cut_off, sum};
use crate::order::Kind;
use crate::record::{Numbers, order_after, status_of_cancelled, touched, trade_of};
use crate::{NewOrder, OrderError};

/// How many ended orders count as recent. An assumption.
pub(crate) const HISTORY_KEPT: usize = 100;
/// How many trades are remembered: a simulator may run for weeks.
const TRADES_KEPT: usize = 10_000;

#[derive(Debug, Clone)]
pub(crate) struct Account {
    books: Books,
    open: BTreeMap<OrderId, Standing>,
    history: VecDeque<Order>,
    trades: VecDeque<Trade>,
    numbers: Numbers,
}

/// An open order, and what it locks of which currency.
#[derive(Debug, Clone)]
struct Standing {
    order: Order,
    currency: Currency,
    locked: Decimal,
}

/// What an operation did: the order as it is now, and the trade if there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) order: Order,
    pub(crate) trade: Option<Trade>,
}

impl Account {
    /// An account of these books, which count what these orders lock as not available. An order for
    /// which they have no room is left out.
    pub(crate) fn new(books: Books, orders: &[NewOrder], placed: Timestamp) -> Self {
        let (open, history, trades) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        let mut account = Self { books, open, history, trades, numbers: Numbers::default() };
        for order in orders {
            if let Ok(standing) = account.standing(placed, order) {
                let id = standing.order.id.clone();
                account.open.insert(id.clone(), standing);
                if account.without_room().contains(&id) {
                    account.open.remove(&id);
                }
            }
        }
        account
    }

    pub(crate) fn books(&self) -> &Books {
        &self.books
    }

    /// By id.
    pub(crate) fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.open.values().map(|standing| &standing.order)
    }

    /// The oldest first.
    pub(crate) fn history(&self) -> impl Iterator<Item = &Order> {
        self.history.iter()
    }

    /// The oldest first.
    pub(crate) fn trades(&self) -> impl DoubleEndedIterator<Item = &Trade> {
        self.trades.iter()
    }

    /// Sets the books by hand. Orders for which they leave no room are cancelled.
    pub(crate) fn set_books(&mut self, now: Timestamp, books: Books) -> Vec<Done> {
        self.books = books;
        let cancelled = self.without_room();
        let gone: Vec<Standing> = cancelled.iter().filter_map(|id| self.open.remove(id)).collect();
        gone.into_iter().map(|gone| self.cancelled(now, gone)).collect()
    }

    /// Places an order on a market with this price, if it has one.
    pub(crate) fn place(
        &mut self,
        now: Timestamp,
        new: &NewOrder,
        market: Option<Decimal>,
    ) -> Result<Done, OrderError> {
        let at_once = market.filter(|market| match new.action {
            Action::Buy => new.price >= *market,
            _ => new.price <= *market,
        });
        match (&new.kind, at_once) {
            (Kind::Market, _) => {
                let market = market.ok_or_else(|| OrderError::NoMarket(new.pair.clone()))?;
                self.take(now, new, market)
            }
            (Kind::Limit, Some(market)) => self.take(now, new, market),
            (Kind::PostOnly, Some(_)) => {
                let mut order = self.standing(now, new)?.order;
                order.status = OrderStatus::PostOnlyCancelled;
                self.remember(&order);
                Ok(Done { order, trade: None })
            }
            (Kind::Limit | Kind::PostOnly | Kind::StopLimit { .. }, _) => self.stand(now, new),
        }
    }

    /// Fills an order at its own price: this much of it, or what remains.
    pub(crate) fn fill(
        &mut self,
        now: Timestamp,
        id: &OrderId,
        volume: Option<Decimal>,
    ) -> Result<Done, OrderError> {
        let Standing { order, locked, .. } =
            self.open.get(id).ok_or_else(|| OrderError::NotOpen(id.clone()))?;
        let remaining = order.remaining_amount;
        let volume = volume.unwrap_or(remaining);
        if order.status == OrderStatus::NotTriggered {
            return Err(OrderError::NotTriggered(id.clone()));
        }
        if volume <= Decimal::ZERO {
            return Err(OrderError::NotPositive);
        }
        if volume > remaining {
            return Err(OrderError::MoreThanRemains(remaining));
        }
        let (base, quote) = currencies(&order.pair)?;
        let deal = Deal::new(base, quote, order.action.clone(), order.price, volume)?;
        let order = order_after(order, &deal, now)?;
        let trade = trade_of(&order, &deal, self.numbers.next_match(), true, now);
        // Parts cut off add up to no more than the whole cut off, so the lock lasts to the end, when what
        // is left of it is released.
        let released = if order.is_final() { *locked } else { deal.paid().1 };
        let locked = difference(*locked, released).ok_or(OrderError::Inexact)?;
        deal.settle(&mut self.books, released)?;
        if order.is_final() {
            self.open.remove(id);
            self.remember(&order);
        } else if let Some(standing) = self.open.get_mut(id) {
            standing.order = order.clone();
            standing.locked = locked;
        }
        self.traded(&trade);
        Ok(Done { order, trade: Some(trade) })
    }

    pub(crate) fn cancel(&mut self, now: Timestamp, id: &OrderId) -> Result<Done, OrderError> {
        let standing = self.open.get(id).ok_or_else(|| OrderError::NotOpen(id.clone()))?;
        let balance = self.books.get(&standing.currency);
        let balance = balance.ok_or_else(|| OrderError::NotTradable(standing.currency.clone()))?;
        let released = moved(balance, Decimal::ZERO, standing.locked)?;
        let gone = self.open.remove(id).ok_or_else(|| OrderError::NotOpen(id.clone()))?;
        self.books.insert(released.currency.clone(), released);
        Ok(self.cancelled(now, gone))
    }

    /// Makes a stop order that waits a limit order. It keeps its id, which is an assumption.
    pub(crate) fn trigger(&mut self, now: Timestamp, id: &OrderId) -> Result<Done, OrderError> {
        let Standing { order, .. } = self.open.get_mut(id).ok_or_else(|| OrderError::NotOpen(id.clone()))?;
        if order.status != OrderStatus::NotTriggered {
            return Err(OrderError::NothingToTrigger(id.clone()));
        }
        order.status = OrderStatus::InProgress;
        touched(order, now);
        Ok(Done { order: order.clone(), trade: None })
    }

    /// Puts an order into the book, and locks what it may have to pay.
    fn stand(&mut self, now: Timestamp, new: &NewOrder) -> Result<Done, OrderError> {
        let standing = self.standing(now, new)?;
        let locked = moved(tradable(&self.books, &standing.currency)?, Decimal::ZERO, -standing.locked)?;
        self.books.insert(locked.currency.clone(), locked);
        let order = standing.order.clone();
        self.open.insert(order.id.clone(), standing);
        Ok(Done { order, trade: None })
    }

    /// Executes an order against the market at once.
    fn take(&mut self, now: Timestamp, new: &NewOrder, price: Decimal) -> Result<Done, OrderError> {
        let (base, quote) = currencies(&new.pair)?;
        let order = self.standing(now, &NewOrder { price, ..new.clone() })?.order;
        let deal = Deal::new(base, quote, new.action.clone(), price, new.amount)?;
        let mut order = order_after(&order, &deal, now)?;
        order.price = new.price;
        let trade = trade_of(&order, &deal, self.numbers.next_match(), false, now);
        deal.settle(&mut self.books, Decimal::ZERO)?;
        self.remember(&order);
        self.traded(&trade);
        Ok(Done { order, trade: Some(trade) })
    }

    /// The order as it would stand. Nothing is locked yet.
    fn standing(&mut self, now: Timestamp, new: &NewOrder) -> Result<Standing, OrderError> {
        let (base, quote) = currencies(&new.pair)?;
        let stop_price = match &new.kind {
            Kind::StopLimit { stop_price, .. } => *stop_price,
            _ => Decimal::ONE,
        };
        if [new.amount, new.price, stop_price].iter().any(|number| *number <= Decimal::ZERO) {
            return Err(OrderError::NotPositive);
        }
        tradable(&self.books, &base)?;
        tradable(&self.books, &quote)?;
        let worth = product_cut_off(new.amount, new.price).ok_or(OrderError::Inexact)?;
        if worth.is_zero() {
            return Err(OrderError::TooSmall);
        }
        let (currency, locked) = match &new.action {
            Action::Buy => (quote, worth),
            Action::Sell => (base, new.amount),
            unknown => return Err(OrderError::NotAnAction(unknown.clone())),
        };
        let (id, seq) = self.numbers.next_order(&new.pair, matches!(new.kind, Kind::StopLimit { .. }));
        let pair = Pair::new(new.pair.as_str().to_ascii_lowercase());
        let mut order = Order::new(id, pair, new.action.clone(), new.order_type())
            .with_price(new.price)
            .with_amount(new.amount)
            .with_created(now);
        order.seq = Some(seq);
        order.client_id = new.client_id.map(Into::into);
        match &new.kind {
            Kind::PostOnly => order.time_in_force = Some(TimeInForce::PostOnly),
            Kind::StopLimit { stop_price, condition } => {
                order.status = OrderStatus::NotTriggered;
                order.stop_price = Some(*stop_price);
                order.condition = Some(condition.clone());
            }
            Kind::Limit | Kind::Market => {}
        }
        Ok(Standing { order, currency, locked })
    }

    fn cancelled(&mut self, now: Timestamp, gone: Standing) -> Done {
        let mut order = gone.order;
        order.status = status_of_cancelled(&order);
        touched(&mut order, now);
        self.remember(&order);
        Done { order, trade: None }
    }

    /// The orders that lock more of their currency than is in the books and neither available nor staked.
    fn without_room(&self) -> Vec<OrderId> {
        let mut locked: BTreeMap<&Currency, Option<Decimal>> = BTreeMap::new();
        for standing in self.open.values() {
            let total = locked.entry(&standing.currency).or_insert(Some(Decimal::ZERO));
            *total = total.and_then(|total| sum(total, standing.locked));
        }
        locked.retain(|currency, locked| {
            let fits = self.books.get(*currency).zip(*locked).is_some_and(|(balance, locked)| {
                let used = sum(balance.available, balance.stake.unwrap_or_default())
                    .and_then(|used| sum(used, locked));
                used.is_some_and(|used| used <= balance.amount)
            });
            !fits
        });
        let tight = self.open.values().filter(|standing| locked.contains_key(&standing.currency));
        tight.map(|standing| standing.order.id.clone()).collect()
    }

    fn remember(&mut self, order: &Order) {
        if self.history.len() == HISTORY_KEPT {
            self.history.pop_front();
        }
        self.history.push_back(order.clone());
    }

    fn traded(&mut self, trade: &Trade) {
        if self.trades.len() == TRADES_KEPT {
            self.trades.pop_front();
        }
        self.trades.push_back(trade.clone());
    }
}

/// Base and quote in the spelling of the books.
pub(crate) fn currencies(pair: &Pair) -> Result<(Currency, Currency), OrderError> {
    let upper = |part: &Currency| Currency::new(part.as_str().to_ascii_uppercase());
    pair.split()
        .map(|(base, quote)| (upper(&base), upper(&quote)))
        .filter(|(base, quote)| base != quote && !base.as_str().is_empty() && !quote.as_str().is_empty())
        .ok_or_else(|| OrderError::NotAPair(pair.clone()))
}

#[cfg(test)]
mod tests;
