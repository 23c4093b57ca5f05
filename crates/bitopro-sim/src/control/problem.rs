use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::control::commands::CommandResult;

pub(super) type JsonResponse = Response<Full<Bytes>>;

/// A reason why a request failed.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    body: Body,
    /// The value of the header `Allow`.
    allow: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Body {
    error: String,
    #[serde(flatten)]
    command: Option<FailedCommand>,
}

/// The command that failed, and the results of the commands that were carried out before it.
#[derive(Debug, Serialize)]
pub(super) struct FailedCommand {
    pub(super) command: String,
    pub(super) results: Vec<CommandResult>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, body: Body { error: error.into(), command: None }, allow: None }
    }

    pub(super) fn of_command(status: StatusCode, error: String, command: FailedCommand) -> Self {
        Self { status, body: Body { error, command: Some(command) }, allow: None }
    }

    pub(super) fn method(allowed: &'static str) -> Self {
        let error = format!("the method is not allowed; use {allowed}");
        Self { allow: Some(allowed), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, error) }
    }

    pub(super) fn into_response(self) -> JsonResponse {
        let mut response = json(self.status, &self.body);
        if let Some(allow) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// Returns a response with one line of JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> JsonResponse {
    // Serialization cannot fail: the bodies hold only strings, numbers and maps with string keys.
    let mut text = serde_json::to_vec(body).unwrap_or_default();
    text.push(b'\n');
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
