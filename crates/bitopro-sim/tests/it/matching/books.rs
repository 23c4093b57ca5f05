//! Order books: what they show of accounts and of market makers, and what trades take from them.

use std::collections::{BTreeMap, BTreeSet};

use bitopro_model::{Action, Currency, Decimal, Pair};
use bitopro_sim::{Account, Exchange, MarketTrade, TradeQuery, TradeRecord};

use super::CURRENCIES;

/// Amount and number of orders by price.
type Levels = BTreeMap<Decimal, (Decimal, usize)>;

/// One side of the order book of a pair.
#[derive(Debug, Default, PartialEq)]
struct Side {
    accounts: Levels,
    makers: Levels,
}

/// The order books of all pairs, with the market's prices.
#[derive(Debug, Default)]
pub(super) struct Books(BTreeMap<(Pair, bool), (Option<Decimal>, Side)>);

/// The orders that were carried out between two states of the order books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// At most one order was matched.
    One,
    /// Several orders may have been matched, or prices may have moved.
    Several,
}

impl Books {
    /// Reads the order books, which must consist of the open orders and of market makers' orders, and not be crossed.
    pub(super) fn read(exchange: &Exchange) -> Self {
        let mut books = BTreeMap::new();
        for pair in pairs(exchange) {
            let book = exchange.order_book(&pair, usize::MAX, 0).unwrap();
            let best = book.bids.first().zip(book.asks.first());
            assert!(best.is_none_or(|(bid, ask)| bid.price < ask.price), "{pair}: {best:?}");
            assert!(book.bids.is_sorted_by(|a, b| a.price > b.price), "{book:?}");
            assert!(book.asks.is_sorted_by(|a, b| a.price < b.price), "{book:?}");
            for (is_bid, levels) in [(true, book.bids), (false, book.asks)] {
                let accounts = resting(exchange, &pair, is_bid);
                let mut makers: Levels =
                    levels.into_iter().map(|level| (level.price, (level.amount, level.count))).collect();
                for (price, (amount, count)) in &accounts {
                    let level = makers.get_mut(price).expect("a level for every resting order");
                    *level = (level.0 - amount, level.1.checked_sub(*count).unwrap());
                }
                makers.retain(|_, level| *level != (Decimal::ZERO, 0));
                let is_valid = |(amount, count): &(Decimal, usize)| *amount > Decimal::ZERO && *count == 1;
                assert!(makers.values().all(is_valid), "{pair}: {makers:?}");
                let market = exchange.market_price(&pair);
                books.insert((pair.clone(), is_bid), (market, Side { accounts, makers }));
            }
        }
        Self(books)
    }

    /// Checks that market makers lost exactly what was taken from them, unless the price changed, and that the best
    /// orders were taken first.
    pub(super) fn check_after(&self, before: &Self, trades: &[NewTrade], step: Step) {
        for ((pair, is_bid), (market, after)) in &self.0 {
            let (market_before, before) = &before.0[&(pair.clone(), *is_bid)];
            let taken: Vec<&NewTrade> =
                trades.iter().filter(|t| t.pair == *pair && t.takes_bid() == *is_bid).collect();
            if market == market_before {
                let mut expected = before.makers.clone();
                for trade in taken.iter().filter(|trade| trade.of_makers) {
                    let level = expected.get_mut(&trade.public.price).expect("a market makers' order");
                    level.0 -= trade.public.amount;
                }
                expected.retain(|_, level| !level.0.is_zero());
                assert_eq!(after.makers, expected, "{pair} {taken:?}");
            }
            if step == Step::One {
                check_priority(before, after, &taken, *is_bid);
            }
        }
    }
}

/// Returns the pairs of the currencies that the accounts hold.
fn pairs(exchange: &Exchange) -> impl Iterator<Item = Pair> {
    let is_held = |currency: &Currency| CURRENCIES.iter().any(|(held, _)| currency == held);
    let pairs = exchange.pairs().iter().map(|rules| rules.pair.clone());
    pairs.filter(move |pair| pair.split().is_some_and(|(base, quote)| is_held(&base) && is_held(&quote)))
}

