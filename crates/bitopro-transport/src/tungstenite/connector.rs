use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use http::uri::Authority;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::deadline::Deadline;
use super::proxy::{Choice, Proxy};
use super::tcp::{Resolver, port};
use super::tls::Tls;
use super::upgrade::upgrade;
use super::{CertificateError, Limits, TungsteniteConnection};
use crate::{Connection, Connector, Error, ErrorKind, Request};

/// Dials real sockets: `wss://` anywhere, `ws://` only on this machine.
///
/// The server's certificate is always verified, against the platform's roots and those that were
/// added. No redirect is followed.
///
/// A `wss://` dial goes through the proxy that the environment names, unless told otherwise, and `ws://` through
/// none. TLS is with the server, end to end, so that the proxy sees no more than where the dial goes.
#[derive(Clone, Default)]
pub struct TungsteniteConnector {
    tls: Tls,
    limits: Limits,
    proxy: Choice,
}

impl TungsteniteConnector {
    /// A connector that trusts the platform's roots, and takes the proxy that the environment names.
    ///
    /// The environment is read now: `HTTPS_PROXY`, or else `ALL_PROXY`, with the URL of a [`Proxy`], and
    /// `NO_PROXY` with the hosts to dial directly: names, which stand for those below them too, addresses,
    /// ranges such as `10.0.0.0/8`, or `*`; commas between them. Each may be written in small letters as well;
    /// an empty one counts as not set. This machine is always dialled directly. If a proxy is named that cannot
    /// be used, nothing is dialled that would go through it: that is an error of kind
    /// [`Setup`](ErrorKind::Setup).
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts every certificate of this PEM text too, beside the platform's roots.
    ///
    /// # Errors
    /// [`CertificateError`] if the text holds no certificate, or one that cannot be read.
    pub fn with_extra_roots(mut self, pem: impl AsRef<[u8]>) -> Result<Self, CertificateError> {
        self.tls.add_pem(pem.as_ref())?;
        Ok(self)
    }

    /// Sets what a connection holds in memory at most.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Dials every `wss://` URL through this proxy, whatever the environment says.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Choice::Always(proxy);
        self
    }

    /// Dials directly, whatever the environment says.
    #[must_use]
    pub fn without_proxy(mut self) -> Self {
        self.proxy = Choice::Never;
        self
    }

    /// Connects over a byte stream that leads to the server already, such as a tunnel of your own: TLS for
    /// `wss://`, the upgrade, and then frames, with the same promises as [`connect`](Connector::connect). The URL
    /// is still what the certificate is verified against, and `ws://` is still for this machine only.
    ///
    /// ```
    /// use async_trait::async_trait;
    /// use bitopro_transport::{Connection, Error, Request, TungsteniteConnector};
    /// # use bitopro_transport::{Connector, ErrorKind};
    /// use tokio::net::TcpStream;
    ///
    /// /// Dials through whatever listens at this address of this machine, an SSH tunnel say.
    /// struct Tunnel(TungsteniteConnector, std::net::SocketAddr);
    ///
    /// #[async_trait]
    /// impl Connector for Tunnel {
    ///     async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
    ///         let no_way = |error| Error::new(ErrorKind::Connect, "the tunnel is down").with_source(error);
    ///         let stream = TcpStream::connect(self.1).await.map_err(no_way)?;
    ///         self.0.connect_over(stream, request).await
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`connect`](Connector::connect), but for what comes before TLS. The request's deadline counts from
    /// this call on.
    pub async fn connect_over<S>(&self, stream: S, request: Request) -> Result<Box<dyn Connection>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let dial = Target::new(&request)?;
        self.over(stream, &request, &dial).await
    }

    async fn dial(&self, resolver: impl Resolver, request: &Request) -> Result<Box<dyn Connection>, Error> {
        let dial = Target::new(request)?;
        let proxy = if dial.encrypted { self.proxy.of(&dial.place, dial.is_loopback)? } else { None };
        let stream = match proxy {
            Some(proxy) => proxy.connect(resolver, &dial.place, dial.deadline).await?,
            None => dial.reach(resolver).await?,
        };
        self.over(stream, request, &dial).await
    }

    async fn over<S>(&self, stream: S, request: &Request, dial: &Target) -> Result<Box<dyn Connection>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if !dial.encrypted {
            return self.open(stream, request, dial).await;
        }
        let securing = self.tls.connect(&dial.host, stream);
        let stream = dial.deadline.within(&format!("setting up TLS with {}", dial.host), securing).await?;
        self.open(stream, request, dial).await
    }

    async fn open<S>(&self, stream: S, request: &Request, dial: &Target) -> Result<Box<dyn Connection>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stream, read_ahead) = upgrade(stream, request, dial.deadline).await?;
        Ok(Box::new(TungsteniteConnection::client(stream, read_ahead, self.limits).await))
    }
}

impl fmt::Debug for TungsteniteConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TungsteniteConnector")
            .field("limits", &self.limits)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Connector for TungsteniteConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        self.dial(GaiResolver::new(), &request).await
    }
}

/// Where a request goes, and until when it may take to get there.
struct Target {
    host: String,
    place: Authority,
    encrypted: bool,
    is_loopback: bool,
    deadline: Deadline,
}

impl Target {
    fn new(request: &Request) -> Result<Self, Error> {
        let url = request.url();
        let invalid = |message: String| Error::new(ErrorKind::InvalidRequest, message);
        let scheme = url.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let (encrypted, default_port) = match scheme.as_str() {
            "wss" => (true, 443_u16),
            "ws" => (false, 80),
            other => {
                return Err(invalid(format!("`{other}://` is not the scheme of a WebSocket; use `wss://`")));
            }
        };
        let authority = url.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| invalid("the URL has no host".to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(invalid("a user name or password in the URL is not sent; remove it".to_owned()));
        }
        let host = authority.host().to_ascii_lowercase();
        let is_loopback = is_loopback(&host);
        if !encrypted && !is_loopback {
            let message = format!("`ws://` to {host} would send the signature in clear text; use `wss://`");
            return Err(Error::new(ErrorKind::InsecureUrl, message));
        }
        let port = port(authority, default_port)
            .ok_or_else(|| invalid("the port is not a number of at most 65535".to_owned()))?;
        let place = format!("{host}:{port}").parse().map_err(|error: http::uri::InvalidUri| {
            invalid(format!("{host}:{port} is not an address")).with_source(error)
        })?;
        Ok(Self { host, place, encrypted, is_loopback, deadline: Deadline::after(request.deadline()) })
    }

    /// A stream straight to there.
    async fn reach(&self, resolver: impl Resolver) -> Result<TcpStream, Error> {
        let connecting = resolver.connect(&self.place, self.deadline.left());
        self.deadline.within(&format!("connecting to {}", self.host), connecting).await
    }
}

/// Returns whether a lowercase host is this machine.
fn is_loopback(host: &str) -> bool {
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match ipv6 {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => host == "localhost" || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback()),
    }
}

#[cfg(test)]
mod tests;
