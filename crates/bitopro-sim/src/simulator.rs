mod running;
mod trading;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bitopro_model::{PrivateStream, Timestamp};
use bitopro_transport::{Frame, Refusal};
use http::Uri;
use http::uri::InvalidUri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::connector::{Guest, SimConnector};
use crate::gate::BASE_PATH;
use crate::hub::Hub;
use crate::supervisor::Supervisor;
use crate::tls::{Certificate, is_localhost};
use crate::{Dial, Error, ErrorKind, SimCredentials, SimulatorBuilder};

/// A simulated exchange that runs until it is stopped or dropped.
///
/// Every method that changes something has done so when it returns; what it sends is then on its way, in
/// the same order to every socket. Sockets take part from the moment of their snapshot on.
#[derive(Debug)]
pub struct Simulator {
    hub: Arc<Hub>,
    guests: mpsc::UnboundedSender<Guest>,
    address: Option<SocketAddr>,
    ws_url: Uri,
    ca_pem: Option<String>,
    credentials: SimCredentials,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Simulator {
    /// The options of a simulator.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::new()
    }

    pub(crate) fn launch(
        hub: Hub,
        place: Place,
        credentials: SimCredentials,
        market_interval: Option<Duration>,
    ) -> Self {
        let hub = Arc::new(hub);
        let (guests, incoming) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let (ca_pem, tls) = match place.certificate {
            Some(Certificate { ca_pem, acceptor }) => (Some(ca_pem), Some(acceptor)),
            None => (None, None),
        };
        let supervisor = Supervisor {
            hub: Arc::clone(&hub),
            listener: place.listener,
            tls,
            guests: incoming,
            market_interval,
            stop: stopped,
        };
        Self {
            hub,
            guests,
            address: place.address,
            ws_url: place.ws_url,
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
    /// Without sockets it is one that leads nowhere, for the [`connector`](Self::connector).
    pub fn ws_url(&self) -> &Uri {
        &self.ws_url
    }

    /// The account that is let in.
    pub fn credentials(&self) -> &SimCredentials {
        &self.credentials
    }

    /// The certificate of the authority to trust, in PEM, or `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// A way to dial this simulator in memory, without sockets.
    pub fn connector(&self) -> SimConnector {
        SimConnector::new(Arc::clone(&self.hub), self.guests.clone())
    }

    /// Serves a byte stream of your own as if it had been accepted: a pipe that you break in a test, or a
    /// simulated network. No TLS is spoken on it, whatever the simulator does on its port.
    pub fn serve_connection<S>(&self, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A simulator that has stopped drops it, which ends it.
        let _ = self.guests.send(Guest::Stranger(Box::new(io)));
    }

    /// The exchange's time.
    pub fn now(&self) -> Timestamp {
        self.hub.now()
    }

    /// Puts the exchange's clock this many milliseconds ahead of the one it was started with.
    pub fn set_clock_offset_ms(&self, offset: i64) {
        self.hub.set_clock_offset_ms(offset);
    }

    /// Sends a text to every socket as it is, whether or not it makes sense.
    pub fn send_text(&self, text: impl Into<String>) {
        self.hub.send(None, &Frame::text(text.into()));
    }

    /// Sends a text to every socket of one stream as it is: an event once more, or one from before.
    pub fn send_text_to(&self, stream: PrivateStream, text: impl Into<String>) {
        self.hub.send(Some(stream), &Frame::text(text.into()));
    }

    /// How many sockets have been given their snapshot and are still there.
    pub fn connections(&self) -> usize {
        self.hub.connections()
    }

    /// The dials that reached the simulator, in order; the last 10,000 of them.
    pub fn dials(&self) -> Vec<Dial> {
        self.hub.dials()
    }

    /// Refuses the next `count` dials with this, whatever they ask for. Orders are carried out one after
    /// the other.
    pub fn refuse_next(&self, count: usize, refusal: Refusal) {
        self.hub.refuse_next(count, refusal);
    }

    /// Sends a close frame to every socket, after what is on its way.
    pub fn close_all(&self, code: u16, reason: &str) {
        self.hub.send(None, &Frame::close(code, reason));
    }

    /// Sends a close frame to every socket of one stream, after what is on its way.
    pub fn close(&self, stream: PrivateStream, code: u16, reason: &str) {
        self.hub.send(Some(stream), &Frame::close(code, reason));
    }

    /// Ends every socket at once, without a close frame. What is on its way may be lost.
    pub fn disconnect_all(&self) {
        self.hub.expel(None);
    }

    /// Ends every socket of one stream at once, without a close frame. What is on its way may be lost.
    pub fn disconnect(&self, stream: PrivateStream) {
        self.hub.expel(Some(stream));
    }

    /// Sends no pings until they are resumed.
    pub fn pause_pings(&self) {
        self.hub.pings_paused.store(true, Ordering::Relaxed);
    }

    /// Sends pings again, each at its next regular time.
    pub fn resume_pings(&self) {
        self.hub.pings_paused.store(false, Ordering::Relaxed);
    }

    /// Closes every socket with 1001, waits up to 2 s for their answers, and ends every task.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.as_mut() {
            // It is aborted by nobody else, and a panic in it has been reported where it happened.
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

/// Where a simulator is reached.
#[derive(Debug)]
pub(crate) struct Place {
    listener: Option<TcpListener>,
    address: Option<SocketAddr>,
    certificate: Option<Certificate>,
    ws_url: Uri,
}

impl Place {
    /// Nowhere but through its connector. The host is reserved for names that do not exist (RFC 6761).
    pub(crate) fn memory() -> Result<Self, Error> {
        let ws_url = url("wss://simulator.invalid")?;
        Ok(Self { listener: None, address: None, certificate: None, ws_url })
    }

    pub(crate) fn sockets(
        listener: TcpListener,
        address: SocketAddr,
        certificate: Option<Certificate>,
    ) -> Result<Self, Error> {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let there = SocketAddr::new(ip, address.port());
        let ws_url = match &certificate {
            None => url(&format!("ws://{there}"))?,
            Some(_) if is_localhost(ip) => url(&format!("wss://localhost:{}", there.port()))?,
            Some(_) => url(&format!("wss://{there}"))?,
        };
        Ok(Self { listener: Some(listener), address: Some(address), certificate, ws_url })
    }
}

fn url(origin: &str) -> Result<Uri, Error> {
    format!("{origin}{BASE_PATH}").parse().map_err(|error: InvalidUri| {
        Error::new(ErrorKind::Listen, format!("{origin} is no address for a URL")).with_source(error)
    })
}
