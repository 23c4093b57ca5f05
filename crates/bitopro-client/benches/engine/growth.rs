//! The time of an update against the size of the state, and against the same while a reader holds the state.

use bitopro_client::OrderUpdates;
use bitopro_client::model::PrivateStream;
use bitopro_client::transport::Frame;

use crate::feed::Feed;
use crate::harness::Table;
use crate::messages;

const PAIR: &str = "usdt_twd";
/// The size that larger ones are compared with.
const SMALL: u64 = 20;

/// Creates a state of this size, and updates of it that keep its size.
type Create = fn(u64) -> (Feed, Box<dyn FnMut() -> Frame>);

/// Measures each kind of update.
pub(crate) fn compare(table: &Table) {
    let orders = [("orders", orders as Create), ("history", history), ("trades", trades)];
    for (kind, create) in orders.into_iter().chain([("whole-pair", whole_pair as Create)]) {
        for size in [1_000, 10_000] {
            compare_sizes(table, &format!("size/{kind}/{size}"), create, size);
        }
    }
    compare_held(table, "held/balances/150", balances, 150);
    for (kind, create) in orders {
        for size in [10, 1_000, 10_000] {
            compare_held(table, &format!("held/{kind}/{size}"), create, size);
        }
    }
}

fn compare_sizes(table: &Table, name: &str, create: Create, size: u64) {
    if table.measures(name) {
        let ((mut small, small_updates), (mut large, updates)) = (create(SMALL), create(size));
        let (small, large) = (move |frame| small.deliver(frame), move |frame| large.deliver(frame));
        table.compare_with_inputs(name, (small_updates, small), (updates, large));
    }
}

fn compare_held(table: &Table, name: &str, create: Create, size: u64) {
    if table.measures(name) {
        let ((mut free, free_updates), (mut held, updates)) = (create(size), create(size));
        let free = move |frame| {
            drop(free.current());
            free.deliver(frame);
        };
        let held = move |frame| {
            let current = held.current();
            held.deliver(frame);
            drop(current);
        };
        table.compare_with_inputs(name, (free_updates, free), (updates, held));
    }
}

/// Updates one of these balances.
fn balances(size: u64) -> (Feed, Box<dyn FnMut() -> Frame>) {
    let first = messages::balances(0, u32::try_from(size).expect("a small number"));
    let updates = counted(|count| messages::balances(count, 1));
    (Feed::new(PrivateStream::AccountBalance, |builder| builder, first), updates)
}

/// Updates one of these orders of one pair.
fn orders(size: u64) -> (Feed, Box<dyn FnMut() -> Frame>) {
    let orders = (0..size).map(|number| messages::order(number, PAIR, 0, 0)).collect();
    let first = messages::open_orders(0, &[(PAIR.to_owned(), orders)]);
    let updates = counted(move |count| {
        let order = messages::order(count * 7 % size, PAIR, 0, count);
        messages::open_orders(count, &[(PAIR.to_owned(), vec![order])])
    });
    (Feed::new(PrivateStream::ActiveOrders, |builder| builder, first), updates)
}

/// Updates the only order of its pair, with this number of orders of other pairs. An update lists every order of its
/// pair.
fn whole_pair(size: u64) -> (Feed, Box<dyn FnMut() -> Frame>) {
    let list = |seconds| (PAIR.to_owned(), vec![messages::order(0, PAIR, 0, seconds)]);
    let others = (0..20).map(|number| {
        let pair = format!("c{number}_twd");
        let orders =
            (0..size / 20).map(|order| messages::order(1 + number * size + order, &pair, 0, 0)).collect();
        (pair, orders)
    });
    let first = messages::open_orders(0, &others.chain([list(0)]).collect::<Vec<_>>());
    let updates = counted(move |count| messages::open_orders(count, &[list(count)]));
    let feed = Feed::new(
        PrivateStream::ActiveOrders,
        |builder| builder.with_order_updates(OrderUpdates::WholePair),
        first,
    );
    (feed, updates)
}

/// Closes orders, of which the state keeps this number.
fn history(size: u64) -> (Feed, Box<dyn FnMut() -> Frame>) {
    let mut updates = counted(|count| {
        let order = messages::order(count, PAIR, 4, count);
        messages::closed_orders(count, &[(PAIR.to_owned(), vec![order])])
    });
    let mut feed = Feed::new(
        PrivateStream::HistoryOrders,
        |builder| builder.with_closed_order_capacity(capacity(size)),
        messages::closed_orders(0, &[]),
    );
    (0..=size).for_each(|_| feed.deliver(updates()));
    (feed, updates)
}

/// Adds trades, of which the state keeps this number.
fn trades(size: u64) -> (Feed, Box<dyn FnMut() -> Frame>) {
    let mut updates = counted(|count| messages::trade(count, count));
    let mut feed = Feed::new(
        PrivateStream::UserTrades,
        |builder| builder.with_trade_capacity(capacity(size)),
        messages::trade(0, 0),
    );
    (0..=size).for_each(|_| feed.deliver(updates()));
    (feed, updates)
}

/// Returns the messages of 1, 2, 3 and so on.
fn counted(message: impl Fn(u64) -> String + 'static) -> Box<dyn FnMut() -> Frame> {
    let mut count = 0;
    Box::new(move || {
        count += 1;
        Frame::text(message(count))
    })
}

fn capacity(size: u64) -> usize {
    size.try_into().expect("a small number")
}
