//! A network of two hosts, simulated by turmoil: partitions in both directions and in one, stalls, a server that
//! crashes. Everything is drawn from a seed, and no time passes but the simulated.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bitopro_client::model::{AccountBalance, Balance, Balances, Decimal, Timestamp};
use bitopro_client::transport::{
    Connection, Connector, Error, ErrorKind as Beneath, Request, TungsteniteConnector,
};
use bitopro_client::{Client, ClientBuilder, ErrorKind, Item, Reader, WallClock};
use bitopro_sim::{Clock, SimCredentials, Simulator, SimulatorBuilder};
use tokio::time::{Instant, timeout};
use turmoil::net::{TcpListener, TcpStream};

const BOT: &str = "bot";
const EXCHANGE: &str = "exchange";
const PORT: u16 = 9443;
const START_MS: u64 = 1_767_225_600_000;
const TICK: Duration = Duration::from_millis(20);

/// What may pass after the last fault: the idle limit, the longest backoff, the dial deadline.
const RECOVERY: Duration = Duration::from_secs(30 + 30 + 10);

/// Dials over the simulated network.
struct Simulated;

#[async_trait]
impl Connector for Simulated {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let (began, deadline) = (Instant::now(), request.deadline());
        let stream = timeout(deadline, TcpStream::connect((EXCHANGE, PORT)))
            .await
            .map_err(|late| {
                Error::new(Beneath::TimedOut, "no answer from the simulated host").with_source(late)
            })?
            .map_err(|error| Error::new(Beneath::Connect, "no simulated connection").with_source(error))?;
        let request = request.with_deadline(deadline.saturating_sub(began.elapsed()));
        TungsteniteConnector::new().connect_over(stream, request).await
    }
}

/// The time that both hosts go by, in milliseconds since the beginning.
#[derive(Clone, Default)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn millis(&self) -> u64 {
        START_MS + self.0.load(Ordering::Relaxed)
    }

    fn of_exchange(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || Timestamp::from_millis(i64::try_from(time.millis()).unwrap()))
    }

    fn of_bot(&self) -> WallClock {
        let time = self.clone();
        WallClock::new(move || UNIX_EPOCH + Duration::from_millis(time.millis()))
    }
}

type Shared<T> = Rc<RefCell<T>>;

struct World {
    seed: u64,
    network: turmoil::Sim<'static>,
    time: Time,
    /// The simulator of the last start.
    exchange: Shared<Option<Arc<Simulator>>>,
    items: Shared<Vec<Item<AccountBalance>>>,
    reader: Shared<Option<Reader<Balances>>>,
}

fn exchange(time: &Time) -> SimulatorBuilder {
    Simulator::builder().with_clock(time.of_exchange())
}

fn bot(time: &Time, seed: u64) -> ClientBuilder {
    Client::builder(SimCredentials::demo().to_credentials().unwrap())
        .with_endpoint(format!("ws://localhost:{PORT}/ws"))
        .with_connector(Simulated)
        .with_wall_clock(time.of_bot())
        .with_seed(seed)
}

/// A network with this seed and latency, on which the exchange keeps its account when it is started anew.
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

impl World {
    /// A bot that follows its balances and has heard of all of them.
    fn settled(seed: u64) -> Self {
        let time = Time::default();
        let (mut network, exchange) = network(seed, Duration::from_millis(100), &time);
        let items: Shared<Vec<Item<AccountBalance>>> = Rc::default();
        let reader: Shared<Option<Reader<Balances>>> = Rc::default();
        let (heard, read, builder) = (Rc::clone(&items), Rc::clone(&reader), bot(&time, seed));
        network.client(BOT, async move {
            let mut balances = builder.build()?.balances();
            *read.borrow_mut() = Some(balances.reader());
            while let Some(item) = balances.next().await {
                heard.borrow_mut().push(item);
            }
            Ok(())
        });
        let mut world = Self { seed, network, time, exchange, items, reader };
        world.until("a first snapshot", RECOVERY, Self::agrees);
        world.heard();
        world
    }

    fn step(&mut self) {
        assert!(!self.network.step().unwrap(), "the bot has ended");
        let elapsed = u64::try_from(self.network.elapsed().as_millis()).unwrap();
        self.time.0.store(elapsed, Ordering::Relaxed);
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let end = self.network.elapsed() + time;
        while self.network.elapsed() < end {
            self.step();
        }
    }

    /// Lets time pass until this is so, which must not take longer than that, and tells how long it took.
    fn until(&mut self, what: &str, limit: Duration, is_so: impl Fn(&Self) -> bool) -> Duration {
        let began = self.network.elapsed();
        while !is_so(self) {
            self.step();
            let so_far = self.network.elapsed().saturating_sub(began);
            assert!(so_far <= limit, "seed {}: no {what}: {:?}", self.seed, self.items.borrow());
        }
        self.network.elapsed().saturating_sub(began)
    }

    fn simulator(&self) -> Arc<Simulator> {
        Arc::clone(self.exchange.borrow().as_ref().unwrap())
    }

    fn set(&self, currency: &str, amount: i64) {
        self.simulator().set_balance(Balance::new(currency, Decimal::from(amount))).unwrap();
    }

