//! Tunnels through HTTP proxies: `CONNECT`, RFC 9110, section 9.3.6.

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::Authority;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Proxy;
use crate::Error;
use crate::dial::deadline::Deadline;
use crate::dial::switch::switch_protocols;

/// Opens a tunnel to `target` over `stream`, which is connected to `proxy`.
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
    let connect_request = connect_request(target, authorization).map_err(|error| {
        proxy.error(&format!("cannot connect to the invalid address {target}")).with_source(error)
    })?;
    let switched = switch_protocols(stream, connect_request, "CONNECT request", deadline, async |response| {
        match response.status() {
            // Like other clients, hyper releases the stream only after 200, not after other 2xx statuses.
            StatusCode::OK => Ok(()),
            // The responses below come from the proxy, because the exchange never sees the request. Some
            // proxies send 401 instead of 407.
            StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED
                if authorization.is_none() =>
            {
                Err(proxy.login_required())
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => {
                Err(proxy.login_rejected())
            }
            StatusCode::FORBIDDEN => {
                let advice = "check that it allows this host and port";
                Err(proxy.error(&format!("refuses to connect to {target}: HTTP 403; {advice}")))
            }
            status => Err(proxy.error(&format!("did not connect to {target}: HTTP {status}"))),
        }
    });
    let (stream, read_ahead) = switched.await.map_err(|error| proxy.convert_error(error, target))?;
    if read_ahead.is_empty() {
        Ok(stream)
    } else {
        // In TLS, the client sends the first bytes, so these cannot come from the exchange.
        Err(proxy.error(&format!("sent unexpected data before the TLS handshake with {target}")))
    }
}

fn connect_request(
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
