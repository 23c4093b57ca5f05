mod properties;

use bitopro_model::{
    Action, Balance, ClientId, Condition, Currency, Decimal, Order, OrderStatus, OrderType, Pair, Timestamp,
    TradeSide, UnixSeconds,
};

use super::RECENT_CLOSED_ORDERS;
use crate::exchange::account::{demo, holdings};
use crate::exchange::matching::single_account::{LastChange as OrderChange, SingleAccount as Account};
use crate::{CommandError, Holdings, NewOrder, OrderIdSequence, OrderTimes, Quirks};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

fn demo_account() -> Account {
    demo_account_with(demo::COUNT)
}

/// Returns the demo account with a number of currencies.
fn demo_account_with(currencies: usize) -> Account {
    let mut account = Account::new(holdings::by_currency(demo::balances(currencies)), Quirks::default());
    account.trade_like_demo(NOW);
    account
}

/// Returns an account with 1 BTC, 1,000 TWD and no open orders.
fn account() -> Account {
    account_with(Quirks::default())
}

fn account_with(quirks: Quirks) -> Account {
    let balances = [Balance::new("BTC", Decimal::ONE), Balance::new("TWD", decimal(1_000, 0))];
    Account::new(holdings::by_currency(balances), quirks)
}

fn decimal(units: i64, scale: u32) -> Decimal {
    Decimal::new(units, scale)
}

fn limit(action: Action, amount: Decimal, price: Decimal) -> NewOrder {
    NewOrder::limit("btc_twd", action, amount, price)
}

fn stop(action: Action, amount: Decimal, price: Decimal) -> NewOrder {
    NewOrder::limit("btc_twd", action, amount, price).with_stop(Condition::AtOrBelow, price)
}

/// Returns the amount and the available amount of a currency.
fn amounts(account: &Account, currency: &str) -> (String, String) {
    let balance = &account.holdings()[&currency.into()];
    (balance.amount.normalize().to_string(), balance.available.normalize().to_string())
}

fn expected_amounts(amount: &str, available: &str) -> (String, String) {
    (amount.to_owned(), available.to_owned())
}

/// Returns the part of each balance that is neither available, staked nor locked by open orders.
fn unaccounted(account: &Account) -> Vec<(Currency, Decimal)> {
    let locked = |currency: &Currency| {
        account.open.values().filter(|o| o.currency == *currency).map(|o| o.locked).sum::<Decimal>()
    };
    let balances = account.holdings().values();
    balances
        .map(|b| (b.currency.clone(), b.amount - b.available - b.stake.unwrap() - locked(&b.currency)))
        .collect()
}

#[test]
fn the_demo_balances_cover_their_four_orders() {
    let account = demo_account();
    assert_eq!(account.open_orders().count(), 4);
    assert_eq!(unaccounted(&account).into_iter().find(|(_, rest)| !rest.is_zero()), None);
    // With fewer currencies, the account has fewer orders.
    for count in 0..demo::COUNT {
        let account = demo_account_with(count);
        assert!(unaccounted(&account).iter().all(|(_, rest)| rest.is_zero()), "{count}");
    }
}

#[test]
fn the_demo_orders_are_dated_in_the_week_before_the_start() {
    let account = demo_account();
    let statuses =
        |orders: &mut dyn Iterator<Item = &Order>| orders.map(|o| o.status.code()).collect::<Vec<_>>();
    assert_eq!(statuses(&mut account.open_orders()), [0, 1, 0, -1]);
    assert_eq!(statuses(&mut account.closed_orders()), [2, 2, 4, 3, 6, 2, 2]);
    assert_eq!(account.trades().count(), 7);

    let closed: Vec<_> = account.closed_orders().filter_map(Order::updated).collect();
    assert!(closed.is_sorted());
    let week = Timestamp::from_millis(NOW.as_millis() - 7 * 86_400_000)..NOW;
    for order in account.closed_orders().chain(account.open_orders()) {
        let (created, updated) = (order.created_timestamp.unwrap(), order.updated().unwrap());
        assert!(week.contains(&created) && (created..NOW).contains(&updated), "{order:?}");
    }
}

