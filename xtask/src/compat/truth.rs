//! The simulator's books in the words of the exchange's documentation, written by hand. Every field must be there
//! and no other, and numbers are compared as the texts that they are.

use anyhow::ensure;
use bitopro_model::{Balance, Order, PrivateStream, Trade};
use bitopro_sim::Simulator;
use serde_json::{Value, json};

use super::book::Entries;

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
pub(super) fn balances(simulator: &Simulator) -> anyhow::Result<Entries> {
    Ok(simulator.balances().values().map(|held| (held.currency.to_string(), balance(held))).collect())
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
pub(super) fn open_orders(simulator: &Simulator) -> anyhow::Result<Entries> {
    Ok(by_id(&simulator.open_orders()))
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
pub(super) fn history(simulator: &Simulator) -> anyhow::Result<Entries> {
    Ok(by_id(&simulator.history()))
}

/// The trades that were sent to somebody. What was traded while nobody listened is never sent.
pub(super) fn trades(simulator: &Simulator) -> anyhow::Result<Entries> {
    let (all, sent) = (simulator.trades(), simulator.sent());
    let sent: Vec<_> = sent.iter().filter(|sent| sent.stream == PrivateStream::UserTrades).collect();
    ensure!(all.len() == sent.len(), "{} trades and {} events of them", all.len(), sent.len());
    let heard = all.iter().zip(sent).filter(|(_, sent)| sent.sockets > 0);
    Ok(heard.map(|(done, _)| (done.match_id.to_string(), trade(done))).collect())
}

fn by_id(orders: &[Order]) -> Entries {
    orders.iter().map(|placed| (placed.id.to_string(), order(placed))).collect()
}

fn balance(balance: &Balance) -> Value {
    json!({
        "currency": balance.currency.as_str(),
        "amount": balance.amount.to_string(),
        "available": balance.available.to_string(),
        "stake": balance.stake.to_string(),
        "tradable": balance.tradable,
    })
}

fn order(order: &Order) -> Value {
    let mut fields = json!({
        "id": order.id.as_str(),
        "pair": order.pair.as_str(),
        "price": order.price.to_string(),
        "avgExecutionPrice": order.avg_execution_price.to_string(),
        "action": order.action.as_str(),
        "type": order.order_type.as_str(),
        "timestamp": order.timestamp.as_millis(),
        "status": order.status.code(),
        "originalAmount": order.original_amount.to_string(),
        "remainingAmount": order.remaining_amount.to_string(),
        "executedAmount": order.executed_amount.to_string(),
        "fee": order.fee.to_string(),
        "feeSymbol": order.fee_symbol.as_str(),
        "bitoFee": order.bito_fee.to_string(),
        "total": order.total.to_string(),
        "seq": order.seq.as_str(),
        "timeInForce": order.time_in_force.as_str(),
    });
    let optional = [
        ("updatedTimestamp", order.updated_timestamp.map(|time| json!(time.as_millis()))),
        ("createdTimestamp", order.created_timestamp.map(|time| json!(time.as_millis()))),
        ("stopPrice", order.stop_price.map(|price| json!(price.to_string()))),
        ("condition", order.condition.as_ref().map(|condition| json!(condition.as_str()))),
        ("clientID", order.client_id.map(|id| json!(id.get()))),
    ];
    if let Some(fields) = fields.as_object_mut() {
        let present = optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        fields.extend(present);
    }
    fields
}

fn trade(trade: &Trade) -> Value {
    json!({
        "base": trade.base.as_str(),
        "quote": trade.quote.as_str(),
        "side": trade.side.as_str(),
        "price": trade.price.to_string(),
        "volume": trade.volume.to_string(),
        "fee": trade.fee.to_string(),
        "feeCurrency": trade.fee_currency.as_str(),
        "transactionTimestamp": trade.transaction_timestamp.as_secs(),
        "eventTimestamp": trade.event_timestamp.as_secs(),
        "orderID": trade.order_id.as_str(),
        "orderType": trade.order_type.as_str(),
        "matchID": trade.match_id.as_str(),
        "isMarket": trade.is_market,
        "isMaker": trade.is_maker,
    })
}
