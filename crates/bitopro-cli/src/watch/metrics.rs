//! Serves the numbers of a client in the text format of Prometheus (`--metrics`).

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bitopro_client::Stats;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::exit::{Failure, Status};

/// The path of the metrics.
const PATH: &str = "/metrics";
/// The media type of the text format.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Maximum number of connections that are served at the same time.
const MAX_CONNECTIONS: usize = 16;
/// Maximum duration of a connection.
const DEADLINE: Duration = Duration::from_secs(30);
/// The pause after a connection could not be accepted, for example because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Listens on an address, and prints the URL: the system chooses the port if it is 0.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let failure = |error| {
        let message =
            format!("cannot listen on {address} for `--metrics`; choose another port, or 0 for any");
        Failure::new(Status::Usage, message).with_source(error)
    };
    let listener = TcpListener::bind(address).await.map_err(failure)?;
    let address = listener.local_addr().map_err(failure)?;
    // The metrics are served even if standard error is closed.
    let _ = writeln!(io::stderr(), "bitopro: the metrics are at http://{address}{PATH}");
    Ok(listener)
}

/// Serves the numbers.
pub(super) async fn serve(listener: TcpListener, stats: impl Fn() -> Stats) -> Infallible {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((socket, _)) => connections.push(timeout(DEADLINE, serve_connection(socket, &stats))),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.next() => {}
        }
    }
}

async fn serve_connection(socket: TcpStream, stats: &impl Fn() -> Stats) {
    let service = service_fn(|request| {
        let response = respond(&request, stats);
        async { Ok::<_, Infallible>(response) }
    });
    // A peer that leaves early needs no response.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

fn respond<B>(request: &Request<B>, stats: &impl Fn() -> Stats) -> Response<String> {
    let (status, text) = match (request.uri().path(), request.method()) {
        (PATH, &Method::GET | &Method::HEAD) => (StatusCode::OK, stats().to_prometheus()),
        (PATH, _) => (StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, format!("the metrics are at {PATH}\n")),
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT_FORMAT);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
