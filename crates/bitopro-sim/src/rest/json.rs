//! Records as the REST API writes them.

use bitopro_model::{Decimal, Order, OrderId, Timestamp};
use serde_json::{Map, Value, json};

use crate::exchange::account::transfer::Transfer;
use crate::{OpenOrderTimes, PlacedOrderIds, TradeRecord};

pub(crate) fn list(records: impl IntoIterator<Item = Value>) -> Value {
    json!({ "data": records.into_iter().collect::<Vec<_>>() })
}

/// Writes a number with 8 decimals, as the exchange does in public data. Further ones, which the rules of the pairs do not
/// allow, are rounded.
pub(crate) fn with_8_decimals(mut number: Decimal) -> String {
    number.rescale(8);
    number.to_string()
}

/// Writes an order of a list.
pub(crate) fn listed_order(order: &Order, times: OpenOrderTimes) -> Value {
    let mut fields = order_fields(order);
    // Only a single order has it.
    fields.remove("timestamp");
    if times == OpenOrderTimes::Seconds {
        for name in ["createdTimestamp", "updatedTimestamp"] {
            if let Some(time) = fields.get_mut(name) {
                *time = time.as_i64().map(|millis| millis.div_euclid(1_000)).into();
            }
        }
    }
    fields.into()
}

pub(crate) fn single_order(order: &Order) -> Value {
    order_fields(order).into()
}

/// Returns the fields of the streams, with another name for the client's id.
fn order_fields(order: &Order) -> Map<String, Value> {
    // Writing an order to JSON cannot fail.
    let mut fields = match serde_json::to_value(order) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    if let Some(client_id) = fields.remove("clientID") {
        fields.insert("clientId".to_owned(), client_id);
    }
    fields
}

/// Writes the id of a placed order. Only an id of digits can be a number.
pub(crate) fn placed_id(id: &OrderId, ids: PlacedOrderIds) -> Value {
    let number = id.as_str().parse::<u64>().ok().filter(|_| ids == PlacedOrderIds::Numbers);
    number.map_or_else(|| id.as_str().into(), Value::from)
}

pub(crate) fn trade(record: &TradeRecord) -> Value {
    let trade = &record.trade;
    json!({
        "tradeId": record.id,
        "orderId": trade.order_id.as_str(),
        "price": trade.price.to_string(),
        "action": trade.action().as_str(),
        "baseAmount": trade.volume.to_string(),
        "quoteAmount": record.quote_amount.to_string(),
        "fee": trade.fee.to_string(),
        "feeSymbol": trade.fee_currency.as_str(),
        "isTaker": record.is_taker(),
        "timestamp": record.created.as_millis(),
        "createdTimestamp": record.created.as_millis(),
    })
}

pub(crate) fn transfer(transfer: &Transfer) -> Value {
    let amount = transfer.amount.abs().to_string();
    json!({
        "serial": format!("SIM{:017}", transfer.number),
        "timestamp": transfer.time.as_millis().to_string(),
        "address": "simulated",
        "amount": amount,
        "fee": "0",
        "total": amount,
        "status": "COMPLETE",
        "txid": "",
        "protocol": "MAIN",
        "id": transfer.number.to_string(),
    })
}

pub(crate) fn seconds(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(1_000)
}
