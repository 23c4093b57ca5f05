//! A simulator on a real port, a proxy that breaks connections to it, and a client that redials almost
//! immediately.

use std::fmt::Display;
use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balance, Balances, Decimal};
use bitopro_client::transport::{self, TungsteniteConnector};
use bitopro_client::{Client, ClientBuilder, Closed, Error, ErrorKind, GapReason, Item, Subscription};
use bitopro_sim::{FaultyProxy, Simulator, SimulatorBuilder};
use tokio::time::timeout;

use crate::oracle::GroundTruth;

pub(crate) struct Rig {
    pub(crate) simulator: Simulator,
    pub(crate) proxy: FaultyProxy,
}

impl Rig {
    pub(crate) async fn start(builder: SimulatorBuilder) -> Self {
        let simulator = builder.start().await.unwrap();
        let proxy = FaultyProxy::start(simulator.addr().unwrap()).await.unwrap();
        Self { simulator, proxy }
    }

    /// Returns the builder of a client that reaches the simulator through the proxy.
    pub(crate) fn client(&self) -> ClientBuilder {
        client(&self.simulator, proxied_url(&self.simulator, &self.proxy))
    }

    pub(crate) fn set(&self, amount: i64) -> AccountBalance {
        self.simulator.set_balance(Balance::new("BTC", Decimal::from(amount))).unwrap()
    }
}

/// Returns the simulator's URL with the port of the proxy.
pub(crate) fn proxied_url(simulator: &Simulator, proxy: &FaultyProxy) -> String {
    let (own, proxied) = (simulator.addr().unwrap().port(), proxy.addr().port());
    simulator.ws_url().to_string().replace(&format!(":{own}/"), &format!(":{proxied}/"))
}

/// Returns the builder of a client that trusts the simulator's authority and redials almost immediately.
pub(crate) fn client(simulator: &Simulator, url: impl Display) -> ClientBuilder {
    let mut connector = TungsteniteConnector::new();
    if let Some(pem) = simulator.ca_pem() {
        connector = connector.with_extra_roots(pem).unwrap();
    }
    let (soon, many) = (Duration::from_millis(1), 1_000_000);
    Client::builder(simulator.credentials().to_credentials().unwrap())
        .with_endpoint(url)
        .with_connector(connector)
        .with_backoff(soon, soon)
        .with_dial_spacing(Duration::ZERO)
        .with_dial_budget(many, soon)
}

/// Returns a subscription that has read its first snapshot.
pub(crate) async fn settled(builder: ClientBuilder) -> Subscription<Balances> {
    let mut balances = builder.build().unwrap().balances();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    balances
}

/// A timeout far above all limits here, for waits that could otherwise last forever.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the error of a lost connection or a failed dial, which must be the next item.
pub(crate) async fn connection_error(balances: &mut Subscription<Balances>) -> Error {
    match timeout(TIMEOUT, balances.next()).await.expect("an item arrives in time") {
        Some(Item::Disconnected(disconnected)) => disconnected.error,
        other => panic!("expected a disconnect, found {other:?}"),
    }
}

/// Reads until the stream has recovered, with a connection, a gap, and a snapshot that matches the simulator.
///
/// The limits are short, so a slow machine may lose the connection again before that.
pub(crate) async fn assert_recovers(balances: &mut Subscription<Balances>, simulator: &Simulator) {
    let mut connected = false;
    let gap = loop {
        match balances.next().await {
            Some(Item::Disconnected(disconnected)) => {
                let kind = disconnected.error.kind();
                assert!(matches!(kind, ErrorKind::Network | ErrorKind::Idle), "{disconnected:?}");
                connected = false;
            }
            Some(Item::Connected(_)) => connected = true,
            Some(Item::Gap(gap)) if connected => break gap,
            other => panic!("expected a connection and a gap, found {other:?}"),
        }
    };
    let Some(Item::Snapshot(event)) = balances.next().await else { panic!("no snapshot") };
    assert!(matches!(gap.reason, GapReason::Reconnected { .. }), "{gap:?}");
    assert!(gap.before.unwrap().timestamp <= event.timestamp);
    assert_eq!(gap.after.unwrap().event_id, event.event_id);
    assert_matches_simulator(&event, simulator);
    assert_nonces_increase(simulator);
}

pub(crate) fn assert_matches_simulator(event: &AccountBalance, simulator: &Simulator) {
    GroundTruth::new(simulator).assert_balances(&event.data);
}

/// Asserts that each dial was signed with a higher nonce than the last one.
pub(crate) fn assert_nonces_increase(simulator: &Simulator) {
    let nonces: Vec<_> = simulator.upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect();
    assert!(nonces.is_sorted_by(|a, b| a < b), "{nonces:?}");
}

/// Returns the error that ended the stream. Only failed dials may precede it.
pub(crate) async fn final_error(balances: &mut Subscription<Balances>) -> Error {
    for _ in 0..100 {
        match balances.next().await {
            Some(Item::Closed(Closed::Failed(error))) => {
                assert!(balances.next().await.is_none(), "an item after `Closed`");
                return error;
            }
            Some(Item::Disconnected(_)) => {}
            other => panic!("expected the end, found {other:?}"),
        }
    }
    panic!("the stream has not ended after 100 failed dials");
}

/// Returns the error of the transport that caused an error of the client.
pub(crate) fn transport_error(error: &Error) -> &transport::Error {
    std::error::Error::source(error).unwrap().downcast_ref().unwrap()
}
