use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use bitopro_auth::Signer;
use bitopro_transport::Connector;
use http::Uri;
use thiserror::Error;

use crate::backfill::Backfill;
use crate::endpoints::{DOCUMENTED_ENDPOINT, Endpoints, FALLBACK_ENDPOINT, parse_base};
use crate::engine::{DialLimiter, Engine};
use crate::rest_api::{BackfillChoice, RestConfig};
use crate::runtime::Runtime;
use crate::settings::{OrderUpdates, Settings};
use crate::system::{WallClock, random_seed};
use crate::{Client, PublicClient};

/// A builder of a [`Client`], created by [`Client::builder`] or [`Client::from_env`], or of a [`PublicClient`], created by
/// [`PublicClient::builder`].
///
/// Every setting has a default that suits the real exchange.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_client::{Client, Credentials};
///
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let (connector, _server) = bitopro_client::transport::memory::network();
/// let client = Client::builder(credentials)
/// #   .with_connector(connector)
///     .with_idle_limit(Duration::from_secs(15))
///     .with_dial_budget(60, Duration::from_secs(600))
///     .with_queue_capacity(10_000)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`build`](Self::build) validates all settings and reports every problem:
///
/// ```
/// # use bitopro_client::{Client, Credentials};
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let (connector, _server) = bitopro_client::transport::memory::network();
/// let error = Client::builder(credentials)
/// #   .with_connector(connector)
///     .with_endpoint("https://example.com/ws")
///     .with_queue_capacity(0)
///     .build()
///     .unwrap_err();
/// assert_eq!(
///     error.problems(),
///     [
///         "the queue capacity is 0; use at least 1",
///         "base URL `https://example.com/ws`: the scheme must be `wss://`, or `ws://` for this machine",
///     ]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct ClientBuilder<C = Signer> {
    credentials: C,
    endpoints: Vec<String>,
    connector: Option<Arc<dyn Connector>>,
    settings: Settings,
    clock: WallClock,
    seed: Option<u64>,
    limiter: Option<DialLimiter>,
    pub(crate) rest: RestConfig,
}

/// The problems with the settings of a [`ClientBuilder`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid client configuration: {}", .problems.join("; "))]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    /// Returns a description of each problem.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// The credentials of a [`ClientBuilder`] for a [`PublicClient`]: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCredentials;

impl From<NoCredentials> for Option<Signer> {
    fn from(_: NoCredentials) -> Self {
        None
    }
}

impl<C> ClientBuilder<C> {
    pub(crate) fn new(credentials: C) -> Self {
        Self {
            credentials,
            endpoints: vec![DOCUMENTED_ENDPOINT.to_owned(), FALLBACK_ENDPOINT.to_owned()],
            connector: None,
            settings: Settings::default(),
            clock: WallClock::default(),
            seed: None,
            limiter: None,
            rest: RestConfig::default(),
        }
    }

    /// Sets a single base URL, such as `wss://host:port/ws`.
    ///
    /// Defaults to [`DOCUMENTED_ENDPOINT`], then [`FALLBACK_ENDPOINT`].
    pub fn with_endpoint(self, base: impl Display) -> Self {
        self.with_endpoints([base])
    }

    /// Sets the base URLs, in order of preference.
    ///
    /// After a network failure or a rejected certificate, the client dials the next one. A refusal keeps the
    /// base URL in use, except that a path that has worked before is tried at the next one. Defaults to
    /// [`DOCUMENTED_ENDPOINT`], then [`FALLBACK_ENDPOINT`].
    pub fn with_endpoints(mut self, bases: impl IntoIterator<Item = impl Display>) -> Self {
        self.endpoints = bases.into_iter().map(|base| base.to_string()).collect();
        self
    }

    /// Sets the connector, which opens the connections.
    ///
    /// Defaults to real sockets, which need the feature `tungstenite`. Without that feature, a connector is
    /// required.
    pub fn with_connector(mut self, connector: impl Connector + 'static) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Sets the deadline of a dial, which covers name resolution, TCP, TLS and the upgrade.
    ///
    /// Defaults to 10 s.
    pub fn with_dial_deadline(mut self, deadline: Duration) -> Self {
        self.settings.dial_deadline = deadline;
        self
    }

    /// Sets the time without any frame, including pings, after which a connection is replaced.
    ///
    /// Defaults to 30 s. The exchange documents a ping every 20 s; measurements show one every second.
    pub fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.settings.idle_limit = limit;
        self
    }

