//! Builders of orders, balances and trades for the unit tests. The integration tests, the benchmark and the
//! fuzz targets include this file too.
#![allow(dead_code, reason = "each crate that includes this file uses only a part of it")]
#![allow(clippy::needless_pass_by_value, reason = "ids and amounts may be numbers or strings")]

use bitopro_model::{
    AccountBalance, Action, ActiveOrders, Balance, Decimal, Event, EventData, EventId, HistoryOrders, Order,
    OrderStream, OrderType, Orders, Pair, Timestamp, Trade, TradeSide, UnixSeconds, parse_decimal,
};

fn decimal(number: impl ToString) -> Decimal {
    parse_decimal(&number.to_string()).expect("a number")
}

/// Creates an event with this time, in Unix milliseconds.
pub(crate) fn event<D: EventData>(at: i64, data: D) -> Event<D> {
    Event::new(Timestamp::from_millis(at), data)
}

/// Sets the id of an event.
pub(crate) fn with_id<D>(id: impl Into<EventId>, mut event: Event<D>) -> Event<D> {
    event.event_id = Some(id.into());
    event
}

/// Returns the JSON of an event.
pub(crate) fn text<D: EventData>(event: &Event<D>) -> String {
    serde_json::to_string(event).expect("an event serializes to JSON")
}

/// Creates a balance message with these amounts by currency.
pub(crate) fn balances<A: ToString>(at: i64, amounts: &[(&str, A)]) -> AccountBalance {
    let each = amounts.iter().map(|(currency, amount)| Balance::new(*currency, decimal(amount.to_string())));
    event(at, each.collect())
}

/// Returns the JSON of a balance message with this amount of TWD.
pub(crate) fn balance(amount: impl ToString, at: i64) -> String {
    text(&balances(at, &[("TWD", amount)]))
}

/// Creates an order to sell 1 SOL at 107 USDT, with a status, an executed amount and the time of its last
/// change.
pub(crate) fn order(id: impl ToString, status: i64, executed: impl ToString, updated: i64) -> Order {
    let mut order = Order::new(id.to_string(), "sol_usdt", Action::Sell, OrderType::Limit)
        .with_price(107.into())
        .with_amount(1.into())
        .with_created(Timestamp::from_millis(updated));
    (order.status, order.executed_amount) = (status.into(), decimal(executed));
    order
}

/// Sets the pair of an order.
pub(crate) fn of_pair(pair: impl Into<Pair>, mut order: Order) -> Order {
    order.pair = pair.into();
    order
}

/// Creates a message of either order stream.
pub(crate) fn orders<K: OrderStream>(orders: impl IntoIterator<Item = Order>) -> Event<Orders<K>> {
    event(1, orders.into_iter().collect())
}

/// Creates a message of open orders.
pub(crate) fn active(open: impl IntoIterator<Item = Order>) -> ActiveOrders {
    orders(open)
}

/// Creates a message of closed orders.
pub(crate) fn history(closed: impl IntoIterator<Item = Order>) -> HistoryOrders {
    orders(closed)
}

/// Creates a trade of an order that sells 1 USDT at 32.039 TWD.
pub(crate) fn trade(order_id: impl ToString, match_id: impl ToString) -> Trade {
    let mut trade = Trade::new(order_id.to_string(), TradeSide::Ask, "usdt", "twd")
        .with_price(Decimal::new(32_039, 3))
        .with_volume(1.into())
        .with_matched(UnixSeconds::from_secs(1));
    trade.match_id = Some(match_id.to_string().into());
    trade
}
