use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::{Error, ErrorKind};

/// What turns a name into addresses: whatever hyper-util takes for it.
pub(super) trait Resolver {
    /// Resolves the name and tries its addresses: the two families side by side, those of one family in turn,
    /// each for its share of the time, so that a dead one leaves some to the next.
    fn connect(
        self,
        place: &Authority,
        time: Duration,
    ) -> impl Future<Output = Result<TcpStream, Error>> + Send;
}

impl<R: Send> Resolver for R
where
    HttpConnector<R>:
        Service<Uri, Response = TokioIo<TcpStream>, Error: StdError + Send + Sync + 'static, Future: Send>,
{
    async fn connect(self, place: &Authority, time: Duration) -> Result<TcpStream, Error> {
        let failed = || Error::new(ErrorKind::Connect, format!("no connection to {place}"));
        let mut connector = HttpConnector::new_with_resolver(self);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(time));
        let uri = uri(place).map_err(|error| failed().with_source(error))?;
        let connected = connector.call(uri).await.map_err(|error| failed().with_source(error))?;
        Ok(connected.into_inner())
    }
}

/// Returns the port of a place without a login, or `None` for a number above 65535, which `http` accepts.
pub(super) fn port(place: &Authority, default: u16) -> Option<u16> {
    match place.as_str().strip_prefix(place.host()) {
        Some("" | ":") => Some(default),
        _ => place.port_u16(),
    }
}

/// A place as hyper-util takes it.
pub(super) fn uri(place: &Authority) -> Result<Uri, http::Error> {
    Uri::builder().scheme("http").authority(place.clone()).path_and_query("/").build()
}
