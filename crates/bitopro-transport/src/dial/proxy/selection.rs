//! The selection of the proxy for each dial, and the environment variables that configure it.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use http::uri::Authority;
use hyper_util::client::proxy::matcher::Matcher;

use super::{Proxy, ProxyError};
use crate::dial::tcp::uri;
use crate::{Error, ErrorKind};

/// The rule that selects the proxy of an encrypted dial. Unencrypted dials never use a proxy.
#[derive(Debug, Clone)]
pub(in crate::dial) enum ProxySelection {
    /// Uses the environment's proxy, except for loopback addresses and the hosts in `NO_PROXY`.
    Environment(Environment),
    Always(Proxy),
    Never,
}

impl Default for ProxySelection {
    fn default() -> Self {
        Self::Environment(Environment::read(|name| env::var_os(name)))
    }
}

impl ProxySelection {
    /// Returns the proxy for an encrypted dial to `address`, or `None` for a direct dial.
    pub(in crate::dial) fn select(
        &self,
        address: &Authority,
        is_loopback: bool,
    ) -> Result<Option<&Proxy>, Error> {
        match self {
            Self::Never => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy)),
            Self::Environment(_) if is_loopback => Ok(None),
            Self::Environment(environment) => environment.proxy(address),
        }
    }
}

/// The proxy configuration from the usual environment variables.
#[derive(Clone)]
pub(in crate::dial) struct Environment {
    proxy: Option<Result<Proxy, InvalidVariable>>,
    /// Matches all hosts except those in `NO_PROXY`.
    proxied_hosts: Arc<Matcher>,
}

/// An environment variable that does not contain a usable proxy.
#[derive(Debug, Clone)]
struct InvalidVariable {
    variable: &'static str,
    error: ProxyError,
}

/// Variables that name a proxy, in order of precedence. `HTTP_PROXY` applies only to unencrypted requests.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXY_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

