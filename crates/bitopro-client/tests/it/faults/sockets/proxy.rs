//! Faults 37 and 39: names that do not resolve and proxies that fail, over real sockets and TLS.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bitopro_client::model::{Balance, Balances, Decimal};
use bitopro_client::transport::{self, TungsteniteConnector};
use bitopro_client::{Client, ErrorKind, GapReason, Item, Subscription};
use bitopro_sim::Simulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::network::{balance, network};

/// The behaviour of a proxy for one dial.
enum Behaviour {
    Answer(&'static str),
    /// Sends nothing. The clock is paused until the next dial, so that the deadline passes without a real
    /// delay.
    Hang,
}

/// An HTTP proxy that connects to the requested targets. For its first dials, a test can request a different
/// behaviour.
struct Proxy {
    address: SocketAddr,
    /// Ends all tunnels when it changes.
    end: watch::Sender<()>,
}

impl Proxy {
    async fn start(first: impl IntoIterator<Item = Behaviour>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let end = watch::Sender::new(());
        let end_sender = end.clone();
        let mut first: VecDeque<Behaviour> = first.into_iter().collect();
        tokio::spawn(async move {
            let mut hanging = None;
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                if hanging.take().is_some() {
                    tokio::time::resume();
                }
                let target = connect_target(&mut client).await;
                match first.pop_front() {
                    Some(Behaviour::Answer(answer)) => {
                        client.write_all(answer.as_bytes()).await.unwrap();
                        client.shutdown().await.unwrap();
                    }
                    Some(Behaviour::Hang) => {
                        hanging = Some(client);
                        tokio::time::pause();
                    }
                    None => drop(tokio::spawn(tunnel(client, target, end_sender.subscribe()))),
                }
            }
        });
        Self { address, end }
    }

    fn end_tunnels(&self) {
        self.end.send(()).unwrap();
    }

    /// Subscribes to the balances of this simulator, through this proxy.
    fn balances(&self, simulator: &Simulator) -> Subscription<Balances> {
        let proxy = format!("http://me:secret@{}", self.address).parse().unwrap();
        let connector = TungsteniteConnector::new().with_extra_roots(simulator.ca_pem().unwrap()).unwrap();
        let client = Client::builder(simulator.credentials().to_credentials().unwrap())
            .with_endpoint(simulator.ws_url())
            .with_connector(connector.with_proxy(proxy))
            .with_backoff(Duration::from_millis(1), Duration::from_millis(1))
            .with_dial_spacing(Duration::from_millis(1));
        client.build().unwrap().balances()
    }
}

/// Reads a `CONNECT` request and returns its target.
async fn connect_target(client: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(client.read_u8().await.unwrap().into());
    }
    head.split(' ').nth(1).unwrap().to_owned()
}

async fn tunnel(mut client: TcpStream, target: String, mut end: watch::Receiver<()>) {
    let mut server = TcpStream::connect(target).await.unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    tokio::select! {
        biased;
        _ = end.changed() => {}
        _ = copy_bidirectional(&mut client, &mut server) => {}
    }
}

async fn assert_network_error(balances: &mut Subscription<Balances>, case: &str) {
    match timeout(Duration::from_secs(60), balances.next()).await.expect(case) {
        Some(Item::Disconnected(lost)) => {
            assert_eq!(lost.error.kind(), ErrorKind::Network, "{case}: {lost:?}");
            assert!(lost.error.kind().is_retryable() && !lost.error.kind().is_auth(), "{case}: {lost:?}");
        }
        other => panic!("{case}: {other:?}"),
    }
}

#[tokio::test]
async fn fault_39_any_answer_of_a_proxy_is_retried_as_a_network_error() {
    let answers = [
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 409 Conflict\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        "no HTTP\r\n",
        "",
    ];
    let simulator = Simulator::builder().with_tls().start().await.unwrap();
    let proxy = Proxy::start(answers.map(Behaviour::Answer)).await;
    let mut balances = proxy.balances(&simulator);
    for answer in answers {
        assert_network_error(&mut balances, answer).await;
    }
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    assert_eq!(simulator.upgrade_attempts().len(), 1, "a failed dial reached the exchange");
}

#[tokio::test]
async fn fault_39_a_dial_through_a_hanging_proxy_ends_at_its_deadline_and_is_retried() {
    let simulator = Simulator::builder().with_tls().start().await.unwrap();
    let proxy = Proxy::start([Behaviour::Hang, Behaviour::Hang]).await;
    let mut balances = proxy.balances(&simulator);
    for case in ["the first", "the second"] {
        assert_network_error(&mut balances, case).await;
    }
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
}

#[tokio::test]
async fn fault_39_after_a_proxy_fails_mid_stream_the_state_matches_the_exchange_again() {
    let simulator = Simulator::builder().with_tls().start().await.unwrap();
    let proxy = Proxy::start([]).await;
    let mut balances = proxy.balances(&simulator);
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    // No other task runs in between, so the update is lost with the tunnels.
    proxy.end_tunnels();
    simulator.set_balance(Balance::new("BTC", Decimal::new(7, 8))).unwrap();
    assert_network_error(&mut balances, "mid-stream").await;
    let mut gaps = Vec::new();
    loop {
        match balances.next().await {
            Some(Item::Gap(gap)) => gaps.push(gap.reason),
            Some(Item::Connected(_)) => {}
            Some(Item::Snapshot(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(gaps.as_slice(), [GapReason::Reconnected { .. }]), "{gaps:?}");
    let view = balances.current().unwrap();
    assert_eq!(view.state().get("BTC").unwrap().amount, Decimal::new(7, 8));
    assert!(!view.is_stale());
}

#[tokio::test(start_paused = true)]
async fn fault_37_a_name_that_does_not_resolve_is_retried() {
    let (builder, mut exchange) = network();
    let mut balances = builder.build().unwrap().balances();
    for _ in 0..5 {
        let error = transport::Error::new(transport::ErrorKind::Connect, "no connection to memory.test:443");
        exchange.next_dial().await.unwrap().fail(error);
        assert_network_error(&mut balances, "no address").await;
    }
    let mut peer = exchange.next_dial().await.unwrap().accept();
    peer.send(balance(1)).await.unwrap();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
}
