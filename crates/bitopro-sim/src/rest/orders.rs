//! Reads and cancels orders.

use std::collections::BTreeMap;

use bitopro_model::{Order, OrderId, OrderStatus, Pair};
use serde_json::{Value, json};

use crate::rest::call::Call;
use crate::rest::refused::{invalid_body, unknown_order, wrong_parameter};
use crate::rest::{Reply, account, json};
use crate::{CommandError, DoneOrders, OpenOrderTimes, OrderQuery, OrderSelection};

/// Writes an order of the last 90 days.
pub(super) fn order(call: &Call<'_>) -> Reply {
    let pair = &call.pair()?.pair;
    let earliest = account::days_90_before(call.now);
    let order = call.shown_account().order(&OrderId::new(call.parameters.argument(1)));
    let is_shown = |order: &&Order| order.pair == *pair && order.created() >= Some(earliest);
    order.filter(is_shown).map(json::single_order).ok_or_else(unknown_order)
}

pub(super) fn open_orders(call: &Call<'_>) -> Reply {
    let pair = call.parameters.text("pair");
    let pair = pair.map(|pair| call.pair_named(pair)).transpose()?.map(|rules| &rules.pair);
    let mut orders: Vec<&Order> = call
        .shown_account()
        .open_orders()
        .filter(|order| pair.is_none_or(|pair| order.pair == *pair))
        .collect();
    // The last changed first, as documented.
    orders.sort_by_key(|order| std::cmp::Reverse(order.updated()));
    Ok(json::list(orders.into_iter().map(|order| json::listed_order(order, call.quirks.open_order_times))))
}

pub(super) fn order_history(call: &Call<'_>) -> Reply {
    let parameters = &call.parameters;
    let status = parameters.number("status", -1..=6)?;
    let selection = match (status, parameters.text("statusKind").unwrap_or("ALL")) {
        (Some(code), _) => OrderSelection::Status(OrderStatus::from(code)),
        (None, "ALL") => OrderSelection::All,
        (None, "OPEN") => OrderSelection::Open,
        (None, "DONE") if call.quirks.done_orders == DoneOrders::All => OrderSelection::Closed,
        (None, "DONE") => OrderSelection::Executed,
        _ => return Err(wrong_parameter("statusKind")),
    };
    let (start, end) = call.window()?;
    let has_window = !(selection == OrderSelection::Open && parameters.flag("ignoreTimeLimitEnable"));
    let query = OrderQuery {
        pair: Some(call.pair()?.pair.clone()),
        selection,
        client_id: parameters.number("clientId", 0..=u32::MAX)?.filter(|id| *id > 0),
        start: has_window.then_some(start),
        end: has_window.then_some(end),
        cursor: call.cursor("orderId").map(OrderId::new),
        limit: Some(account::limit(parameters)?),
    };
    let orders = call.shown_account().orders(&query).into_iter();
    Ok(json::list(orders.map(|order| json::listed_order(order, OpenOrderTimes::Milliseconds))))
}

pub(super) fn cancel(call: &mut Call<'_>) -> Reply {
    let pair = call.pair()?.pair.clone();
    let id = OrderId::new(call.parameters.argument(1));
    let order = call.open_order(&id).filter(|order| order.pair == pair);
    let order = order.ok_or_else(|| CommandError::NotOpen(id.clone()))?;
    call.cancel(&id)?;
    Ok(json!({
        "orderId": id.as_str(),
        "action": order.action.as_str(),
        "timestamp": call.now.as_millis(),
        "price": order.price.to_string(),
        "amount": order.original_amount.to_string(),
    }))
}

/// Cancels all open orders of the pair in the path, or of all pairs.
pub(super) fn cancel_all(call: &mut Call<'_>, of_pair: bool) -> Reply {
    let pair = if of_pair { Some(call.pair()?.pair.clone()) } else { None };
    let account = call.exchange.account_or_first(call.account);
    let orders = account.open_orders().filter(|order| pair.as_ref().is_none_or(|pair| order.pair == *pair));
    let ids: Vec<OrderId> = orders.map(|order| order.id.clone()).collect();
    cancelled(call, ids)
}

/// Cancels the orders in the body, which lists their ids by pair. Those that are not open are left out of the reply.
pub(super) fn cancel_many(call: &mut Call<'_>) -> Reply {
    let requested: BTreeMap<String, Vec<OrderId>> =
        serde_json::from_slice(call.body).map_err(|_| invalid_body())?;
    let mut ids = Vec::new();
    for (name, requested) in requested {
        let pair: Pair = call.pair_named(&name)?.pair.clone();
        ids.extend(
            requested.into_iter().filter(|id| call.open_order(id).is_some_and(|order| order.pair == pair)),
        );
    }
    cancelled(call, ids)
}

/// Cancels open orders, and writes their ids by pair in upper case.
fn cancelled(call: &mut Call<'_>, ids: Vec<OrderId>) -> Reply {
    let mut by_pair: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for id in ids {
        let Some(order) = call.open_order(&id) else { continue };
        call.cancel(&id)?;
        by_pair.entry(order.pair.as_str().to_ascii_uppercase()).or_default().push(id.as_str().into());
    }
    Ok(json!({ "data": by_pair }))
}

impl Call<'_> {
    fn open_order(&self, id: &OrderId) -> Option<Order> {
        let account = self.exchange.account_or_first(self.account);
        account.order(id).filter(|order| !order.is_final()).cloned()
    }

    fn cancel(&mut self, id: &OrderId) -> Result<(), CommandError> {
        self.pushes.extend(self.exchange.cancel_as(self.account, self.now, id)?);
        Ok(())
    }
}
