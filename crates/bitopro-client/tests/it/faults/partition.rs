//! A network of two hosts, simulated by turmoil: partitions in both directions or in one, stalls, and a
//! server that crashes. All randomness comes from a seed, and only simulated time passes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bitopro_client::model::{AccountBalance, Balance, Balances, Decimal, Timestamp};
use bitopro_client::transport::{
    Connection, Connector, Error, ErrorKind as TransportErrorKind, Request, TungsteniteConnector,
};
use bitopro_client::{Client, ClientBuilder, ErrorKind, Item, Reader, WallClock};
use bitopro_sim::{Clock, Nonces, Quirks, SimCredentials, Simulator, SimulatorBuilder};
use tokio::time::{Instant, timeout};
use turmoil::net::{TcpListener, TcpStream};

const BOT: &str = "bot";
const EXCHANGE: &str = "exchange";
const PORT: u16 = 9443;
const START_MS: u64 = 1_767_225_600_000;
const TICK: Duration = Duration::from_millis(20);

/// The longest recovery after the last fault: the idle limit, the longest backoff and the dial deadline.
const RECOVERY: Duration = Duration::from_secs(30 + 30 + 10);

/// A connector that dials over the simulated network.
struct TurmoilConnector;

#[async_trait]
impl Connector for TurmoilConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let (began, deadline) = (Instant::now(), request.deadline());
        let stream = timeout(deadline, TcpStream::connect((EXCHANGE, PORT)))
            .await
            .map_err(|late| {
                Error::new(TransportErrorKind::TimedOut, "no answer from the simulated host")
                    .with_source(late)
            })?
            .map_err(|error| {
                Error::new(TransportErrorKind::Connect, "cannot connect to the simulated host")
                    .with_source(error)
            })?;
        let request = request.with_deadline(deadline.saturating_sub(began.elapsed()));
        TungsteniteConnector::new().connect_over(stream, request).await
    }
}

/// The time of both hosts, in milliseconds since the start.
#[derive(Clone, Default)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn millis(&self) -> u64 {
        START_MS + self.0.load(Ordering::Relaxed)
    }

    fn exchange_clock(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || Timestamp::from_millis(i64::try_from(time.millis()).unwrap()))
    }

    fn bot_clock(&self) -> WallClock {
        let time = self.clone();
        WallClock::new(move || UNIX_EPOCH + Duration::from_millis(time.millis()))
    }
}

type Shared<T> = Rc<RefCell<T>>;

struct Harness {
    seed: u64,
    network: turmoil::Sim<'static>,
    time: Time,
    /// The simulator that the last start of the exchange created.
    exchange: Shared<Option<Arc<Simulator>>>,
    items: Shared<Vec<Item<AccountBalance>>>,
    reader: Shared<Option<Reader<Balances>>>,
}

fn exchange(time: &Time) -> SimulatorBuilder {
    let quirks = Quirks::default().with(Nonces::Increasing);
    Simulator::builder().with_clock(time.exchange_clock()).with_quirks(quirks)
}

fn bot(time: &Time, seed: u64) -> ClientBuilder {
    Client::builder(SimCredentials::demo().to_credentials().unwrap())
        .with_endpoint(format!("ws://localhost:{PORT}/ws"))
        .with_connector(TurmoilConnector)
        .with_wall_clock(time.bot_clock())
        .with_seed(seed)
}

/// Returns a network with this seed and latency, whose exchange keeps its account when it restarts.
fn network(
    seed: u64,
    latency: Duration,
    time: &Time,
) -> (turmoil::Sim<'static>, Shared<Option<Arc<Simulator>>>) {
    let mut network = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(86_400))
        .min_message_latency(Duration::ZERO)
        .max_message_latency(latency)
        .build();
    let running: Shared<Option<Arc<Simulator>>> = Rc::default();
    let (time, started) = (time.clone(), Rc::clone(&running));
    network.host(EXCHANGE, move || {
        let mut builder = exchange(&time).with_seed(seed);
        if let Some(before) = started.borrow().as_ref() {
            builder = builder.with_balances(before.balances().into_values());
        }
        let started = Rc::clone(&started);
        async move {
            let simulator = Arc::new(builder.start_in_memory()?);
            *started.borrow_mut() = Some(Arc::clone(&simulator));
            let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
            loop {
                simulator.serve_connection(listener.accept().await?.0);
            }
        }
    });
    (network, running)
}

