use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use bitopro_client::model::{
    Action, Balance, Condition, Decimal, Order, OrderStatus, PrivateStream, Stream, Timestamp,
};
use bitopro_client::transport::Refusal;
use bitopro_client::{Account, Client, OrderUpdates, Subscription, WallClock};
use bitopro_sim::{Clock, Command, NewOrder, Push, Simulator, refusal};
use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::time::{Instant, sleep, timeout};

use super::checks::RETRY_AFTER_CAP;
use super::dial_order::DialOrder;
use super::network::{DialMode, Network};
use super::schedule::{Fault, RetryAfter, Schedule, Step};
use crate::oracle::Oracle;

/// The largest difference between the clocks of client and exchange that the exchange tolerates.
const SKEW_LIMIT_SECONDS: i64 = 20;

/// The longest time until a backfill ends. The pause after a failure is at most 5 minutes, and the schedules make at most
/// 20 calls fail.
const BACKFILL_BOUND: Duration = Duration::from_secs(2 * 3_600);

/// A simulator, the network to it and an account that follows it, in memory and on one paused clock.
pub(super) struct Harness {
    pub(super) simulator: Simulator,
    pub(super) network: Network,
    pub(super) account: Subscription<Account>,
    pub(super) oracle: Oracle,
    updates: OrderUpdates,
    pub(super) dial_order: DialOrder,
    clock: Clock,
    skew_seconds: Arc<AtomicI64>,
    /// The exchange's clock was moved, so each stream may be refused once because of it.
    pub(super) is_clock_moved: bool,
    /// The longest delay that the exchange requested.
    pub(super) requested_delay: Duration,
    /// The longest recovery, as a fraction of its bound.
    pub(super) longest_recovery: f64,
    server_offset: Duration,
    is_reading: bool,
    start: Instant,
    is_verbose: bool,
}

impl Harness {
    pub(super) fn new(schedule: &Schedule, is_verbose: bool) -> Self {
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
            .with_rest_endpoint(simulator.rest_url())
            .with_http_client(simulator.connector())
            .with_wall_clock(WallClock::new(move || skewed(&wall, skew.load(Ordering::Relaxed))))
            .with_order_updates(updates)
            .with_queue_capacity(schedule.queue_capacity)
            .with_seed(schedule.seed);
        let client = client.build().unwrap();
        let account = client.account();
        Self {
            oracle: Oracle::new(client.changes(), updates),
            dial_order: DialOrder::default(),
            simulator,
            network,
            account,
            updates,
            clock,
            skew_seconds,
            is_clock_moved: false,
            requested_delay: Duration::ZERO,
            longest_recovery: 0.0,
            server_offset: Duration::ZERO,
            is_reading: true,
            start: Instant::now(),
            is_verbose,
        }
    }

    /// Injects the fault of a step and waits for its pause.
    pub(super) async fn run_step(&mut self, step: &Step) {
        if self.is_verbose {
            println!("{:>10.3} {:?}", self.start.elapsed().as_secs_f64(), step.fault);
        }
        if let Some(fault) = step.rest_fault {
            self.execute(&fault.parse().unwrap());
        }
        self.inject(&step.fault).await;
        self.pass(step.pause).await;
    }

    /// Ends all faults and waits until the account has recovered. Panics if that takes longer than the bound.
    pub(super) async fn recover(&mut self) {
        self.heal();
        let (healed, bound) = (Instant::now(), self.bound());
        while self.network.has_cut_connection() || !self.unexpectedly_stale().is_empty() {
            assert!(
                healed.elapsed() < bound,
                "{:?} still stale {bound:?} after all faults have ended",
                self.stale()
            );
            self.pass(Duration::from_secs(1)).await;
        }
        self.longest_recovery = self.longest_recovery.max(healed.elapsed().div_duration_f64(bound));
        // Waits for messages that are still in flight.
        self.pass(Duration::from_secs(1)).await;
    }

