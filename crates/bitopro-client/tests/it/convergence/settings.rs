use std::time::Duration;

use bitopro_client::OrderUpdates;
use bitopro_sim::{
    ActiveUpdates, BalanceUpdates, Datetimes, Doubts, FinalOrders, HistoryOnConnect, OrderIds, Simulator,
    SimulatorBuilder, TradesOnConnect,
};

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
    /// The same, with what changes how things are sent drawn at random.
    pub(super) fn with_chances(mut self, random: &mut fastrand::Rng) -> Self {
        if random.bool() {
            self.doubts.datetimes = Datetimes::TaiwanMarkedUtc;
        }
        if random.bool() {
            // As measured, instead of as documented.
            let (period, deadline) = (Duration::from_secs(1), Duration::from_secs(60));
            self.simulator = self.simulator.with_ping_period(period).with_pong_deadline(deadline);
        }
        if random.bool() {
            self.doubts.trades_on_connect = TradesOnConnect::Last;
        }
        self.simulator = self.simulator.with_doubts(self.doubts);
        // Little enough for what is not read to be merged.
        self.queue_capacity = if random.bool() { 8 } else { 1024 };
        self.name = format!("{}, a queue of {}", self.name, self.queue_capacity);
        self
    }
}

/// Every setting of the simulator that changes what is sent, with the client's policy that belongs to it.
pub(super) fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for balances in [BalanceUpdates::Changed, BalanceUpdates::All] {
        for (active, updates) in [
            (ActiveUpdates::Changed, OrderUpdates::Changed),
            (ActiveUpdates::WholePair, OrderUpdates::WholePair),
        ] {
            for ends in [FinalOrders::Shown, FinalOrders::Vanish] {
                for history in [HistoryOnConnect::Recent, HistoryOnConnect::Empty] {
                    for ids in [OrderIds::Texts, OrderIds::Numbers] {
                        let doubts = Doubts::default().with(balances).with(active).with(ends);
                        let doubts = doubts.with(history).with(ids);
                        settings.push(Setting {
                            simulator: Simulator::builder().with_doubts(doubts),
                            doubts,
                            updates,
                            queue_capacity: 1024,
                            knows_all_ends: history == HistoryOnConnect::Recent,
                            name: format!("{balances:?} {active:?} {ends:?} {history:?} {ids:?}"),
                        });
                    }
                }
            }
        }
    }
    settings
}
