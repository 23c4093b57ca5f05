//! Measures decoding and encoding against structs with serde's derive, which read the same text in the same run.
//!
//! Run it with `cargo bench -p bitopro-model --bench messages`; arguments such as `-- decode/` select rows whose name
//! contains one of them. It takes about 30 seconds. `-- count` runs each piece of work twice, for callgrind.
//!
//! | row | baseline | measured |
//! |---|---|---|
//! | `decode/MESSAGE` | `String` structs in a `HashMap` | `Message::from_stream` |
//! | `careful/MESSAGE` | `String` structs in a `HashMap` | careful structs: exact decimals, short texts inline, lists |
//! | `general/MESSAGE` | careful structs | `Message::from_stream`, both on a text with other white space, another order of the fields and an unknown field |
//! | `unknown-stream/MESSAGE` | `Message::from_stream` | `Message::from_json` |
//! | `encode/MESSAGE` | `String` structs in a `HashMap` | `Message` |
//! | `error/MESSAGE` | `Message::from_stream` | the same message with an invalid last amount |
//!
//! | message | contents |
//! |---|---|
//! | `a` | 11 balances |
//! | `b` | 150 balances (16 kB) in no particular order, without `eventID` |
//! | `bs` | 150 balances in alphabetical order |
//! | `c`, `c-without-id` | one balance, with and without `eventID` |
//! | `d`, `e` | one order, 200 orders (83 kB) |
//! | `f` | one trade |
//! | `book` | an order book with 20 levels on each side |
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a failure ends the program")]
#![allow(clippy::disallowed_methods, reason = "measures durations")]

mod careful;
mod harness;
mod samples;
mod strings;

use bitopro_model::{Message, PrivateStream, PublicStream, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use harness::Table;

fn main() {
    use PrivateStream::{AccountBalance, ActiveOrders, UserTrades};
    let table = Table::new();
    for (name, text) in [
        ("a", samples::seed()),
        ("b", samples::shuffled_snapshot()),
        ("bs", samples::snapshot()),
        ("c", samples::update()),
        ("c-without-id", samples::update_without_id()),
    ] {
        compare::<strings::Balances, careful::Balances>(&table, name, AccountBalance, &text);
    }
    for (name, text) in [("d", samples::order()), ("e", samples::orders())] {
        compare::<strings::Orders, careful::Orders>(&table, name, ActiveOrders, &text);
    }
    compare::<strings::UserTrade, careful::UserTrade>(&table, "f", UserTrades, &samples::trade());
    let book = samples::order_book();
    compare::<strings::OrderBook, careful::OrderBook>(&table, "book", PublicStream::OrderBooks, &book);

    let (good, broken) = (samples::snapshot(), samples::break_last_amount(&samples::snapshot()));
    assert!(Message::from_stream(AccountBalance, &broken).is_err(), "the message is invalid");
    let decode = |text| Message::from_stream(AccountBalance, text);
    table.compare("error/bs", || decode(&good), || decode(&broken));
}

/// Measures the structs `S` and `C` of the baselines and the library with this message.
fn compare<S: Serialize + DeserializeOwned, C: DeserializeOwned>(
    table: &Table,
    name: &str,
    stream: impl Into<Stream>,
    text: &str,
) {
    let stream = stream.into();
    let rewritten = samples::rewrite(text);
    let decode = |text| match Message::from_stream(stream, text).expect("a message") {
        Message::Unknown(_) => unreachable!("a message of its stream"),
        message => message,
    };
    let message = decode(text);
    let encode = || serde_json::to_string(&message).expect("JSON");
    table.count(&format!("decode/{name}"), || decode(text));
    table.count(&format!("general/{name}"), || decode(&rewritten));
    table.count(&format!("encode/{name}"), encode);
    if table.counts {
        // The order in which a `HashMap` frees its strings is random, and with it the work of the next allocation.
        return;
    }
    let strings = || serde_json::from_str::<S>(text).expect("a message");
    let careful = |text| serde_json::from_str::<C>(text).expect("a message");
    table.compare(&format!("decode/{name}"), strings, || decode(text));
    table.compare(&format!("careful/{name}"), strings, || careful(text));
    table.compare(&format!("general/{name}"), || careful(&rewritten), || decode(&rewritten));
    table.compare(&format!("unknown-stream/{name}"), || decode(text), || Message::from_json(text));
    let values = strings();
    table.compare(&format!("encode/{name}"), || serde_json::to_string(&values).expect("JSON"), encode);
}
