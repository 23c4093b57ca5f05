//! The state that a sequence of items adds up to.

mod changes;

use bitopro_model::{
    Action, Active, Balance, Balances, EventData, History, Order, OrderId, OrderStream, OrderType, Orders,
    Trade, TradeSide,
};

use super::closed::Reporter;
use super::*;

const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn order(id: usize, pair: &str, status: i64, updated_ms: i64) -> Order {
    let updated = Timestamp::from_millis(START.as_millis() + updated_ms);
    let mut order = Order::new(id.to_string(), pair, Action::Buy, OrderType::Limit)
        .with_price(107.into())
        .with_amount(1.into())
        .with_created(updated);
    order.status = status.into();
    order
}

/// An account with capacities of three.
fn account() -> Account {
    Account::new(&Settings { history_capacity: 3, trade_capacity: 3, ..Settings::default() })
}

fn apply<D: EventData>(account: &mut Account, data: D, as_item: fn(Message) -> Item<Message>) -> bool {
    account.apply(D::STREAM, &as_item(Event::new(START, data).into())).is_none()
}

/// Applies the snapshot of a connection.
fn replace<D: EventData>(account: &mut Account, data: D) {
    apply(account, data, Item::Snapshot);
}

/// Applies an update. Returns whether it can be true after what the same connection reported before.
fn update<D: EventData>(account: &mut Account, data: D) -> bool {
    apply(account, data, Item::Update)
}

/// Handles a new connection of a stream.
fn connect(account: &mut Account, stream: PrivateStream, number: u64, ended_since_dial: &[OrderId]) {
    let (url, dialed) = ("wss://one/ws".parse().unwrap(), crate::outside::test_start());
    let connected = Connected { url, number, dialed, ended_since_dial: ended_since_dial.to_vec() };
    account.apply(stream, &Item::Connected(connected));
}

/// Returns the state, as if every stream had just been heard of.
fn current(account: &Account) -> CurrentAccount {
    account.current(|_| Some(Duration::ZERO))
}

fn list<K: OrderStream>(orders: impl IntoIterator<Item = Order>) -> Orders<K> {
    orders.into_iter().collect()
}

fn ids<'a>(orders: impl Iterator<Item = &'a Order>) -> Vec<&'a str> {
    orders.map(|order| order.id.as_str()).collect()
}

#[test]
fn balances_are_counted() {
    let mut account = account();
    replace(&mut account, Balances::default());
    let none = current(&account).balances.unwrap();
    assert!((none.state().len(), none.state().is_empty()) == (0, true));
    update(
        &mut account,
        ["BTC", "TWD"].map(|currency| Balance::new(currency, 1.into())).into_iter().collect::<Balances>(),
    );
    let two = current(&account).balances.unwrap();
    assert!((two.state().len(), two.state().is_empty()) == (2, false));
}

#[test]
fn open_orders_are_counted_and_found_by_pair() {
    let mut account = account();
    replace(&mut account, list::<Active>([]));
    let none = current(&account).open_orders.unwrap();
    assert!((none.state().len(), none.state().is_empty()) == (0, true));
    update(&mut account, list::<Active>([order(1, "btc_twd", 0, 0), order(2, "eth_twd", 0, 0)]));
    let two = current(&account).open_orders.unwrap();
    assert!((two.state().len(), two.state().is_empty()) == (2, false));
    assert_eq!(ids(two.state().of_pair("ETH_TWD")), ["2"]);
}

#[test]
fn history_keeps_the_latest_up_to_its_capacity() {
    for (count, kept) in [(0, [].as_slice()), (2, &["0", "1"]), (3, &["0", "1", "2"]), (5, &["2", "3", "4"])]
    {
        let mut account = account();
        let orders = (0..count).map(|id| order(id, "btc_twd", 2, i64::try_from(id).unwrap()));
        replace(&mut account, list::<History>(orders));
        let history = current(&account).history.unwrap();
        assert_eq!(ids(history.state().iter()), kept);
        assert!((history.state().len(), history.state().is_empty()) == (kept.len(), kept.is_empty()));
    }
}

