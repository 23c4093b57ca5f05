//! The state that results from a sequence of items.

mod changes;
mod models;

use std::time::Duration;

use bitopro_model::{Event, EventData, Message, Order, OrderId, PrivateStream, Trade};

use super::recently_closed::Reporter;
use super::{Account, CurrentAccount, RecentlyClosed, TradeLog};
use crate::item::{Connected, Item};
use crate::samples::{active, balances, event, history, of_pair, order, trade, with_id};
use crate::{Malformed, MalformedReason, Settings};

/// Creates an account that keeps three closed orders and three trades.
fn account() -> Account {
    Account::new(&Settings { closed_order_capacity: 3, trade_capacity: 3, ..Settings::default() })
}

fn apply<D: EventData>(
    account: &mut Account,
    event: Event<D>,
    as_item: fn(Message) -> Item<Message>,
) -> bool {
    account.apply(D::STREAM, &as_item(event.into())).is_none()
}

/// Applies the snapshot of a connection.
fn replace<D: EventData>(account: &mut Account, event: Event<D>) {
    apply(account, event, Item::Snapshot);
}

/// Applies an update. Returns whether it is consistent with the earlier messages of the same connection.
fn update<D: EventData>(account: &mut Account, event: Event<D>) -> bool {
    apply(account, event, Item::Update)
}

/// Handles a new connection of a stream.
fn connect(account: &mut Account, stream: PrivateStream, number: u64, closed_since_dial: &[OrderId]) {
    let (url, dialed) = ("wss://one/ws".parse().unwrap(), crate::system::test_start());
    let connected = Connected { url, number, dialed, closed_since_dial: closed_since_dial.to_vec() };
    account.apply(stream, &Item::Connected(Box::new(connected)));
}

/// Returns the state, as if every stream had just delivered an event.
fn current(account: &Account) -> CurrentAccount {
    account.current(|_| Some(Duration::ZERO))
}

fn ids<'a>(orders: impl Iterator<Item = &'a Order>) -> Vec<&'a str> {
    orders.map(|order| order.id.as_str()).collect()
}

#[test]
fn the_number_of_balances_is_reported() {
    let mut account = account();
    replace(&mut account, balances::<u8>(1, &[]));
    let none = current(&account).balances.unwrap();
    assert!((none.state().len(), none.state().is_empty()) == (0, true));
    update(&mut account, balances(1, &[("BTC", 1), ("TWD", 1)]));
    let two = current(&account).balances.unwrap();
    assert!((two.state().len(), two.state().is_empty()) == (2, false));
}

#[test]
fn open_orders_are_counted_and_found_by_pair() {
    let mut account = account();
    replace(&mut account, active([]));
    let none = current(&account).open_orders.unwrap();
    assert!((none.state().len(), none.state().is_empty()) == (0, true));
    update(&mut account, active([order(1, 0, 0, 0), of_pair("eth_twd", order(2, 0, 0, 0))]));
    let two = current(&account).open_orders.unwrap();
    assert!((two.state().len(), two.state().is_empty()) == (2, false));
    assert_eq!(ids(two.state().of_pair("ETH_TWD")), ["2"]);
}

#[test]
fn the_latest_closed_orders_are_kept_up_to_the_capacity() {
    for (count, kept) in [(0, [].as_slice()), (2, &["0", "1"]), (3, &["0", "1", "2"]), (5, &["2", "3", "4"])]
    {
        let mut account = account();
        let orders = (0..count).map(|id| order(id, 2, 0, id));
        replace(&mut account, history(orders));
        let closed = current(&account).closed_orders.unwrap();
        assert_eq!(ids(closed.state().iter()), kept);
        assert!((closed.state().len(), closed.state().is_empty()) == (kept.len(), kept.is_empty()));
    }
}

#[test]
fn the_later_of_two_reports_with_the_same_time_wins() {
    let mut account = account();
    replace(&mut account, history([order(1, 2, 0, 0)]));
    let mut again = order(1, 2, 0, 0);
    again.fee = Some(7.into());
    update(&mut account, history([again]));
    assert_eq!(current(&account).closed_orders.unwrap().state().get("1").unwrap().fee, Some(7.into()));
}

