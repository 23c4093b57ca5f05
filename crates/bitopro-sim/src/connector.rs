use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bitopro_model::PrivateStream;
use bitopro_transport::{
    Connection, Connector, Error, ErrorKind, Limits, Refusal, Request, TungsteniteConnection,
};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::hub::Hub;
use crate::server::limits;
use crate::{UpgradeRequest, server, session};

/// How much a connection in memory holds in each direction, as the buffers of a socket would.
const PIPE_BYTES: usize = 64 << 10;

/// Dials a simulator in memory, whatever the host of the URL: no socket, no real time. The frames are
/// WebSocket's own, over a pipe. Clones dial the same simulator.
#[derive(Clone)]
pub struct SimConnector {
    hub: Arc<Hub>,
    guests: mpsc::UnboundedSender<Guest>,
}

/// Somebody who did not come through the listener.
pub(crate) enum Guest {
    /// A connection in memory that was let in.
    Admitted { stream: PrivateStream, pipe: DuplexStream },
    /// A byte stream of the user's own, over which nothing was said yet.
    Stranger(Box<dyn Io>),
}

/// What HTTP and frames can be spoken over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

impl Guest {
    pub(crate) async fn serve(self, hub: Arc<Hub>) {
        match self {
            Self::Admitted { stream, pipe } => {
                let connection = TungsteniteConnection::server(pipe, Bytes::new(), limits()).await;
                if let Some(seat) = hub.subscribe(stream) {
                    session::serve(connection, seat).await;
                }
            }
            Self::Stranger(io) => server::serve_stream(io, hub).await,
        }
    }
}

impl SimConnector {
    pub(crate) fn new(hub: Arc<Hub>, guests: mpsc::UnboundedSender<Guest>) -> Self {
        Self { hub, guests }
    }
}

#[async_trait]
impl Connector for SimConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let stopped = || Error::new(ErrorKind::Connect, "the simulator has stopped");
        if self.hub.is_closing() || self.guests.is_closed() {
            return Err(stopped());
        }
        let asking =
            UpgradeRequest { path: request.url().path(), headers: request.headers(), is_upgrade: true };
        let stream = self.hub.admit(&asking).map_err(|mut refusal| {
            refusal.body.truncate(Refusal::BODY_LIMIT);
            Error::refused(refusal)
        })?;
        let (pipe, server_end) = duplex(PIPE_BYTES);
        self.guests.send(Guest::Admitted { stream, pipe: server_end }).map_err(|_| stopped())?;
        Ok(Box::new(TungsteniteConnection::client(pipe, Bytes::new(), Limits::default()).await))
    }
}

impl fmt::Debug for SimConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConnector").finish_non_exhaustive()
    }
}
