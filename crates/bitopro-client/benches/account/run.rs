//! One measurement, which runs in a separate process.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitopro_client::transport::TungsteniteConnector;
use bitopro_client::{BookPair, Client, Credentials, Item};
use futures_core::Stream;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::generator::{
    BOOK_FLOOD, BOOKS, FLOOD, MIXED, PACED, PAIRS, SCALE_SECONDS, SNAPSHOTS, TRADES, UPDATES,
};
use crate::{shim, unix_nanos};

/// The last parts of the paths of the account's streams.
const LINKS: [&str; 4] = ["auth/account-balance", "auth/orders", "auth/orders/histories", "auth/user-trades"];
/// Number of idle accounts.
const ACCOUNTS: u32 = 200;
/// Number of accounts at scale.
const SCALE_ACCOUNTS: u32 = 2_000;
/// Number of clients whose cost is measured.
const CLIENTS: u32 = 50;

/// The items that the readers of this process have received.
#[derive(Default)]
struct Counters {
    updates: AtomicU32,
    measures_latency: bool,
    latencies: Mutex<Vec<u64>>,
}

impl Counters {
    fn add(&self, is_update: bool, sent_at: impl FnOnce() -> Option<u64>) {
        if let Some(sent_at) = self.measures_latency.then(sent_at).flatten() {
            self.latencies.lock().expect("no panic").push(unix_nanos().saturating_sub(sent_at));
        }
        self.updates.fetch_add(u32::from(is_update), Ordering::Relaxed);
    }

