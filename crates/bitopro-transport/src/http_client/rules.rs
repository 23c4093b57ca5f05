//! The rules that all implementations of this crate share.

use bytes::Bytes;
use http::{Method, Request};

use super::HttpLimits;
use crate::request::is_reserved;
use crate::{Error, ErrorKind};

/// Checks the method and the headers of a request.
pub(crate) fn check_request(request: &Request<Bytes>) -> Result<(), Error> {
    let invalid = |message: String| Err(Error::new(ErrorKind::InvalidRequest, message));
    if request.method() == Method::CONNECT {
        return invalid("the method `CONNECT` is not supported".to_owned());
    }
    match request.headers().keys().find(|name| is_reserved(name)) {
        Some(name) => invalid(format!("header `{name}` is reserved for the client and cannot be set")),
        None => Ok(()),
    }
}

impl HttpLimits {
    /// Returns the error of a response body above the limit.
    pub(crate) fn body_too_large(self) -> Error {
        let message = format!(
            "the response body exceeds the limit of {} bytes; raise it with `HttpLimits::body_bytes`",
            self.body_bytes
        );
        Error::new(ErrorKind::TooLarge, message)
    }
}
