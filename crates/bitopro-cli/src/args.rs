#![allow(clippy::doc_markdown, reason = "these comments are the help text, where backticks would show")]

mod switches;

use std::path::PathBuf;

use bitopro_client::transport::Limits;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use switches::SwitchArgs;

/// Exit codes, in the help as in the README.
const EXIT_CODES: &str = "\
Exit codes:
  0  ok; also after Ctrl-C, SIGTERM and a closed pipe
  1  unexpected
  2  usage: arguments, files, the endpoint, or this machine's proxy or CA certificates
  3  auth: no usable credentials, or the exchange does not accept them
  4  network: no connection (*), none that lasts (*), or a certificate that is not acceptable
  5  bad data: something could not be read
  6  rate limited (*)
  7  clock: this machine's is too far from the exchange's
(*) from watch only with --once; without it, watch goes on trying";

/// Watch a BitoPro account over its private WebSocket streams.
///
/// Unofficial: not made or endorsed by the exchange.
#[derive(Debug, Parser)]
#[command(name = "bitopro", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Follow a stream of an account
    ///
    /// Credentials come from BITOPRO_API_KEY, BITOPRO_API_SECRET and BITOPRO_EMAIL, or from a file with such
    /// lines. No flag takes a secret.
    Watch(WatchArgs),
    /// Serve a simulated exchange until stopped
    ///
    /// Prints its address and credentials as `export NAME=value` lines: paste them into another terminal, and
    /// `bitopro watch all` follows it.
    Sim(SimArgs),
    /// Turn raw frames, one a line, into normalised JSON
    ///
    /// A line that cannot be read is named on standard error, and the others are decoded all the same.
    Decode(DecodeArgs),
    /// Print the three headers of a signed request
    ///
    /// Prints `Name: value` lines for use with other tools, curl's `-H @-` say. They are good for one request,
    /// now.
    Sign(SignArgs),
    /// Record balances of your account, with everything personal replaced
    ///
    /// Writes the snapshot and the updates that follow to FILE, one message a line. Credentials come from
    /// BITOPRO_API_KEY, BITOPRO_API_SECRET and BITOPRO_EMAIL; BITOPRO_WS_URL and BITOPRO_CA_FILE mean what they mean
    /// to watch.
    ///
    /// Before anything is written, in memory: event ids become counted ones; in amounts, each digit from the
    /// first to the last that is not zero becomes another, while zeros at both ends, sign, decimal places
    /// and which amount is larger or equal remain, and sums do not; in fields that this version does not know,
    /// so do the digits of numbers and the letters and digits of texts.
    ///
    /// Unchanged are the currencies and which of them are zero, the number of digits of an amount, the times of
    /// messages and the names of unknown fields. Messages that are not balances are left out. Nothing is written
    /// if the email address, the key, the secret, the signature, the payload or an event id would be in the file,
    /// verbatim, in hex or in base64.
    Record(RecordArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct WatchArgs {
    /// What to follow
    pub(crate) stream: WatchStream,

    /// Follow a simulated account on a simulated exchange: no credentials, no network
    #[arg(long, conflicts_with_all = ["url", "credentials", "ca_file"])]
    pub(crate) demo: bool,

    /// The base endpoint, such as wss://host:port/ws, instead of the exchange's own [env: BITOPRO_WS_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// End after the first snapshot (of trades, which have none, after the first connection), after three
    /// failures, or when the next try is more than 30 s away
    #[arg(long)]
    pub(crate) once: bool,

    /// The largest message to accept, in bytes; a larger one ends its connection
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value_t = Limits::default().message_bytes)]
    pub(crate) message_limit: usize,

    /// Print only what concerns this currency or pair, such as btc or btc_twd; may be given several times
    #[arg(long, value_name = "CODE", value_parser = code)]
    pub(crate) filter: Vec<String>,

    /// Print the whole state of a stream after each change
    #[arg(long)]
    pub(crate) state: bool,

    /// How to print; a table on a terminal and NDJSON elsewhere, unless given
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    /// Also trust the certificates of this PEM file [env: BITOPRO_CA_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|bytes| *bytes > 0).ok_or_else(|| "a number of bytes, at least 1".to_owned())
}

/// A currency or a pair. Others would match nothing, and say nothing.
fn code(text: &str) -> Result<String, String> {
    let is_code = |code: &str| !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric());
    let fits = match text.split_once('_') {
        Some((base, quote)) => is_code(base) && is_code(quote),
        None => is_code(text),
    };
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a currency such as btc, or a pair such as btc_twd".to_owned())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WatchStream {
    /// Account balances
    Balances,
    /// Open orders
    Orders,
    /// Orders that ended
    History,
    /// Trades
    Trades,
    /// The whole account: all four
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs: one JSON object a line
    Ndjson,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CredentialArgs {
    /// Read the credentials from this file, which nobody else may be able to read, instead of from the
    /// environment
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SimArgs {
    /// The port on 127.0.0.1; a free one unless given
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,

    /// Speak TLS, with a certificate made now; its authority is written to DIR/ca.pem
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,

    /// The seed of the simulated market
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Milliseconds between two moves of the market; 0 keeps it still. Unless given, 1000, or 0 with a
    /// scenario
    #[arg(long, value_name = "MS")]
    pub(crate) interval: Option<u64>,

    /// Play this scenario once and serve on: a step a line, milliseconds to wait and what to do (`-` for
    /// standard input). `500 place a buy btc_twd 0.01 at 2600000` is one; see `Scenario` of bitopro-sim for all
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) switches: SwitchArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DecodeArgs {
    /// The file with the frames; standard input if it is `-` or not given
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SignArgs {
    /// Sign this JSON body, for a POST or PUT (`-` for standard input); without it, a GET or DELETE
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RecordArgs {
    /// The file to write, which must not exist yet
    pub(crate) file: PathBuf,

    /// End after this many updates
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) updates: usize,

    /// End after this many seconds, with fewer updates if need be
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub(crate) seconds: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Args;

    #[test]
    fn each_command_tells_in_its_help_what_one_has_to_know() {
        for command in Args::command().get_subcommands() {
            let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            assert!(long.contains("\n\n"), "{}: {long}", command.get_name());
        }
    }
}
