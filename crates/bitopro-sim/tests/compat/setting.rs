//! The simulator's answers to what the exchange's documentation leaves open, or has changed.

use std::time::Duration;

use bitopro_sim::{Simulator, SimulatorBuilder};

/// The simulator's quirks, and with them what its events should look like.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// Whatever differs from the documentation, by the flags of `bitopro sim`.
    quirks: &'static str,
    keepalive: [Duration; 2],
}

/// Together every value of every quirk. Orders vanish only where whole lists are sent: elsewhere the stream of open
/// orders alone does not show that they closed, which the SDK cannot change.
pub(super) const SETTINGS: [Setting; 3] = [
    Setting {
        name: "as documented",
        quirks: "",
        keepalive: [Duration::from_secs(20), Duration::from_secs(5)],
    },
    Setting {
        name: "as documented before",
        quirks: "balance-updates=all active-updates=whole-pair order-ids=numbers event-ids=absent",
        keepalive: [Duration::from_secs(20), Duration::from_secs(5)],
    },
    Setting {
        name: "as measured, or as it may be",
        quirks: "active-updates=whole-pair final-orders=vanish history-on-connect=empty \
                   trades-on-connect=last datetimes=taiwan-marked-utc",
        keepalive: [Duration::from_secs(1), Duration::from_secs(60)],
    },
];

impl Setting {
    pub(super) fn has(&self, quirk: &str) -> bool {
        self.quirks.split_whitespace().any(|set| set == quirk)
    }

    /// Number of hours by which `datetime` is ahead of `timestamp`.
    pub(super) fn hours_ahead(&self) -> i64 {
        if self.has("datetimes=taiwan-marked-utc") { 8 } else { 0 }
    }

    pub(super) fn simulator(&self) -> anyhow::Result<SimulatorBuilder> {
        let [ping_period, pong_deadline] = self.keepalive;
        let builder = Simulator::builder().with_ping_period(ping_period).with_pong_deadline(pong_deadline);
        Ok(builder.with_quirks(self.quirks.parse()?))
    }
}
