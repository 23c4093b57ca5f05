//! The simulated exchange of `--demo`.

use std::time::Duration;

use bitopro_client::Credentials;
use bitopro_sim::Simulator;

use crate::exit::{Failure, Status};

/// Interval between market steps.
const INTERVAL: Duration = Duration::from_millis(800);

pub(crate) async fn start() -> Result<Simulator, Failure> {
    Simulator::builder().with_market_interval(INTERVAL).start().await.map_err(|error| {
        Failure::new(Status::Unexpected, "cannot start the simulated exchange of the demo").with_source(error)
    })
}

pub(crate) fn credentials(demo: &Simulator) -> Result<Credentials, Failure> {
    demo.credentials().to_credentials().map_err(|error| Failure::new(Status::Unexpected, error.to_string()))
}