    /// Whether the bot's state is the exchange's, and it says so.
    fn agrees(&self) -> bool {
        let view = self.reader.borrow().as_ref().and_then(Reader::current);
        let (Some(view), Some(simulator)) = (view, self.exchange.borrow().clone()) else { return false };
        !view.is_stale() && view.state().iter().eq(simulator.balances().values())
    }

    /// What the bot has heard since it was asked last.
    fn heard(&self) -> Vec<Item<AccountBalance>> {
        self.items.take()
    }

    /// Lets time pass until the connection is lost, and tells why and when.
    fn until_lost(&mut self, limit: Duration) -> (ErrorKind, Duration) {
        let why = |world: &Self| {
            world.items.borrow().iter().find_map(|item| match item {
                Item::Disconnected(disconnected) => Some(disconnected.error.kind()),
                _ => None,
            })
        };
        let took = self.until("loss", limit, |world| why(world).is_some());
        (why(self).unwrap(), took)
    }

    /// Lets time pass until the bot knows the truth again, which it must have learned from a snapshot after a gap.
    fn recovers(&mut self) {
        self.until("recovery", RECOVERY, Self::agrees);
        let heard = self.heard();
        let data: Vec<_> = heard
            .iter()
            .skip_while(|item| !matches!(item, Item::Connected(_)))
            .filter(|item| !matches!(item, Item::Disconnected(_)))
            .collect();
        let as_expected = matches!(data[..], [Item::Connected(_), Item::Gap(_), Item::Snapshot(_), ..]);
        assert!(as_expected, "seed {}: {heard:?}", self.seed);
        let nonces: Vec<_> =
            self.simulator().upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect();
        assert!(nonces.is_sorted_by(|a, b| a < b), "{nonces:?}");
    }
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

#[test]
fn fault_04_a_partition_is_noticed_within_the_idle_limit_and_healed() {
    for seed in SEEDS {
        let mut world = World::settled(seed);
        world.network.partition(BOT, EXCHANGE);
        world.set("BTC", 7);
        let (why, took) = world.until_lost(Duration::from_secs(30) + TICK);
        assert_eq!(why, ErrorKind::Idle, "after {took:?}");
        world.pass(Duration::from_secs(seed * 20));
        assert!(!world.agrees());
        world.network.repair(BOT, EXCHANGE);
        world.recovers();
    }
}

#[test]
fn fault_05_a_partition_of_what_the_server_sends_is_noticed_and_healed() {
    for seed in SEEDS {
        let mut world = World::settled(seed);
        world.network.partition_oneway(EXCHANGE, BOT);
        world.set("BTC", 7);
        let (why, took) = world.until_lost(Duration::from_secs(30) + TICK);
        assert_eq!(why, ErrorKind::Idle, "after {took:?}");
        world.pass(Duration::from_secs(seed * 20));
        assert!(!world.agrees());
        world.network.repair_oneway(EXCHANGE, BOT);
        world.recovers();
    }
}

#[test]
fn fault_06_a_client_whose_pongs_vanish_is_dropped_and_converges() {
    for seed in SEEDS {
        let mut world = World::settled(seed);
        world.network.partition_oneway(BOT, EXCHANGE);
        world.set("BTC", 7);
        // A ping every 20 s, 5 s for its answer, and the way of the end.
        let (why, _) = world.until_lost(Duration::from_millis(25_200));
        assert_eq!(why, ErrorKind::Network);
        world.set("BTC", 8);
        world.pass(Duration::from_secs(seed * 20));
        world.network.repair_oneway(BOT, EXCHANGE);
        world.recovers();
    }
}

#[test]
fn fault_07_a_network_that_froze_and_goes_on_delivers_nothing_of_before() {
    for seed in SEEDS {
        let mut world = World::settled(seed);
        world.network.hold(BOT, EXCHANGE);
        world.set("OLD", 1);
        let (why, _) = world.until_lost(Duration::from_secs(30) + TICK);
        assert_eq!(why, ErrorKind::Idle);
        world.simulator().update_balances(|holdings| {
            holdings.remove(&"OLD".into());
        });
        world.pass(Duration::from_secs(seed));
        // Everything that was under way arrives now, the update of the old connection among it.
        world.network.release(BOT, EXCHANGE);
        world.recovers();
        world.pass(Duration::from_secs(60));
        assert!(world.agrees());
    }
}

#[test]
fn fault_03_a_server_that_crashes_and_starts_anew_is_found_again() {
    for seed in SEEDS {
        let mut world = World::settled(seed);
        world.set("BTC", 7);
        world.network.crash(EXCHANGE);
        world.until_lost(Duration::from_secs(30) + TICK);
        world.set("BTC", 8);
        world.pass(Duration::from_secs(seed * 20));
        world.network.bounce(EXCHANGE);
        world.recovers();
    }
}

/// Latencies of up to 4 s let whatever is under way at the same time overtake each other.
#[test]
fn fault_24_dials_of_one_client_do_not_overtake_each_other() {
    for seed in SEEDS {
        let time = Time::default();
        let (mut network, exchange) = network(seed, Duration::from_secs(4), &time);
        let builder = bot(&time, seed);
        network.client(BOT, async move {
            let mut account = builder.build()?.account();
            while !account.current().is_fresh() {
                account.next().await.ok_or("it ended")?;
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
