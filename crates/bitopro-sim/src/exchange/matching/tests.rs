use bitopro_model::{Action, Balance, Condition, Decimal, Order, OrderId, OrderStatus, Timestamp};

use super::MatchingEngine;
use crate::exchange::account::accounts::Accounts;
use crate::exchange::account::{Account, OrderChange, holdings};
use crate::exchange::book::maker_quotes::MakerQuotes;
use crate::exchange::matching::offers::Offer;
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
    engine.place(NOW, account(index), new).unwrap()
}

/// Lets market makers quote these prices and amounts, best price first.
fn quote(engine: &mut MatchingEngine, bids: &[(&str, &str)], asks: &[(&str, &str)]) {
    let side = |quotes: &[(&str, &str)]| {
        quotes.iter().map(|(price, amount)| (decimal(price), decimal(amount))).collect()
    };
    engine.quote("btc_twd".into(), MakerQuotes { bids: side(bids), asks: side(asks) });
}

/// Returns the price and amount of each order on one side of the book, and the account, if any.
fn offers(engine: &MatchingEngine, side: &Action) -> Vec<(String, String, Option<usize>)> {
    let offers = engine.offers(&"btc_twd".into(), side).into_iter();
    let offer = |Offer { maker, price, amount }| {
        (price.to_string(), amount.to_string(), maker.map(|(account, _): (AccountId, _)| account.index()))
    };
    offers.map(offer).collect()
}

