//! The simulator's account in the documented wire format, written by hand. All fields must be present and no
//! others, and decimals are compared as strings.

use anyhow::ensure;
use bitopro_model::{
    Balance, ClientId, Condition, Currency, Decimal, MatchId, Order, OrderId, OrderSeq, OrderType,
    PrivateStream, TimeInForce, Timestamp, Trade, UnixSeconds,
};
use bitopro_sim::Simulator;
use serde_json::{Value, json};

use super::setting::Setting;
use super::stream_messages::Entries;

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
pub(super) fn balances(simulator: &Simulator, _: &Setting) -> anyhow::Result<Entries> {
    Ok(simulator.balances().values().map(|held| (held.currency.to_string(), balance(held))).collect())
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
pub(super) fn open_orders(simulator: &Simulator, setting: &Setting) -> anyhow::Result<Entries> {
    Ok(by_id(&simulator.open_orders(), setting))
}

/// Returns the recently closed orders, or only those that closed while a client was connected if the order
/// history begins empty.
pub(super) fn closed_orders(simulator: &Simulator, setting: &Setting) -> anyhow::Result<Entries> {
    let orders = simulator.closed_orders();
    let orders = if setting.has("history-on-connect=empty") {
        received(orders, PrivateStream::HistoryOrders, FirstMessage::Empty, simulator)?
    } else {
        orders
    };
    Ok(by_id(&orders, setting))
}

/// Returns the trades that reached a client. A trade made while no client was connected arrives only if the
/// last trade is repeated on connect and this is the last one.
pub(super) fn trades(simulator: &Simulator, setting: &Setting) -> anyhow::Result<Entries> {
    let first =
        if setting.has("trades-on-connect=last") { FirstMessage::LastChange } else { FirstMessage::None };
    let received = received(simulator.trades(), PrivateStream::UserTrades, first, simulator)?;
    let trades = received.iter().map(|received| trade(received, setting));
    Ok(trades.map(|trade| (trade.to_string(), trade)).collect())
}

/// The content of the first message of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstMessage {
    /// The connection has no first message.
    None,
    /// No data.
    Empty,
    /// The last change before the connection, if any.
    LastChange,
}

/// Selects the changes that reached a client from `all` changes, each of which was sent in one message. The
/// scenario makes a change during every disconnect, so the first message that a client receives after that
/// begins a connection.
fn received<T: Clone>(
    all: Vec<T>,
    stream: PrivateStream,
    first: FirstMessage,
    simulator: &Simulator,
) -> anyhow::Result<Vec<T>> {
    // The demo account's changes before the start were never sent.
    let demo = Simulator::builder().build_exchange(simulator.now())?;
    let before = match stream {
        PrivateStream::UserTrades => demo.trades().count(),
        _ => demo.closed_orders().count(),
    };
    let mut changes = all.into_iter();
    let (mut received, mut last) = (Vec::new(), changes.by_ref().take(before).last());
    let mut is_first = first != FirstMessage::None;
    for sent in simulator.sent().into_iter().filter(|sent| sent.stream == stream) {
        let is_received = sent.sockets > 0;
        if is_received && std::mem::take(&mut is_first) {
            received.extend(last.clone().filter(|_| first == FirstMessage::LastChange));
            continue;
        }
        last = changes.next();
        ensure!(last.is_some(), "more messages than changes on {stream}");
        received.extend(last.clone().filter(|_| is_received));
        is_first = !is_received && first != FirstMessage::None;
    }
    ensure!(changes.next().is_none(), "more changes than messages on {stream}");
    Ok(received)
}

fn by_id(orders: &[Order], setting: &Setting) -> Entries {
    orders.iter().map(|placed| (placed.id.to_string(), order(placed, setting))).collect()
}

/// Returns an id as a JSON string, or as a number if the setting requires it and it consists of digits.
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

pub(super) fn order(order: &Order, setting: &Setting) -> Value {
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

pub(super) fn trade(trade: &Trade, setting: &Setting) -> Value {
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
