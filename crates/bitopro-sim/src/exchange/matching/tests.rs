use bitopro_model::{Action, Balance, Condition, Decimal, Order, OrderId, OrderStatus, Timestamp};

use super::MatchingEngine;
use crate::exchange::account::accounts::Accounts;
use crate::exchange::account::{Account, OrderChange, holdings};
use crate::{AccountId, CommandError, NewOrder, Quirks, TradeQuery};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn account(index: usize) -> AccountId {
    AccountId::from_index(index)
}

/// Returns three accounts with 10 BTC and 10,000 TWD each.
fn engine() -> MatchingEngine {
    let balances = || {
        let balances = [Balance::new("BTC", decimal("10")), Balance::new("TWD", decimal("10000"))];
        holdings::by_currency(balances)
    };
    let mut accounts = Accounts::new(Account::new(account(0), "a", balances()));
    for (index, name) in [(1, "b"), (2, "c")] {
        accounts.add(Account::new(account(index), name, balances()));
    }
    MatchingEngine::new(accounts, Quirks::default())
}

fn limit(action: Action, amount: &str, price: &str) -> NewOrder {
    NewOrder::limit("btc_twd", action, decimal(amount), decimal(price))
}

fn place(engine: &mut MatchingEngine, index: usize, new: &NewOrder) -> (OrderId, Vec<OrderChange>) {
    place_with(engine, index, new, None)
}

fn place_with(
    engine: &mut MatchingEngine,
    index: usize,
    new: &NewOrder,
    market: Option<&str>,
) -> (OrderId, Vec<OrderChange>) {
    engine.place(NOW, account(index), new, market.map(decimal)).unwrap()
}

/// Returns the account, price and volume of each trade in these changes, and whether it was the taker's.
fn trades(changes: &[OrderChange]) -> Vec<(usize, String, String, bool)> {
    let traded = changes.iter().filter_map(|change| Some((change, change.trade.as_ref()?)));
    let trade = |(change, record): (&OrderChange, &crate::TradeRecord)| {
        let trade = &record.trade;
        (change.account.index(), trade.price.to_string(), trade.volume.to_string(), record.is_taker())
    };
    traded.map(trade).collect()
}

fn trade(index: usize, price: &str, volume: &str, is_taker: bool) -> (usize, String, String, bool) {
    (index, price.to_owned(), volume.to_owned(), is_taker)
}

fn order<'a>(engine: &'a MatchingEngine, index: usize, id: &OrderId) -> &'a Order {
    engine.accounts().get(account(index)).unwrap().order(id).unwrap()
}

/// Returns the amount and the available amount of a currency.
fn amounts(engine: &MatchingEngine, index: usize, currency: &str) -> (String, String) {
    let balance = &engine.accounts().get(account(index)).unwrap().balances()[&currency.into()];
    (balance.amount.to_string(), balance.available.to_string())
}

#[test]
fn the_best_price_is_matched_first_and_then_the_oldest_order() {
    let mut engine = engine();
    place(&mut engine, 1, &limit(Action::Sell, "1", "101"));
    let (first, _) = place(&mut engine, 2, &limit(Action::Sell, "1", "100"));
    let (second, _) = place(&mut engine, 1, &limit(Action::Sell, "1", "100"));
    let (taker, changes) = place(&mut engine, 0, &limit(Action::Buy, "1.5", "100"));
    let expected = [
        trade(2, "100", "1", false),
        trade(0, "100", "1", true),
        trade(1, "100", "0.5", false),
        trade(0, "100", "0.5", true),
    ];
    assert_eq!(trades(&changes), expected);
    assert_eq!(changes[0].record.order.id, first);
    assert_eq!(order(&engine, 1, &second).status, OrderStatus::InProgressPartialDeal);
    assert_eq!(order(&engine, 0, &taker).status, OrderStatus::Completed);
    // Each side pays its fee from what it receives.
    assert_eq!(amounts(&engine, 0, "BTC"), ("11.4985".to_owned(), "11.4985".to_owned()));
    assert_eq!(amounts(&engine, 0, "TWD"), ("9850".to_owned(), "9850".to_owned()));
    assert_eq!(amounts(&engine, 2, "TWD"), ("10099.9".to_owned(), "10099.9".to_owned()));
}

