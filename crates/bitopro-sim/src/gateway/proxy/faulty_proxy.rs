use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::relay::relay;
use crate::{Direction, Error, ErrorKind, Fault};

/// A TCP proxy that treats connections as bad networks do: they stall, break off, arrive in pieces or altered.
///
/// It connects a client under test to a [`Simulator`](crate::Simulator), or to any other server, and relays
/// bytes without reading them. A fault is of one [`Direction`], and either of the connections that are open now
/// or of those that will come: what is frozen can stay so while the client dials again.
///
/// ```
/// use bitopro_sim::{Direction, Fault, FaultyProxy, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let simulator = Simulator::builder().start().await?;
/// let proxy = FaultyProxy::start(simulator.addr().ok_or("no sockets")?).await?;
/// let url = format!("ws://{}/ws", proxy.addr());
/// // A client that dials `url` hears nothing more from here on, while its connection stays open …
/// proxy.inject(Direction::ToClient, Fault::Pause);
/// // … and then all that was held back.
/// proxy.clear();
/// // The next one is reset after 100 bytes, most likely within the answer to its upgrade.
/// proxy.inject_on_new(Direction::ToClient, Fault::Reset { after: 100 });
/// # Ok(()) }
/// ```
///
/// Dropping it ends every connection through it.
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    shared: Arc<Mutex<ProxyState>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct ProxyState {
    server: SocketAddr,
    /// The faults of those that will come.
    new_faults: PerDirection<Option<Fault>>,
    open: Vec<PerDirection<watch::Sender<Option<Fault>>>>,
    accepted: usize,
}

/// One of each direction.
#[derive(Debug, Default, Clone, Copy)]
struct PerDirection<T> {
    to_client: T,
    to_server: T,
}

impl<T> PerDirection<T> {
    fn each(&mut self, direction: Direction, mut with: impl FnMut(&mut T)) {
        if direction != Direction::ToServer {
            with(&mut self.to_client);
        }
        if direction != Direction::ToClient {
            with(&mut self.to_server);
        }
    }
}

impl FaultyProxy {
    /// A proxy on a free port of 127.0.0.1 that leads to this address, without a fault.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`] if it cannot listen.
    pub async fn start(server: SocketAddr) -> Result<Self, Error> {
        let failed =
            |error| Error::new(ErrorKind::Listen, "the proxy cannot listen on 127.0.0.1").with_source(error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared =
            ProxyState { server, new_faults: PerDirection::default(), open: Vec::new(), accepted: 0 };
        let shared = Arc::new(Mutex::new(shared));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// The address to dial instead of the server's.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The number of connections so far.
    pub fn accepted(&self) -> usize {
        self.locked(|shared| shared.accepted)
    }

    /// Connects every connection that is accepted from now on to another server, such as the same one after a
    /// restart.
    pub fn set_target(&self, server: SocketAddr) {
        self.locked(|shared| shared.server = server);
    }

    /// Inflicts a fault on the connections that are open now, in place of the one that they had.
    pub fn inject(&self, direction: Direction, fault: Fault) {
        self.set_open(direction, Some(fault));
    }

    /// Frees the connections that are open now of their faults. What was held back passes.
    pub fn clear(&self) {
        self.set_open(Direction::Both, None);
    }

    /// Inflicts a fault on every connection that is accepted from now on.
    pub fn inject_on_new(&self, direction: Direction, fault: Fault) {
        self.locked(|shared| shared.new_faults.each(direction, |current| *current = Some(fault)));
    }

    /// Accepts connections without a fault from now on.
    pub fn clear_new(&self) {
        self.locked(|shared| shared.new_faults = PerDirection::default());
    }

    fn set_open(&self, direction: Direction, fault: Option<Fault>) {
        self.locked(|shared| {
            for faults in &mut shared.open {
                faults.each(direction, |current| {
                    current.send_replace(fault);
                });
            }
        });
    }

    fn locked<T>(&self, work: impl FnOnce(&mut ProxyState) -> T) -> T {
        work(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<ProxyState>>) {
    let mut connections = JoinSet::new();
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => client,
                Err(_) => return,
            },
            Some(_) = connections.join_next() => continue,
        };
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.accepted += 1;
        shared.open.retain(|faults| !faults.to_client.is_closed());
        let (to_client, client_faults) = watch::channel(shared.new_faults.to_client);
        let (to_server, server_faults) = watch::channel(shared.new_faults.to_server);
        shared.open.push(PerDirection { to_client, to_server });
        let server = shared.server;
        drop(shared);
        connections.spawn(async move {
            if let Ok(server) = TcpStream::connect(server).await {
                relay(client, server, client_faults, server_faults).await;
            }
        });
    }
}
