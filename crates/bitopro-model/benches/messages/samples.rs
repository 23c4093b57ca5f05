//! The messages, without white space, as the exchange sends them.

use std::fmt::Write;

use serde_json::Value;

/// The 11 currencies of the documentation.
pub(crate) fn seed() -> String {
    compact(include_str!("../../fixtures/account-balance/snapshot.json"))
}

/// 150 currencies in alphabetical order.
pub(crate) fn snapshot() -> String {
    compact(include_str!("../../fixtures/account-balance/simulated-snapshot-150-currencies.json"))
}

/// The same currencies in another order, without `eventID`.
pub(crate) fn shuffled_snapshot() -> String {
    let text = snapshot();
    let (head, data) = text.split_once(r#""data":{"#).expect("data");
    let mut balances: Vec<_> = data.trim_end_matches('}').split("},").collect();
    // By the last letters of their codes.
    balances
        .sort_by_key(|balance| balance.split('"').nth(1).map(|code| code.chars().rev().collect::<String>()));
    let (event, rest) = head.split_once(r#""eventID":""#).expect("an id");
    let (_, rest) = rest.split_once("\",").expect("another field");
    format!("{event}{rest}\"data\":{{{}}}}}}}", balances.join("},"))
}

/// One currency.
pub(crate) fn update() -> String {
    compact(include_str!("../../fixtures/account-balance/update.json"))
}

/// One currency, without `eventID`.
pub(crate) fn update_without_id() -> String {
    compact(include_str!("../../fixtures/account-balance/update-without-event-id.json"))
}

/// One order.
pub(crate) fn order() -> String {
    compact(include_str!("../../fixtures/active-orders/simulated-update.json"))
}

/// 200 orders of one pair.
pub(crate) fn orders() -> String {
    let text = order();
    let (head, rest) = text.split_once('[').expect("a list");
    let (order, tail) = rest.split_once(']').expect("a list");
    let orders: Vec<_> = (0..200)
        .map(|number| {
            order
                .replace("2562697837", &format!("2562{number:03}837"))
                .replace("6918970583", &format!("6918{number:03}583"))
        })
        .collect();
    format!("{head}[{}]{tail}", orders.join(","))
}

/// One trade.
pub(crate) fn trade() -> String {
    compact(include_str!("../../fixtures/user-trade/simulated.json"))
}

/// An order book with 20 levels on each side.
pub(crate) fn order_book() -> String {
    let text = compact(include_str!("../../fixtures/order-books/first-message.json"));
    let (head, _) = text.split_once(r#""bids""#).expect("bids");
    let side = |from: i32, step: i32| {
        let mut levels = String::new();
        for number in 0..20 {
            let price = from + number * step;
            let comma = if number == 0 { "" } else { "," };
            write!(
                levels,
                r#"{comma}{{"price":"86{}.{:02}","amount":"0.{:08}","count":{},"total":"{number}.22046512"}}"#,
                price / 100,
                price % 100,
                22_046_512 + 33 * number,
                1 + number % 4
            )
            .expect("a string");
        }
        levels
    };
    format!(r#"{head}"bids":[{}],"asks":[{}]}}"#, side(40_050, -137), side(40_160, 137))
}

/// Removes the white space between tokens.
fn compact(text: &str) -> String {
    let mut in_string = false;
    text.chars()
        .filter(|char| {
            in_string ^= *char == '"';
            in_string || !char.is_ascii_whitespace()
        })
        .collect()
}

/// Returns the same message with its fields in alphabetical order, white space between them, and one unknown field.
pub(crate) fn rewrite(text: &str) -> String {
    let mut message: Value = serde_json::from_str(text).expect("JSON");
    message.as_object_mut().expect("an object").insert("sequence".to_owned(), 7_423.into());
    serde_json::to_string_pretty(&message).expect("JSON")
}

/// Returns a message of balances in which the last available amount is invalid.
pub(crate) fn break_last_amount(text: &str) -> String {
    let (start, end) = text.rsplit_once(r#""available":""#).expect("an amount");
    format!(r#"{start}"available":"about {end}"#)
}
