//! Places orders.

use bitopro_model::{Action, Condition, Decimal, Pair, parse_decimal};
use bitopro_transport::Refusal;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rest::call::Call;
use crate::rest::refused::{invalid_body, unsupported_order_type, wrong_parameter};
use crate::rest::{Reply, json};
use crate::{CommandError, NewOrder};

/// Maximum number of orders of a batch (documented).
const BATCH_LIMIT: usize = 10;

/// An order to place, as in the body of a request. Unknown fields are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placed {
    action: String,
    #[serde(rename = "type")]
    order_type: String,
    amount: Option<String>,
    price: Option<String>,
    timestamp: Option<u64>,
    stop_price: Option<String>,
    condition: Option<String>,
    time_in_force: Option<String>,
    client_id: Option<u32>,
    percentage: Option<Value>,
    pair: Option<String>,
}

pub(super) fn place(call: &mut Call<'_>) -> Reply {
    let pair = call.pair()?.pair.clone();
    let placed: Placed = serde_json::from_slice(call.body).map_err(|_| invalid_body())?;
    let order = placed.to_order(&pair)?;
    call.exchange.check_rules(call.account, &order)?;
    call.place(&placed, &order)
}

/// Places the orders of a batch if all of them follow the rules, and else none.
///
/// If one of them then fails for another reason, such as the balance that the others have left, those before it
/// remain placed and its entry is an error. All of this is an assumption.
pub(super) fn place_batch(call: &mut Call<'_>) -> Reply {
    let batch: Vec<Placed> = serde_json::from_slice(call.body).map_err(|_| invalid_body())?;
    if batch.is_empty() || batch.len() > BATCH_LIMIT {
        return Err(invalid_body());
    }
    let mut orders = Vec::new();
    for placed in batch {
        let name = placed.pair.as_deref().ok_or_else(|| wrong_parameter("pair"))?;
        let pair = call.pair_named(name)?.pair.clone();
        let order = placed.to_order(&pair)?;
        if placed.is("STOP_LIMIT") {
            return Err(unsupported_order_type());
        }
        call.exchange.check_rules(call.account, &order)?;
        orders.push((placed, order));
    }
    let mut entries = Vec::new();
    for (placed, order) in &orders {
        let checked = call.exchange.check_rules(call.account, order).map_err(Refusal::from);
        let entry = checked.and_then(|()| call.place(placed, order));
        entries.push(entry.unwrap_or_else(|refusal| {
            serde_json::from_slice(&refusal.body).unwrap_or_else(|_| Value::Object(Map::new()))
        }));
    }
    Ok(json::list(entries))
}

impl Call<'_> {
    fn place(&mut self, placed: &Placed, order: &NewOrder) -> Reply {
        let (id, pushes) = self.exchange.place_as(self.account, self.now, order)?;
        self.pushes.extend(pushes);
        let mut reply = Map::new();
        let mut put = |name: &str, value: Value| reply.insert(name.to_owned(), value);
        put("orderId", json::placed_id(&id, self.quirks.placed_order_ids));
        put("action", order.action.as_str().into());
        put("amount", order.amount.to_string().into());
        put("price", order.price.to_string().into());
        // A multiple of 1000, as in published records.
        put("timestamp", (json::seconds(self.now) * 1_000).into());
        put("timeInForce", if placed.is_post_only() { "POST_ONLY" } else { "GTC" }.into());
        if let Some(client_id) = order.client_id {
            put("clientId", client_id.into());
        }
        Ok(reply.into())
    }
}

impl Placed {
    /// Enum values may have any case, since clients send them in lowercase too.
    fn is(&self, order_type: &str) -> bool {
        self.order_type.eq_ignore_ascii_case(order_type)
    }

    fn is_post_only(&self) -> bool {
        let in_force = self.time_in_force.as_deref();
        self.is("LIMIT") && in_force.is_some_and(|text| text.eq_ignore_ascii_case("POST_ONLY"))
    }

    fn to_order(&self, pair: &Pair) -> Result<NewOrder, Refusal> {
        if self.percentage.is_some() {
            return Err(wrong_parameter("percentage (the simulator does not support it)"));
        }
        self.timestamp.ok_or_else(|| wrong_parameter("timestamp"))?;
        let in_force = self.time_in_force.as_deref().unwrap_or_default().to_ascii_uppercase();
        if !["", "GTC", "POST_ONLY"].contains(&in_force.as_str()) {
            return Err(wrong_parameter("timeInForce"));
        }
        let action = match self.action.to_ascii_uppercase().as_str() {
            "BUY" => Action::Buy,
            "SELL" => Action::Sell,
            _ => return Err(wrong_parameter("action")),
        };
        let amount = decimal("amount", self.amount.as_deref())?;
        let pair = pair.clone();
        let order = if self.is("MARKET") {
            NewOrder::market(pair, action, amount)
        } else {
            let price = decimal("price", self.price.as_deref())?;
            if self.is("STOP_LIMIT") {
                let stop_price = decimal("stopPrice", self.stop_price.as_deref())?;
                NewOrder::limit(pair, action, amount, price).with_stop(self.condition()?, stop_price)
            } else if self.is_post_only() {
                NewOrder::post_only(pair, action, amount, price)
            } else if self.is("LIMIT") {
                NewOrder::limit(pair, action, amount, price)
            } else {
                return Err(unsupported_order_type());
            }
        };
        if order.amount <= Decimal::ZERO {
            return Err(CommandError::NotPositive.into());
        }
        match self.client_id {
            // C# always sends 0.
            None | Some(0) => Ok(order),
            Some(id) if i32::try_from(id).is_ok() => Ok(order.with_client_id(id)),
            Some(_) => Err(wrong_parameter("clientId")),
        }
    }

    fn condition(&self) -> Result<Condition, Refusal> {
        match self.condition.as_deref() {
            Some("<=") => Ok(Condition::AtOrBelow),
            Some(">=") => Ok(Condition::AtOrAbove),
            _ => Err(wrong_parameter("condition")),
        }
    }
}

fn decimal(name: &str, text: Option<&str>) -> Result<Decimal, Refusal> {
    text.and_then(|text| parse_decimal(text).ok()).ok_or_else(|| wrong_parameter(name))
}