#[test]
fn an_order_locks_fills_and_releases() {
    let mut account = account();
    let placed = account.place(NOW, &limit(Action::Buy, decimal(3, 0), decimal(100, 0)), None).unwrap();
    assert_eq!(placed.order.status, OrderStatus::InProgress);
    assert_eq!(amounts(&account, "TWD"), expected_amounts("1000", "700"));

    let id = placed.order.id;
    let filled = account.fill(NOW, &id, Some(Decimal::ONE)).unwrap();
    assert_eq!(filled.order.status, OrderStatus::InProgressPartialDeal);
    assert_eq!(amounts(&account, "TWD"), expected_amounts("900", "700"));
    assert_eq!(amounts(&account, "BTC"), expected_amounts("1.999", "1.999"));
    let trade = filled.trade.unwrap();
    assert_eq!((&trade.order_id, trade.side.clone(), trade.is_maker), (&id, TradeSide::Bid, Some(true)));
    assert_eq!((trade.base.as_str(), trade.quote.as_str()), ("btc", "twd"));
    assert_eq!((trade.fee, trade.fee_currency.as_str()), (decimal(1, 3), "btc"));
    assert_eq!(trade.transaction_timestamp, UnixSeconds::from_secs(1_639_553_303));

    assert_eq!(
        account.fill(NOW, &id, Some(decimal(3, 0))),
        Err(CommandError::ExceedsRemaining { amount: decimal(3, 0), remaining: decimal(2, 0) })
    );
    let cancelled = account.cancel(NOW, &id).unwrap().order;
    assert_eq!(cancelled.status, OrderStatus::CompletedPartialDeal);
    assert_eq!(amounts(&account, "TWD"), expected_amounts("900", "900"));
    assert_eq!((cancelled.total, cancelled.fee), (Some(decimal(100, 0)), Some(decimal(1, 3))));
    assert_eq!((cancelled.remaining_amount, cancelled.executed_amount), (decimal(2, 0), Decimal::ONE));
    assert_eq!(account.open_orders().count(), 0);
    assert_eq!(account.closed_orders().collect::<Vec<_>>(), [&cancelled]);
    assert_eq!(account.cancel(NOW, &id), Err(CommandError::NotOpen(id)));
}

#[test]
fn every_documented_status_occurs() {
    let mut account = demo_account();
    let mut seen = Vec::new();
    let market = Some(decimal(3_000_000, 0));
    let amount = decimal(1, 2);
    let resting = limit(Action::Sell, amount, decimal(3_100_000, 0));
    for case in 0..7 {
        let new = match case {
            5 => NewOrder::post_only("btc_twd", Action::Buy, amount, decimal(3_000_000, 0)),
            6 => stop(Action::Sell, amount, decimal(2_900_000, 0)),
            _ => resting.clone(),
        };
        let mut done = account.place(NOW, &new, market).unwrap().order;
        let id = done.id.clone();
        match case {
            1 => done = account.fill(NOW, &id, Some(decimal(1, 3))).unwrap().order,
            2 => done = account.fill(NOW, &id, None).unwrap().order,
            3 => {
                account.fill(NOW, &id, Some(decimal(1, 3))).unwrap();
                done = account.cancel(NOW, &id).unwrap().order;
            }
            4 => done = account.cancel(NOW, &id).unwrap().order,
            _ => {}
        }
        seen.push(done.status.code());
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 6, -1]);
}

#[test]
fn an_order_that_the_market_matches_is_filled_immediately() {
    let market = Some(decimal(100, 0));
    for (new, price, order_type) in [
        (limit(Action::Buy, decimal(2, 0), decimal(120, 0)), decimal(120, 0), OrderType::Limit),
        (NewOrder::market("BTC_TWD", Action::Buy, decimal(200, 0)), Decimal::ZERO, OrderType::Market),
    ] {
        let mut account = account();
        let OrderChange { order, trade } = account.place(NOW, &new.with_client_id(7), market).unwrap();
        assert_eq!(order.status, OrderStatus::Completed);
        assert_eq!((order.price, order.avg_execution_price), (price, Some(decimal(100, 0))));
        assert_eq!((&order.pair, &order.order_type), (&Pair::new("btc_twd"), &order_type));
        assert_eq!(order.client_id.map(ClientId::get), Some(7));
        let trade = trade.unwrap();
        let is_market = order_type == OrderType::Market;
        assert_eq!((trade.is_maker, trade.is_market), (Some(false), Some(is_market)));
        assert_eq!(amounts(&account, "TWD"), expected_amounts("800", "800"));
        assert_eq!(amounts(&account, "BTC"), expected_amounts("2.996", "2.996"));
    }
    // A sell order, and orders just above and below the market's price.
    let mut account = account();
    let sold = account.place(NOW, &limit(Action::Sell, Decimal::ONE, decimal(100, 0)), market).unwrap();
    assert!(sold.order.is_filled());
    for (action, price) in [(Action::Buy, 99), (Action::Sell, 101)] {
        let order = limit(action, decimal(1, 3), decimal(price, 0));
        assert_eq!(
            account.place(NOW, &order, market).is_ok_and(|placed| placed.order.is_open()),
            price == 99
        );
    }
}

