use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bitopro_model::Timestamp;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::account_options::AccountOptions;
use super::endpoint::Endpoint;
use crate::gateway::connector::Incoming;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::supervisor::Supervisor;
use crate::gateway::tls::Certificate;
use crate::{AccountId, SimConnector, SimCredentials, UpgradeAttempt};

/// A simulated exchange that runs until it is stopped or dropped.
///
/// Methods that change the account take effect before they return. They queue the resulting messages in the
/// same order for every connection of a stream. A connection receives its snapshot first, and then every
/// later update.
///
/// # Examples
///
/// ```
/// use bitopro_model::{Action, Decimal};
/// use bitopro_sim::{NewOrder, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let simulator = Simulator::builder().start().await?;
/// println!("connect clients to {}", simulator.ws_url());
///
/// let (amount, price) = (Decimal::new(1, 2), Decimal::from(2_600_000));
/// let id = simulator.place(&NewOrder::limit("btc_twd", Action::Buy, amount, price))?;
/// simulator.fill(&id, Decimal::new(4, 3))?;
/// simulator.cancel(&id)?;
/// assert_eq!(simulator.trades().pop().map(|trade| trade.order_id), Some(id));
/// let closed = simulator.closed_orders().pop().ok_or("no closed order")?;
/// assert_eq!(closed.executed_amount, Decimal::new(4, 3));
/// simulator.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Simulator {
    pub(crate) dispatcher: Arc<Dispatcher>,
    incoming: mpsc::UnboundedSender<Incoming>,
    address: Option<SocketAddr>,
    ws_url: Uri,
    rest_url: Uri,
    ca_pem: Option<String>,
    accounts: AccountOptions,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Simulator {
    pub(super) fn spawn(
        dispatcher: Dispatcher,
        endpoint: Endpoint,
        accounts: AccountOptions,
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
            rest_url: endpoint.rest_url,
            ca_pem,
            accounts,
            stop: Some(stop),
            task: Some(tokio::spawn(supervisor.run())),
        }
    }

    /// Returns the IP address and port that the simulator listens on, or `None` without sockets.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Returns the base URL of every stream, such as `ws://127.0.0.1:8765/ws` or `wss://localhost:8765/ws`.
    ///
    /// Without sockets, only the [`connector`](Self::connector) reaches it.
    pub fn ws_url(&self) -> &Uri {
        &self.ws_url
    }

    /// Returns the base URL of the REST API, such as `http://127.0.0.1:8765/v3` or `https://localhost:8765/v3`.
    ///
    /// Without sockets, only the [`connector`](Self::connector) reaches it.
    pub fn rest_url(&self) -> &Uri {
        &self.rest_url
    }

    /// Returns the credentials of the first account.
    pub fn credentials(&self) -> &SimCredentials {
        self.credentials_of(AccountId::DEFAULT)
    }

    pub(super) fn credentials_of(&self, account: AccountId) -> &SimCredentials {
        self.accounts.credentials_of(account)
    }

    /// Returns the certificate of the authority that clients must trust, in PEM, or `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Returns a connector, and HTTP client, that reaches this simulator in memory, without sockets.
    pub fn connector(&self) -> SimConnector {
        SimConnector::new(Arc::clone(&self.dispatcher), self.incoming.clone())
    }

    /// Serves a byte stream like an accepted connection.
    ///
    /// The byte stream may be a pipe that a test breaks, or a stream of a simulated network. It carries plain
    /// text, even if the simulator serves TLS on its port. A stopped simulator drops it.
    pub fn serve_connection<S>(&self, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // After a stop, sending fails and drops the stream.
        let _ = self.incoming.send(Incoming::ByteStream(Box::new(io)));
    }

    /// Returns the exchange's time.
    pub fn now(&self) -> Timestamp {
        self.dispatcher.now()
    }

    /// Returns the number of open connections whose snapshot has been queued.
    pub fn connections(&self) -> usize {
        self.dispatcher.connections()
    }

    /// Returns the last 10,000 dials that reached the simulator, oldest first.
    pub fn upgrade_attempts(&self) -> Vec<UpgradeAttempt> {
        self.dispatcher.upgrade_attempts()
    }

    /// Closes every socket with code 1001, waits up to 2 s for the answers, and ends all tasks.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts all tasks, as dropping the simulator does.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.as_mut() {
            // The task is not aborted elsewhere, and a panic in it has already been reported.
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
