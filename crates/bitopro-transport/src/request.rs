use std::fmt;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::{Error, ErrorKind};

/// A request to open a WebSocket connection.
///
/// `Debug` shows the URL without user, password and query, and only the names of the headers, because their
/// values contain the signature.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_transport::Request;
///
/// let request = Request::new("wss://stream.example/ws?token=secret".parse()?)
///     .with_header("X-BITOPRO-APIKEY", "key")?
///     .with_deadline(Duration::from_secs(5));
/// assert_eq!(
///     format!("{request:?}"),
///     r#"Request { url: "wss://stream.example/ws", headers: ["x-bitopro-apikey"], deadline: 5s }"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Request {
    url: Uri,
    headers: HeaderMap,
    deadline: Duration,
}

impl Request {
    /// The default deadline of a dial.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

    /// Creates a request without headers. The deadline defaults to 10 s.
    pub fn new(url: Uri) -> Self {
        Self { url, headers: HeaderMap::new(), deadline: Self::DEFAULT_DEADLINE }
    }

    /// Adds a header and marks its value as sensitive, so that HTTP libraries do not print it.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::InvalidRequest`] if the name or the value is invalid, or if the header is reserved:
    /// the upgrade sets `Host`, `Connection`, `Upgrade` and `Sec-WebSocket-*` itself, and has no body that
    /// `Content-Length` or `Transfer-Encoding` could describe.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidRequest, message);
        // The error omits the name: if a caller swaps name and value, the name is a secret.
        let name: HeaderName = name.parse().map_err(|_| invalid("invalid header name".to_owned()))?;
        if is_reserved(&name) {
            return Err(invalid(format!("header `{name}` is reserved for the upgrade and cannot be set")));
        }
        let mut value: HeaderValue =
            value.parse().map_err(|_| invalid(format!("invalid value for header `{name}`")))?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the total time for name resolution, TCP, proxy, TLS and upgrade. Defaults to 10 s.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the URL.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// Returns the added headers, without those that the WebSocket upgrade itself sets.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the total time for name resolution, TCP, proxy, TLS and upgrade.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Request")
            .field("url", &redacted(&self.url))
            .field("headers", &names)
            .field("deadline", &self.deadline)
            .finish()
    }
}

pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE].contains(name)
        || name.as_str().starts_with("sec-websocket-")
}

/// Returns the URL without user, password and query, which may be secrets.
pub(crate) fn redacted(url: &Uri) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
    format!("{scheme}://{host}{port}{}", url.path())
}

#[cfg(test)]
mod tests {
    use super::{ErrorKind, Request};

    fn request() -> Request {
        Request::new("wss://me:pass@example.test:9443/ws/path?token=s3cret#part".parse().unwrap())
    }

    #[test]
    fn debug_hides_header_values_user_password_and_query() {
        let request = request().with_header("X-BITOPRO-SIGNATURE", "s3cret").unwrap();
        assert_eq!(
            format!("{request:?}"),
            r#"Request { url: "wss://example.test:9443/ws/path", headers: ["x-bitopro-signature"], deadline: 10s }"#
        );
        assert!(!format!("{:?}", request.headers()).contains("s3cret"));
    }

    #[test]
    fn headers_that_are_reserved_for_the_upgrade_are_rejected() {
        for name in [
            "host",
            "Host",
            "Connection",
            "UPGRADE",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Version",
            "Sec-WebSocket-Extensions",
            "Sec-WebSocket-Protocol",
            "Sec-WebSocket-Accept",
            "Content-Length",
            "Transfer-Encoding",
        ] {
            let error = request().with_header(name, "1").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            let message =
                format!("header `{}` is reserved for the upgrade and cannot be set", name.to_lowercase());
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn errors_for_invalid_headers_do_not_show_the_value() {
        for (name, value) in [("X-BITOPRO-SIGNATURE", "s3cret\n"), ("s3cret:s3cret", "X-BITOPRO-SIGNATURE")] {
            let error = request().with_header(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
