//! Which dials go through a proxy, and what the environment says of it.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use http::uri::Authority;
use hyper_util::client::proxy::matcher::Matcher;

use super::{Proxy, ProxyError};
use crate::tungstenite::tcp::uri;
use crate::{Error, ErrorKind};

/// Which dials go through a proxy.
#[derive(Debug, Clone)]
pub(in crate::tungstenite) enum Choice {
    /// Those that the environment says.
    Environment(Environment),
    /// All that are encrypted.
    Always(Proxy),
    /// None.
    Never,
}

impl Default for Choice {
    fn default() -> Self {
        Self::Environment(Environment::read(|name| env::var_os(name)))
    }
}

impl Choice {
    /// The proxy for an encrypted dial to `place`.
    pub(in crate::tungstenite) fn of(
        &self,
        place: &Authority,
        is_loopback: bool,
    ) -> Result<Option<&Proxy>, Error> {
        match self {
            Self::Never => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy)),
            Self::Environment(_) if is_loopback => Ok(None),
            Self::Environment(environment) => environment.proxy(place),
        }
    }
}

/// What the usual variables of the environment say.
#[derive(Clone)]
pub(in crate::tungstenite) struct Environment {
    proxy: Option<Result<Proxy, Unusable>>,
    /// The hosts of `NO_PROXY`, as those for which hyper-util finds no proxy.
    direct: Arc<Matcher>,
}

/// A variable that names no proxy that can be used.
#[derive(Debug, Clone)]
struct Unusable {
    variable: &'static str,
    error: ProxyError,
}

/// In the order in which they count. `HTTP_PROXY` is for unencrypted requests, of which there are none.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const DIRECT_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

impl Environment {
    /// Reads the variables, the first of each kind that is set and not empty.
    fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let filled =
            |name: &'static str| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value));
        let proxy = PROXY_VARIABLES.into_iter().find_map(filled).map(|(variable, value)| {
            let text = value.into_string().map_err(|_| ProxyError::new("it is not text"));
            text.and_then(|text| text.parse()).map_err(|error| Unusable { variable, error })
        });
        let direct = DIRECT_VARIABLES.into_iter().find_map(filled);
        let direct = direct.map(|(_, value)| value.to_string_lossy().into_owned()).unwrap_or_default();
        // Of addresses, hyper-util's `*` matches none.
        let everything = direct.split(',').any(|entry| entry.trim() == "*");
        let direct = Matcher::builder().all("http://any.test").no(direct).build();
        Self { proxy: proxy.filter(|_| !everything), direct: Arc::new(direct) }
    }

    fn proxy(&self, place: &Authority) -> Result<Option<&Proxy>, Error> {
        if uri(place).is_ok_and(|uri| self.direct.intercept(&uri).is_none()) {
            return Ok(None);
        }
        match &self.proxy {
            None => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            // Without the proxy that somebody asked for, the dial would show where it goes to whom it must not.
            Some(Err(Unusable { variable, error })) => {
                let message = format!("the environment's {variable} cannot be used: correct or unset it");
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
    use super::{Choice, Environment, Error, ErrorKind, OsString, Proxy};

    /// What the environment with these variables does with a dial to `place`.
    fn dial(variables: &[(&str, &str)], place: &str) -> Result<String, Error> {
        let choice = Choice::Environment(Environment::read(|name| {
            let (_, value) = variables.iter().find(|(set, _)| *set == name)?;
            Some(OsString::from(value))
        }));
        let proxy = choice.of(&place.parse().unwrap(), false)?;
        Ok(proxy.map_or_else(|| "direct".to_owned(), ToString::to_string))
    }

    #[test]
    fn the_environment_names_the_proxy() {
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
            assert_eq!(dial(variables, "stream.bitopro.com:9443").unwrap(), expected, "{variables:?}");
        }
    }

    #[test]
    fn what_no_proxy_lists_is_dialled_directly() {
        for (list, place, is_direct) in [
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
                assert_eq!(dial(&variables, place).unwrap(), expected, "{name}={list} {place}");
            }
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_where_it_would_be_used() {
        let variables = [("https_proxy", "https://me:hush@a.test"), ("NO_PROXY", "direct.test")];
        let error = dial(&variables, "stream.bitopro.com:443").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup);
        assert!(error.to_string().contains("https_proxy"), "{error}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        assert_eq!(dial(&variables, "direct.test:443").unwrap(), "direct");
    }

    #[test]
    fn this_machine_is_dialled_directly_unless_the_proxy_was_given() {
        let place = "127.0.0.1:8765".parse().unwrap();
        let proxy: Proxy = "http://a.test".parse().unwrap();
        let named = Choice::Environment(Environment::read(|_| Some(OsString::from("http://a.test"))));
        for (choice, is_loopback, is_direct) in [
            (&named, true, true),
            (&named, false, false),
            (&Choice::Always(proxy), true, false),
            (&Choice::Never, false, true),
        ] {
            let chosen = choice.of(&place, is_loopback).unwrap();
            assert_eq!(chosen.is_none(), is_direct, "{choice:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_text_is_no_proxy() {
        use std::os::unix::ffi::OsStringExt;
        let environment = Environment::read(|name| {
            (name == "HTTPS_PROXY").then(|| OsString::from_vec(b"http://\xff.test".to_vec()))
        });
        assert_eq!(environment.proxy(&"a.test:443".parse().unwrap()).unwrap_err().kind(), ErrorKind::Setup);
    }
}
