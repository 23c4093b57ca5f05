//! An account that follows a trading simulator. Whatever happens to the connections, the account matches the
//! simulator afterwards, and so do the replayed items and their changes.
#![allow(clippy::print_stdout, reason = "a failing round shows its seed and setting")]

mod settings;

use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::transport::Refusal;
use bitopro_client::{Account, OrderUpdates, Subscription};
use bitopro_sim::{Command, Quirks, Simulator};
use http::StatusCode;
use tokio::time::{sleep, timeout};

use crate::oracle::{GroundTruth, Missing, Oracle};
use crate::simulated::{rounds, simulated};
use crate::soak::schedule::REST_FAULTS;
use settings::{Setting, settings};

/// A simulator and an account that follows it, in memory, on one paused clock.
struct Harness {
    simulator: Simulator,
    account: Subscription<Account>,
    oracle: Oracle,
    quirks: Quirks,
}

impl Harness {
    fn new(setting: &Setting, seed: u64) -> Self {
        let (simulator, client) = simulated(setting.simulator.clone(), seed);
        let updates = setting.updates;
        let client = client.with_order_updates(updates).with_queue_capacity(setting.queue_capacity);
        let client = client.build().unwrap();
        println!("seed {seed}, {}", setting.name);
        let oracle = Oracle::new(client.changes(), updates);
        Self { simulator, account: client.account(), oracle, quirks: setting.quirks }
    }

    /// Reads until no item arrives for this long.
    async fn read(&mut self, quiet: Duration) {
        while let Ok(Some(item)) = timeout(quiet, self.account.next()).await {
            self.oracle.apply(&item);
        }
    }

    fn disturb(&self, random: &mut fastrand::Rng) {
        let execute = |command: &Command| drop(self.simulator.execute(command).unwrap());
        match random.u8(0..26) {
            0 => execute(&Command::Disconnect(None)),
            1 => execute(&Command::close(None, 1001, "restart")),
            2 => {
                self.simulator.refuse_next(random.usize(1..4), Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
            }
            number @ 3..=6 => {
                if let Some(stream) = PrivateStream::ALL.get(usize::from(number) - 3) {
                    execute(&Command::Disconnect((*stream).into()));
                }
            }
            7 => execute(&random.choice(REST_FAULTS).expect("a fault").parse().unwrap()),
            _ => {
                self.simulator.tick();
            }
        }
    }

    /// Trades under random disturbances, then lets the client recover.
    async fn play_round(&mut self, random: &mut fastrand::Rng) {
        for _ in 0..random.usize(1..120) {
            self.disturb(random);
            // Gives the sent messages time to arrive.
            sleep(Duration::from_millis(20)).await;
            let truth = GroundTruth::new(&self.simulator);
            Oracle::assert_fresh_state_matches(&self.account.current(), &truth);
            let pause = Duration::from_millis(random.u64(0..3_000));
            if random.bool() {
                self.read(pause).await;
            } else {
                sleep(pause).await;
            }
        }
        // Refusals may still be pending. Each costs a dial, and by now the budget allows only four dials a
        // minute.
        sleep(Duration::from_secs(900)).await;
        self.read(Duration::from_secs(1)).await;
        // So may failures of the REST API, after which it is asked again within 5 minutes.
        for _ in 0..20 {
            if !self.oracle.recovery.is_open {
                break;
            }
            sleep(Duration::from_secs(300)).await;
            self.read(Duration::from_secs(1)).await;
        }
    }

    /// Asserts that the account matches the simulator and that every missing event lies in a gap. Returns the
    /// number of missing events.
    fn assert_matches(&mut self, is_history_complete: bool) -> usize {
        let current = self.account.current();
        assert!(current.is_fresh(), "{current:?}");
        let truth = GroundTruth::new(&self.simulator);
        self.oracle.assert_matches(&current, &truth, is_history_complete);
        let missing = self.oracle.assert_gaps_cover_missing_events(&current, &self.simulator.sent());
        assert_eq!(missing.out_of_order, 0);
        self.oracle.assert_trades_are_known(&current, &truth, self.quirks);
        missing.all
    }
}

#[tokio::test(start_paused = true)]
async fn under_every_setting_the_account_eventually_matches_the_simulator() {
    let mut missing = 0;
    for (number, setting) in settings().into_iter().enumerate() {
        for round in 0..rounds(4) {
            let seed = u64::try_from(number).unwrap() * 1_000_000 + round;
            let mut random = fastrand::Rng::with_seed(seed);
            let setting = setting.clone().with_random_options(&mut random);
            let mut harness = Harness::new(&setting, seed);
            harness.play_round(&mut random).await;
            missing += harness.assert_matches(setting.is_history_complete);
        }
    }
    assert!(missing > 0, "no round lost an event, so gaps were not tested");
}

#[tokio::test(start_paused = true)]
async fn without_a_disconnect_no_event_is_missing_and_no_gap_is_emitted() {
    // Without the demo account's closed orders, which a history that starts empty never lists.
    let balances = Simulator::builder().start_in_memory().unwrap().balances();
    for mut setting in settings() {
        setting.simulator = setting.simulator.with_balances(balances.values().cloned());
        let mut harness = Harness::new(&setting, 1);
        harness.read(Duration::from_secs(10)).await;
        for _ in 0..100 {
            harness.simulator.tick();
            harness.read(Duration::from_millis(10)).await;
        }
        let sent = harness.simulator.sent();
        for stream in PrivateStream::ALL {
            let (missing, gaps) =
                (harness.oracle.record.missing(*stream, &sent), harness.oracle.record.gaps(*stream));
            assert_eq!((missing, gaps), (Missing::default(), 0), "{stream}");
        }
        assert!(sent.iter().filter(|sent| sent.stream == PrivateStream::UserTrades).count() > 10);
        harness.assert_matches(true);
    }
}

/// Returns whether the open orders ever differed from the simulator's, without any disturbance.
async fn open_orders_differ(setting: &Setting) -> bool {
    let (simulator, client) = simulated(setting.simulator.clone(), 1);
    let mut account = client.with_order_updates(setting.updates).build().unwrap().account();
    let mut has_differed = false;
    for _ in 0..60 {
        while timeout(Duration::from_millis(500), account.next()).await.is_ok() {}
        let known: Vec<_> = account.current().open_orders.unwrap().state().iter().cloned().collect();
        has_differed |= known != simulator.open_orders();
        simulator.tick();
    }
    has_differed
}

/// Messages do not show which interpretation is correct, so only a wrong state reveals a wrong setting.
/// Interpreting complete lists as changes is harmless while the history reports every closed order.
#[tokio::test(start_paused = true)]
async fn with_the_wrong_interpretation_of_updates_the_open_orders_differ() {
    for right in settings() {
        let wrong = match right.updates {
            OrderUpdates::Changed => OrderUpdates::WholePair,
            _ => OrderUpdates::Changed,
        };
        assert!(!open_orders_differ(&right).await, "{}", right.name);
        let is_harmless = right.updates == OrderUpdates::WholePair;
        let wrong = Setting { updates: wrong, ..right };
        assert_eq!(open_orders_differ(&wrong).await, !is_harmless, "{}", wrong.name);
    }
}
