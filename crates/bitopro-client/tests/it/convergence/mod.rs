//! A whole account against a simulated one that trades: whatever happens to the connections, afterwards the
//! account is the simulator's, and so is what the items add up to, and the changes that are derived from them.
#![allow(clippy::print_stdout, reason = "a day that fails prints its seed and setting")]

mod settings;

use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::transport::Refusal;
use bitopro_client::{Account, OrderUpdates, Subscription};
use bitopro_sim::{Command, Simulator};
use http::StatusCode;
use tokio::time::{sleep, timeout};

use crate::oracle::{Missing, Oracle, Truth};
use crate::simulated::simulated;
use settings::{Setting, settings};

/// A simulator and an account that follows it, in memory, on one paused clock.
struct Pair {
    simulator: Simulator,
    account: Subscription<Account>,
    oracle: Oracle,
}

impl Pair {
    fn new(setting: &Setting, seed: u64) -> Self {
        let (simulator, client) = simulated(setting.simulator.clone(), seed);
        let updates = setting.updates;
        let client = client.with_order_updates(updates).with_queue_capacity(setting.queue_capacity);
        let client = client.build().unwrap();
        println!("seed {seed}, {}", setting.name);
        Self { simulator, account: client.account(), oracle: Oracle::new(client.changes(), updates) }
    }

    /// Reads until nothing comes for so long.
    async fn read(&mut self, quiet: Duration) {
        while let Ok(Some(item)) = timeout(quiet, self.account.next()).await {
            self.oracle.apply(&item);
        }
    }

    fn disturb(&self, random: &mut fastrand::Rng) {
        let execute = |command: &Command| drop(self.simulator.execute(command).unwrap());
        match random.u8(0..24) {
            0 => execute(&Command::Disconnect(None)),
            1 => execute(&Command::close(None, 1001, "restart")),
            2 => {
                self.simulator.refuse_next(random.usize(1..4), Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
            }
            number @ 3..=6 => {
                if let Some(stream) = PrivateStream::ALL.get(usize::from(number) - 3) {
                    execute(&Command::Disconnect(Some(*stream)));
                }
            }
            _ => {
                self.simulator.tick();
            }
        }
    }

    async fn day(&mut self, random: &mut fastrand::Rng) {
        for _ in 0..random.usize(1..120) {
            self.disturb(random);
            // What was sent has arrived by then.
            sleep(Duration::from_millis(20)).await;
            Oracle::assert_honest(&self.account.current(), &Truth::new(&self.simulator, false));
            let pause = Duration::from_millis(random.u64(0..3_000));
            if random.bool() {
                self.read(pause).await;
            } else {
                sleep(pause).await;
            }
        }
        // Refusals may still be in store, and each costs a dial, of which there are four a minute by now.
        sleep(Duration::from_secs(900)).await;
        self.read(Duration::from_secs(1)).await;
    }

    /// The account is the simulator's. Counts the events that are missing, each of which lies in a gap.
    fn assert_agrees(&mut self, knows_all_ends: bool) -> usize {
        let current = self.account.current();
        assert!(current.is_fresh(), "{current:?}");
        let truth = Truth::new(&self.simulator, false);
        self.oracle.assert_true(&current, &truth, knows_all_ends);
        let missing = self.oracle.assert_complete(&current, &self.simulator.sent());
        assert_eq!(missing.disordered, 0);
        missing.all
    }
}

/// How many days are played under each setting; more on request.
fn rounds() -> u64 {
    std::env::var("BITOPRO_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn under_every_setting_the_account_becomes_the_simulator_s() {
    let mut missing = 0;
    for (number, setting) in settings().into_iter().enumerate() {
        for round in 0..rounds() {
            let seed = u64::try_from(number).unwrap() * 1_000_000 + round;
            let mut random = fastrand::Rng::with_seed(seed);
            let setting = setting.clone().with_chances(&mut random);
            let mut pair = Pair::new(&setting, seed);
            pair.day(&mut random).await;
            missing += pair.assert_agrees(setting.knows_all_ends);
        }
    }
    assert!(missing > 0, "days that lose nothing test nothing");
}

#[tokio::test(start_paused = true)]
async fn without_a_disconnect_no_event_is_missing_and_no_gap_is_told() {
    for setting in settings() {
        let mut pair = Pair::new(&setting, 1);
        pair.read(Duration::from_secs(10)).await;
        for _ in 0..100 {
            pair.simulator.tick();
            pair.read(Duration::from_millis(10)).await;
        }
        let sent = pair.simulator.sent();
        for stream in PrivateStream::ALL {
            let (missing, gaps) =
                (pair.oracle.record.missing(*stream, &sent), pair.oracle.record.gaps(*stream));
            assert_eq!((missing, gaps), (Missing::default(), 0), "{stream}");
        }
        assert!(sent.iter().filter(|sent| sent.stream == PrivateStream::UserTrades).count() > 10);
        pair.assert_agrees(true);
    }
}

/// Whether the open orders were ever another list than the simulator's, on a day without trouble.
async fn differs(setting: &Setting) -> bool {
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

/// The policy that does not belong to the server is noticed by whoever compares: nothing in a message says which
/// one does. Whole lists that are taken for changes do no harm while history tells every end.
#[tokio::test(start_paused = true)]
async fn under_the_wrong_policy_the_account_is_another_one() {
    for right in settings() {
        let wrong = match right.updates {
            OrderUpdates::Changed => OrderUpdates::WholePair,
            _ => OrderUpdates::Changed,
        };
        assert!(!differs(&right).await, "{}", right.name);
        let is_harmless = right.updates == OrderUpdates::WholePair;
        let wrong = Setting { updates: wrong, ..right };
        assert_eq!(differs(&wrong).await, !is_harmless, "{}", wrong.name);
    }
}
