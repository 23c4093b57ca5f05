use bitopro_model::{
    Action, Active, Balance, Balances, History, Order, OrderId, OrderType, Orders, Trade, TradeSide,
    UnixSeconds,
};

use super::*;

const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn order(id: usize, pair: &str, status: i64, updated_ms: i64) -> Order {
    let updated = Timestamp::from_millis(START.as_millis() + updated_ms);
    let mut order = Order::new(
        id.to_string().as_str(),
        pair.into(),
        Action::Buy,
        OrderType::Limit,
        107.into(),
        1.into(),
        updated,
    );
    order.status = status.into();
    order
}

/// A state with a capacity of three, after one event of these data.
fn state<D: Followed>(data: D) -> D::State {
    let settings = Settings { history_capacity: 3, trade_capacity: 3, ..Settings::default() };
    let mut state = D::State::new(&settings);
    state.apply(&Event::new(START, data));
    state
}

#[test]
fn balances_are_counted() {
    let none = state(Balances::default());
    assert!((none.len(), none.is_empty()) == (0, true));
    let two = state(
        ["BTC", "TWD"].map(|currency| Balance::new(currency, 1.into())).into_iter().collect::<Balances>(),
    );
    assert!((two.len(), two.is_empty()) == (2, false));
}

#[test]
fn open_orders_are_counted_and_found_by_pair() {
    let none = state(Orders::<Active>::default());
    assert!((none.len(), none.is_empty()) == (0, true));
    let two: Orders<Active> = [order(1, "btc_twd", 0, 0), order(2, "eth_twd", 0, 0)].into_iter().collect();
    let two = state(two);
    assert!((two.len(), two.is_empty()) == (2, false));
    let of_pair: Vec<_> = two.of_pair("ETH_TWD").map(|order| order.id.as_str()).collect();
    assert_eq!(of_pair, ["2"]);
}

#[test]
fn history_keeps_the_latest_up_to_its_capacity() {
    let none = state(Orders::<History>::default());
    assert!((none.len(), none.is_empty()) == (0, true));
    for (count, kept) in [(2, ["0", "1"].as_slice()), (3, &["0", "1", "2"]), (5, &["2", "3", "4"])] {
        let orders: Orders<History> =
            (0..count).map(|id| order(id, "btc_twd", 2, i64::try_from(id).unwrap())).collect();
        let history = state(orders);
        assert_eq!(history.iter().map(|order| order.id.as_str()).collect::<Vec<_>>(), kept);
        assert!((history.len(), history.is_empty()) == (kept.len(), false));
    }
}

#[test]
fn of_two_reports_of_one_time_the_later_one_counts() {
    let mut history = state([order(1, "btc_twd", 2, 0)].into_iter().collect::<Orders<History>>());
    let mut again = order(1, "btc_twd", 2, 0);
    again.fee = Some(7.into());
    history.apply(&Event::new(START, [again].into_iter().collect()));
    assert_eq!(history.get("1").unwrap().fee, Some(7.into()));
}

#[test]
fn trades_are_kept_up_to_their_capacity() {
    let none = RecentTrades::new(&Settings::default());
    assert!((none.len(), none.is_empty()) == (0, true));
    let trade = |id: u32| {
        let (matched, side) = (UnixSeconds::from_secs(1), TradeSide::Bid);
        Trade::new(
            OrderId::from(id.to_string().as_str()),
            "btc".into(),
            "twd".into(),
            side,
            1.into(),
            1.into(),
            matched,
        )
    };
    let mut trades = state(trade(0));
    assert!((trades.len(), trades.is_empty()) == (1, false));
    for (id, kept) in [(1, ["0", "1"].as_slice()), (2, &["0", "1", "2"]), (3, &["1", "2", "3"])] {
        trades.apply(&Event::new(START, trade(id)));
        assert_eq!(trades.iter().map(|trade| trade.data.order_id.as_str()).collect::<Vec<_>>(), kept);
    }
}

#[test]
fn the_first_that_ended_is_forgotten_when_there_are_too_many() {
    let mut ended = Ended::default();
    let id = |number: usize| OrderId::from(number.to_string().as_str());
    (0..Ended::CAPACITY).for_each(|number| ended.insert(&id(number)));
    assert!(ended.contains(&id(0)));
    ended.insert(&id(Ended::CAPACITY));
    assert!(!ended.contains(&id(0)) && ended.contains(&id(1)) && ended.contains(&id(Ended::CAPACITY)));
}