impl Environment {
    /// Reads the first variable of each kind that is set and not empty.
    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let non_empty =
            |name: &'static str| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value));
        let proxy = PROXY_VARIABLES.into_iter().find_map(non_empty).map(|(variable, value)| {
            let text = value.into_string().map_err(|_| ProxyError::new("the value is not valid UTF-8"));
            text.and_then(|text| text.parse()).map_err(|error| InvalidVariable { variable, error })
        });
        let no_proxy = NO_PROXY_VARIABLES.into_iter().find_map(non_empty);
        let no_proxy = no_proxy.map(|(_, value)| value.to_string_lossy().into_owned()).unwrap_or_default();
        // hyper-util's `*` does not match IP addresses.
        let matches_all = no_proxy.split(',').any(|entry| entry.trim() == "*");
        let proxied_hosts = Matcher::builder().all("http://any.test").no(no_proxy).build();
        Self { proxy: proxy.filter(|_| !matches_all), proxied_hosts: Arc::new(proxied_hosts) }
    }

    fn proxy(&self, address: &Authority) -> Result<Option<&Proxy>, Error> {
        if uri(address).is_ok_and(|uri| self.proxied_hosts.intercept(&uri).is_none()) {
            return Ok(None);
        }
        match &self.proxy {
            None => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            // A direct dial would bypass the proxy that the user has configured, and reveal the destination.
            Some(Err(InvalidVariable { variable, error })) => {
                let message = format!(
                    "environment variable {variable} does not name a usable proxy; correct or unset it"
                );
                Err(Error::new(ErrorKind::Setup, message).with_source(error.clone()))
            }
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Environment, Error, ErrorKind, OsString, Proxy, ProxySelection};

    /// Returns the proxy that these variables select for a dial to `address`, or `direct`.
    fn select(variables: &[(&str, &str)], address: &str) -> Result<String, Error> {
        let selection = ProxySelection::Environment(Environment::read(|name| {
            let (_, value) = variables.iter().find(|(set, _)| *set == name)?;
            Some(OsString::from(value))
        }));
        let proxy = selection.select(&address.parse().unwrap(), false)?;
        Ok(proxy.map_or_else(|| "direct".to_owned(), ToString::to_string))
    }

    #[test]
    fn the_proxy_is_read_from_the_environment() {
        for (variables, expected) in [
            (&[][..], "direct"),
            (&[("HTTPS_PROXY", "http://a.test")], "http://a.test:80"),
            (&[("https_proxy", "a.test:8080")], "http://a.test:8080"),
            (&[("ALL_PROXY", "socks5h://a.test")], "socks5h://a.test:1080"),
            (&[("all_proxy", "socks5://a.test")], "socks5://a.test:1080"),
            (&[("HTTP_PROXY", "http://a.test"), ("http_proxy", "http://a.test")], "direct"),
            (&[("ALL_PROXY", "http://all.test"), ("https_proxy", "http://a.test")], "http://a.test:80"),
            (&[("HTTPS_PROXY", "http://a.test"), ("https_proxy", "http://b.test")], "http://a.test:80"),
            (&[("HTTPS_PROXY", ""), ("all_proxy", "http://a.test")], "http://a.test:80"),
        ] {
            assert_eq!(select(variables, "stream.bitopro.com:9443").unwrap(), expected, "{variables:?}");
        }
    }

    #[test]
    fn hosts_in_no_proxy_are_dialled_directly() {
        for (list, address, is_direct) in [
            ("stream.bitopro.com", "stream.bitopro.com:443", true),
            ("STREAM.bitopro.com", "stream.bitopro.com:443", true),
            ("bitopro.com", "stream.bitopro.com:9443", true),
            (".bitopro.com", "stream.bitopro.com:443", true),
            ("other.test, bitopro.com ", "stream.bitopro.com:443", true),
            ("opro.com", "stream.bitopro.com:443", false),
            ("stream.bitopro.com.test", "stream.bitopro.com:443", false),
            ("", "stream.bitopro.com:443", false),
            ("*", "stream.bitopro.com:443", true),
            ("other.test, *", "10.1.2.3:443", true),
            ("10.0.0.0/8", "10.1.2.3:443", true),
            ("10.0.0.0/16", "10.1.2.3:443", false),
            ("10.1.2.3", "10.1.2.3:443", true),
            ("2001:db8::/32", "[2001:db8::1]:443", true),
            ("2001:db8::2", "[2001:db8::1]:443", false),
        ] {
            for name in ["NO_PROXY", "no_proxy"] {
                let variables = [("HTTPS_PROXY", "http://a.test:80"), (name, list)];
                let expected = if is_direct { "direct" } else { "http://a.test:80" };
                assert_eq!(select(&variables, address).unwrap(), expected, "{name}={list} {address}");
            }
        }
    }

    #[test]
    fn an_unusable_proxy_fails_only_the_dials_that_would_use_it() {
        let variables = [("https_proxy", "https://me:hush@a.test"), ("NO_PROXY", "direct.test")];
        let error = select(&variables, "stream.bitopro.com:443").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup);
        assert!(error.to_string().contains("https_proxy"), "{error}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        assert_eq!(select(&variables, "direct.test:443").unwrap(), "direct");
    }

    #[test]
    fn loopback_addresses_use_only_an_explicit_proxy() {
        let address = "127.0.0.1:8765".parse().unwrap();
        let proxy: Proxy = "http://a.test".parse().unwrap();
        let from_environment =
            ProxySelection::Environment(Environment::read(|_| Some(OsString::from("http://a.test"))));
        for (selection, is_loopback, is_direct) in [
            (&from_environment, true, true),
            (&from_environment, false, false),
            (&ProxySelection::Always(proxy), true, false),
            (&ProxySelection::Never, false, true),
        ] {
            let selected = selection.select(&address, is_loopback).unwrap();
            assert_eq!(selected.is_none(), is_direct, "{selection:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_a_setup_error() {
        use std::os::unix::ffi::OsStringExt;
        let environment = Environment::read(|name| {
            (name == "HTTPS_PROXY").then(|| OsString::from_vec(b"http://\xff.test".to_vec()))
        });
        assert_eq!(environment.proxy(&"a.test:443".parse().unwrap()).unwrap_err().kind(), ErrorKind::Setup);
    }
}
