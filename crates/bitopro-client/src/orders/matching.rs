//! Compares an order that was sent with the orders that the exchange lists.

use bitopro_model::{Condition, Order, OrderType, TimeInForce};
use bitopro_rest::PlaceOrder;

/// The degree to which a listed order fits an order that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// The listed order is another one.
    Different,
    /// The listed order is the one that was sent if the exchange has left out or changed some of it.
    Doubtful,
    /// The listed order has the client id and the terms of the one that was sent.
    Equal,
}

/// Compares an order that was sent with a listed order.
pub(super) fn fit(order: &PlaceOrder, listed: &Order) -> Fit {
    let terms = fit_of_terms(order, listed);
    match (order.client_id(), listed.client_id) {
        (None, None) => terms,
        (Some(sent), Some(listed)) if sent == listed => terms.max(Fit::Doubtful),
        (Some(_), None) => terms.min(Fit::Doubtful),
        (_, Some(_)) => Fit::Different,
    }
}

/// Compares the terms of the orders. Terms that are not listed are not compared.
fn fit_of_terms(order: &PlaceOrder, listed: &Order) -> Fit {
    let is_equal = listed.pair == *order.pair()
        && listed.action == *order.action()
        && order.price().is_none_or(|price| listed.price == price)
        && listed.stop_price.is_none_or(|price| order.stop_price() == Some(price))
        && (order.is_market_buy() || listed.original_amount == order.amount());
    if !is_equal {
        return Fit::Different;
    }
    fit_of_type(order, listed).min(fit_of_condition(order, listed)).min(fit_of_time_in_force(order, listed))
}

fn fit_of_type(order: &PlaceOrder, listed: &Order) -> Fit {
    match (order.order_type(), &listed.order_type) {
        (sent, listed) if sent == *listed => Fit::Equal,
        // A stop-limit order becomes a limit order when it is triggered. Only its stop price shows what it was.
        (OrderType::StopLimit, OrderType::Limit) if listed.stop_price.is_some() => Fit::Equal,
        (OrderType::StopLimit, OrderType::Limit) => Fit::Doubtful,
        _ => Fit::Different,
    }
}

fn fit_of_condition(order: &PlaceOrder, listed: &Order) -> Fit {
    match (order.condition(), &listed.condition) {
        (Some(_), Some(Condition::Unknown(_))) => Fit::Doubtful,
        (Some(sent), Some(listed)) if sent != listed => Fit::Different,
        _ => Fit::Equal,
    }
}

fn fit_of_time_in_force(order: &PlaceOrder, listed: &Order) -> Fit {
    match &listed.time_in_force {
        Some(TimeInForce::Unknown(_)) => Fit::Doubtful,
        Some(listed) if order.time_in_force() != *listed => Fit::Different,
        _ => Fit::Equal,
    }
}

#[cfg(test)]
mod tests {
    use bitopro_model::{Action, Condition, Order, OrderType, TimeInForce};
    use bitopro_rest::{PlaceOrder, Trigger};

    use super::{Fit, fit};

    fn listed(order_type: OrderType) -> Order {
        Order::new("1", "btc_twd", Action::Sell, order_type).with_price(9.into()).with_amount(1.into())
    }

    #[test]
    fn a_trigger_that_is_not_listed_is_not_compared_and_an_unknown_one_is_doubtful() {
        let order =
            PlaceOrder::stop_limit_sell("btc_twd", 1.into(), 9.into(), Trigger::at_or_below(10.into()));
        for (order_type, stop_price, condition, expected) in [
            (OrderType::StopLimit, Some(10), Some("<="), Fit::Equal),
            (OrderType::StopLimit, None, None, Fit::Equal),
            (OrderType::StopLimit, Some(10), Some("<"), Fit::Doubtful),
            (OrderType::StopLimit, Some(10), Some(">="), Fit::Different),
            (OrderType::StopLimit, Some(11), Some("<="), Fit::Different),
            (OrderType::Limit, Some(10), Some("<="), Fit::Equal),
            (OrderType::Limit, Some(10), None, Fit::Equal),
            (OrderType::Limit, None, None, Fit::Doubtful),
            (OrderType::Market, None, None, Fit::Different),
        ] {
            let mut listed = listed(order_type);
            listed.stop_price = stop_price.map(Into::into);
            listed.condition = condition.map(Condition::from);
            assert_eq!(fit(&order, &listed), expected, "{listed:?}");
        }
    }

    #[test]
    fn a_time_in_force_that_is_not_listed_is_not_compared_and_an_unknown_one_is_doubtful() {
        let post_only = PlaceOrder::post_only_sell("btc_twd", 1.into(), 9.into());
        let limit = PlaceOrder::limit_sell("btc_twd", 1.into(), 9.into());
        for (time_in_force, of_post_only, of_limit) in [
            (Some("POST_ONLY"), Fit::Equal, Fit::Different),
            (Some("GTC"), Fit::Different, Fit::Equal),
            (Some("FOK"), Fit::Doubtful, Fit::Doubtful),
            (None, Fit::Equal, Fit::Equal),
        ] {
            let mut listed = listed(OrderType::Limit);
            listed.time_in_force = time_in_force.map(TimeInForce::from);
            assert_eq!((fit(&post_only, &listed), fit(&limit, &listed)), (of_post_only, of_limit));
        }
    }
}
