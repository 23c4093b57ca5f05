//! HTTP requests that switch a stream to another protocol: the WebSocket upgrade and `CONNECT`.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use futures_util::TryFutureExt;
use futures_util::future::{Either, select};
use http::Response;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::deadline::Deadline;
use crate::{Error, ErrorKind};

/// Maximum size of a response head in bytes. The exchange's responses have a few hundred.
pub(crate) const HEAD_LIMIT: usize = 16 << 10;

/// Sends a request over a byte stream. If `check` accepts the response, returns the stream and the bytes that
/// were already read after the response. Errors refer to the request by `name`.
pub(crate) async fn switch_protocols<S, C, F>(
    stream: S,
    request: http::Request<Empty<Bytes>>,
    name: &str,
    deadline: Deadline,
    check: C,
) -> Result<(S, Bytes), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    C: FnOnce(Response<Incoming>) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| convert_error(error, format!("the {name} could not be sent")))?;

    let round_trip = pin!(async {
        let response = sender.send_request(request);
        let response = response.map_err(|error| {
            let problem = if error.is_parse() {
                format!("the response to the {name} is not valid HTTP")
            } else {
                format!("no response to the {name}")
            };
            convert_error(error, problem)
        });
        check(deadline.within(&format!("no response to the {name}"), response).await?).await
    });
    // Either future may finish first: the connection delivers the response and then completes.
    let parts = match select(round_trip, pin!(connection.without_shutdown())).await {
        Either::Left((checked, connection)) => {
            checked?;
            connection.await
        }
        Either::Right((parts, round_trip)) => {
            round_trip.await?;
            parts
        }
    };
    let parts =
        parts.map_err(|error| convert_error(error, format!("the connection broke during the {name}")))?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

fn convert_error(error: hyper::Error, message: String) -> Error {
    let kind = if error.is_parse() { ErrorKind::Handshake } else { ErrorKind::Disconnected };
    Error::new(kind, message).with_source(error)
}
