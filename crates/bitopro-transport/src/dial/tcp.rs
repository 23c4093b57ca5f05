use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::vec::IntoIter;

use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::net::TcpStream;
use tower_service::Service;
use tracing::{debug, field};

use super::deadline::Deadline;
use crate::{Error, ErrorKind};

/// Looks up the IP addresses of names.
pub(crate) trait Resolver: Send {
    /// Returns the addresses of a name. Their ports are ignored.
    fn resolve(self, name: &str) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// Resolves the name and connects to one of its IP addresses.
///
/// IPv4 and IPv6 are tried in parallel, the IP addresses of one family in sequence. Each has its share of the
/// remaining time, so that a dead one leaves time for the next.
pub(crate) async fn connect(
    resolver: impl Resolver,
    address: &Authority,
    deadline: Deadline,
) -> Result<TcpStream, Error> {
    let host = address.host();
    let resolve = resolve(resolver, host);
    let resolved = deadline.within(&format!("the name {host} was not resolved"), resolve).await?;
    let failed = || Error::new(ErrorKind::Connect, format!("no TCP connection to {address}"));
    let connect = async {
        let mut connector = HttpConnector::new_with_resolver(resolved);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(deadline.remaining()));
        let uri = uri(address).map_err(|error| failed().with_source(error))?;
        connector.call(uri).await.map_err(|error| {
            // The text of hyper-util's error would repeat the message.
            let cause = error.source().and_then(<dyn StdError>::downcast_ref::<io::Error>);
            match cause.and_then(io::Error::raw_os_error) {
                Some(code) => failed().with_source(io::Error::from_raw_os_error(code)),
                None => failed().with_source(error),
            }
        })
    };
    let connected = deadline.within(&format!("no TCP connection to {address}"), connect).await?;
    let stream = connected.into_inner();
    debug!(%address, peer = stream.peer_addr().ok().map(field::display), "TCP connected");
    Ok(stream)
}

/// Resolves a name. For an IP address, returns nothing, because hyper-util resolves only names.
async fn resolve(resolver: impl Resolver, host: &str) -> Result<ResolvedName, Error> {
    if host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return Ok(ResolvedName(Vec::new()));
    }
    let failed = || Error::new(ErrorKind::Connect, format!("the name {host} cannot be resolved"));
    let addresses = resolver.resolve(host).await.map_err(|error| failed().with_source(error))?;
    if addresses.is_empty() {
        return Err(failed().with_source("it has no IP address"));
    }
    Ok(ResolvedName(addresses))
}

/// The IP addresses of a name, as a resolver for hyper-util. The ports are ignored.
#[derive(Clone)]
struct ResolvedName(Vec<SocketAddr>);

impl Service<Name> for ResolvedName {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
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
