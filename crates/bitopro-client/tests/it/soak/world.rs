use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use bitopro_client::model::{
    Action, Balance, Condition, Decimal, Order, OrderStatus, PrivateStream, Timestamp,
};
use bitopro_client::transport::Refusal;
use bitopro_client::{Account, Client, OrderUpdates, Subscription, WallClock};
use bitopro_sim::{Clock, Command, NewOrder, Push, Simulator, refusal};
use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::time::{Instant, sleep, timeout};

use super::checks::RETRY_AFTER_CAP;
use super::network::{Network, Passage};
use super::schedule::{Fault, RetryAfter, Schedule, Step};
use super::turns::Turns;
use crate::oracle::Oracle;

/// How far the client's clock may be from the exchange's before the exchange minds.
const SKEW_LIMIT_SECONDS: i64 = 20;

/// A simulator, the network to it, and an account that is followed over it: in memory, on one paused clock.
pub(super) struct World {
    pub(super) simulator: Simulator,
    pub(super) network: Network,
    pub(super) account: Subscription<Account>,
    pub(super) oracle: Oracle,
    updates: OrderUpdates,
    pub(super) turns: Turns,
    clock: Clock,
    skew_seconds: Arc<AtomicI64>,
    /// Whether the exchange's clock was moved, so that each stream may be refused for it once.
    pub(super) is_clock_moved: bool,
    /// The longest wait that the exchange asked for.
    pub(super) asked: Duration,
    /// How much of the time that is allowed for it a recovery took.
    pub(super) longest_recovery: f64,
    server_offset: Duration,
    is_reading: bool,
    start: Instant,
    shows: bool,
}

impl World {
    pub(super) fn new(schedule: &Schedule, shows: bool) -> Self {
        let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
        let builder = schedule.exchange.builder().with_seed(schedule.seed).with_clock(clock.clone());
        let simulator = builder.start_in_memory().unwrap();
        let network = Network::new(simulator.connector());
        let (wall, skew_seconds) = (clock.clone(), Arc::new(AtomicI64::new(0)));
        let skew = Arc::clone(&skew_seconds);
        let updates = schedule.exchange.order_updates();
        let client = Client::builder(simulator.credentials().to_credentials().unwrap())
            .with_endpoint(simulator.ws_url())
            .with_connector(network.clone())
            .with_wall_clock(WallClock::new(move || skewed(&wall, skew.load(Ordering::Relaxed))))
            .with_order_updates(updates)
            .with_queue_capacity(schedule.queue_capacity)
            .with_seed(schedule.seed);
        let client = client.build().unwrap();
        let account = client.account();
        if schedule.seed % 3 == 1 {
            network.make_coarse();
        }
        Self {
            oracle: Oracle::new(client.changes(), updates),
            turns: Turns::default(),
            simulator,
            network,
            account,
            updates,
            clock,
            skew_seconds,
            is_clock_moved: false,
            asked: Duration::ZERO,
            longest_recovery: 0.0,
            server_offset: Duration::ZERO,
            is_reading: true,
            start: Instant::now(),
            shows,
        }
    }

    /// Plays a step, and lets the world go on for as long as it says.
    pub(super) async fn play(&mut self, step: &Step) {
        if self.shows {
            println!("{:>10.3} {:?}", self.start.elapsed().as_secs_f64(), step.fault);
        }
        self.inject(&step.fault).await;
        self.go_on(step.pause).await;
    }

    /// Heals everything, and lets time pass until the account is true again, or should be.
    pub(super) async fn recover(&mut self) {
        self.heal();
        let (healed, bound) = (Instant::now(), self.bound());
        while self.network.is_cut() || !self.needlessly_stale().is_empty() {
            assert!(healed.elapsed() < bound, "{:?} not true {bound:?} after all has healed", self.stale());
            self.go_on(Duration::from_secs(1)).await;
        }
        self.longest_recovery = self.longest_recovery.max(healed.elapsed().div_duration_f64(bound));
        // What is still under way arrives.
        self.go_on(Duration::from_secs(1)).await;
    }

    /// Lets time pass, with a consumer that reads unless it has stalled.
    pub(super) async fn go_on(&mut self, time: Duration) {
        if !self.is_reading {
            return sleep(time).await;
        }
        let end = Instant::now() + time;
        while let Ok(Some(item)) = timeout(end - Instant::now(), self.account.next()).await {
            if self.shows {
                println!("{:>10.3}     {item:?}", self.start.elapsed().as_secs_f64());
            }
            self.oracle.apply(&item);
            self.turns.apply(&item);
        }
        // A stream that ended does not take the time that was asked for.
        sleep(end - Instant::now()).await;
    }

