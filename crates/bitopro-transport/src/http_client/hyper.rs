mod failure;
mod pool;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tracing::debug;

use self::failure::{body_failure, failure};
use self::pool::{DEADLINE, Pool};
use super::rules::check_request;
use super::{HttpClient, HttpLimits};
use crate::dial::deadline::Deadline;
use crate::dial::{Dialer, Protocol, Target};
use crate::{CertificateError, Error, ErrorKind, Proxy};

/// An HTTP client for real sockets, with TLS, proxies and kept-alive connections.
///
/// It dials by the same rules as [`TungsteniteConnector`](crate::TungsteniteConnector): `https://` URLs may name any
/// host, `http://` URLs only loopback addresses. The server's certificate is always verified against the platform's root
/// certificates and the added ones. By default, an `https://` request uses the proxy in the environment, if any; an
/// `http://` request never uses a proxy. TLS is end to end between client and server.
///
/// The client speaks HTTP/1.1, also in ALPN. Concurrent requests use separate connections. Per host and port, the client
/// keeps up to 4 idle connections for further requests and closes them after 30 to 60 s. Clones share the connections.
/// Dropping the last clone closes them, and so does the end of the runtime that opened them.
///
/// # Examples
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use bitopro_transport::{HttpClient, HyperClient};
/// use bytes::Bytes;
/// use http::Request;
///
/// let client = HyperClient::new();
/// let request = Request::get("https://api.bitopro.com/v3/provisioning/currencies").body(Bytes::new())?;
/// let response = client.send(request, Duration::from_secs(10)).await?;
/// println!("{}: {} bytes", response.status(), response.body().len());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HyperClient {
    dialer: Dialer,
    limits: HttpLimits,
    pool: Pool,
    /// Opens a new connection for every request.
    unpooled: Pool,
}

impl HyperClient {
    /// Creates a client that trusts the platform's root certificates and uses the proxy in the environment, if any.
    ///
    /// Reads the environment variables `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as
    /// [`TungsteniteConnector::new`](crate::TungsteniteConnector::new) does.
    pub fn new() -> Self {
        Self::with_dialer(Dialer::default(), HttpLimits::default())
    }

    /// Adds every certificate in `pem` to the trusted root certificates.
    ///
    /// # Errors
    ///
    /// Returns a [`CertificateError`] if `pem` contains no certificate or an invalid one.
    pub fn with_extra_roots(self, pem: impl AsRef<[u8]>) -> Result<Self, CertificateError> {
        let mut dialer = self.dialer;
        dialer.add_roots(pem.as_ref())?;
        Ok(Self::with_dialer(dialer, self.limits))
    }

    /// Sets the memory limits of each response.
    #[must_use]
    pub fn with_limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends every `https://` request through this proxy, regardless of the environment.
    ///
    /// This includes `https://` URLs of loopback addresses. `http://` requests are still sent directly.
    #[must_use]
    pub fn with_proxy(self, proxy: Proxy) -> Self {
        let mut dialer = self.dialer;
        dialer.set_proxy(Some(proxy));
        Self::with_dialer(dialer, self.limits)
    }

    /// Sends every request directly, regardless of the environment.
    #[must_use]
    pub fn without_proxy(self) -> Self {
        let mut dialer = self.dialer;
        dialer.set_proxy(None);
        Self::with_dialer(dialer, self.limits)
    }

    fn with_dialer(dialer: Dialer, limits: HttpLimits) -> Self {
        let (pool, unpooled) = (pool::keeping_connections(&dialer), pool::without_connections(&dialer));
        Self { dialer, limits, pool, unpooled }
    }

    async fn exchange(&self, request: Request<Bytes>, target: &Target) -> Result<Response<Bytes>, Error> {
        let (mut head, body) = request.into_parts();
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let attempt = || Request::from_parts(head.clone(), Full::new(body.clone()));
        let sent = match self.pool.request(attempt()).await {
            Err(error) if head.method.is_idempotent() && is_stale(&error) => {
                debug!(address = %target.address, "request repeated on a new connection");
                self.unpooled.request(attempt()).await
            }
            sent => sent,
        };
        let (mut head, incoming) = sent.map_err(|error| failure(error, target))?.into_parts();
        pool::mark_as_served(&head.extensions);
        head.extensions.clear();
        let body = self.read_body(incoming, target).await?;
        debug!(address = %target.address, status = head.status.as_u16(), "response received");
        Ok(Response::from_parts(head, body))
    }

    async fn read_body(&self, mut incoming: Incoming, target: &Target) -> Result<Bytes, Error> {
        let limit = self.limits.body_bytes;
        if incoming.size_hint().lower() > limit as u64 {
            return Err(self.limits.body_too_large());
        }
        // Collecting the chunks without copying them would let a server make each one as small as a byte.
        let mut body = BytesMut::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| body_failure(error, target))?;
            let Some(data) = frame.data_ref() else { continue };
            if data.len() > limit - body.len() {
                return Err(self.limits.body_too_large());
            }
            body.extend_from_slice(data);
        }
        Ok(body.freeze())
    }
}

/// Returns whether the request failed because the server closed a kept-alive connection before the response.
///
/// hyper-util itself repeats the requests that were never written. It cannot know whether the server has read a request
/// that was written while the server was closing the connection.
fn is_stale(error: &hyper_util::client::legacy::Error) -> bool {
    let is_kept_alive = error.connect_info().is_some_and(pool::has_served);
    is_kept_alive && failure::is_disconnected(error)
}

impl Default for HyperClient {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HyperClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperClient")
            .field("limits", &self.limits)
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for HyperClient {
    async fn send(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error> {
        check_request(&request)?;
        let target = Target::new(request.uri(), Protocol::Http)?;
        let deadline = Deadline::after(deadline);
        let exchange = DEADLINE.scope(deadline, self.exchange(request, &target));
        let late = || deadline.passed(&format!("no complete response from {}", target.address));
        match deadline.timeout(exchange).await {
            // A step of the dial names itself in its error.
            Some(Err(error)) if deadline.remaining().is_zero() && error.kind() != ErrorKind::TimedOut => {
                Err(late())
            }
            Some(done) => done,
            None => Err(late()),
        }
    }
}
