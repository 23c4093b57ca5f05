#![allow(clippy::doc_markdown, reason = "these comments are the help text, where backticks would show")]

mod exchange;
mod help;
mod order;
mod query;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

pub(crate) use exchange::ExchangeArgs;
pub(crate) use order::{CancelArgs, OrderArgs, OrderCommand, PlaceArgs, SendArgs, Side};
pub(crate) use query::{
    BalancesArgs, ListArgs, Moment, OrdersArgs, PairsArgs, TickerArgs, TradesArgs, WindowArgs,
};
pub(crate) use watch::{WatchArgs, WatchStream};

/// Watch, query, record and simulate an account on BitoPro, place and cancel its orders, and watch the market
///
/// Unofficial: not made, endorsed or supported by the exchange.
#[derive(Debug, Parser)]
#[command(name = "bitopro", version, after_help = help::BITOPRO, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch one or all streams of an account, or a public stream of the market
    ///
    /// A public stream (`book`, `ticker`, `market-trades`) needs no credentials and uses none. A stream of an
    /// account reads them from the environment variables BITOPRO_API_KEY, BITOPRO_API_SECRET and
    /// BITOPRO_EMAIL, or from a file of NAME=value lines (`--credentials`). No flag takes a secret.
    Watch(WatchArgs),
    /// Print the balances of the account
    ///
    /// Calls the REST API: that of the exchange, or the one in BITOPRO_REST_URL if BITOPRO_WS_URL is another
    /// server. Reads the credentials from the environment variables BITOPRO_API_KEY, BITOPRO_API_SECRET and
    /// BITOPRO_EMAIL, or from a file of NAME=value lines (`--credentials`).
    Balances(BalancesArgs),
    /// Print the open orders of the account, or the closed orders of a pair
    ///
    /// The orders are sorted by the time of their last change, the latest last. `--since` and `--until` refer
    /// to the time at which an order was placed. The REST API and the credentials are those of `bitopro
    /// balances`.
    Orders(OrdersArgs),
    /// Print the trades of the account in a pair
    ///
    /// A trade is an execution of one of your orders. The trades are sorted by time, the latest last. The REST
    /// API and the credentials are those of `bitopro balances`.
    Trades(TradesArgs),
    /// Print the trading pairs with their rules
    ///
    /// Needs no credentials. Calls the REST API of the exchange, or the one in BITOPRO_REST_URL if
    /// BITOPRO_WS_URL is another server.
    Pairs(PairsArgs),
    /// Print the last price of each pair and its change within 24 hours
    ///
    /// Needs no credentials. Calls the REST API of the exchange, or the one in BITOPRO_REST_URL if
    /// BITOPRO_WS_URL is another server.
    Ticker(TickerArgs),
    /// Place or cancel an order: print the request, or send it with --live
    ///
    /// Without `--live`, the request is only printed, which needs no credentials. The exception is a REST API on
    /// this machine (localhost or a loopback address), such as that of `bitopro sim`: it is sent the request
    /// without `--live`. A request is sent at most once. The REST API and the credentials are those of `bitopro
    /// balances`.
    Order(OrderArgs),
    /// Check the way from this machine to the exchange, and say where it ends
    ///
    /// Prints one line for each step: the credentials, the proxy, the name server, TCP, the clock, the API key, the
    /// stream of the balances and a ping. Reads only. The exit code is that of the first step that failed. The lines
    /// contain no secrets, no email address and no amounts.
    Check(CheckArgs),
    /// Serve a simulated exchange until stopped
    ///
    /// Prints its base URL and credentials as `export NAME=value` lines. Paste them into another terminal,
    /// and run `bitopro watch all` there.
    Sim(SimArgs),
    /// Decode recorded messages, one per line, and print them as JSON with the known fields in a fixed order
    ///
    /// Each line must be one complete message. Reports unreadable lines on standard error and decodes the
    /// rest; exits with 5 if there were any.
    Decode(DecodeArgs),
    /// Print the three headers of a signed request
    ///
    /// Prints `Name: value` lines for other tools, such as curl with `-H @-`. The headers are valid for one
    /// request, which must be sent immediately.
    Sign(SignArgs),
    /// Record the balances of your account, with all personal data replaced
    ///
    /// Writes the snapshot and the updates that follow it to FILE, one message per line. Reads the
    /// credentials from BITOPRO_API_KEY, BITOPRO_API_SECRET and BITOPRO_EMAIL. BITOPRO_WS_URL and
    /// BITOPRO_CA_FILE have the same meaning as for `bitopro watch`.
    ///
    /// Messages are scrubbed in memory before anything is written. Event ids become consecutive numbers.
    /// Amounts keep their sign, their number of digits, and their leading and trailing zeros; all other
    /// digits are replaced, so sums no longer add up. Within a balance, the available amount and the stake
    /// remain smaller than, equal to or larger than the total. In fields that this version does not know,
    /// the digits of numbers and the letters and digits of strings are replaced.
    ///
    /// The recording still shows the currencies and which of them are zero, the number of digits of each
    /// amount, the times of the messages and the names of unknown fields. Messages that are not balances are
    /// left out. If the email address, the key, the secret, the signature, the payload or an original event
    /// id would still appear in the file (verbatim, in hex or in base64), nothing is written.
    Record(RecordArgs),
    /// Print the completions of this command for a shell
    ///
    /// The shell then completes subcommands, flags and their values. Print them again after an update of this command.
    Completions(CompletionsArgs),
    /// Write the man pages of this command to a directory
    ///
    /// Writes one page for the command and one for each subcommand, such as `bitopro-watch.1`. Existing pages are
    /// replaced.
    Man(ManArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = help::CHECK)]
