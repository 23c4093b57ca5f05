use std::fmt::Display;

use bitopro_client::model::{Action, Order, OrderStatus, OrderType, TimeInForce, Timestamp};

use super::grid::{Cell, Column, Row};
use super::{ABSENT, RowFormat, Section, Style, latest};

/// The columns of orders and trades: time, stream, pair, order, side, type, price, amount and status.
pub(crate) const COLUMNS: &[Column] = &[
    Column::LEFT.with_rank(Column::MAIN),
    Column::LEFT.with_rank(3),
    Column::LEFT,
    Column::LEFT.with_rank(2),
    Column::LEFT.with_rank(Column::MAIN + 3),
    Column::LEFT.with_rank(1),
    Column::NUMBER.with_rank(Column::MAIN + 2),
    Column::RIGHT,
    Column::LEFT.with_rank(Column::MAIN + 1),
];

const NAMES: &[&str] = &["PAIR", "ORDER", "SIDE", "TYPE", "PRICE", "EXECUTED/AMOUNT", "STATUS"];

/// Returns the complete table of orders, the most recently updated one last.
pub(crate) fn section<'a>(
    now: Timestamp,
    orders: impl IntoIterator<Item = &'a Order>,
    body: Option<usize>,
    format: &RowFormat<'_>,
) -> Section {
    let mut orders: Vec<&Order> = orders.into_iter().collect();
    orders.sort_by_key(|order| order.updated());
    let (orders, note_above) = latest(&orders, body, "orders");
    let rows = rows(now, orders.iter().copied(), format);
    let heading = format.heading(&format.look.time_heading(now), NAMES);
    Section { heading, rows, note_above, note_below: None }
}

/// Returns one row for each of these orders.
pub(crate) fn rows<'a>(
    now: Timestamp,
    orders: impl IntoIterator<Item = &'a Order>,
    format: &RowFormat<'_>,
) -> Vec<Row> {
    let row = |order: &Order| {
        let updated = order.updated();
        let time = updated.map_or_else(|| ABSENT.to_owned(), |time| format.time(time, now));
        // A market order has no price, only an average one once it is executed.
        let average_price = order.avg_execution_price.filter(|_| order.price.is_zero());
        let (style, status) = status(order);
        let cells = [
            Cell::plain(&type_name(order)),
            Cell::plain(&average_price.unwrap_or(order.price)),
            Cell::plain(&executed(order)),
            Cell::new(style, &status),
        ];
        format.row(&time, shared_cells(&order.pair, &order.id, &order.action).into_iter().chain(cells))
    };
    orders.into_iter().map(row).collect()
}

/// Returns the cells that the rows of orders and trades share: pair, order id and side.
pub(crate) fn shared_cells(pair: &impl Display, id: &impl Display, action: &Action) -> [Cell; 3] {
    [Cell::plain(pair), Cell::new(Style::Dim, id), side(action)]
}

/// Returns the cell of a side.
pub(crate) fn side(action: &Action) -> Cell {
    match action {
        Action::Buy => Cell::new(Style::Green, &"buy"),
        Action::Sell => Cell::new(Style::Red, &"sell"),
        other => Cell::plain(&other.as_str()),
    }
}

fn type_name(order: &Order) -> &str {
    match &order.order_type {
        OrderType::Limit if order.time_in_force == Some(TimeInForce::PostOnly) => "post",
        OrderType::Limit => "limit",
        OrderType::Market => "market",
        OrderType::StopLimit => "stop",
        OrderType::SpOcoStopLimit => "sp oco",
        OrderType::SlOcoStopLimit => "sl oco",
        other => other.as_str(),
    }
}

/// Returns the executed and the original amount.
fn executed(order: &Order) -> String {
    let (executed, original) = (order.executed_amount, order.original_amount);
    if executed == original && !executed.is_zero() {
        // Avoids a cell with the same long number twice.
        format!("all/{original}")
    } else {
        format!("{executed}/{original}")
    }
}

fn status(order: &Order) -> (Style, String) {
    let (style, status) = match order.status {
        OrderStatus::NotTriggered => (Style::Dim, "not triggered"),
        OrderStatus::InProgress => (Style::Plain, "open"),
        OrderStatus::InProgressPartialDeal => (Style::Cyan, "partial"),
        OrderStatus::Completed => (Style::Green, "filled"),
        OrderStatus::CompletedPartialDeal => (Style::Cyan, "closed"),
        OrderStatus::Cancelled => (Style::Dim, "cancelled"),
        OrderStatus::PostOnlyCancelled => (Style::Yellow, "rejected"),
        other => return (Style::Yellow, format!("status {}", other.code())),
    };
    let status = match (order.status, &order.condition, order.stop_price) {
        (OrderStatus::NotTriggered, Some(condition), Some(price)) => format!("stop {condition} {price}"),
        _ => status.to_owned(),
    };
    (style, status)
}
