//! Helpers for the in-memory fault tests: a simulated exchange on paused time and its clients.

use std::time::Duration;

use bitopro_client::model::{Balances, Timestamp};
use bitopro_client::transport::Connector;
use bitopro_client::{Account, Client, ClientBuilder, Closed, Error, Item, Subscription, WallClock};
use bitopro_sim::{Clock, Simulator, SimulatorBuilder};
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use crate::oracle::{GroundTruth, Oracle};
use crate::soak::network::Network;

/// A simulator, and the network to it, which logs every dial.
pub(super) struct Exchange {
    pub(super) simulator: Simulator,
    pub(super) network: Network,
    clock: Clock,
}

impl Exchange {
    pub(super) fn start(builder: SimulatorBuilder) -> Self {
        let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
        let simulator = builder.with_clock(clock.clone()).start_in_memory().unwrap();
        let network = Network::new(simulator.connector());
        Self { simulator, network, clock }
    }

    /// Returns the builder of a client with valid credentials, on the exchange's clock.
    pub(super) fn client(&self) -> ClientBuilder {
        self.client_over(self.network.clone())
    }

    pub(super) fn client_over(&self, connector: impl Connector + 'static) -> ClientBuilder {
        let clock = self.clock.clone();
        Client::builder(self.simulator.credentials().to_credentials().unwrap())
            .with_endpoint(self.simulator.ws_url())
            .with_connector(connector)
            .with_wall_clock(WallClock::new(move || clock.now().to_system_time().unwrap()))
            .with_seed(1)
    }

    pub(super) fn balances(&self) -> Subscription<Balances> {
        self.client().build().unwrap().balances()
    }

    /// Returns the nonces that reached the simulator, in order.
    pub(super) fn nonces(&self) -> Vec<u64> {
        self.simulator.upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect()
    }

    pub(super) fn assert_balances_match(&self, balances: &Subscription<Balances>) {
        let current = balances.current().unwrap();
        assert!(!current.is_stale());
        GroundTruth::new(&self.simulator).assert_balances(current.state());
    }

    pub(super) fn assert_account_matches(&self, account: &Subscription<Account>) {
        let current = account.current();
        assert!(current.is_fresh(), "{current:?}");
        Oracle::assert_fresh_state_matches(&current, &GroundTruth::new(&self.simulator));
    }
}

/// Reads all items until none arrives for this long, or until the stream has ended.
pub(super) async fn read<S: Stream + Unpin>(stream: &mut S, quiet: Duration) -> Vec<S::Item> {
    let mut items = Vec::new();
    while let Ok(Some(item)) = timeout(quiet, stream.next()).await {
        items.push(item);
        assert!(items.len() < 10_000, "the stream never falls quiet");
    }
    items
}

pub(super) fn name<E>(item: &Item<E>) -> &'static str {
    match item {
        Item::Connected(_) => "connected",
        Item::Snapshot(_) => "snapshot",
        Item::Update(_) => "update",
        Item::Gap(_) => "gap",
        Item::Malformed(_) => "malformed",
        Item::Unknown(_) => "unknown",
        Item::Disconnected(_) => "disconnected",
        Item::Closed(_) => "closed",
        _ => "new",
    }
}

/// Returns the error that ended a stream, which must be the last of these items.
pub(super) fn failure<E: std::fmt::Debug>(items: &[Item<E>]) -> Error {
    match items.last() {
        Some(Item::Closed(Closed::Failed(error))) => error.clone(),
        other => panic!("the stream has not failed: {other:?}"),
    }
}