#[test]
fn a_stop_order_waits_until_it_is_triggered() {
    let mut account = account_with(Quirks::default().with(OrderTimes::Milliseconds));
    let order = account.place(NOW, &stop(Action::Sell, Decimal::ONE, decimal(90, 0)), None).unwrap().order;
    assert!(order.id.as_str().starts_with("SL-"), "{}", order.id);
    assert_eq!((order.stop_price, order.condition), (Some(decimal(90, 0)), Some(Condition::AtOrBelow)));
    assert_eq!(amounts(&account, "BTC"), expected_amounts("1", "0"));
    assert_eq!(account.fill(NOW, &order.id, None), Err(CommandError::NotTriggered(order.id.clone())));
    let later = Timestamp::from_millis(NOW.as_millis() + 5);
    let triggered = account.trigger(later, &order.id).unwrap().order;
    assert_eq!((triggered.status, triggered.updated()), (OrderStatus::InProgress, Some(later)));
    assert_eq!(triggered.created_timestamp, Some(NOW));
    assert_eq!(account.trigger(NOW, &order.id), Err(CommandError::NothingToTrigger(order.id.clone())));
    // The order's time does not go back with the clock.
    let filled = account.fill(NOW, &order.id, None).unwrap().order;
    assert_eq!((filled.updated(), filled.timestamp), (Some(later), Some(later)));
}

#[test]
fn a_market_order_spends_an_amount_of_the_currency_that_it_pays() {
    let market = Some(decimal(300, 0));
    for (action, amount, executed, total) in [
        (Action::Buy, decimal(1_000, 0), "3.33333333", "999.999999"),
        (Action::Sell, decimal(5, 1), "0.5", "150"),
    ] {
        let mut account = account();
        let order = NewOrder::market("btc_twd", action.clone(), amount);
        let OrderChange { order, trade } = account.place(NOW, &order, market).unwrap();
        let numbers = [order.original_amount, order.executed_amount, trade.unwrap().volume];
        assert_eq!(numbers.map(|number| number.to_string()), [executed; 3]);
        assert_eq!((order.remaining_amount, order.price), (Decimal::ZERO, Decimal::ZERO));
        assert_eq!(order.total.unwrap().to_string(), total);
        assert_eq!(order.status, OrderStatus::Completed);
    }
    for (amount, expected) in [
        // Spends only 999.999999, which the balance covers.
        (decimal(10_000_000_001, 7), CommandError::Insufficient("TWD".into())),
        (decimal(1, 6), CommandError::TooSmall),
    ] {
        let mut account = account();
        account.deposit(&"TWD".into(), decimal(-5, 7)).unwrap();
        let order = NewOrder::market("btc_twd", Action::Buy, amount);
        assert_eq!(account.place(NOW, &order, market), Err(expected));
    }
}

#[test]
fn a_post_only_order_that_the_balance_does_not_cover_is_rejected_even_if_the_market_would_match_it() {
    for (action, currency) in [(Action::Buy, "TWD"), (Action::Sell, "BTC")] {
        let mut account = account();
        let order = |amount| NewOrder::post_only("btc_twd", action.clone(), amount, decimal(100, 0));
        let place = |account: &mut Account, amount| account.place(NOW, &order(amount), Some(decimal(100, 0)));
        let insufficient = Err(CommandError::Insufficient(currency.into()));
        assert_eq!(place(&mut account, decimal(10_000_001, 6)), insufficient);
        assert_eq!(account.closed_orders().count(), 0);
        let crossing = place(&mut account, Decimal::ONE).unwrap().order;
        assert_eq!(crossing.status, OrderStatus::PostOnlyCancelled);
    }
}

