//! The changes that are derived from a sequence of items.

use bitopro_model::{Event, EventData, Order, OrderId, PrivateStream};

use super::super::orders::MISSING_CAPACITY;
use super::super::{Change, Changes, OrderChange};
use crate::item::{AccountItem, Connected, Item};
use crate::samples::{active, balances, history, order};
use crate::{OrderUpdates, Settings};

fn changes(order_updates: OrderUpdates) -> Changes {
    Changes::new(&Settings { order_updates, ..Settings::default() })
}

fn snapshot<D: EventData>(event: Event<D>) -> AccountItem {
    Item::Snapshot(event).into()
}

fn update<D: EventData>(event: Event<D>) -> AccountItem {
    Item::Update(event).into()
}

/// Summarizes changes: `opened 1`, `filled 1 +0.5 (gap)`, `TWD 2`.
fn summaries(changes: &[Change]) -> Vec<String> {
    let order = |event: &str, change: &OrderChange| {
        let executed = change.executed().filter(|executed| !executed.is_zero());
        let executed = executed.map(|executed| format!(" +{executed}")).unwrap_or_default();
        format!("{event} {}{executed}{}", change.order.id, if change.across_gap { " (gap)" } else { "" })
    };
    changes
        .iter()
        .map(|change| match change {
            Change::Balance(change) => {
                let by = change.by().map_or("?".to_owned(), |by| by.to_string());
                format!("{} {by}{}", change.currency, if change.across_gap { " (gap)" } else { "" })
            }
            Change::OrderOpened(change) => order("opened", change),
            Change::OrderTriggered(change) => order("triggered", change),
            Change::OrderPartiallyFilled(change) => order("partly filled", change),
            Change::OrderFilled(change) => order("filled", change),
            Change::OrderClosedPartiallyFilled(change) => order("closed partly filled", change),
            Change::OrderCancelled(change) => order("cancelled", change),
            Change::OrderRejectedPostOnly(change) => order("rejected", change),
            Change::OrderMissing(change) => order("missing", change),
        })
        .collect()
}

struct Watcher(Changes);

impl Watcher {
    /// Creates a watcher that has applied the first snapshots, in which these orders are open.
    fn with_open(orders: &[Order]) -> Self {
        let mut watcher = Self(changes(OrderUpdates::Changed));
        assert_eq!(watcher.apply(&snapshot(active(orders.iter().cloned()))), [""; 0]);
        assert_eq!(watcher.apply(&snapshot(history([]))), [""; 0]);
        watcher
    }

    fn apply(&mut self, item: &AccountItem) -> Vec<String> {
        summaries(&self.0.apply(item))
    }

    fn active(&mut self, orders: &[Order]) -> Vec<String> {
        self.apply(&update(active(orders.iter().cloned())))
    }

    fn history(&mut self, orders: &[Order]) -> Vec<String> {
        self.apply(&update(history(orders.iter().cloned())))
    }
}

#[test]
fn a_balance_changes_by_the_difference_to_the_last_known_one() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut apply = |item| summaries(&changes.apply(&item));
    assert_eq!(
        apply(update(balances(1, &[("TWD", "5")]))),
        [""; 0],
        "there is no earlier balance to compare with"
    );
    assert_eq!(apply(snapshot(balances(1, &[("TWD", "5.0"), ("BTC", "1")]))), [""; 0]);
    assert_eq!(apply(update(balances(1, &[("TWD", "7.25"), ("BTC", "1")]))), ["TWD 2.25"]);
    assert_eq!(apply(update(balances(1, &[("ETH", "0.1")]))), ["ETH 0.1"]);
    let later = snapshot(balances(1, &[("TWD", "7.25"), ("ETH", "0.3")]));
    assert_eq!(apply(later), ["BTC -1 (gap)", "ETH 0.2 (gap)"]);
}

#[test]
fn a_change_that_cannot_be_represented_exactly_has_no_amount() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut apply = |item| summaries(&changes.apply(&item));
    apply(snapshot(balances(1, &[("TWD", "79228162514264337593543950335")])));
    assert_eq!(apply(update(balances(1, &[("TWD", "0.0000000000000000000000000001")]))), ["TWD ?"]);
}

