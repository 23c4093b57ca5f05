//! Money: what the accounts hold, what their orders lock, and what they have traded.

use std::collections::BTreeMap;

use bitopro_client::model::{Action, Currency, Decimal, Order};
use bitopro_client::rest::OwnTrade;
use bitopro_sim::{Account, Simulator, TradeQuery};

use super::agreement::Listed;
use super::orders::PRIVATE_PAIRS;

type Amounts = BTreeMap<String, Decimal>;

/// Asserts that no amount is negative, and that each amount is the sum of what is available, staked and locked.
pub(super) fn assert_balances_are_valid(simulator: &Simulator) {
    for account in simulator.accounts() {
        account.read(|account| {
            let locked = locked(account);
            for (currency, balance) in account.balances() {
                let stake = balance.stake.unwrap_or_default();
                let locked = locked.get(&key(currency)).copied().unwrap_or_default();
                let parts = [balance.amount, balance.available, stake, locked];
                assert!(parts.iter().all(|part| *part >= Decimal::ZERO), "{}: {balance:?}", account.name());
                let name = account.name();
                assert_eq!(balance.amount, balance.available + stake + locked, "{name}: {balance:?}");
            }
        });
    }
}

/// Returns what the open orders of an account lock of each currency.
fn locked(account: &Account) -> Amounts {
    let mut locked = Amounts::new();
    for order in account.open_orders() {
        let (base, quote) = order.pair.split().unwrap();
        if order.action == Action::Sell {
            *locked.entry(key(&base)).or_default() += order.remaining_amount;
            continue;
        }
        let query = TradeQuery { order: Some(order.id.clone()), ..TradeQuery::default() };
        let released =
            account.trade_records(&query).into_iter().map(|record| value(record.trade.volume, order));
        *locked.entry(key(&quote)).or_default() +=
            value(order.original_amount, order) - released.sum::<Decimal>();
    }
    locked
}

/// Returns the amount of the quote currency that the order reserves for this amount: truncated to 8 decimals.
fn value(amount: Decimal, order: &Order) -> Decimal {
    (amount * order.price).trunc_with_scale(8)
}

/// Asserts that the balances are the result of the trades, and that no money has come from nowhere.
pub(super) fn assert_money_is_conserved(accounts: &[Listed], has_market: bool) {
    let initial: Amounts = super::balances().map(|balance| (key(&balance.currency), balance.amount)).into();
    let (mut held, mut fees, mut private) = (Amounts::new(), Amounts::new(), Amounts::new());
    for account in accounts {
        let mut expected = initial.clone();
        for (pair, trade) in &account.trades {
            let (base, quote) = pair.split().unwrap();
            let (base, quote, fee_symbol) = (key(&base), key(&quote), key(&trade.fee_symbol));
            let (received, paid) = flows(trade);
            let is_private = PRIVATE_PAIRS.contains(&pair.as_str());
            for (currency, amount) in [(base, received), (quote, -paid)] {
                *expected.get_mut(&currency).unwrap() += amount;
                if is_private {
                    *private.entry(format!("{currency} in {pair}")).or_default() += amount;
                }
            }
            *expected.get_mut(&fee_symbol).unwrap() -= trade.fee;
            *fees.entry(fee_symbol).or_default() += trade.fee;
        }
        let balances = account.balances.iter().map(|balance| (key(&balance.currency), balance.amount));
        assert_eq!(balances.clone().collect::<Amounts>(), expected, "the initial balances and the trades");
        for (currency, amount) in balances {
            *held.entry(currency).or_default() += amount;
        }
    }
    // What one account has bought, the others have sold.
    assert!(private.values().all(Decimal::is_zero), "{private:?}");
    let count = Decimal::from(accounts.len());
    for (currency, amount) in initial {
        if !has_market || ["ADA", "BITO"].contains(&currency.as_str()) {
            let fees = fees.get(&currency).copied().unwrap_or_default();
            let held = held.get(&currency).copied().unwrap_or_default();
            assert_eq!(held + fees, amount * count, "{currency}");
        }
    }
}

/// Returns the received amount of the base currency and the paid amount of the quote currency, before the fee.
/// Both are negative if the account has sold.
fn flows(trade: &OwnTrade) -> (Decimal, Decimal) {
    let quote = trade.quote_amount.unwrap();
    if trade.action == Action::Buy { (trade.base_amount, quote) } else { (-trade.base_amount, -quote) }
}

fn key(currency: &Currency) -> String {
    currency.as_str().to_ascii_uppercase()
}
