use std::fmt::Display;

use bitopro_client::model::{Action, Event, Order, OrderStatus, OrderType, Orders, TimeInForce};

use super::text_table::{Row, Style, TextTable};
use super::{ABSENT, latest, time_or_date};

/// Prints the complete table of the orders of an event, the most recently updated one last.
pub(super) fn table<K>(event: &Event<Orders<K>>, body: Option<usize>, out: &mut TextTable<'_>) {
    heading(out);
    let mut orders: Vec<&Order> = event.data.iter().collect();
    orders.sort_by_key(|order| order.updated());
    let orders = latest(&orders, body, "orders", out);
    rows(event, orders.iter().copied(), out);
}

/// Prints one row for each of these orders of an event.
pub(super) fn rows<'a, K>(
    event: &Event<Orders<K>>,
    orders: impl Iterator<Item = &'a Order>,
    out: &mut TextTable<'_>,
) {
    for order in orders {
        let time =
            order.updated().map_or_else(|| ABSENT.to_owned(), |time| time_or_date(time, event.timestamp));
        let line = out.row(&time);
        let line = shared_cells(line, &order.pair, &order.id, &order.action);
        // A market order has no price, only an average one once it is executed.
        let average_price = order.avg_execution_price.filter(|_| order.price.is_zero());
        let (style, status) = status(order);
        line.left(Style::Plain, 6, type_name(order))
            .right(Style::Plain, 11, average_price.unwrap_or(order.price))
            .right(Style::Plain, 19, executed(order))
            .cell(style, status)
            .end();
    }
}

fn heading(out: &mut TextTable<'_>) {
    let bold = Style::Bold;
    let line = out.heading().left(bold, 9, "PAIR").left(bold, 13, "ORDER").left(bold, 4, "SIDE");
    let line = line.left(bold, 6, "TYPE").right(bold, 11, "PRICE").right(bold, 19, "EXECUTED/AMOUNT");
    line.cell(bold, "STATUS").end();
}

/// Adds the cells that the rows of orders and trades share: pair, order id and side.
pub(super) fn shared_cells<'a>(
    line: Row<'a>,
    pair: &impl Display,
    id: &impl Display,
    action: &Action,
) -> Row<'a> {
    let (style, side) = match action {
        Action::Buy => (Style::Green, "buy"),
        Action::Sell => (Style::Red, "sell"),
        other => (Style::Plain, other.as_str()),
    };
    line.left(Style::Plain, 9, pair).left(Style::Dim, 13, id).left(style, 4, side)
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
        // Avoids a cell with the same long number twice, which would exceed the column.
        format!("all/{original}")
    } else {
        format!("{executed}/{original}")
    }
}

fn status(order: &Order) -> (Style, String) {
    let (style, status) = match order.status {
        OrderStatus::NotTriggered => (Style::Dim, "not triggered"),
        OrderStatus::InProgress => (Style::Plain, "open"),
        OrderStatus::InProgressPartialDeal => (Style::Cyan, "partly filled"),
        OrderStatus::Completed => (Style::Green, "filled"),
        OrderStatus::CompletedPartialDeal => (Style::Cyan, "closed, partial"),
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
