//! Flags that choose the behaviour of the simulated exchange where the documentation of the real one leaves
//! it open.

use std::time::Duration;

use bitopro_sim::{Quirk, Quirks, SimulatorBuilder};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

/// Quirks and keepalive of the simulated exchange.
#[derive(Debug, Args)]
#[command(next_help_heading = "Quirks (undocumented or changed behaviour of the exchange)")]
pub(crate) struct ExchangeArgs {
    #[command(flatten)]
    quirks: QuirkArgs,

    /// Time between two pings, in milliseconds; 20000 is documented, 1000 was measured
    #[arg(long, value_name = "MS", value_parser = milliseconds, default_value_t = 20_000)]
    ping_period: u64,

    /// Time for a client to answer a ping, in milliseconds; 5000 is documented, 60000 was measured
    #[arg(long, value_name = "MS", value_parser = milliseconds, default_value_t = 5_000)]
    pong_deadline: u64,
}

fn milliseconds(text: &str) -> Result<u64, String> {
    let milliseconds = text.parse().ok().filter(|milliseconds| *milliseconds > 0);
    milliseconds.ok_or_else(|| "expected at least 1 millisecond".to_owned())
}

impl ExchangeArgs {
    pub(crate) fn apply(&self, builder: SimulatorBuilder) -> SimulatorBuilder {
        builder
            .with_quirks(self.quirks.0)
            .with_ping_period(Duration::from_millis(self.ping_period))
            .with_pong_deadline(Duration::from_millis(self.pong_deadline))
    }
}

/// One flag for each of [`Quirks::ALL`], which defines the names, values and help texts.
#[derive(Debug)]
struct QuirkArgs(Quirks);

impl Args for QuirkArgs {
    fn augment_args(command: Command) -> Command {
        command.args(Quirks::ALL.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for QuirkArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut args = Self(Quirks::default());
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for quirk in Quirks::ALL {
            if let Some(value) = matches.get_one::<String>(quirk.name) {
                let set = self.0.set(quirk.name, value);
                set.map_err(|error| Error::raw(ErrorKind::InvalidValue, error))?;
            }
        }
        Ok(())
    }
}

fn flag(quirk: &Quirk) -> Arg {
    let values =
        quirk.values.iter().map(|value| PossibleValue::new(value.name).help(without_backticks(value.help)));
    Arg::new(quirk.name)
        .long(quirk.name)
        .value_name("VALUE")
        .value_parser(PossibleValuesParser::new(values))
        .default_value(quirk.value(&Quirks::default()).name)
        .help(without_backticks(quirk.help))
}

/// Removes the backticks from a help text, since a terminal would show them.
fn without_backticks(help: &str) -> String {
    help.replace('`', "")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bitopro_client::model::Timestamp;
    use bitopro_sim::{Clock, Datetimes, Quirks, Simulator, SimulatorBuilder};
    use clap::{CommandFactory, Parser};

    use super::ExchangeArgs;

    #[derive(Debug, Parser)]
    struct TestArgs {
        #[command(flatten)]
        exchange: ExchangeArgs,
    }

    fn defaults() -> SimulatorBuilder {
        Simulator::builder().with_clock(Clock::fixed(Timestamp::from_millis(0)))
    }

    /// Returns the debug output of a simulator builder with these flags.
    fn built_with(flags: &[&str]) -> String {
        let args = TestArgs::try_parse_from([&["sim"], flags].concat()).unwrap();
        format!("{:?}", args.exchange.apply(defaults()))
    }

    #[test]
    fn each_flag_sets_only_its_own_quirk() {
        assert_eq!(built_with(&[]), format!("{:?}", defaults()));
        for quirk in Quirks::ALL {
            for value in quirk.values {
                let flag = format!("--{}", quirk.name);
                let mut expected = Quirks::default();
                expected.set(quirk.name, value.name).unwrap();
                let expected = format!("{:?}", defaults().with_quirks(expected));
                assert_eq!(built_with(&[&flag, value.name]), expected, "{flag} {}", value.name);
            }
        }
        let ahead = defaults().with_quirks(Quirks::default().with(Datetimes::TaiwanMarkedUtc));
        assert_eq!(built_with(&["--datetimes", "taiwan-marked-utc"]), format!("{ahead:?}"));
        let error = TestArgs::try_parse_from(["sim", "--order-ids", "roman"]).unwrap_err().to_string();
        assert!(error.contains("[possible values: texts, numbers]"), "{error}");
    }

    #[test]
    fn the_keepalive_flags_are_in_milliseconds() {
        for (flag, default, changed, expected) in [
            ("--ping-period", "20000", "1", defaults().with_ping_period(Duration::from_millis(1))),
            ("--pong-deadline", "5000", "60000", defaults().with_pong_deadline(Duration::from_secs(60))),
        ] {
            assert_eq!(built_with(&[flag, default]), built_with(&[]), "{flag}");
            assert_eq!(built_with(&[flag, changed]), format!("{expected:?}"), "{flag}");
            assert_ne!(built_with(&[flag, changed]), built_with(&[]), "{flag}");
        }
    }

    #[test]
    fn the_readme_lists_every_flag_and_its_values() {
        let readme = include_str!("../../README.md");
        for quirk in Quirks::ALL {
            let start = format!("| `--{}` | ", quirk.name);
            let values = readme.lines().find_map(|line| line.strip_prefix(&start)).expect(quirk.name);
            let positions = quirk.values.iter().map(|value| values.find(&format!("`{}`", value.name)));
            assert!(
                positions.clone().all(|position| position.is_some()) && positions.is_sorted(),
                "{values}"
            );
        }
    }

    #[test]
    fn all_flags_share_one_heading_and_show_their_default() {
        let command = TestArgs::command();
        for quirk in Quirks::ALL {
            let flag = command.get_arguments().find(|flag| flag.get_id() == quirk.name).unwrap();
            assert_eq!(flag.get_help_heading(), command.get_arguments().last().unwrap().get_help_heading());
            assert!(flag.get_help_heading().is_some_and(|heading| heading.starts_with("Quirks")));
            assert_eq!(flag.get_default_values(), [quirk.values[0].name]);
            assert!(!flag.get_help().unwrap().to_string().contains('`'));
        }
    }
}
