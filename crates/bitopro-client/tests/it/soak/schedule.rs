use std::fmt;
use std::time::Duration;

use bitopro_client::OrderUpdates;
use bitopro_client::model::PrivateStream;
use bitopro_sim::{OrderTimes, Quirks, Simulator, SimulatorBuilder};
use fastrand::Rng;

use crate::simulated::order_updates;

/// A complete run: the options of the exchange, the queue capacity of the client, and the faults in order.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) exchange: ExchangeOptions,
    pub(super) queue_capacity: usize,
    pub(super) steps: Vec<Step>,
}

/// The options of the simulator that change the messages it sends.
#[derive(Debug)]
pub(super) struct ExchangeOptions {
    pub(super) quirks: Quirks,
    ping_seconds: u64,
}

/// Faults of the REST API, which the backfill has to survive.
pub(crate) const REST_FAULTS: [&str; 5] = [
    "fail-rest 3 502",
    "fail-rest 1 429",
    "fail-rest 2 lose",
    "fail-rest 1 truncate",
    "fail-rest 1 delay 9000",
];

#[derive(Debug)]
pub(super) struct Step {
    pub(super) fault: Fault,
    /// A command that makes calls of the REST API fail.
    pub(super) rest_fault: Option<&'static str>,
    /// The time until the next step.
    pub(super) pause: Duration,
}

/// One stream, or all four if `None`.
pub(super) type StreamOrAll = Option<PrivateStream>;