#[test]
fn every_change_of_an_order_is_reported_once_by_whichever_stream_is_first() {
    let mut watcher = Watcher::with_open(&[order("1", 0, "0", 1)]);
    assert_eq!(watcher.active(&[order("2", 0, "0", 2)]), ["opened 2"]);
    assert_eq!(watcher.active(&[order("2", 1, "0.25", 3)]), ["partly filled 2 +0.25"]);
    assert_eq!(watcher.active(&[order("2", 1, "0.25", 3)]), [""; 0], "a repetition is not a change");
    assert_eq!(watcher.history(&[order("2", 2, "1", 4)]), ["filled 2 +0.75"]);
    assert_eq!(
        watcher.active(&[order("2", 1, "0.25", 3)]),
        [""; 0],
        "the update was overtaken by the history"
    );
    assert_eq!(watcher.active(&[order("2", 2, "1", 4)]), [""; 0]);
    assert_eq!(watcher.active(&[order("1", 4, "0", 5)]), ["cancelled 1"]);
    assert_eq!(watcher.history(&[order("1", 4, "0", 5)]), [""; 0]);
    assert_eq!(
        watcher.active(&[order("3", 0, "0", 6), order("3", 3, "0.5", 7)]),
        ["opened 3", "closed partly filled 3 +0.5"]
    );
    assert_eq!(watcher.history(&[order("4", 6, "0", 8)]), ["rejected 4"]);
    assert_eq!(watcher.active(&[order("SL-5", -1, "0", 9)]), ["opened SL-5"]);
    assert_eq!(
        watcher.active(&[order("SL-5", 1, "0.5", 10)]),
        ["triggered SL-5 +0.5", "partly filled SL-5 +0.5"]
    );
    assert_eq!(
        watcher.active(&[order("6", 7, "0", 11)]),
        ["opened 6"],
        "a listed order is open, even if its status is unknown"
    );
}

#[test]
fn changes_during_a_gap_are_found_and_marked() {
    let mut watcher =
        Watcher::with_open(&[order("1", 0, "0", 1), order("2", 0, "0", 1), order("3", 0, "0", 1)]);
    let after = active([order("3", 1, "0.5", 5), order("4", 0, "0", 5)]);
    assert_eq!(
        watcher.apply(&snapshot(after)),
        ["missing 1 (gap)", "missing 2 (gap)", "partly filled 3 +0.5 (gap)", "opened 4 (gap)"]
    );
    assert_eq!(watcher.history(&[order("1", 2, "1", 4)]), ["filled 1 +1 (gap)"]);
    let list = history([order("1", 2, "1", 4), order("2", 4, "0", 4), order("9", 2, "1", 4)]);
    assert_eq!(watcher.apply(&snapshot(list)), ["cancelled 2 (gap)", "filled 9 +1 (gap)"]);
}

#[test]
fn an_order_that_was_closed_before_the_first_snapshots_is_not_a_change() {
    let mut changes = changes(OrderUpdates::Changed);
    let list = history([order("1", 2, "1", 1), order("2", 4, "0", 1)]);
    assert_eq!(summaries(&changes.apply(&snapshot(list))), [""; 0]);
    // The first snapshots of the two streams were made at different times: an order that the history has
    // closed remains closed.
    let open = active([order("2", 0, "0", 0), order("3", 0, "0", 0)]);
    assert_eq!(summaries(&changes.apply(&snapshot(open))), [""; 0]);
    let later = active([order("2", 0, "0", 1), order("3", 4, "0", 2)]);
    assert_eq!(summaries(&changes.apply(&update(later))), ["cancelled 3"]);
}

#[test]
fn only_an_order_that_was_open_in_the_first_snapshots_can_be_missing_from_the_next() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut apply = |item| summaries(&changes.apply(&item));
    let closed = history([order("1", 2, "1", 1)]);
    assert_eq!(apply(snapshot(closed)), [""; 0]);
    // Closed by the history, closed, open, and with an unknown status.
    let listed =
        active([order("1", 0, "0", 0), order("2", 4, "0", 0), order("3", 0, "0", 0), order("4", 7, "0", 0)]);
    assert_eq!(apply(snapshot(listed)), [""; 0]);
    let none = snapshot(active([]));
    assert_eq!(apply(none), ["missing 3 (gap)", "missing 4 (gap)"]);
}