#[test]
fn no_number_of_an_order_or_its_trades_has_trailing_zeros() {
    let market = Some(decimal(10_000, 2));
    let amount = decimal(500, 3);
    let orders = [
        limit(Action::Buy, amount, decimal(9_900, 2)),
        limit(Action::Buy, amount, decimal(12_000, 2)),
        limit(Action::Sell, amount, decimal(11_000, 2)),
        NewOrder::post_only("btc_twd", Action::Buy, amount, decimal(12_000, 2)),
        NewOrder::market("btc_twd", Action::Buy, decimal(5_000, 2)),
        NewOrder::market("btc_twd", Action::Sell, amount),
        limit(Action::Sell, amount, decimal(9_000, 2)).with_stop(Condition::AtOrBelow, decimal(9_500, 2)),
    ];
    for order in orders {
        let mut account = account();
        let mut changes = vec![account.place(NOW, &order, market).unwrap()];
        let id = changes[0].order.id.clone();
        changes.extend(account.trigger(NOW, &id));
        changes.extend(account.fill(NOW, &id, Some(decimal(20, 2))));
        changes.extend(account.fill(NOW, &id, None));
        for OrderChange { order, trade } in changes {
            let order = serde_json::to_value(order).unwrap();
            let trade = trade.map(|trade| serde_json::to_value(trade).unwrap());
            let fields = [order.as_object(), trade.as_ref().and_then(|trade| trade.as_object())];
            for (name, value) in fields.into_iter().flatten().flatten() {
                let number: Option<Decimal> = value.as_str().and_then(|text| text.parse().ok());
                let shortest = number.map(|number| number.normalize().to_string());
                assert!(shortest.is_none_or(|text| value == text.as_str()), "{name} is {value}");
            }
        }
    }
}

#[test]
fn the_times_of_orders_have_the_precision_of_the_quirk() {
    let later = Timestamp::from_millis(NOW.as_millis() + 2_100);
    for (order_times, expected) in [
        (OrderTimes::Seconds, [1_639_553_303_000, 1_639_553_305_000]),
        (OrderTimes::Milliseconds, [NOW.as_millis(), later.as_millis()]),
    ] {
        let mut account = account_with(Quirks::default().with(order_times));
        let market = Some(decimal(100, 0));
        let mut changes =
            vec![account.place(later, &limit(Action::Sell, decimal(1, 1), decimal(9, 0)), market)];
        for _ in 0..2 {
            let order =
                account.place(NOW, &stop(Action::Sell, decimal(1, 1), decimal(90, 0)), None).unwrap().order;
            assert_eq!(order.created_timestamp.map(Timestamp::as_millis), Some(expected[0]));
            changes.push(account.trigger(later, &order.id));
        }
        let [id, other] = [1, 2].map(|at| changes[at].as_ref().unwrap().order.id.clone());
        changes.push(account.fill(later, &id, Some(decimal(1, 2))));
        changes.push(account.cancel(later, &other));
        changes.extend(account.set_holdings(later, Holdings::new()).into_iter().map(Ok));
        assert_eq!(changes.len(), 6);
        for order in changes.into_iter().map(|change| change.unwrap().order) {
            let times = [order.timestamp, order.updated_timestamp].map(|time| time.unwrap().as_millis());
            assert_eq!(times, [expected[1]; 2], "{order:?}");
        }
    }
}

