use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use bitopro_auth::Signer;
use bitopro_transport::Connector;
use thiserror::Error;

use crate::Client;
use crate::endpoints::{DOCUMENTED_ENDPOINT, Endpoints, FALLBACK_ENDPOINT, parse_base};
use crate::engine::{DialLimiter, Engine};
use crate::runtime::Runtime;
use crate::settings::{OrderUpdates, Settings};
use crate::system::{WallClock, random_seed};

/// A builder of a [`Client`], created by [`Client::builder`] or [`Client::from_env`].
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
/// [`build`](Self::build) validates all settings and reports every fault:
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
///     error.faults(),
///     [
///         "the queue capacity is zero",
///         "endpoint `https://example.com/ws`: the scheme must be `wss://`, or `ws://` for this machine",
///     ]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct ClientBuilder {
    signer: Signer,
    endpoints: Vec<String>,
    connector: Option<Arc<dyn Connector>>,
    settings: Settings,
    clock: WallClock,
    seed: Option<u64>,
    limiter: Option<DialLimiter>,
}

/// The faults of a [`ClientBuilder`] that cannot build a client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid client configuration: {}", .faults.join("; "))]
pub struct BuildError {
    faults: Vec<String>,
}

impl BuildError {
    /// Returns a description of each fault.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl ClientBuilder {
    pub(crate) fn new(signer: Signer) -> Self {
        Self {
            signer,
            endpoints: vec![DOCUMENTED_ENDPOINT.to_owned(), FALLBACK_ENDPOINT.to_owned()],
            connector: None,
            settings: Settings::default(),
            clock: WallClock::default(),
            seed: None,
            limiter: None,
        }
    }

    /// Sets a single base endpoint, such as `wss://host:port/ws`.
    ///
    /// Defaults to [`DOCUMENTED_ENDPOINT`], then [`FALLBACK_ENDPOINT`].
    pub fn with_endpoint(self, base: impl Display) -> Self {
        self.with_endpoints([base])
    }

    /// Sets the base endpoints, in order of preference.
    ///
    /// After a dial that fails on the network, the next endpoint is dialled. A refusal does not change the
    /// endpoint, unless the path has worked before. Defaults to [`DOCUMENTED_ENDPOINT`], then
    /// [`FALLBACK_ENDPOINT`].
    pub fn with_endpoints(mut self, bases: impl IntoIterator<Item = impl Display>) -> Self {
        self.endpoints = bases.into_iter().map(|base| base.to_string()).collect();
        self
    }

    /// Sets the connector that dials.
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
    /// Half of the dials may be made immediately; the other half is spread evenly over the span. Defaults to
    /// 30 dials in 5 minutes.
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

    /// Sets the time for which a stream that has worked keeps trying while it is refused.
    ///
    /// This covers refusals of the path (400, 404, 422, redirects, a page instead of the upgrade) and of the
    /// clock (409), and rejected certificates of the server. The time starts at the first such refusal.
    /// Defaults to 15 minutes.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// Sets the time for which a key that has worked must have been refused (401, 403) before that ends a
    /// stream.
    ///
    /// At least three refusals without an accepted upgrade in between are required as well. Defaults to 5
    /// minutes; less than 2 minutes is an error.
    pub fn with_key_patience(mut self, patience: Duration) -> Self {
        self.settings.key_patience = patience;
        self
    }

    /// Ends a stream after this many consecutive failures without a snapshot.
    ///
    /// Network failures of all endpoints, one after the other, count as one. Defaults to no limit.
    pub fn with_retry_limit(mut self, failures: u32) -> Self {
        self.settings.retry_limit = Some(failures);
        self
    }

    /// Sets the maximum number of items of a stream that wait for the subscriber. Further items are merged
    /// into the state.
    ///
    /// Defaults to 1,024. In addition, the messages that wait are limited to 32 MiB of text for each stream.
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

    /// Sets the number of closed orders to keep.
    ///
    /// Defaults to 1,000.
    pub fn with_closed_order_capacity(mut self, orders: usize) -> Self {
        self.settings.closed_order_capacity = orders;
        self
    }

    /// Sets the number of trades to keep.
    ///
    /// Defaults to 1,000.
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

    /// Builds the client. It does not connect before the first subscription.
    ///
    /// # Errors
    /// Returns a [`BuildError`] that lists every fault.
    pub fn build(mut self) -> Result<Client, BuildError> {
        let connector = self.connector.take().or_else(|| default_connector());
        let (clock, limiter) = (self.clock.clone(), self.limiter.take());
        let engine = self.build_engine();
        let Some(connector) = connector else {
            let mut faults = engine.err().map(|error| error.faults).unwrap_or_default();
            faults.push("no connector; enable the feature `tungstenite`, or set a connector".to_owned());
            return Err(BuildError { faults });
        };
        Ok(Client { runtime: Arc::new(Runtime::new(engine?, connector, clock, limiter.as_ref())) })
    }

    /// Builds only the engine, without I/O, for your own driver.
    ///
    /// The connector, the wall clock and the shared dial limiter are not used.
    ///
    /// # Errors
    /// Returns a [`BuildError`] that lists every fault.
    pub fn build_engine(self) -> Result<Engine, BuildError> {
        let mut faults = self.settings.faults();
        let mut bases = Vec::with_capacity(self.endpoints.len());
        for base in &self.endpoints {
            match parse_base(base) {
                Ok(url) => bases.push(url),
                Err(fault) => faults.push(fault),
            }
        }
        if self.endpoints.is_empty() {
            faults.push("no endpoint to dial".to_owned());
        }
        match Endpoints::new(bases) {
            Some(endpoints) if faults.is_empty() => {
                Ok(Engine::new(self.settings, self.signer, endpoints, self.seed.unwrap_or_else(random_seed)))
            }
            _ => Err(BuildError { faults }),
        }
    }
}

impl fmt::Debug for ClientBuilder {
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
    fn a_build_error_lists_every_fault() {
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let error = Client::builder(credentials.clone())
            .with_endpoints(["http://a", "b"])
            .with_dial_deadline(Duration::MAX)
            .with_idle_limit(Duration::ZERO)
            .with_queue_capacity(0)
            .with_backoff(Duration::from_secs(2), Duration::from_secs(1))
            .build()
            .unwrap_err();
        assert_eq!(error.faults().len(), 6, "{error}");
        let error = Client::builder(credentials).with_endpoints([""; 0]).build().unwrap_err();
        assert_eq!(error.faults(), ["no endpoint to dial"]);
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