fn offer(price: &str, amount: &str, account: Option<usize>) -> (String, String, Option<usize>) {
    (price.to_owned(), amount.to_owned(), account)
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
    assert_eq!(amounts(&engine, 0, "BTC"), ("11.497".to_owned(), "11.497".to_owned()));
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
fn market_makers_come_last_at_an_equal_price_and_what_is_taken_of_them_is_gone() {
    let mut engine = engine();
    let asks = [("99.5", "1"), ("100", "0.5"), ("101", "2")];
    quote(&mut engine, &[("98", "3")], &asks);
    for price in ["99", "100"] {
        place(&mut engine, 1, &limit(Action::Sell, "1", price));
    }
    let (id, changes) = place(&mut engine, 0, &limit(Action::Buy, "4", "100.5"));
    let expected = [
        trade(1, "99", "1", false),
        trade(0, "99", "1", true),
        trade(0, "99.5", "1", true),
        trade(1, "100", "1", false),
        trade(0, "100", "1", true),
        trade(0, "100", "0.5", true),
    ];
    assert_eq!(trades(&changes), expected);
    assert_eq!(order(&engine, 0, &id).remaining_amount, decimal("0.5"));
    assert_eq!(offers(&engine, &Action::Sell), [offer("101", "2", None)]);
    assert_eq!(offers(&engine, &Action::Buy), [offer("100.5", "0.5", Some(0)), offer("98", "3", None)]);

    let (_, changes) = place(&mut engine, 2, &limit(Action::Buy, "0.7", "101"));
    assert_eq!(trades(&changes), [trade(2, "101", "0.7", true)]);
    assert_eq!(offers(&engine, &Action::Sell), [offer("101", "1.3", None)]);
    quote(&mut engine, &[], &asks);
    // The order that rests above the quotes hides them, so that the book is not crossed, and nothing takes them.
    assert_eq!(offers(&engine, &Action::Sell), [offer("101", "2", None)]);
    let (_, changes) = place(&mut engine, 2, &limit(Action::Buy, "1", "100.9"));
    assert_eq!(trades(&changes), []);
}

#[test]
fn an_order_that_fails_takes_nothing_from_market_makers() {
    let mut engine = engine();
    quote(&mut engine, &[("99", "1")], &[]);
    place(&mut engine, 1, &limit(Action::Buy, "1", "98"));
    // Nothing can be added to this balance.
    let mut balances = engine.accounts().get(account(1)).unwrap().balances().clone();
    balances.get_mut(&"BTC".into()).unwrap().amount = Decimal::MAX;
    engine.set_holdings(NOW, account(1), balances).unwrap();
    let before = offers(&engine, &Action::Buy);
    assert_eq!(before, [offer("99", "1", None), offer("98", "1", Some(1))]);
    let sell = NewOrder::market("btc_twd", Action::Sell, Decimal::TWO);
    assert_eq!(engine.place(NOW, account(0), &sell).unwrap_err(), CommandError::Inexact);
    assert_eq!(offers(&engine, &Action::Buy), before);
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
    let unmatched = engine.place(NOW, account(2), &NewOrder::market("btc_twd", Action::Sell, Decimal::ONE));
    assert_eq!(unmatched.unwrap_err(), CommandError::NoMarket("btc_twd".into()));
}

#[test]
fn what_truncation_leaves_of_a_market_order_buys_nothing_at_a_worse_price() {
    let mut engine = engine();
    quote(&mut engine, &[], &[("0.3", "1"), ("0.4", "1")]);
    let (id, changes) = place(&mut engine, 0, &NewOrder::market("btc_twd", Action::Buy, decimal("0.2")));
    assert_eq!(trades(&changes), [trade(0, "0.3", "0.66666666", true)]);
    assert_eq!(order(&engine, 0, &id).status, OrderStatus::Completed);
    assert_eq!(amounts(&engine, 0, "TWD"), ("9999.80000001".to_owned(), "9999.80000001".to_owned()));
}

#[test]
fn a_market_order_that_exceeds_the_order_book_is_partly_filled() {
    let mut engine = engine();
    quote(&mut engine, &[("99", "1"), ("98", "1")], &[("100", "1"), ("125", "2")]);
    for (action, amount, original, executed, spent) in
        [(Action::Buy, "450", "3.8", "3", "9650"), (Action::Sell, "3", "3", "2", "9846.606")]
    {
        let (id, changes) =
            place(&mut engine, 0, &NewOrder::market("btc_twd", action.clone(), decimal(amount)));
        assert_eq!(changes.len(), 3);
        let order = order(&engine, 0, &id);
        assert_eq!(order.status, OrderStatus::CompletedPartialDeal);
        assert_eq!((order.original_amount, order.executed_amount), (decimal(original), decimal(executed)));
        assert_eq!(order.remaining_amount, decimal(original) - decimal(executed));
        // The rest of the amount is available again.
        let held = amounts(&engine, 0, if action == Action::Buy { "TWD" } else { "BTC" });
        assert_eq!(held.0, held.1);
        assert_eq!(amounts(&engine, 0, "TWD").0, spent);
    }
    assert!(offers(&engine, &Action::Buy).is_empty() && offers(&engine, &Action::Sell).is_empty());
}

#[test]
fn a_post_only_order_that_would_match_an_order_in_the_book_is_cancelled() {
    let mut engine = engine();
    place(&mut engine, 1, &limit(Action::Sell, "1", "100"));
    quote(&mut engine, &[], &[("99.5", "1")]);
    for (price, status) in [
        ("100", OrderStatus::PostOnlyCancelled),
        ("99.5", OrderStatus::PostOnlyCancelled),
        ("99", OrderStatus::InProgress),
    ] {
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
    assert_eq!(amounts(&engine, 0, "BTC"), ("9.998".to_owned(), "8.998".to_owned()));
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
    quote(&mut engine, &[("100.5", "0.1"), ("99", "1")], &[]);
    let changes = engine.trigger(NOW, account(0), &waiting).unwrap();
    let expected =
        [trade(0, "100.5", "0.1", true), trade(1, "100", "0.4", false), trade(0, "100", "0.4", true)];
    assert_eq!(trades(&changes), expected);
    assert_eq!(offers(&engine, &Action::Buy), [offer("99", "1", None)]);
    assert_eq!(changes[0].record.order.status, OrderStatus::InProgress);
    assert_eq!(order(&engine, 0, &waiting).remaining_amount, decimal("0.5"));

    // Triggered after the other order was placed, it comes second at the same price.
    let stop = limit(Action::Sell, "1", "101").with_stop(Condition::AtOrBelow, decimal("105"));
    let (early, _) = place(&mut engine, 0, &stop);
    let (later, _) = place(&mut engine, 1, &limit(Action::Sell, "1", "101"));
    engine.trigger(NOW, account(0), &early).unwrap();
    let offers = engine.offers(&"btc_twd".into(), &Action::Sell).into_iter();
    let ids: Vec<OrderId> = offers.filter_map(|offer| offer.maker).map(|(_, id)| id).collect();
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
    let result = engine.place(NOW, account(0), &limit(Action::Buy, "2", "101"));
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
    engine.quote("btc_twd".into(), MakerQuotes::at(Some(decimal("100"))));
    let result = engine.place(NOW, account(0), &limit(Action::Buy, "2", "5001"));
    assert_eq!(result.unwrap_err(), CommandError::Insufficient("TWD".into()));
    assert!(engine.place(NOW, account(7), &limit(Action::Buy, "1", "1")).is_err());
}
