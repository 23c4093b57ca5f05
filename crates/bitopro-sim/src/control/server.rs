use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::control::routes;
use crate::{Error, ErrorKind, Simulator};

/// The pause after a failure to accept, which most likely means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server of JSON over HTTP, by which tests in any language control a running [`Simulator`].
///
/// It listens on 127.0.0.1 only, and refuses requests that a web page may have sent. Every response is one line
/// of JSON:
///
/// | request | response |
/// |---|---|
/// | `POST /commands` with `{"commands": ["deposit BTC 0.5", …]}`, or one command as a string | `results`: for each [`Command`](crate::Command), the `messages` that it sent and, if it placed an order, its id as `order` |
/// | `GET /accounts` | `accounts`: the name, API key and email of each |
/// | `GET /accounts/NAME` | `balances`, `open_orders`, the last 100 `closed_orders` and the last 10,000 `trades`, oldest first, in the exchange's own fields |
/// | `GET /order-book/PAIR` | the `market_price`, or null, and all levels of the order book: `bids` and `asks` |
/// | `GET /connections` | the number of `open` connections, and the last 10,000 `dials`, oldest first |
///
/// Commands are carried out in order. `wait` waits until enough connections are open, or until the HTTP client
/// disconnects. The first command that fails ends the request, and those before it keep their effect.
///
/// A failed request has a status from 400 to 499 and an `error`, which is a text for people. If a command failed,
/// the response also has the `command`, and the `results` of those before it. The status is then 400 if a command cannot
/// be parsed, so that none was carried out, and 409 otherwise.
///
/// # Examples
///
/// ```
/// use bitopro_sim::{ControlServer, Simulator};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::TcpStream;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let simulator = Simulator::builder().start_in_memory()?;
/// let control = ControlServer::bind().await?;
/// let address = control.addr();
///
/// // Any HTTP client works. This one is written by hand.
/// let client = async {
///     let mut socket = TcpStream::connect(address).await?;
///     let body = r#"{"commands": "deposit BTC 0.5"}"#;
///     let head = format!("POST /commands HTTP/1.1\r\nHost: {address}\r\nConnection: close");
///     let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
///     socket.write_all(request.as_bytes()).await?;
///     let mut response = String::new();
///     socket.read_to_string(&mut response).await?;
///     Ok::<_, std::io::Error>(response)
/// };
/// let response = tokio::select! {
///     response = client => response?,
///     never = control.serve(&simulator) => match never {},
/// };
/// assert!(response.starts_with("HTTP/1.1 200 OK"));
/// assert!(response.contains(r#""stream":"account-balance""#));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ControlServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl ControlServer {
    /// Listens on any free port of 127.0.0.1. Requests wait until [`serve`](Self::serve) is polled.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`ErrorKind::Listen`].
    pub async fn bind() -> Result<Self, Error> {
        let failed = |error| {
            let message = "cannot listen on 127.0.0.1 for the control server";
            Error::new(ErrorKind::Listen, message).with_source(error)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Returns the IP address and port that the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests about a simulator, concurrently, until the future is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes all connections and skips commands that wait. Completed commands keep their
    /// effect.
    pub async fn serve(self, simulator: &Simulator) -> Infallible {
        let mut clients = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // A failure only costs latency.
                        let _ = stream.set_nodelay(true);
                        clients.push(serve_client(simulator, stream));
                    }
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                Some(()) = clients.next() => {}
            }
        }
    }
}

/// Answers the requests of one client. If it disconnects, the request in progress is dropped.
pub(super) async fn serve_client<S>(simulator: &Simulator, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service =
        service_fn(|request| async { Ok::<_, Infallible>(routes::answer(simulator, request).await) });
    // A client that disconnects is not an error.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(io), service).await;
}
