use bitopro_model::PrivateStream;
use http::Uri;

/// The base endpoint of the exchange's public documentation (v3.5.17), and of its Python and C# SDKs. It answered in
/// September 2026.
pub const DOCUMENTED_ENDPOINT: &str = "wss://stream.bitopro.com:443/ws";

/// The base endpoint to fall back to, at port 9443: that of older documentation, and of the exchange's Go SDK.
pub const FALLBACK_ENDPOINT: &str = "wss://stream.bitopro.com:9443/ws";

/// The base endpoints of a client, and the one that is in use: a dial that fails on the network moves on
/// to the next, and the one that worked is kept.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    bases: Vec<Uri>,
    current: usize,
    /// How many in a row failed on the network since the last pause.
    failed: usize,
}

impl Endpoints {
    /// `None` if there is no endpoint at all.
    pub(crate) fn new(bases: Vec<Uri>) -> Option<Self> {
        (!bases.is_empty()).then_some(Self { bases, current: 0, failed: 0 })
    }

    /// Returns the URL of a stream at the endpoint in use.
    #[allow(
        clippy::indexing_slicing,
        reason = "there is at least one base, and `current` is below their number"
    )]
    #[allow(clippy::expect_used, reason = "`parse_base` has made the URL of each stream")]
    pub(crate) fn url(&self, stream: PrivateStream) -> Uri {
        join(&self.bases[self.current], stream).expect("a base and the path of a stream are a URL")
    }

    /// Moves on after a failure of the network. False after a whole round: then it is time to pause.
    pub(crate) fn move_on(&mut self) -> bool {
        self.current = (self.current + 1) % self.bases.len();
        self.failed += 1;
        let more = self.failed < self.bases.len();
        if !more {
            self.failed = 0;
        }
        more
    }

    /// The endpoint in use answered: keep it.
    pub(crate) fn keep(&mut self) {
        self.failed = 0;
    }
}

/// Returns whether there is text where the port would be, which `Uri::port` ignores if it is too large a number.
fn has_invalid_port(url: &Uri) -> bool {
    let (authority, host) =
        (url.authority().map_or("", |authority| authority.as_str()), url.host().unwrap_or(""));
    let port = authority.strip_prefix(host).unwrap_or(authority);
    !matches!(port, "" | ":") && url.port_u16().is_none()
}

fn join(base: &Uri, stream: PrivateStream) -> Result<Uri, http::Error> {
    let path = format!("{}{}", base.path().trim_end_matches('/'), stream.path());
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}

/// Reads a base endpoint such as `wss://host:port/ws`.
pub(crate) fn parse_base(text: &str) -> Result<Uri, String> {
    let text = text.trim();
    if text.contains('@') {
        // Not shown: the text before the `@` may be a password.
        return Err("an endpoint holds a user name or password, which are not sent; remove them".to_owned());
    }
    // What follows a `?` may be a token.
    let shown = text.split('?').next().unwrap_or_default();
    let url: Uri = text.parse().map_err(|error| format!("endpoint `{shown}` is not a URL: {error}"))?;
    let scheme = url.scheme_str().unwrap_or_default().to_ascii_lowercase();
    let fault = if !matches!(scheme.as_str(), "ws" | "wss") {
        "it must begin with `wss://`, or with `ws://` for this machine"
    } else if url.host().is_none_or(str::is_empty) {
        "it has no host"
    } else if has_invalid_port(&url) {
        "its port is not a number of at most 65535"
    } else if text.contains(['?', '#']) {
        "it is a base to which a stream's path is added, and cannot have `?` or `#`"
    } else if PrivateStream::ALL.iter().any(|stream| join(&url, *stream).is_err()) {
        "it is too long"
    } else {
        return Ok(url);
    };
    Err(format!("endpoint `{shown}`: {fault}"))
}

#[cfg(test)]
mod tests {
    use bitopro_model::PrivateStream;

    use super::{DOCUMENTED_ENDPOINT, Endpoints, FALLBACK_ENDPOINT, parse_base};

    fn endpoints(bases: &[&str]) -> Endpoints {
        Endpoints::new(bases.iter().map(|base| parse_base(base).unwrap()).collect()).unwrap()
    }

    #[test]
    fn the_stream_s_path_follows_the_base() {
        for base in ["ws://127.0.0.1:8765/ws", " ws://127.0.0.1:8765/ws/\r"] {
            let url = endpoints(&[base]).url(PrivateStream::AccountBalance);
            assert_eq!(url, "ws://127.0.0.1:8765/ws/v1/pub/auth/account-balance");
        }
        let url = endpoints(&[DOCUMENTED_ENDPOINT]).url(PrivateStream::AccountBalance);
        assert_eq!(url, "wss://stream.bitopro.com:443/ws/v1/pub/auth/account-balance");
        let url = endpoints(&[FALLBACK_ENDPOINT]).url(PrivateStream::AccountBalance);
        assert_eq!(url, "wss://stream.bitopro.com:9443/ws/v1/pub/auth/account-balance");
    }

    #[test]
    fn a_round_over_all_endpoints_ends_in_a_pause() {
        let mut endpoints = endpoints(&["wss://a/ws", "wss://b/ws"]);
        let host =
            |endpoints: &Endpoints| endpoints.url(PrivateStream::AccountBalance).host().unwrap().to_owned();
        assert!(endpoints.move_on());
        assert_eq!(host(&endpoints), "b");
        assert!(!endpoints.move_on());
        assert_eq!(host(&endpoints), "a");
        assert!(endpoints.move_on());
        endpoints.keep();
        assert_eq!(host(&endpoints), "b");
        assert!(endpoints.move_on());
    }

    #[test]
    fn what_cannot_be_a_base_says_why() {
        for (text, part) in [
            ("stream.bitopro.com", "wss://"),
            ("wss://", "not a URL"),
            ("wss:///ws", "not a URL"),
            ("wss://host/ws#part", "`#`"),
            ("wss://host:65536/ws", "port"),
            ("ws://[::1]:99999/ws", "port"),
            ("https://stream.bitopro.com/ws", "wss://"),
            ("wss://me:hunter2@host/ws", "user name"),
            ("wss://me:hunter2@host:bad/ws", "user name"),
            ("wss://host/ws?token=hunter2", "`?`"),
            ("host/ws?token=hunter2", "not a URL"),
        ] {
            let error = parse_base(text).unwrap_err();
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
    }
}
