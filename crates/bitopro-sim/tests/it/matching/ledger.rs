//! Money: what the accounts hold and lock, and what they have traded with each other and with market makers.

use std::collections::BTreeMap;

use bitopro_model::{Action, Currency, Decimal, Order, OrderId};
use bitopro_sim::{Account, AccountId, Exchange, OrderQuery, TradeQuery, TradeRecord};

pub(super) type Amounts = BTreeMap<Currency, Decimal>;

/// Returns the amount of each balance.
pub(super) fn amounts(account: &Account) -> Amounts {
    account.balances().values().map(|balance| (balance.currency.clone(), balance.amount)).collect()
}

/// Checks that no money has come from nowhere or is lost, and that balances and orders are the result of the trades.
pub(super) fn check(exchange: &Exchange, deposited: &BTreeMap<AccountId, Amounts>) {
    let mut by_trade: BTreeMap<&str, Vec<&TradeRecord>> = BTreeMap::new();
    let mut total = Amounts::new();
    for account in exchange.accounts() {
        let records = account.trade_records(&TradeQuery::default());
        let deposited = &deposited[&account.id()];
        check_balances(account, deposited, &records);
        check_orders(account, &records);
        for (currency, amount) in amounts(account) {
            *total.entry(currency.clone()).or_default() += amount - deposited[&currency];
        }
        for record in records {
            *total.get_mut(&record.trade.fee_currency).unwrap() += record.trade.fee;
            by_trade.entry(&record.id).or_default().push(record);
        }
    }
    for records in by_trade.values() {
        match records.as_slice() {
            // A market maker pays what the account receives.
            [record] => {
                for (currency, amount) in flows(record) {
                    *total.get_mut(&currency).unwrap() -= amount;
                }
            }
            [a, b] => {
                assert_eq!((a.trade.price, a.trade.volume), (b.trade.price, b.trade.volume));
                assert!(a.trade.action() != b.trade.action() && a.is_taker() != b.is_taker());
            }
            _ => panic!("{records:?}"),
        }
    }
    assert!(total.values().all(Decimal::is_zero), "{total:?}");
}

/// Returns what a trade adds to the balances of its account before the fee.
fn flows(record: &TradeRecord) -> [(Currency, Decimal); 2] {
    let TradeRecord { trade, quote_amount, .. } = record;
    assert_eq!(*quote_amount, value(trade.volume, trade.price), "{record:?}");
    let sign = if trade.action() == Action::Buy { Decimal::ONE } else { -Decimal::ONE };
    [(trade.base.clone(), sign * trade.volume), (trade.quote.clone(), -sign * quote_amount)]
}

/// Returns the value of an amount in the quote currency, truncated to 8 decimals.
fn value(amount: Decimal, price: Decimal) -> Decimal {
    (amount * price).trunc_with_scale(8)
}

/// Checks that balances are what was deposited and traded, that no amount is negative, and that each is the sum of what is
/// available, staked and locked.
fn check_balances(account: &Account, deposited: &Amounts, records: &[&TradeRecord]) {
    let mut expected = deposited.clone();
    for record in records {
        for (currency, amount) in flows(record) {
            *expected.get_mut(&currency).unwrap() += amount;
        }
        *expected.get_mut(&record.trade.fee_currency).unwrap() -= record.trade.fee;
    }
    let mut locked = Amounts::new();
    for order in account.open_orders() {
        let (currency, amount) = lock(order, records);
        *locked.entry(currency).or_default() += amount;
    }
    for balance in account.balances().values() {
        assert_eq!(balance.amount, expected[&balance.currency], "{}: {balance:?}", account.name());
        assert!(balance.amount >= Decimal::ZERO && balance.available >= Decimal::ZERO, "{balance:?}");
        let locked = locked.get(&balance.currency).copied().unwrap_or_default();
        let rest = balance.amount - balance.available - balance.stake.unwrap_or_default();
        assert_eq!(rest, locked, "{}: {balance:?}", account.name());
    }
}

/// Returns the currency and amount that an open order locks: to buy, the value of the order without that of each fill
/// at the order's price.
fn lock(order: &Order, records: &[&TradeRecord]) -> (Currency, Decimal) {
    let (base, quote) = order.pair.split().unwrap();
    if order.action == Action::Sell {
        return (base, order.remaining_amount);
    }
    let filled = records.iter().filter(|record| record.trade.order_id == order.id);
    let filled: Decimal = filled.map(|record| value(record.trade.volume, order.price)).sum();
    (quote, value(order.original_amount, order.price) - filled)
}

/// Checks that the trades of every order add up to it, at its price if it is the maker and never at a worse one.
fn check_orders(account: &Account, records: &[&TradeRecord]) {
    let mut by_order: BTreeMap<&OrderId, Vec<&TradeRecord>> = BTreeMap::new();
    for record in records {
        by_order.entry(&record.trade.order_id).or_default().push(record);
    }
    for order in account.orders(&OrderQuery::default()) {
        let records = by_order.remove(&order.id).unwrap_or_default();
        let sum = |amount: fn(&TradeRecord) -> Decimal| {
            records.iter().map(|record| amount(record)).sum::<Decimal>()
        };
        let sums = [
            sum(|record| record.trade.volume),
            sum(|record| record.quote_amount),
            sum(|record| record.trade.fee),
        ];
        assert_eq!(sums, [order.executed_amount, order.total.unwrap(), order.fee.unwrap()], "{order:?}");
        assert_eq!(order.executed_amount + order.remaining_amount, order.original_amount, "{order:?}");
        for record in records.iter().filter(|_| !order.price.is_zero()) {
            let gain = if order.action == Action::Buy {
                order.price - record.trade.price
            } else {
                record.trade.price - order.price
            };
            assert!(gain.is_zero() || record.is_taker() && gain > Decimal::ZERO, "{order:?} {record:?}");
        }
    }
    assert!(by_order.is_empty(), "trades of unknown orders: {by_order:?}");
}
