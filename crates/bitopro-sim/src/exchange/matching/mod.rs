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
use crate::exchange::book::maker_quotes::MakerQuotes;
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
    makers: BTreeMap<Pair, MakerQuotes>,
    market_trades: BTreeMap<Pair, RecentItems<MarketTrade>>,
}

impl MatchingEngine {
    pub(crate) fn new(accounts: Accounts, quirks: Quirks) -> Self {
        let (ids, order_times) = (IdSequence::new(quirks), quirks.order_times);
        Self { accounts, ids, order_times, makers: BTreeMap::new(), market_trades: BTreeMap::new() }
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Replaces the market makers' orders in a pair, and returns the previous ones.
    pub(crate) fn quote(&mut self, pair: Pair, quotes: MakerQuotes) -> MakerQuotes {
        self.makers.insert(pair, quotes).unwrap_or_default()
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

    /// Places an order, and matches it with the order book.
    ///
    /// The last change is about the new order.
    pub(crate) fn place(
        &mut self,
        now: Timestamp,
        account: AccountId,
        new: &NewOrder,
    ) -> Result<(OrderId, Vec<OrderChange>), CommandError> {
        let new = &new.clone().normalized();
        let is_market = new.kind == Kind::Market;
        let limit = (!is_market).then_some(new.price);
        let offers = match new.kind {
            Kind::StopLimit { .. } => Vec::new(),
            _ => self.matching_offers(&new.pair, &new.action, limit),
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
        let (matches, unmatched) = matches(offers, size)?;
        if spends_quote {
            let volumes = matches.iter().map(|matched| matched.volume);
            let amount = volumes.into_iter().try_fold(unmatched, sum).ok_or(CommandError::Inexact)?;
            record.order = record.order.with_amount(amount);
        }
        let changes = self.atomically(|engine| {
            let opened = engine.accounts.get_mut(account)?.open(record)?;
            let mut changes = engine.execute(now, (account, &id), &matches)?;
            if is_market && engine.accounts.get(account)?.open_record(&id).is_ok() {
                // Nothing is left to match the rest of the order with.
                let updated = engine.order_times.truncate(now);
                changes.push(engine.accounts.get_mut(account)?.cancel(updated, &id)?);
            }
            Ok(if changes.is_empty() { vec![opened] } else { changes })
        })?;
        self.take(&new.pair, &new.action, &matches);
        Ok((id, changes))
    }

    /// Triggers a stop order, which is then matched like a new limit order.
    pub(crate) fn trigger(
        &mut self,
        now: Timestamp,
        account: AccountId,
        id: &OrderId,
    ) -> Result<Vec<OrderChange>, CommandError> {
        let (updated, priority) = (self.order_times.truncate(now), self.ids.next_number());
        let order = &self.accounts.get(account)?.open_record(id)?.order;
        let (pair, action, size) = (order.pair.clone(), order.action.clone(), order.remaining_amount);
        let offers = self.matching_offers(&pair, &action, Some(order.price));
        let (matches, _) = matches(offers, Size::Base(size))?;
        let changes = self.atomically(|engine| {
            let mut changes = vec![engine.accounts.get_mut(account)?.trigger(updated, id, priority)?];
            changes.extend(engine.execute(now, (account, id), &matches)?);
            Ok(changes)
        })?;
        self.take(&pair, &action, &matches);
        Ok(changes)
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

    /// Returns the orders on one side of a pair's order book, best price first. At the same price, the oldest order of
    /// an account is the first, and the market makers' is the last.
    pub(crate) fn offers(&self, pair: &Pair, side: &Action) -> Vec<Offer> {
        let is_bid = *side == Action::Buy;
        let mut resting: Vec<(AccountId, &OrderRecord)> = self.resting(pair, side).collect();
        resting.sort_by_key(|(_, record)| record.priority);
        let resting = resting.into_iter().map(|(account, record)| Offer {
            maker: Some((account, record.order.id.clone())),
            price: record.order.price,
            amount: record.order.remaining_amount,
        });
        let opposite = opposite(side);
        let crossing = self.resting(pair, &opposite).map(|(_, record)| record.order.price);
        let crossing = if is_bid { crossing.min() } else { crossing.max() };
        let quotes = self.makers.get(pair).into_iter().flat_map(|quotes| quotes.side(side));
        // An order that could not be filled at the market's price hides the quotes that it crosses.
        let quotes = quotes.filter(|(price, _)| {
            crossing.is_none_or(|crossing| if is_bid { *price < crossing } else { *price > crossing })
        });
        let quotes = quotes.map(|&(price, amount)| Offer { maker: None, price, amount });
        let mut offers: Vec<Offer> = resting.chain(quotes).collect();
        offers.sort_by(|a, b| if is_bid { b.price.cmp(&a.price) } else { a.price.cmp(&b.price) });
        offers
    }

    /// Returns the offers that an order can be matched with.
    fn matching_offers(&self, pair: &Pair, action: &Action, limit: Option<Decimal>) -> Vec<Offer> {
        let mut offers = self.offers(pair, &opposite(action));
        if let Some(limit) = limit {
            let is_buy = *action == Action::Buy;
            offers.retain(|offer| if is_buy { offer.price <= limit } else { offer.price >= limit });
        }
        offers
    }

    /// Returns the resting orders of all accounts on one side of a pair.
    ///
    /// Orders of accounts that may not trade the pair are left out.
    fn resting(&self, pair: &Pair, side: &Action) -> impl Iterator<Item = (AccountId, &OrderRecord)> {
        let currencies = currencies(pair).ok();
        let traders = self.accounts.iter().filter(move |account| {
            currencies.as_ref().is_some_and(|(base, quote)| account.can_trade(base, quote))
        });
        let orders = traders.flat_map(|account| account.open_records().map(|record| (account.id(), record)));
        orders.filter(move |(_, record)| {
            let order = &record.order;
            order.pair == *pair && order.action == *side && order.status != OrderStatus::NotTriggered
        })
    }

    /// Takes the matches of an order from the market makers' orders.
    fn take(&mut self, pair: &Pair, action: &Action, matches: &[Match]) {
        let Some(quotes) = self.makers.get_mut(pair) else { return };
        for Match { price, volume, .. } in matches.iter().filter(|matched| matched.maker.is_none()) {
            quotes.take(&opposite(action), *price, *volume);
        }
    }

    /// Executes the matches of an order. Each changes the maker, if any, and then the taker.
    fn execute(
        &mut self,
        now: Timestamp,
        (account, id): (AccountId, &OrderId),
        matches: &[Match],
    ) -> Result<Vec<OrderChange>, CommandError> {
        let mut changes = Vec::new();
        for Match { maker, price, volume } in matches {
            let maker_execution = self.execution(now, *price, *volume);
            let execution = Execution { role: Role::Taker, ..maker_execution.clone() };
            if let Some((account, id)) = maker {
                changes.push(self.accounts.get_mut(*account)?.fill(id, &maker_execution)?);
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

/// Returns the side of the order book that an order is matched with.
fn opposite(action: &Action) -> Action {
    if *action == Action::Buy { Action::Sell } else { Action::Buy }
}

#[cfg(test)]
mod tests;
