//! What the exchange's documentation leaves open, or has changed, as the simulator is told to have it.

use std::time::Duration;

use bitopro_sim::{
    ActiveUpdates, BalanceUpdates, Datetimes, Doubts, EventIds, FinalOrders, HistoryOnConnect, OrderIds,
    Simulator, SimulatorBuilder, TradesOnConnect,
};

/// How the simulator behaves, and so what its events come to.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    balance_updates: BalanceUpdates,
    pub(super) active_updates: ActiveUpdates,
    final_orders: FinalOrders,
    pub(super) history_on_connect: HistoryOnConnect,
    pub(super) trades_on_connect: TradesOnConnect,
    pub(super) order_ids: OrderIds,
    pub(super) datetimes: Datetimes,
    pub(super) event_ids: bool,
    ping_period: Duration,
    pong_deadline: Duration,
}

const AS_DOCUMENTED: Setting = Setting {
    name: "as documented",
    balance_updates: BalanceUpdates::Changed,
    active_updates: ActiveUpdates::Changed,
    final_orders: FinalOrders::Shown,
    history_on_connect: HistoryOnConnect::Recent,
    trades_on_connect: TradesOnConnect::Nothing,
    order_ids: OrderIds::Texts,
    datetimes: Datetimes::Utc,
    event_ids: true,
    ping_period: Duration::from_secs(20),
    pong_deadline: Duration::from_secs(5),
};

/// Together each value of each switch. Orders vanish only where whole lists are sent: elsewhere the stream of open
/// orders alone does not tell that they have ended, which is no affair of the SDK's.
pub(super) const SETTINGS: [Setting; 3] = [
    AS_DOCUMENTED,
    Setting {
        name: "as documented before",
        balance_updates: BalanceUpdates::All,
        active_updates: ActiveUpdates::WholePair,
        order_ids: OrderIds::Numbers,
        event_ids: false,
        ..AS_DOCUMENTED
    },
    Setting {
        name: "as measured, or as it may be",
        active_updates: ActiveUpdates::WholePair,
        final_orders: FinalOrders::Vanish,
        history_on_connect: HistoryOnConnect::Empty,
        trades_on_connect: TradesOnConnect::Last,
        datetimes: Datetimes::TaiwanMarkedUtc,
        ping_period: Duration::from_secs(1),
        pong_deadline: Duration::from_secs(60),
        ..AS_DOCUMENTED
    },
];

impl Setting {
    pub(super) fn simulator(&self) -> SimulatorBuilder {
        let doubts = Doubts::default()
            .with(self.balance_updates)
            .with(self.active_updates)
            .with(self.final_orders)
            .with(self.history_on_connect)
            .with(self.trades_on_connect)
            .with(self.order_ids)
            .with(self.datetimes)
            .with(if self.event_ids { EventIds::Present } else { EventIds::Absent });
        Simulator::builder()
            .with_doubts(doubts)
            .with_ping_period(self.ping_period)
            .with_pong_deadline(self.pong_deadline)
    }

    /// By how many hours `datetime` is ahead of `timestamp`.
    pub(super) fn hours_ahead(&self) -> i64 {
        if self.datetimes == Datetimes::TaiwanMarkedUtc { 8 } else { 0 }
    }
}
