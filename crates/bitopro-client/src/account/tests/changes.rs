//! Changes that a sequence of items leads to.

use bitopro_model::{Event, EventData, Order, OrderId, PrivateStream};

use super::super::orders::MISSING;
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

/// The changes in short: `opened 1`, `filled 1 +0.5 (gap)`, `TWD +2`.
fn told(changes: &[Change]) -> Vec<String> {
    let order = |what: &str, change: &OrderChange| {
        let executed = change.executed().filter(|executed| !executed.is_zero());
        let executed = executed.map(|executed| format!(" +{executed}")).unwrap_or_default();
        format!("{what} {}{executed}{}", change.order.id, if change.across_gap { " (gap)" } else { "" })
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
            Change::OrderClosedPartiallyFilled(change) => order("ended partly filled", change),
            Change::OrderCancelled(change) => order("cancelled", change),
            Change::OrderRejectedPostOnly(change) => order("rejected", change),
            Change::OrderMissing(change) => order("missing", change),
        })
        .collect()
}

struct Watcher(Changes);

impl Watcher {
    /// Somebody who has seen the first snapshots, in which these orders were open.
    fn of(orders: &[Order]) -> Self {
        let mut watcher = Self(changes(OrderUpdates::Changed));
        assert_eq!(watcher.see(&snapshot(active(orders.iter().cloned()))), [""; 0]);
        assert_eq!(watcher.see(&snapshot(history([]))), [""; 0]);
        watcher
    }

    fn see(&mut self, item: &AccountItem) -> Vec<String> {
        told(&self.0.apply(item))
    }

    fn active(&mut self, orders: &[Order]) -> Vec<String> {
        self.see(&update(active(orders.iter().cloned())))
    }

    fn history(&mut self, orders: &[Order]) -> Vec<String> {
        self.see(&update(history(orders.iter().cloned())))
    }
}

#[test]
fn balances_change_by_what_was_seen() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut see = |item| told(&changes.apply(&item));
    assert_eq!(see(update(balances(1, &[("TWD", "5")]))), [""; 0], "nothing is known of before");
    assert_eq!(see(snapshot(balances(1, &[("TWD", "5.0"), ("BTC", "1")]))), [""; 0]);
    assert_eq!(see(update(balances(1, &[("TWD", "7.25"), ("BTC", "1")]))), ["TWD 2.25"]);
    assert_eq!(see(update(balances(1, &[("ETH", "0.1")]))), ["ETH 0.1"]);
    let later = snapshot(balances(1, &[("TWD", "7.25"), ("ETH", "0.3")]));
    assert_eq!(see(later), ["BTC -1 (gap)", "ETH 0.2 (gap)"]);
}

#[test]
fn a_change_that_cannot_be_held_exactly_is_not_told() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut see = |item| told(&changes.apply(&item));
    see(snapshot(balances(1, &[("TWD", "79228162514264337593543950335")])));
    assert_eq!(see(update(balances(1, &[("TWD", "0.0000000000000000000000000001")]))), ["TWD ?"]);
}

#[test]
fn the_life_of_an_order_is_told_once_whichever_stream_tells_it() {
    let mut watcher = Watcher::of(&[order("1", 0, "0", 1)]);
    assert_eq!(watcher.active(&[order("2", 0, "0", 2)]), ["opened 2"]);
    assert_eq!(watcher.active(&[order("2", 1, "0.25", 3)]), ["partly filled 2 +0.25"]);
    assert_eq!(watcher.active(&[order("2", 1, "0.25", 3)]), [""; 0], "the same again is no change");
    assert_eq!(watcher.history(&[order("2", 2, "1", 4)]), ["filled 2 +0.75"]);
    assert_eq!(watcher.active(&[order("2", 1, "0.25", 3)]), [""; 0], "it was overtaken by the history");
    assert_eq!(watcher.active(&[order("2", 2, "1", 4)]), [""; 0]);
    assert_eq!(watcher.active(&[order("1", 4, "0", 5)]), ["cancelled 1"]);
    assert_eq!(watcher.history(&[order("1", 4, "0", 5)]), [""; 0]);
    assert_eq!(
        watcher.active(&[order("3", 0, "0", 6), order("3", 3, "0.5", 7)]),
        ["opened 3", "ended partly filled 3 +0.5"]
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
        "listed, so open, whatever its status"
    );
}

