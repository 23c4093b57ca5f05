//! The sums of the balances after any sequence of operations.

use bitopro_model::{Action, Balance, Decimal, OrderId, Timestamp, TradeSide, exact_add};
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::{NOW, decimal, demo_account, limit, stop, unaccounted};
use crate::exchange::account::holdings;
use crate::exchange::exact::truncated_product;
use crate::exchange::matching::single_account::{LastChange as OrderChange, SingleAccount as Account};
use crate::{CommandError, NewOrder, Quirks};

/// An operation on an account. An index chooses one of its open orders.
#[derive(Debug, Clone)]
enum Operation {
    Place { kind: u8, buy: bool, amount: Decimal, price: Decimal },
    Fill { order: prop::sample::Index, volume: Option<Decimal> },
    Cancel(prop::sample::Index),
    Trigger(prop::sample::Index),
    Set { currency: &'static str, amount: Decimal, available: Decimal },
    Deposit { currency: &'static str, amount: Decimal },
}

/// Generates decimals with few enough digits for the test's own sums to be exact.
fn number() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (0_i64..=10_000, 0_u32..=6).prop_map(|(units, scale)| Decimal::new(units, scale)),
        (-1_000_000_000_000_000_i64..=1_000_000_000_000_000, 0_u32..=12)
            .prop_map(|(units, scale)| Decimal::new(units, scale)),
    ]
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        6 => (0_u8..4, any::<bool>(), number(), number())
            .prop_map(|(kind, buy, amount, price)| Operation::Place { kind, buy, amount, price }),
        4 => (any::<prop::sample::Index>(), prop::option::of(number()))
            .prop_map(|(order, volume)| Operation::Fill { order, volume }),
        2 => any::<prop::sample::Index>().prop_map(Operation::Cancel),
        2 => any::<prop::sample::Index>().prop_map(Operation::Trigger),
        1 => (prop::sample::select(vec!["BTC", "TWD"]), number(), number())
            .prop_map(|(currency, a, b)| Operation::Set { currency, amount: a.max(b).abs(), available: a.min(b).abs() }),
        1 => (prop::sample::select(vec!["BTC", "TWD"]), number())
            .prop_map(|(currency, amount)| Operation::Deposit { currency, amount }),
    ];
    prop::collection::vec(operation, 1..60)
}

fn apply(account: &mut Account, now: Timestamp, operation: &Operation) -> Result<OrderChange, CommandError> {
    let chosen = |index: &prop::sample::Index, account: &Account| {
        let ids: Vec<OrderId> = account.open_orders().map(|order| order.id.clone()).collect();
        if ids.is_empty() { OrderId::new("none") } else { index.get(&ids).clone() }
    };
    match operation {
        Operation::Place { kind, buy, amount, price } => {
            let action = if *buy { Action::Buy } else { Action::Sell };
            let new = match kind {
                0 => limit(action, *amount, *price),
                1 => NewOrder::post_only("btc_twd", action, *amount, *price),
                2 => NewOrder::market("btc_twd", action, *amount),
                _ => stop(action, *amount, *price),
            };
            account.place(now, &new, Some(decimal(100, 0)))
        }
        Operation::Fill { order, volume } => account.fill(now, &chosen(order, account), *volume),
        Operation::Cancel(order) => account.cancel(now, &chosen(order, account)),
        Operation::Trigger(order) => account.trigger_at(now, &chosen(order, account), Some(decimal(100, 0))),
        Operation::Set { .. } | Operation::Deposit { .. } => Err(CommandError::NotPositive),
    }
}

