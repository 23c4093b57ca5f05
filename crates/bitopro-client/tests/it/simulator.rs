//! The client against the simulated exchange: over real sockets, and in memory on paused time.

use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balance, Balances, Currency, Decimal, PrivateStream};
use bitopro_client::transport::{Refusal, TungsteniteConnector};
use bitopro_client::{Client, ClientBuilder, Closed, ErrorKind, Item, OrderUpdates, Subscription};
use bitopro_sim::{Command, Simulator};
use http::StatusCode;
use tokio::time::{sleep, timeout};

use crate::oracle::{GroundTruth, Oracle};
use crate::simulated::simulated;

fn client(simulator: &Simulator) -> ClientBuilder {
    let credentials = simulator.credentials().to_credentials().unwrap();
    Client::builder(credentials).with_endpoint(simulator.ws_url())
}

async fn next_snapshot(balances: &mut Subscription<Balances>) -> AccountBalance {
    loop {
        match balances.next().await.expect("the stream has not ended") {
            Item::Snapshot(event) => return event,
            Item::Closed(closed) => panic!("{closed:?}"),
            _ => {}
        }
    }
}

fn nonces(simulator: &Simulator) -> Vec<u64> {
    simulator.upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect()
}

fn assert_matches(balances: &Subscription<Balances>, simulator: &Simulator) {
    let view = balances.current().unwrap();
    assert!(!view.is_stale());
    GroundTruth::new(simulator).assert_balances(view.state());
}

#[tokio::test]
async fn balances_arrive_over_a_signed_socket() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut balances = client(&simulator).build().unwrap().balances();
    next_snapshot(&mut balances).await;
    assert_matches(&balances, &simulator);
    for amount in 1..100 {
        let sent = simulator.set_balance(Balance::new("BTC", Decimal::new(amount, 8))).unwrap();
        let Some(Item::Update(event)) = balances.next().await else { panic!("no update") };
        assert_eq!(event, sent);
        assert_matches(&balances, &simulator);
    }
    let ends = balances.close().await;
    assert!(matches!(ends[&PrivateStream::AccountBalance.into()], Closed::Requested));
    simulator.stop().await;
}

#[tokio::test]
async fn balances_arrive_over_tls_with_an_added_authority() {
    let simulator = Simulator::builder().with_tls().start().await.unwrap();
    let trusting = TungsteniteConnector::new().with_extra_roots(simulator.ca_pem().unwrap()).unwrap();
    let mut balances = client(&simulator).with_connector(trusting).build().unwrap().balances();
    next_snapshot(&mut balances).await;
    assert_matches(&balances, &simulator);
}

#[tokio::test]
async fn after_a_lost_connection_the_state_matches_the_server_again() {
    let simulator = Simulator::builder().start().await.unwrap();
    let mut balances = client(&simulator)
        .with_backoff(Duration::from_millis(1), Duration::from_millis(1))
        .build()
        .unwrap()
        .balances();
    next_snapshot(&mut balances).await;
    simulator.refuse_next(2, Refusal::new(StatusCode::BAD_GATEWAY));
    simulator.execute(&Command::Disconnect(None)).unwrap();
    simulator.update_balances(|holdings| {
        holdings.remove(&"ADA".into());
        holdings.insert(Currency::new("NEW"), Balance::new("NEW", Decimal::ONE));
        holdings.get_mut(&"BTC".into()).unwrap().amount = Decimal::ZERO;
    });
    next_snapshot(&mut balances).await;
    assert_matches(&balances, &simulator);
    assert!(nonces(&simulator).is_sorted_by(|a, b| a < b));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_behind_is_corrected() {
    let (simulator, client) = simulated(Simulator::builder().with_clock_offset_ms(3_600_000), 1);
    let mut balances = client.build().unwrap().balances();
    let Some(Item::Disconnected(disconnected)) = balances.next().await else { panic!("no refusal") };
    // HTTP dates have a precision of one second.
    let ErrorKind::ClockSkew { ahead_ms: Some(ahead_ms) } = disconnected.error.kind() else { panic!() };
    assert!((3_599_000..=3_600_000).contains(&ahead_ms), "{ahead_ms}");
    next_snapshot(&mut balances).await;
    assert_matches(&balances, &simulator);
}

#[tokio::test(start_paused = true)]
async fn fault_07_a_silent_server_is_detected_within_the_idle_limit() {
    let (simulator, client) = simulated(Simulator::builder(), 1);
    let mut balances = client.build().unwrap().balances();
    next_snapshot(&mut balances).await;
    simulator.execute(&Command::PausePings).unwrap();
    let silent = tokio::time::Instant::now();
    let lost = timeout(Duration::from_secs(60), balances.next()).await.expect("the silence is detected");
    let Some(Item::Disconnected(disconnected)) = lost else { panic!("still connected") };
    assert_eq!(disconnected.error.kind(), ErrorKind::Idle);
    assert_eq!(silent.elapsed(), Duration::from_secs(30));
    simulator.execute(&Command::ResumePings).unwrap();
    next_snapshot(&mut balances).await;
    assert_matches(&balances, &simulator);
}

/// Applies a random disturbance to the account or its connection.
fn disturb(simulator: &Simulator, random: &mut fastrand::Rng) {
    let execute = |command: &Command| drop(simulator.execute(command).unwrap());
    match random.u8(0..20) {
        0 => execute(&Command::Disconnect(None)),
        1 => execute(&Command::close(None, 1001, "restart")),
        2 => execute(&Command::text(None, "{\"event\":\"ACCOUNT_BALANCE\",\"data\":")),
        3 => execute(&Command::text(None, "{\"event\":\"NEWS\",\"data\":{}}")),
        4 => simulator.refuse_next(random.usize(1..3), Refusal::new(StatusCode::SERVICE_UNAVAILABLE)),
        5 => {
            simulator.update_balances(|holdings| {
                holdings.remove(&"ADA".into());
            });
            execute(&Command::Disconnect(None));
        }
        6 => {
            simulator.set_balance(Balance::new(
                format!("C{}", random.u8(..)).as_str(),
                Decimal::new(random.i64(0..1_000), 8),
            ));
        }
        _ => {
            simulator.tick();
        }
    }
}

/// Some time after the last disturbance, the state and the replayed items match the server.
#[tokio::test(start_paused = true)]
async fn after_random_disturbances_the_state_matches_the_server() {
    for seed in 1..=100 {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let (simulator, client) = simulated(Simulator::builder(), seed);
        let client = client.build().unwrap();
        let (mut balances, mut oracle) =
            (client.balances(), Oracle::new(client.changes(), OrderUpdates::default()));
        for _ in 0..random.usize(1..200) {
            disturb(&simulator, &mut random);
            let pause = Duration::from_millis(random.u64(0..2_000));
            // The subscriber sometimes reads immediately, and sometimes only later.
            if random.bool() {
                while let Ok(Some(item)) = timeout(pause, balances.next()).await {
                    oracle.apply(&item.into());
                }
            } else {
                sleep(pause).await;
            }
        }
        // A malformed message leaves the state stale until the next snapshot, so the test requests one.
        sleep(Duration::from_secs(120)).await;
        balances.resync();
        while let Ok(Some(item)) = timeout(Duration::from_secs(120), balances.next()).await {
            oracle.apply(&item.into());
        }
        assert_matches(&balances, &simulator);
        GroundTruth::new(&simulator).assert_balances(oracle.replay.balances.values());
        assert!(nonces(&simulator).is_sorted_by(|a, b| a < b));
    }
}
