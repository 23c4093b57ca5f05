use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, Request, Response};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::http_client::rules::check_request;
use crate::request::redacted;
use crate::{Error, ErrorKind, HttpClient, HttpLimits};

/// Creates an HTTP client, and the server that receives its requests.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_transport::{HttpClient, memory};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, mut server) = memory::http_network();
/// let serve = async {
///     let incoming = server.next_request().await?;
///     assert_eq!(incoming.request().uri().path(), "/v3/order-book/btc_twd");
///     incoming.respond(Response::new(Bytes::from_static(b"{}")));
///     Some(())
/// };
/// let request = Request::get("https://api.example/v3/order-book/btc_twd").body(Bytes::new())?;
/// let (response, _) = tokio::join!(client.send(request, Duration::from_secs(1)), serve);
/// assert_eq!(response?.body().as_ref(), b"{}");
/// # Ok(()) }
/// ```
pub fn http_network() -> (MemoryHttpClient, MemoryHttpServer) {
    let (requests, incoming) = mpsc::unbounded_channel();
    (MemoryHttpClient { requests, limits: HttpLimits::default() }, MemoryHttpServer { incoming })
}

/// A client that sends every request to the [`MemoryHttpServer`] of its [`http_network`], regardless of the URL.
///
/// Clones share the server.
#[derive(Debug, Clone)]
pub struct MemoryHttpClient {
    requests: mpsc::UnboundedSender<IncomingRequest>,
    limits: HttpLimits,
}

impl MemoryHttpClient {
    /// Sets the memory limits of each response.
    #[must_use]
    pub fn with_limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }
}

#[async_trait]
impl HttpClient for MemoryHttpClient {
    async fn send(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error> {
        check_request(&request)?;
        let (answer, answered) = oneshot::channel();
        let dropped = |_| Error::new(ErrorKind::Connect, "the memory server was dropped");
        self.requests.send(IncomingRequest { request, answer }).map_err(dropped)?;
        let late = |_| {
            let message = format!("no complete response within {} s", deadline.as_secs_f64());
            Error::new(ErrorKind::TimedOut, message)
        };
        let lost = |_| Error::new(ErrorKind::Disconnected, "the connection ended before the response");
        let response = timeout(deadline, answered).await.map_err(late)?.map_err(lost)??;
        if response.body().len() > self.limits.body_bytes {
            return Err(self.limits.body_too_large());
        }
        Ok(response)
    }
}

/// The server of an in-memory [`http_network`].
#[derive(Debug)]
pub struct MemoryHttpServer {
    incoming: mpsc::UnboundedReceiver<IncomingRequest>,
}

impl MemoryHttpServer {
    /// Waits for the next request. Returns `None` if all clients were dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no request.
    pub async fn next_request(&mut self) -> Option<IncomingRequest> {
        self.incoming.recv().await
    }

    /// Returns the next request, or `None` if no request is waiting.
    pub fn try_next_request(&mut self) -> Option<IncomingRequest> {
        self.incoming.try_recv().ok()
    }
}

/// A request that waits for the server's response.
///
/// Keep it to let the client's deadline pass. Drop it to break the connection before the response.
pub struct IncomingRequest {
    request: Request<Bytes>,
    answer: oneshot::Sender<Result<Response<Bytes>, Error>>,
}

impl IncomingRequest {
    /// Returns the client's request.
    pub fn request(&self) -> &Request<Bytes> {
        &self.request
    }

    /// Sends the response.
    pub fn respond(self, response: Response<Bytes>) {
        // If the client has cancelled the request, nothing receives the response.
        let _ = self.answer.send(Ok(response));
    }

    /// Fails the request with this error.
    pub fn fail(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }

    /// Waits until the client has cancelled the request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn cancelled(&mut self) {
        self.answer.closed().await;
    }
}

impl fmt::Debug for IncomingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingRequest")
            .field("method", self.request.method())
            .field("url", &redacted(self.request.uri()))
            .field("headers", &self.request.headers().keys().map(HeaderName::as_str).collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.request.body().len()))
            .finish_non_exhaustive()
    }
}
