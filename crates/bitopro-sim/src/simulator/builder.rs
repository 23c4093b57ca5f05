use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bitopro_model::{Balance, Currency};

use super::endpoint::Endpoint;
use crate::exchange::account::Account;
use crate::exchange::core::Exchange;
use crate::exchange::doubts::Doubts;
use crate::exchange::order::NewOrder;
use crate::exchange::{demo, holdings};
use crate::gateway::authentication::Authentication;
use crate::gateway::clock::Clock;
use crate::gateway::credentials::SimCredentials;
use crate::gateway::dispatcher::{Dispatcher, DispatcherOptions};
use crate::gateway::keepalive::Keepalive;
use crate::simulator::handle::Simulator;
use crate::{Error, ErrorKind};

/// Makes a [`Simulator`], or an [`Exchange`] alone. Every option has a default.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until the simulator is started"]
pub struct SimulatorBuilder {
    seed: u64,
    credentials: SimCredentials,
    balances: Vec<Balance>,
    /// The orders of the demo account, whose balances count them in.
    orders: Vec<NewOrder>,
    doubts: Doubts,
    address: SocketAddr,
    tls: bool,
    keepalive: Keepalive,
    market_interval: Option<Duration>,
    queue_bytes: usize,
    clock: Clock,
    clock_offset_ms: i64,
}

impl Simulator {
    /// The options of a simulator.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::new()
    }
}

impl SimulatorBuilder {
    fn new() -> Self {
        Self {
            seed: 0,
            credentials: SimCredentials::demo(),
            balances: demo::balances(demo::COUNT),
            orders: demo::orders(),
            doubts: Doubts::default(),
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

    /// The seed of the market and of event ids: 0 unless set.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The one account that is let in: [`SimCredentials::demo`] unless set.
    pub fn with_credentials(mut self, credentials: SimCredentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// What the account holds at the start: twelve currencies of its own, with four open orders, unless
    /// set; no open orders if set.
    pub fn with_balances(mut self, balances: impl IntoIterator<Item = Balance>) -> Self {
        self.balances = balances.into_iter().collect();
        self.orders.clear();
        self
    }

    /// The demo account with this many currencies instead of twelve. A real account has about 150.
    pub fn with_currencies(mut self, count: usize) -> Self {
        self.balances = demo::balances(count);
        self.orders = demo::orders();
        self
    }

    /// Decides what the exchange's documentation leaves open. Defaults to [`Doubts::default`].
    pub fn with_doubts(mut self, doubts: Doubts) -> Self {
        self.doubts = doubts;
        self
    }

    /// The address to listen on: 127.0.0.1 and any free port unless set.
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The port to listen on: 0, which is any free one, unless set.
    pub fn with_port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Serves TLS, with a certificate for this machine that is made at the start. Defaults to plain text.
    pub fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// How often pings are sent: every 20 s, as documented, unless set. Measured was every second.
    pub fn with_ping_period(mut self, period: Duration) -> Self {
        self.keepalive.ping_period = period;
        self
    }

    /// How long a pong may take before the connection is dropped, without a close frame: 5 s, as
    /// documented, unless set. Measured was a minute.
    pub fn with_pong_deadline(mut self, deadline: Duration) -> Self {
        self.keepalive.pong_deadline = deadline;
        self
    }

    /// How often the market makes a step: never unless set, so that balances move only by hand.
    pub fn with_market_interval(mut self, interval: Duration) -> Self {
        self.market_interval = Some(interval);
        self
    }

    /// How much may wait to be sent to one socket, in bytes, before it is dropped: 8 MiB unless set.
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// The exchange's wall clock: [`Clock::system`] unless set.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How many milliseconds the exchange's clock is ahead of [`with_clock`](Self::with_clock): 0 unless set.
    pub fn with_clock_offset_ms(mut self, offset: i64) -> Self {
        self.clock_offset_ms = offset;
        self
    }

    /// Makes the exchange alone. What concerns sockets and time is not used.
    ///
    /// # Errors
    /// [`ErrorKind::Options`], naming every fault at once.
    pub fn build_exchange(self) -> Result<Exchange, Error> {
        self.check()?;
        Ok(self.exchange())
    }

    /// Starts a simulator that is reached through [`Simulator::connector`] only, without sockets. Must be
    /// called within a tokio runtime, whose clock may be paused.
    ///
    /// # Errors
    /// [`ErrorKind::Options`], naming every fault at once.
    pub fn start_in_memory(self) -> Result<Simulator, Error> {
        let dispatcher = self.dispatcher()?;
        Ok(Simulator::launch(dispatcher, Endpoint::memory()?, self.credentials, self.market_interval))
    }

    /// Starts a simulator that listens on its address. It accepts connections once this returns.
    ///
    /// # Errors
    /// An [`Error`] whose kind says what failed; [`ErrorKind::AddressInUse`] is the common one.
    pub async fn start(self) -> Result<Simulator, Error> {
        let dispatcher = self.dispatcher()?;
        let endpoint = if self.tls {
            Endpoint::listen_with_tls(self.address).await?
        } else {
            Endpoint::listen(self.address).await?
        };
        Ok(Simulator::launch(dispatcher, endpoint, self.credentials, self.market_interval))
    }

    fn dispatcher(&self) -> Result<Dispatcher, Error> {
        let credentials = self.check()?;
        let options = DispatcherOptions {
            clock: self.clock.clone(),
            clock_offset_ms: self.clock_offset_ms,
            keepalive: self.keepalive,
            queue_bytes: self.queue_bytes,
        };
        Ok(Dispatcher::new(self.exchange(), Authentication::new(credentials), options))
    }

    fn exchange(&self) -> Exchange {
        let account = Account::new(holdings::of(self.balances.clone()), &self.orders, demo::PLACED);
        Exchange::new(self.seed, account, self.doubts)
    }

    fn check(&self) -> Result<bitopro_auth::Credentials, Error> {
        let mut faults = Vec::new();
        for (name, duration) in [
            ("ping_period", Some(self.keepalive.ping_period)),
            ("pong_deadline", Some(self.keepalive.pong_deadline)),
            ("market_interval", self.market_interval),
        ] {
            if duration.is_some_and(|duration| duration.is_zero()) {
                faults.push(format!("`{name}` is zero: give at least a millisecond"));
            }
        }
        let mut seen: BTreeSet<&Currency> = BTreeSet::new();
        for Balance { currency, .. } in &self.balances {
            if !seen.insert(currency) {
                faults.push(format!("`balances` has {currency} twice: give each currency once"));
            }
        }
        let credentials = self.credentials.to_credentials();
        if let Err(error) = &credentials {
            faults.push(error.to_string());
        }
        match credentials {
            Ok(credentials) if faults.is_empty() => Ok(credentials),
            _ => Err(Error::new(
                ErrorKind::Options,
                format!("the simulator cannot start: {}", faults.join("; ")),
            )),
        }
    }
}