impl Harness {
    /// Starts a bot that follows its balances, and runs until its state matches the exchange.
    fn start(seed: u64) -> Self {
        let time = Time::default();
        let (mut network, exchange) = network(seed, Duration::from_millis(100), &time);
        let items: Shared<Vec<Item<AccountBalance>>> = Rc::default();
        let reader: Shared<Option<Reader<Balances>>> = Rc::default();
        let (received, current, builder) = (Rc::clone(&items), Rc::clone(&reader), bot(&time, seed));
        network.client(BOT, async move {
            let mut balances = builder.build()?.balances();
            *current.borrow_mut() = Some(balances.reader());
            while let Some(item) = balances.next().await {
                received.borrow_mut().push(item);
            }
            Ok(())
        });
        let mut harness = Self { seed, network, time, exchange, items, reader };
        harness.run_until("first snapshot", RECOVERY, Self::is_in_sync);
        harness.take_items();
        harness
    }

    fn step(&mut self) {
        assert!(!self.network.step().unwrap(), "the bot has stopped");
        let elapsed = u64::try_from(self.network.elapsed().as_millis()).unwrap();
        self.time.0.store(elapsed, Ordering::Relaxed);
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.network.elapsed() + time;
        while self.network.elapsed() < end {
            self.step();
        }
    }

    /// Runs until the condition holds and returns the time that this took. Panics if it exceeds the limit.
    fn run_until(&mut self, event: &str, limit: Duration, condition: impl Fn(&Self) -> bool) -> Duration {
        let began = self.network.elapsed();
        while !condition(self) {
            self.step();
            let so_far = self.network.elapsed().saturating_sub(began);
            assert!(
                so_far <= limit,
                "seed {}: no {event} within {limit:?}: {:?}",
                self.seed,
                self.items.borrow()
            );
        }
        self.network.elapsed().saturating_sub(began)
    }

    fn simulator(&self) -> Arc<Simulator> {
        Arc::clone(self.exchange.borrow().as_ref().unwrap())
    }

    fn set(&self, currency: &str, amount: i64) {
        self.simulator().set_balance(Balance::new(currency, Decimal::from(amount))).unwrap();
    }

    /// Returns whether the bot's state is fresh and matches the exchange.
    fn is_in_sync(&self) -> bool {
        let view = self.reader.borrow().as_ref().and_then(Reader::current);
        let (Some(view), Some(simulator)) = (view, self.exchange.borrow().clone()) else { return false };
        !view.is_stale() && view.state().iter().eq(simulator.balances().values())
    }

    /// Returns the bot's items since the last call.
    fn take_items(&self) -> Vec<Item<AccountBalance>> {
        self.items.take()
    }

    /// Runs until the connection is lost and returns the reason and the time that this took.
    fn run_until_lost(&mut self, limit: Duration) -> (ErrorKind, Duration) {
        let reason = |harness: &Self| {
            harness.items.borrow().iter().find_map(|item| match item {
                Item::Disconnected(disconnected) => Some(disconnected.error.kind()),
                _ => None,
            })
        };
        let took = self.run_until("loss", limit, |harness| reason(harness).is_some());
        (reason(self).unwrap(), took)
    }

