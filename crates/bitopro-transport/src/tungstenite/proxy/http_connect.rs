//! A tunnel through an HTTP proxy: `CONNECT`, RFC 9110, section 9.3.6.

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::Authority;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Proxy;
use crate::Error;
use crate::tungstenite::deadline::Deadline;
use crate::tungstenite::switch::switch;

/// Asks `proxy`, at the other end of `stream`, for a tunnel to `target`.
pub(super) async fn tunnel<S>(
    proxy: &Proxy,
    stream: S,
    target: &Authority,
    authorization: Option<&HeaderValue>,
    deadline: Deadline,
) -> Result<S, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let asking = request(target, authorization)
        .map_err(|error| proxy.failed("cannot be asked for that address").with_source(error))?;
    let switched = switch(stream, asking, "CONNECT request", deadline, async |response| {
        match response.status() {
            // The one yes for which hyper, like other clients, hands the stream over.
            StatusCode::OK => Ok(()),
            // The exchange never sees the request, so none of these is its answer; 401 is what some proxies say.
            StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED
                if authorization.is_none() =>
            {
                Err(proxy.wants_a_login())
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => {
                Err(proxy.refuses_the_login())
            }
            status => Err(proxy.failed(&format!("does not connect to {target}: HTTP {status}"))),
        }
    });
    let (stream, read_ahead) = switched.await.map_err(|error| proxy.blamed(error, target))?;
    if read_ahead.is_empty() {
        Ok(stream)
    } else {
        // Both TLS and an upgrade begin with us, so these bytes are nobody's answer.
        Err(proxy.failed(&format!("sent something before it connected to {target}")))
    }
}

fn request(
    target: &Authority,
    authorization: Option<&HeaderValue>,
) -> Result<Request<Empty<Bytes>>, http::Error> {
    let uri = Uri::builder().authority(target.clone()).build()?;
    let mut request = Request::connect(uri).header(HOST, target.as_str()).body(Empty::new())?;
    if let Some(authorization) = authorization {
        request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    Ok(request)
}