#[test]
fn the_latest_trades_are_kept_up_to_the_capacity() {
    let mut account = account();
    connect(&mut account, PrivateStream::UserTrades, 1, &[]);
    assert!(current(&account).trades.unwrap().state().is_empty());
    for (id, kept) in [(0, ["0"].as_slice()), (1, &["0", "1"]), (2, &["0", "1", "2"]), (3, &["1", "2", "3"])]
    {
        update(&mut account, event(1, trade(id, id)));
        let trades = current(&account).trades.unwrap();
        assert_eq!(trades.state().iter().map(|trade| trade.data.order_id.as_str()).collect::<Vec<_>>(), kept);
        assert!((trades.state().len(), trades.state().is_empty()) == (kept.len(), false));
    }
}

#[test]
fn the_oldest_recently_closed_order_is_forgotten_beyond_the_capacity() {
    let mut closed = RecentlyClosed::default();
    let id = |number: usize| OrderId::from(number.to_string().as_str());
    (0..RecentlyClosed::CAPACITY).for_each(|number| closed.insert(&id(number), Reporter::HistoryOrders));
    assert!(closed.contains(&id(0)));
    closed.insert(&id(RecentlyClosed::CAPACITY), Reporter::ActiveOrders);
    assert!(
        !closed.contains(&id(0)) && closed.contains(&id(1)) && closed.contains(&id(RecentlyClosed::CAPACITY))
    );
}

#[test]
fn fault_50_the_later_message_wins_regardless_of_its_times() {
    // Complete, repeated, truncated to seconds, in seconds, and earlier than before.
    let start = 1_767_225_600_000;
    for updated in [start + 858, start + 858, start, start / 1_000, start - 5_000] {
        let (mut open, mut closed) = (account(), account());
        replace(&mut open, active([order(1, 0, "0", start + 858)]));
        replace(&mut closed, history([order(1, 0, "0", start + 858)]));
        let later = order(1, 1, "0.40", updated);
        assert!(update(&mut open, active([later.clone()])), "{updated}");
        assert!(update(&mut closed, history([later.clone()])), "{updated}");
        assert_eq!(current(&open).open_orders.unwrap().state().get("1"), Some(&later), "{updated}");
        assert_eq!(current(&closed).closed_orders.unwrap().state().get("1"), Some(&later), "{updated}");
    }
}

#[test]
fn fault_30_an_update_that_reverses_progress_is_not_applied() {
    let (known, reversed) = (order(1, 1, "0.40", 0), order(1, 1, "0.39", 1));
    let mut account = account();
    let open = |account: &Account| current(account).open_orders.unwrap().state().get("1").cloned();
    replace(&mut account, active([known.clone()]));
    assert!(!update(&mut account, active([reversed.clone()])));
    assert_eq!(open(&account), Some(known.clone()));
    assert!(current(&account).open_orders.unwrap().is_stale());
    assert!(update(&mut account, active([order(1, 2, "1", 2)])) && open(&account).is_none());
    assert!(
        !update(&mut account, active([known])) && open(&account).is_none(),
        "a closed order is listed as open"
    );
    replace(&mut account, active([reversed.clone()]));
    assert!(open(&account).is_none(), "this connection reported the order as closed");
    connect(&mut account, PrivateStream::ActiveOrders, 2, &[]);
    replace(&mut account, active([reversed.clone()]));
    assert_eq!(open(&account), Some(reversed.clone()), "a snapshot overrides what was known before its dial");

    let mut account = self::account();
    let known = |account: &Account| current(account).closed_orders.unwrap().state().get("1").cloned();
    let completed = order(1, 2, "1", 0);
    replace(&mut account, history([]));
    update(&mut account, history([completed.clone()]));
    for contradiction in [order(1, 2, "0.99", 1), order(1, 1, "1", 1), order(1, 4, "1", 1)] {
        assert!(!update(&mut account, history([contradiction])));
        assert_eq!(known(&account), Some(completed.clone()));
    }
    connect(&mut account, PrivateStream::HistoryOrders, 2, &[]);
    assert!(
        update(&mut account, history([reversed.clone()])),
        "the earlier report was from another connection"
    );
    assert_eq!(known(&account), Some(reversed));
}

