use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Url};

use super::deadline::Deadline;
use super::tls::Tls;
use super::upgrade::upgrade;
use super::{InvalidCertificate, Limits, TungsteniteConnection};
use crate::{Connection, Connector, Error, ErrorKind, Request};

/// Dials real sockets: `wss://` anywhere, `ws://` only on this machine.
///
/// The server's certificate is always verified, against the platform's roots and those that were
/// added. No redirect is followed.
#[derive(Clone, Default)]
pub struct TungsteniteConnector {
    tls: Tls,
    limits: Limits,
}

impl TungsteniteConnector {
    /// A connector that trusts the platform's roots.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts every certificate of this PEM text too, beside the platform's roots.
    ///
    /// # Errors
    /// [`InvalidCertificate`] if the text holds no certificate, or one that cannot be read.
    pub fn with_extra_roots(mut self, pem: impl AsRef<[u8]>) -> Result<Self, InvalidCertificate> {
        self.tls.add_pem(pem.as_ref())?;
        Ok(self)
    }

    /// Sets what a connection holds in memory at most.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    async fn open<S>(&self, stream: S, request: &Request, dial: &Dial) -> Result<Box<dyn Connection>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stream, read_ahead) = upgrade(stream, request, dial.deadline).await?;
        Ok(Box::new(TungsteniteConnection::client(stream, read_ahead, self.limits).await))
    }
}

impl fmt::Debug for TungsteniteConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TungsteniteConnector").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[async_trait]
impl Connector for TungsteniteConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let dial = Dial::new(&request)?;
        let Dial { host, deadline, .. } = &dial;
        let connecting = tcp(GaiResolver::new(), dial.uri.clone(), deadline.left());
        let stream = deadline.within(&format!("connecting to {host}"), connecting).await?;
        if dial.encrypted {
            let securing = self.tls.connect(host, stream);
            let stream = deadline.within(&format!("setting up TLS with {host}"), securing).await?;
            self.open(stream, &request, &dial).await
        } else {
            self.open(stream, &request, &dial).await
        }
    }
}

/// Where a request goes, and until when it may take to get there.
struct Dial {
    host: String,
    uri: Uri,
    encrypted: bool,
    deadline: Deadline,
}

impl Dial {
    fn new(request: &Request) -> Result<Self, Error> {
        let url = request.url();
        let invalid = |message: String| Error::new(ErrorKind::InvalidRequest, message);
        let encrypted = match url.scheme() {
            "wss" => true,
            "ws" => false,
            other => {
                return Err(invalid(format!("`{other}://` is not the scheme of a WebSocket: use `wss://`")));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("a user name or password in the URL is not sent: remove it".to_owned()));
        }
        let host = url.host_str().ok_or_else(|| invalid("the URL has no host".to_owned()))?.to_owned();
        if !encrypted && !is_loopback(url) {
            let message = format!("`ws://` to {host} would send the signature in clear text: use `wss://`");
            return Err(Error::new(ErrorKind::InsecureUrl, message));
        }
        let port = url.port_or_known_default().ok_or_else(|| invalid("the URL has no port".to_owned()))?;
        let uri = format!("http://{host}:{port}").parse().map_err(|error: http::uri::InvalidUri| {
            invalid(format!("{host}:{port} is not an address")).with_source(error)
        })?;
        Ok(Self { host, uri, encrypted, deadline: Deadline::after(request.deadline()) })
    }
}

/// Whether the URL stays on this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Resolves the name and tries its addresses: the two families side by side, those of one family in turn,
/// each for its share of the time, so that a dead one leaves some to the next.
async fn tcp<R>(resolver: R, uri: Uri, time: Duration) -> Result<TcpStream, Error>
where
    HttpConnector<R>: Service<Uri, Response = TokioIo<TcpStream>, Error: StdError + Send + Sync + 'static>,
{
    let place = uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(time));
    let connected = connector.call(uri).await.map_err(|error| {
        Error::new(ErrorKind::Connect, format!("no connection to {place}")).with_source(error)
    })?;
    Ok(connected.into_inner())
}

#[cfg(test)]
mod tests;
