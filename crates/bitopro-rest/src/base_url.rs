use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

use crate::{Error, ErrorKind};

/// The base URL of a REST API, below which all paths are. Defaults to that of the exchange.
///
/// # Examples
///
/// ```
/// use bitopro_rest::BaseUrl;
///
/// assert_eq!(BaseUrl::default().to_string(), "https://api.bitopro.com/v3");
/// let simulator: BaseUrl = "http://127.0.0.1:8080/v3/".parse()?;
/// assert_eq!(simulator.to_string(), "http://127.0.0.1:8080/v3");
/// assert!(simulator.is_loopback());
/// assert!("http://api.bitopro.com/v3".parse::<BaseUrl>().is_err());
/// # Ok::<(), bitopro_rest::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The base URL of the exchange.
    pub const EXCHANGE: &'static str = "https://api.bitopro.com/v3";

    /// Returns whether the host is `localhost` or a loopback address, so the server runs on this machine.
    pub fn is_loopback(&self) -> bool {
        let uri = self.0.parse::<Uri>();
        uri.is_ok_and(|uri| uri.host().is_some_and(is_loopback_host))
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self(Self::EXCHANGE.to_owned())
    }
}

impl fmt::Display for BaseUrl {
    /// Formats the URL without a slash at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = Error;

    /// Parses a base URL, which may end with a slash.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`ErrorKind::InvalidBaseUrl`] if the text is not a URL with a host, if its
    /// scheme is neither `https` nor, for a loopback address, `http`, or if it has a user name, a query or a
    /// fragment.
    fn from_str(text: &str) -> Result<Self, Error> {
        check(text).map_err(|problem| Error::invalid(ErrorKind::InvalidBaseUrl, None, problem))?;
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// Reports the first problem of a base URL. Does not quote the URL, which may contain a password.
fn check(text: &str) -> Result<(), &'static str> {
    let uri: Uri = text.parse().map_err(|_| "expected a URL such as `https://api.bitopro.com/v3`")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("the scheme or the host is missing; expected a URL such as `https://api.bitopro.com/v3`");
    };
    match scheme {
        "https" => {}
        "http" if is_loopback_host(authority.host()) => {}
        "http" => return Err("`http` is allowed only for a loopback address; use `https`"),
        _ => return Err("the scheme is neither `https` nor `http`"),
    }
    if authority.host().is_empty() {
        return Err("the host is missing");
    }
    if authority.as_str().contains('@') {
        return Err("a user name or a password is not supported; remove it");
    }
    if text.contains(['?', '#']) {
        return Err("a query or a fragment is not supported; remove it");
    }
    Ok(())
}

fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