    /// Ends what is wrong with the world. What it led to is the client's to mend.
    fn heal(&mut self) {
        self.network.heal();
        self.simulator.execute(&Command::ResumePings).unwrap();
        self.is_reading = true;
    }

    /// Forgets what it noted of times that are over and were looked at.
    pub(super) fn forget(&mut self) {
        self.oracle.forget();
        self.network.forget();
        self.turns = Turns::default();
    }

    /// All streams are connected, over connections that live, and nothing is in store for them.
    fn is_calm(&self) -> bool {
        self.simulator.connections() == PrivateStream::ALL.len()
            && !self.network.refuses()
            && !self.network.is_cut()
    }

    async fn inject(&mut self, fault: &Fault) {
        let simulator = &self.simulator;
        match *fault {
            Fault::Tick => drop(simulator.tick()),
            Fault::TickTwice => self.send_again(&simulator.tick()),
            Fault::Place(number) => drop(simulator.place(&self.new_order(number))),
            Fault::FillInPart(number) => drop(self.fill_in_part(number)),
            Fault::Fill(number) => drop(self.open(number).map(|order| simulator.fill_rest(&order.id))),
            Fault::Cancel(number) => drop(self.open(number).map(|order| simulator.cancel(&order.id))),
            Fault::Trigger(number) => drop(self.open(number).map(|order| simulator.trigger(&order.id))),
            Fault::Older(number) => self.send_older(number).await,
            Fault::SetBalance(number) => {
                let currency = format!("C{}", number % 8);
                drop(simulator.set_balance(Balance::new(currency.as_str(), Decimal::new(number.into(), 3))));
            }
            Fault::TakeBalance(number) => {
                simulator.update_balances(|truth| {
                    let taken = truth.keys().nth(usize::from(number) % truth.len().max(1)).cloned();
                    taken.map(|currency| truth.remove(&currency));
                });
                self.execute(&Command::Disconnect(Some(PrivateStream::AccountBalance)));
            }
            Fault::Close(which, code) => self.execute(&Command::close(which, code, "restart")),
            Fault::Disconnect(which) => self.execute(&Command::Disconnect(which)),
            Fault::HalfOpen(which) => self.network.cut(which),
            Fault::DialsHang => self.network.set(Passage::Hangs),
            Fault::DialsFail => self.network.set(Passage::Fails),
            Fault::DialsPass => self.network.set(Passage::Open),
            Fault::Refuse(count, status) => {
                for _ in 0..count {
                    self.network.refuse(move || refused(status));
                }
            }
            Fault::RateLimit(wait) => self.rate_limit(wait),
            Fault::RefuseOnce(409) if self.is_calm() => {
                let now = self.server_clock();
                self.network.refuse(move || refusal::clock_conflict(now()));
            }
            Fault::RefuseOnce(status) if self.is_calm() => self.network.refuse(move || refused(status)),
            Fault::WrongPath => self.network.refuse(refusal::unknown_path),
            Fault::Malformed(which, number) => self.send(which, &malformed(which, number)),
            Fault::Unknown(which) => self.send(which, r#"{"event":"NEWS","data":[{"null":null}]}"#),
            Fault::PingsPause => self.execute(&Command::PausePings),
            Fault::PingsResume => self.execute(&Command::ResumePings),
            Fault::ServerClock(ahead) if self.is_calm() => {
                self.is_clock_moved = true;
                self.server_offset += ahead;
                let offset_ms = self.server_offset.as_millis().try_into().unwrap();
                self.execute(&Command::SetClockOffsetMs(offset_ms));
            }
            // At any other time it could be one refusal too many, which is final.
            Fault::RefuseOnce(_) | Fault::ServerClock(_) => {}
            Fault::ClientClockSeconds(step) => {
                let skew = self.skew_seconds.load(Ordering::Relaxed) + step;
                let within = skew.clamp(-SKEW_LIMIT_SECONDS, SKEW_LIMIT_SECONDS);
                self.skew_seconds.store(within, Ordering::Relaxed);
            }
            Fault::ConsumerStalls => {
                self.is_reading = false;
                self.turns.blind();
            }
            Fault::ConsumerReads => self.is_reading = true,
            Fault::Resync => self.account.resync(),
        }
    }

    /// The exchange's clock, as a dial finds it.
    fn server_clock(&self) -> impl Fn() -> Timestamp + Send + use<> {
        let (clock, offset) = (self.clock.clone(), self.server_offset);
        move || {
            let offset = i64::try_from(offset.as_millis()).unwrap();
            Timestamp::from_millis(clock.now().as_millis() + offset)
        }
    }

    fn rate_limit(&mut self, wait: RetryAfter) {
        let now = self.server_clock();
        let asked = match wait {
            RetryAfter::Missing => Duration::ZERO,
            RetryAfter::Seconds(seconds) | RetryAfter::Date(seconds) => Duration::from_secs(seconds),
            RetryAfter::Absurd(_) => RETRY_AFTER_CAP,
        };
        self.asked = self.asked.max(asked);
        self.network.refuse(move || {
            let mut refusal = refusal::with_date(refusal::too_many_requests(None), now());
            let later = |seconds: u64| {
                let later = now().to_system_time().unwrap() + Duration::from_secs(seconds);
                httpdate::fmt_http_date(later)
            };
            let value = match wait {
                RetryAfter::Missing => return refusal,
                RetryAfter::Seconds(seconds) => seconds.to_string(),
                RetryAfter::Date(seconds) => later(seconds),
                RetryAfter::Absurd(text) => text.to_owned(),
            };
            refusal.headers.insert(RETRY_AFTER, value.parse().unwrap());
            refusal
        });
    }

    fn send(&self, which: Option<PrivateStream>, text: &str) {
        self.execute(&Command::text(which, text));
    }

    fn execute(&self, command: &Command) {
        self.simulator.execute(command).unwrap();
    }

    fn send_again(&self, pushes: &[Push]) {
        for push in pushes {
            self.execute(&Command::text(push.stream, push.text.as_str()));
        }
    }

    /// Only orders have a time by which news are told from what is older.
    async fn send_older(&self, number: u8) {
        if self.updates == OrderUpdates::WholePair || !self.is_calm() {
            return;
        }
        let Some(mut older) = self.fill_in_part(number) else { return };
        // Within one millisecond nothing tells which came first.
        sleep(Duration::from_millis(5)).await;
        self.fill_in_part(number);
        older
            .retain(|push| matches!(push.stream, PrivateStream::ActiveOrders | PrivateStream::HistoryOrders));
        self.send_again(&older);
    }

    fn open(&self, number: u8) -> Option<Order> {
        let open = self.simulator.open_orders();
        let count = open.len().max(1);
        open.into_iter().nth(usize::from(number) % count)
    }

    fn fill_in_part(&self, number: u8) -> Option<Vec<Push>> {
        let order = self.open(number).filter(|order| order.status != OrderStatus::NotTriggered)?;
        self.simulator.fill(&order.id, Decimal::new(1, 5)).ok()
    }

    fn new_order(&self, number: u8) -> NewOrder {
        let pair = match number % 3 {
            0 => "btc_twd",
            1 => "eth_twd",
            _ => "xrp_twd",
        };
        let price = self.simulator.market_price(pair).unwrap();
        let (below, above) = (price * Decimal::new(9, 1), price * Decimal::new(11, 1));
        let amount = Decimal::new(2, 3);
        match number / 3 % 5 {
            0 => NewOrder::limit(pair, Action::Buy, amount, below),
            1 => NewOrder::limit(pair, Action::Sell, amount, above),
            2 => NewOrder::post_only(pair, Action::Buy, amount, if number > 127 { above } else { below }),
            3 => NewOrder::market(pair, Action::Sell, amount),
            _ => NewOrder::limit(pair, Action::Sell, amount, below).with_stop(Condition::AtOrBelow, below),
        }
        .with_client_id(u32::from(number) + 1)
    }
}

fn skewed(clock: &Clock, seconds: i64) -> SystemTime {
    Timestamp::from_millis(clock.now().as_millis() + seconds * 1000).to_system_time().unwrap()
}

fn refused(status: u16) -> Refusal {
    match status {
        502 => refusal::bad_gateway(),
        status => Refusal::new(StatusCode::from_u16(status).unwrap()),
    }
}

/// A message of the stream that cannot be read; of every stream, one that is no message at all.
fn malformed(which: Option<PrivateStream>, number: u8) -> String {
    let Some(stream) = which else { return "{\"event\":\"ACCOUNT_BALANCE\",\"data\":".to_owned() };
    match number % 3 {
        0 => format!(r#"{{"event":"{}","timestamp":1}}"#, stream.event()),
        1 => format!(r#"{{"event":"{}","timestamp":1,"data":"#, stream.event()),
        _ => "\u{0}".to_owned(),
    }
}
