//! The HTTP/1 side of a socket: one request after the other until one is upgraded.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitopro_model::PrivateStream;
use bitopro_transport::{Limits, Refusal, TungsteniteConnection};
use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
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
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::gateway::authentication::UpgradeRequest;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::{refusal, session};

/// The time that an upgrade may take, TLS included. An assumption.
const UPGRADE_DEADLINE: Duration = Duration::from_secs(10);

/// The limits of the server's end of a connection. The outbox bounds what is sent.
pub(crate) fn limits() -> Limits {
    Limits::default().with_message_bytes(64 << 10).with_write_buffer_bytes(usize::MAX)
}

/// Serves one accepted socket until it ends.
pub(crate) async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, dispatcher: Arc<Dispatcher>) {
    // Only a matter of latency.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve_stream(stream, dispatcher).await,
        Some(tls) => {
            let upgrade = async { upgraded(tls.accept(stream).await.ok()?, &dispatcher).await };
            converse(upgrade, &dispatcher).await;
        }
    }
}

/// Serves one byte stream until it ends.
pub(crate) async fn serve_stream<S>(stream: S, dispatcher: Arc<Dispatcher>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    converse(upgraded(stream, &dispatcher), &dispatcher).await;
}

/// Waits for the upgrade until its deadline, and then serves the connection.
async fn converse(
    upgrade: impl Future<Output = Option<(PrivateStream, Upgraded)>>,
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

/// Answers requests until one is upgraded, or the client goes away.
async fn upgraded<S>(io: S, dispatcher: &Arc<Dispatcher>) -> Option<(PrivateStream, Upgraded)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let admitted: Arc<Mutex<Option<(PrivateStream, OnUpgrade)>>> = Arc::default();
    let service = service_fn(|request| {
        let answer = match admit(request, dispatcher) {
            Ok((stream, upgrade, answer)) => {
                *admitted.lock().unwrap_or_else(PoisonError::into_inner) = Some((stream, upgrade));
                answer
            }
            Err(refusal) => refused(refusal),
        };
        async { Ok::<_, Infallible>(answer) }
    });
    // The `Date` is the exchange's, whose clock may be off, not this machine's.
    let serving = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(io), service);
    // A client that goes away in the middle is its own affair.
    let _ = serving.with_upgrades().await;
    let (stream, upgrade) = admitted.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    Some((stream, TokioIo::new(upgrade.await.ok()?)))
}

type Answer = Response<Full<Bytes>>;

fn admit(
    request: http::Request<Incoming>,
    dispatcher: &Dispatcher,
) -> Result<(PrivateStream, OnUpgrade, Answer), Refusal> {
    let headers = request.headers();
    let is_upgrade = request.method() == Method::GET && asks_for_websocket(headers);
    let stream = dispatcher.authorize(&UpgradeRequest { path: request.uri().path(), headers, is_upgrade })?;
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or_else(refusal::bad_request)?;
    let accept = derive_accept_key(key.as_bytes()).parse().map_err(|_| refusal::bad_request())?;
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().extend([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ]);
    answer.headers_mut().extend(refusal::date(dispatcher.now()));
    Ok((stream, hyper::upgrade::on(request), answer))
}

/// RFC 6455, section 4.2.1.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let lists = |name: HeaderName, token: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    lists(UPGRADE, "websocket")
        && lists(CONNECTION, "upgrade")
        && lists(SEC_WEBSOCKET_VERSION, "13")
        && headers.contains_key(SEC_WEBSOCKET_KEY)
}

fn refused(refusal: Refusal) -> Answer {
    let mut answer = Response::new(Full::new(refusal.body));
    *answer.status_mut() = refusal.status;
    *answer.headers_mut() = refusal.headers;
    answer
}
