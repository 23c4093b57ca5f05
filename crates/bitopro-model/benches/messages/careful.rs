//! Careful structs with serde's derive: exact decimals, short texts without an allocation, and lists in place of maps.
//! They drop unknown fields and do not check that a balance is listed under its currency.

use std::fmt;
use std::marker::PhantomData;

use compact_str::CompactString;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only the time to create it matters")]
pub(crate) struct Envelope<D> {
    event: CompactString,
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    timestamp: i64,
    datetime: String,
    data: D,
}

pub(crate) type Balances = Envelope<Values<Balance>>;
pub(crate) type Orders = Envelope<Values<Vec<Order>>>;
pub(crate) type UserTrade = Envelope<Trade>;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only the time to create it matters")]
pub(crate) struct Balance {
    currency: CompactString,
    #[serde(deserialize_with = "decimal")]
    amount: Decimal,
    #[serde(deserialize_with = "decimal")]
    available: Decimal,
    #[serde(deserialize_with = "decimal")]
    stake: Decimal,
    tradable: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only the time to create it matters")]
pub(crate) struct Order {
    id: CompactString,
    pair: CompactString,
    #[serde(deserialize_with = "decimal")]
    price: Decimal,
    #[serde(deserialize_with = "decimal")]
    avg_execution_price: Decimal,
    action: Action,
    r#type: OrderType,
    timestamp: i64,
    updated_timestamp: i64,
    created_timestamp: i64,
    status: i64,
    #[serde(deserialize_with = "decimal")]
    original_amount: Decimal,
    #[serde(deserialize_with = "decimal")]
    remaining_amount: Decimal,
    #[serde(deserialize_with = "decimal")]
    executed_amount: Decimal,
    #[serde(deserialize_with = "decimal")]
    fee: Decimal,
    fee_symbol: CompactString,
    #[serde(deserialize_with = "decimal")]
    bito_fee: Decimal,
    #[serde(deserialize_with = "decimal")]
    total: Decimal,
    seq: CompactString,
    time_in_force: CompactString,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Action {
    Buy,
    Sell,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum OrderType {
    Limit,
    Market,
    StopLimit,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only the time to create it matters")]
pub(crate) struct Trade {
    base: CompactString,
    quote: CompactString,
    side: Side,
    #[serde(deserialize_with = "decimal")]
    price: Decimal,
    #[serde(deserialize_with = "decimal")]
    volume: Decimal,
    #[serde(deserialize_with = "decimal")]
    fee: Decimal,
    fee_currency: CompactString,
    transaction_timestamp: i64,
    event_timestamp: i64,
    #[serde(rename = "orderID")]
    order_id: CompactString,
    order_type: OrderType,
    #[serde(rename = "matchID")]
    match_id: CompactString,
    is_market: bool,
    is_maker: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Ask,
    Bid,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only the time to create it matters")]
pub(crate) struct OrderBook {
    event: CompactString,
    timestamp: i64,
    datetime: String,
    #[serde(rename = "eventID")]
    event_id: String,
    pair: CompactString,
    limit: i64,
    scale: i64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only the time to create it matters")]
pub(crate) struct Level {
    #[serde(deserialize_with = "decimal")]
    price: Decimal,
    #[serde(deserialize_with = "decimal")]
    amount: Decimal,
    count: i64,
    #[serde(deserialize_with = "decimal")]
    total: Decimal,
}

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    Decimal::from_str_exact(text).map_err(D::Error::custom)
}

/// The values of an object, without its keys.
#[derive(Debug)]
#[allow(dead_code, reason = "only the time to create it matters")]
pub(crate) struct Values<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Values<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValuesVisitor(PhantomData))
    }
}

struct ValuesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ValuesVisitor<T> {
    type Value = Values<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(IgnoredAny) = map.next_key()? {
            values.push(map.next_value()?);
        }
        Ok(Values(values))
    }
}