/// An event that affects an account, its connections or its subscriber. A number selects among the orders or
/// balances of that moment.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// Ordinary trading.
    Tick,
    /// Ordinary trading, with every message delivered twice.
    TickTwice,
    Place(u8),
    FillPartly(u8),
    Fill(u8),
    Cancel(u8),
    Trigger(u8),
    /// An order is partly filled twice, and the messages of the first fill are resent.
    RepeatOlderFill(u8),
    SetBalance(u8),
    /// A currency disappears, which only a new snapshot reveals.
    RemoveBalance(u8),
    Close(StreamOrAll, u16),
    Disconnect(StreamOrAll),
    /// All further traffic of these connections is dropped, without notifying either end.
    HalfOpen(StreamOrAll),
    /// Dials are not answered.
    DialsHang,
    /// Dials fail.
    DialsFail,
    /// Dials succeed again.
    DialsSucceed,
    Refuse(usize, u16),
    RateLimit(RetryAfter),
    /// A refusal that becomes final the second time (401) or the third time (409).
    RefuseOnce(u16),
    /// The answer to an unknown path, which is final immediately.
    WrongPath,
    Malformed(StreamOrAll, u8),
    Unknown(StreamOrAll),
    PausePings,
    ResumePings,
    ServerClock(Duration),
    ClientClockSeconds(i64),
    SubscriberStalls,
    SubscriberReads,
    Resync,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum RetryAfter {
    Missing,
    Seconds(u64),
    Date(u64),
    /// An excessive number of seconds, or a meaningless text.
    Absurd(&'static str),
}

impl Schedule {
    pub(super) fn draw(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let exchange = ExchangeOptions::draw(&mut random, seed);
        let queue_capacity = random.choice([1, 16, 1024]).unwrap_or(1024);
        // Faults of the REST API have their own generator, so that a seed keeps its other faults.
        let mut rest = Rng::with_seed(seed.rotate_left(32));
        let steps = (0..random.usize(1..60)).map(|_| Step::draw(&mut random, &mut rest)).collect();
        Self { seed, exchange, queue_capacity, steps }
    }
}

impl Schedule {
    /// Returns a schedule without faults, for an exchange that behaves as documented.
    pub(super) fn ordinary() -> Self {
        let exchange = ExchangeOptions { quirks: Quirks::default(), ping_seconds: 20 };
        Self { seed: 0, exchange, queue_capacity: 1024, steps: Vec::new() }
    }
}

impl ExchangeOptions {
    fn draw(random: &mut Rng, seed: u64) -> Self {
        let mut quirks = Quirks::default();
        // The quirks that were added later have their own generator, so that a seed keeps its faults.
        let mut later = Rng::with_seed(!seed);
        for (number, quirk) in Quirks::ALL.iter().enumerate() {
            let random = if number < 8 { &mut *random } else { &mut later };
            let value = random.choice(quirk.values).expect("a quirk has values");
            quirks.set(quirk.name, value.name).unwrap();
        }
        if seed % 3 == 1 {
            // The seeds that once diverged, with such times.
            quirks = quirks.with(OrderTimes::Seconds);
        }
        Self { quirks, ping_seconds: if random.bool() { 20 } else { 1 } }
    }

    pub(super) fn builder(&self) -> SimulatorBuilder {
        Simulator::builder().with_quirks(self.quirks).with_ping_period(Duration::from_secs(self.ping_seconds))
    }

    /// Returns the matching policy of the client.
    pub(super) fn order_updates(&self) -> OrderUpdates {
        order_updates(self.quirks)
    }
}

impl Step {
    fn draw(random: &mut Rng, rest: &mut Rng) -> Self {
        let fault = Fault::draw(random);
        let rest_fault = if rest.u8(..8) == 0 { rest.choice(REST_FAULTS) } else { None };
        let pause = match random.u8(0..10) {
            0..=2 => random.u64(0..50),
            3..=8 => random.u64(0..3_000),
            _ => random.u64(0..90_000),
        };
        Self { fault, rest_fault, pause: Duration::from_millis(pause) }
    }
}

impl Fault {
    fn draw(random: &mut Rng) -> Self {
        let number = random.u8(..);
        let stream = random.choice(PrivateStream::ALL).copied();
        let which = stream.filter(|_| random.u8(0..3) > 0);
        match random.u8(0..100) {
            0..=24 => Self::Tick,
            25..=29 => Self::TickTwice,
            30..=34 => Self::Place(number),
            35..=37 => Self::FillPartly(number),
            38..=40 => Self::Fill(number),
            41..=43 => Self::Cancel(number),
            44 => Self::Trigger(number),
            45..=46 => Self::RepeatOlderFill(number),
            47..=49 => Self::SetBalance(number),
            50..=51 => Self::RemoveBalance(number),
            52..=55 => Self::Close(which, random.choice([1000, 1001, 1011]).unwrap_or(1000)),
            56..=61 => Self::Disconnect(which),
            62..=63 => Self::HalfOpen(which),
            64..=65 => Self::DialsHang,
            66..=67 => Self::DialsFail,
            68..=70 => Self::DialsSucceed,
            71..=74 => {
                Self::Refuse(random.usize(1..4), random.choice([408, 418, 500, 502, 503]).unwrap_or(500))
            }
            75..=76 => Self::RateLimit(RetryAfter::draw(random)),
            77..=78 => Self::RefuseOnce(random.choice([401, 403, 409]).unwrap_or(401)),
            79 if random.u8(0..8) == 0 => Self::WrongPath,
            79..=81 => Self::Malformed(which, number),
            82..=83 => Self::Unknown(which),
            84..=85 => Self::PausePings,
            86..=88 => Self::ResumePings,
            89..=90 => Self::ServerClock(Duration::from_secs(random.u64(0..7_200))),
            91..=92 => Self::ClientClockSeconds(random.i64(-10..=10)),
            93..=94 => Self::SubscriberStalls,
            95..=97 => Self::SubscriberReads,
            _ => Self::Resync,
        }
    }
}

impl RetryAfter {
    fn draw(random: &mut Rng) -> Self {
        let seconds = random.u64(0..120);
        match random.u8(0..10) {
            0..=1 => Self::Missing,
            2..=5 => Self::Seconds(seconds),
            6..=8 => Self::Date(seconds),
            _ => {
                Self::Absurd(random.choice(["31536000", "99999999999999999999999", "soon"]).unwrap_or("soon"))
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, queue of {}", self.seed, self.queue_capacity)?;
        writeln!(f, "{:?}", self.exchange)?;
        for (number, Step { fault, rest_fault, pause }) in self.steps.iter().enumerate() {
            let rest_fault = rest_fault.map(|command| format!("`{command}`, ")).unwrap_or_default();
            writeln!(f, "{number:3}. {rest_fault}{fault:?}, then {pause:?}")?;
        }
        Ok(())
    }
}
