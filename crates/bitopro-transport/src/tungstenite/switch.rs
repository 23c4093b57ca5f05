//! Requests after whose answer a stream speaks something other than HTTP.

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

/// The largest response head, in bytes. The exchange's has a few hundred.
const HEAD_LIMIT: usize = 16 << 10;

/// Sends a request over a byte stream, and gives that back with the bytes that were read beyond the answer, if
/// `judge` finds the answer to be a yes. `what` names the request in errors.
pub(super) async fn switch<S, J, F>(
    stream: S,
    asking: http::Request<Empty<Bytes>>,
    what: &str,
    deadline: Deadline,
    judge: J,
) -> Result<(S, Bytes), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    J: FnOnce(Response<Incoming>) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(error, format!("the {what} could not be sent")))?;

    let answer = pin!(async {
        let asked = sender.send_request(asking);
        let asked = asked.map_err(|error| broken(error, format!("the {what} was not answered")));
        judge(deadline.within(&format!("waiting for the answer to the {what}"), asked).await?).await
    });
    // Either may be done first: the answer travels through the connection, which ends as it is handed over.
    let parts = match select(answer, pin!(connection.without_shutdown())).await {
        Either::Left((answered, connection)) => {
            answered?;
            connection.await
        }
        Either::Right((parts, answer)) => {
            answer.await?;
            parts
        }
    };
    let parts = parts.map_err(|error| broken(error, format!("the connection broke during the {what}")))?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

fn broken(error: hyper::Error, message: String) -> Error {
    let kind = if error.is_parse() { ErrorKind::Handshake } else { ErrorKind::Disconnected };
    Error::new(kind, message).with_source(error)
}
