use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;
use http::uri::InvalidUri;
use tokio::net::TcpListener;

use crate::gateway::tls::{Certificate, is_localhost};
use crate::{BASE_PATH, Error, ErrorKind};

/// The place where a simulator is reached.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) listener: Option<TcpListener>,
    pub(super) address: Option<SocketAddr>,
    pub(super) certificate: Option<Certificate>,
    pub(super) ws_url: Uri,
}

impl Endpoint {
    /// Creates an endpoint that only connectors reach. Its host is reserved for names that do not exist
    /// (RFC 6761).
    pub(super) fn memory() -> Result<Self, Error> {
        let ws_url = url("wss://simulator.invalid")?;
        Ok(Self { listener: None, address: None, certificate: None, ws_url })
    }

    /// Listens on an address.
    pub(super) async fn listen(address: SocketAddr) -> Result<Self, Error> {
        let failed = |error| not_listening(address, error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let ws_url = url(&format!("ws://{}", reachable(address)))?;
        Ok(Self { listener: Some(listener), address: Some(address), certificate: None, ws_url })
    }

    /// Listens on an address, with a certificate made for it.
    pub(super) async fn listen_with_tls(address: SocketAddr) -> Result<Self, Error> {
        let plain = Self::listen(address).await?;
        let reached = reachable(plain.address.unwrap_or(address));
        let certificate = Certificate::generate(reached.ip())?;
        let ws_url = if is_localhost(reached.ip()) {
            url(&format!("wss://localhost:{}", reached.port()))?
        } else {
            url(&format!("wss://{reached}"))?
        };
        Ok(Self { certificate: Some(certificate), ws_url, ..plain })
    }
}

/// The address to dial: a loopback one where every address is listened on.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn url(origin: &str) -> Result<Uri, Error> {
    format!("{origin}{BASE_PATH}").parse().map_err(|error: InvalidUri| {
        Error::new(ErrorKind::Listen, format!("{origin} is not an address for a URL")).with_source(error)
    })
}

fn not_listening(address: SocketAddr, error: io::Error) -> Error {
    let (ip, port) = (address.ip(), address.port());
    let (kind, message) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            ErrorKind::AddressInUse,
            format!("port {port} of {ip} is taken: stop what listens there, or choose another (0 takes any)"),
        ),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Listen,
            format!("port {port} of {ip} may not be used: choose one above 1023 (0 takes any)"),
        ),
        io::ErrorKind::AddrNotAvailable => {
            (ErrorKind::Listen, format!("{ip} is not an address of this machine: listen on 127.0.0.1"))
        }
        _ => (ErrorKind::Listen, format!("cannot listen on port {port} of {ip}")),
    };
    Error::new(kind, message).with_source(error)
}
