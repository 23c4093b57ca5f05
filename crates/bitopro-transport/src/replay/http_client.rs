use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::Replay;
use crate::recording::{Record, RecordedEvent, RecordedRequest};
use crate::request::redacted;
use crate::{Error, ErrorKind, HttpClient};

/// A client that answers each request as it was answered in a recording.
///
/// Clones share what is left of the recording.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_transport::{HttpClient, replay::Replay};
/// use bytes::Bytes;
/// use http::Request;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let recording = r#"{"at_ms":0,"dial":1,"requested":{"method":"GET","url":"https://api.example/v3/tickers"}}
/// {"at_ms":90,"dial":1,"responded":{"status":200,"body":{"text":"{}"}}}"#;
/// let client = Replay::read(recording.as_bytes())?.into_http_client();
///
/// let request = || Request::get("https://api.example/v3/tickers").body(Bytes::new());
/// let response = client.send(request()?, Duration::from_secs(1)).await?;
/// assert_eq!(response.body().as_ref(), b"{}");
/// assert!(client.send(request()?, Duration::from_secs(1)).await.is_err()); // recorded only once
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ReplayHttpClient(Arc<Mutex<VecDeque<Exchange>>>);

struct Exchange {
    request: RecordedRequest,
    answer: Result<Response<Bytes>, Error>,
}

impl Replay {
    /// Returns a client that answers requests from the recording, without the recorded delays.
    ///
    /// Each request receives the next recorded response to the same method and URL, or the recorded failure with the
    /// kind [`Disconnected`](ErrorKind::Disconnected). Headers and bodies are not compared, because signed bodies
    /// contain the time. Requests that were cancelled during the recording are skipped. If no recorded response is left,
    /// the error has the kind [`Connect`](ErrorKind::Connect).
    pub fn into_http_client(self) -> ReplayHttpClient {
        let mut open = BTreeMap::new();
        let mut exchanges = VecDeque::new();
        for Record { dial, event, .. } in self.0 {
            let answer = match event {
                RecordedEvent::Requested(request) => {
                    open.insert(dial, request);
                    continue;
                }
                RecordedEvent::Responded(response) => response.response().ok_or_else(|| {
                    Error::new(ErrorKind::Protocol, format!("the recorded response {dial} is invalid"))
                }),
                RecordedEvent::Failed(message) => Err(Error::new(ErrorKind::Disconnected, message)),
                _ => continue,
            };
            if let Some(request) = open.remove(&dial) {
                exchanges.push_back(Exchange { request, answer });
            }
        }
        ReplayHttpClient(Arc::new(Mutex::new(exchanges)))
    }
}

impl fmt::Debug for ReplayHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplayHttpClient")
    }
}

#[async_trait]
impl HttpClient for ReplayHttpClient {
    async fn send(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, Error> {
        let sent = RecordedRequest::without_body(request.method(), request.uri());
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |exchange: &Exchange| {
            (&exchange.request.method, &exchange.request.url) == (&sent.method, &sent.url)
        };
        let index = exchanges.iter().position(is_same);
        index.and_then(|index| exchanges.remove(index)).map_or_else(
            || {
                let url = redacted(request.uri());
                let message = format!("the recording has no further response to {} {url}", request.method());
                Err(Error::new(ErrorKind::Connect, message))
            },
            |exchange| exchange.answer,
        )
    }
}