    /// Waits until the backfill has asked for everything that was lost.
    pub(super) async fn finish_backfill(&mut self) {
        let start = Instant::now();
        loop {
            self.pass(Duration::from_secs(120)).await;
            if !self.oracle.recovery.is_open || self.stale().contains(&PrivateStream::UserTrades) {
                return;
            }
            assert!(start.elapsed() < BACKFILL_BOUND, "the gap is still open");
        }
    }

    /// Lets time pass. Meanwhile, the subscriber reads, unless it has stalled.
    pub(super) async fn pass(&mut self, time: Duration) {
        if !self.is_reading {
            return sleep(time).await;
        }
        let end = Instant::now() + time;
        while let Ok(Some(item)) = timeout(end - Instant::now(), self.account.next()).await {
            if self.is_verbose {
                println!("{:>10.3}     {item:?}", self.start.elapsed().as_secs_f64());
            }
            self.oracle.apply(&item);
            self.dial_order.apply(&item);
        }
        // Reading ends early if all streams have ended.
        sleep(end - Instant::now()).await;
    }

    /// Ends all faults. Recovering from their effects is up to the client.
    fn heal(&mut self) {
        self.network.heal();
        self.simulator.execute(&Command::ResumePings).unwrap();
        self.is_reading = true;
    }

    /// Clears the records of a period that has been checked.
    pub(super) fn clear_records(&mut self) {
        self.oracle.clear_records();
        self.network.clear_log();
        self.dial_order = DialOrder::default();
    }

    /// Returns whether all streams are connected, no connection is cut and no refusal is pending.
    fn is_healthy(&self) -> bool {
        self.simulator.connections() == PrivateStream::ALL.len()
            && !self.network.has_pending_refusals()
            && !self.network.has_cut_connection()
    }