pub(crate) struct CheckArgs {
    /// Check a built-in simulated exchange, without credentials or a network
    #[arg(long, conflicts_with_all = ["url", "credentials", "ca_file"])]
    pub(crate) demo: bool,

    /// Base URL of the streams, such as wss://host:port/ws [env: BITOPRO_WS_URL] [default:
    /// wss://stream.bitopro.com:443/ws]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = help::COMPLETIONS)]
pub(crate) struct CompletionsArgs {
    /// Shell
    pub(crate) shell: Shell,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = help::MAN)]
pub(crate) struct ManArgs {
    /// Directory, which must exist
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// Returns a parser of numbers whose error describes the expected range.
fn number<T: FromStr>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| text.parse().map_err(|_| format!("expected {expected}"))
}

/// Parses a time such as `30s`, `5m` or `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().ok();
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a time such as 30s, 5m or 1h".to_owned())
}

/// Parses a currency or a pair. Rejects other text, which would silently match nothing.
fn currency_or_pair(text: &str) -> Result<String, String> {
    if is_code(text) || is_pair(text) {
        Ok(text.to_owned())
    } else {
        Err("expected a currency such as btc, or a pair such as btc_twd".to_owned())
    }
}

fn is_pair(text: &str) -> bool {
    text.split_once('_').is_some_and(|(base, quote)| is_code(base) && is_code(quote))
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphanumeric())
}

/// Parses the name of a simulated account, which becomes a part of its API key and of a path.
fn account_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("expected a name of letters, digits, `-` and `_`".to_owned())
    }
}

