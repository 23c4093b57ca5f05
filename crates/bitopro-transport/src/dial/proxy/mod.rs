//! Proxies: tunnels through which TLS is end to end between client and server.

mod http_connect;
mod selection;
mod socks5;

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::header::HeaderValue;
use http::uri::Authority;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use thiserror::Error as ThisError;
use tokio::net::TcpStream;
use tracing::debug;

use super::deadline::Deadline;
use super::tcp::{self, Resolver, port};
use crate::{Error, ErrorKind};

pub(super) use selection::ProxySelection;

/// A proxy: its protocol, host and port, with a user name and password if required.
///
/// Parsed from a URL: `http://host:port` for HTTP `CONNECT`, or `socks5h://host:port` or
/// `socks5://host:port` for SOCKS5, with `user:password@` before the host if the proxy requires them. The
/// scheme defaults to `http://`, the port to 80 for HTTP and 1080 for SOCKS5. The proxy resolves the server's
/// name, even with `socks5://`. TLS to the proxy itself (`https://`) is not supported.
///
/// Neither `Display` nor `Debug` shows the user name or the password.
///
/// # Examples
///
/// ```
/// use bitopro_transport::{Proxy, TungsteniteConnector};
///
/// let proxy: Proxy = "http://me:secret@proxy.example:3128".parse()?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// let connector = TungsteniteConnector::new().with_proxy(proxy);
///
/// let error = "https://proxy.example".parse::<Proxy>().unwrap_err();
/// assert!(error.to_string().starts_with("TLS to the proxy (`https://`) is not supported"));
/// # Ok::<(), bitopro_transport::ProxyError>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    scheme: &'static str,
    address: Authority,
    protocol: Protocol,
}

#[derive(Clone)]
enum Protocol {
    HttpConnect { authorization: Option<HeaderValue> },
    Socks5 { login: Option<Login> },
}

#[derive(Clone)]
struct Login {
    user: String,
    password: String,
}

/// The error returned when a [`Proxy`] is parsed from an invalid URL. It never shows the URL, which may contain
/// a password.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{reason}")]
pub struct ProxyError {
    reason: String,
}

impl ProxyError {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

const EXPECTED_URL: &str =
    "expected a proxy URL such as http://host:port or socks5h://user:password@host:port";

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let malformed = || ProxyError::new(EXPECTED_URL);
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => ("http", 80_u16),
            "socks5" => ("socks5", 1080),
            "socks5h" => ("socks5h", 1080),
            "https" => {
                return Err(ProxyError::new(
                    "TLS to the proxy (`https://`) is not supported; use its `http://` port; the connection to the \
                     exchange is still encrypted",
                ));
            }
            // Other text is not shown, because it may be a user name.
            other if other.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                return Err(ProxyError::new(format!("`{other}://` is not supported; {EXPECTED_URL}")));
            }
            _ => return Err(malformed()),
        };
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(tail, "" | "/") {
            return Err(ProxyError::new(
                "unexpected text after the host and port; in a user name or password, write `/` as %2F, `?` as %3F and `#` \
                 as %23",
            ));
        }
        // The last `@` ends the login, because a password may contain one.
        let (login, host_and_port) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host_and_port: Authority = host_and_port.parse().map_err(|_| malformed())?;
        let host = Some(host_and_port.host()).filter(|host| !host.is_empty()).ok_or_else(malformed)?;
        let port = port(&host_and_port, default_port).ok_or_else(malformed)?;
        let address = format!("{}:{port}", host.to_ascii_lowercase());
        let address: Authority = address.parse().map_err(|_| malformed())?;
        let intercept = intercept(scheme, login, &address).ok_or_else(malformed)?;
        let protocol = if scheme == "http" {
            Protocol::HttpConnect { authorization: intercept.basic_auth().cloned() }
        } else {
            Protocol::Socks5 { login: intercept.raw_auth().map(Login::new).transpose()? }
        };
        Ok(Self { scheme, address, protocol })
    }
}

/// Returns hyper-util's form of the proxy, with the decoded login and the `Proxy-Authorization` header.
fn intercept(scheme: &str, login: &str, address: &Authority) -> Option<Intercept> {
    let login = match login {
        "" | ":" => String::new(),
        login => format!("{}@", percent_encode(login)),
    };
    let url = format!("{scheme}://{login}{address}");
    Matcher::builder().all(url).build().intercept(&Uri::from_static("https://any.test"))
}

/// Percent-encodes the bytes of a login that a URL cannot contain. Existing escapes are kept.
fn percent_encode(login: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&byte);
    let byte = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    login.bytes().map(byte).collect()
}

impl Login {
    fn new((user, password): (&str, &str)) -> Result<Self, ProxyError> {
        if [user, password].iter().all(|part| (1..=255).contains(&part.len())) {
            Ok(Self { user: user.to_owned(), password: password.to_owned() })
        } else {
            Err(ProxyError::new("SOCKS5 requires a user name and a password of 1 to 255 bytes each"))
        }
    }
}

impl Proxy {
    /// Opens a stream to `target`, such as `stream.bitopro.com:443`, through this proxy.
    pub(super) async fn connect(
        &self,
        resolver: impl Resolver,
        target: &Authority,
        deadline: Deadline,
    ) -> Result<TcpStream, Error> {
        let connected = tcp::connect(resolver, &self.address, deadline).await;
        let stream = connected.map_err(|error| {
            let kind = if error.kind() == ErrorKind::TimedOut { error.kind() } else { ErrorKind::Proxy };
            let message = format!("the proxy {self} could not be reached; check its URL");
            Error::new(kind, message).with_source(error)
        })?;
        let tunnel = async {
            match &self.protocol {
                Protocol::HttpConnect { authorization } => {
                    http_connect::tunnel(self, stream, target, authorization.as_ref(), deadline).await
                }
                Protocol::Socks5 { login } => socks5::tunnel(self, stream, target, login.as_ref()).await,
            }
        };
        let missing = format!("the proxy {self} did not connect to {target}");
        let stream = deadline.within(&missing, tunnel).await?;
        debug!(proxy = %self, address = %target, "tunnel opened");
        Ok(stream)
    }

    /// Creates an error of kind [`ErrorKind::Proxy`]. `predicate` completes the message "the proxy … ".
    fn error(&self, predicate: &str) -> Error {
        Error::new(ErrorKind::Proxy, format!("the proxy {self} {predicate}"))
    }

    /// Converts an error of the stream to this proxy into an error of the proxy.
    fn convert_error(&self, error: Error, target: &Authority) -> Error {
        let predicate = match error.kind() {
            ErrorKind::Proxy | ErrorKind::TimedOut => return error,
            ErrorKind::Handshake => "sent an invalid response; check its URL".to_owned(),
            _ => format!("closed the connection before it had connected to {target}"),
        };
        self.error(&predicate).with_source(error)
    }

    fn login_required(&self) -> Error {
        let scheme = self.scheme;
        self.error(&format!(
            "requires a user name and password; add them to its URL, as in {scheme}://user:password@host:port"
        ))
    }

    fn login_rejected(&self) -> Error {
        self.error("rejected the user name and password in its URL; correct them")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.address)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests;
