//! The structs that a user would write: serde's derive, with a string for everything that the exchange sends as one.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A message of a private stream.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope<D> {
    event: String,
    #[serde(rename = "eventID", skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    timestamp: i64,
    datetime: String,
    data: D,
}

pub(crate) type Balances = Envelope<HashMap<String, Balance>>;
pub(crate) type Orders = Envelope<HashMap<String, Vec<Order>>>;
pub(crate) type UserTrade = Envelope<Trade>;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Balance {
    currency: String,
    amount: String,
    available: String,
    stake: String,
    tradable: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    id: String,
    pair: String,
    price: String,
    avg_execution_price: String,
    action: String,
    r#type: String,
    timestamp: i64,
    updated_timestamp: i64,
    created_timestamp: i64,
    status: i64,
    original_amount: String,
    remaining_amount: String,
    executed_amount: String,
    fee: String,
    fee_symbol: String,
    bito_fee: String,
    total: String,
    seq: String,
    time_in_force: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trade {
    base: String,
    quote: String,
    side: String,
    price: String,
    volume: String,
    fee: String,
    fee_currency: String,
    transaction_timestamp: i64,
    event_timestamp: i64,
    #[serde(rename = "orderID")]
    order_id: String,
    order_type: String,
    #[serde(rename = "matchID")]
    match_id: String,
    is_market: bool,
    is_maker: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OrderBook {
    event: String,
    timestamp: i64,
    datetime: String,
    #[serde(rename = "eventID")]
    event_id: String,
    pair: String,
    limit: i64,
    scale: i64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Level {
    price: String,
    amount: String,
    count: i64,
    total: String,
}
