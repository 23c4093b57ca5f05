use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;
use http::uri::InvalidUri;
use tokio::net::TcpListener;

use crate::gateway::tls::{Certificate, is_localhost};
use crate::{BASE_PATH, Error, ErrorKind, REST_PATH};

/// The base URLs of a simulator, its socket address, its listener and its certificate.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) listener: Option<TcpListener>,
    pub(super) address: Option<SocketAddr>,
    pub(super) certificate: Option<Certificate>,
    pub(super) ws_url: Uri,
    pub(super) rest_url: Uri,
}

impl Endpoint {
    /// Creates an endpoint that only connectors reach. Its host is in `.invalid`, which is reserved for names
    /// that do not exist (RFC 6761).
    pub(super) fn memory() -> Result<Self, Error> {
        let (ws_url, rest_url) = urls(true, "simulator.invalid")?;
        Ok(Self { listener: None, address: None, certificate: None, ws_url, rest_url })
    }

    /// Listens on a socket address.
    pub(super) async fn listen(address: SocketAddr) -> Result<Self, Error> {
        let failed = |error| listen_error(address, error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (ws_url, rest_url) = urls(false, &dial_address(address).to_string())?;
        Ok(Self { listener: Some(listener), address: Some(address), certificate: None, ws_url, rest_url })
    }

    /// Listens on a socket address, with a certificate generated for it.
    pub(super) async fn listen_with_tls(address: SocketAddr) -> Result<Self, Error> {
        let plain = Self::listen(address).await?;
        let address = dial_address(plain.address.unwrap_or(address));
        let certificate = Certificate::generate(address.ip())?;
        let (ws_url, rest_url) = if is_localhost(address.ip()) {
            urls(true, &format!("localhost:{}", address.port()))?
        } else {
            urls(true, &address.to_string())?
        };
        Ok(Self { certificate: Some(certificate), ws_url, rest_url, ..plain })
    }
}

/// Returns the socket address to dial, whose IP address is a loopback address if the listener accepts
/// connections on all IP addresses.
fn dial_address(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Returns the base URLs of the streams and of the REST API.
fn urls(tls: bool, authority: &str) -> Result<(Uri, Uri), Error> {
    let url = |scheme: &str, path: &str| {
        format!("{scheme}://{authority}{path}").parse().map_err(|error: InvalidUri| {
            Error::new(ErrorKind::Listen, format!("cannot build a URL from {authority}")).with_source(error)
        })
    };
    let (ws, http) = if tls { ("wss", "https") } else { ("ws", "http") };
    Ok((url(ws, BASE_PATH)?, url(http, REST_PATH)?))
}

fn listen_error(address: SocketAddr, error: io::Error) -> Error {
    let (ip, port) = (address.ip(), address.port());
    let (kind, message) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            ErrorKind::AddressInUse,
            format!(
                "port {port} of {ip} is in use; stop the other program, or choose another port (0 for any free one)"
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Listen,
            format!(
                "no permission to use port {port} of {ip}; choose a port above 1023 (0 for any free one)"
            ),
        ),
        io::ErrorKind::AddrNotAvailable => {
            (ErrorKind::Listen, format!("{ip} is not an IP address of this machine; listen on 127.0.0.1"))
        }
        _ => (ErrorKind::Listen, format!("cannot listen on port {port} of {ip}")),
    };
    Error::new(kind, message).with_source(error)
}
