use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER, SERVER};
use http::{HeaderName, Method, Request, Response, Uri};
#[cfg(feature = "memory")]
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::{RecordedEvent, Recorder};
use crate::request::redacted;
use crate::{Error, HttpClient};

/// The recorded form of an HTTP request, without its headers, which contain the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// The URL with its query, but without user and password.
    pub url: String,
    /// The body, if it is not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RecordedBody>,
}

/// The recorded form of an HTTP response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedResponse {
    /// The status.
    pub status: u16,
    /// The headers `Content-Type`, `Date`, `Retry-After` and `Server`. Others, such as `Set-Cookie`, may be secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, if it is not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RecordedBody>,
}

/// The recorded form of a body that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordedBody {
    /// A body in UTF-8.
    Text(String),
    /// Any other body, in hex.
    Binary(String),
}

impl RecordedBody {
    fn new(bytes: &Bytes) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        let text = std::str::from_utf8(bytes).map(|text| Self::Text(text.to_owned()));
        Some(text.unwrap_or_else(|_| Self::Binary(hex::encode(bytes))))
    }

    #[cfg(feature = "memory")]
    fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::Text(text) => Some(text.clone().into()),
            Self::Binary(text) => hex::decode(text).ok().map(Bytes::from),
        }
    }
}

impl RecordedRequest {
    /// Returns the recorded form of a request without a body.
    pub(crate) fn without_body(method: &Method, url: &Uri) -> Self {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Self { method: method.to_string(), url: format!("{}{query}", redacted(url)), body: None }
    }
}

const RECORDED_HEADERS: [HeaderName; 4] = [CONTENT_TYPE, DATE, RETRY_AFTER, SERVER];

impl From<&Response<Bytes>> for RecordedResponse {
    fn from(response: &Response<Bytes>) -> Self {
        let header = |name: HeaderName| {
            let value = response.headers().get(&name)?.to_str().ok()?.to_owned();
            Some((name.to_string(), value))
        };
        Self {
            status: response.status().as_u16(),
            headers: RECORDED_HEADERS.into_iter().filter_map(header).collect(),
            body: RecordedBody::new(response.body()),
        }
    }
}

#[cfg(feature = "memory")]
impl RecordedResponse {
    /// Returns the response, or `None` if a part of it is invalid.
    pub(crate) fn response(&self) -> Option<Response<Bytes>> {
        let body = match &self.body {
            Some(body) => body.bytes()?,
            None => Bytes::new(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).ok()?;
        for (name, value) in &self.headers {
            let (name, value): (HeaderName, HeaderValue) = (name.parse().ok()?, value.parse().ok()?);
            response.headers_mut().append(name, value);
        }
        Some(response)
    }
}

/// A client that records the requests of another client, and their responses or errors.
///
/// # Examples
///
/// ```
/// # #[cfg(not(feature = "memory"))] fn main() {}
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use bitopro_transport::recording::{Recorder, RecordingHttpClient};
/// use bitopro_transport::{HttpClient, memory};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// let (client, mut server) = memory::http_network();
/// let recorder = Recorder::new(std::io::sink());
/// let client = RecordingHttpClient::new(client, recorder.clone());
///
/// let serve = async { server.next_request().await.map(|request| request.respond(Response::new(Bytes::new()))) };
/// let request = Request::get("https://api.example/v3/accounts/balance").body(Bytes::new())?;
/// let (response, _) = tokio::join!(client.send(request, Duration::from_secs(1)), serve);
/// assert!(response.is_ok());
/// recorder.finish()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RecordingHttpClient<C> {
    inner: C,
    recorder: Recorder,
}

impl<C: HttpClient> RecordingHttpClient<C> {
    /// Creates a client that sends requests with `inner` and writes to `recorder`.
    pub fn new(inner: C, recorder: Recorder) -> Self {
        Self { inner, recorder }
    }
}

#[async_trait]
impl<C: HttpClient> HttpClient for RecordingHttpClient<C> {
    async fn send(&self, request: Request<Bytes>, deadline: Duration) -> Result<Response<Bytes>, Error> {
        let number = self.recorder.next_dial();
        let recorded = RecordedRequest {
            body: RecordedBody::new(request.body()),
            ..RecordedRequest::without_body(request.method(), request.uri())
        };
        self.recorder.write(number, RecordedEvent::Requested(recorded));
        let sent = self.inner.send(request, deadline).await;
        let event = match &sent {
            Ok(response) => RecordedEvent::Responded(response.into()),
            Err(error) => RecordedEvent::Failed(error.to_string()),
        };
        self.recorder.write(number, event);
        sent
    }
}
