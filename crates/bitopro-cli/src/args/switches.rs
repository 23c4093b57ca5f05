//! The switches of the simulated exchange as flags.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, where backticks would show")]

use std::time::Duration;

use bitopro_sim::SimulatorBuilder;
use clap::{Args, ValueEnum, value_parser};

/// What the documentation of the exchange leaves open, or what changed over the years.
#[derive(Debug, Args)]
#[command(next_help_heading = "What the exchange's documentation leaves open, or has changed")]
pub(crate) struct SwitchArgs {
    /// Which balances an update holds
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    balance_updates: BalanceUpdates,

    /// Which orders an update of the open orders holds
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    active_updates: ActiveUpdates,

    /// How the open orders tell that an order has ended
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    final_orders: FinalOrders,

    /// What the stream of history begins with
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    history_on_connect: HistoryOnConnect,

    /// What the stream of trades begins with
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    trades_on_connect: TradesOnConnect,

    /// How the ids of orders are written
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    order_ids: OrderIds,

    /// How datetime is written
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    datetimes: Datetimes,

    /// Whether events have an eventID
    #[arg(long, value_name = "WHETHER", value_enum, default_value_t)]
    event_ids: EventIds,

    /// Milliseconds between two pings: 20000 as documented; 1000 was measured
    #[arg(long, value_name = "MS", value_parser = value_parser!(u64).range(1..), default_value_t = 20_000)]
    ping_period: u64,

    /// Milliseconds that the answer to a ping may take: 5000 as documented; 60000 was measured
    #[arg(long, value_name = "MS", value_parser = value_parser!(u64).range(1..), default_value_t = 5_000)]
    pong_deadline: u64,
}

impl SwitchArgs {
    pub(crate) fn apply(&self, builder: SimulatorBuilder) -> SimulatorBuilder {
        builder
            .with_balance_updates(self.balance_updates.into())
            .with_active_updates(self.active_updates.into())
            .with_final_orders(self.final_orders.into())
            .with_history_on_connect(self.history_on_connect.into())
            .with_trades_on_connect(self.trades_on_connect.into())
            .with_order_ids(self.order_ids.into())
            .with_datetimes(self.datetimes.into())
            .with_event_ids(self.event_ids == EventIds::Present)
            .with_ping_period(Duration::from_millis(self.ping_period))
            .with_pong_deadline(Duration::from_millis(self.pong_deadline))
    }
}

/// A switch of bitopro-sim as the values of a flag, of which the first is the default.
macro_rules! switch {
    ($name:ident { $(#[doc = $default_help:literal])+ $default:ident, $($(#[doc = $help:literal])+ $value:ident,)+ }) => {
        #[derive(Debug, Clone, Copy, Default, ValueEnum)]
        enum $name {
            #[default]
            $(#[doc = $default_help])+
            $default,
            $($(#[doc = $help])+ $value,)+
        }

        impl From<$name> for bitopro_sim::$name {
            fn from(value: $name) -> Self {
                match value {
                    $name::$default => Self::$default,
                    $($name::$value => Self::$value,)+
                }
            }
        }
    };
}

switch! {
    BalanceUpdates {
        /// The currencies that changed, as documented
        Changed,
        /// All of them, as an older FAQ has it
        All,
    }
}

switch! {
    ActiveUpdates {
        /// The order that changed, as documented since January 2024
        Changed,
        /// All open orders of its pair, as documented before
        WholePair,
    }
}

switch! {
    FinalOrders {
        /// It is sent once more, with its final status
        Shown,
        /// It is sent no more: only the history tells
        Vanish,
    }
}

switch! {
    HistoryOnConnect {
        /// The orders that ended lately, as documented
        Recent,
        /// No orders, whatever ended before
        Empty,
    }
}

switch! {
    TradesOnConnect {
        /// Nothing, as documented
        Nothing,
        /// The last trade once more, in a new event
        Last,
    }
}

switch! {
    OrderIds {
        /// As texts, as documented
        Texts,
        /// As numbers where they are digits only, as in older documentation
        Numbers,
    }
}

switch! {
    Datetimes {
        /// In UTC, as documented
        Utc,
        /// In Taiwan's time under the same Z, eight hours ahead, as was measured
        TaiwanMarkedUtc,
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum EventIds {
    /// A random UUID, as since November 2024
    #[default]
    Present,
    /// None, as before
    Absent,
}

#[cfg(test)]
mod tests {
    use bitopro_client::model::Timestamp;
    use bitopro_sim as sim;
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        switches: SwitchArgs,
    }

    fn defaults() -> SimulatorBuilder {
        sim::Simulator::builder().with_clock(sim::Clock::fixed(Timestamp::from_millis(0)))
    }

    /// The options of a simulator with these flags.
    fn with(flags: &[&str]) -> String {
        let args = Alone::try_parse_from([&["sim"], flags].concat()).unwrap();
        format!("{:?}", args.switches.apply(defaults()))
    }

    #[test]
    fn each_flag_sets_its_switch_and_no_other() {
        assert_eq!(with(&[]), format!("{:?}", defaults()));
        for (flag, unset, set, expected) in [
            (
                "--balance-updates",
                "changed",
                "all",
                defaults().with_balance_updates(sim::BalanceUpdates::All),
            ),
            (
                "--active-updates",
                "changed",
                "whole-pair",
                defaults().with_active_updates(sim::ActiveUpdates::WholePair),
            ),
            ("--final-orders", "shown", "vanish", defaults().with_final_orders(sim::FinalOrders::Vanish)),
            (
                "--history-on-connect",
                "recent",
                "empty",
                defaults().with_history_on_connect(sim::HistoryOnConnect::Empty),
            ),
            (
                "--trades-on-connect",
                "nothing",
                "last",
                defaults().with_trades_on_connect(sim::TradesOnConnect::Last),
            ),
            ("--order-ids", "texts", "numbers", defaults().with_order_ids(sim::OrderIds::Numbers)),
            (
                "--datetimes",
                "utc",
                "taiwan-marked-utc",
                defaults().with_datetimes(sim::Datetimes::TaiwanMarkedUtc),
            ),
            ("--event-ids", "present", "absent", defaults().with_event_ids(false)),
            ("--ping-period", "20000", "1", defaults().with_ping_period(Duration::from_millis(1))),
            ("--pong-deadline", "5000", "60000", defaults().with_pong_deadline(Duration::from_secs(60))),
        ] {
            assert_eq!(with(&[flag, unset]), with(&[]), "{flag}");
            assert_eq!(with(&[flag, set]), format!("{expected:?}"), "{flag}");
            assert_ne!(with(&[flag, set]), with(&[]), "{flag}");
        }
    }
}
