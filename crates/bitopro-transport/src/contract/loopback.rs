use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use http::Uri;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{RigDial, RigPeer};
use crate::tungstenite::{Limits, TungsteniteConnection};
use crate::{Connection, Frame, Refusal};

/// A WebSocket server on this machine for testing connectors that dial real sockets.
#[derive(Debug)]
pub struct LoopbackServer {
    url: Uri,
    dials: mpsc::UnboundedReceiver<LoopbackDial>,
    accept: tokio::task::JoinHandle<()>,
}

impl LoopbackServer {
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
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("ws://{}/", listener.local_addr()?).parse().map_err(io::Error::other)?;
        let (sender, dials) = mpsc::unbounded_channel();
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone()));
            }
        });
        Ok(Self { url, dials, accept })
    }

    /// Returns the server's base URL.
    pub fn url(&self) -> Uri {
        self.url.clone()
    }

    /// Waits for the next dial.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no dial.
    pub async fn next_dial(&mut self) -> Box<dyn RigDial> {
        Box::new(self.next().await)
    }

    /// Waits for the next request, whether it is for an upgrade or not.
    pub(super) async fn next(&mut self) -> LoopbackDial {
        match self.dials.recv().await {
            Some(dial) => dial,
            // The accepting task holds a sender until the server is dropped.
            None => std::future::pending().await,
        }
    }
}

impl Drop for LoopbackServer {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

type Request = http::Request<Incoming>;
pub(super) type Answer = Response<Full<Bytes>>;

/// Serves one connection. The test provides the response to its request through a [`LoopbackDial`].
async fn serve(stream: TcpStream, dials: mpsc::UnboundedSender<LoopbackDial>) {
    let service = service_fn(move |request: Request| {
        let dials = dials.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            let _ = dials.send(LoopbackDial { request, answer });
            // If the test drops the dial, this returns an error, which breaks the connection.
            answered.await
        }
    });
    // Some tests drop the client, so an error is expected.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

#[derive(Debug)]
pub(super) struct LoopbackDial {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Answer>,
}

#[async_trait]
impl RigDial for LoopbackDial {
    fn path(&self) -> String {
        self.request.uri().path().to_owned()
    }

    fn headers(&self) -> HeaderMap {
        self.request.headers().clone()
    }

    async fn accept(self: Box<Self>) -> Box<dyn RigPeer> {
        let key = self.request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in [
            (CONNECTION, "Upgrade"),
            (UPGRADE, "websocket"),
            (SEC_WEBSOCKET_ACCEPT, key.unwrap_or_default().as_str()),
        ] {
            if let Ok(value) = value.parse() {
                answer.headers_mut().insert(name, value);
            }
        }
        let upgraded = hyper::upgrade::on(self.request);
        let _ = self.answer.send(answer);
        let connection = match upgraded.await {
            Ok(upgraded) => {
                // The buffer must hold the largest message of the tests.
                let limits = Limits::default().with_write_buffer_bytes(64 << 20);
                Some(TungsteniteConnection::server(TokioIo::new(upgraded), Bytes::new(), limits).await)
            }
            Err(_) => None,
        };
        Box::new(LoopbackPeer { connection })
    }

    async fn refuse(self: Box<Self>, refusal: Refusal) {
        let mut answer = Response::new(Full::new(refusal.body));
        *answer.status_mut() = refusal.status;
        *answer.headers_mut() = refusal.headers;
        let _ = self.answer.send(answer);
    }
}

struct LoopbackPeer {
    connection: Option<TungsteniteConnection<TokioIo<Upgraded>>>,
}

#[async_trait]
impl RigPeer for LoopbackPeer {
    async fn send(&mut self, frame: Frame) {
        if let Some(connection) = &mut self.connection {
            let _ = connection.send(frame).await;
        }
    }

    async fn recv(&mut self) -> Option<Frame> {
        self.connection.as_mut()?.next().await?.ok()
    }
}
