use std::fmt;

use async_trait::async_trait;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};

use super::upgrade::upgrade;
use super::{Limits, TungsteniteConnection};
use crate::dial::deadline::Deadline;
use crate::dial::resolver::ThreadResolver;
use crate::dial::tcp::Resolver;
use crate::dial::{ByteStream, Dialer, Protocol, Target};
use crate::{CertificateError, Connection, Connector, Error, Proxy, Request};

/// A connector for real sockets, with TLS and proxies.
///
/// `wss://` URLs may name any host, `ws://` URLs only loopback addresses. The server's certificate is always
/// verified against the platform's root certificates, which are read once per process, and the added ones. Redirects
/// are never followed.
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
    dialer: Dialer,
    limits: Limits,
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
    /// [`ErrorKind::Setup`](crate::ErrorKind::Setup).
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every certificate in `pem` to the trusted root certificates.
    ///
    /// # Errors
    ///
    /// Returns a [`CertificateError`] if `pem` contains no certificate or an invalid one.
    pub fn with_extra_roots(mut self, pem: impl AsRef<[u8]>) -> Result<Self, CertificateError> {
        self.dialer.add_roots(pem.as_ref())?;
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
        self.dialer.set_proxy(Some(proxy));
        self
    }

    /// Dials every URL directly, regardless of the environment.
    #[must_use]
    pub fn without_proxy(mut self) -> Self {
        self.dialer.set_proxy(None);
        self
    }

    /// Returns the proxy that a dial of this URL would use, if any.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] if the URL cannot be dialled, or if the proxy in the environment is unusable.
    pub fn proxy_for(&self, url: &Uri) -> Result<Option<Proxy>, Error> {
        let target = Target::new(url, Protocol::WebSocket)?;
        Ok(self.dialer.proxy_for(&target)?.cloned())
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
        let (target, deadline) = target(&request)?;
        let stream = self.dialer.secure(stream, &target, deadline).await?;
        self.upgrade(stream, &request, deadline).await
    }

    async fn dial(&self, resolver: impl Resolver, request: &Request) -> Result<Box<dyn Connection>, Error> {
        let (target, deadline) = target(request)?;
        let stream = self.dialer.dial(resolver, &target, deadline).await?;
        self.upgrade(stream, request, deadline).await
    }

    async fn upgrade(
        &self,
        stream: Box<dyn ByteStream>,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Box<dyn Connection>, Error> {
        let (stream, read_ahead) = upgrade(stream, request, deadline).await?;
        Ok(Box::new(TungsteniteConnection::client(stream, read_ahead, self.limits).await))
    }
}

/// Returns the target of a request, and the deadline of a dial that starts now.
fn target(request: &Request) -> Result<(Target, Deadline), Error> {
    let target = Target::new(request.url(), Protocol::WebSocket)?;
    Ok((target, Deadline::after(request.deadline())))
}

impl fmt::Debug for TungsteniteConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TungsteniteConnector")
            .field("limits", &self.limits)
            .field("dialer", &self.dialer)
            .finish()
    }
}

#[async_trait]
impl Connector for TungsteniteConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        self.dial(ThreadResolver::system(), &request).await
    }
}

#[cfg(test)]
mod tests;
