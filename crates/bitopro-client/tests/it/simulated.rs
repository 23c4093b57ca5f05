//! An in-memory simulated exchange and its client, on one paused clock.

use bitopro_client::model::Timestamp;
use bitopro_client::{Client, ClientBuilder, OrderUpdates, WallClock};
use bitopro_sim::{ActiveUpdates, Clock, Quirks, Simulator, SimulatorBuilder};

/// Starts a simulator and returns it with a client builder.
pub(crate) fn simulated(builder: SimulatorBuilder, seed: u64) -> (Simulator, ClientBuilder) {
    let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
    let wall = clock.clone();
    let simulator = builder.with_seed(seed).with_clock(clock).start_in_memory().unwrap();
    let client = Client::builder(simulator.credentials().to_credentials().unwrap())
        .with_endpoint(simulator.ws_url())
        .with_connector(simulator.connector())
        .with_wall_clock(WallClock::new(move || wall.now().to_system_time().unwrap()))
        .with_seed(seed);
    (simulator, client)
}

/// Returns the client's interpretation of order updates for a simulator with these quirks.
pub(crate) fn order_updates(quirks: Quirks) -> OrderUpdates {
    match quirks.active_updates {
        ActiveUpdates::WholePair => OrderUpdates::WholePair,
        _ => OrderUpdates::Changed,
    }
}
