//! Runs tests of configurable length. Every test run includes short versions of them; this command requests
//! longer ones with environment variables.

use crate::named_test::NamedTest;

const BINARY: &[&str] = &["--release", "--package", "bitopro-client", "--test", "it"];
const CONVERGENCE: &str = "soak::after_random_faults_the_account_matches_the_exchange_again";
const STALL: &str =
    "soak::stalled_subscriber::fault_34_a_stalled_subscriber_keeps_its_connection_and_its_memory_is_bounded";
const DAYS: &str =
    "soak::trading_days::after_days_of_disconnects_the_account_is_exact_and_memory_has_not_grown";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Play this many random schedules of faults.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// Start with this seed.
    #[arg(long, value_name = "K", default_value_t = 1)]
    from: u64,
    /// Play only this seed, and print its schedule and every step.
    #[arg(long, value_name = "K", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Instead, stall a subscriber for this many seconds at 10,000 messages per second.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["seeds", "from", "seed"])]
    stall: Option<u64>,
    /// Instead, trade for this many days with a disconnect every few minutes.
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "from", "seed", "stall"])]
    days: Option<u64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (name, variables) = args.test();
    let variables: Vec<_> = variables.into_iter().map(|(name, number)| (name, number.to_string())).collect();
    NamedTest { binary: BINARY, name }.run(&variables)
}

/// Checks that the tests exist, in the binary that the other tests have already built.
pub(crate) fn check() -> anyhow::Result<()> {
    let binary = &["--quiet", "--workspace", "--test", "it"];
    [CONVERGENCE, STALL, DAYS].into_iter().try_for_each(|name| NamedTest { binary, name }.check_exists())
}

impl Args {
    /// Returns the name of the test and its environment variables.
    fn test(&self) -> (&'static str, Vec<(&'static str, u64)>) {
        if let Some(seconds) = self.stall {
            return (STALL, vec![("BITOPRO_SOAK_STALL_SECONDS", seconds)]);
        }
        if let Some(days) = self.days {
            return (DAYS, vec![("BITOPRO_SOAK_DAYS", days)]);
        }
        let seeds = |from, seeds| vec![("BITOPRO_SOAK_FROM", from), ("BITOPRO_SOAK_SEEDS", seeds)];
        match self.seed {
            Some(seed) => (CONVERGENCE, [seeds(seed, 1), vec![("BITOPRO_SOAK_SHOW", 1)]].concat()),
            None => (CONVERGENCE, seeds(self.from, self.seeds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Args, CONVERGENCE, DAYS, STALL};

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn test(args: &[&str]) -> (&'static str, Vec<(&'static str, u64)>) {
        let args = std::iter::once("soak").chain(args.iter().copied());
        Command::try_parse_from(args).unwrap().args.test()
    }

    #[test]
    fn each_option_selects_a_test_and_its_variables() {
        let seeds = |from, seeds| vec![("BITOPRO_SOAK_FROM", from), ("BITOPRO_SOAK_SEEDS", seeds)];
        assert_eq!(test(&[]), (CONVERGENCE, seeds(1, 10_000)));
        assert_eq!(test(&["--seeds", "3", "--from", "7"]), (CONVERGENCE, seeds(7, 3)));
        let (name, variables) = test(&["--seed", "9"]);
        assert_eq!((name, &variables[..2]), (CONVERGENCE, &seeds(9, 1)[..]));
        assert_eq!(variables[2], ("BITOPRO_SOAK_SHOW", 1));
        assert_eq!(test(&["--stall", "5"]), (STALL, vec![("BITOPRO_SOAK_STALL_SECONDS", 5)]));
        assert_eq!(test(&["--days", "2"]), (DAYS, vec![("BITOPRO_SOAK_DAYS", 2)]));
        assert!(Command::try_parse_from(["soak", "--days", "2", "--seed", "1"]).is_err());
    }
}
