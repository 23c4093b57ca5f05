use std::collections::BTreeSet;

use bitopro_model::{Action, Condition, Decimal, OrderId, OrderStatus, OrderType, Pair, Timestamp};
use fastrand::Rng;

use super::{MAX_OPEN_ORDERS, Trader};
use crate::exchange::account::order::currencies;
use crate::exchange::account::{demo, holdings};
use crate::exchange::matching::single_account::SingleAccount as Account;
use crate::{Command, NewOrder, PairList, Quirks};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

fn demo_account() -> Account {
    let mut account = Account::new(holdings::by_currency(demo::balances(demo::COUNT)), Quirks::default());
    account.trade_like_demo(NOW);
    account
}

/// Carries out the trader's commands, and returns the statuses of all orders and the number of commands of
/// each kind.
fn trade(steps: usize) -> (BTreeSet<i64>, [usize; 4]) {
    let mut account = demo_account();
    let mut trader = Trader::new(Rng::with_seed(1), &PairList::default());
    let (mut statuses, mut counts) = (BTreeSet::new(), [0; 4]);
    for step in 0..steps {
        let alternatives = trader.step(&account);
        let reached = trader.reached(std::iter::once(&*account));
        assert!(!alternatives.is_empty(), "no command in step {step}");
        let first = alternatives.into_iter().take(usize::from(reached.is_empty()));
        for command in reached.into_iter().chain(first) {
            let (_, command) = command.addressee().unwrap();
            let (kind, change) = match command.clone() {
                Command::Place { order, .. } => {
                    let (base, quote) = currencies(&order.pair).unwrap();
                    let market = trader.market().price(&base, &quote);
                    (0, account.place(NOW, &order, market))
                }
                Command::Fill { order, amount } => (1, account.fill(NOW, &OrderId::new(order), amount)),
                Command::Cancel(order) => (2, account.cancel(NOW, &OrderId::new(order))),
                Command::Trigger(order) => {
                    let id = OrderId::new(order);
                    let market = account.order(&id).and_then(|order| trader.price(order));
                    (3, account.trigger_at(NOW, &id, market))
                }
                other => panic!("{other}"),
            };
            if let Ok(change) = change {
                statuses.insert(change.order.status.code());
                counts[kind] += 1;
            }
        }
        assert!(account.open_orders().count() <= MAX_OPEN_ORDERS);
    }
    (statuses, counts)
}

#[test]
fn every_kind_of_command_and_every_status_occurs() {
    let (statuses, [placed, filled, cancelled, triggered]) = trade(5_000);
    assert_eq!(statuses, [-1, 0, 1, 2, 3, 4, 6].into());
    assert!(
        placed > 1_500 && filled > 500 && cancelled > 150 && triggered > 10,
        "{placed} {filled} {cancelled} {triggered}"
    );
}

#[test]
fn the_first_step_is_a_trade() {
    let account = demo_account();
    for seed in 0..50 {
        let alternatives = Trader::new(Rng::with_seed(seed), &PairList::default()).step(&account);
        let [Command::Place { order, .. }] = alternatives.as_slice() else { panic!("{alternatives:?}") };
        assert_eq!(order.order_type(), OrderType::Market);
        // To buy, the amount is in the quote currency: at least 20 USDT or 500 TWD, before truncation.
        let is_buy = order.action == Action::Buy;
        assert!(!is_buy || order.amount > Decimal::from(19), "{order:?}");
    }
}

#[test]
fn orders_are_triggered_or_filled_at_their_price_and_no_sooner() {
    let trader = Trader::new(Rng::with_seed(1), &PairList::default());
    let (base, quote) = currencies(&Pair::new("btc_twd")).unwrap();
    let market = trader.market().price(&base, &quote).unwrap();
    let (below, above) = (market - Decimal::ONE, market + Decimal::ONE);
    let account = || Account::new(holdings::by_currency(demo::balances(demo::COUNT)), Quirks::default());
    let limit = |action, price| NewOrder::limit("btc_twd", action, Decimal::new(1, 2), price);
    let stop = |condition, price| {
        NewOrder::limit("btc_twd", Action::Sell, Decimal::new(1, 2), price).with_stop(condition, price)
    };
    for (order, is_reached) in [
        (limit(Action::Buy, below), false),
        (limit(Action::Buy, market), true),
        (limit(Action::Sell, above), false),
        (limit(Action::Sell, market), true),
        (stop(Condition::AtOrAbove, above), false),
        (stop(Condition::AtOrAbove, market), true),
        (stop(Condition::AtOrAbove, below), true),
        (stop(Condition::AtOrBelow, below), false),
        (stop(Condition::AtOrBelow, market), true),
        (stop(Condition::AtOrBelow, above), true),
    ] {
        // Without a market price, so that the order is not filled when it is placed.
        let placed = account().place(NOW, &order, None).unwrap().order;
        let expected = is_reached.then(|| match placed.status {
            OrderStatus::NotTriggered => Command::Trigger(placed.id.to_string()),
            _ => Command::Fill { order: placed.id.to_string(), amount: None },
        });
        assert_eq!(trader.market_command(&placed), expected, "{order:?}");
    }
}

#[test]
fn orders_of_all_accounts_are_filled_before_others_are_triggered() {
    let trader = Trader::new(Rng::with_seed(1), &PairList::default());
    let (base, quote) = currencies(&Pair::new("btc_twd")).unwrap();
    let price = trader.market().price(&base, &quote).unwrap();
    let limit = NewOrder::limit("btc_twd", Action::Sell, Decimal::new(1, 2), price);
    let accounts = [limit.clone().with_stop(Condition::AtOrBelow, price), limit].map(|order| {
        let balances = holdings::by_currency(demo::balances(demo::COUNT));
        let mut account = Account::new(balances, Quirks::default());
        account.place(NOW, &order, None).unwrap();
        account
    });
    let reached = trader.reached(accounts.iter().map(|account| &**account));
    let reached: Vec<&Command> = reached.iter().map(|command| command.addressee().unwrap().1).collect();
    assert!(matches!(reached[..], [Command::Fill { .. }, Command::Trigger(_)]), "{reached:?}");
}