#[test]
fn of_two_reports_of_one_time_the_later_one_counts() {
    let mut account = account();
    replace(&mut account, list::<History>([order(1, "btc_twd", 2, 0)]));
    let mut again = order(1, "btc_twd", 2, 0);
    again.fee = Some(7.into());
    update(&mut account, list::<History>([again]));
    assert_eq!(current(&account).history.unwrap().state().get("1").unwrap().fee, Some(7.into()));
}

#[test]
fn trades_are_kept_up_to_their_capacity() {
    let mut account = account();
    connect(&mut account, PrivateStream::UserTrades, 1, &[]);
    assert!(current(&account).trades.unwrap().state().is_empty());
    let trade = |id: u32| Trade::new(id.to_string(), TradeSide::Bid, "btc", "twd");
    for (id, kept) in [(0, ["0"].as_slice()), (1, &["0", "1"]), (2, &["0", "1", "2"]), (3, &["1", "2", "3"])]
    {
        update(&mut account, trade(id));
        let trades = current(&account).trades.unwrap();
        assert_eq!(trades.state().iter().map(|trade| trade.data.order_id.as_str()).collect::<Vec<_>>(), kept);
        assert!((trades.state().len(), trades.state().is_empty()) == (kept.len(), false));
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

/// An order of which these hundredths were executed.
fn executed(hundredths: i64, status: i64, updated_ms: i64) -> Order {
    let mut order = order(1, "btc_twd", status, updated_ms);
    order.executed_amount = bitopro_model::Decimal::new(hundredths, 2);
    order
}

#[test]
fn fault_50_the_later_message_wins_whatever_its_times_say() {
    // In full, the same again, truncated, in seconds, and stepped back.
    let start = START.as_millis();
    for updated in [858, 858, 0, start / 1_000 - start, -5_000] {
        let (mut open, mut history) = (account(), account());
        replace(&mut open, list::<Active>([executed(0, 0, 858)]));
        replace(&mut history, list::<History>([executed(0, 0, 858)]));
        let later = executed(40, 1, updated);
        assert!(update(&mut open, list::<Active>([later.clone()])), "{updated}");
        assert!(update(&mut history, list::<History>([later.clone()])), "{updated}");
        assert_eq!(current(&open).open_orders.unwrap().state().get("1"), Some(&later), "{updated}");
        assert_eq!(current(&history).history.unwrap().state().get("1"), Some(&later), "{updated}");
    }
}

#[test]
fn fault_30_progress_that_is_taken_back_is_not_applied() {
    let (known, falls) = (executed(40, 1, 0), executed(39, 1, 1));
    let mut account = account();
    let open = |account: &Account| current(account).open_orders.unwrap().state().get("1").cloned();
    replace(&mut account, list::<Active>([known.clone()]));
    assert!(!update(&mut account, list::<Active>([falls.clone()])));
    assert_eq!(open(&account), Some(known.clone()));
    assert!(current(&account).open_orders.unwrap().is_stale());
    assert!(update(&mut account, list::<Active>([executed(100, 2, 2)])) && open(&account).is_none());
    assert!(
        !update(&mut account, list::<Active>([known])) && open(&account).is_none(),
        "a final status is left"
    );
    replace(&mut account, list::<Active>([falls.clone()]));
    assert!(open(&account).is_none(), "the end was reported by this connection");
    connect(&mut account, PrivateStream::ActiveOrders, 2, &[]);
    replace(&mut account, list::<Active>([falls.clone()]));
    assert_eq!(open(&account), Some(falls.clone()), "a snapshot overrides what was known before its dial");

    let mut account = self::account();
    let history = |account: &Account| current(account).history.unwrap().state().get("1").cloned();
    let completed = executed(100, 2, 0);
    replace(&mut account, list::<History>([]));
    update(&mut account, list::<History>([completed.clone()]));
    for reversed in [executed(99, 2, 1), executed(100, 1, 1), executed(100, 4, 1)] {
        assert!(!update(&mut account, list::<History>([reversed])));
        assert_eq!(history(&account), Some(completed.clone()));
    }
    connect(&mut account, PrivateStream::HistoryOrders, 2, &[]);
    assert!(update(&mut account, list::<History>([falls.clone()])), "another connection said otherwise");
    assert_eq!(history(&account), Some(falls));
}

#[test]
fn fault_51_an_end_that_the_history_reported_after_the_dial_holds() {
    let mut account = account();
    let (active, listed) = (PrivateStream::ActiveOrders, executed(0, 0, 0));
    let closed = executed(0, 4, 0);
    let is_open = |account: &Account| {
        current(account).open_orders.unwrap().state().get("1") == Some(&executed(0, 0, 0))
    };
    replace(&mut account, list::<History>([closed.clone()]));
    connect(&mut account, active, 1, std::slice::from_ref(&listed.id));
    replace(&mut account, list::<Active>([listed.clone()]));
    assert!(!is_open(&account));
    let overtaken = update(&mut account, list::<Active>([listed.clone()]));
    assert!(overtaken && !is_open(&account), "it was overtaken, which contradicts nothing");
    connect(&mut account, active, 2, &[]);
    update(&mut account, list::<History>([closed.clone()]));
    replace(&mut account, list::<Active>([listed.clone()]));
    assert!(!is_open(&account), "reported between the connection and its snapshot");
    connect(&mut account, active, 3, &[]);
    replace(&mut account, list::<Active>([listed.clone()]));
    assert!(is_open(&account));
    update(&mut account, list::<History>([closed]));
    connect(&mut account, active, 4, &[]);
    replace(&mut account, list::<Active>([]));
    assert!(update(&mut account, list::<Active>([listed])));
    assert!(is_open(&account), "an update is newer than the dial too, as of a snapshot in pieces");
}

#[test]
fn fault_52_a_trade_is_a_repeat_only_if_its_content_is() {
    let trade = |order: &str, match_id: &str| {
        let mut trade = Trade::new(order, TradeSide::Bid, "btc", "twd");
        trade.match_id = Some(match_id.into());
        trade
    };
    let mut trades = RecentTrades::new(1_000);
    let mut see = |id: &str, trade: Trade| {
        let mut event = Event::new(START, trade);
        event.event_id = Some(id.to_owned());
        trades.add(&event);
        trades.len()
    };
    assert_eq!(see("e", trade("1", "")), 1);
    assert_eq!(see("e", trade("1", "")), 1, "a repeat");
    assert_eq!(see("e", trade("2", "")), 2, "a different one under a known event id");
    assert_eq!(see("f", trade("2", "")), 3, "perhaps another one");
    assert_eq!(see("g", trade("3", "m")), 4);
    assert_eq!(see("h", trade("3", "m")), 4, "the same under a new event id");
}

#[test]
fn the_state_is_sure_only_from_a_snapshot_to_the_next_doubt() {
    let mut account = account();
    let balances = |amount: u32| Balances::from_iter([Balance::new("A", amount.into())]);
    update(&mut account, balances(1));
    assert!(current(&account).balances.is_none(), "an update alone is not the account");
    let is_sure = |account: &Account| !current(account).balances.unwrap().is_stale();
    let malformed = crate::Malformed { reason: crate::MalformedReason::Binary, raw: bytes::Bytes::new() };
    let error = crate::Error::new(crate::ErrorKind::Network, "gone");
    let gone = crate::Disconnected { error, retry_in: Duration::ZERO, refusals: None };
    for doubt in [Item::Malformed(malformed), Item::Disconnected(gone)] {
        replace(&mut account, balances(1));
        update(&mut account, balances(2));
        assert!(is_sure(&account));
        account.apply(PrivateStream::AccountBalance, &doubt);
        update(&mut account, balances(3));
        assert!(!is_sure(&account));
    }
    assert_eq!(current(&account).balances.unwrap().state().get("A").unwrap().amount.to_string(), "3");
}

#[test]
fn a_snapshot_forgets_what_it_does_not_name() {
    let mut account = account();
    let one = |currency: &str| Balance::new(currency, 1.into());
    replace(&mut account, Balances::from_iter([one("A"), one("B")]));
    replace(&mut account, Balances::from_iter([one("A")]));
    let balances = current(&account).balances.unwrap();
    assert_eq!((balances.state().len(), balances.state().get("B")), (1, None));
}