    /// Waits until all updates have arrived, or until none has arrived for a second. Returns their number.
    async fn wait_for(&self, updates: u32, count: impl Fn(&Self) -> u32) -> u32 {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let now = count(self);
            if now >= updates || (now == last && since.elapsed() > Duration::from_secs(1)) {
                return now;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn updates(&self) -> u32 {
        self.updates.load(Ordering::Relaxed)
    }
}

/// A reader of one load.
pub(crate) struct Run<'a> {
    reader: &'a str,
    load: &'a str,
    encrypted: bool,
    control: u16,
    port: u16,
    counters: Arc<Counters>,
    connector: TungsteniteConnector,
    tls: TlsConnector,
    /// Kept until the end of the measurement, as in a real program.
    clients: Vec<Client>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(reader: &'a str, load: &'a str, encrypted: bool, control: u16, port: u16) -> Self {
        let counters =
            Arc::new(Counters { measures_latency: matches!(load, "quiet" | "burst"), ..Counters::default() });
        let pem = request(control, "/ca");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("a root");
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TungsteniteConnector::new().without_proxy().with_extra_roots(pem).expect("a root");
        let tls = TlsConnector::from(Arc::new(tls));
        Self { reader, load, encrypted, control, port, counters, connector, tls, clients: Vec::new() }
    }

    /// Returns the number of lost updates, followed by the measured figures.
    pub(crate) async fn measure(mut self) -> Vec<f64> {
        if self.load == "clients" {
            return self.measure_clients().await;
        }
        self.open(1).await;
        if self.load == "idle" {
            let before = resident_kib();
            self.open(ACCOUNTS).await;
            return vec![0.0, (resident_kib() - before) / f64::from(ACCOUNTS)];
        }
        if self.load == "scale" {
            self.open(SCALE_ACCOUNTS - 1).await;
        }
        let counters = Arc::clone(&self.counters);
        let settled = counters.updates();
        counters.latencies.lock().expect("no panic").clear();
        let (cpu, begin) = (cpu_time(std::process::id()), Instant::now());
        request(self.control, "/go");
        if counters.measures_latency {
            let trades = |counters: &Counters| {
                u32::try_from(counters.latencies.lock().expect("no panic").len()).unwrap_or(0)
            };
            let arrived = counters.wait_for(TRADES, trades).await;
            let snapshots = counters.updates() - settled - arrived;
            let rate = f64::from(snapshots) / begin.elapsed().as_secs_f64();
            let mut latencies = std::mem::take(&mut *counters.latencies.lock().expect("no panic"));
            latencies.sort_unstable();
            let percentile = |percent| {
                let nanos = latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
                Duration::from_nanos(nanos).as_secs_f64() * 1e6
            };
            return vec![f64::from(TRADES - arrived), percentile(50), percentile(99), rate];
        }
        let sent = match self.load {
            "flood" | "order-flood" | "trade-flood" => FLOOD,
            "mixed" => MIXED * 4,
            "books" => BOOKS,
            "book-flood" => BOOK_FLOOD,
            "updates" => UPDATES,
            "snapshots" => SNAPSHOTS,
            "scale" => SCALE_ACCOUNTS * 4 * SCALE_SECONDS,
            _ => PACED,
        };
        let arrived = counters.wait_for(sent, |counters| counters.updates() - settled).await;
        let cpu_seconds = cpu_time(std::process::id()).saturating_sub(cpu).as_secs_f64();
        vec![f64::from(sent - arrived), cpu_seconds * 1e6 / f64::from(sent), resident_kib() / 1024.0]
    }

    /// Builds clients that dial once, after one that is not measured. No certificate is trusted, so each dial fails.
    async fn measure_clients(self) -> Vec<f64> {
        let connector = TungsteniteConnector::new().without_proxy();
        let (mut memory, mut cpu, mut clients) = (0.0, Duration::ZERO, Vec::new());
        for number in 0..=CLIENTS {
            if number == 1 {
                (memory, cpu) = (resident_kib(), cpu_time(std::process::id()));
            }
            let credentials = Credentials::new("key", "secret", "me@example.com").expect("credentials");
            let builder =
                Client::builder(credentials).with_endpoint(format!("wss://127.0.0.1:{}", self.port));
            let has_own = self.reader == "clients";
            let builder = if has_own { builder } else { builder.with_connector(connector.clone()) };
            let client = builder.build().expect("a client");
            let item = client.balances().next().await;
            assert!(matches!(item, Some(Item::Disconnected(_) | Item::Closed(_))), "{item:?}");
            clients.push(client);
        }
        let each = |total| total / f64::from(CLIENTS);
        vec![
            0.0,
            each(resident_kib() - memory),
            each(cpu_time(std::process::id()).saturating_sub(cpu).as_secs_f64() * 1e3),
        ]
    }

    /// Opens accounts and waits for the first message of each socket.
    async fn open(&mut self, accounts: u32) {
        let links = match self.reader.trim_start_matches("bare-") {
            "balances" => &LINKS[..1],
            "orders" => &LINKS[1..2],
            "trades" => &LINKS[3..],
            "books" => &["order-books"],
            _ => &LINKS[..],
        };
        let messages = if self.reader.ends_with("books") { PAIRS } else { 1 };
        let mut sockets = self.counters.updates();
        for account in 1..=accounts {
            if self.reader.starts_with("bare") {
                for link in links {
                    self.open_bare(link).await;
                }
            } else {
                self.open_client();
            }
            sockets += u32::try_from(links.len()).unwrap_or_default() * messages;
            // A few accounts at a time, so that memory that is only needed to connect has little influence.
            if account % 100 == 0 || account == accounts {
                assert_eq!(
                    self.counters.wait_for(sockets, Counters::updates).await,
                    sockets,
                    "first messages"
                );
            }
        }
        sleep(Duration::from_millis(200)).await;
    }

    fn open_client(&mut self) {
        let key = format!("key-{}", self.clients.len());
        let credentials = Credentials::new(key, "secret", "me@example.com").expect("credentials");
        let scheme = if self.encrypted { "wss" } else { "ws" };
        let client = Client::builder(credentials)
            .with_endpoint(format!("{scheme}://127.0.0.1:{}/{}", self.port, self.load))
            .with_connector(self.connector.clone())
            .build()
            .expect("a client");
        let counters = Arc::clone(&self.counters);
        match self.reader {
            "books" => {
                let pairs = (0..PAIRS).map(|pair| BookPair::new(format!("C{pair:03}_TWD")).with_depth(20));
                let books = client.public().order_book(pairs).expect("pairs");
                read_all(books, move |item| counters.add(shim::is_update(item), || None));
            }
            "balances" => {
                read_all(client.balances(), move |item| counters.add(shim::is_update(item), || None));
            }
            "orders" => {
                read_all(client.active_orders(), move |item| counters.add(shim::is_update(item), || None));
            }
            "trades" => {
                read_all(client.user_trades(), move |item| counters.add(shim::is_update(item), || None));
            }
            _ => read_all(client.account(), move |item| {
                counters.add(shim::is_update(&item.item), || shim::sent_at(item));
            }),
        }
        self.clients.push(client);
    }

    async fn open_bare(&self, link: &str) {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.expect("a server");
        stream.set_nodelay(true).expect("a socket");
        if self.encrypted {
            let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
            self.read_bare(self.tls.connect(name, stream).await.expect("TLS"), link).await;
        } else {
            self.read_bare(stream, link).await;
        }
    }

    async fn read_bare<S>(&self, stream: S, link: &str)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let url = format!("ws://127.0.0.1:{}/{}/v1/pub/{link}", self.port, self.load);
        let config = WebSocketConfig::default().read_buffer_size(8 << 10).write_buffer_size(0);
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await.expect("an upgrade");
        let counters = Arc::clone(&self.counters);
        let sent_at = |item: &Result<Message, WsError>| {
            let (_, rest) = item.as_ref().ok()?.to_text().ok()?.split_once(r#""matchID":""#)?;
            rest.split_once('"')?.0.parse().ok()
        };
        let is_trades = link == "auth/user-trades";
        read_all(socket, move |item| counters.add(item.is_ok(), || sent_at(item).filter(|_| is_trades)));
    }
}

fn read_all<S: Stream<Item: Send> + Unpin + Send + 'static>(
    mut items: S,
    observe: impl Fn(&S::Item) + Send + 'static,
) {
    tokio::spawn(async move {
        while let Some(item) = poll_fn(|context| Pin::new(&mut items).poll_next(context)).await {
            observe(&item);
        }
    });
}

/// Sends a request to the load generator.
pub(crate) fn request(port: u16, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a server");
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Returns the CPU time of all threads of a process, each up to its last context switch.
pub(crate) fn cpu_time(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    let nanos = times.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum();
    Duration::from_nanos(nanos)
}

/// Returns the resident memory of this process. `smaps_rollup` counts pages; `status` is only an estimate.
fn resident_kib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let rss = text.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB"));
    rss.and_then(|kib| kib.parse().ok()).expect("a number")
}