    async fn inject(&mut self, fault: &Fault) {
        let simulator = &self.simulator;
        match *fault {
            Fault::Tick => drop(simulator.tick()),
            Fault::TickTwice => self.send_again(&simulator.tick()),
            Fault::Place(number) => drop(simulator.place(&self.new_order(number))),
            Fault::FillPartly(number) => drop(self.fill_partly(number)),
            Fault::Fill(number) => {
                drop(self.open_order(number).map(|order| simulator.fill_remaining(&order.id)));
            }
            Fault::Cancel(number) => drop(self.open_order(number).map(|order| simulator.cancel(&order.id))),
            Fault::Trigger(number) => drop(self.open_order(number).map(|order| simulator.trigger(&order.id))),
            Fault::RepeatOlderFill(number) => self.repeat_older_fill(number).await,
            Fault::SetBalance(number) => {
                let currency = format!("C{}", number % 8);
                drop(simulator.set_balance(Balance::new(currency.as_str(), Decimal::new(number.into(), 3))));
            }
            Fault::RemoveBalance(number) => {
                simulator.update_balances(|truth| {
                    let removed = truth.keys().nth(usize::from(number) % truth.len().max(1)).cloned();
                    removed.map(|currency| truth.remove(&currency));
                });
                self.execute(&Command::Disconnect(PrivateStream::AccountBalance.into()));
            }
            Fault::Close(which, code) => {
                self.execute(&Command::close(which.map(Stream::from), code, "restart"));
            }
            Fault::Disconnect(which) => self.execute(&Command::Disconnect(which.map(Stream::from))),
            Fault::HalfOpen(which) => self.network.cut(which),
            Fault::DialsHang => self.network.set_dial_mode(DialMode::Hangs),
            Fault::DialsFail => self.network.set_dial_mode(DialMode::Fails),
            Fault::DialsSucceed => self.network.set_dial_mode(DialMode::Open),
            Fault::Refuse(count, status) => {
                for _ in 0..count {
                    self.network.refuse(move || refused(status));
                }
            }
            Fault::RateLimit(wait) => self.rate_limit(wait),
            Fault::RefuseOnce(409) if self.is_healthy() => {
                let now = self.server_clock();
                self.network.refuse(move || refusal::clock_conflict(now()));
            }
            Fault::RefuseOnce(status) if self.is_healthy() => self.network.refuse(move || refused(status)),
            Fault::WrongPath => self.network.refuse(refusal::unknown_path),
            Fault::Malformed(which, number) => self.send(which, &malformed(which, number)),
            Fault::Unknown(which) => self.send(which, r#"{"event":"NEWS","data":[{"null":null}]}"#),
            Fault::PausePings => self.execute(&Command::PausePings),
            Fault::ResumePings => self.execute(&Command::ResumePings),
            Fault::ServerClock(ahead) if self.is_healthy() => {
                self.is_clock_moved = true;
                self.server_offset += ahead;
                let offset_ms = self.server_offset.as_millis().try_into().unwrap();
                self.execute(&Command::SetClockOffsetMs(offset_ms));
            }
            // If the account is not healthy, one more refusal could be final.
            Fault::RefuseOnce(_) | Fault::ServerClock(_) => {}
            Fault::ClientClockSeconds(step) => {
                let skew = self.skew_seconds.load(Ordering::Relaxed) + step;
                let within = skew.clamp(-SKEW_LIMIT_SECONDS, SKEW_LIMIT_SECONDS);
                self.skew_seconds.store(within, Ordering::Relaxed);
            }
            Fault::SubscriberStalls => {
                self.is_reading = false;
                self.dial_order.disable();
            }
            Fault::SubscriberReads => self.is_reading = true,
            Fault::Resync => self.account.resync(),
        }
    }

    /// Returns the exchange's clock, to be read at the time of a dial.
    fn server_clock(&self) -> impl Fn() -> Timestamp + Send + use<> {
        let (clock, offset) = (self.clock.clone(), self.server_offset);
        move || {
            let offset = i64::try_from(offset.as_millis()).unwrap();
            Timestamp::from_millis(clock.now().as_millis() + offset)
        }
    }

    fn rate_limit(&mut self, wait: RetryAfter) {
        let now = self.server_clock();
        let delay = match wait {
            RetryAfter::Missing => Duration::ZERO,
            RetryAfter::Seconds(seconds) | RetryAfter::Date(seconds) => Duration::from_secs(seconds),
            RetryAfter::Absurd(_) => RETRY_AFTER_CAP,
        };
        self.requested_delay = self.requested_delay.max(delay);
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
        self.execute(&Command::text(which.map(Stream::from), text));
    }

    fn execute(&self, command: &Command) {
        self.simulator.execute(command).unwrap();
    }

    fn send_again(&self, pushes: &[Push]) {
        for push in pushes {
            self.execute(&Command::text(push.stream, push.text.as_str()));
        }
    }

    /// Fills an order twice, and sends the order messages of the first fill again. Only orders carry a time
    /// that identifies a message as older.
    async fn repeat_older_fill(&self, number: u8) {
        if self.updates == OrderUpdates::WholePair || !self.is_healthy() {
            return;
        }
        let Some(mut older) = self.fill_partly(number) else { return };
        // Messages of the same millisecond cannot be ordered.
        sleep(Duration::from_millis(5)).await;
        self.fill_partly(number);
        older
            .retain(|push| matches!(push.stream, PrivateStream::ActiveOrders | PrivateStream::HistoryOrders));
        self.send_again(&older);
    }

    fn open_order(&self, number: u8) -> Option<Order> {
        let open = self.simulator.open_orders();
        let count = open.len().max(1);
        open.into_iter().nth(usize::from(number) % count)
    }

    fn fill_partly(&self, number: u8) -> Option<Vec<Push>> {
        let order = self.open_order(number).filter(|order| order.status != OrderStatus::NotTriggered)?;
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

/// Returns an unreadable message of this stream, or incomplete JSON if it is for all streams.
fn malformed(which: Option<PrivateStream>, number: u8) -> String {
    let Some(stream) = which else { return "{\"event\":\"ACCOUNT_BALANCE\",\"data\":".to_owned() };
    match number % 3 {
        0 => format!(r#"{{"event":"{}","timestamp":1}}"#, stream.event()),
        1 => format!(r#"{{"event":"{}","timestamp":1,"data":"#, stream.event()),
        _ => "\u{0}".to_owned(),
    }
}
