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
fn the_first_closed_order_is_forgotten_when_there_are_too_many() {
    let mut closed = ClosedOrders::default();
    let id = |number: usize| OrderId::from(number.to_string().as_str());
    (0..ClosedOrders::CAPACITY).for_each(|number| closed.insert(&id(number), Reporter::History));
    assert!(closed.contains(&id(0)));
    closed.insert(&id(ClosedOrders::CAPACITY), Reporter::ActiveOrders);
    assert!(
        !closed.contains(&id(0)) && closed.contains(&id(1)) && closed.contains(&id(ClosedOrders::CAPACITY))
    );
}

/// The connection of this number.
fn connected(number: u64) -> Connected {
    let (url, dialed) = ("wss://one/ws".parse().unwrap(), crate::outside::test_start());
    Connected { url, number, dialed, ended_since_dial: Vec::new() }
}

/// An order of which these hundredths were executed.
fn executed(hundredths: i64, status: i64, updated_ms: i64) -> Order {
    let mut order = order(1, "btc_twd", status, updated_ms);
    order.executed_amount = bitopro_model::Decimal::new(hundredths, 2);
    order
}

fn event<D: EventData + FromIterator<Order>>(order: &Order) -> Event<D> {
    Event::new(START, std::iter::once(order.clone()).collect())
}

#[test]
fn fault_50_the_later_message_wins_whatever_its_times_say() {
    // In full, the same again, truncated, in seconds, and stepped back.
    let start = START.as_millis();
    for updated in [858, 858, 0, start / 1_000 - start, -5_000] {
        let mut open = OpenOrders::new(&Settings::default());
        let mut history = OrderHistory::new(&Settings::default());
        open.replace(&event(&executed(0, 0, 858)));
        history.replace(&event(&executed(0, 0, 858)));
        let later = executed(40, 1, updated);
        assert!(open.apply(&event(&later)) && history.apply(&event(&later)), "{updated}");
        assert_eq!((open.get("1"), history.get("1")), (Some(&later), Some(&later)), "{updated}");
    }
}

#[test]
fn fault_30_progress_that_is_taken_back_is_not_applied() {
    let (known, falls) = (executed(40, 1, 0), executed(39, 1, 1));
    let mut open = OpenOrders::new(&Settings::default());
    open.replace(&event(&known));
    assert!(!open.apply(&event(&falls)));
    assert_eq!(open.get("1"), Some(&known));
    assert!(open.apply(&event(&executed(100, 2, 2))) && open.is_empty());
    assert!(!open.apply(&event(&known)) && open.is_empty(), "a final status is left");
    open.replace(&event(&falls));
    assert!(open.is_empty(), "the end was reported by this connection");
    open.connect(&connected(2));
    open.replace(&event(&falls));
    assert_eq!(open.get("1"), Some(&falls), "a snapshot overrides what was known before its dial");

    let mut history = OrderHistory::new(&Settings::default());
    let completed = executed(100, 2, 0);
    history.apply(&event(&completed));
    for reversed in [executed(99, 2, 1), executed(100, 1, 1), executed(100, 4, 1)] {
        assert!(!history.apply(&event(&reversed)));
        assert_eq!(history.get("1"), Some(&completed));
    }
    history.connect(&connected(2));
    assert!(history.apply(&event(&falls)), "another connection said otherwise");
    assert_eq!(history.get("1"), Some(&falls));
}

#[test]
fn fault_51_an_end_that_the_history_reported_after_the_dial_holds() {
    let mut open = OpenOrders::new(&Settings::default());
    let listed = executed(0, 0, 0);
    open.close(&listed.id, Reporter::History);
    open.connect(&Connected { ended_since_dial: vec![listed.id.clone()], ..connected(1) });
    open.replace(&event(&listed));
    assert!(open.is_empty());
    assert!(open.apply(&event(&listed)) && open.is_empty(), "it was overtaken, which contradicts nothing");
    open.connect(&connected(2));
    open.close(&listed.id, Reporter::History);
    open.replace(&event(&listed));
    assert!(open.is_empty(), "reported between the connection and its snapshot");
    open.connect(&connected(3));
    open.replace(&event(&listed));
    assert_eq!(open.get("1"), Some(&listed));
    open.close(&listed.id, Reporter::History);
    open.connect(&connected(4));
    open.replace(&Event::new(START, Orders::<Active>::default()));
    assert!(open.apply(&event(&listed)));
    assert_eq!(
        open.get("1"),
        Some(&listed),
        "an update is newer than the dial too, as of a snapshot in pieces"
    );
}

#[test]
fn fault_52_a_trade_is_a_repeat_only_if_its_content_is() {
    let trade = |order: &str, match_id: &str| {
        let at = UnixSeconds::from_secs(1);
        let (base, quote, one) = ("btc".into(), "twd".into(), 1.into());
        let mut trade = Trade::new(OrderId::new(order), base, quote, TradeSide::Bid, one, one, at);
        trade.match_id = Some(match_id.into());
        trade
    };
    let mut trades = RecentTrades::new(&Settings::default());
    let mut see = |id: &str, trade: Trade| {
        let mut event = Event::new(START, trade);
        event.event_id = Some(id.to_owned());
        trades.apply(&event);
        trades.len()
    };
    assert_eq!(see("e", trade("1", "")), 1);
    assert_eq!(see("e", trade("1", "")), 1, "a repeat");
    assert_eq!(see("e", trade("2", "")), 2, "a different one under a known event id");
    assert_eq!(see("f", trade("2", "")), 3, "perhaps another one");
    assert_eq!(see("g", trade("3", "m")), 4);
    assert_eq!(see("h", trade("3", "m")), 4, "the same under a new event id");
}