#[test]
fn fault_51_a_snapshot_does_not_reopen_an_order_that_the_history_closed_after_the_dial() {
    let mut account = account();
    let (stream, listed) = (PrivateStream::ActiveOrders, order(1, 0, "0", 0));
    let closed = order(1, 4, "0", 0);
    let is_open = |account: &Account| {
        current(account).open_orders.unwrap().state().get("1") == Some(&order(1, 0, "0", 0))
    };
    replace(&mut account, history([closed.clone()]));
    connect(&mut account, stream, 1, std::slice::from_ref(&listed.id));
    replace(&mut account, active([listed.clone()]));
    assert!(!is_open(&account));
    let overtaken = update(&mut account, active([listed.clone()]));
    assert!(overtaken && !is_open(&account), "an overtaken update is ignored and is not a contradiction");
    connect(&mut account, stream, 2, &[]);
    update(&mut account, history([closed.clone()]));
    replace(&mut account, active([listed.clone()]));
    assert!(!is_open(&account), "the order was closed between the connection and its snapshot");
    connect(&mut account, stream, 3, &[]);
    replace(&mut account, active([listed.clone()]));
    assert!(is_open(&account));
    update(&mut account, history([closed]));
    connect(&mut account, stream, 4, &[]);
    replace(&mut account, active([]));
    assert!(update(&mut account, active([listed])));
    assert!(
        is_open(&account),
        "an update is newer than the dial as well, such as a part of a split snapshot"
    );
}

#[test]
fn fault_52_a_trade_is_a_repeat_only_if_its_content_is_the_same() {
    let mut trades = TradeLog::new(1_000);
    let mut count_after = |id: &str, trade: Trade| {
        trades.add(&with_id(id, event(1, trade)));
        trades.trades().len()
    };
    assert_eq!(count_after("e", trade("1", "")), 1);
    assert_eq!(count_after("e", trade("1", "")), 1, "a repeat");
    assert_eq!(count_after("e", trade("2", "")), 2, "a different trade in an event with a known id");
    assert_eq!(count_after("f", trade("2", "")), 3, "an equal trade without a match id in another event");
    assert_eq!(count_after("g", trade("3", "m")), 4);
    assert_eq!(count_after("h", trade("3", "m")), 4, "the same trade in another event");
}

#[test]
fn a_state_is_fresh_from_a_snapshot_until_something_may_be_missed() {
    let mut account = account();
    update(&mut account, balances(1, &[("A", 1)]));
    assert!(current(&account).balances.is_none(), "an update without a snapshot is not a state");
    let is_fresh = |account: &Account| !current(account).balances.unwrap().is_stale();
    let malformed = Malformed { reason: MalformedReason::Binary, raw: bytes::Bytes::new() };
    let error = crate::Error::new(crate::ErrorKind::Network, "connection reset");
    let disconnected = crate::Disconnected { error, retry_in: Duration::ZERO, refusals: None, repeats: 1 };
    for item in [Item::Malformed(Box::new(malformed)), Item::Disconnected(Box::new(disconnected))] {
        replace(&mut account, balances(1, &[("A", 1)]));
        update(&mut account, balances(1, &[("A", 2)]));
        assert!(is_fresh(&account));
        account.apply(PrivateStream::AccountBalance, &item);
        update(&mut account, balances(1, &[("A", 3)]));
        assert!(!is_fresh(&account));
    }
    assert_eq!(current(&account).balances.unwrap().state().get("A").unwrap().amount.to_string(), "3");
}

#[test]
fn a_snapshot_removes_the_balances_that_it_does_not_list() {
    let mut account = account();
    replace(&mut account, balances(1, &[("A", 1), ("B", 1)]));
    replace(&mut account, balances(1, &[("A", 1)]));
    let balances = current(&account).balances.unwrap();
    assert_eq!((balances.state().len(), balances.state().get("B")), (1, None));
}