    /// Sets the bounds of the backoff before a redial.
    ///
    /// Each delay is drawn uniformly below a limit that starts at `first` and doubles up to `longest`.
    /// Defaults to 1 s and 30 s.
    pub fn with_backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff_first = first;
        self.settings.backoff_longest = longest;
        self
    }

    /// Sets the maximum number of dials of this client, over all of its streams, in a span of time.
    ///
    /// Half of the budget may be used immediately; the other half is refilled evenly over the span. Defaults
    /// to 30 dials in 5 minutes. A larger budget leaves fewer calls to the REST API, but at least 60 a minute.
    pub fn with_dial_budget(mut self, dials: u32, span: Duration) -> Self {
        self.settings.dial_budget = dials;
        self.settings.dial_budget_span = span;
        self
    }

    /// Sets a limit on dials that is shared with other clients, such as those behind the same IP address.
    ///
    /// Defaults to none. The dial budget of this client applies as well.
    pub fn with_dial_limiter(mut self, limiter: &DialLimiter) -> Self {
        self.limiter = Some(limiter.clone());
        self
    }

    /// Sets the time for which a stream keeps dialling while something that has worked before is refused.
    ///
    /// This covers refusals of the path (400, 404, 422, a redirect, or a 2xx instead of the upgrade) and of
    /// the clock (409), rejected certificates of the server, a configuration of this machine that prevents
    /// dialling, and connections that the server accepts and then closes as refused (code 1008). The time
    /// starts at the first such refusal. Defaults to 15 minutes.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// Sets the time for which a key that has worked must keep being rejected (401, 403) before a stream
    /// ends.
    ///
    /// At least three rejections without an accepted upgrade in between are required as well. For a 403, the
    /// key must have worked on the path of the same stream. Defaults to 5 minutes; less than 2 minutes is an
    /// error.
    pub fn with_key_patience(mut self, patience: Duration) -> Self {
        self.settings.key_patience = patience;
        self
    }

    /// Sets the number of consecutive failures without a snapshot after which a stream ends.
    ///
    /// Trades have no snapshots: for them, a connection that remains open for 30 s resets the count. If all
    /// base URLs fail on the network, one after the other, that counts as one failure. Defaults to no limit;
    /// 0 is an error.
    pub fn with_retry_limit(mut self, failures: u32) -> Self {
        self.settings.retry_limit = Some(failures);
        self
    }

    /// Sets the maximum number of items of a stream that wait for the subscriber.
    ///
    /// Further items are merged into the state. Defaults to 1,024; 0 is an error. In addition, the waiting
    /// messages of each stream are limited to 32 MiB of text. Recovered trades and orders are counted separately, up to
    /// 10,000. A subscription that is read takes up to 32 of these items in advance, which no longer count.
    pub fn with_queue_capacity(mut self, items: usize) -> Self {
        self.settings.queue_capacity = items;
        self
    }

    /// Sets the minimum time between two dials of the client, so that the streams of an account are not
    /// dialled in a burst.
    ///
    /// Defaults to 100 ms.
    pub fn with_dial_spacing(mut self, spacing: Duration) -> Self {
        self.settings.dial_spacing = spacing;
        self
    }

    /// Sets the interpretation of updates of the open orders.
    ///
    /// Defaults to [`OrderUpdates::Changed`].
    pub fn with_order_updates(mut self, updates: OrderUpdates) -> Self {
        self.settings.order_updates = updates;
        self
    }

    /// Sets the maximum number of closed orders to keep.
    ///
    /// Beyond it, the oldest order is dropped; 0 keeps none. Defaults to 1,000.
    pub fn with_closed_order_capacity(mut self, orders: usize) -> Self {
        self.settings.closed_order_capacity = orders;
        self
    }

    /// Sets the maximum number of trades to keep.
    ///
    /// Beyond it, the oldest trade is dropped; 0 keeps none. Defaults to 1,000.
    pub fn with_trade_capacity(mut self, trades: usize) -> Self {
        self.settings.trade_capacity = trades;
        self
    }

    /// Sets the wall clock, from which nonces are made.
    ///
    /// Defaults to the machine's clock.
    pub fn with_wall_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the seed of all jitter, so that a run can be repeated.
    ///
    /// Defaults to a random seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl ClientBuilder {
    /// Builds the client.
    ///
    /// The client does not connect; each subscription does.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that lists every problem.
    pub fn build(self) -> Result<Client, BuildError> {
        self.build_runtime().map(|runtime| Client { runtime })
    }
}

impl ClientBuilder<NoCredentials> {
    /// Builds the client.
    ///
    /// The client does not connect; each subscription does.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that lists every problem.
    pub fn build(self) -> Result<PublicClient, BuildError> {
        self.build_runtime().map(PublicClient::new)
    }
}

impl<C: Into<Option<Signer>>> ClientBuilder<C> {
    fn build_runtime(mut self) -> Result<Arc<Runtime>, BuildError> {
        let (clock, limiter) = (self.clock.clone(), self.limiter.take());
        let has_own_connector = self.connector.is_some();
        let connector = self.connector.take().or_else(|| default_connector());
        let streams: Vec<Uri> = self.endpoints.iter().filter_map(|base| parse_base(base).ok()).collect();
        let mut rest = std::mem::take(&mut self.rest);
        // Invalid settings are reported below.
        let is_valid = self.settings.problems().is_empty();
        rest.dials = if is_valid { self.settings.most_dials_in(Duration::from_secs(60)) } else { 0 };
        let backfill = match std::mem::take(&mut rest.backfill) {
            BackfillChoice::Unset => Some(Backfill::default()),
            BackfillChoice::Set(backfill) => backfill,
        };
        let rest = rest.access(&streams, has_own_connector);
        self.settings.backfill = backfill.filter(|_| matches!(rest, Ok(Ok(_))));
        let (engine, mut problems) = match self.build_engine() {
            Ok(engine) => (Some(engine), Vec::new()),
            Err(error) => (None, error.problems),
        };
        if connector.is_none() {
            problems.push("no connector; enable the feature `tungstenite`, or set a connector".to_owned());
        }
        let rest = rest.map_err(|problem| problems.push(problem));
        match (engine, connector, rest) {
            (Some(engine), Some(connector), Ok(rest)) => {
                let runtime = Runtime::new(engine, connector, clock, limiter.as_ref(), rest);
                Ok(Arc::new(runtime))
            }
            _ => Err(BuildError { problems }),
        }
    }

