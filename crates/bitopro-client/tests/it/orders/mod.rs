//! Places and cancels orders against the simulated exchange, in memory on paused time.

mod placing;
mod resolving;
mod resolving_with;
mod rules;
mod settling;

use std::time::Duration;

use bitopro_client::rest::PlaceOrder;
use bitopro_client::{Client, Outcome, UnknownPlacement};
use bitopro_model::{Decimal, OrderId};
use bitopro_sim::{Command, Quirks, Simulator};

use crate::simulated::simulated;

fn exchange() -> (Simulator, Client) {
    exchange_with(Quirks::default())
}

/// Starts a simulator and a client that has already read the rules of the pairs.
fn exchange_with(quirks: Quirks) -> (Simulator, Client) {
    let (simulator, builder) = simulated(Simulator::builder().with_quirks(quirks), 1);
    let builder = builder.with_rest_endpoint(simulator.rest_url()).with_http_client(simulator.connector());
    let client = builder.with_request_deadline(Duration::from_secs(10)).build().unwrap();
    (simulator, client)
}

fn execute(simulator: &Simulator, command: &str) {
    simulator.execute(&command.parse::<Command>().unwrap()).unwrap();
}

/// An order that remains open: its price is far below the market's.
fn order() -> PlaceOrder {
    PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 3), Decimal::from(1_000_000))
}

/// Places an order that is accepted, and returns its id.
async fn accepted(client: &Client, order: &PlaceOrder) -> OrderId {
    match client.place(order).await.unwrap() {
        Outcome::Accepted(accepted) => accepted.id().clone(),
        Outcome::Unknown(unknown) => panic!("{unknown:?}"),
    }
}

/// Places an order whose outcome is unknown because of a fault such as `lose`.
async fn unknown(
    simulator: &Simulator,
    client: &Client,
    order: &PlaceOrder,
    fault: &str,
) -> UnknownPlacement {
    client.trading_pairs().await.unwrap();
    execute(simulator, &format!("fail-rest 1 {fault}"));
    match client.place(order).await.unwrap() {
        Outcome::Accepted(accepted) => panic!("{accepted:?}"),
        Outcome::Unknown(unknown) => unknown,
    }
}

/// Returns the ids of the open orders on the terms of [`order`].
fn open(simulator: &Simulator) -> Vec<OrderId> {
    let equal = |open: &bitopro_model::Order| open.price == Decimal::from(1_000_000);
    simulator.open_orders().into_iter().filter(equal).map(|open| open.id).collect()
}
