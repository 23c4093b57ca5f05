use std::error::Error as StdError;
use std::future::Future;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use tracing::{debug, field};

use crate::{Error, ErrorKind};

/// A DNS resolver that hyper-util accepts.
pub(super) trait Resolver {
    /// Resolves the name and connects to one of its IP addresses.
    ///
    /// IPv4 and IPv6 are tried in parallel, the IP addresses of one family in sequence. Each has its
    /// share of the time limit, so that a dead one leaves time for the next.
    fn connect(
        self,
        address: &Authority,
        time_limit: Duration,
    ) -> impl Future<Output = Result<TcpStream, Error>> + Send;
}

impl<R: Send> Resolver for R
where
    HttpConnector<R>:
        Service<Uri, Response = TokioIo<TcpStream>, Error: StdError + Send + Sync + 'static, Future: Send>,
{
    async fn connect(self, address: &Authority, time_limit: Duration) -> Result<TcpStream, Error> {
        let failed = || Error::new(ErrorKind::Connect, format!("cannot connect to {address}"));
        let mut connector = HttpConnector::new_with_resolver(self);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(time_limit));
        let uri = uri(address).map_err(|error| failed().with_source(error))?;
        let connected = connector.call(uri).await.map_err(|error| failed().with_source(error))?;
        let stream = connected.into_inner();
        debug!(%address, peer = stream.peer_addr().ok().map(field::display), "TCP connected");
        Ok(stream)
    }
}

/// Returns the port of an authority without user info, or `None` if it exceeds 65535, which `http` accepts.
pub(super) fn port(authority: &Authority, default: u16) -> Option<u16> {
    match authority.as_str().strip_prefix(authority.host()) {
        Some("" | ":") => Some(default),
        _ => authority.port_u16(),
    }
}

/// Returns the URI that hyper-util expects for an address.
pub(super) fn uri(address: &Authority) -> Result<Uri, http::Error> {
    Uri::builder().scheme("http").authority(address.clone()).path_and_query("/").build()
}
