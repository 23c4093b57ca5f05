//! Prints the best prices of order books, and the price of an amount, without credentials.
//!
//! Takes pairs as arguments, and connects to `BITOPRO_WS_URL` if that is set.
#![allow(clippy::print_stdout, reason = "a program prints")]

use bitopro_client::model::{Action, Decimal, OrderBook};
use bitopro_client::{BookPair, Item, PublicClient};

/// The number of levels on each side.
const DEPTH: u32 = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = PublicClient::from_env()?.build()?;
    let pairs: Vec<String> = std::env::args().skip(1).collect();
    run(&client, pairs, |line| {
        println!("{line}");
        true
    })
    .await
}

/// Reports books until `report` returns `false` or the stream ends.
async fn run(
    client: &PublicClient,
    pairs: Vec<String>,
    mut report: impl FnMut(String) -> bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let pairs = pairs.into_iter().map(|pair| BookPair::new(pair).with_depth(DEPTH));
    let mut books = client.order_book(pairs)?;
    while let Some(item) = books.next().await {
        let line = match item {
            Item::Snapshot(book) | Item::Update(book) => describe(&book),
            // Connected, disconnected, a gap, missing pairs, a message that cannot be read, or the end.
            other => other.to_string(),
        };
        if !report(line) {
            break;
        }
    }
    Ok(())
}

fn describe(book: &OrderBook) -> String {
    let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else {
        return format!("{}: one side is empty", book.pair);
    };
    let one = match book.quote(&Action::Buy, Decimal::ONE) {
        Some(quote) => format!("1 for {}, up to {}", quote.total.normalize(), quote.worst_price),
        None => "1 is more than these levels offer".to_owned(),
    };
    format!("{}: {} / {}; {one}", book.pair, bid.price, ask.price)
}

#[tokio::test(start_paused = true)]
async fn the_best_prices_of_each_pair_are_reported() -> Result<(), Box<dyn std::error::Error>> {
    use bitopro_sim::Simulator;

    let simulator = Simulator::builder().start_in_memory()?;
    let client = PublicClient::builder().with_connector(simulator.connector()).build()?;
    let mut lines = Vec::new();
    let pairs = ["BTC_TWD", "BCT_TWD"].map(str::to_owned).to_vec();
    let running = run(&client, pairs, |line| {
        lines.push(line);
        lines.len() < 3
    });
    tokio::time::timeout(std::time::Duration::from_secs(60), running).await??;
    assert!(lines[0].starts_with("connected to "), "{lines:?}");
    assert!(lines[1].starts_with("BTC_TWD: 30"), "{lines:?}");
    assert!(lines[2].starts_with("nothing has arrived about BCT_TWD"), "{lines:?}");
    Ok(())
}
