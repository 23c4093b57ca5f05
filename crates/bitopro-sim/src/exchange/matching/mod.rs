//! The matching engine: places, matches, triggers and cancels the orders of all accounts.

pub(crate) mod offers;
#[cfg(test)]
pub(crate) mod single_account;

use std::collections::BTreeMap;

use bitopro_model::{Action, Currency, Decimal, OrderId, OrderStatus, Pair, Timestamp};

use crate::exchange::account::accounts::Accounts;
use crate::exchange::account::execution::Execution;
use crate::exchange::account::fill::Role;
use crate::exchange::account::order::{Kind, currencies};
use crate::exchange::account::order_record::OrderRecord;
use crate::exchange::account::transfer::Transfer;
use crate::exchange::account::{Account, OrderChange, SavedAccount};
use crate::exchange::exact::sum;
use crate::exchange::id_sequence::IdSequence;
use crate::exchange::matching::offers::{Match, Offer, Size, matches};
use crate::exchange::recent_items::RecentItems;
use crate::{AccountId, CommandError, Holdings, MarketTrade, NewOrder, OrderTimes, Quirks, TradeRecord};

/// Number of market trades that are kept of each pair.
const MARKET_TRADES_KEPT: usize = 10_000;

#[derive(Debug, Clone)]
pub(crate) struct MatchingEngine {
    accounts: Accounts,
    ids: IdSequence,
    order_times: OrderTimes,
    market_trades: BTreeMap<Pair, RecentItems<MarketTrade>>,
}