/// Checks that no better order is left than those that were taken, and that at the same price, market makers came last.
fn check_priority(before: &Side, after: &Side, taken: &[&NewTrade], is_bid: bool) {
    let is_better = |a: Decimal, b: Decimal| if is_bid { a > b } else { a < b };
    assert!(taken.is_sorted_by(|a, b| !is_better(b.public.price, a.public.price)), "{taken:?}");
    for trade in taken {
        let price = trade.public.price;
        let mut left = after.accounts.keys().chain(after.makers.keys());
        assert!(!left.any(|other| is_better(*other, price)), "{trade:?} {after:?}");
        assert!(!trade.of_makers || !after.accounts.contains_key(&price), "{trade:?} {after:?}");
    }
    let mut expected: BTreeMap<Decimal, Decimal> = amounts(&before.accounts);
    for trade in taken.iter().filter(|trade| !trade.of_makers) {
        *expected.get_mut(&trade.public.price).expect("an account's order") -= trade.public.amount;
    }
    expected.retain(|_, amount| !amount.is_zero());
    assert!(taken.is_empty() || amounts(&after.accounts) == expected, "{taken:?} {before:?} {after:?}");
}

fn amounts(levels: &Levels) -> BTreeMap<Decimal, Decimal> {
    levels.iter().map(|(price, (amount, _))| (*price, *amount)).collect()
}

/// Returns the resting orders of all accounts.
fn resting(exchange: &Exchange, pair: &Pair, is_bid: bool) -> Levels {
    let mut levels = Levels::new();
    for order in exchange.accounts().flat_map(Account::open_orders) {
        // A stop order that waits is not in the order book.
        if order.pair == *pair && (order.action == Action::Buy) == is_bid && order.status.code() >= 0 {
            let level = levels.entry(order.price).or_default();
            *level = (level.0 + order.remaining_amount, level.1 + 1);
        }
    }
    levels
}

/// A trade of which an account is the taker.
#[derive(Debug)]
pub(super) struct NewTrade {
    pair: Pair,
    public: MarketTrade,
    /// `true` if the maker is a market maker, and not an account.
    of_makers: bool,
}

impl NewTrade {
    fn takes_bid(&self) -> bool {
        !self.public.is_buyer
    }
}

/// Returns the public trades that are not yet in `seen`, oldest first, after checking that they are those of the accounts'
/// records.
pub(super) fn new_trades(exchange: &Exchange, seen: &mut BTreeSet<String>) -> Vec<NewTrade> {
    let records = exchange.accounts().flat_map(|account| account.trade_records(&TradeQuery::default()));
    let mut by_id: BTreeMap<&str, Vec<&TradeRecord>> = BTreeMap::new();
    for record in records.filter(|record| !seen.contains(&record.id)) {
        by_id.entry(&record.id).or_default().push(record);
    }
    let mut trades = Vec::new();
    for pair in pairs(exchange) {
        let of_pair = |records: &Vec<&TradeRecord>| records[0].trade.pair() == pair;
        let mut records: Vec<_> = by_id.values().filter(|records| of_pair(records)).collect();
        let public: Vec<&MarketTrade> = exchange.market_trades(&pair).take(records.len()).collect();
        for public in public.into_iter().rev() {
            let is_same = |records: &&Vec<&TradeRecord>| {
                let TradeRecord { trade, created, .. } = records[0];
                let is_buyer = (trade.action() == Action::Buy) == records[0].is_taker();
                (trade.price, trade.volume, *created, is_buyer)
                    == (public.price, public.amount, public.created, public.is_buyer)
            };
            let index = records.iter().position(is_same).expect("a record of every public trade");
            let records = records.swap_remove(index);
            if records.iter().any(|record| record.is_taker()) {
                let of_makers = records.len() == 1;
                trades.push(NewTrade { pair: pair.clone(), public: public.clone(), of_makers });
            }
        }
        assert!(records.is_empty(), "not public: {records:?}");
    }
    seen.extend(by_id.into_keys().map(str::to_owned).collect::<Vec<_>>());
    let public = pairs(exchange).map(|pair| exchange.market_trades(&pair).count());
    assert_eq!(public.sum::<usize>(), seen.len());
    trades
}
