//! The simulator's account in the format of the exchange's documentation, written by hand. Every field must be there
//! and no other, and numbers are compared as texts.

use anyhow::ensure;
use bitopro_model::{
    Balance, ClientId, Condition, Currency, Decimal, MatchId, Order, OrderId, OrderSeq, OrderType,
    PrivateStream, TimeInForce, Timestamp, Trade, UnixSeconds,
};
use bitopro_sim::Simulator;
use serde_json::{Value, json};

use super::setting::Setting;
use super::stream_events::Entries;

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
pub(super) fn balances(simulator: &Simulator, _: &Setting) -> anyhow::Result<Entries> {
    Ok(simulator.balances().values().map(|held| (held.currency.to_string(), balance(held))).collect())
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
pub(super) fn open_orders(simulator: &Simulator, setting: &Setting) -> anyhow::Result<Entries> {
    Ok(by_id(&simulator.open_orders(), setting))
}

/// Recently closed orders; where history begins empty, those that closed while a client was connected.
pub(super) fn history(simulator: &Simulator, setting: &Setting) -> anyhow::Result<Entries> {
    let ended = simulator.closed_orders();
    let ended = if setting.has("history-on-connect=empty") {
        received(ended, PrivateStream::HistoryOrders, First::Nothing, simulator)?
    } else {
        ended
    };
    Ok(by_id(&ended, setting))
}

/// The trades that reached a client. A trade without a connected client is sent only where the last trade is repeated
/// on connect, and if it was the last.
pub(super) fn trades(simulator: &Simulator, setting: &Setting) -> anyhow::Result<Entries> {
    let first = if setting.has("trades-on-connect=last") { First::TheLast } else { First::Missing };
    let received = received(simulator.trades(), PrivateStream::UserTrades, first, simulator)?;
    let id = |done: &Trade| done.match_id.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(received.iter().map(|done| (id(done), trade(done, setting))).collect())
}

/// Content of the first event of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// There is no such event.
    Missing,
    /// Nothing.
    Nothing,
    /// The last change before it, if any.
    TheLast,
}

/// The changes that reached a client, of changes that were each sent in one event. The scenario makes a change during
/// every disconnect, so the first event that a client receives after it begins a connection.
fn received<T: Clone>(
    all: Vec<T>,
    stream: PrivateStream,
    first: First,
    simulator: &Simulator,
) -> anyhow::Result<Vec<T>> {
    let mut done = all.into_iter();
    let (mut received, mut last) = (Vec::new(), None);
    let mut begins = first == First::Nothing;
    for sent in simulator.sent().into_iter().filter(|sent| sent.stream == stream) {
        let is_received = sent.sockets > 0;
        if is_received && std::mem::take(&mut begins) {
            received.extend(last.clone().filter(|_| first == First::TheLast));
            continue;
        }
        last = done.next();
        ensure!(last.is_some(), "more events of {stream} than changes");
        received.extend(last.clone().filter(|_| is_received));
        begins = !is_received && first != First::Missing;
    }
    ensure!(done.next().is_none(), "more changes than events of {stream}");
    Ok(received)
}

fn by_id(orders: &[Order], setting: &Setting) -> Entries {
    orders.iter().map(|placed| (placed.id.to_string(), order(placed, setting))).collect()
}

/// As a text, or under that setting as a number if it is one.
fn id(id: &OrderId, setting: &Setting) -> Value {
    match id.as_str().parse::<u64>() {
        Ok(number) if setting.has("order-ids=numbers") => json!(number),
        _ => json!(id.as_str()),
    }
}

fn balance(balance: &Balance) -> Value {
    json!({
        "currency": balance.currency.as_str(),
        "amount": balance.amount.to_string(),
        "available": balance.available.to_string(),
        "stake": balance.stake.map(|stake| stake.to_string()),
        "tradable": balance.tradable,
    })
}

fn order(order: &Order, setting: &Setting) -> Value {
    let text = |number: Option<Decimal>| number.map(|number| number.to_string());
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    let mut fields = json!({
        "id": id(&order.id, setting),
        "pair": order.pair.as_str(),
        "price": order.price.to_string(),
        "avgExecutionPrice": text(order.avg_execution_price),
        "action": order.action.as_str(),
        "type": order.order_type.as_str(),
        "timestamp": millis(order.timestamp),
        "updatedTimestamp": millis(order.updated_timestamp),
        "createdTimestamp": millis(order.created_timestamp),
        "status": order.status.code(),
        "originalAmount": order.original_amount.to_string(),
        "remainingAmount": order.remaining_amount.to_string(),
        "executedAmount": order.executed_amount.to_string(),
        "fee": text(order.fee),
        "feeSymbol": order.fee_symbol.as_ref().map(Currency::as_str),
        "bitoFee": text(order.bito_fee),
        "total": text(order.total),
        "seq": order.seq.as_ref().map(OrderSeq::as_str),
        "timeInForce": order.time_in_force.as_ref().map(TimeInForce::as_str),
        "stopPrice": text(order.stop_price),
        "condition": order.condition.as_ref().map(Condition::as_str),
        "clientID": order.client_id.map(ClientId::get),
    });
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

fn trade(trade: &Trade, setting: &Setting) -> Value {
    json!({
        "base": trade.base.as_str(),
        "quote": trade.quote.as_str(),
        "side": trade.side.as_str(),
        "price": trade.price.to_string(),
        "volume": trade.volume.to_string(),
        "fee": trade.fee.to_string(),
        "feeCurrency": trade.fee_currency.as_str(),
        "transactionTimestamp": trade.transaction_timestamp.as_secs(),
        "eventTimestamp": trade.event_timestamp.map(UnixSeconds::as_secs),
        "orderID": id(&trade.order_id, setting),
        "orderType": trade.order_type.as_ref().map(OrderType::as_str),
        "matchID": trade.match_id.as_ref().map(MatchId::as_str),
        "isMarket": trade.is_market,
        "isMaker": trade.is_maker,
    })
}
