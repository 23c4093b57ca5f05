//! Starting, stopping, and what is left afterwards.

use std::error::Error as _;
use std::time::Duration;

use bitopro_model::{Balance, Decimal};
use bitopro_sim::{Command, ErrorKind, SimCredentials, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::caller::{every_way, in_memory, over_sockets, until_disconnected};

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn stopping_says_goodbye_and_leaves_no_task() {
    for caller in every_way(Simulator::builder().with_market_interval(Duration::from_secs(1))).await {
        let before = tasks();
        let mut connections = [caller.connect().await, caller.connect().await];
        assert!(tasks() >= before + 2);
        let (connector, signer, url) = (caller.connector, caller.signer, caller.simulator.ws_url().clone());
        let stopping = caller.simulator.stop();
        let reading = async {
            for connection in &mut connections {
                let goodbye = connection.next().await.unwrap().unwrap();
                assert_eq!(goodbye, Frame::close(1001, "the simulator is stopping"));
                assert!(connection.next().await.is_none());
            }
        };
        tokio::join!(stopping, reading);
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
async fn stopping_does_not_wait_for_those_who_do_not_answer() {
    let caller = in_memory(Simulator::builder());
    let _silent = caller.connect().await;
    caller.simulator.execute(&Command::text(None, "x".repeat(1_000_000))).unwrap();
    let start = tokio::time::Instant::now();
    caller.simulator.stop().await;
    assert_eq!(tasks(), 0);
    assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_those_who_were_only_just_let_in() {
    // Whether the stop or the newcomer is seen first is chosen at random.
    for _ in 0..50 {
        let caller = in_memory(Simulator::builder());
        let mut connection = caller.dial().await.unwrap();
        let start = tokio::time::Instant::now();
        caller.simulator.stop().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(until_disconnected(&mut connection).await, []);
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_those_who_have_not_asked_yet() {
    for builder in [Simulator::builder(), Simulator::builder().with_tls()] {
        let caller = over_sockets(builder).await;
        let _undecided = TcpStream::connect(caller.simulator.addr().unwrap()).await.unwrap();
        let _connection = caller.connect().await;
        caller.simulator.execute(&Command::Disconnect(None)).unwrap();
        let start = tokio::time::Instant::now();
        caller.simulator.stop().await;
        assert_eq!(tasks(), 0);
        assert!(start.elapsed() < Duration::from_secs(2), "it was waited for");
    }
}

#[tokio::test]
async fn dropping_it_ends_everything_at_once() {
    for caller in every_way(Simulator::builder()).await {
        let mut connection = caller.connect().await;
        let others = tasks();
        drop(caller.simulator);
        assert_eq!(until_disconnected(&mut connection).await, []);
        // Dropping asks the tasks to end, which they do when the runtime gets to them.
        while tasks() > others - 2 {
            tokio::task::yield_now().await;
        }
        drop(caller.connector);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_to_be() {
    let first = Simulator::builder().start().await.unwrap();
    let port = first.addr().unwrap().port();
    let error = Simulator::builder().with_port(port).start().await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
    let expected = format!(
        "port {port} of 127.0.0.1 is taken: stop what listens there, or choose another (0 takes any)"
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.source().is_some());

    first.stop().await;
    let again = Simulator::builder().with_port(port).start().await.unwrap();
    assert_eq!(again.ws_url().to_string(), format!("ws://127.0.0.1:{port}/ws"));
}

#[test]
fn every_fault_of_the_options_is_named_at_once() {
    let mut overdrawn = Balance::new("ETH", Decimal::ONE);
    overdrawn.available = Decimal::TWO;
    let error = Simulator::builder()
        .with_ping_period(Duration::ZERO)
        .with_pong_deadline(Duration::MAX)
        .with_market_interval(Duration::ZERO)
        .with_credentials(SimCredentials::new("", "secret", "me@example.com"))
        .with_balances([Balance::new("BTC", Decimal::ONE), Balance::new("BTC", Decimal::TWO), overdrawn])
        .build_exchange()
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Options);
    let message = error.to_string();
    for fault in [
        "`ping_period` is zero",
        "`pong_deadline` is too long",
        "`market_interval`",
        "BTC twice",
        "2 of 1 ETH available",
        "API key is empty",
    ] {
        assert!(message.contains(fault), "{message}");
    }
    assert!(!message.contains("pong_deadline` is zero") && !message.contains("ping_period` is too long"));
}

#[tokio::test]
async fn nothing_shows_the_account() {
    let account = SimCredentials::new("the-key", "the-secret", "me@example.com");
    let builder = Simulator::builder().with_credentials(account.clone());
    let exchange = builder.clone().build_exchange().unwrap();
    let caller = in_memory(builder.clone());
    let _connection = caller.connect().await;
    let simulator = &caller.simulator;
    let shown = format!(
        "{account:?} {builder:?} {exchange:?} {simulator:?} {simulator:#?} {:?} {:?}",
        simulator.upgrade_attempts(),
        simulator.connector(),
    );
    for secret in ["me@example.com", "the-key", "the-secret", caller.sign().payload()] {
        assert!(!shown.contains(secret), "{shown}");
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
