use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bitopro_auth::Credentials;
use bitopro_model::{Balance, Timestamp};

use super::account_options::AccountOptions;
use super::endpoint::Endpoint;
use crate::exchange::account::demo;
use crate::exchange::feed::MarketFeed;
use crate::gateway::authentication::Authentication;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::keepalive::Keepalive;
use crate::gateway::sockets::Sockets;
use crate::rest::RestApi;
use crate::{Clock, Error, ErrorKind, Exchange, PairList, Quirks, SimCredentials, Simulator};

/// The longest duration that an option accepts.
const MAX_DURATION: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A builder of a [`Simulator`], or of an [`Exchange`] alone, created by [`Simulator::builder`].
///
/// Every option has a default.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_model::{Balance, Decimal};
/// use bitopro_sim::{OrderIds, Quirks, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let simulator = Simulator::builder()
///     .with_seed(7)
///     .with_balances([Balance::new("BTC", Decimal::TWO), Balance::new("TWD", Decimal::ONE_THOUSAND)])
///     .with_quirks(Quirks::default().with(OrderIds::Numbers))
///     .with_ping_period(Duration::from_secs(1))
///     .start()
///     .await?;
/// assert!(simulator.ws_url().to_string().starts_with("ws://127.0.0.1:"));
/// simulator.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing happens until the simulator is started"]
pub struct SimulatorBuilder {
    seed: u64,
    accounts: AccountOptions,
    /// `true` if the first account starts with the orders of the demo account.
    is_demo: bool,
    quirks: Quirks,
    pairs: PairList,
    address: SocketAddr,
    tls: bool,
    keepalive: Keepalive,
    market_interval: Option<Duration>,
    queue_bytes: usize,
    clock: Clock,
    clock_offset_ms: i64,
}

impl Simulator {
    /// Returns a builder with the default options.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::new()
    }
}