#[test]
fn what_a_gap_hid_is_told_as_far_as_it_is_known() {
    let mut watcher = Watcher::of(&[order("1", 0, "0", 1), order("2", 0, "0", 1), order("3", 0, "0", 1)]);
    let back = active([order("3", 1, "0.5", 5), order("4", 0, "0", 5)]);
    let told = watcher.see(&snapshot(back));
    assert_eq!(
        told,
        ["missing 1", "missing 2", "partly filled 3 +0.5", "opened 4"].map(|told| format!("{told} (gap)"))
    );
    assert_eq!(watcher.history(&[order("1", 2, "1", 4)]), ["filled 1 +1 (gap)"]);
    let list = history([order("1", 2, "1", 4), order("2", 4, "0", 4), order("9", 2, "1", 4)]);
    let told = watcher.see(&snapshot(list));
    assert_eq!(told, ["cancelled 2 (gap)", "filled 9 +1 (gap)"]);
}

#[test]
fn what_ended_before_anybody_looked_is_no_change() {
    let mut changes = changes(OrderUpdates::Changed);
    let list = history([order("1", 2, "1", 1), order("2", 4, "0", 1)]);
    assert_eq!(told(&changes.apply(&snapshot(list))), [""; 0]);
    // The streams' first snapshots were made at different moments: what history has ended, stays so.
    let open = active([order("2", 0, "0", 0), order("3", 0, "0", 0)]);
    assert_eq!(told(&changes.apply(&snapshot(open))), [""; 0]);
    let later = active([order("2", 0, "0", 1), order("3", 4, "0", 2)]);
    assert_eq!(told(&changes.apply(&update(later))), ["cancelled 3"]);
}

#[test]
fn what_was_not_open_in_the_first_lists_cannot_be_missing_from_the_next() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut see = |item| told(&changes.apply(&item));
    let over = history([order("1", 2, "1", 1)]);
    assert_eq!(see(snapshot(over)), [""; 0]);
    // One that the history has, one that is closed, one that is open, and one whose status is not known.
    let listed =
        active([order("1", 0, "0", 0), order("2", 4, "0", 0), order("3", 0, "0", 0), order("4", 7, "0", 0)]);
    assert_eq!(see(snapshot(listed)), [""; 0]);
    let none = snapshot(active([]));
    assert_eq!(see(none), ["missing 3 (gap)", "missing 4 (gap)"]);
}

#[test]
fn history_s_first_list_tells_of_the_orders_that_were_seen_open() {
    let mut changes = changes(OrderUpdates::Changed);
    let mut see = |item| told(&changes.apply(&item));
    see(snapshot(active([order("1", 0, "0", 1), order("2", 0, "0", 1)])));
    see(snapshot(active([order("2", 0, "0", 1)])));
    let list = history([order("1", 2, "1", 2), order("2", 4, "0", 2), order("3", 2, "1", 0)]);
    assert_eq!(see(snapshot(list)), ["filled 1 +1 (gap)", "cancelled 2 (gap)"]);
}

#[test]
fn fault_50_an_order_changes_by_arrival_and_progress_whatever_its_times_say() {
    let mut watcher = Watcher::of(&[order("1", 0, "0", 1_764_170_000_858)]);
    let see = |watcher: &mut Watcher, executed, at| watcher.active(&[order("1", 1, executed, at)]);
    assert_eq!(see(&mut watcher, "0.25", 1_764_170_000_000), ["partly filled 1 +0.25"], "truncated");
    assert_eq!(see(&mut watcher, "0.5", 1_764_170_000), ["partly filled 1 +0.25"], "in seconds");
    assert_eq!(see(&mut watcher, "0.75", 7), ["partly filled 1 +0.25"], "stepped back");
    assert_eq!(watcher.history(&[order("1", 2, "1", 3)]), ["filled 1 +0.25"]);
}

#[test]
fn fault_30_progress_that_is_taken_back_is_no_change_and_makes_what_follows_unsure() {
    for reversed in [order("1", 1, "0.25", 9), order("2", 0, "0", 9)] {
        let mut watcher = Watcher::of(&[order("1", 1, "0.5", 1), order("2", 0, "0", 1)]);
        assert_eq!(watcher.active(&[order("2", 4, "0", 2)]), ["cancelled 2"]);
        assert_eq!(watcher.active(&[reversed]), [""; 0]);
        assert_eq!(watcher.active(&[order("1", 1, "0.75", 3)]), ["partly filled 1 +0.25 (gap)"]);
        watcher.see(&snapshot(active([order("1", 1, "0.75", 3)])));
        assert_eq!(watcher.active(&[order("1", 2, "1", 4)]), ["filled 1 +0.25"]);
    }
}

/// A connection of the open orders, during whose dial the history reported the end of these orders.
fn connected(ended_since_dial: &[&str]) -> AccountItem {
    AccountItem::new(
        PrivateStream::ActiveOrders,
        Item::Connected(Connected {
            url: "wss://one/ws".parse().unwrap(),
            number: 2,
            dialed: crate::system::test_start(),
            ended_since_dial: ended_since_dial.iter().map(|id| OrderId::new(*id)).collect(),
        }),
    )
}

