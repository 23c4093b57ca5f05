//! Settings of the simulator, which cover all values of its quirks.

use std::time::Duration;

use bitopro_sim::{Simulator, SimulatorBuilder};

/// The simulator's quirks and keepalive, which determine the format of its messages.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// The quirks that differ from their defaults, in the format of `Quirks`.
    quirks: &'static str,
    keepalive: [Duration; 2],
}

/// Settings that together contain every value of every quirk.
///
/// `final-orders=vanish` requires `active-updates=whole-pair`: otherwise the stream of open orders does not
/// show that an order closed, and the SDK's entries would keep it.
pub(super) const SETTINGS: [Setting; 3] = [
    Setting {
        name: "as documented",
        quirks: "",
        keepalive: [Duration::from_secs(20), Duration::from_secs(5)],
    },
    Setting {
        name: "as documented before",
        quirks: "balance-updates=all active-updates=whole-pair order-ids=numbers event-ids=absent \
                   order-times=milliseconds match-ids=uuid nonces=unused open-order-times=milliseconds \
                   placed-order-ids=texts trade-list-order=oldest-first done-orders=all ticker-range=real",
        keepalive: [Duration::from_secs(20), Duration::from_secs(5)],
    },
    Setting {
        name: "as measured or suspected",
        quirks: "active-updates=whole-pair final-orders=vanish history-on-connect=empty \
                   trades-on-connect=last datetimes=taiwan-marked-utc order-id-sequence=counted \
                   match-ids=counted nonces=increasing rest-lag=two-seconds cursors=ignored \
                   rate-limits=ignored ticker-pairs=absent book-repeats=sometimes",
        keepalive: [Duration::from_secs(1), Duration::from_secs(60)],
    },
];

impl Setting {
    pub(super) fn has(&self, quirk: &str) -> bool {
        self.quirks.split_whitespace().any(|value| value == quirk)
    }

    /// Returns the number of hours by which `datetime` is ahead of `timestamp`.
    pub(super) fn hours_ahead(&self) -> i64 {
        if self.has("datetimes=taiwan-marked-utc") { 8 } else { 0 }
    }

    pub(super) fn simulator(&self) -> anyhow::Result<SimulatorBuilder> {
        let [ping_period, pong_deadline] = self.keepalive;
        let builder = Simulator::builder().with_ping_period(ping_period).with_pong_deadline(pong_deadline);
        Ok(builder.with_quirks(self.quirks.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use bitopro_sim::Quirks;

    use super::SETTINGS;

    #[test]
    fn the_settings_contain_every_value_of_every_quirk() {
        for quirk in Quirks::ALL {
            for value in quirk.values {
                let has_value = |quirks: &str| quirk.value(&quirks.parse().unwrap()) == *value;
                assert!(
                    SETTINGS.iter().any(|setting| has_value(setting.quirks)),
                    "no setting has {}={}",
                    quirk.name,
                    value.name
                );
            }
        }
    }
}
