//! Rows 37 and 39: names that do not resolve, and proxies in the way, over real sockets and TLS.

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

/// What a proxy does with a dial, before it connects every further one.
enum Does {
    Answer(&'static str),
    /// Nothing, and the clock of the test stands still until the next dial.
    Hang,
}

/// An HTTP proxy that connects to where it is asked to, after it has done something else first.
struct Proxy {
    address: SocketAddr,
    /// Changes when all tunnels are to end.
    ended: watch::Sender<()>,
}

impl Proxy {
    async fn start(first: impl IntoIterator<Item = Does>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let ended = watch::Sender::new(());
        let ends = ended.clone();
        let mut first: VecDeque<Does> = first.into_iter().collect();
        tokio::spawn(async move {
            let mut hanging = None;
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                if hanging.take().is_some() {
                    tokio::time::resume();
                }
                let target = asked(&mut client).await;
                match first.pop_front() {
                    Some(Does::Answer(answer)) => {
                        client.write_all(answer.as_bytes()).await.unwrap();
                        client.shutdown().await.unwrap();
                    }
                    Some(Does::Hang) => {
                        hanging = Some(client);
                        tokio::time::pause();
                    }
                    None => drop(tokio::spawn(tunnel(client, target, ends.subscribe()))),
                }
            }
        });
        Self { address, ended }
    }

    fn end_tunnels(&self) {
        self.ended.send(()).unwrap();
    }

    /// The balances of this exchange, through this proxy.
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

/// The target of a `CONNECT`.
async fn asked(client: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(client.read_u8().await.unwrap().into());
    }
    head.split(' ').nth(1).unwrap().to_owned()
}

async fn tunnel(mut client: TcpStream, target: String, mut ends: watch::Receiver<()>) {
    let mut server = TcpStream::connect(target).await.unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    tokio::select! {
        biased;
        _ = ends.changed() => {}
        _ = copy_bidirectional(&mut client, &mut server) => {}
    }
}

async fn assert_network(balances: &mut Subscription<Balances>, case: &str) {
    match timeout(Duration::from_secs(60), balances.next()).await.expect(case) {
        Some(Item::Disconnected(lost)) => {
            assert_eq!(lost.error.kind(), ErrorKind::Network, "{case}: {lost:?}");
            assert!(lost.error.kind().is_retryable() && !lost.error.kind().is_auth(), "{case}: {lost:?}");
        }
        other => panic!("{case}: {other:?}"),
    }
}

#[tokio::test]
async fn fault_39_whatever_a_proxy_answers_is_retried_as_network() {
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
    let proxy = Proxy::start(answers.map(Does::Answer)).await;
    let mut balances = proxy.balances(&simulator);
    for answer in answers {
        assert_network(&mut balances, answer).await;
    }
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    assert_eq!(simulator.upgrade_attempts().len(), 1, "the exchange has heard of none of it");
}

#[tokio::test]
async fn fault_39_a_proxy_that_hangs_is_given_up_at_the_deadline_and_dialled_again() {
    let simulator = Simulator::builder().with_tls().start().await.unwrap();
    let proxy = Proxy::start([Does::Hang, Does::Hang]).await;
    let mut balances = proxy.balances(&simulator);
    for case in ["the first", "the second"] {
        assert_network(&mut balances, case).await;
    }
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
}

#[tokio::test]
async fn fault_39_after_a_proxy_that_died_mid_stream_the_state_is_the_exchange_s_again() {
    let simulator = Simulator::builder().with_tls().start().await.unwrap();
    let proxy = Proxy::start([]).await;
    let mut balances = proxy.balances(&simulator);
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    // Both before anything else runs: the update finds no way through.
    proxy.end_tunnels();
    simulator.set_balance(Balance::new("BTC", Decimal::new(7, 8))).unwrap();
    assert_network(&mut balances, "mid-stream").await;
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
async fn fault_37_a_name_that_does_not_resolve_is_tried_again() {
    let (builder, mut exchange) = network();
    let mut balances = builder.build().unwrap().balances();
    for _ in 0..5 {
        let error = transport::Error::new(transport::ErrorKind::Connect, "no connection to memory.test:443");
        exchange.next_dial().await.unwrap().fail(error);
        assert_network(&mut balances, "no address").await;
    }
    let mut peer = exchange.next_dial().await.unwrap().accept();
    peer.send(balance(1)).await.unwrap();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
}
