//! A trading account. Amounts are exact decimals, and a failed operation changes no balance and no order.
//!
//! An amount that an order locks is taken from `available` but stays in `amount`. So for every currency,
//! `amount == available + stake + locked` holds if it held at the start.

pub(crate) mod accounts;
pub(crate) mod demo;
pub(crate) mod execution;
pub(crate) mod fill;
pub(crate) mod holdings;
pub(crate) mod id;
pub(crate) mod order;
pub(crate) mod order_record;
pub(crate) mod query;
pub(crate) mod rank;
pub(crate) mod trade_record;
pub(crate) mod transfer;

use std::collections::BTreeMap;

use bitopro_model::{Balance, Currency, Decimal, Order, OrderId, OrderStatus, Timestamp, Trade};

use crate::exchange::account::execution::{Execution, cancelled_status, set_updated};
use crate::exchange::account::fill::{Fill, adjusted, tradable_balance};
use crate::exchange::account::order::currencies;
use crate::exchange::account::order_record::OrderRecord;
use crate::exchange::account::rank::Rank;
use crate::exchange::account::transfer::Transfer;
use crate::exchange::exact::sum;
use crate::exchange::recent_items::RecentItems;
use crate::{AccountId, CommandError, Holdings, TradeRecord};

/// Number of closed orders that count as recent. An assumption.
pub(crate) const RECENT_CLOSED_ORDERS: usize = 100;
/// Number of closed orders, of trades and of transfers that are kept.
const RECORDS_KEPT: usize = 10_000;

/// One of the accounts of an [`Exchange`](crate::Exchange): its balances, orders and trades.
#[derive(Debug, Clone)]
pub struct Account {
    id: AccountId,
    name: String,
    rank: Rank,
    holdings: Holdings,
    open: BTreeMap<OrderId, OrderRecord>,
    closed: RecentItems<OrderRecord>,
    trades: RecentItems<TradeRecord>,
    transfers: RecentItems<Transfer>,
    /// The ids of the orders that were placed under a name.
    order_names: BTreeMap<String, OrderId>,
}

/// An order after a change, and the trade that changed it, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderChange {
    pub(crate) account: AccountId,
    pub(crate) record: OrderRecord,
    pub(crate) trade: Option<TradeRecord>,
}

/// The part of an account that a failed operation restores.
pub(crate) type SavedAccount = (Holdings, BTreeMap<OrderId, OrderRecord>);

impl Account {
    /// Creates an account of the lowest rank, without orders.
    pub(crate) fn new(id: AccountId, name: impl Into<String>, holdings: Holdings) -> Self {
        let (closed, trades) = (RecentItems::new(RECORDS_KEPT), RecentItems::new(RECORDS_KEPT));
        let transfers = RecentItems::new(RECORDS_KEPT);
        let (open, order_names) = (BTreeMap::new(), BTreeMap::new());
        let rank = Rank::LOWEST;
        Self { id, name: name.into(), rank, holdings, open, closed, trades, transfers, order_names }
    }

    pub(crate) fn with_rank(mut self, rank: Rank) -> Self {
        self.rank = rank;
        self
    }

    /// Returns the account's id.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// Returns the account's name, by which commands address it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the balances.
    pub fn balances(&self) -> &Holdings {
        &self.holdings
    }

    /// Returns the open orders, sorted by id.
    pub fn open_orders(&self) -> impl Iterator<Item = &Order> {
        self.open.values().map(|record| &record.order)
    }

    /// Returns the last 100 closed orders, oldest first.
    pub fn closed_orders(&self) -> impl Iterator<Item = &Order> {
        let older = self.closed.iter().len().saturating_sub(RECENT_CLOSED_ORDERS);
        self.closed.iter().skip(older).map(|record| &record.order)
    }

    /// Returns the last 10,000 trades, oldest first.
    pub fn trades(&self) -> impl DoubleEndedIterator<Item = &Trade> {
        self.trades.iter().map(|record| &record.trade)
    }

    /// Returns the last 10,000 transfers, oldest first.
    pub(crate) fn transfers(&self) -> impl DoubleEndedIterator<Item = &Transfer> {
        self.transfers.iter()
    }

    pub(crate) fn open_records(&self) -> impl Iterator<Item = &OrderRecord> {
        self.open.values()
    }

    /// Returns whether the account holds tradable balances of both currencies of a pair.
    pub(crate) fn can_trade(&self, base: &Currency, quote: &Currency) -> bool {
        [base, quote].into_iter().all(|currency| tradable_balance(&self.holdings, currency).is_ok())
    }

    pub(crate) fn save(&self) -> SavedAccount {
        (self.holdings.clone(), self.open.clone())
    }

    pub(crate) fn restore(&mut self, saved: SavedAccount) {
        (self.holdings, self.open) = saved;
    }

    /// Adds the trade and the closed order of a change to those that are kept.
    pub(crate) fn keep(&mut self, change: &OrderChange) {
        if let Some(trade) = &change.trade {
            self.trades.push(trade.clone());
        }
        if change.record.order.is_final() {
            self.closed.push(change.record.clone());
        }
    }

