//! Proxies: tunnels to the exchange, in which TLS goes end to end.

mod choice;
mod http_connect;
mod socks5;

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::header::HeaderValue;
use http::uri::Authority;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use thiserror::Error as ThisError;
use tokio::net::TcpStream;

use super::deadline::Deadline;
use super::tcp::{Resolver, port};
use crate::{Error, ErrorKind};

pub(super) use choice::Choice;

/// A proxy through which to dial, with the user name and password that it wants, if any.
///
/// Made from a URL: `http://host:port` for a proxy that is asked with HTTP `CONNECT`, `socks5h://host:port` or
/// `socks5://host:port` for SOCKS5, with `user:password@` before the host where the proxy wants that. Without a
/// scheme it is `http://`, without a port 80 or 1080. The exchange's name is resolved by the proxy, with
/// `socks5://` too. TLS to the proxy itself, `https://`, is not supported.
///
/// Neither `Display` nor `Debug` shows the user name or the password.
///
/// ```
/// let proxy: bitopro_transport::Proxy = "http://me:secret@proxy.example:3128".parse()?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
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

/// A text that was to be the URL of a proxy and is not. Never shows it.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("not a usable proxy: {reason}")]
pub struct ProxyError {
    reason: String,
}

impl ProxyError {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

const FORM: &str = "it must be a URL such as http://host:port or socks5h://user:password@host:port";

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let form = || ProxyError::new(FORM);
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => ("http", 80_u16),
            "socks5" => ("socks5", 1080),
            "socks5h" => ("socks5h", 1080),
            "https" => {
                return Err(ProxyError::new(
                    "`https://` to the proxy itself is not supported; use its `http://` port, through which TLS \
                     with the exchange is end to end all the same",
                ));
            }
            // Anything else is not shown: it may be a user's name.
            other if other.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                return Err(ProxyError::new(format!("`{other}://` is not supported; {FORM}")));
            }
            _ => return Err(form()),
        };
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(tail, "" | "/") {
            return Err(ProxyError::new(
                "there is more after the port; in a user name or password, write `/` as %2F, `?` as %3F and `#` as \
                 %23",
            ));
        }
        // A password may contain an `@`, too.
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let place: Authority = place.parse().map_err(|_| form())?;
        let host = Some(place.host()).filter(|host| !host.is_empty()).ok_or_else(form)?;
        let port = port(&place, default_port).ok_or_else(form)?;
        let address = format!("{}:{port}", host.to_ascii_lowercase());
        let address: Authority = address.parse().map_err(|_| form())?;
        let intercept = intercept(scheme, login, &address).ok_or_else(form)?;
        let protocol = if scheme == "http" {
            Protocol::HttpConnect { authorization: intercept.basic_auth().cloned() }
        } else {
            Protocol::Socks5 { login: intercept.raw_auth().map(Login::new).transpose()? }
        };
        Ok(Self { scheme, address, protocol })
    }
}

/// Returns the proxy as hyper-util reads it: with the percent escapes of the login decoded, and the header made of it.
fn intercept(scheme: &str, login: &str, address: &Authority) -> Option<Intercept> {
    let login = match login {
        "" | ":" => String::new(),
        login => format!("{}@", escaped(login)),
    };
    let url = format!("{scheme}://{login}{address}");
    Matcher::builder().all(url).build().intercept(&Uri::from_static("https://any.test"))
}

/// Escapes the bytes of a login that a URL cannot have, and leaves those that are escaped.
fn escaped(login: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&byte);
    let byte = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    login.bytes().map(byte).collect()
}

impl Login {
    fn new((user, password): (&str, &str)) -> Result<Self, ProxyError> {
        if [user, password].iter().all(|part| (1..=255).contains(&part.len())) {
            Ok(Self { user: user.to_owned(), password: password.to_owned() })
        } else {
            Err(ProxyError::new("SOCKS5 takes a user name and a password of 1 to 255 bytes each"))
        }
    }
}

impl Proxy {
    /// A stream to `target`, such as `stream.bitopro.com:443`, through this proxy.
    pub(super) async fn connect(
        &self,
        resolver: impl Resolver,
        target: &Authority,
        deadline: Deadline,
    ) -> Result<TcpStream, Error> {
        let reaching = async {
            let reached = resolver.connect(&self.address, deadline.left()).await;
            reached.map_err(|error| self.failed("cannot be reached: check its address").with_source(error))
        };
        let stream = deadline.within(&format!("connecting to the proxy {self}"), reaching).await?;
        let tunnelling = async {
            match &self.protocol {
                Protocol::HttpConnect { authorization } => {
                    http_connect::tunnel(self, stream, target, authorization.as_ref(), deadline).await
                }
                Protocol::Socks5 { login } => socks5::tunnel(self, stream, target, login.as_ref()).await,
            }
        };
        deadline.within(&format!("waiting for the proxy {self} to connect to {target}"), tunnelling).await
    }

    /// What this proxy did: an error that completes "the proxy … ".
    fn failed(&self, did: &str) -> Error {
        Error::new(ErrorKind::Proxy, format!("the proxy {self} {did}"))
    }

    /// An error of the stream to this proxy, as what the proxy did.
    fn blamed(&self, error: Error, target: &Authority) -> Error {
        let did = match error.kind() {
            ErrorKind::Proxy | ErrorKind::TimedOut => return error,
            ErrorKind::Handshake => {
                "gave an answer that is not HTTP or is too large: is its URL right?".to_owned()
            }
            _ => format!("broke off before it had connected to {target}"),
        };
        self.failed(&did).with_source(error)
    }

    fn wants_a_login(&self) -> Error {
        let scheme = self.scheme;
        self.failed(&format!(
            "wants a user name and password: put them into its URL, as in {scheme}://user:password@host:port"
        ))
    }

    fn refuses_the_login(&self) -> Error {
        self.failed("does not accept the user name and password of its URL: correct them")
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
