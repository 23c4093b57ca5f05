//! The public streams. Most tests use a pair that the simulated market does not trade, so that its order book holds
//! only the orders of accounts.

mod connections;
mod messages;
mod routes;

use std::time::Duration;

use bitopro_model::{MarketEvent, Timestamp};
use bitopro_sim::{Clock, Simulator, SimulatorBuilder};
use bitopro_transport::Connection;
use futures_util::FutureExt;
use tokio::time::timeout;

use crate::harness::{Harness, next_text};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);
const BOOKS: &str = "/v1/pub/order-books";
const TICKERS: &str = "/v1/pub/tickers";
const TRADES: &str = "/v1/pub/trades";

fn builder() -> SimulatorBuilder {
    Simulator::builder().with_clock(Clock::fixed(NOW))
}

impl Harness {
    async fn follow(&self, path: &str) -> Box<dyn Connection> {
        self.dial_path(path, []).await.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// Carries out commands, each of which is a separate change.
    fn run(&self, commands: &[&str]) {
        for command in commands {
            self.simulator.execute(&command.parse().unwrap()).unwrap();
        }
    }
}

async fn text(connection: &mut Box<dyn Connection>) -> String {
    timeout(Duration::from_secs(10), next_text(connection)).await.expect("no message has arrived")
}

async fn next<E: MarketEvent>(connection: &mut Box<dyn Connection>) -> E {
    let text = text(connection).await;
    E::from_json(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asserts that no message is queued, in memory under a paused clock.
async fn assert_silent(connection: &mut Box<dyn Connection>) {
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(next_text(connection).now_or_never(), None);
}
