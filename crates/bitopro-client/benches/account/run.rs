//! One measurement, in its own process.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitopro_client::transport::TungsteniteConnector;
use bitopro_client::{Client, Credentials};
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

use crate::generator::{FLOOD, MIXED, PACED, TRADES};
use crate::{shim, unix_nanos};

/// Ends of the paths of the account's streams.
const LINKS: [&str; 4] = ["account-balance", "orders", "orders/histories", "user-trades"];
/// Number of idle accounts.
const ACCOUNTS: u32 = 200;

/// Items that the readers of this process have seen.
#[derive(Default)]
struct Seen {
    updates: AtomicU32,
    takes_latency: bool,
    latencies: Mutex<Vec<u64>>,
}

impl Seen {
    fn add(&self, is_update: bool, sent_at: impl FnOnce() -> Option<u64>) {
        if let Some(sent_at) = self.takes_latency.then(sent_at).flatten() {
            self.latencies.lock().expect("no panic").push(unix_nanos().saturating_sub(sent_at));
        }
        self.updates.fetch_add(u32::from(is_update), Ordering::Relaxed);
    }

    /// Waits until all updates have arrived, or none has for a second. Returns how many have.
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

/// A reader of some load.
pub(crate) struct Run<'a> {
    reader: &'a str,
    load: &'a str,
    encrypted: bool,
    control: u16,
    port: u16,
    seen: Arc<Seen>,
    connector: TungsteniteConnector,
    tls: TlsConnector,
    /// Not dropped before the end, like those of a program.
    clients: Vec<Client>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(reader: &'a str, load: &'a str, encrypted: bool, control: u16, port: u16) -> Self {
        let seen = Arc::new(Seen { takes_latency: matches!(load, "quiet" | "burst"), ..Seen::default() });
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
        Self { reader, load, encrypted, control, port, seen, connector, tls, clients: Vec::new() }
    }

    /// Returns the number of lost updates, then the figures.
    pub(crate) async fn measure(mut self) -> Vec<f64> {
        self.open(1).await;
        if self.load == "idle" {
            let before = resident_kib();
            self.open(ACCOUNTS).await;
            return vec![0.0, (resident_kib() - before) / f64::from(ACCOUNTS)];
        }
        let seen = Arc::clone(&self.seen);
        let settled = seen.updates();
        seen.latencies.lock().expect("no panic").clear();
        let (cpu, begin) = (cpu_time(), Instant::now());
        request(self.control, "/go");
        if seen.takes_latency {
            let trades =
                |seen: &Seen| u32::try_from(seen.latencies.lock().expect("no panic").len()).unwrap_or(0);
            let arrived = seen.wait_for(TRADES, trades).await;
            let snapshots = seen.updates() - settled - arrived;
            let rate = f64::from(snapshots) / begin.elapsed().as_secs_f64();
            let mut latencies = std::mem::take(&mut *seen.latencies.lock().expect("no panic"));
            latencies.sort_unstable();
            let percentile = |percent| {
                let nanos = latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
                Duration::from_nanos(nanos).as_secs_f64() * 1e6
            };
            return vec![f64::from(TRADES - arrived), percentile(50), percentile(99), rate];
        }
        let sent = match self.load {
            "flood" => FLOOD,
            "mixed" => MIXED * 4,
            _ => PACED,
        };
        let arrived = seen.wait_for(sent, |seen| seen.updates() - settled).await;
        let spent = cpu_time().saturating_sub(cpu).as_secs_f64();
        vec![f64::from(sent - arrived), spent * 1e6 / f64::from(sent)]
    }

    /// Opens accounts, and waits until the first message of each socket has arrived.
    async fn open(&mut self, accounts: u32) {
        let links = if self.reader.ends_with("balances") { &LINKS[..1] } else { &LINKS[..] };
        let mut sockets = self.seen.updates();
        for account in 1..=accounts {
            if self.reader.starts_with("bare") {
                for link in links {
                    self.open_bare(link).await;
                }
            } else {
                self.open_client();
            }
            sockets += u32::try_from(links.len()).unwrap_or_default();
            // A few accounts at a time: memory that only connecting needs should not count much.
            if account % 20 == 0 || account == accounts {
                assert_eq!(self.seen.wait_for(sockets, Seen::updates).await, sockets, "first messages");
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
        let seen = Arc::clone(&self.seen);
        if self.reader == "balances" {
            follow(client.balances(), move |item| seen.add(shim::is_update(item), || None));
        } else {
            follow(client.account(), move |item| {
                seen.add(shim::is_update(&item.item), || shim::sent_at(item));
            });
        }
        self.clients.push(client);
    }

    async fn open_bare(&self, link: &str) {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.expect("a server");
        stream.set_nodelay(true).expect("a socket");
        if self.encrypted {
            let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
            self.follow_bare(self.tls.connect(name, stream).await.expect("TLS"), link).await;
        } else {
            self.follow_bare(stream, link).await;
        }
    }

    async fn follow_bare<S>(&self, stream: S, link: &str)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let url = format!("ws://127.0.0.1:{}/{}/v1/pub/auth/{link}", self.port, self.load);
        let config = WebSocketConfig::default().read_buffer_size(8 << 10).write_buffer_size(0);
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await.expect("an upgrade");
        let seen = Arc::clone(&self.seen);
        let sent_at = |item: &Result<Message, WsError>| {
            let (_, rest) = item.as_ref().ok()?.to_text().ok()?.split_once(r#""matchID":""#)?;
            rest.split_once('"')?.0.parse().ok()
        };
        let is_trades = link == "user-trades";
        follow(socket, move |item| seen.add(item.is_ok(), || sent_at(item).filter(|_| is_trades)));
    }
}

fn follow<S: Stream<Item: Send> + Unpin + Send + 'static>(
    mut items: S,
    look: impl Fn(&S::Item) + Send + 'static,
) {
    tokio::spawn(async move {
        while let Some(item) = poll_fn(|context| Pin::new(&mut items).poll_next(context)).await {
            look(&item);
        }
    });
}

/// Makes a request to the load generator.
fn request(port: u16, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a server");
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// CPU time of all threads of this process, exact to the last context switch of each.
fn cpu_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let times = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    let nanos = times.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum();
    Duration::from_nanos(nanos)
}

/// Resident memory of this process. `smaps_rollup` counts pages, where `status` only estimates.
fn resident_kib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let rss = text.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB"));
    rss.and_then(|kib| kib.parse().ok()).expect("a number")
}
