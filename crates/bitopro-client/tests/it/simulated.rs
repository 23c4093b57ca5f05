//! An in-memory simulated exchange and its client, on one paused clock.

use bitopro_client::model::Timestamp;
use bitopro_client::{Client, ClientBuilder, OrderUpdates, WallClock};
use bitopro_sim::{ActiveUpdates, Clock, Quirks, SimCredentials, Simulator, SimulatorBuilder};

/// Starts a simulator and returns it with a client builder.
pub(crate) fn simulated(builder: SimulatorBuilder, seed: u64) -> (Simulator, ClientBuilder) {
    let (simulator, mut clients) = simulated_accounts(builder, seed);
    let client = clients.remove(0);
    (simulator, client)
}

/// Starts a simulator and returns it with a client builder for each of its accounts. The clients reach its REST API
/// too.
pub(crate) fn simulated_accounts(builder: SimulatorBuilder, seed: u64) -> (Simulator, Vec<ClientBuilder>) {
    let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
    let simulator = builder.with_seed(seed).with_clock(clock.clone()).start_in_memory().unwrap();
    let client = |credentials: &SimCredentials| {
        let wall = clock.clone();
        Client::builder(credentials.to_credentials().unwrap())
            .with_endpoint(simulator.ws_url())
            .with_connector(simulator.connector())
            .with_rest_endpoint(simulator.rest_url())
            .with_http_client(simulator.connector())
            .with_wall_clock(WallClock::new(move || wall.now().to_system_time().unwrap()))
            .with_seed(seed)
    };
    let clients = simulator.accounts().iter().map(|account| client(account.credentials())).collect();
    (simulator, clients)
}

/// Returns the number of rounds of a test with random input, which `BITOPRO_ROUNDS` may set.
pub(crate) fn rounds(default: u64) -> u64 {
    std::env::var("BITOPRO_ROUNDS").map_or(default, |rounds| rounds.parse().unwrap())
}

/// Returns the client's interpretation of order updates for a simulator with these quirks.
pub(crate) fn order_updates(quirks: Quirks) -> OrderUpdates {
    match quirks.active_updates {
        ActiveUpdates::WholePair => OrderUpdates::WholePair,
        _ => OrderUpdates::Changed,
    }
}