    /// Names an order, so that later commands can refer to it.
    pub(crate) fn name_order(&mut self, name: String, id: OrderId) {
        self.order_names.insert(name, id);
    }

    /// Resolves the name of an order. Any other string is treated as an id.
    pub(crate) fn order_id(&self, name: &str) -> OrderId {
        self.order_names.get(name).cloned().unwrap_or_else(|| OrderId::new(name))
    }

    /// Replaces the balances, and cancels the orders that they do not cover.
    pub(crate) fn set_holdings(&mut self, updated: Timestamp, holdings: Holdings) -> Vec<OrderChange> {
        self.holdings = holdings;
        let uncovered = self.uncovered_orders();
        let removed: Vec<OrderRecord> = uncovered.iter().filter_map(|id| self.open.remove(id)).collect();
        removed
            .into_iter()
            .map(|record| {
                let status = cancelled_status(&record.order);
                self.closed_change(record, status, updated)
            })
            .collect()
    }

    /// Adds to the amount and the available amount of a currency. A negative amount is a withdrawal.
    pub(crate) fn deposit(&mut self, transfer: Transfer) -> Result<(), CommandError> {
        let Transfer { currency, amount, .. } = &transfer;
        let balance = self.holdings.get(currency).cloned();
        let balance = balance.unwrap_or_else(|| Balance::new(currency.clone(), Decimal::ZERO));
        self.holdings.insert(currency.clone(), adjusted(&balance, *amount, *amount)?);
        self.transfers.push(transfer);
        Ok(())
    }

    /// Opens an order and locks the amount that it may have to pay.
    pub(crate) fn open(&mut self, record: OrderRecord) -> Result<OrderChange, CommandError> {
        let balance = tradable_balance(&self.holdings, &record.currency)?;
        let locked = adjusted(balance, Decimal::ZERO, -record.locked)?;
        self.holdings.insert(locked.currency.clone(), locked);
        self.open.insert(record.order.id.clone(), record.clone());
        Ok(OrderChange { account: self.id, record, trade: None })
    }

    pub(crate) fn open_record(&self, id: &OrderId) -> Result<&OrderRecord, CommandError> {
        self.open.get(id).ok_or_else(|| CommandError::NotOpen(id.clone()))
    }

    /// Executes a part of an open order, or the rest of it.
    pub(crate) fn fill(&mut self, id: &OrderId, execution: &Execution) -> Result<OrderChange, CommandError> {
        let record = self.open_record(id)?;
        let (base, quote) = currencies(&record.order.pair)?;
        let Execution { price, volume, role, .. } = *execution;
        let fee_rate = self.rank.fee_rate(role);
        let fill = Fill::new((base, quote), record.order.action.clone(), price, volume, fee_rate)?;
        let (record, released) = record.after_fill(&fill, execution.updated)?;
        fill.settle(&mut self.holdings, released)?;
        if record.order.is_final() {
            self.open.remove(id);
        } else {
            self.open.insert(id.clone(), record.clone());
        }
        let trade = Some(TradeRecord::new(&record.order, &fill, execution));
        Ok(OrderChange { account: self.id, record, trade })
    }

    /// Cancels an open order, and releases the amount that it locks.
    pub(crate) fn cancel(&mut self, updated: Timestamp, id: &OrderId) -> Result<OrderChange, CommandError> {
        let record = self.open_record(id)?;
        let balance = self.holdings.get(&record.currency);
        let balance = balance.ok_or_else(|| CommandError::NotTradable(record.currency.clone()))?;
        let released = adjusted(balance, Decimal::ZERO, record.locked)?;
        let removed = self.open.remove(id).ok_or_else(|| CommandError::NotOpen(id.clone()))?;
        self.holdings.insert(released.currency.clone(), released);
        let status = cancelled_status(&removed.order);
        Ok(self.closed_change(removed, status, updated))
    }

    /// Turns a waiting stop order into a limit order. That it keeps its id is an assumption.
    pub(crate) fn trigger(
        &mut self,
        updated: Timestamp,
        id: &OrderId,
        priority: u64,
    ) -> Result<OrderChange, CommandError> {
        let record = self.open.get_mut(id).ok_or_else(|| CommandError::NotOpen(id.clone()))?;
        if record.order.status != OrderStatus::NotTriggered {
            return Err(CommandError::NothingToTrigger(id.clone()));
        }
        record.order.status = OrderStatus::InProgress;
        record.priority = priority;
        set_updated(&mut record.order, updated);
        Ok(OrderChange { account: self.id, record: record.clone(), trade: None })
    }

    /// Returns the change that closes an order, which locks nothing any more.
    pub(crate) fn closed_change(
        &self,
        mut record: OrderRecord,
        status: OrderStatus,
        updated: Timestamp,
    ) -> OrderChange {
        record.order.status = status;
        record.locked = Decimal::ZERO;
        set_updated(&mut record.order, updated);
        OrderChange { account: self.id, record, trade: None }
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