#[test]
fn the_rest_of_a_limit_order_stays_open_and_a_better_price_releases_what_was_locked_too_much() {
    let mut engine = engine();
    place(&mut engine, 1, &limit(Action::Sell, "1", "90"));
    let (taker, changes) = place(&mut engine, 0, &limit(Action::Buy, "3", "100"));
    assert_eq!(trades(&changes), [trade(1, "90", "1", false), trade(0, "90", "1", true)]);
    let order = order(&engine, 0, &taker);
    assert_eq!((order.status, order.remaining_amount), (OrderStatus::InProgressPartialDeal, Decimal::TWO));
    // 90 was paid, and 200 is locked.
    assert_eq!(amounts(&engine, 0, "TWD"), ("9910".to_owned(), "9710".to_owned()));
    // Now it is the maker, at its own price.
    let (_, changes) = place(&mut engine, 2, &limit(Action::Sell, "2", "95"));
    assert_eq!(trades(&changes), [trade(0, "100", "2", false), trade(2, "100", "2", true)]);
    assert_eq!(amounts(&engine, 0, "TWD"), ("9710".to_owned(), "9710".to_owned()));
}

#[test]
fn the_market_takes_the_place_of_worse_orders_and_comes_after_equal_ones() {
    for (market, expected) in [
        (
            "100",
            vec![
                trade(1, "99", "1", false),
                trade(0, "99", "1", true),
                trade(1, "100", "1", false),
                trade(0, "100", "1", true),
                trade(0, "100", "2", true),
            ],
        ),
        ("99.5", vec![trade(1, "99", "1", false), trade(0, "99", "1", true), trade(0, "99.5", "3", true)]),
        ("98", vec![trade(0, "98", "4", true)]),
    ] {
        let mut engine = engine();
        for price in ["99", "100", "101"] {
            place(&mut engine, 1, &limit(Action::Sell, "1", price));
        }
        let (_, changes) = place_with(&mut engine, 0, &limit(Action::Buy, "4", "105"), Some(market));
        assert_eq!(trades(&changes), expected, "{market}");
    }
    // Above the limit of the order, the market does not match.
    let (_, changes) = place_with(&mut engine(), 0, &limit(Action::Buy, "4", "105"), Some("106"));
    assert_eq!(trades(&changes), []);
}

#[test]
fn a_market_order_spends_its_amount_across_prices_and_its_rest_is_cancelled() {
    let mut engine = engine();
    place(&mut engine, 1, &limit(Action::Sell, "1", "100"));
    place(&mut engine, 1, &limit(Action::Sell, "1", "300"));
    let (id, changes) = place(&mut engine, 0, &NewOrder::market("btc_twd", Action::Buy, decimal("200")));
    let volumes = [
        trade(1, "100", "1", false),
        trade(0, "100", "1", true),
        trade(1, "300", "0.33333333", false),
        trade(0, "300", "0.33333333", true),
    ];
    assert_eq!(trades(&changes), volumes);
    let bought = order(&engine, 0, &id);
    assert_eq!((bought.status, bought.original_amount), (OrderStatus::Completed, decimal("1.33333333")));
    assert_eq!(amounts(&engine, 0, "TWD"), ("9800.000001".to_owned(), "9800.000001".to_owned()));

    let (id, _) = place(&mut engine, 1, &limit(Action::Buy, "1", "50"));
    let (sold, changes) = place(&mut engine, 2, &NewOrder::market("btc_twd", Action::Sell, decimal("3")));
    assert_eq!(trades(&changes), [trade(1, "50", "1", false), trade(2, "50", "1", true)]);
    assert!(order(&engine, 1, &id).is_filled());
    let sold = order(&engine, 2, &sold);
    assert_eq!((sold.status, sold.executed_amount), (OrderStatus::CompletedPartialDeal, Decimal::ONE));
    assert_eq!(amounts(&engine, 2, "BTC"), ("9".to_owned(), "9".to_owned()));
    let unmatched =
        engine.place(NOW, account(2), &NewOrder::market("btc_twd", Action::Sell, Decimal::ONE), None);
    assert_eq!(unmatched.unwrap_err(), CommandError::NoMarket("btc_twd".into()));
}

#[test]
fn a_post_only_order_that_would_match_a_resting_order_is_cancelled() {
    let mut engine = engine();
    place(&mut engine, 1, &limit(Action::Sell, "1", "100"));
    for (price, status) in [("100", OrderStatus::PostOnlyCancelled), ("99", OrderStatus::InProgress)] {
        let new = NewOrder::post_only("BTC_TWD", Action::Buy, Decimal::ONE, decimal(price));
        let (_, changes) = place(&mut engine, 0, &new);
        assert_eq!((changes.len(), changes[0].record.order.status), (1, status), "{price}");
    }
    assert_eq!(amounts(&engine, 0, "TWD"), ("10000".to_owned(), "9901".to_owned()));
}