    /// Builds only the engine, without I/O, for your own driver.
    ///
    /// The connector, the wall clock, the shared dial limiter and the settings of the REST API are not used. The backfill
    /// is off unless it is set.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that lists every problem.
    pub fn build_engine(mut self) -> Result<Engine, BuildError> {
        if let BackfillChoice::Set(backfill) = std::mem::take(&mut self.rest.backfill) {
            self.settings.backfill = backfill;
        }
        let mut problems = self.settings.problems();
        let mut bases = Vec::with_capacity(self.endpoints.len());
        for base in &self.endpoints {
            match parse_base(base) {
                Ok(url) => bases.push(url),
                Err(problem) => problems.push(problem),
            }
        }
        if self.endpoints.is_empty() {
            problems.push("no base URL; set at least one".to_owned());
        }
        match Endpoints::new(bases) {
            Some(endpoints) if problems.is_empty() => {
                let seed = self.seed.unwrap_or_else(random_seed);
                Ok(Engine::new(self.settings, self.credentials.into(), endpoints, seed))
            }
            _ => Err(BuildError { problems }),
        }
    }
}

impl<C> fmt::Debug for ClientBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("endpoints", &self.endpoints.len())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "tungstenite")]
#[allow(clippy::unnecessary_wraps, reason = "without the feature, the function returns `None`")]
fn default_connector() -> Option<Arc<dyn Connector>> {
    Some(Arc::new(bitopro_transport::TungsteniteConnector::new()))
}

#[cfg(not(feature = "tungstenite"))]
fn default_connector() -> Option<Arc<dyn Connector>> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bitopro_auth::Credentials;

    use crate::{Client, OrderUpdates, Settings};

    #[test]
    fn a_build_error_lists_every_problem() {
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let error = Client::builder(credentials.clone())
            .with_endpoints(["http://a", "b"])
            .with_dial_deadline(Duration::MAX)
            .with_idle_limit(Duration::ZERO)
            .with_queue_capacity(0)
            .with_backoff(Duration::from_secs(2), Duration::from_secs(1))
            .build()
            .unwrap_err();
        assert_eq!(
            error.problems(),
            [
                "the idle limit is 0 s; use a longer time",
                "the queue capacity is 0; use at least 1",
                "the dial deadline is 18446744073709551615 s; use at most 31536000 s (365 days)",
                "the longest backoff, 1 s, is shorter than the first backoff, 2 s",
                "base URL `http://a`: the scheme must be `wss://`, or `ws://` for this machine",
                "base URL `b`: the scheme must be `wss://`, or `ws://` for this machine",
            ]
        );
        let error = Client::builder(credentials).with_endpoints([""; 0]).build().unwrap_err();
        assert_eq!(error.problems(), ["no base URL; set at least one"]);
    }

    #[test]
    fn each_setter_sets_its_own_value() {
        let seconds = Duration::from_secs;
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let builder = Client::builder(credentials)
            .with_dial_deadline(seconds(1))
            .with_idle_limit(seconds(2))
            .with_backoff(seconds(4), seconds(5))
            .with_dial_budget(7, seconds(8))
            .with_patience(seconds(13))
            .with_key_patience(seconds(140))
            .with_retry_limit(16)
            .with_queue_capacity(17)
            .with_dial_spacing(seconds(19))
            .with_order_updates(OrderUpdates::WholePair)
            .with_closed_order_capacity(20)
            .with_trade_capacity(21)
            .with_endpoint("wss://one/ws")
            .with_seed(23);
        assert_eq!(builder.seed, Some(23));
        assert_eq!(builder.endpoints, ["wss://one/ws"]);
        let expected = Settings {
            dial_deadline: seconds(1),
            idle_limit: seconds(2),
            backoff_first: seconds(4),
            backoff_longest: seconds(5),
            dial_budget: 7,
            dial_budget_span: seconds(8),
            patience: seconds(13),
            key_patience: seconds(140),
            retry_limit: Some(16),
            queue_capacity: 17,
            dial_spacing: seconds(19),
            order_updates: OrderUpdates::WholePair,
            closed_order_capacity: 20,
            trade_capacity: 21,
            ..Settings::default()
        };
        assert_eq!(builder.settings, expected);
        assert_eq!(builder.build_engine().unwrap().settings(), &expected);
    }
}
