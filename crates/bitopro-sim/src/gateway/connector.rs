use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bitopro_transport::{
    Connection, Connector, Error, ErrorKind, HttpClient, Limits, Refusal, Request, TungsteniteConnection,
};
use bytes::Bytes;
use http::{Request as HttpRequest, Response};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::gateway::authentication::UpgradeRequest;
use crate::gateway::channel::Channel;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::server::limits;
use crate::gateway::supervisor::client_span;
use crate::gateway::{server, session};

/// Number of bytes that a connection in memory buffers in each direction, like the buffers of a socket.
const PIPE_BYTES: usize = 64 << 10;

/// The name of the peer of a connection in memory.
const MEMORY_PEER: &str = "memory";

/// A connector and HTTP client that reaches a simulator in memory, without sockets and regardless of the URL's
/// host.
///
/// Connections exchange real WebSocket frames over a pipe, and calls of the REST API are answered directly. Both
/// work under a paused tokio clock. Clones reach the same simulator. [`Simulator::connector`](crate::Simulator::connector) creates it.
///
/// # Examples
///
/// ```
/// use bitopro_auth::Signer;
/// use bitopro_model::PrivateStream;
/// use bitopro_sim::Simulator;
/// use bitopro_transport::{Connector, Frame, Request};
/// use futures_util::StreamExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let simulator = Simulator::builder().start_in_memory()?;
/// let connector = simulator.connector();
///
/// let url = format!("{}{}", simulator.ws_url(), PrivateStream::ActiveOrders.path());
/// let now_ms = u64::try_from(simulator.now().as_millis())?;
/// let signed = Signer::new(simulator.credentials().to_credentials()?).sign_identity(now_ms);
/// let mut request = Request::new(url.parse()?);
/// for (name, value) in signed.iter() {
///     request = request.with_header(name, value)?;
/// }
/// let mut connection = connector.connect(request).await?;
/// assert!(matches!(connection.next().await, Some(Ok(Frame::Text(_)))));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SimConnector {
    dispatcher: Arc<Dispatcher>,
    incoming: mpsc::UnboundedSender<Incoming>,
}

/// A connection that does not arrive through the listener.
pub(crate) enum Incoming {
    /// A connection in memory whose dial was accepted.
    Authorized { channel: Channel, pipe: DuplexStream },
    /// A caller's byte stream, before its upgrade.
    ByteStream(Box<dyn Io>),
}

/// A byte stream for HTTP and frames.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

impl Incoming {
    /// Returns the name of the peer, which has no address.
    pub(crate) fn peer(&self) -> &'static str {
        match self {
            Self::Authorized { .. } => MEMORY_PEER,
            Self::ByteStream(_) => "byte stream",
        }
    }

    pub(crate) async fn serve(self, dispatcher: Arc<Dispatcher>) {
        match self {
            Self::Authorized { channel, pipe } => {
                let connection = TungsteniteConnection::server(pipe, Bytes::new(), limits()).await;
                if let Some(subscription) = dispatcher.subscribe(channel) {
                    session::serve(connection, subscription).await;
                }
            }
            Self::ByteStream(io) => server::serve_stream(io, dispatcher).await,
        }
    }
}

impl SimConnector {
    pub(crate) fn new(dispatcher: Arc<Dispatcher>, incoming: mpsc::UnboundedSender<Incoming>) -> Self {
        Self { dispatcher, incoming }
    }
}

#[async_trait]
impl Connector for SimConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        if self.dispatcher.is_closing() || self.incoming.is_closed() {
            return Err(stopped());
        }
        let (url, headers) = (request.url(), request.headers());
        let upgrade = UpgradeRequest { path: url.path(), query: url.query(), headers, flaw: None };
        let decision = client_span(MEMORY_PEER).in_scope(|| self.dispatcher.authorize(&upgrade));
        let channel = decision.map_err(|mut refusal| {
            refusal.body.truncate(Refusal::BODY_LIMIT);
            Error::refused(refusal)
        })?;
        let (pipe, server_end) = duplex(PIPE_BYTES);
        self.incoming.send(Incoming::Authorized { channel, pipe: server_end }).map_err(|_| stopped())?;
        Ok(Box::new(TungsteniteConnection::client(pipe, Bytes::new(), Limits::default()).await))
    }
}

/// Calls the simulator's REST API in memory, whatever the URL's host.
#[async_trait]
impl HttpClient for SimConnector {
    async fn send(&self, request: HttpRequest<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error> {
        if self.dispatcher.is_closing() || self.incoming.is_closed() {
            return Err(stopped());
        }
        let answered = client_span(MEMORY_PEER).in_scope(|| self.dispatcher.answer(&request));
        let response = timeout(deadline, server::delivered(answered)).await.map_err(|_| {
            Error::new(ErrorKind::TimedOut, "the simulator has not answered within the deadline")
        })?;
        response.ok_or_else(|| Error::new(ErrorKind::Disconnected, "the simulator has lost the response"))
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Connect, "the simulator has stopped")
}

impl fmt::Debug for SimConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConnector").finish_non_exhaustive()
    }
}
