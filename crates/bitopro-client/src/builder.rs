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

/// Builds a [`Client`].
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

/// Everything that is wrong with what a client was to be built from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the client cannot be built: {}", .faults.join("; "))]
pub struct BuildError {
    faults: Vec<String>,
}

impl BuildError {
    /// The faults, one sentence each.
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

    /// Uses only this base endpoint, such as `wss://host:port/ws`.
    ///
    /// Defaults to [`DOCUMENTED_ENDPOINT`], then [`FALLBACK_ENDPOINT`].
    pub fn with_endpoint(self, base: impl Display) -> Self {
        self.with_endpoints([base])
    }

    /// Uses these base endpoints. A dial that fails on the network moves on to the next one; one that was refused does
    /// not.
    pub fn with_endpoints(mut self, bases: impl IntoIterator<Item = impl Display>) -> Self {
        self.endpoints = bases.into_iter().map(|base| base.to_string()).collect();
        self
    }

    /// Dials with this connector. Defaults to real sockets (feature `tungstenite`).
    pub fn with_connector(mut self, connector: impl Connector + 'static) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Sets the deadline of a dial, which covers name resolution, TCP, TLS and the upgrade. Defaults to 10 s.
    pub fn with_dial_deadline(mut self, deadline: Duration) -> Self {
        self.settings.dial_deadline = deadline;
        self
    }

    /// Sets the time without any frame, pings included, after which a connection is given up. Defaults to 30 s; the
    /// exchange documents a ping every 20 s and was measured to send one every second.
    pub fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.settings.idle_limit = limit;
        self
    }

    /// Sets the bounds of the delay before a redial, which is drawn evenly below one that doubles. Defaults to 1 s and 30 s.
    pub fn with_backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff_first = first;
        self.settings.backoff_longest = longest;
        self
    }

    /// Sets the number of dials that this client may make in a span, over all of its streams. Half of them may be made
    /// immediately, the others are spread evenly. Defaults to 30 in 5 minutes.
    pub fn with_dial_budget(mut self, dials: u32, span: Duration) -> Self {
        self.settings.dial_budget = dials;
        self.settings.dial_budget_span = span;
        self
    }

    /// Shares a limit of dials with other clients, such as those behind the same address. Defaults to none; the dial
    /// budget of this client applies in any case.
    pub fn with_dial_limiter(mut self, limiter: &DialLimiter) -> Self {
        self.limiter = Some(limiter.clone());
        self
    }

    /// Sets how long a stream that has worked keeps trying while its path (400, 404, 422, redirects, a page instead of
    /// the upgrade), the clock (409) or the server's certificate is refused. Defaults to 15 minutes from the first such
    /// refusal.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// Sets how long a key that has worked must have been refused (401, 403), at least three times and without an
    /// accepted upgrade in between, before that ends a stream. Defaults to 5 minutes; less than 2 is an error.
    pub fn with_key_patience(mut self, patience: Duration) -> Self {
        self.settings.key_patience = patience;
        self
    }

    /// Gives up after this many consecutive failures without a snapshot; a round over all endpoints that fails on the
    /// network counts as one. Defaults to no limit.
    pub fn with_retry_limit(mut self, failures: u32) -> Self {
        self.settings.retry_limit = Some(failures);
        self
    }

    /// Sets the number of items of a stream that wait for a subscriber, before further ones are merged into the state.
    /// Defaults to 1,024. Whatever their number, their messages may have 32 MiB of text in total.
    pub fn with_queue_capacity(mut self, items: usize) -> Self {
        self.settings.queue_capacity = items;
        self
    }

    /// Sets the least time between two dials of the client, so that the streams of an account are not dialled all at the
    /// same time. Defaults to 100 ms.
    pub fn with_dial_spacing(mut self, spacing: Duration) -> Self {
        self.settings.dial_spacing = spacing;
        self
    }

    /// Sets what an update of the open orders holds. Defaults to the orders that changed.
    pub fn with_order_updates(mut self, updates: OrderUpdates) -> Self {
        self.settings.order_updates = updates;
        self
    }

    /// Sets the number of closed orders that are kept. Defaults to 1,000.
    pub fn with_closed_order_capacity(mut self, orders: usize) -> Self {
        self.settings.closed_order_capacity = orders;
        self
    }

    /// Sets the number of trades that are kept. Defaults to 1,000.
    pub fn with_trade_capacity(mut self, trades: usize) -> Self {
        self.settings.trade_capacity = trades;
        self
    }

    /// Makes nonces from this clock. Defaults to the machine's.
    pub fn with_wall_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Draws all jitter from this seed, so that a run can be repeated. Defaults to a random one.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`BuildError`], which lists every fault.
    pub fn build(mut self) -> Result<Client, BuildError> {
        let connector = self.connector.take().or_else(|| default_connector());
        let (clock, limiter) = (self.clock.clone(), self.limiter.take());
        let engine = self.build_engine();
        let Some(connector) = connector else {
            let mut faults = engine.err().map(|error| error.faults).unwrap_or_default();
            faults.push(
                "there is no connector: turn on the feature `tungstenite`, or bring your own".to_owned(),
            );
            return Err(BuildError { faults });
        };
        Ok(Client { runtime: Arc::new(Runtime::new(engine?, connector, clock, limiter.as_ref())) })
    }

    /// Builds the engine alone, without I/O, to be driven by your own code. The connector, the wall clock and the shared
    /// dial limiter are not used.
    ///
    /// # Errors
    /// [`BuildError`], which lists every fault.
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
            faults.push("there is no endpoint to dial".to_owned());
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
#[allow(clippy::unnecessary_wraps, reason = "without the feature there is none")]
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
    fn every_fault_is_listed_at_once() {
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
        assert_eq!(error.faults(), ["there is no endpoint to dial"]);
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
