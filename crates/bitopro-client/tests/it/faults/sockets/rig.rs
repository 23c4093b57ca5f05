//! A simulator on a real port, a proxy that breaks connections to it, and a client that dials again at once.

use std::fmt::Display;
use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balance, Balances, Decimal};
use bitopro_client::transport::{self, TungsteniteConnector};
use bitopro_client::{Client, ClientBuilder, Closed, Error, ErrorKind, GapReason, Item, Subscription};
use bitopro_sim::{FaultyProxy, Simulator, SimulatorBuilder};
use tokio::time::timeout;

use crate::oracle::Truth;

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

    /// A client that reaches the simulator through the proxy.
    pub(crate) fn client(&self) -> ClientBuilder {
        client(&self.simulator, through(&self.simulator, &self.proxy))
    }

    pub(crate) fn set(&self, amount: i64) -> AccountBalance {
        self.simulator.set_balance(Balance::new("BTC", Decimal::from(amount))).unwrap()
    }
}

/// Returns the simulator's URL with the port of the proxy.
pub(crate) fn through(simulator: &Simulator, proxy: &FaultyProxy) -> String {
    let (own, proxied) = (simulator.addr().unwrap().port(), proxy.addr().port());
    simulator.ws_url().to_string().replace(&format!(":{own}/"), &format!(":{proxied}/"))
}

/// A client of the simulator's account, which trusts its authority and never waits long before it dials again.
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

/// A subscription that has read its first snapshot.
pub(crate) async fn settled(builder: ClientBuilder) -> Subscription<Balances> {
    let mut balances = builder.build().unwrap().balances();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    balances
}

/// Far more than any limit here, for what would else be waited for without end.
const FAR: Duration = Duration::from_secs(60);

/// Why the connection was lost, or the dial failed: the next item says so.
pub(crate) async fn lost(balances: &mut Subscription<Balances>) -> Error {
    match timeout(FAR, balances.next()).await.expect("nothing is lost") {
        Some(Item::Disconnected(disconnected)) => disconnected.error,
        other => panic!("{other:?} where a loss was expected"),
    }
}

/// Reads on until the stream has recovered: connected, a gap, and a snapshot which is the simulator's truth.
///
/// Limits are short here, so a machine that is slow today may lose the connection once more before that.
pub(crate) async fn recovers(balances: &mut Subscription<Balances>, simulator: &Simulator) {
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
            other => panic!("{other:?} where a connection and a gap were expected"),
        }
    };
    let Some(Item::Snapshot(event)) = balances.next().await else { panic!("no snapshot") };
    assert!(matches!(gap.reason, GapReason::Reconnected { .. }), "{gap:?}");
    assert!(gap.before.unwrap().timestamp <= event.timestamp);
    assert_eq!(gap.after.unwrap().event_id, event.event_id);
    assert_truth(&event, simulator);
    assert_nonces_increase(simulator);
}

pub(crate) fn assert_truth(event: &AccountBalance, simulator: &Simulator) {
    Truth::new(simulator, false).assert_balances(&event.data);
}

/// Every dial was signed anew, with a nonce above those before.
pub(crate) fn assert_nonces_increase(simulator: &Simulator) {
    let nonces: Vec<_> = simulator.upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect();
    assert!(nonces.is_sorted_by(|a, b| a < b), "{nonces:?}");
}

/// Why the stream ended, with nothing before it but failed dials.
pub(crate) async fn end(balances: &mut Subscription<Balances>) -> Error {
    for _ in 0..100 {
        match balances.next().await {
            Some(Item::Closed(Closed::Failed(error))) => {
                assert!(balances.next().await.is_none(), "nothing follows the end");
                return error;
            }
            Some(Item::Disconnected(_)) => {}
            other => panic!("{other:?} where an end was expected"),
        }
    }
    panic!("it is dialled again and again");
}

/// What the transport said, beneath an error of the client.
pub(crate) fn beneath(error: &Error) -> &transport::Error {
    std::error::Error::source(error).unwrap().downcast_ref().unwrap()
}
