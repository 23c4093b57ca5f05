use std::time::Duration;

use bitopro_client::OrderUpdates;
use bitopro_sim::{HistoryOnConnect, Quirks, Simulator, SimulatorBuilder};

use crate::simulated::order_updates;

/// The options of a simulator and the matching options of its client.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) simulator: SimulatorBuilder,
    pub(super) quirks: Quirks,
    pub(super) updates: OrderUpdates,
    pub(super) queue_capacity: usize,
    /// The history lists every closed order, even one that was closed during a disconnect.
    pub(super) is_history_complete: bool,
    pub(super) name: String,
}

impl Setting {
    fn new(quirks: Quirks) -> Self {
        Self {
            simulator: Simulator::builder().with_quirks(quirks),
            quirks,
            updates: order_updates(quirks),
            queue_capacity: 1024,
            is_history_complete: quirks.history_on_connect == HistoryOnConnect::Recent,
            name: quirks.to_string(),
        }
    }

    /// Randomizes the options that change only how messages are sent.
    pub(super) fn with_random_options(mut self, random: &mut fastrand::Rng) -> Self {
        for quirk in Quirks::ALL.iter().filter(|quirk| !COMBINED.contains(&quirk.name)) {
            let value = random.choice(quirk.values).expect("a quirk has values");
            self.quirks.set(quirk.name, value.name).unwrap();
        }
        if random.bool() {
            // The measured values instead of the documented ones.
            let (period, deadline) = (Duration::from_secs(1), Duration::from_secs(60));
            self.simulator = self.simulator.with_ping_period(period).with_pong_deadline(deadline);
        }
        self.simulator = self.simulator.with_quirks(self.quirks);
        // In a small queue, unread items are merged.
        self.queue_capacity = if random.bool() { 8 } else { 1024 };
        self.name = format!("{}, a queue of {}", self.quirks, self.queue_capacity);
        self
    }
}

/// Quirks that are tried in every combination. The others are drawn at random.
const COMBINED: [&str; 5] =
    ["balance-updates", "active-updates", "final-orders", "history-on-connect", "order-ids"];

/// Returns every combination of these quirks, each with the matching options of the client.
pub(super) fn settings() -> Vec<Setting> {
    let mut combinations = vec![Quirks::default()];
    for quirk in Quirks::ALL.iter().filter(|quirk| COMBINED.contains(&quirk.name)) {
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
