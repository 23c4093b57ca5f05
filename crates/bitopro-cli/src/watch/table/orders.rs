use std::fmt::Display;

use bitopro_client::model::{Action, Event, Order, OrderStatus, OrderType, Orders, TimeInForce};

use super::text_table::{Row, Style, TextTable};
use super::{ABSENT, latest, time_or_date};

/// A heading and the orders of an event, those that changed last at the end.
pub(super) fn list<K>(event: &Event<Orders<K>>, body: Option<usize>, sheet: &mut TextTable<'_>) {
    heading(sheet);
    let mut orders: Vec<&Order> = event.data.iter().collect();
    orders.sort_by_key(|order| order.updated());
    let orders = latest(&orders, body, "orders", sheet);
    rows(event, orders.iter().copied(), sheet);
}

/// Some orders of an event, a row each.
pub(super) fn rows<'a, K>(
    event: &Event<Orders<K>>,
    orders: impl Iterator<Item = &'a Order>,
    sheet: &mut TextTable<'_>,
) {
    for order in orders {
        let time =
            order.updated().map_or_else(|| ABSENT.to_owned(), |time| time_or_date(time, event.timestamp));
        let line = sheet.row(&time);
        let line = start(line, &order.pair, &order.id, &order.action);
        // What a market order costs is known once it is executed.
        let executed_at = order.avg_execution_price.filter(|_| order.price.is_zero());
        let (style, status) = status(order);
        line.left(Style::Plain, 6, kind(order))
            .right(Style::Plain, 11, executed_at.unwrap_or(order.price))
            .right(Style::Plain, 19, executed(order))
            .cell(style, status)
            .end();
    }
}

fn heading(sheet: &mut TextTable<'_>) {
    let bold = Style::Bold;
    let line = sheet.heading().left(bold, 9, "PAIR").left(bold, 13, "ORDER").left(bold, 4, "SIDE");
    let line = line.left(bold, 6, "TYPE").right(bold, 11, "PRICE").right(bold, 19, "EXECUTED/OF");
    line.cell(bold, "STATUS").end();
}

/// Pair, order and side, in the columns that orders and trades share.
pub(super) fn start<'a>(line: Row<'a>, pair: &impl Display, id: &impl Display, action: &Action) -> Row<'a> {
    let (style, side) = match action {
        Action::Buy => (Style::Green, "buy"),
        Action::Sell => (Style::Red, "sell"),
        other => (Style::Plain, other.as_str()),
    };
    line.left(Style::Plain, 9, pair).left(Style::Dim, 13, id).left(style, 4, side)
}

fn kind(order: &Order) -> &str {
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

/// How much was executed of how much.
fn executed(order: &Order) -> String {
    let (executed, original) = (order.executed_amount, order.original_amount);
    if executed == original && !executed.is_zero() {
        // The same long number twice would only break the column.
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
        OrderStatus::CompletedPartialDeal => (Style::Cyan, "ended in part"),
        OrderStatus::Cancelled => (Style::Dim, "cancelled"),
        OrderStatus::PostOnlyCancelled => (Style::Yellow, "refused"),
        other => return (Style::Yellow, format!("status {}", other.code())),
    };
    let status = match (order.status, &order.condition, order.stop_price) {
        (OrderStatus::NotTriggered, Some(condition), Some(price)) => format!("stop {condition} {price}"),
        _ => status.to_owned(),
    };
    (style, status)
}
