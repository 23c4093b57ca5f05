use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bitopro_client::transport::memory::{self, MemoryConnector, Peer};
use bitopro_client::transport::{Connection, Connector, Error, ErrorKind as TransportErrorKind, Request};
use bitopro_client::{Client, Credentials, DialLimiter, ErrorKind, Item};
use bitopro_sim::{Command, Nonces, Quirks, SimConnector, Simulator};
use http::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};

use super::exchange::{Exchange, name, read};
use crate::network::{balance, network};

#[tokio::test(start_paused = true)]
async fn fault_01_a_close_by_the_server_causes_a_reconnect_with_a_new_nonce_a_gap_and_a_snapshot() {
    for code in [1000, 1001] {
        let exchange = Exchange::start(Simulator::builder());
        let mut balances = exchange.balances();
        read(&mut balances, Duration::from_secs(1)).await;
        exchange.simulator.execute(&Command::close(None, code, "restart")).unwrap();
        let items = read(&mut balances, Duration::from_secs(5)).await;
        assert_eq!(
            items.iter().map(name).collect::<Vec<_>>(),
            ["disconnected", "connected", "gap", "snapshot"]
        );
        let Item::Disconnected(disconnected) = &items[0] else { panic!() };
        assert_eq!(disconnected.error.kind(), ErrorKind::ClosedByServer { code: Some(code) });
        let nonces = exchange.nonces();
        assert!(nonces.len() == 2 && nonces[0] < nonces[1], "{nonces:?}");
        exchange.assert_balances_match(&balances);
    }
}

#[tokio::test(start_paused = true)]
async fn fault_13_four_streams_that_are_accepted_and_closed_immediately_share_one_dial_budget() {
    let (builder, mut server) = network();
    let _account = builder.build().unwrap().account();
    let (mut dials, mut paths) = (Vec::new(), BTreeMap::<String, usize>::new());
    for _ in 0..1_000 {
        let dial = server.next_dial().await.unwrap();
        *paths.entry(dial.request().url().path().to_owned()).or_default() += 1;
        drop(dial.accept());
        dials.push(Instant::now());
    }
    let [balances, orders, history, trades] =
        ["account-balance", "orders", "orders/histories", "user-trades"]
            .map(|path| paths[&format!("/ws/v1/pub/auth/{path}")]);
    // The history goes before the open orders whenever both are ready.
    for count in [balances, trades, orders.midpoint(history)] {
        assert!((240..=260).contains(&count), "{paths:?}");
    }
    assert!(orders >= 60, "{paths:?}");
    assert!(dials.windows(31).all(|window| window[0] + Duration::from_secs(300) <= window[30]));
}

/// Connects 200 clients with different seeds to one server.
async fn connect_200_clients(
    connector: &MemoryConnector,
    server: &mut memory::MemoryServer,
) -> (Vec<Box<dyn Send>>, Vec<Peer>) {
    let (mut clients, mut peers): (Vec<Box<dyn Send>>, _) = (Vec::new(), Vec::new());
    for seed in 0..200 {
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let client = Client::builder(credentials)
            .with_endpoint("wss://memory.test/ws")
            .with_connector(connector.clone())
            .with_seed(seed);
        clients.push(Box::new(client.build().unwrap().balances()));
        let mut peer = server.next_dial().await.unwrap().accept();
        peer.send(balance(1)).await.unwrap();
        peers.push(peer);
    }
    sleep(Duration::from_secs(1)).await;
    (clients, peers)
}

