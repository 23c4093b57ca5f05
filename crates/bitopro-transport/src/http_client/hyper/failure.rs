//! The errors of hyper and hyper-util, as errors of this crate.

use std::error::Error as StdError;
use std::io;

use hyper_util::client::legacy;

use crate::dial::Target;
use crate::dial::switch::HEAD_LIMIT;
use crate::{Error, ErrorKind};

/// Returns whether the connection ended before the head of a response.
pub(super) fn is_disconnected(error: &legacy::Error) -> bool {
    cause::<hyper::Error>(error).is_some_and(|error| kind(error) == ErrorKind::Disconnected)
}

/// Converts the error of a request that has no response.
pub(super) fn failure(error: legacy::Error, target: &Target) -> Error {
    if let Some(error) = cause::<Error>(&error) {
        return error.clone();
    }
    let address = &target.address;
    let kind = cause::<hyper::Error>(&error).map_or(ErrorKind::Disconnected, kind);
    let message = match kind {
        ErrorKind::TooLarge => {
            format!("the headers from {address} exceed the limit of {HEAD_LIMIT} bytes or 100 headers")
        }
        ErrorKind::Protocol => format!("the response from {address} is not valid HTTP"),
        _ => format!("the connection to {address} ended before the response"),
    };
    let error = Error::new(kind, message).with_source(error);
    if target.encrypted || kind == ErrorKind::TooLarge {
        error
    } else {
        error.with_advice("if this port expects TLS, use `https://`")
    }
}

/// Converts the error of an incomplete response body.
pub(super) fn body_failure(error: hyper::Error, target: &Target) -> Error {
    let address = &target.address;
    let io_kind = cause::<io::Error>(&error).map(io::Error::kind);
    if matches!(io_kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)) {
        let message = format!("the response body from {address} is not valid HTTP");
        return Error::new(ErrorKind::Protocol, message).with_source(error);
    }
    let message = format!("the connection to {address} ended before the end of the response body");
    Error::new(ErrorKind::Disconnected, message).with_source(error)
}

fn kind(error: &hyper::Error) -> ErrorKind {
    if error.is_parse_too_large() {
        ErrorKind::TooLarge
    } else if error.is_parse() {
        ErrorKind::Protocol
    } else {
        ErrorKind::Disconnected
    }
}

/// Returns the first cause of this type.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
