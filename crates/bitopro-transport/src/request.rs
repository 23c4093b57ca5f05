use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::{Error, ErrorKind};

/// A request to open a WebSocket.
///
/// `Debug` shows the names of the headers and never their values, which are the signature.
#[derive(Clone)]
pub struct Request {
    url: Url,
    headers: HeaderMap,
    deadline: Duration,
}

impl Request {
    /// How long a dial may take unless told otherwise.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

    /// A request for this URL, without headers, with the default deadline of 10 s.
    pub fn new(url: Url) -> Self {
        Self { url, headers: HeaderMap::new(), deadline: Self::DEFAULT_DEADLINE }
    }

    /// Adds a header, marked sensitive: `Debug` of an HTTP library does not print it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if the name or the value cannot stand in a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let invalid =
            || Error::new(ErrorKind::InvalidRequest, format!("the value of header `{name}` cannot be sent"));
        let name: HeaderName = name.parse().map_err(|_| invalid())?;
        let mut value: HeaderValue = value.parse().map_err(|_| invalid())?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the one deadline over name resolution, TCP, TLS and upgrade.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Where to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The headers beside those of the WebSocket upgrade itself.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How long name resolution, TCP, TLS and upgrade may take in all.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Request")
            .field("url", &self.url.as_str())
            .field("headers", &names)
            .field("deadline", &self.deadline)
            .finish()
    }
}