proptest! {
    /// A successful operation keeps the sum of every currency and changes the balances by the amounts in its
    /// trades. A failed one changes nothing.
    #[test]
    fn the_balances_add_up(operations in operations()) {
        let mut account = demo_account();
        for (step, operation) in operations.iter().enumerate() {
            let now = Timestamp::from_millis(NOW.as_millis() + i64::try_from(step).unwrap());
            let before = account.clone();
            if let Operation::Set { currency, amount, available } = *operation {
                let mut holdings = account.holdings().clone();
                let mut balance = Balance::new(currency, amount.max(available));
                balance.available = available.min(amount);
                holdings.insert(currency.into(), balance);
                account.set_holdings(now, holdings);
                prop_assert!(unaccounted(&account).iter().all(|(_, rest)| *rest >= Decimal::ZERO));
                continue;
            }
            if let Operation::Deposit { currency, amount } = *operation {
                let held = |account: &Account| (account.holdings()[&currency.into()].amount, account.holdings()[&currency.into()].available);
                let expected = match account.deposit(&currency.into(), amount) {
                    Ok(()) => (held(&before).0 + amount, held(&before).1 + amount),
                    // Earlier fills may have left a balance with too many digits for an exact sum.
                    Err(CommandError::Inexact) => {
                        let (total, available) = held(&before);
                        prop_assert!(exact_add(total, amount).is_none() || exact_add(available, amount).is_none());
                        held(&before)
                    }
                    Err(error) => {
                        prop_assert_eq!(error, CommandError::Insufficient(currency.into()));
                        prop_assert!(held(&before).1 + amount < Decimal::ZERO);
                        held(&before)
                    }
                };
                prop_assert_eq!(held(&account), expected);
                prop_assert_eq!(unaccounted(&account), unaccounted(&before));
                prop_assert!(account.open_orders().eq(before.open_orders()));
                continue;
            }
            let Ok(OrderChange { order, .. }) = apply(&mut account, now, operation) else {
                prop_assert_eq!(account.holdings(), before.holdings());
                prop_assert!(account.open_orders().eq(before.open_orders()));
                prop_assert!(account.closed_orders().eq(before.closed_orders()) && account.trades().eq(before.trades()));
                continue;
            };
            prop_assert_eq!(unaccounted(&account), unaccounted(&before), "{:?}", operation);
            for balance in account.holdings().values() {
                prop_assert!(balance.available >= Decimal::ZERO && balance.available <= balance.amount, "{:?}", balance);
            }
            let amount = |account: &Account, currency: &str| account.holdings()[&currency.into()].amount;
            let change = |currency: &str| amount(&account, currency) - amount(&before, currency);
            // An order may be matched with several resting ones of the same account.
            let mut expected = (Decimal::ZERO, Decimal::ZERO);
            for trade in account.trades().skip(before.trades().count()) {
                let total = truncated_product(trade.price, trade.volume).unwrap();
                let (base, quote) = if trade.side == TradeSide::Bid { (trade.volume - trade.fee, -total) } else { (-trade.volume, total - trade.fee) };
                expected = (expected.0 + base, expected.1 + quote);
            }
            if order.pair == "btc_twd" {
                prop_assert_eq!((change("BTC"), change("TWD")), expected);
            }
            prop_assert_eq!(order.executed_amount + order.remaining_amount, order.original_amount);
            prop_assert_eq!(order.is_final(), account.closed_orders().last() == Some(&order));
            prop_assert_eq!(order.is_open(), account.open_orders().any(|open| *open == order));
        }
    }

    #[test]
    fn an_order_filled_in_any_parts_ends_with_nothing_locked(
        parts in prop::collection::vec(1_i64..=9, 0..10), amount in 1_i64..=1_000_000, price in 1_i64..=999_999,
        buy in any::<bool>(),
    ) {
        let balances = [Balance::new("BTC", decimal(1, 0)), Balance::new("TWD", decimal(1_000_000, 0))];
        let mut account = Account::new(holdings::by_currency(balances), Quirks::default());
        let action = if buy { Action::Buy } else { Action::Sell };
        let new = limit(action, decimal(amount, 8), decimal(price, 3));
        let Ok(placed) = account.place(NOW, &new, None) else { return Ok(()) };
        let mut order = placed.order;
        for tenths in parts {
            let part = truncated_product(order.remaining_amount, decimal(tenths, 1)).unwrap();
            if part > Decimal::ZERO {
                order = account.fill(NOW, &order.id, Some(part)).unwrap().order;
            }
        }
        order = account.fill(NOW, &order.id, None).unwrap().order;
        prop_assert!(order.is_filled() && order.remaining_amount.is_zero());
        prop_assert_eq!((order.executed_amount, order.avg_execution_price), (order.original_amount, Some(order.price)));
        prop_assert_eq!(account.trades().map(|trade| trade.fee).sum::<Decimal>(), order.fee.unwrap());
        prop_assert!(account.holdings().values().all(|balance| balance.amount == balance.available));
        prop_assert!(account.open.is_empty());
    }
}