impl SimulatorBuilder {
    fn new() -> Self {
        Self {
            seed: 0,
            accounts: AccountOptions::demo(),
            is_demo: true,
            quirks: Quirks::default(),
            pairs: PairList::default(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: false,
            keepalive: Keepalive {
                ping_period: Duration::from_secs(20),
                pong_deadline: Duration::from_secs(5),
            },
            market_interval: None,
            queue_bytes: 8 << 20,
            clock: Clock::system(),
            clock_offset_ms: 0,
        }
    }

    /// Sets the seed of the market and of event ids.
    ///
    /// Defaults to 0.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the credentials of the first account, whose name is `demo`.
    ///
    /// Defaults to [`SimCredentials::demo`].
    pub fn with_credentials(mut self, credentials: SimCredentials) -> Self {
        self.accounts.first.credentials = credentials;
        self
    }

    /// Adds an account without orders, which commands address by its name, a single word.
    ///
    /// The first account, `demo`, always exists.
    pub fn with_account(
        mut self,
        name: impl Into<String>,
        credentials: SimCredentials,
        balances: impl IntoIterator<Item = Balance>,
    ) -> Self {
        self.accounts.add(name.into(), credentials, Some(balances.into_iter().collect()));
        self
    }

    /// Adds an account without orders, with the initial balances of the first account and the credentials of
    /// [`SimCredentials::named`].
    pub fn with_named_account(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        let credentials = SimCredentials::named(&name);
        self.accounts.add(name, credentials, None);
        self
    }

    /// Sets the rank of an account, from 0 to 6, on which its fees depend.
    ///
    /// Defaults to 0: 0.1 % for the maker and 0.2 % for the taker of a trade.
    pub fn with_rank(mut self, account: impl Into<String>, rank: u8) -> Self {
        self.accounts.set_rank(account.into(), rank);
        self
    }

    /// Sets the initial balances of the first account, without orders.
    ///
    /// Defaults to a demo account with twelve currencies, four open orders, and closed orders and trades of the
    /// week before the start.
    pub fn with_balances(mut self, balances: impl IntoIterator<Item = Balance>) -> Self {
        self.accounts.set_first_balances(balances.into_iter().collect());
        self.is_demo = false;
        self
    }

    /// Starts with the demo account, extended or shortened to this number of currencies.
    ///
    /// Defaults to 12; a real account has about 150.
    pub fn with_currencies(mut self, count: usize) -> Self {
        self.accounts.set_first_balances(demo::balances(count));
        self.is_demo = true;
        self
    }

    /// Sets the behaviour that the exchange's documentation leaves open.
    ///
    /// Defaults to [`Quirks::default`].
    pub fn with_quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Sets the pairs, with their rules.
    ///
    /// Defaults to [`PairList::default`].
    pub fn with_pairs(mut self, pairs: PairList) -> Self {
        self.pairs = pairs;
        self
    }

    /// Sets the IP address and port to listen on.
    ///
    /// Defaults to any free port of 127.0.0.1.
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets the port to listen on, and keeps the IP address.
    ///
    /// Defaults to 0, which selects any free port.
    pub fn with_port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Serves TLS, with a certificate for this machine that is generated at the start.
    ///
    /// Defaults to plain text.
    pub fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Sets the time between two pings.
    ///
    /// Defaults to 20 s, as documented; 1 s was measured.
    pub fn with_ping_period(mut self, period: Duration) -> Self {
        self.keepalive.ping_period = period;
        self
    }

    /// Sets the deadline for a pong, after which the connection is dropped without a close frame.
    ///
    /// Defaults to 5 s, as documented; 60 s was measured.
    pub fn with_pong_deadline(mut self, deadline: Duration) -> Self {
        self.keepalive.pong_deadline = deadline;
        self
    }

    /// Sets the time between two market steps.
    ///
    /// Defaults to no steps, so that only commands change the account.
    pub fn with_market_interval(mut self, interval: Duration) -> Self {
        self.market_interval = Some(interval);
        self
    }

    /// Sets the number of bytes that may be queued for one socket before it is dropped.
    ///
    /// Defaults to 8 MiB.
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Sets the exchange's wall clock.
    ///
    /// Defaults to [`Clock::system`].
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the lead of the exchange's clock over [`with_clock`](Self::with_clock), in milliseconds.
    ///
    /// Defaults to 0.
    pub fn with_clock_offset_ms(mut self, offset: i64) -> Self {
        self.clock_offset_ms = offset;
        self
    }

    /// Creates the exchange alone, at the time `now`, from which the demo account's orders are dated back.
    ///
    /// The options for sockets and time are validated, but not used.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`ErrorKind::Options`] that lists every problem with the options.
    pub fn build_exchange(self, now: Timestamp) -> Result<Exchange, Error> {
        self.check()?;
        Ok(self.exchange(now))
    }

    /// Starts a simulator without sockets, which is reached through [`Simulator::connector`].
    ///
    /// The clock of the tokio runtime may be paused.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`ErrorKind::Options`] that lists every problem with the options.
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub fn start_in_memory(self) -> Result<Simulator, Error> {
        let dispatcher = self.dispatcher()?;
        Ok(Simulator::spawn(dispatcher, Endpoint::memory()?, self.accounts, self.market_interval))
    }

    /// Starts a simulator that listens on a port.
    ///
    /// It accepts connections once this returns.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`ErrorKind::Options`], [`AddressInUse`](ErrorKind::AddressInUse),
    /// [`Listen`](ErrorKind::Listen) or, with TLS, [`Certificate`](ErrorKind::Certificate).
    ///
    /// # Panics
    ///
    /// Panics if called outside a tokio runtime.
    pub async fn start(self) -> Result<Simulator, Error> {
        let dispatcher = self.dispatcher()?;
        let endpoint = if self.tls {
            Endpoint::listen_with_tls(self.address).await?
        } else {
            Endpoint::listen(self.address).await?
        };
        Ok(Simulator::spawn(dispatcher, endpoint, self.accounts, self.market_interval))
    }

    fn dispatcher(&self) -> Result<Dispatcher, Error> {
        let credentials = self.check()?;
        let sockets = Sockets::new(self.queue_bytes);
        let rest = RestApi::new(self.quirks);
        let authentication = Authentication::new(credentials, self.quirks.nonces);
        let now = self.clock.now().as_millis().saturating_add(self.clock_offset_ms);
        let exchange = self.exchange(Timestamp::from_millis(now));
        let feed = MarketFeed::new(self.seed, self.quirks);
        let (market, timing) = ((exchange, feed), (self.clock.clone(), self.keepalive));
        let dispatcher = Dispatcher::new(market, authentication, rest, sockets, timing);
        dispatcher.set_clock_offset_ms(self.clock_offset_ms);
        Ok(dispatcher)
    }

    fn exchange(&self, now: Timestamp) -> Exchange {
        let mut exchange = Exchange::new(self.seed, self.accounts.to_accounts(), self.quirks, &self.pairs);
        if self.is_demo {
            exchange.trade_like_demo(now);
        }
        exchange
    }

    fn check(&self) -> Result<Vec<Credentials>, Error> {
        let mut problems = Vec::new();
        for (name, duration) in [
            ("ping_period", Some(self.keepalive.ping_period)),
            ("pong_deadline", Some(self.keepalive.pong_deadline)),
            ("market_interval", self.market_interval),
        ] {
            if duration.is_some_and(|duration| duration.is_zero()) {
                problems.push(format!("`{name}` is zero; use at least 1 ms"));
            }
            // Not every platform can represent an instant that far in the future.
            if duration.is_some_and(|duration| duration > MAX_DURATION) {
                problems.push(format!("`{name}` is too long; use at most 10 years"));
            }
        }
        let credentials = self.accounts.check(&mut problems);
        if problems.is_empty() {
            return Ok(credentials);
        }
        Err(Error::new(ErrorKind::Options, format!("invalid simulator options: {}", problems.join("; "))))
    }
}
