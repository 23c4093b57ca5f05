//! HTTP requests, behind a trait: over real sockets, in memory, or recorded.

#[cfg(feature = "hyper")]
mod hyper;
#[cfg(any(feature = "hyper", feature = "memory"))]
pub(crate) mod rules;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::Error;

#[cfg(feature = "hyper")]
pub use self::hyper::HyperClient;

/// Sends HTTP requests.
///
/// Implement it with the [async-trait](mod@async_trait) crate to use another HTTP library. The tests of
/// `contract::http_client` (feature `contract`) specify the required behaviour and can be run on any implementation.
///
/// # Examples
///
/// A client that wraps another and counts its requests:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use bitopro_transport::{Error, HttpClient};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// #[derive(Debug)]
/// struct CountingClient<C> {
///     inner: C,
///     requests: AtomicU64,
/// }
///
/// #[async_trait]
/// impl<C: HttpClient> HttpClient for CountingClient<C> {
///     async fn send(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error> {
///         self.requests.fetch_add(1, Ordering::Relaxed);
///         self.inner.send(request, deadline).await
///     }
/// }
/// ```
#[async_trait]
pub trait HttpClient: Send + Sync + fmt::Debug {
    /// Sends one request and returns the complete response, whatever its status.
    ///
    /// The URL is absolute, and starts with `https://`, or with `http://` for a loopback address. `deadline` is the
    /// total time for name resolution, TCP, proxy, TLS, the request and the response with its body. Redirects are never
    /// followed. The extensions and the version of the request are ignored.
    ///
    /// A request is sent once, with one exception: if a kept-alive connection ends before its response begins, a
    /// request with an idempotent method, such as `GET`, is repeated once over a new connection. A request with another
    /// method, such as `POST`, never reaches the server twice.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] whose kind states what failed:
    ///
    /// - [`InvalidRequest`]: the URL is invalid, the method is `CONNECT`, or the request has a header that the client
    ///   sets itself: `Host`, `Connection`, `Upgrade`, `Content-Length` or `Transfer-Encoding`.
    /// - [`InsecureUrl`]: the URL is `http://` to another machine.
    /// - [`Setup`], [`Connect`], [`Proxy`], [`Tls`] or [`Certificate`]: the dial failed, so the server has not received
    ///   the request.
    /// - [`TooLarge`]: the response exceeds a limit.
    /// - [`Protocol`]: the response is not valid HTTP.
    /// - [`Disconnected`] or [`TimedOut`]: the response is missing or incomplete. The server may have processed the
    ///   request.
    ///
    /// [`InvalidRequest`]: crate::ErrorKind::InvalidRequest
    /// [`InsecureUrl`]: crate::ErrorKind::InsecureUrl
    /// [`Setup`]: crate::ErrorKind::Setup
    /// [`Connect`]: crate::ErrorKind::Connect
    /// [`Proxy`]: crate::ErrorKind::Proxy
    /// [`Tls`]: crate::ErrorKind::Tls
    /// [`Certificate`]: crate::ErrorKind::Certificate
    /// [`TooLarge`]: crate::ErrorKind::TooLarge
    /// [`Protocol`]: crate::ErrorKind::Protocol
    /// [`Disconnected`]: crate::ErrorKind::Disconnected
    /// [`TimedOut`]: crate::ErrorKind::TimedOut
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request and closes its connection. The server may already have received it.
    async fn send(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error>;
}

#[async_trait]
impl<C: HttpClient + ?Sized> HttpClient for Arc<C> {
    async fn send(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error> {
        (**self).send(request, deadline).await
    }
}

#[async_trait]
impl<C: HttpClient + ?Sized> HttpClient for Box<C> {
    async fn send(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error> {
        (**self).send(request, deadline).await
    }
}

/// The memory limits of an HTTP response.
///
/// A response above a limit is an error of kind [`TooLarge`](crate::ErrorKind::TooLarge). The limit of the status line and
/// the headers is fixed: 16 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// Maximum size of a response body in bytes. Defaults to 16 MiB.
    pub body_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { body_bytes: 16 << 20 }
    }
}

impl HttpLimits {
    /// Sets the maximum size of a response body in bytes. Defaults to 16 MiB.
    #[must_use]
    pub const fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }
}