#[test]
fn an_invalid_order_is_rejected_and_changes_nothing() {
    let (one, hundred) = (Decimal::ONE, decimal(100, 0));
    let buy = |pair: &str, amount, price| NewOrder::limit(pair, Action::Buy, amount, price);
    for (order, expected) in [
        (buy("btctwd", one, one), CommandError::NotAPair("btctwd".into())),
        (buy("btc_btc", one, one), CommandError::NotAPair("btc_btc".into())),
        (buy("eth_twd", one, one), CommandError::NotTradable("ETH".into())),
        (buy("btc_twd", Decimal::ZERO, one), CommandError::NotPositive),
        (buy("btc_twd", one, -one), CommandError::NotPositive),
        (stop(Action::Sell, one, Decimal::ZERO), CommandError::NotPositive),
        (buy("btc_twd", decimal(1, 8), decimal(1, 8)), CommandError::TooSmall),
        (buy("btc_twd", Decimal::MAX, hundred), CommandError::Inexact),
        (buy("btc_twd", decimal(11, 0), hundred), CommandError::Insufficient("TWD".into())),
        (limit(Action::Sell, decimal(11, 1), hundred), CommandError::Insufficient("BTC".into())),
        (limit("HOLD".into(), one, hundred), CommandError::NotAnAction("HOLD".into())),
        (NewOrder::market("btc_twd", Action::Buy, one), CommandError::NoMarket("btc_twd".into())),
    ] {
        let mut account = account();
        assert_eq!(account.place(NOW, &order, None), Err(expected.clone()), "{order:?}");
        assert!(!expected.to_string().is_empty());
        assert_eq!(
            (amounts(&account, "BTC"), amounts(&account, "TWD")),
            (expected_amounts("1", "1"), expected_amounts("1000", "1000"))
        );
        assert_eq!((account.open_orders().count(), account.closed_orders().count()), (0, 0));
    }
}

#[test]
fn orders_that_a_new_balance_does_not_cover_are_cancelled() {
    let mut account = demo_account();
    let closed_before = account.closed_orders().count();
    let mut holdings = account.holdings().clone();
    // A larger balance still covers both orders.
    holdings.get_mut(&"BTC".into()).unwrap().amount += Decimal::ONE;
    assert_eq!(account.set_holdings(NOW, holdings.clone()), []);
    holdings.insert("BTC".into(), Balance::new("BTC", Decimal::ONE));
    let cancelled = account.set_holdings(NOW, holdings.clone());
    assert_eq!(cancelled.len(), 2);
    assert!(cancelled.iter().all(|change| change.order.status == OrderStatus::Cancelled));
    assert_eq!(amounts(&account, "BTC"), expected_amounts("1", "1"));
    holdings.remove(&"TWD".into());
    assert_eq!(account.set_holdings(NOW, holdings).len(), 2);
    assert_eq!((account.open_orders().count(), account.closed_orders().count()), (0, closed_before + 4));
}

#[test]
fn only_the_last_closed_orders_are_kept() {
    let mut account = account_with(Quirks::default().with(OrderIdSequence::Counted));
    for _ in 0..RECENT_CLOSED_ORDERS + 5 {
        let id = account.place(NOW, &limit(Action::Sell, Decimal::ONE, Decimal::ONE), None).unwrap().order.id;
        account.cancel(NOW, &id).unwrap();
    }
    assert_eq!(account.closed_orders().count(), RECENT_CLOSED_ORDERS);
    assert_eq!(account.closed_orders().next().unwrap().id, "8917255508");
}

#[test]
fn a_deposit_adds_to_the_amount_and_to_the_available_amount() {
    let mut account = account();
    account.place(NOW, &limit(Action::Buy, Decimal::ONE, decimal(400, 0)), None).unwrap();
    account.deposit(&"TWD".into(), decimal(50, 0)).unwrap();
    assert_eq!(amounts(&account, "TWD"), expected_amounts("1050", "650"));
    // A locked amount cannot be withdrawn.
    let withdrawn = account.deposit(&"TWD".into(), decimal(-6501, 1));
    assert_eq!(withdrawn, Err(CommandError::Insufficient("TWD".into())));
    assert_eq!(amounts(&account, "TWD"), expected_amounts("1050", "650"));
    account.deposit(&"TWD".into(), decimal(-650, 0)).unwrap();
    assert_eq!(amounts(&account, "TWD"), expected_amounts("400", "0"));
    account.deposit(&"ETH".into(), decimal(2, 0)).unwrap();
    assert_eq!(amounts(&account, "ETH"), expected_amounts("2", "2"));
    assert_eq!(account.deposit(&"SOL".into(), -Decimal::ONE), Err(CommandError::Insufficient("SOL".into())));
    assert!(!account.holdings().contains_key(&"SOL".into()));
    assert_eq!(account.deposit(&"BTC".into(), Decimal::MAX), Err(CommandError::Inexact));
    assert_eq!(account.open_orders().count(), 1);
}
