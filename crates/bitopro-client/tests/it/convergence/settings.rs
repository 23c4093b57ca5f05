use std::time::Duration;

use bitopro_client::OrderUpdates;
use bitopro_sim::{Doubts, HistoryOnConnect, Simulator, SimulatorBuilder};

use crate::simulated::order_updates;

/// A simulator, and the client that belongs to it.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) simulator: SimulatorBuilder,
    pub(super) doubts: Doubts,
    pub(super) updates: OrderUpdates,
    pub(super) queue_capacity: usize,
    /// Whether it can be known how every order ended, even one that did without a connection.
    pub(super) knows_all_ends: bool,
    pub(super) name: String,
}

impl Setting {
    fn new(doubts: Doubts) -> Self {
        Self {
            simulator: Simulator::builder().with_doubts(doubts),
            doubts,
            updates: order_updates(doubts),
            queue_capacity: 1024,
            knows_all_ends: doubts.history_on_connect == HistoryOnConnect::Recent,
            name: doubts.to_string(),
        }
    }

    /// The same, with what changes how things are sent drawn at random.
    pub(super) fn with_chances(mut self, random: &mut fastrand::Rng) -> Self {
        for doubt in Doubts::ALL.iter().filter(|doubt| DRAWN.contains(&doubt.name)) {
            let value = random.choice(doubt.values).expect("a doubt has values");
            self.doubts.set(doubt.name, value.name).unwrap();
        }
        if random.bool() {
            // As measured, instead of as documented.
            let (period, deadline) = (Duration::from_secs(1), Duration::from_secs(60));
            self.simulator = self.simulator.with_ping_period(period).with_pong_deadline(deadline);
        }
        self.simulator = self.simulator.with_doubts(self.doubts);
        // Little enough for what is not read to be merged.
        self.queue_capacity = if random.bool() { 8 } else { 1024 };
        self.name = format!("{}, a queue of {}", self.doubts, self.queue_capacity);
        self
    }
}

/// Doubts that are drawn at random instead of tried in every combination.
const DRAWN: [&str; 3] = ["datetimes", "event-ids", "trades-on-connect"];

/// Every combination of the other doubts of the simulator, with the client's policy that belongs to it.
pub(super) fn settings() -> Vec<Setting> {
    let mut combinations = vec![Doubts::default()];
    for doubt in Doubts::ALL.iter().filter(|doubt| !DRAWN.contains(&doubt.name)) {
        let with = |mut doubts: Doubts, value: &str| {
            doubts.set(doubt.name, value).unwrap();
            doubts
        };
        let values =
            |doubts: &Doubts| doubt.values.iter().map(|value| with(*doubts, value.name)).collect::<Vec<_>>();
        combinations = combinations.iter().flat_map(values).collect();
    }
    combinations.into_iter().map(Setting::new).collect()
}
