use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::Authority;

use super::tcp::port;
use crate::{Error, ErrorKind};

/// The protocol of a URL, with and without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    #[cfg(feature = "tungstenite")]
    WebSocket,
}

impl Protocol {
    /// Returns the schemes with and without TLS, and the words of an error that names the protocol.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Http => ("https", "http", "an HTTP"),
            #[cfg(feature = "tungstenite")]
            Self::WebSocket => ("wss", "ws", "a WebSocket"),
        }
    }
}

/// The validated target of a URL.
pub(crate) struct Target {
    /// The host in lowercase, and the port. An IPv6 address has brackets.
    pub(crate) address: Authority,
    pub(crate) encrypted: bool,
    pub(super) is_loopback: bool,
}

impl Target {
    pub(crate) fn new(url: &Uri, protocol: Protocol) -> Result<Self, Error> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidRequest, message);
        let (secure, plain, name) = protocol.names();
        let scheme = url.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let (encrypted, default_port) = match scheme.as_str() {
            scheme if scheme == secure => (true, 443_u16),
            scheme if scheme == plain => (false, 80),
            other => {
                return Err(invalid(format!("`{other}://` is not {name} scheme; use `{secure}://`")));
            }
        };
        let authority = url.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| invalid("the URL has no host".to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(invalid("a user name or password in the URL is not supported; remove it".to_owned()));
        }
        let host = authority.host().to_ascii_lowercase();
        let is_loopback = is_loopback(&host);
        if !encrypted && !is_loopback {
            let message =
                format!("`{plain}://` to {host} would send the signature unencrypted; use `{secure}://`");
            return Err(Error::new(ErrorKind::InsecureUrl, message));
        }
        let port = port(authority, default_port)
            .ok_or_else(|| invalid("the URL's port is not a number from 0 to 65535".to_owned()))?;
        let address = format!("{host}:{port}").parse().map_err(|error: http::uri::InvalidUri| {
            invalid(format!("`{host}:{port}` is not a valid address")).with_source(error)
        })?;
        Ok(Self { address, encrypted, is_loopback })
    }
}

/// Returns whether a lowercase host is `localhost` or a loopback address.
fn is_loopback(host: &str) -> bool {
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match ipv6 {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => host == "localhost" || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, ErrorKind, Protocol, Target};

    fn target(url: &str) -> Result<Target, Error> {
        let protocol = match url.split_once(':') {
            #[cfg(feature = "tungstenite")]
            Some(("ws" | "wss", _)) => Protocol::WebSocket,
            _ => Protocol::Http,
        };
        Target::new(&url.parse().unwrap(), protocol)
    }

    #[test]
    fn the_target_is_parsed_from_the_url() {
        for (url, host, address, encrypted) in [
            #[cfg(feature = "tungstenite")]
            ("wss://stream.bitopro.com:9443/ws?a=b", "stream.bitopro.com", "stream.bitopro.com:9443", true),
            #[cfg(feature = "tungstenite")]
            ("wss://stream.bitopro.com/ws", "stream.bitopro.com", "stream.bitopro.com:443", true),
            #[cfg(feature = "tungstenite")]
            ("wss://[2001:db8::1]/ws", "[2001:db8::1]", "[2001:db8::1]:443", true),
            #[cfg(feature = "tungstenite")]
            ("ws://localhost/ws", "localhost", "localhost:80", false),
            ("https://API.bitopro.com/v3?a=b", "api.bitopro.com", "api.bitopro.com:443", true),
            ("HTTPS://api.bitopro.com:8443", "api.bitopro.com", "api.bitopro.com:8443", true),
            ("http://127.0.0.2:8080/v3", "127.0.0.2", "127.0.0.2:8080", false),
            ("http://[::1]/v3", "[::1]", "[::1]:80", false),
        ] {
            let target = target(url).unwrap();
            let parsed = (target.address.host(), target.address.to_string(), target.encrypted);
            assert_eq!(parsed, (host, address.to_owned(), encrypted), "{url}");
        }
    }

    #[test]
    fn a_user_name_or_password_is_rejected_and_not_shown() {
        for url in ["https://user@localhost/", "https://user:s3cret@localhost/", "http://:s3cret@localhost/"]
        {
            let error = target(url).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{url}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn only_the_schemes_of_the_protocol_are_valid_and_plain_ones_only_for_loopback_addresses() {
        for (url, kind, message) in [
            (
                "http://api.example/v3?token=s3cret",
                ErrorKind::InsecureUrl,
                "`http://` to api.example would send the signature unencrypted; use `https://`",
            ),
            ("ftp://localhost/", ErrorKind::InvalidRequest, "`ftp://` is not an HTTP scheme; use `https://`"),
            ("/v3?token=s3cret", ErrorKind::InvalidRequest, "`://` is not an HTTP scheme; use `https://`"),
        ] {
            let error = target(url).map(|_| ()).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
        }
    }
}
