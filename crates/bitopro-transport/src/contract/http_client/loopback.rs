use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;

use super::HttpRigRequest;
use crate::contract::LoopbackServer;
use crate::contract::loopback::Answer;

/// An HTTP server on this machine for testing clients that use real sockets.
///
/// It keeps connections alive.
#[derive(Debug)]
pub struct LoopbackHttpServer(LoopbackServer);

impl LoopbackHttpServer {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// Returns an I/O error if the server cannot listen.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime with I/O enabled.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no server is started.
    pub async fn start() -> io::Result<Self> {
        LoopbackServer::start().await.map(Self)
    }

    /// Returns the server's base URL.
    pub fn url(&self) -> Uri {
        let mut parts = self.0.url().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// Waits for the next request with its body.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future can drop a request, which breaks its connection.
    pub async fn next_request(&mut self) -> Box<dyn HttpRigRequest> {
        loop {
            let dial = self.0.next().await;
            let (head, body) = dial.request.into_parts();
            // A client that has broken the connection does not wait for a response.
            if let Ok(body) = body.collect().await {
                let request = Request::from_parts(head, body.to_bytes());
                return Box::new(LoopbackRequest { request, answer: dial.answer });
            }
        }
    }
}

#[derive(Debug)]
struct LoopbackRequest {
    request: Request<Bytes>,
    answer: oneshot::Sender<Answer>,
}

#[async_trait]
impl HttpRigRequest for LoopbackRequest {
    fn request(&self) -> &Request<Bytes> {
        &self.request
    }

    fn respond(self: Box<Self>, response: Response<Bytes>) {
        let _ = self.answer.send(response.map(Full::new));
    }

    async fn cancelled(&mut self) {
        self.answer.closed().await;
    }
}
