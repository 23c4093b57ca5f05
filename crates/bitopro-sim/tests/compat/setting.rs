//! The simulator's answers to what the exchange's documentation leaves open, or has changed.

use std::time::Duration;

use anyhow::bail;
use bitopro_sim::{
    ActiveUpdates, BalanceUpdates, Datetimes, FinalOrders, HistoryOnConnect, OrderIds, Simulator,
    SimulatorBuilder, TradesOnConnect,
};

/// The simulator's switches, and with them what its events should look like.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// Whatever differs from the documentation, by the flags of `bitopro sim`.
    switches: &'static str,
    keepalive: [Duration; 2],
}

/// Together every value of every switch. Orders vanish only where whole lists are sent: elsewhere the stream of open
/// orders alone does not show that they closed, which the SDK cannot change.
pub(super) const SETTINGS: [Setting; 3] = [
    Setting {
        name: "as documented",
        switches: "",
        keepalive: [Duration::from_secs(20), Duration::from_secs(5)],
    },
    Setting {
        name: "as documented before",
        switches: "balance-updates=all active-updates=whole-pair order-ids=numbers event-ids=absent",
        keepalive: [Duration::from_secs(20), Duration::from_secs(5)],
    },
    Setting {
        name: "as measured, or as it may be",
        switches: "active-updates=whole-pair final-orders=vanish history-on-connect=empty \
                   trades-on-connect=last datetimes=taiwan-marked-utc",
        keepalive: [Duration::from_secs(1), Duration::from_secs(60)],
    },
];

impl Setting {
    pub(super) fn has(&self, switch: &str) -> bool {
        self.switches.split_whitespace().any(|set| set == switch)
    }

    /// Number of hours by which `datetime` is ahead of `timestamp`.
    pub(super) fn hours_ahead(&self) -> i64 {
        if self.has("datetimes=taiwan-marked-utc") { 8 } else { 0 }
    }

    pub(super) fn simulator(&self) -> anyhow::Result<SimulatorBuilder> {
        let [ping_period, pong_deadline] = self.keepalive;
        let builder = Simulator::builder().with_ping_period(ping_period).with_pong_deadline(pong_deadline);
        self.switches.split_whitespace().try_fold(builder, |builder, switch| {
            Ok(match switch {
                "balance-updates=all" => builder.with_balance_updates(BalanceUpdates::All),
                "active-updates=whole-pair" => builder.with_active_updates(ActiveUpdates::WholePair),
                "final-orders=vanish" => builder.with_final_orders(FinalOrders::Vanish),
                "history-on-connect=empty" => builder.with_history_on_connect(HistoryOnConnect::Empty),
                "trades-on-connect=last" => builder.with_trades_on_connect(TradesOnConnect::Last),
                "order-ids=numbers" => builder.with_order_ids(OrderIds::Numbers),
                "datetimes=taiwan-marked-utc" => builder.with_datetimes(Datetimes::TaiwanMarkedUtc),
                "event-ids=absent" => builder.with_event_ids(false),
                _ => bail!("unknown switch `{switch}`"),
            })
        })
    }
}
