//! The HTTP/1 phase of a socket, which answers calls of the REST API until a request is upgraded.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitopro_transport::{Limits, Refusal, TungsteniteConnection};
use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use crate::gateway::authentication::UpgradeRequest;
use crate::gateway::channel::Channel;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::{handshake, refusal, session};
use crate::rest::{Answer, response_of};
use crate::{REST_PATH, RestFault};

/// Deadline for TLS, and for the body of a request after its headers. An assumption.
const TLS_AND_BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Deadline for the headers of the next request, after which the socket is closed. An assumption, and a usual value
/// of web servers.
const REQUEST_DEADLINE: Duration = Duration::from_secs(75);
/// Maximum number of bytes of a request's body. An assumption.
const BODY_LIMIT: usize = 64 << 10;

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
            let accepted = tokio::select! {
                accepted = timeout(TLS_AND_BODY_DEADLINE, tls.accept(stream)) => accepted,
                () = dispatcher.closing() => return,
            };
            match accepted {
                Ok(Ok(stream)) => serve_stream(stream, dispatcher).await,
                Ok(Err(error)) => warn!(%error, "TLS failed"),
                Err(_) => {}
            }
        }
    }
}

/// Serves one byte stream until it ends.
pub(crate) async fn serve_stream<S>(stream: S, dispatcher: Arc<Dispatcher>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgraded = tokio::select! {
        upgraded = answer_requests(stream, &dispatcher) => upgraded,
        () = dispatcher.closing() => None,
    };
    let Some((channel, io)) = upgraded else { return };
    let connection = TungsteniteConnection::server(io, Bytes::new(), limits()).await;
    if let Some(subscription) = dispatcher.subscribe(channel) {
        session::serve(connection, subscription).await;
    }
}

type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// Answers requests until one is upgraded. Returns `None` if the connection ends first.
async fn answer_requests<S>(io: S, dispatcher: &Arc<Dispatcher>) -> Option<(Channel, Upgraded)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let accepted: Arc<Mutex<Option<(Channel, OnUpgrade)>>> = Arc::default();
    let service = service_fn(|request| {
        let accepted = Arc::clone(&accepted);
        async move {
            if is_rest(&request) {
                return answer_call(request, dispatcher).await;
            }
            Ok(match accept_upgrade(request, dispatcher) {
                Ok((channel, upgrade, response)) => {
                    *accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some((channel, upgrade));
                    response
                }
                Err(refusal) => response_of(refusal).map(Full::new),
            })
        }
    });
    // The `Date` header shows the exchange's time, which may differ from this machine's.
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_DEADLINE)
        .serve_connection(TokioIo::new(io), service);
    // A client that disconnects during the handshake is not an error.
    let _ = connection.with_upgrades().await;
    let (channel, upgrade) = accepted.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    Some((channel, TokioIo::new(upgrade.await.ok()?)))
}

type HttpResponse = Response<Full<Bytes>>;

fn is_rest(request: &http::Request<Incoming>) -> bool {
    let below = request.uri().path().strip_prefix(REST_PATH);
    below.is_some_and(|path| path.is_empty() || path.starts_with('/'))
}

/// Answers a call of the REST API.
///
/// # Errors
///
/// Returns an error if the connection must end without a response.
async fn answer_call(
    request: http::Request<Incoming>,
    dispatcher: &Dispatcher,
) -> Result<HttpResponse, Closed> {
    let (head, body) = request.into_parts();
    let body = timeout(TLS_AND_BODY_DEADLINE, Limited::new(body, BODY_LIMIT).collect()).await;
    let body = match body.map_err(|_| Closed)? {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = format!("the body exceeds {BODY_LIMIT} bytes");
            warn!(limit = BODY_LIMIT, "body too large");
            return Ok(response_of(refusal::with_error(StatusCode::PAYLOAD_TOO_LARGE, &text)).map(Full::new));
        }
        Err(_) => return Err(Closed),
    };
    let answer = dispatcher.answer(&http::Request::from_parts(head, body));
    delivered(answer).await.map(|response| response.map(Full::new)).ok_or(Closed)
}

/// Returns the response to a call when it is sent, or `None` if it is lost.
pub(crate) async fn delivered(Answer { response, fault, .. }: Answer) -> Option<Response<Bytes>> {
    match fault {
        Some(RestFault::Lose) => None,
        Some(RestFault::Delay(delay)) => {
            sleep(delay).await;
            Some(response)
        }
        _ => Some(response),
    }
}

/// The connection ends without a response.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends without a response")
    }
}

impl Error for Closed {}

fn accept_upgrade(
    request: http::Request<Incoming>,
    dispatcher: &Dispatcher,
) -> Result<(Channel, OnUpgrade, HttpResponse), Refusal> {
    let accept_key = handshake::accept_key(&request);
    let channel = dispatcher.authorize(&UpgradeRequest {
        path: request.uri().path(),
        query: request.uri().query(),
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
    Ok((channel, hyper::upgrade::on(request), response))
}
