use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::relay::relay;
use crate::{Direction, Error, ErrorKind, Fault};

/// A TCP proxy that injects network faults: connections stall or break, and bytes arrive split or corrupted.
///
/// It connects a client under test to a [`Simulator`](crate::Simulator) or any other server, and relays bytes
/// without interpreting them. A [`Fault`] applies to one [`Direction`] or both, and either to the open
/// connections or to new ones: an old connection can stay frozen while the client dials again.
///
/// Dropping the proxy ends every connection through it.
///
/// # Examples
///
/// ```
/// use bitopro_sim::{Direction, Fault, FaultyProxy, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let simulator = Simulator::builder().start().await?;
/// let proxy = FaultyProxy::start(simulator.addr().ok_or("no sockets")?).await?;
/// let url = format!("ws://{}/ws", proxy.addr());
/// // A client that has dialled `url` stays connected, but receives nothing until the fault is cleared.
/// proxy.inject(Direction::ToClient, Fault::Pause);
/// proxy.clear();
/// // New connections are reset after 100 bytes, which is within the response to the upgrade.
/// proxy.inject_on_new(Direction::ToClient, Fault::Reset { after: 100 });
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    shared: Arc<Mutex<ProxyState>>,
    accept_task: JoinHandle<()>,
}

#[derive(Debug)]
struct ProxyState {
    server: SocketAddr,
    /// The faults of new connections.
    new_faults: PerDirection<Option<Fault>>,
    open: Vec<PerDirection<watch::Sender<Option<Fault>>>>,
    accepted: usize,
}

/// A value for each direction.
#[derive(Debug, Default, Clone, Copy)]
struct PerDirection<T> {
    to_client: T,
    to_server: T,
}

impl<T> PerDirection<T> {
    fn for_each(&mut self, direction: Direction, mut apply: impl FnMut(&mut T)) {
        if direction != Direction::ToServer {
            apply(&mut self.to_client);
        }
        if direction != Direction::ToClient {
            apply(&mut self.to_server);
        }
    }
}

impl FaultyProxy {
    /// Starts a proxy to this server on a free port of 127.0.0.1, without faults.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`ErrorKind::Listen`] if it cannot listen.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub async fn start(server: SocketAddr) -> Result<Self, Error> {
        let failed =
            |error| Error::new(ErrorKind::Listen, "the proxy cannot listen on 127.0.0.1").with_source(error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared =
            ProxyState { server, new_faults: PerDirection::default(), open: Vec::new(), accepted: 0 };
        let shared = Arc::new(Mutex::new(shared));
        let accept_task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accept_task })
    }

    /// Returns the proxy's IP address and port, to dial instead of the server's.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.locked(|shared| shared.accepted)
    }

    /// Connects new connections to another server, such as the same one after a restart.
    pub fn set_target(&self, server: SocketAddr) {
        self.locked(|shared| shared.server = server);
    }

    /// Injects a fault into the open connections, replacing any previous one in this direction.
    pub fn inject(&self, direction: Direction, fault: Fault) {
        self.set_open(direction, Some(fault));
    }

    /// Clears the faults of the open connections, and relays the bytes that were held back.
    pub fn clear(&self) {
        self.set_open(Direction::Both, None);
    }

    /// Injects a fault into every connection accepted from now on.
    pub fn inject_on_new(&self, direction: Direction, fault: Fault) {
        self.locked(|shared| shared.new_faults.for_each(direction, |current| *current = Some(fault)));
    }

    /// Clears the faults for connections accepted from now on.
    pub fn clear_new(&self) {
        self.locked(|shared| shared.new_faults = PerDirection::default());
    }

    fn set_open(&self, direction: Direction, fault: Option<Fault>) {
        self.locked(|shared| {
            for faults in &mut shared.open {
                faults.for_each(direction, |current| {
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
        self.accept_task.abort();
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
