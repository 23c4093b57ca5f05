use std::time::Duration;

use bitopro_client::OrderUpdates;
use bitopro_sim::{HistoryOnConnect, Quirks, Simulator, SimulatorBuilder};

use crate::simulated::order_updates;

/// A simulator, and the client that belongs to it.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) simulator: SimulatorBuilder,
    pub(super) quirks: Quirks,
    pub(super) updates: OrderUpdates,
    pub(super) queue_capacity: usize,
    /// Whether it can be known how every order ended, even one that did without a connection.
    pub(super) knows_all_ends: bool,
    pub(super) name: String,
}

impl Setting {
    fn new(quirks: Quirks) -> Self {
        Self {
            simulator: Simulator::builder().with_quirks(quirks),
            quirks,
            updates: order_updates(quirks),
            queue_capacity: 1024,
            knows_all_ends: quirks.history_on_connect == HistoryOnConnect::Recent,
            name: quirks.to_string(),
        }
    }

    /// The same, with what changes how things are sent drawn at random.
    pub(super) fn with_chances(mut self, random: &mut fastrand::Rng) -> Self {
        for quirk in Quirks::ALL.iter().filter(|quirk| DRAWN.contains(&quirk.name)) {
            let value = random.choice(quirk.values).expect("a quirk has values");
            self.quirks.set(quirk.name, value.name).unwrap();
        }
        if random.bool() {
            // As measured, instead of as documented.
            let (period, deadline) = (Duration::from_secs(1), Duration::from_secs(60));
            self.simulator = self.simulator.with_ping_period(period).with_pong_deadline(deadline);
        }
        self.simulator = self.simulator.with_quirks(self.quirks);
        // Little enough for what is not read to be merged.
        self.queue_capacity = if random.bool() { 8 } else { 1024 };
        self.name = format!("{}, a queue of {}", self.quirks, self.queue_capacity);
        self
    }
}

/// Quirks that are drawn at random instead of tried in every combination.
const DRAWN: [&str; 3] = ["datetimes", "event-ids", "trades-on-connect"];

/// Every combination of the other quirks of the simulator, with the client's policy that belongs to it.
pub(super) fn settings() -> Vec<Setting> {
    let mut combinations = vec![Quirks::default()];
    for quirk in Quirks::ALL.iter().filter(|quirk| !DRAWN.contains(&quirk.name)) {
        let with = |mut quirks: Quirks, value: &str| {
            quirks.set(quirk.name, value).unwrap();
            quirks
        };
        let values =
            |quirks: &Quirks| quirk.values.iter().map(|value| with(*quirks, value.name)).collect::<Vec<_>>();
        combinations = combinations.iter().flat_map(values).collect();
    }
    combinations.into_iter().map(Setting::new).collect()
}
