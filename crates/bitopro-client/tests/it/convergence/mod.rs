//! A whole account against a simulated one that trades: whatever happens to the connections, afterwards the
//! account is the simulator's, and so is what the items add up to, and the changes that are derived from them.

mod ledger;
mod settings;
pub(crate) mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::transport::Refusal;
use bitopro_client::{Account, OrderUpdates, Subscription};
use bitopro_sim::{Command, Simulator};
use http::StatusCode;
use tokio::time::{sleep, timeout};

use crate::replayed::Replay;
use crate::simulated::simulated;
use ledger::Ledger;
use settings::{Setting, settings};
use told::{Missing, Record};

/// A simulator and an account that follows it, in memory, on one paused clock.
struct Pair {
    simulator: Simulator,
    account: Subscription<Account>,
    replay: Replay,
    record: Record,
    ledger: Ledger,
    what: String,
}

impl Pair {
    fn new(setting: &Setting, seed: u64) -> Self {
        let (simulator, client) = simulated(setting.simulator.clone(), seed);
        let updates = setting.updates;
        let client = client.with_order_updates(updates).with_queue_capacity(setting.queue_capacity);
        let client = client.build().unwrap();
        Self {
            simulator,
            account: client.account(),
            replay: Replay::new(updates),
            record: Record::default(),
            ledger: Ledger::new(client.changes()),
            what: format!("seed {seed}, {}", setting.name),
        }
    }

    /// Reads until nothing comes for so long.
    async fn read(&mut self, quiet: Duration) {
        while let Ok(Some(item)) = timeout(quiet, self.account.next()).await {
            self.replay.apply(&item);
            self.record.apply(&item);
            self.ledger.apply(&item, &self.what);
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

    /// What says that it is true now, is.
    fn assert_honest(&self) {
        let what = &self.what;
        let current = self.account.current();
        if let Some(balances) = current.balances.filter(|balances| !balances.is_stale()) {
            let known: Vec<_> = balances.state().iter().cloned().collect();
            let truth: Vec<_> = self.simulator.balances().into_values().collect();
            assert_eq!(known, truth, "{what}: balances that are not stale");
        }
        if let Some(orders) = current.open_orders.filter(|orders| !orders.is_stale()) {
            let known: BTreeMap<_, _> =
                orders.state().iter().map(|order| (order.id.clone(), order.clone())).collect();
            let truth =
                self.simulator.open_orders().into_iter().map(|order| (order.id.clone(), order)).collect();
            assert_eq!(known, truth, "{what}: open orders that are not stale");
        }
    }

    async fn day(&mut self, random: &mut fastrand::Rng) {
        for _ in 0..random.usize(1..120) {
            self.disturb(random);
            // What was sent has arrived by then.
            sleep(Duration::from_millis(20)).await;
            self.assert_honest();
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

    fn assert_agrees(&self, knows_all_ends: bool) {
        let what = &self.what;
        let current = self.account.current();
        assert!(current.is_fresh(), "{what}: {current:?}");
        let balances: BTreeMap<_, _> = current
            .balances
            .unwrap()
            .state()
            .iter()
            .map(|balance| (balance.currency.clone(), balance.clone()))
            .collect();
        assert_eq!(balances, self.simulator.balances(), "{what}");
        let known: BTreeMap<_, _> = current
            .open_orders
            .unwrap()
            .state()
            .iter()
            .map(|order| (order.id.clone(), order.clone()))
            .collect();
        let open: BTreeMap<_, _> =
            self.simulator.open_orders().into_iter().map(|order| (order.id.clone(), order)).collect();
        assert_eq!(known, open, "{what}");
        assert_eq!((&self.replay.balances, &self.replay.orders), (&balances, &open), "{what}: replayed");
        self.ledger.assert_agrees(&self.simulator, knows_all_ends, what);
    }

    fn missing(&self, stream: PrivateStream) -> Missing {
        self.record.missing(stream, &self.simulator.sent())
    }

    /// Counts what was sent against what was delivered: where something is missing, a gap says so.
    fn assert_complete(&self) -> usize {
        let missing = PrivateStream::ALL.iter().map(|stream| {
            let missing = self.missing(*stream);
            assert_eq!((missing.without_a_gap, missing.disordered), (0, 0), "{}: of {stream}", self.what);
            missing.all
        });
        missing.sum()
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
            pair.assert_agrees(setting.knows_all_ends);
            missing += pair.assert_complete();
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
        for stream in PrivateStream::ALL {
            let missing = pair.missing(*stream);
            assert_eq!((missing, pair.record.gaps(*stream)), (Missing::default(), 0), "{stream}");
        }
        let sent = pair.simulator.sent();
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