    /// Runs until the bot is in sync again and asserts that a reconnect, a gap and a snapshot caused this.
    fn assert_recovers(&mut self) {
        self.run_until("recovery", RECOVERY, Self::is_in_sync);
        let items = self.take_items();
        let data: Vec<_> = items
            .iter()
            .skip_while(|item| !matches!(item, Item::Connected(_)))
            .filter(|item| !matches!(item, Item::Disconnected(_)))
            .collect();
        let as_expected = matches!(data[..], [Item::Connected(_), Item::Gap(_), Item::Snapshot(_), ..]);
        assert!(as_expected, "seed {}: {items:?}", self.seed);
        let nonces: Vec<_> =
            self.simulator().upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect();
        assert!(nonces.is_sorted_by(|a, b| a < b), "{nonces:?}");
    }
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

#[test]
fn fault_04_a_partition_is_detected_within_the_idle_limit() {
    for seed in SEEDS {
        let mut harness = Harness::start(seed);
        harness.network.partition(BOT, EXCHANGE);
        harness.set("BTC", 7);
        let (reason, took) = harness.run_until_lost(Duration::from_secs(30) + TICK);
        assert_eq!(reason, ErrorKind::Idle, "after {took:?}");
        harness.run_for(Duration::from_secs(seed * 20));
        assert!(!harness.is_in_sync());
        harness.network.repair(BOT, EXCHANGE);
        harness.assert_recovers();
    }
}

#[test]
fn fault_05_a_one_way_partition_from_the_server_is_detected_within_the_idle_limit() {
    for seed in SEEDS {
        let mut harness = Harness::start(seed);
        harness.network.partition_oneway(EXCHANGE, BOT);
        harness.set("BTC", 7);
        let (reason, took) = harness.run_until_lost(Duration::from_secs(30) + TICK);
        assert_eq!(reason, ErrorKind::Idle, "after {took:?}");
        harness.run_for(Duration::from_secs(seed * 20));
        assert!(!harness.is_in_sync());
        harness.network.repair_oneway(EXCHANGE, BOT);
        harness.assert_recovers();
    }
}

#[test]
fn fault_06_a_client_whose_pongs_are_lost_is_disconnected_and_recovers() {
    for seed in SEEDS {
        let mut harness = Harness::start(seed);
        harness.network.partition_oneway(BOT, EXCHANGE);
        harness.set("BTC", 7);
        // A ping every 20 s, 5 s for its pong, and the latency of the close.
        let (reason, _) = harness.run_until_lost(Duration::from_millis(25_200));
        assert_eq!(reason, ErrorKind::Network);
        harness.set("BTC", 8);
        harness.run_for(Duration::from_secs(seed * 20));
        harness.network.repair_oneway(BOT, EXCHANGE);
        harness.assert_recovers();
    }
}

#[test]
fn fault_07_messages_held_back_by_a_frozen_network_are_ignored() {
    for seed in SEEDS {
        let mut harness = Harness::start(seed);
        harness.network.hold(BOT, EXCHANGE);
        harness.set("OLD", 1);
        let (reason, _) = harness.run_until_lost(Duration::from_secs(30) + TICK);
        assert_eq!(reason, ErrorKind::Idle);
        harness.simulator().update_balances(|holdings| {
            holdings.remove(&"OLD".into());
        });
        harness.run_for(Duration::from_secs(seed));
        // All packets that were held back now arrive, including the update on the old connection.
        harness.network.release(BOT, EXCHANGE);
        harness.assert_recovers();
        harness.run_for(Duration::from_secs(60));
        assert!(harness.is_in_sync());
    }
}

#[test]
fn fault_03_a_client_recovers_after_its_server_crashed_and_restarted() {
    for seed in SEEDS {
        let mut harness = Harness::start(seed);
        harness.set("BTC", 7);
        harness.network.crash(EXCHANGE);
        harness.run_until_lost(Duration::from_secs(30) + TICK);
        harness.set("BTC", 8);
        harness.run_for(Duration::from_secs(seed * 20));
        harness.network.bounce(EXCHANGE);
        harness.assert_recovers();
    }
}

/// With latencies of up to 4 s, dials in progress at the same time would overtake each other.
#[test]
fn fault_24_dials_of_one_client_do_not_overtake_each_other() {
    for seed in SEEDS {
        let time = Time::default();
        let (mut network, exchange) = network(seed, Duration::from_secs(4), &time);
        let builder = bot(&time, seed);
        network.client(BOT, async move {
            let mut account = builder.build()?.account();
            while !account.current().is_fresh() {
                account.next().await.ok_or("the account ended")?;
            }
            Ok(())
        });
        while !network.step().unwrap() {
            let elapsed = u64::try_from(network.elapsed().as_millis()).unwrap();
            time.0.store(elapsed, Ordering::Relaxed);
        }
        let dials = exchange.borrow().as_ref().unwrap().upgrade_attempts();
        assert!(dials.iter().all(bitopro_sim::UpgradeAttempt::is_accepted), "seed {seed}: {dials:?}");
    }
}