#[test]
fn the_first_history_snapshot_closes_orders_that_were_observed_as_open() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut apply = |item| summaries(&changes.apply(&item));
    apply(snapshot(active([order("1", 0, "0", 1), order("2", 0, "0", 1)])));
    apply(snapshot(active([order("2", 0, "0", 1)])));
    let list = history([order("1", 2, "1", 2), order("2", 4, "0", 2), order("3", 2, "1", 0)]);
    assert_eq!(apply(snapshot(list)), ["filled 1 +1 (gap)", "cancelled 2 (gap)"]);
}

#[test]
fn fault_50_an_order_changes_by_arrival_and_progress_regardless_of_its_times() {
    let mut watcher = Watcher::with_open(&[order("1", 0, "0", 1_764_170_000_858)]);
    let apply = |watcher: &mut Watcher, executed, at| watcher.active(&[order("1", 1, executed, at)]);
    assert_eq!(
        apply(&mut watcher, "0.25", 1_764_170_000_000),
        ["partly filled 1 +0.25"],
        "truncated to seconds"
    );
    assert_eq!(apply(&mut watcher, "0.5", 1_764_170_000), ["partly filled 1 +0.25"], "in seconds");
    assert_eq!(apply(&mut watcher, "0.75", 7), ["partly filled 1 +0.25"], "earlier than before");
    assert_eq!(watcher.history(&[order("1", 2, "1", 3)]), ["filled 1 +0.25"]);
}

#[test]
fn fault_30_reversed_progress_is_not_a_change_and_later_changes_are_across_a_gap() {
    for reversed in [order("1", 1, "0.25", 9), order("2", 0, "0", 9)] {
        let mut watcher = Watcher::with_open(&[order("1", 1, "0.5", 1), order("2", 0, "0", 1)]);
        assert_eq!(watcher.active(&[order("2", 4, "0", 2)]), ["cancelled 2"]);
        assert_eq!(watcher.active(&[reversed]), [""; 0]);
        assert_eq!(watcher.active(&[order("1", 1, "0.75", 3)]), ["partly filled 1 +0.25 (gap)"]);
        watcher.apply(&snapshot(active([order("1", 1, "0.75", 3)])));
        assert_eq!(watcher.active(&[order("1", 2, "1", 4)]), ["filled 1 +0.25"]);
    }
}

/// Creates a connection of the open orders, during whose dial the history reported these orders as closed.
fn connected(closed_since_dial: &[&str]) -> AccountItem {
    AccountItem::new(
        PrivateStream::ActiveOrders,
        Item::Connected(Box::new(Connected {
            url: "wss://one/ws".parse().unwrap(),
            number: 2,
            dialed: crate::system::test_start(),
            closed_since_dial: closed_since_dial.iter().map(|id| OrderId::new(*id)).collect(),
        })),
    )
}

#[test]
fn fault_51_a_snapshot_reopens_an_order_unless_it_was_closed_after_the_dial() {
    let mut watcher =
        Watcher::with_open(&[order("1", 0, "0", 1), order("2", 0, "0", 1), order("3", 0, "0", 1)]);
    let closed = [order("1", 4, "0", 2), order("2", 4, "0", 2), order("3", 4, "0", 2)];
    assert_eq!(watcher.history(&closed), ["cancelled 1", "cancelled 2", "cancelled 3"]);
    assert_eq!(watcher.apply(&connected(&["2"])), [""; 0]);
    assert_eq!(watcher.history(&[order("3", 4, "0", 2)]), [""; 0]);
    let listed = active([order("1", 0, "0", 1), order("2", 0, "0", 1), order("3", 0, "0", 1)]);
    assert_eq!(watcher.apply(&snapshot(listed)), ["opened 1 (gap)"]);
}

