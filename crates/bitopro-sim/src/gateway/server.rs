//! The HTTP/1 phase of a socket, which serves requests until one of them is upgraded.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitopro_transport::{Limits, Refusal, TungsteniteConnection};
use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use crate::gateway::account_stream::AccountStream;
use crate::gateway::authentication::UpgradeRequest;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::{handshake, refusal, session};

/// Deadline for the upgrade, including TLS. An assumption.
const UPGRADE_DEADLINE: Duration = Duration::from_secs(10);

/// Returns the limits of the server's end of a connection, whose outbox bounds the frames to send.
pub(crate) fn limits() -> Limits {
    Limits::default().with_message_bytes(64 << 10).with_write_buffer_bytes(usize::MAX)
}

/// Serves one accepted socket until it ends.
pub(crate) async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, dispatcher: Arc<Dispatcher>) {
    // A failure only costs latency.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve_stream(stream, dispatcher).await,
        Some(tls) => {
            let upgrade = async {
                let accepted = tls.accept(stream).await;
                let stream = accepted.inspect_err(|error| warn!(%error, "TLS failed")).ok()?;
                upgrade(stream, &dispatcher).await
            };
            serve_upgrade(upgrade, &dispatcher).await;
        }
    }
}

/// Serves one byte stream until it ends.
pub(crate) async fn serve_stream<S>(stream: S, dispatcher: Arc<Dispatcher>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve_upgrade(upgrade(stream, &dispatcher), &dispatcher).await;
}

/// Waits for the upgrade until its deadline, and then serves the connection.
async fn serve_upgrade(
    upgrade: impl Future<Output = Option<(AccountStream, Upgraded)>>,
    dispatcher: &Arc<Dispatcher>,
) {
    let upgraded = tokio::select! {
        upgraded = timeout(UPGRADE_DEADLINE, upgrade) => upgraded.ok().flatten(),
        () = dispatcher.closing() => None,
    };
    let Some((stream, io)) = upgraded else { return };
    let connection = TungsteniteConnection::server(io, Bytes::new(), limits()).await;
    if let Some(subscription) = dispatcher.subscribe(stream) {
        session::serve(connection, subscription).await;
    }
}

type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// Answers requests until one is upgraded. Returns `None` if the client disconnects first.
async fn upgrade<S>(io: S, dispatcher: &Arc<Dispatcher>) -> Option<(AccountStream, Upgraded)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let accepted: Arc<Mutex<Option<(AccountStream, OnUpgrade)>>> = Arc::default();
    let service = service_fn(|request| {
        let response = match accept_upgrade(request, dispatcher) {
            Ok((stream, upgrade, response)) => {
                *accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some((stream, upgrade));
                response
            }
            Err(refusal) => refusal_response(refusal),
        };
        async { Ok::<_, Infallible>(response) }
    });
    // The `Date` header shows the exchange's time, which may differ from this machine's.
    let connection =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(io), service);
    // A client that disconnects during the handshake is not an error.
    let _ = connection.with_upgrades().await;
    let (stream, upgrade) = accepted.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    Some((stream, TokioIo::new(upgrade.await.ok()?)))
}

type HttpResponse = Response<Full<Bytes>>;

fn accept_upgrade(
    request: http::Request<Incoming>,
    dispatcher: &Dispatcher,
) -> Result<(AccountStream, OnUpgrade, HttpResponse), Refusal> {
    let accept_key = handshake::accept_key(&request);
    let stream = dispatcher.authorize(&UpgradeRequest {
        path: request.uri().path(),
        headers: request.headers(),
        flaw: accept_key.as_ref().err(),
    })?;
    let accept_key = accept_key.map_err(|rejection| rejection.refusal)?;
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept_key),
    ]);
    response.headers_mut().extend(refusal::date(dispatcher.now()));
    Ok((stream, hyper::upgrade::on(request), response))
}

fn refusal_response(refusal: Refusal) -> HttpResponse {
    let mut response = Response::new(Full::new(refusal.body));
    *response.status_mut() = refusal.status;
    *response.headers_mut() = refusal.headers;
    response
}