impl MatchingEngine {
    pub(crate) fn new(accounts: Accounts, quirks: Quirks) -> Self {
        let (ids, order_times) = (IdSequence::new(quirks), quirks.order_times);
        Self { accounts, ids, order_times, market_trades: BTreeMap::new() }
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Returns the recent trades of all accounts in a pair, oldest first.
    pub(crate) fn market_trades(&self, pair: &Pair) -> impl DoubleEndedIterator<Item = &MarketTrade> {
        self.market_trades.get(pair).into_iter().flat_map(RecentItems::iter)
    }

    /// Returns the number of all trades in a pair so far.
    pub(crate) fn market_trade_count(&self, pair: &Pair) -> u64 {
        self.market_trades.get(pair).map_or(0, RecentItems::pushed)
    }

    /// Replaces the balances of an account, and cancels the orders that they do not cover.
    pub(crate) fn set_holdings(
        &mut self,
        now: Timestamp,
        account: AccountId,
        holdings: Holdings,
    ) -> Result<Vec<OrderChange>, CommandError> {
        let updated = self.order_times.truncate(now);
        let changes = self.accounts.get_mut(account)?.set_holdings(updated, holdings);
        self.keep(&changes)?;
        Ok(changes)
    }

    pub(crate) fn deposit(
        &mut self,
        time: Timestamp,
        account: AccountId,
        currency: Currency,
        amount: Decimal,
    ) -> Result<(), CommandError> {
        let number = self.ids.next_number();
        self.accounts.get_mut(account)?.deposit(Transfer { number, currency, amount, time })
    }

    pub(crate) fn name_order(
        &mut self,
        account: AccountId,
        name: String,
        id: OrderId,
    ) -> Result<(), CommandError> {
        self.accounts.get_mut(account)?.name_order(name, id);
        Ok(())
    }

    /// Places an order, and matches it with resting orders and the market, whose price is `market`, if any.
    ///
    /// The last change is about the new order.
    pub(crate) fn place(
        &mut self,
        now: Timestamp,
        account: AccountId,
        new: &NewOrder,
        market: Option<Decimal>,
    ) -> Result<(OrderId, Vec<OrderChange>), CommandError> {
        let new = &new.clone().normalized();
        let is_market = new.kind == Kind::Market;
        let limit = (!is_market).then_some(new.price);
        let offers = match new.kind {
            Kind::StopLimit { .. } => Vec::new(),
            _ => self.offers(&new.pair, &new.action, limit, market),
        };
        let best = offers.first().map(|offer| offer.price);
        let price = limit.or(best).ok_or_else(|| CommandError::NoMarket(new.pair.clone()))?;
        let holdings = self.accounts.get(account)?.balances();
        let mut record = OrderRecord::prepare(new, price, (now, self.order_times), holdings, &mut self.ids)?;
        let id = record.order.id.clone();
        if new.kind == Kind::PostOnly && !offers.is_empty() {
            let updated = self.order_times.truncate(now);
            let owner = self.accounts.get(account)?;
            let changes = vec![owner.closed_change(record, OrderStatus::PostOnlyCancelled, updated)];
            self.keep(&changes)?;
            return Ok((id, changes));
        }
        let spends_quote = is_market && new.action == Action::Buy;
        let size = if spends_quote { Size::Quote(new.amount) } else { Size::Base(new.amount) };
        let matches = matches(offers, size)?;
        if spends_quote {
            let volume = sum_of_volumes(&matches).ok_or(CommandError::Inexact)?;
            record.order = record.order.with_amount(volume);
        }
        let changes = self.atomically(|engine| {
            let opened = engine.accounts.get_mut(account)?.open(record)?;
            let mut changes = engine.execute(now, (account, &id), matches)?;
            if is_market && engine.accounts.get(account)?.open_record(&id).is_ok() {
                // Nothing is left to match the rest of the order with.
                let updated = engine.order_times.truncate(now);
                changes.push(engine.accounts.get_mut(account)?.cancel(updated, &id)?);
            }
            Ok(if changes.is_empty() { vec![opened] } else { changes })
        })?;
        Ok((id, changes))
    }

    /// Triggers a stop order, which is then matched like a new limit order.
    pub(crate) fn trigger(
        &mut self,
        now: Timestamp,
        account: AccountId,
        id: &OrderId,
        market: Option<Decimal>,
    ) -> Result<Vec<OrderChange>, CommandError> {
        let (updated, priority) = (self.order_times.truncate(now), self.ids.next_number());
        self.atomically(|engine| {
            let triggered = engine.accounts.get_mut(account)?.trigger(updated, id, priority)?;
            let order = &triggered.record.order;
            let others = engine.offers(&order.pair, &order.action, Some(order.price), market);
            let matches = matches(others, Size::Base(order.remaining_amount))?;
            let mut changes = vec![triggered];
            changes.extend(engine.execute(now, (account, id), matches)?);
            Ok(changes)
        })
    }

    /// Fills a volume of an order, or the rest of it if `None`, at the order's own price. The counterparty is
    /// not one of the accounts.
    pub(crate) fn fill(
        &mut self,
        now: Timestamp,
        account: AccountId,
        id: &OrderId,
        volume: Option<Decimal>,
    ) -> Result<OrderChange, CommandError> {
        let order = &self.accounts.get(account)?.open_record(id)?.order;
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
        let execution = self.execution(now, order.price, volume);
        let change = self.accounts.get_mut(account)?.fill(id, &execution)?;
        self.keep([&change])?;
        self.keep_market_trade(&change);
        Ok(change)
    }

    pub(crate) fn cancel(
        &mut self,
        now: Timestamp,
        account: AccountId,
        id: &OrderId,
    ) -> Result<OrderChange, CommandError> {
        let updated = self.order_times.truncate(now);
        let change = self.accounts.get_mut(account)?.cancel(updated, id)?;
        self.keep([&change])?;
        Ok(change)
    }

    /// Returns the resting orders of all accounts on one side of a pair, best price first, then oldest first.
    ///
    /// Orders of accounts that may not trade the pair are left out.
    pub(crate) fn resting(&self, pair: &Pair, side: &Action) -> Vec<(AccountId, &OrderRecord)> {
        let Ok((base, quote)) = currencies(pair) else { return Vec::new() };
        let traders = self.accounts.iter().filter(|account| account.can_trade(&base, &quote));
        let orders = traders.flat_map(|account| account.open_records().map(|record| (account.id(), record)));
        let mut resting: Vec<_> = orders
            .filter(|(_, record)| {
                let order = &record.order;
                order.pair == *pair && order.action == *side && order.status != OrderStatus::NotTriggered
            })
            .collect();
        resting.sort_by_key(|(_, record)| {
            let price = record.order.price;
            (if *side == Action::Buy { -price } else { price }, record.priority)
        });
        resting
    }

    /// Returns what an order can be matched with: resting orders, and then the market, which is unlimited, in
    /// place of those that are worse.
    fn offers(
        &self,
        pair: &Pair,
        action: &Action,
        limit: Option<Decimal>,
        market: Option<Decimal>,
    ) -> Vec<Offer> {
        let is_buy = *action == Action::Buy;
        let is_at_least = |price: Decimal, bound: Option<Decimal>| {
            bound.is_none_or(|bound| if is_buy { price <= bound } else { price >= bound })
        };
        let opposite = if is_buy { Action::Sell } else { Action::Buy };
        let resting = self.resting(pair, &opposite).into_iter().map(|(account, record)| Offer {
            maker: Some((account, record.order.id.clone())),
            price: record.order.price,
            amount: Some(record.order.remaining_amount),
        });
        let market = market.map(|price| price.normalize());
        resting
            .filter(|offer| is_at_least(offer.price, market))
            .chain(market.map(|price| Offer { maker: None, price, amount: None }))
            .filter(|offer| is_at_least(offer.price, limit))
            .collect()
    }

    /// Executes the matches of an order. Each changes the maker, if any, and then the taker.
    fn execute(
        &mut self,
        now: Timestamp,
        (account, id): (AccountId, &OrderId),
        matches: Vec<Match>,
    ) -> Result<Vec<OrderChange>, CommandError> {
        let mut changes = Vec::new();
        for Match { maker, price, volume } in matches {
            let maker_execution = self.execution(now, price, volume);
            let execution = Execution { role: Role::Taker, ..maker_execution.clone() };
            if let Some((account, id)) = maker {
                changes.push(self.accounts.get_mut(account)?.fill(&id, &maker_execution)?);
            }
            changes.push(self.accounts.get_mut(account)?.fill(id, &execution)?);
        }
        Ok(changes)
    }

    /// Returns a new match from the side of its maker.
    fn execution(&mut self, now: Timestamp, price: Decimal, volume: Decimal) -> Execution {
        let (trade_id, match_id) = (self.ids.next_trade(), self.ids.next_match());
        let updated = self.order_times.truncate(now);
        Execution { price, volume, role: Role::Maker, trade_id, match_id, now, updated }
    }

    /// Carries out an operation on several orders, and keeps its records, or restores all accounts if it fails.
    fn atomically(
        &mut self,
        operation: impl FnOnce(&mut Self) -> Result<Vec<OrderChange>, CommandError>,
    ) -> Result<Vec<OrderChange>, CommandError> {
        let saved: Vec<SavedAccount> = self.accounts.iter().map(Account::save).collect();
        let changes = operation(self).inspect_err(|_| {
            for (account, saved) in self.accounts.iter_mut().zip(saved) {
                account.restore(saved);
            }
        })?;
        self.keep(&changes)?;
        // The taker's record of a match describes it; the maker's is about the same match.
        for change in changes.iter().filter(|change| change.trade.as_ref().is_some_and(TradeRecord::is_taker))
        {
            self.keep_market_trade(change);
        }
        Ok(changes)
    }

    fn keep<'a>(&mut self, changes: impl IntoIterator<Item = &'a OrderChange>) -> Result<(), CommandError> {
        for change in changes {
            self.accounts.get_mut(change.account)?.keep(change);
        }
        Ok(())
    }

    fn keep_market_trade(&mut self, change: &OrderChange) {
        let Some(trade) = &change.trade else { return };
        let trades = self.market_trades.entry(change.record.order.pair.clone());
        trades.or_insert_with(|| RecentItems::new(MARKET_TRADES_KEPT)).push(MarketTrade::new(trade));
    }
}

fn sum_of_volumes(matches: &[Match]) -> Option<Decimal> {
    matches.iter().try_fold(Decimal::ZERO, |total, matched| sum(total, matched.volume))
}

#[cfg(test)]
mod tests;
