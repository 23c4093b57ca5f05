//! Compares an order that was sent with the orders that the exchange lists.

use bitopro_model::{Order, OrderType};
use bitopro_rest::PlaceOrder;

/// Returns whether a listed order has the client id and the terms of this one.
pub(super) fn is_result(order: &PlaceOrder, listed: &Order) -> bool {
    listed.client_id == order.client_id() && has_terms_of(order, listed)
}

/// Returns whether a listed order has either the client id or the terms of this one, and the exchange may have left out
/// or changed the other.
pub(super) fn may_be_result(order: &PlaceOrder, listed: &Order) -> bool {
    let has_id = order.client_id().is_some() && listed.client_id == order.client_id();
    has_id || (listed.client_id.is_none() && has_terms_of(order, listed))
}

fn has_terms_of(order: &PlaceOrder, listed: &Order) -> bool {
    let has_type = match order.order_type() {
        // A stop-limit order becomes a limit order when it is triggered.
        OrderType::StopLimit => matches!(listed.order_type, OrderType::StopLimit | OrderType::Limit),
        order_type => listed.order_type == order_type,
    };
    let has_stop = listed.stop_price.is_none_or(|price| order.stop_price() == Some(price));
    has_type
        && has_stop
        && listed.pair == *order.pair()
        && listed.action == *order.action()
        && order.price().is_none_or(|price| listed.price == price)
        && (order.is_market_buy() || listed.original_amount == order.amount())
}