/// Asserts that no span of this length contains more than `most` of these moments.
fn assert_spread(moments: &[Duration], span: Duration, most: usize) {
    for first in moments {
        let together = moments.iter().filter(|moment| (*first..*first + span).contains(*moment)).count();
        assert!(together <= most, "{together} within {span:?}: {moments:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fault_14_after_a_restart_200_clients_reconnect_at_different_times() {
    let (connector, mut server) = memory::network();
    let (_clients, peers) = connect_200_clients(&connector, &mut server).await;
    let lost = Instant::now();
    drop(peers);
    let mut dialled = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..200 {
        peers.push(server.next_dial().await.unwrap().accept());
        dialled.push(lost.elapsed());
    }
    // The dials are spread over the entire first backoff of 1 s.
    assert!(dialled[199] >= dialled[0] + Duration::from_millis(900), "{dialled:?}");
    assert_spread(&dialled, Duration::from_millis(100), 40);
}

#[tokio::test(start_paused = true)]
async fn fault_14_after_an_outage_200_clients_reconnect_over_most_of_the_longest_backoff() {
    let (connector, mut server) = memory::network();
    let (_clients, peers) = connect_200_clients(&connector, &mut server).await;
    drop(peers);
    let back = Instant::now() + Duration::from_secs(120);
    while let Ok(dial) = timeout_at(back, server.next_dial()).await {
        dial.unwrap().fail(Error::new(TransportErrorKind::Connect, "down"));
    }
    let (mut dialled, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        peers.push(server.next_dial().await.unwrap().accept());
        dialled.push(back.elapsed());
    }
    assert!(dialled[199] >= dialled[0] + Duration::from_secs(20), "{dialled:?}");
    assert_spread(&dialled, Duration::from_secs(1), 30);
}

#[tokio::test(start_paused = true)]
async fn fault_48_clients_behind_one_address_share_a_limit_and_are_served_in_turn() {
    const MINUTE: Duration = Duration::from_secs(60);
    let (connector, mut server) = memory::network();
    let limiter = DialLimiter::new(60, MINUTE);
    let _clients: Vec<_> = (0..100)
        .map(|seed| {
            let credentials = Credentials::new(format!("key{seed}"), "secret", "me@example.com").unwrap();
            let client = Client::builder(credentials)
                .with_endpoint("wss://memory.test/ws")
                .with_connector(connector.clone())
                .with_dial_limiter(&limiter)
                .with_seed(seed);
            client.build().unwrap().balances()
        })
        .collect();
    let (mut dials, mut keys) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        let dial = server.next_dial().await.unwrap();
        keys.push(dial.request().headers()["x-bitopro-apikey"].to_str().unwrap().to_owned());
        dials.push(Instant::now());
        dial.fail(Error::new(TransportErrorKind::Connect, "down"));
    }
    assert!(dials.windows(61).all(|window| window[0] + MINUTE <= window[60]), "{dials:?}");
    // The limit is used in full, without a pause between two dials.
    assert!(dials[399] - dials[30] <= 13 * MINUTE, "{:?}", dials[399] - dials[30]);
    for round in keys.chunks(100) {
        let served: BTreeSet<&String> = round.iter().collect();
        assert!(served.len() >= 95, "{} of 100 clients were served in a round", served.len());
    }
}

/// A connector that captures every request.
#[derive(Clone)]
struct CapturingConnector {
    connector: SimConnector,
    captured: Arc<Mutex<Vec<Request>>>,
}

#[async_trait]
impl Connector for CapturingConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        self.captured.lock().unwrap().push(request.clone());
        self.connector.connect(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn fault_24_a_replayed_nonce_is_rejected_and_the_client_never_replays_one() {
    let quirks = Quirks::default().with(Nonces::Unused);
    let exchange = Exchange::start(Simulator::builder().with_quirks(quirks));
    let connector =
        CapturingConnector { connector: exchange.simulator.connector(), captured: Arc::default() };
    let mut account = exchange.client_over(connector.clone()).build().unwrap().account();
    for _ in 0..20 {
        read(&mut account, Duration::from_secs(60)).await;
        exchange.simulator.execute(&Command::Disconnect(None)).unwrap();
    }
    read(&mut account, Duration::from_secs(120)).await;
    let nonces = exchange.nonces();
    assert!(nonces.len() >= 80 && nonces.is_sorted_by(|a, b| a < b), "{nonces:?}");
    assert!(exchange.simulator.upgrade_attempts().iter().all(bitopro_sim::UpgradeAttempt::is_accepted));
    let captured = connector.captured.lock().unwrap().clone();
    for request in captured {
        let error = exchange.simulator.connector().connect(request).await.err().unwrap();
        let status = error.refusal().unwrap().status;
        assert!([StatusCode::UNAUTHORIZED, StatusCode::CONFLICT].contains(&status), "{status}");
    }
    exchange.assert_account_matches(&account);
}
