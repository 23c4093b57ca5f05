use std::fmt;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::{Error, ErrorKind};

/// A request to open a WebSocket.
///
/// `Debug` shows the names of the headers and never their values, which are the signature, and the URL without
/// user, password and query.
#[derive(Clone)]
pub struct Request {
    url: Uri,
    headers: HeaderMap,
    deadline: Duration,
}

impl Request {
    /// How long a dial may take unless told otherwise.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

    /// A request for this URL, without headers, with the default deadline of 10 s.
    pub fn new(url: Uri) -> Self {
        Self { url, headers: HeaderMap::new(), deadline: Self::DEFAULT_DEADLINE }
    }

    /// Adds a header, marked sensitive: `Debug` of an HTTP library does not print it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if the name or the value cannot stand in a header, or if the header
    /// belongs to the upgrade itself: `Host`, `Connection`, `Upgrade`, `Sec-WebSocket-*`, and those that
    /// announce a body, which an upgrade has not.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidRequest, message);
        // Not shown: whoever swaps name and value would find the value in the error.
        let name: HeaderName =
            name.parse().map_err(|_| invalid("the name of a header cannot be sent".to_owned()))?;
        if belongs_to_the_upgrade(&name) {
            return Err(invalid(format!("header `{name}` is the upgrade's own: it cannot be set")));
        }
        let mut value: HeaderValue =
            value.parse().map_err(|_| invalid(format!("the value of header `{name}` cannot be sent")))?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the one deadline over name resolution, TCP, proxy, TLS and upgrade.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the URL.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// The headers beside those of the WebSocket upgrade itself.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How long name resolution, TCP, proxy, TLS and upgrade may take in all.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Request")
            .field("url", &shown(&self.url))
            .field("headers", &names)
            .field("deadline", &self.deadline)
            .finish()
    }
}

fn belongs_to_the_upgrade(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE].contains(name)
        || name.as_str().starts_with("sec-websocket-")
}

/// Returns the URL as it may be shown: user, password and query may be secrets.
pub(crate) fn shown(url: &Uri) -> String {
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
    fn debug_shows_neither_values_nor_user_nor_query() {
        let request = request().with_header("X-BITOPRO-SIGNATURE", "s3cret").unwrap();
        assert_eq!(
            format!("{request:?}"),
            r#"Request { url: "wss://example.test:9443/ws/path", headers: ["x-bitopro-signature"], deadline: 10s }"#
        );
        assert!(!format!("{:?}", request.headers()).contains("s3cret"));
    }

    #[test]
    fn headers_of_the_upgrade_itself_are_not_taken() {
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
            let message = format!("header `{}` is the upgrade's own: it cannot be set", name.to_lowercase());
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_an_error_that_does_not_show_it() {
        for (name, value) in [("X-BITOPRO-SIGNATURE", "s3cret\n"), ("s3cret:s3cret", "X-BITOPRO-SIGNATURE")] {
            let error = request().with_header(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
