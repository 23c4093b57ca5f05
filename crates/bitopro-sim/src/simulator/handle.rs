use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bitopro_model::Timestamp;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::endpoint::Endpoint;
use crate::gateway::connector::Incoming;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::supervisor::Supervisor;
use crate::gateway::tls::Certificate;
use crate::{SimConnector, SimCredentials, UpgradeAttempt};

/// A simulated exchange that runs until it is stopped or dropped.
///
/// Every method that changes something has done so when it returns; what it sends is then on its way, in
/// the same order to every connection. A connection receives events from its snapshot on.
#[derive(Debug)]
pub struct Simulator {
    pub(super) dispatcher: Arc<Dispatcher>,
    incoming: mpsc::UnboundedSender<Incoming>,
    address: Option<SocketAddr>,
    ws_url: Uri,
    ca_pem: Option<String>,
    credentials: SimCredentials,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Simulator {
    pub(super) fn launch(
        dispatcher: Dispatcher,
        endpoint: Endpoint,
        credentials: SimCredentials,
        market_interval: Option<Duration>,
    ) -> Self {
        let dispatcher = Arc::new(dispatcher);
        let (sender, incoming) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let (ca_pem, tls) = match endpoint.certificate {
            Some(Certificate { ca_pem, acceptor }) => (Some(ca_pem), Some(acceptor)),
            None => (None, None),
        };
        let supervisor = Supervisor {
            dispatcher: Arc::clone(&dispatcher),
            listener: endpoint.listener,
            tls,
            incoming,
            market_interval,
            stop: stopped,
        };
        Self {
            dispatcher,
            incoming: sender,
            address: endpoint.address,
            ws_url: endpoint.ws_url,
            ca_pem,
            credentials,
            stop: Some(stop),
            task: Some(tokio::spawn(supervisor.run())),
        }
    }

    /// The address that is listened on, or `None` without sockets.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The base of every stream's URL, such as `ws://127.0.0.1:8765/ws` or `wss://localhost:8765/ws`.
    ///
    /// Without sockets it is one that only the [`connector`](Self::connector) reaches.
    pub fn ws_url(&self) -> &Uri {
        &self.ws_url
    }

    /// The credentials of the account.
    pub fn credentials(&self) -> &SimCredentials {
        &self.credentials
    }

    /// The certificate of the authority to trust, in PEM, or `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Returns a connector that dials this simulator in memory, without sockets.
    pub fn connector(&self) -> SimConnector {
        SimConnector::new(Arc::clone(&self.dispatcher), self.incoming.clone())
    }

    /// Serves a caller's byte stream as if it had been accepted: a pipe that a test breaks, or a simulated
    /// network. No TLS is spoken on it, whatever the simulator does on its port.
    pub fn serve_connection<S>(&self, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A simulator that has stopped drops it, which ends it.
        let _ = self.incoming.send(Incoming::ByteStream(Box::new(io)));
    }

    /// The exchange's time.
    pub fn now(&self) -> Timestamp {
        self.dispatcher.now()
    }

    /// The number of open connections that have their snapshot.
    pub fn connections(&self) -> usize {
        self.dispatcher.connections()
    }

    /// The dials that reached the simulator, in order; the last 10,000 of them.
    pub fn upgrade_attempts(&self) -> Vec<UpgradeAttempt> {
        self.dispatcher.upgrade_attempts()
    }

    /// Closes every socket with 1001, waits up to 2 s for their answers, and ends every task.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.as_mut() {
            // Nothing else aborts it, and a panic in it has been reported where it happened.
            let _ = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
