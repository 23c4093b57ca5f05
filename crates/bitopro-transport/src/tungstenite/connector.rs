use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use http::uri::Authority;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::deadline::Deadline;
use super::proxy::{Proxy, ProxySelection};
use super::resolver::ThreadResolver;
use super::tcp::{self, Resolver, port};
use super::tls::Tls;
use super::upgrade::upgrade;
use super::{CertificateError, Limits, TungsteniteConnection};
use crate::{Connection, Connector, Error, ErrorKind, Request};

/// A connector for real sockets, with TLS and proxies.
///
/// `wss://` URLs may name any host, `ws://` URLs only loopback addresses. The server's certificate is always
/// verified against the platform's root certificates and the added ones. Redirects are never followed.
///
/// By default, a `wss://` dial uses the proxy in the environment, if any; a `ws://` dial never uses a proxy. TLS is end to end between client and server, so the proxy sees only the server's host and port.
///
/// # Examples
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use bitopro_transport::{Connector, Request, TungsteniteConnector};
/// use futures_util::StreamExt;
///
/// let request = Request::new("wss://stream.bitopro.com:443/ws/v1/pub/auth/account-balance".parse()?);
/// let mut connection = TungsteniteConnector::new().connect(request).await?;
/// while let Some(frame) = connection.next().await {
///     println!("{:?}", frame?);
/// }
/// # Ok(()) }
/// ```
///
/// A URL that would send headers unencrypted is rejected without connecting:
///
/// ```
/// use bitopro_transport::{Connector, ErrorKind, Limits, Request, TungsteniteConnector};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let connector = TungsteniteConnector::new()
///     .without_proxy()
///     .with_limits(Limits::default().with_message_bytes(1 << 20));
/// let request = Request::new("ws://stream.example/ws".parse()?);
/// let error = connector.connect(request).await.map(|_| ()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InsecureUrl);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct TungsteniteConnector {
    tls: Tls,
    limits: Limits,
    proxy: ProxySelection,
}

impl TungsteniteConnector {
    /// Creates a connector that trusts the platform's root certificates and uses the proxy in the environment,
    /// if any.
    ///
    /// Reads these environment variables:
    ///
    /// - `HTTPS_PROXY`, or else `ALL_PROXY`, is the URL of a [`Proxy`].
    /// - `NO_PROXY` is a comma-separated list of hosts to dial directly: names, which include their
    ///   subdomains, IP addresses, ranges such as `10.0.0.0/8`, or `*` for all hosts.
    ///
    /// Their lowercase names work as well, and an empty variable counts as unset. Loopback
    /// addresses are always dialled directly. If the proxy is unusable, a dial that would use it fails with
    /// [`ErrorKind::Setup`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every certificate in `pem` to the trusted root certificates.
    ///
    /// # Errors
    ///
    /// Returns a [`CertificateError`] if `pem` contains no certificate or an invalid one.
    pub fn with_extra_roots(mut self, pem: impl AsRef<[u8]>) -> Result<Self, CertificateError> {
        self.tls.add_pem(pem.as_ref())?;
        Ok(self)
    }

