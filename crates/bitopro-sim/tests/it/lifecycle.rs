//! Starting and stopping, and the release of all resources.

use std::error::Error as _;
use std::time::Duration;

use bitopro_model::{Balance, Decimal, Timestamp};
use bitopro_sim::{Command, ErrorKind, SimCredentials, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::harness::{all_transports, in_memory, over_sockets, until_disconnected};

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn stopping_sends_a_close_frame_and_ends_all_tasks() {
    for harness in all_transports(Simulator::builder().with_market_interval(Duration::from_secs(1))).await {
        let before = tasks();
        let mut connections = [harness.connect().await, harness.connect().await];
        assert!(tasks() >= before + 2);
        let (connector, signer, url) =
            (harness.connector, harness.signer, harness.simulator.ws_url().clone());
        let stopping = harness.simulator.stop();
        let read = async {
            for connection in &mut connections {
                let last = connection.next().await.unwrap().unwrap();
                assert_eq!(last, Frame::close(1001, "the simulator is stopping"));
                assert!(connection.next().await.is_none());
            }
        };
        tokio::join!(stopping, read);
        assert_eq!(tasks(), before - 1);

        let mut request = bitopro_transport::Request::new(url);
        for (name, value) in &signer.sign_identity(1) {
            request = request.with_header(name, value).unwrap();
        }
        let error = connector.connect(request).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), bitopro_transport::ErrorKind::Connect, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_clients_that_do_not_answer() {
    let harness = in_memory(Simulator::builder());
    let _silent = harness.connect().await;
    harness.simulator.execute(&Command::text(None, "x".repeat(1_000_000))).unwrap();
    let start = tokio::time::Instant::now();
    harness.simulator.stop().await;
    assert_eq!(tasks(), 0);
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_newly_accepted_clients() {
    // The supervisor handles the stop and the new connection in random order.
    for _ in 0..50 {
        let harness = in_memory(Simulator::builder());
        let mut connection = harness.dial().await.unwrap();
        let start = tokio::time::Instant::now();
        harness.simulator.stop().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(until_disconnected(&mut connection).await, []);
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_sockets_without_a_request() {
    for builder in [Simulator::builder(), Simulator::builder().with_tls()] {
        let harness = over_sockets(builder).await;
        let _idle = TcpStream::connect(harness.simulator.addr().unwrap()).await.unwrap();
        let _connection = harness.connect().await;
        harness.simulator.execute(&Command::Disconnect(None)).unwrap();
        let start = tokio::time::Instant::now();
        harness.simulator.stop().await;
        assert_eq!(tasks(), 0);
        assert!(start.elapsed() < Duration::from_secs(2), "stopping waited for a socket");
    }
}

#[tokio::test]
async fn dropping_the_simulator_ends_all_connections_immediately() {
    for harness in all_transports(Simulator::builder()).await {
        let mut connection = harness.connect().await;
        let others = tasks();
        drop(harness.simulator);
        assert_eq!(until_disconnected(&mut connection).await, []);
        // An aborted task ends only when the runtime next polls it.
        while tasks() > others - 2 {
            tokio::task::yield_now().await;
        }
        drop(harness.connector);
    }
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let first = Simulator::builder().start().await.unwrap();
    let port = first.addr().unwrap().port();
    let error = Simulator::builder().with_port(port).start().await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
    let expected = format!(
        "port {port} of 127.0.0.1 is in use; stop the other program, or choose another port (0 for any free one)"
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.source().is_some());

    first.stop().await;
    let again = Simulator::builder().with_port(port).start().await.unwrap();
    assert_eq!(again.ws_url().to_string(), format!("ws://127.0.0.1:{port}/ws"));
}

#[test]
fn all_invalid_options_are_reported_together() {
    let mut overdrawn = Balance::new("ETH", Decimal::ONE);
    overdrawn.available = Decimal::TWO;
    let error = Simulator::builder()
        .with_ping_period(Duration::ZERO)
        .with_pong_deadline(Duration::MAX)
        .with_market_interval(Duration::ZERO)
        .with_credentials(SimCredentials::new("", "secret", "me@example.com"))
        .with_balances([Balance::new("BTC", Decimal::ONE), Balance::new("BTC", Decimal::TWO), overdrawn])
        .build_exchange(Timestamp::from_millis(0))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Options);
    let message = error.to_string();
    for problem in [
        "`ping_period` is zero",
        "`pong_deadline` is too long",
        "`market_interval`",
        "duplicate currency `BTC`",
        "available amount 2 of `ETH`",
        "API key is empty",
    ] {
        assert!(message.contains(problem), "{message}");
    }
    assert!(!message.contains("pong_deadline` is zero") && !message.contains("ping_period` is too long"));
}

#[tokio::test]
async fn debug_output_hides_the_credentials() {
    let account = SimCredentials::new("the-key", "the-secret", "me@example.com");
    let builder = Simulator::builder().with_credentials(account.clone());
    let exchange = builder.clone().build_exchange(Timestamp::from_millis(0)).unwrap();
    let harness = in_memory(builder.clone());
    let _connection = harness.connect().await;
    let simulator = &harness.simulator;
    let debug = format!(
        "{account:?} {builder:?} {exchange:?} {simulator:?} {simulator:#?} {:?} {:?}",
        simulator.upgrade_attempts(),
        simulator.connector(),
    );
    for secret in ["me@example.com", "the-key", "the-secret", harness.sign().payload()] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[test]
fn public_types_can_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Simulator>();
    check::<bitopro_sim::SimulatorBuilder>();
    check::<bitopro_sim::SimConnector>();
    check::<bitopro_sim::Exchange>();
    check::<bitopro_sim::FaultyProxy>();
    check::<Command>();
    check::<bitopro_sim::CommandError>();
    check::<bitopro_sim::Scenario>();
    check::<bitopro_sim::Error>();
}
