//! Names that do not resolve, or that resolve to unreachable addresses.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::uri::Authority;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::{Deadline, Error, Request, TungsteniteConnector};
use crate::dial::tcp::{self, Resolver};
use crate::{Connector as _, ErrorKind};

const DEADLINE: Duration = Duration::from_secs(10);

/// An address to which connection attempts hang. On Linux, a listener with a full backlog ignores further
/// ones.
struct DeadAddress {
    address: SocketAddr,
    _backlog: (TcpListener, TcpStream),
}

impl DeadAddress {
    async fn new(socket: TcpSocket, ip: &str) -> io::Result<Self> {
        socket.bind(SocketAddr::new(ip.parse().unwrap(), 0))?;
        let listener = socket.listen(0)?;
        let address = listener.local_addr()?;
        // A backlog of 0 has room for one connection, which is never accepted.
        let queued = TcpStream::connect(address).await?;
        Ok(Self { address, _backlog: (listener, queued) })
    }

    async fn v4() -> Self {
        Self::new(TcpSocket::new_v4().unwrap(), "127.0.0.1").await.unwrap()
    }
}

/// A resolver with one scripted result for each lookup. The port always comes from the URL.
#[derive(Clone)]
struct ScriptedResolver(Arc<Mutex<VecDeque<io::Result<Vec<SocketAddr>>>>>);

impl ScriptedResolver {
    fn new(results: impl IntoIterator<Item = io::Result<Vec<SocketAddr>>>) -> Self {
        Self(Arc::new(Mutex::new(results.into_iter().collect())))
    }
}

impl Resolver for ScriptedResolver {
    async fn resolve(self, _: &str) -> io::Result<Vec<SocketAddr>> {
        self.0.lock().unwrap().pop_front().expect("a scripted result for each lookup")
    }
}

async fn connect(resolver: ScriptedResolver, address: &Authority) -> Result<TcpStream, Error> {
    tcp::connect(resolver, address, Deadline::after(DEADLINE)).await
}

fn unknown_name() -> io::Result<Vec<SocketAddr>> {
    Err(io::Error::other("no such name"))
}

#[tokio::test]
async fn fault_37_an_unresolvable_name_is_a_network_error_and_is_resolved_again() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let named = format!("name.test:{}", address.port()).parse().unwrap();
    let resolver = ScriptedResolver::new([unknown_name(), Ok(vec![]), Ok(vec![address])]);
    for reason in ["no such name", "it has no IP address"] {
        let error = connect(resolver.clone(), &named).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
        assert!(error.kind().is_network());
        assert_eq!(format!("{error:#}"), format!("the name name.test cannot be resolved: {reason}"));
    }
    let stream = connect(resolver, &named).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
}

/// A resolver whose name server never answers.
struct SilentResolver;

impl Resolver for SilentResolver {
    async fn resolve(self, _: &str) -> io::Result<Vec<SocketAddr>> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn fault_37_a_name_server_that_never_answers_ends_the_dial_at_its_deadline() {
    let unresolved = "was not resolved within 10 s";
    let request = Request::new("wss://exchange.test/ws".parse().unwrap()).with_deadline(DEADLINE);
    let direct = TungsteniteConnector::new().without_proxy();
    let through_proxy = direct.clone().with_proxy("http://proxy.test:3128".parse().unwrap());
    for (connector, expected) in [
        (direct, format!("the name exchange.test {unresolved}")),
        (
            through_proxy,
            format!(
                "the proxy http://proxy.test:3128 could not be reached; check its URL: the name proxy.test \
                 {unresolved}"
            ),
        ),
    ] {
        let began = Instant::now();
        let error = connector.dial(SilentResolver, &request).await.map(|_| ()).unwrap_err();
        assert_eq!((error.kind(), format!("{error:#}")), (ErrorKind::TimedOut, expected));
        assert_eq!(began.elapsed(), DEADLINE);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fault_37_a_dead_address_leaves_time_for_the_next_one() {
    let dead = DeadAddress::v4().await;
    let alive = SocketAddr::from(([127, 0, 0, 2], dead.address.port()));
    let _listener = TcpListener::bind(alive).await.unwrap();
    tokio::time::pause();
    let named = format!("two.test:{}", dead.address.port()).parse().unwrap();
    let began = Instant::now();
    let resolver = ScriptedResolver::new([Ok(vec![dead.address, alive])]);
    let stream =
        timeout(2 * DEADLINE, connect(resolver, &named)).await.expect("the second address is tried").unwrap();
    assert_eq!(stream.peer_addr().unwrap(), alive);
    assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
    assert!(stream.nodelay().unwrap());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fault_37_a_dead_ipv6_address_delays_the_dial_by_less_than_a_second() {
    // On a machine without IPv6, connecting to the address fails immediately, which tests the same.
    let dead = match TcpSocket::new_v6() {
        Ok(socket) => DeadAddress::new(socket, "::1").await.ok(),
        Err(_) => None,
    };
    let port = dead.as_ref().map_or(0, |dead| dead.address.port());
    let listener = TcpListener::bind(("127.0.0.3", port)).await.unwrap();
    let alive = listener.local_addr().unwrap();
    tokio::time::pause();
    let named = format!("two.test:{}", alive.port()).parse().unwrap();
    let began = Instant::now();
    let ipv6 = SocketAddr::new("::1".parse().unwrap(), alive.port());
    let resolver = ScriptedResolver::new([Ok(vec![ipv6, alive])]);
    let stream = timeout(2 * DEADLINE, connect(resolver, &named)).await;
    let stream = stream.expect("the IPv4 address is tried").unwrap();
    assert_eq!(stream.peer_addr().unwrap(), alive);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fault_37_every_dial_resolves_the_name_again() {
    let before = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = before.local_addr().unwrap().port();
    let after = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let resolver =
        ScriptedResolver::new([&before, &after].map(|listener| Ok(vec![listener.local_addr().unwrap()])));
    let connector = TungsteniteConnector::new();
    let request = Request::new(format!("ws://localhost:{port}/ws").parse().unwrap());
    for listener in [&before, &after] {
        let dial = connector.dial(resolver.clone(), &request);
        // The stream is dropped immediately, because only the address matters.
        let both = async { tokio::join!(dial, async { listener.accept().await.map(|_| ()) }) };
        let (dialed, accepted) = timeout(DEADLINE, Box::pin(both)).await.expect("the listener is dialled");
        assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::Disconnected);
        accepted.unwrap();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fault_37_a_dial_to_a_dead_address_ends_at_the_deadline() {
    let dead = DeadAddress::v4().await;
    tokio::time::pause();
    let began = Instant::now();
    let request = Request::new(format!("ws://{}/ws", dead.address).parse().unwrap());
    let connector = TungsteniteConnector::new();
    let dial = connector.connect(request.with_deadline(DEADLINE));
    let dialed = timeout(2 * DEADLINE, dial).await.expect("the dial ends at its deadline");
    let error = dialed.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert_eq!(error.to_string(), format!("no TCP connection to {} within 10 s", dead.address));
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
}
