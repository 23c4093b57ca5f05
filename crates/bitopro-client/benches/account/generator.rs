//! The load generator: a server of raw WebSocket frames, plain and over TLS.
//!
//! `GET /ca` returns its certificate, and `GET /go` starts the load of every open connection. The first
//! segment of a connection's path is the name of its load, and the rest is the path of the stream.

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink, split};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, interval, interval_at};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{messages, unix_nanos};

/// Number of frames in one write of a flood.
const CHUNK: u32 = 64;
/// Number of updates of a flood.
pub(crate) const FLOOD: u32 = 8_000 * CHUNK;
/// Number of updates on each socket of a mixed flood.
pub(crate) const MIXED: u32 = 2_000 * CHUNK;
/// Number of paced updates.
pub(crate) const PACED: u32 = 2_000;
/// Number of order books that are sent at the rate that was measured on the exchange.
pub(crate) const BOOKS: u32 = 740;
/// Number of order books of a flood.
pub(crate) const BOOK_FLOOD: u32 = 2_000 * CHUNK;
/// Number of pairs with an order book.
pub(crate) const PAIRS: u32 = 35;
/// Number of levels on each side of an order book.
const LEVELS: u32 = 20;
/// The time between two order books: 37 in a second.
const BOOK_INTERVAL: Duration = Duration::from_millis(27);
/// Number of updates for slow clients.
pub(crate) const UPDATES: u32 = 1_000 * CHUNK;
/// Number of snapshots of 150 currencies for slow clients.
pub(crate) const SNAPSHOTS: u32 = 4_000;
/// The time between two updates on a socket at scale.
const SCALE_INTERVAL: Duration = Duration::from_secs(1);
/// Number of updates on each socket at scale.
pub(crate) const SCALE_SECONDS: u32 = 10;
/// Number of trades whose latency is measured.
pub(crate) const TRADES: u32 = 3_000;

/// Prints the ports and serves until standard input ends.
pub(crate) async fn serve() {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into()),
        )
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let pem: Arc<str> = key.cert.pem().into();
    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let tls = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    println!("{} {}", port(&plain), port(&tls));
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let go = watch::Sender::new(());
    loop {
        // The errors are ignored: a connection fails when its client exits.
        tokio::select! {
            accepted = plain.accept() => if let Ok((stream, _)) = accepted {
                let _ = stream.set_nodelay(true);
                tokio::spawn(send(stream, go.clone(), Arc::clone(&pem)));
            },
            accepted = tls.accept() => if let Ok((stream, _)) = accepted {
                let _ = stream.set_nodelay(true);
                let (go, pem, accepting) = (go.clone(), Arc::clone(&pem), acceptor.accept(stream));
                tokio::spawn(async move { send(accepting.await?, go, pem).await });
            },
        }
    }
}

/// Serves one connection.
async fn send<S: AsyncRead + AsyncWrite>(
    stream: S,
    go: watch::Sender<()>,
    pem: Arc<str>,
) -> std::io::Result<()> {
    let (mut reader, mut writer) = split(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(reader.read_u8().await?.into());
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path == "/go" {
        go.send_replace(());
        return Ok(());
    }
    if path == "/ca" {
        return writer.write_all(pem.as_bytes()).await;
    }
    let (load, link) = path.trim_start_matches('/').split_once("/v1/pub/").unwrap_or_default();
    let link = link.split('?').next().map(|link| link.trim_start_matches("auth/")).unwrap_or_default();
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let accept = derive_accept_key(key.unwrap_or_default().1.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let snapshot = match link {
        "order-books" => (0..PAIRS).flat_map(|pair| message(link, pair.into(), 1)).collect(),
        "account-balance" => message(link, 0, 150),
        _ => message(link, 0, 1),
    };
    let (flood, paced) = match (load, link) {
        ("flood", "account-balance") | ("order-flood", "orders") | ("trade-flood", "user-trades") => {
            (FLOOD, 0)
        }
        ("updates", "account-balance") => (UPDATES, 0),
        ("mixed", _) => (MIXED, 0),
        ("book-flood", _) => (BOOK_FLOOD, 0),
        ("books", _) => (0, BOOKS),
        ("paced", "account-balance") => (0, PACED),
        ("scale", _) => (0, SCALE_SECONDS),
        ("quiet" | "burst", "user-trades") => (0, TRADES),
        _ => (0, 0),
    };
    // The frames are prepared in advance so that the generator is faster than a bare reader. They contain
    // more trades than the 1,000 that the client keeps, so that repeated trades are not recognised.
    let chunk =
        |from: u64| (from..from + u64::from(CHUNK)).flat_map(|id| message(link, id, 1)).collect::<Vec<u8>>();
    let chunks: Vec<_> =
        (0..32).filter(|_| flood > 0).map(|number| chunk(1 + number * u64::from(CHUNK))).collect();
    let mut start = go.subscribe();
    writer.write_all(answer.as_bytes()).await?;
    writer.write_all(&snapshot).await?;
    writer.flush().await?;
    let mut nothing = sink();
    let mut closed = pin!(copy(&mut reader, &mut nothing));
    tokio::select! {
        _ = &mut closed => return Ok(()),
        _ = start.changed() => {}
    }
    for chunk in chunks.iter().cycle().take((flood / CHUNK) as usize) {
        writer.write_all(chunk).await?;
    }
    for _ in (0..SNAPSHOTS).filter(|_| load == "snapshots" && link == "account-balance") {
        writer.write_all(&snapshot).await?;
    }
    let mut ticks = match load {
        "books" => interval(BOOK_INTERVAL),
        // The sockets do not send at the same moment.
        "scale" => {
            interval_at(Instant::now() + Duration::from_micros(unix_nanos() % 1_000_000), SCALE_INTERVAL)
        }
        _ => interval(Duration::from_millis(1)),
    };
    for _ in 0..paced {
        ticks.tick().await;
        writer.write_all(&message(link, unix_nanos(), 1)).await?;
        writer.flush().await?;
    }
    let since = Instant::now();
    while load == "burst"
        && link == "account-balance"
        && since.elapsed() < Duration::from_millis(TRADES.into())
    {
        writer.write_all(&snapshot).await?;
    }
    writer.flush().await?;
    closed.await.map(drop)
}

/// Returns a frame with one event. Only its ids vary, so that no update reverses the progress of an order.
fn message(link: &str, id: u64, currencies: u32) -> Vec<u8> {
    let order =
        |number, status| [("usdt_twd".to_owned(), vec![messages::order(number, "usdt_twd", status, 0)])];
    let text = match link {
        "account-balance" => messages::balances(id, currencies),
        "order-books" => messages::book(id, &format!("C{:03}_TWD", id % u64::from(PAIRS)), LEVELS),
        "orders" => messages::open_orders(id, &order(2_562_697_837, 0)),
        "orders/histories" => messages::closed_orders(id, &order(2_562_697_838, 4)),
        _ => messages::trade(id, id),
    };
    let length = u16::try_from(text.len()).expect("a message of less than 64 KiB").to_be_bytes();
    [&[0x81, 126][..], &length, text.as_bytes()].concat()
}
