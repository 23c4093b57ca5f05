use http::Uri;

/// The base URL in the exchange's public documentation (v3.5.17) and in its Python and C# SDKs.
///
/// It was reachable in September 2026.
pub const DOCUMENTED_ENDPOINT: &str = "wss://stream.bitopro.com:443/ws";

/// The fallback base URL, on port 9443, from older documentation and from the exchange's Go SDK.
pub const FALLBACK_ENDPOINT: &str = "wss://stream.bitopro.com:9443/ws";

/// Maximum length of the path and query of a stream. The exchange served all of its pairs with 469 characters.
pub(crate) const MAX_PATH: usize = 8_192;

/// The base URLs of a link, one of which is in use. A dial that fails on the network switches to the next
/// one, and a base URL whose server responds is kept.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    bases: Vec<Uri>,
    current: usize,
    /// Number of consecutive network failures since the last pause.
    failed: usize,
}

impl Endpoints {
    /// Returns `None` if the list is empty.
    pub(crate) fn new(bases: Vec<Uri>) -> Option<Self> {
        (!bases.is_empty()).then_some(Self { bases, current: 0, failed: 0 })
    }

    /// Returns the URL of a path and query at the base URL in use.
    #[allow(clippy::indexing_slicing, reason = "`bases` is not empty, and `current` is less than its length")]
    #[allow(
        clippy::expect_used,
        reason = "`parse_base` has built a URL with a path, and `path` has only plain characters"
    )]
    pub(crate) fn url(&self, path: &str) -> Uri {
        join(&self.bases[self.current], path).expect("a base and the path of a stream form a URL")
    }

    /// Switches to the next base URL. Returns `false` if all of them have failed since the last pause, so
    /// that the caller must pause.
    pub(crate) fn advance(&mut self) -> bool {
        self.current = (self.current + 1) % self.bases.len();
        self.failed += 1;
        let has_untried = self.failed < self.bases.len();
        if !has_untried {
            self.failed = 0;
        }
        has_untried
    }

    /// Keeps the base URL in use, because its server responded.
    pub(crate) fn reset_failures(&mut self) {
        self.failed = 0;
    }
}

/// Returns the port of the authority if it is invalid. `Uri::port` ignores a number that is too large.
fn invalid_port(url: &Uri) -> Option<&str> {
    let (authority, host) =
        (url.authority().map_or("", |authority| authority.as_str()), url.host().unwrap_or(""));
    let port = authority.strip_prefix(host).unwrap_or(authority);
    let port = port.strip_prefix(':').unwrap_or(port);
    Some(port).filter(|port| !port.is_empty() && url.port_u16().is_none())
}

fn join(base: &Uri, path: &str) -> Result<Uri, http::Error> {
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}

/// Parses a base URL such as `wss://host:port/ws`. The error describes the problem without any secret.
pub(crate) fn parse_base(text: &str) -> Result<Uri, String> {
    let text = text.trim();
    if text.contains('@') {
        // The text is not shown because it may contain a password before the `@`.
        return Err("a base URL must not contain a user name or password; remove it".to_owned());
    }
    if text.is_empty() {
        return Err("the base URL is empty".to_owned());
    }
    // The query is not shown because it may contain a token.
    let shown = text.split('?').next().unwrap_or_default();
    let url: Uri = text.parse().map_err(|error| format!("`{shown}` is not a URL: {error}"))?;
    let scheme = url.scheme_str().unwrap_or_default().to_ascii_lowercase();
    let problem = if !matches!(scheme.as_str(), "ws" | "wss") {
        "the scheme must be `wss://`, or `ws://` for this machine".to_owned()
    } else if url.host().is_none_or(str::is_empty) {
        "the host is missing".to_owned()
    } else if let Some(port) = invalid_port(&url) {
        format!("the port `{port}` is not a number from 0 to 65535")
    } else if text.contains(['?', '#']) {
        "it must not contain `?` or `#`, because the path of a stream is appended to it".to_owned()
    } else if join(&url, &"/".repeat(MAX_PATH)).is_err() {
        "it is too long".to_owned()
    } else {
        return Ok(url);
    };
    Err(format!("base URL `{shown}`: {problem}"))
}

#[cfg(test)]
mod tests {

    use super::{DOCUMENTED_ENDPOINT, Endpoints, FALLBACK_ENDPOINT, parse_base};

    const BALANCES: &str = bitopro_model::PrivateStream::AccountBalance.path();

    fn endpoints(bases: &[&str]) -> Endpoints {
        Endpoints::new(bases.iter().map(|base| parse_base(base).unwrap()).collect()).unwrap()
    }

    #[test]
    fn the_path_of_a_stream_is_appended_to_the_base() {
        for base in ["ws://127.0.0.1:8765/ws", " ws://127.0.0.1:8765/ws/\r"] {
            let url = endpoints(&[base]).url(BALANCES);
            assert_eq!(url, "ws://127.0.0.1:8765/ws/v1/pub/auth/account-balance");
        }
        let url = endpoints(&[DOCUMENTED_ENDPOINT]).url(BALANCES);
        assert_eq!(url, "wss://stream.bitopro.com:443/ws/v1/pub/auth/account-balance");
        let url = endpoints(&[FALLBACK_ENDPOINT]).url(BALANCES);
        assert_eq!(url, "wss://stream.bitopro.com:9443/ws/v1/pub/auth/account-balance");
    }

    #[test]
    fn the_client_pauses_after_every_base_url_has_failed() {
        let mut endpoints = endpoints(&["wss://a/ws", "wss://b/ws"]);
        let host = |endpoints: &Endpoints| endpoints.url(BALANCES).host().unwrap().to_owned();
        assert!(endpoints.advance());
        assert_eq!(host(&endpoints), "b");
        assert!(!endpoints.advance());
        assert_eq!(host(&endpoints), "a");
        assert!(endpoints.advance());
        endpoints.reset_failures();
        assert_eq!(host(&endpoints), "b");
        assert!(endpoints.advance());
    }

    #[test]
    fn an_invalid_base_is_reported_with_its_problem_and_without_secrets() {
        for (text, part) in [
            ("stream.bitopro.com", "wss://"),
            ("wss://", "not a URL"),
            ("wss:///ws", "not a URL"),
            ("wss://host/ws#part", "`#`"),
            (" ", "empty"),
            ("wss://host:65536/ws", "the port `65536` is not a number from 0 to 65535"),
            ("ws://[::1]:99999/ws", "the port `99999`"),
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