    /// Sets the memory limits of each connection.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Dials every `wss://` URL through this proxy, regardless of the environment.
    ///
    /// This includes `wss://` URLs of loopback addresses. `ws://` URLs are still dialled directly.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = ProxySelection::Always(proxy);
        self
    }

    /// Dials every URL directly, regardless of the environment.
    #[must_use]
    pub fn without_proxy(mut self) -> Self {
        self.proxy = ProxySelection::Never;
        self
    }

    /// Connects over an existing byte stream to the server, such as a tunnel.
    ///
    /// Performs the TLS handshake for `wss://` and the upgrade, with the same guarantees as
    /// [`connect`](Connector::connect). The certificate is verified against the host of the URL, and `ws://`
    /// is accepted for loopback addresses only. The request's deadline starts at this call.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`connect`](Connector::connect), except those of the steps before TLS.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_trait::async_trait;
    /// use bitopro_transport::{Connection, Error, Request, TungsteniteConnector};
    /// # use bitopro_transport::{Connector, ErrorKind};
    /// use tokio::net::TcpStream;
    ///
    /// /// Dials through a local port, such as an SSH tunnel.
    /// struct TunnelConnector {
    ///     inner: TungsteniteConnector,
    ///     local_address: std::net::SocketAddr,
    /// }
    ///
    /// #[async_trait]
    /// impl Connector for TunnelConnector {
    ///     async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
    ///         let failed = |error| Error::new(ErrorKind::Connect, "the tunnel is down").with_source(error);
    ///         let stream = TcpStream::connect(self.local_address).await.map_err(failed)?;
    ///         self.inner.connect_over(stream, request).await
    ///     }
    /// }
    /// ```
    pub async fn connect_over<S>(&self, stream: S, request: Request) -> Result<Box<dyn Connection>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let target = Target::new(&request)?;
        self.secure_and_upgrade(stream, &request, &target).await
    }

    async fn dial(&self, resolver: impl Resolver, request: &Request) -> Result<Box<dyn Connection>, Error> {
        let target = Target::new(request)?;
        let proxy =
            if target.encrypted { self.proxy.select(&target.address, target.is_loopback)? } else { None };
        let stream = match proxy {
            Some(proxy) => proxy.connect(resolver, &target.address, target.deadline).await?,
            None => tcp::connect(resolver, &target.address, target.deadline).await?,
        };
        self.secure_and_upgrade(stream, request, &target).await
    }

    /// Performs the TLS handshake, if the URL is `wss://`, and the upgrade.
    async fn secure_and_upgrade<S>(
        &self,
        stream: S,
        request: &Request,
        target: &Target,
    ) -> Result<Box<dyn Connection>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if !target.encrypted {
            return self.upgrade(stream, request, target).await;
        }
        let handshake = self.tls.connect(&target.address, stream);
        let missing = format!("no TLS connection with {}", target.address);
        let stream = target.deadline.within(&missing, handshake).await?;
        let version = stream.get_ref().1.protocol_version().and_then(|version| version.as_str());
        debug!(address = %target.address, version, "TLS established");
        self.upgrade(stream, request, target).await
    }

    async fn upgrade<S>(
        &self,
        stream: S,
        request: &Request,
        target: &Target,
    ) -> Result<Box<dyn Connection>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stream, read_ahead) = upgrade(stream, request, target.deadline).await?;
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
        self.dial(ThreadResolver::system(), &request).await
    }
}

/// The validated target of a request, and the deadline of the dial.
struct Target {
    /// The host in lowercase, and the port. An IPv6 address has brackets.
    address: Authority,
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
                return Err(invalid(format!("`{other}://` is not a WebSocket scheme; use `wss://`")));
            }
        };
        let authority = url.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| invalid("the URL has no host".to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(invalid("a user name or password in the URL is not supported; remove it".to_owned()));
        }
        let host = authority.host().to_ascii_lowercase();
        let is_loopback = is_loopback(&host);
        if !encrypted && !is_loopback {
            let message = format!("`ws://` to {host} would send the signature unencrypted; use `wss://`");
            return Err(Error::new(ErrorKind::InsecureUrl, message));
        }
        let port = port(authority, default_port)
            .ok_or_else(|| invalid("the URL's port is not a number from 0 to 65535".to_owned()))?;
        let address = format!("{host}:{port}").parse().map_err(|error: http::uri::InvalidUri| {
            invalid(format!("`{host}:{port}` is not a valid address")).with_source(error)
        })?;
        Ok(Self { address, encrypted, is_loopback, deadline: Deadline::after(request.deadline()) })
    }
}

/// Returns whether a lowercase host is `localhost` or a loopback address.
fn is_loopback(host: &str) -> bool {
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match ipv6 {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => host == "localhost" || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback()),
    }
}

#[cfg(test)]
mod tests;
