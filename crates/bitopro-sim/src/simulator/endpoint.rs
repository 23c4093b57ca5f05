use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;
use url::Url;

use crate::gateway::authentication::BASE_PATH;
use crate::gateway::tls::{Certificate, is_localhost};
use crate::{Error, ErrorKind};

/// Where a simulator is reached.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) listener: Option<TcpListener>,
    pub(super) address: Option<SocketAddr>,
    pub(super) certificate: Option<Certificate>,
    pub(super) ws_url: Url,
}

impl Endpoint {
    /// Nowhere but through its connector. The host is reserved for names that do not exist (RFC 6761).
    pub(super) fn memory() -> Result<Self, Error> {
        let ws_url = url("wss://simulator.invalid")?;
        Ok(Self { listener: None, address: None, certificate: None, ws_url })
    }

    pub(super) fn sockets(
        listener: TcpListener,
        address: SocketAddr,
        certificate: Option<Certificate>,
    ) -> Result<Self, Error> {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let there = SocketAddr::new(ip, address.port());
        let ws_url = match &certificate {
            None => url(&format!("ws://{there}"))?,
            Some(_) if is_localhost(ip) => url(&format!("wss://localhost:{}", there.port()))?,
            Some(_) => url(&format!("wss://{there}"))?,
        };
        Ok(Self { listener: Some(listener), address: Some(address), certificate, ws_url })
    }
}

fn url(origin: &str) -> Result<Url, Error> {
    format!("{origin}{BASE_PATH}").parse().map_err(|error: url::ParseError| {
        Error::new(ErrorKind::Listen, format!("{origin} is no address for a URL")).with_source(error)
    })
}
