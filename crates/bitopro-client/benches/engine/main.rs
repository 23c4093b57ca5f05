//! Measures how the time of an update grows with the state, without sockets.
//!
//! Run it with `cargo bench -p bitopro-client --bench engine`; arguments such as `-- held/` select rows whose name
//! contains one of them. `-- count` runs the path of a message through the whole client, for callgrind.
//!
//! | row | baseline | measured |
//! |---|---|---|
//! | `size/STATE/N` | an update of a state of 20 | the same update of a state of `N` |
//! | `held/STATE/N` | an update of a state of `N` | the same while a reader holds the state |
//!
//! | state | update |
//! |---|---|
//! | `balances` | one balance |
//! | `orders` | one of the open orders, which are all of one pair |
//! | `whole-pair` | the whole list of a pair with one order, while the others are of other pairs |
//! | `history` | an order that closes, which replaces the oldest |
//! | `trades` | a new trade, which replaces the oldest |
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a failure ends the program")]
#![allow(clippy::disallowed_methods, reason = "measures durations")]

mod counts;
mod feed;
mod growth;
mod harness;
#[path = "../account/messages.rs"]
mod messages;

use harness::Table;

fn main() {
    let table = Table::new();
    growth::compare(&table);
    counts::count(&table);
}