#[test]
fn fault_51_a_snapshot_opens_an_order_again_unless_its_end_was_reported_after_the_dial() {
    let mut watcher = Watcher::of(&[order("1", 0, "0", 1), order("2", 0, "0", 1), order("3", 0, "0", 1)]);
    let ended = [order("1", 4, "0", 2), order("2", 4, "0", 2), order("3", 4, "0", 2)];
    assert_eq!(watcher.history(&ended), ["cancelled 1", "cancelled 2", "cancelled 3"]);
    assert_eq!(watcher.see(&connected(&["2"])), [""; 0]);
    assert_eq!(watcher.history(&[order("3", 4, "0", 2)]), [""; 0]);
    let listed = active([order("1", 0, "0", 1), order("2", 0, "0", 1), order("3", 0, "0", 1)]);
    assert_eq!(watcher.see(&snapshot(listed)), ["opened 1 (gap)"]);
}

#[test]
fn fault_51_an_order_in_the_history_that_is_open_says_nothing_about_open_orders() {
    let mut watcher = Watcher::of(&[]);
    assert_eq!(watcher.history(&[order("1", 0, "0", 1)]), [""; 0]);
    assert_eq!(watcher.active(&[order("1", 0, "0", 1)]), ["opened 1"]);
}

#[test]
fn of_two_reports_of_one_time_the_later_one_counts() {
    let mut watcher = Watcher::of(&[order("1", 1, "0.25", 3)]);
    assert_eq!(watcher.active(&[order("1", 1, "0.5", 3)]), ["partly filled 1 +0.25"]);
}

#[test]
fn what_is_missing_is_remembered_up_to_a_bound() {
    for (count, first) in [(MISSING, "filled 0000 +1 (gap)"), (MISSING + 1, "filled 0000 +1")] {
        let orders: Vec<Order> = (0..count).map(|id| order(format!("{id:04}"), 0, "0", 1)).collect();
        let mut watcher = Watcher::of(&orders);
        watcher.see(&snapshot(active([])));
        assert_eq!(watcher.history(&[order("0000", 2, "1", 2)]), [first], "of {count}");
        assert_eq!(watcher.history(&[order("0001", 2, "1", 2)]), ["filled 0001 +1 (gap)"]);
    }
}

#[test]
fn where_an_update_is_a_pair_s_whole_list_what_is_not_in_it_is_missing() {
    let mut changes = changes(OrderUpdates::WholePair);
    let mut see = |item| told(&changes.apply(&item));
    see(snapshot(active([order("1", 0, "0", 1), order("2", 0, "0", 1)])));
    assert_eq!(
        see(update(active([order("2", 0, "0", 1), order("3", 0, "0", 2)]))),
        ["missing 1", "opened 3"]
    );
    // As with a server of the other kind: what is taken for over, turns out not to be.
    let told = see(update(active([order("1", 0, "0", 3)])));
    assert_eq!(told, ["missing 2", "missing 3", "opened 1"]);
}

#[test]
fn after_a_message_that_could_not_be_read_nothing_is_sure_until_the_next_snapshot() {
    let malformed = || crate::Malformed { reason: crate::MalformedReason::Binary, raw: bytes::Bytes::new() };
    let mut watcher = Watcher::of(&[order("1", 0, "0", 1)]);
    watcher.see(&snapshot(balances(1, &[("TWD", "5")])));
    for item in [
        AccountItem::new(PrivateStream::AccountBalance, Item::Malformed(malformed())),
        AccountItem::new(PrivateStream::ActiveOrders, Item::Malformed(malformed())),
        AccountItem::new(PrivateStream::HistoryOrders, Item::Malformed(malformed())),
    ] {
        assert_eq!(watcher.see(&item), [""; 0]);
    }
    assert_eq!(watcher.active(&[order("1", 1, "0.5", 2)]), ["partly filled 1 +0.5 (gap)"]);
    assert_eq!(watcher.history(&[order("1", 2, "1", 3)]), ["filled 1 +0.5 (gap)"]);
    let change = update(balances(1, &[("TWD", "6")]));
    assert_eq!(watcher.see(&change), ["TWD 1 (gap)"]);
    watcher.see(&snapshot(balances(1, &[("TWD", "6")])));
    let change = update(balances(1, &[("TWD", "8")]));
    assert_eq!(watcher.see(&change), ["TWD 2"]);
}

#[test]
fn an_order_that_history_has_is_over_even_if_nobody_knows_how() {
    let mut watcher = Watcher::of(&[order("1", 0, "0", 1)]);
    assert_eq!(watcher.history(&[order("1", 5, "0", 2)]), ["missing 1"]);
    assert_eq!(watcher.active(&[order("1", 0, "0", 1)]), [""; 0]);
    assert_eq!(watcher.active(&[order("2", 7, "0", 1), order("2", 0, "0", 2)]), ["opened 2"]);
}