#[test]
fn fault_51_an_open_status_in_the_history_is_ignored() {
    let mut watcher = Watcher::with_open(&[]);
    assert_eq!(watcher.history(&[order("1", 0, "0", 1)]), [""; 0]);
    assert_eq!(watcher.active(&[order("1", 0, "0", 1)]), ["opened 1"]);
}

#[test]
fn the_later_of_two_reports_with_the_same_time_wins() {
    let mut watcher = Watcher::with_open(&[order("1", 1, "0.25", 3)]);
    assert_eq!(watcher.active(&[order("1", 1, "0.5", 3)]), ["partly filled 1 +0.25"]);
}

#[test]
fn missing_orders_are_remembered_up_to_the_capacity() {
    for (count, first) in
        [(MISSING_CAPACITY, "filled 0000 +1 (gap)"), (MISSING_CAPACITY + 1, "filled 0000 +1")]
    {
        let orders: Vec<Order> = (0..count).map(|id| order(format!("{id:04}"), 0, "0", 1)).collect();
        let mut watcher = Watcher::with_open(&orders);
        watcher.apply(&snapshot(active([])));
        assert_eq!(watcher.history(&[order("0000", 2, "1", 2)]), [first], "{count} missing orders");
        assert_eq!(watcher.history(&[order("0001", 2, "1", 2)]), ["filled 0001 +1 (gap)"]);
    }
}

#[test]
fn an_order_that_is_not_listed_in_a_whole_pair_update_is_missing() {
    let mut changes = changes(OrderUpdates::WholePair);
    let mut apply = |item| summaries(&changes.apply(&item));
    apply(snapshot(active([order("1", 0, "0", 1), order("2", 0, "0", 1)])));
    assert_eq!(
        apply(update(active([order("2", 0, "0", 1), order("3", 0, "0", 2)]))),
        ["missing 1", "opened 3"]
    );
    // If the server sends only changed orders, open orders appear to be closed.
    let found = apply(update(active([order("1", 0, "0", 3)])));
    assert_eq!(found, ["missing 2", "missing 3", "opened 1"]);
}

#[test]
fn changes_after_a_malformed_message_are_across_a_gap_until_the_next_snapshot() {
    let malformed = || crate::Malformed { reason: crate::MalformedReason::Binary, raw: bytes::Bytes::new() };
    let mut watcher = Watcher::with_open(&[order("1", 0, "0", 1)]);
    watcher.apply(&snapshot(balances(1, &[("TWD", "5")])));
    for item in [
        AccountItem::new(PrivateStream::AccountBalance, Item::Malformed(Box::new(malformed()))),
        AccountItem::new(PrivateStream::ActiveOrders, Item::Malformed(Box::new(malformed()))),
        AccountItem::new(PrivateStream::HistoryOrders, Item::Malformed(Box::new(malformed()))),
    ] {
        assert_eq!(watcher.apply(&item), [""; 0]);
    }
    assert_eq!(watcher.active(&[order("1", 1, "0.5", 2)]), ["partly filled 1 +0.5 (gap)"]);
    assert_eq!(watcher.history(&[order("1", 2, "1", 3)]), ["filled 1 +0.5 (gap)"]);
    let change = update(balances(1, &[("TWD", "6")]));
    assert_eq!(watcher.apply(&change), ["TWD 1 (gap)"]);
    watcher.apply(&snapshot(balances(1, &[("TWD", "6")])));
    let change = update(balances(1, &[("TWD", "8")]));
    assert_eq!(watcher.apply(&change), ["TWD 2"]);
}

#[test]
fn an_order_in_the_history_with_an_unknown_status_is_closed() {
    let mut watcher = Watcher::with_open(&[order("1", 0, "0", 1)]);
    assert_eq!(watcher.history(&[order("1", 5, "0", 2)]), ["missing 1"]);
    assert_eq!(watcher.active(&[order("1", 0, "0", 1)]), [""; 0]);
    assert_eq!(watcher.active(&[order("2", 7, "0", 1), order("2", 0, "0", 2)]), ["opened 2"]);
}