#[test]
fn a_trade_with_oneself_has_two_records_with_the_same_id_and_conserves_money() {
    let mut engine = engine();
    place(&mut engine, 0, &limit(Action::Sell, "2", "100"));
    let (_, changes) = place(&mut engine, 0, &limit(Action::Buy, "1", "110"));
    assert_eq!(trades(&changes), [trade(0, "100", "1", false), trade(0, "100", "1", true)]);
    let owner = engine.accounts().first();
    let records = owner.trade_records(&TradeQuery::default());
    assert_eq!((records.len(), &records[0].id), (2, &records[1].id));
    assert_ne!(records[0].trade.order_id, records[1].trade.order_id);
    // Only the fees are gone, and one BTC is still locked.
    assert_eq!(amounts(&engine, 0, "BTC"), ("9.999".to_owned(), "8.999".to_owned()));
    assert_eq!(amounts(&engine, 0, "TWD"), ("9999.9".to_owned(), "9999.9".to_owned()));
    let public: Vec<_> = engine.market_trades(&"btc_twd".into()).collect();
    assert_eq!((public.len(), public[0].is_buyer, public[0].amount), (1, true, Decimal::ONE));
}

#[test]
fn a_triggered_stop_order_is_matched_and_loses_its_place_in_the_queue() {
    let mut engine = engine();
    let stop = limit(Action::Sell, "1", "100").with_stop(Condition::AtOrBelow, decimal("105"));
    let (waiting, _) = place(&mut engine, 0, &stop);
    // A waiting stop order is not in the order book.
    let (_, changes) = place(&mut engine, 1, &limit(Action::Buy, "0.4", "100"));
    assert_eq!(trades(&changes), []);
    let (resting, _) = place(&mut engine, 2, &limit(Action::Sell, "1", "101"));
    let changes = engine.trigger(NOW, account(0), &waiting, None).unwrap();
    assert_eq!(trades(&changes), [trade(1, "100", "0.4", false), trade(0, "100", "0.4", true)]);
    assert_eq!(changes[0].record.order.status, OrderStatus::InProgress);
    assert_eq!(order(&engine, 0, &waiting).remaining_amount, decimal("0.6"));

    // Triggered after the other order was placed, it comes second at the same price.
    let stop = limit(Action::Sell, "1", "101").with_stop(Condition::AtOrBelow, decimal("105"));
    let (early, _) = place(&mut engine, 0, &stop);
    let (later, _) = place(&mut engine, 1, &limit(Action::Sell, "1", "101"));
    engine.trigger(NOW, account(0), &early, None).unwrap();
    let ids: Vec<OrderId> = engine
        .resting(&"btc_twd".into(), &Action::Sell)
        .into_iter()
        .map(|(_, record)| record.order.id.clone())
        .collect();
    assert_eq!(ids, [waiting, resting, later, early]);
}

#[test]
fn a_failure_in_the_middle_restores_all_accounts() {
    let mut engine = engine();
    place(&mut engine, 1, &limit(Action::Sell, "1", "100"));
    place(&mut engine, 2, &limit(Action::Sell, "1", "101"));
    // Nothing can be added to this balance.
    let mut balances = engine.accounts().get(account(2)).unwrap().balances().clone();
    balances.get_mut(&"TWD".into()).unwrap().amount = Decimal::MAX;
    engine.set_holdings(NOW, account(2), balances).unwrap();
    let before: Vec<_> = engine.accounts().iter().map(Account::save).collect();
    let result = engine.place(NOW, account(0), &limit(Action::Buy, "2", "101"), None);
    assert_eq!(result.unwrap_err(), CommandError::Inexact);
    assert_eq!(engine.accounts().iter().map(Account::save).collect::<Vec<_>>(), before);
    assert!(engine.accounts().iter().all(|account| account.trades().count() == 0));
    assert_eq!(engine.market_trades(&"btc_twd".into()).count(), 0);
}

#[test]
fn orders_of_an_account_that_may_not_trade_are_skipped() {
    let mut engine = engine();
    place(&mut engine, 1, &limit(Action::Sell, "1", "100"));
    let mut balances = engine.accounts().get(account(1)).unwrap().balances().clone();
    balances.get_mut(&"TWD".into()).unwrap().tradable = Some(false);
    engine.set_holdings(NOW, account(1), balances).unwrap();
    let (_, changes) = place(&mut engine, 0, &limit(Action::Buy, "1", "100"));
    assert_eq!(trades(&changes), []);
}

#[test]
fn an_order_that_the_balance_covers_only_at_a_better_price_is_rejected() {
    let mut engine = engine();
    let result = engine.place(NOW, account(0), &limit(Action::Buy, "2", "5001"), Some(decimal("100")));
    assert_eq!(result.unwrap_err(), CommandError::Insufficient("TWD".into()));
    assert!(engine.place(NOW, account(7), &limit(Action::Buy, "1", "1"), None).is_err());
}