/// Parses the name and the rank of a simulated account.
fn rank(text: &str) -> Result<(String, u8), String> {
    let parsed = text.split_once('=').and_then(|(name, rank)| Some((name.to_owned(), rank.parse().ok()?)));
    parsed.ok_or_else(|| "expected the name of an account and a rank, such as `demo=3`".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Human-readable table
    Table,
    /// One JSON object per line, for programs; also named json
    #[value(alias = "json")]
    Ndjson,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FormatArgs {
    /// Output format [default: table on a terminal, ndjson elsewhere]
    #[arg(long, short = 'o', value_enum)]
    format: Option<Format>,

    /// Same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl FormatArgs {
    pub(crate) fn format(&self) -> Format {
        let is_table = !self.json && std::io::stdout().is_terminal();
        self.format.unwrap_or(if is_table { Format::Table } else { Format::Ndjson })
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TimeArgs {
    /// Show times in the time zone of this machine instead of UTC (table)
    #[arg(long)]
    local: bool,
}

impl TimeArgs {
    pub(crate) fn time_zone(&self) -> TimeZone {
        if self.local { TimeZone::system() } else { TimeZone::UTC }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TrustArgs {
    /// Also trust the CA certificates in this PEM file [env: BITOPRO_CA_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CredentialArgs {
    /// Read the credentials from this file of NAME=value lines instead of the environment; its mode must
    /// deny access to other users (`chmod 600 FILE`)
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = help::SIM)]
pub(crate) struct SimArgs {
    /// Port on 127.0.0.1 to listen on [default: any free port]
    #[arg(long, value_name = "PORT", value_parser = number::<u16>("a port from 0 to 65535"), default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,

    /// Serve TLS with a new certificate, and write its CA certificate to DIR/ca.pem
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,

    /// Seed of the simulated market; the same seed gives the same market
    #[arg(long, value_name = "NUMBER", value_parser = number::<u64>("a whole number from 0 to 2^64 - 1"), default_value_t = 1)]
    pub(crate) seed: u64,

    /// Also serve JSON over HTTP that controls the exchange, on a free port of 127.0.0.1; its URL is the last
    /// export. `POST /commands` carries out commands as in --scenario, such as `{"commands": ["deposit BTC 1",
    /// "tick"]}`. `GET /accounts`, `/accounts/demo`, `/order-book/btc_twd` and `/connections` return the state
    #[arg(long)]
    pub(crate) control: bool,

    /// Add an account with the balances of the first one, whose name is demo; can be repeated. Its credentials
    /// are printed as a comment, and commands address it with a prefix, as in `as alice cancel a`
    #[arg(long = "account", value_name = "NAME", value_parser = account_name)]
    pub(crate) accounts: Vec<String>,

    /// Set the rank of an account, from 0 to 6, on which its fees depend, such as demo=3; can be repeated [default: 0]
    #[arg(long = "rank", value_name = "NAME=RANK", value_parser = rank)]
    pub(crate) ranks: Vec<(String, u8)>,

    /// Trade the pairs of FILE, which has a reply of the exchange (`-`: standard input), as from `curl
    /// https://api.bitopro.com/v3/provisioning/trading-pairs`. A pair that is not in the default list has a market
    /// price only with a further field `initialPrice` [default: the 35 pairs of September 2026]
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,

    /// Number of currencies of the account; from the 13th on, they are named SIM001, SIM002 and so on
    #[arg(long, value_name = "NUMBER", value_parser = number::<u16>("a number of currencies from 0 to 65535"), default_value_t = 12)]
    pub(crate) currencies: u16,

    /// Milliseconds between two market steps, or 0 for none [default: 1000, or 0 with --scenario or
    /// --control]
    #[arg(long, value_name = "MS", value_parser = number::<u64>("at least 1 millisecond, or 0 for no market steps"))]
    pub(crate) interval: Option<u64>,

    /// Play this scenario once, then keep serving (`-`: standard input). Each line is a delay in
    /// milliseconds and a command, such as `500 place a buy btc_twd 0.01 at 2600000`. The commands are
    /// place, fill, cancel, trigger, deposit, balance, tick (market steps), wait (for connections), text,
    /// text-to, refuse, fail-rest, close, disconnect, pause-pings, resume-pings, clock-offset and as; the documentation
    /// of `Command` in bitopro-sim describes them
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = help::DECODE)]
pub(crate) struct DecodeArgs {
    /// File with one complete message per line [default: standard input, as with `-`]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = help::SIGN)]
pub(crate) struct SignArgs {
    /// Sign a POST or PUT request with this JSON body (`-`: standard input), byte for byte except for a
    /// trailing line end, which `curl -d @FILE` does not send either; without it, sign a GET or DELETE request
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = help::RECORD)]
pub(crate) struct RecordArgs {
    /// File to create; it must not exist yet
    pub(crate) file: PathBuf,

    /// Stop after this many updates
    #[arg(long, value_name = "NUMBER", value_parser = number::<usize>("a number of updates, at least 0"), default_value_t = 1)]
    pub(crate) updates: usize,

    /// Stop after this many seconds, even with fewer updates
    #[arg(long, value_name = "SECONDS", value_parser = number::<u64>("a number of seconds, at least 0"), default_value_t = 60)]
    pub(crate) seconds: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Args;

    #[test]
    fn the_help_of_sim_lists_the_commands_of_scenarios() {
        let error = "dance".parse::<bitopro_sim::Command>().unwrap_err().to_string();
        let args = Args::command();
        let sim = args.find_subcommand("sim").unwrap();
        let scenario = sim.get_arguments().find(|arg| arg.get_id() == "scenario").unwrap();
        let help = scenario.get_help().unwrap().to_string();
        let listed: Vec<&str> = help.split([' ', ',', ';']).collect();
        let commands: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(commands.len(), 18, "{error}");
        for command in commands {
            assert!(listed.contains(&command), "{command}: {help}");
        }
    }

    #[test]
    fn every_command_has_a_long_description() {
        for command in Args::command().get_subcommands() {
            let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            assert!(long.contains("\n\n"), "{}: {long}", command.get_name());
        }
    }
}
