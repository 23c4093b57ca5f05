#![allow(clippy::doc_markdown, reason = "these comments are the help text, where backticks would show")]

mod exchange;

use std::path::PathBuf;

use bitopro_client::transport::Limits;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use exchange::ExchangeArgs;

/// The exit codes, which the README lists too.
const EXIT_CODES: &str = "\
Exit codes:
  0  success, including Ctrl-C, SIGTERM and a closed pipe
  1  unexpected error
  2  usage: invalid arguments, files or endpoint, or this machine's proxy or CA certificates
  3  authentication: no usable credentials, or the exchange rejects them
  4  network: no connection (*), no stable connection (*), or an invalid certificate
  5  bad data: a message or an input line cannot be read
  6  rate limited (*)
  7  clock: this machine's clock differs too much from the exchange's
(*) From `watch` only with --once: without it, `watch` retries forever.";

/// Watch, record, decode and simulate BitoPro's private WebSocket streams
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
    /// Watch one or all streams of an account
    ///
    /// Reads the credentials from the environment variables BITOPRO_API_KEY, BITOPRO_API_SECRET and
    /// BITOPRO_EMAIL, or from a file that sets them. No flag takes a secret.
    Watch(WatchArgs),
    /// Serve a simulated exchange until stopped
    ///
    /// Prints its address and credentials as `export NAME=value` lines. Paste them into another terminal,
    /// and run `bitopro watch all` there.
    Sim(SimArgs),
    /// Decode raw frames, one per line, into normalised JSON
    ///
    /// Reports lines that cannot be read on standard error, and decodes the others.
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
    /// Messages are scrubbed in memory before anything is written. Event ids become consecutive numbers. In
    /// amounts, every digit from the first to the last nonzero one is replaced; leading and trailing zeros,
    /// the sign, the decimal places, and which amount is larger or equal are preserved, but sums are not. In
    /// fields that this version does not know, the digits of numbers and the letters and digits of strings
    /// are replaced.
    ///
    /// The recording still shows the currencies and which of them are zero, the number of digits of each
    /// amount, the times of the messages and the names of unknown fields. Messages that are not balances are
    /// left out. Nothing is written if the email address, the key, the secret, the signature, the payload or
    /// an event id would be in the file, verbatim, in hex or in base64.
    Record(RecordArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct WatchArgs {
    /// Stream to watch
    pub(crate) stream: WatchStream,

    /// Watch an account on a built-in simulated exchange; needs no credentials and no network
    #[arg(long, conflicts_with_all = ["url", "credentials", "ca_file"])]
    pub(crate) demo: bool,

    /// Base endpoint, such as wss://host:port/ws [env: BITOPRO_WS_URL] [default: the exchange's own]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Exit after the first snapshot of each stream, after three failures, or if the next attempt is more
    /// than 30 s away; trades have no snapshot, so `watch trades` exits after its first connection
    #[arg(long)]
    pub(crate) once: bool,

    /// Largest message to accept, in bytes; a larger one ends its connection
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value_t = Limits::default().message_bytes)]
    pub(crate) message_limit: usize,

    /// Print only data of this currency or pair, such as btc or btc_twd; can be repeated
    #[arg(long, value_name = "CODE", value_parser = currency_or_pair)]
    pub(crate) filter: Vec<String>,

    /// Print the complete state of a stream after each change
    #[arg(long)]
    pub(crate) state: bool,

    /// Output format [default: table on a terminal, ndjson elsewhere]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    /// Also trust the CA certificates in this PEM file [env: BITOPRO_CA_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a number of bytes, at least 1".to_owned())
}

/// Parses a currency or a pair. Rejects all else, which would silently match nothing.
fn currency_or_pair(text: &str) -> Result<String, String> {
    let is_code = |code: &str| !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric());
    let is_valid = match text.split_once('_') {
        Some((base, quote)) => is_code(base) && is_code(quote),
        None => is_code(text),
    };
    if is_valid {
        Ok(text.to_owned())
    } else {
        Err("expected a currency such as btc, or a pair such as btc_twd".to_owned())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WatchStream {
    /// Account balances
    Balances,
    /// Open orders
    Orders,
    /// Closed orders
    History,
    /// Trades
    Trades,
    /// All four streams
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Human-readable table
    Table,
    /// One JSON object per line, for programs
    Ndjson,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CredentialArgs {
    /// Read the credentials from this file instead of the environment; other users must not have access to it
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SimArgs {
    /// Port to listen on, at 127.0.0.1 [default: any free port]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,

    /// Serve TLS with a new certificate, and write its CA certificate to DIR/ca.pem
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,

    /// Seed of the simulated market
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Milliseconds between two market moves, or 0 for none [default: 1000, or 0 with --scenario]
    #[arg(long, value_name = "MS")]
    pub(crate) interval: Option<u64>,

    /// Play this scenario once, then keep serving (`-` for standard input). Each line is a delay in
    /// milliseconds and a command, such as `500 place a buy btc_twd 0.01 at 2600000`. The documentation of
    /// `Command` in bitopro-sim lists all commands
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DecodeArgs {
    /// File with one raw frame per line [default: standard input, as with `-`]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SignArgs {
    /// Sign a POST or PUT request with this JSON body (`-` for standard input) instead of a GET or DELETE
    /// request
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RecordArgs {
    /// File to create; it must not exist yet
    pub(crate) file: PathBuf,

    /// Stop after this many updates
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) updates: usize,

    /// Stop after this many seconds, even with fewer updates
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) seconds: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Args;

    #[test]
    fn every_command_has_a_long_description() {
        for command in Args::command().get_subcommands() {
            let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            assert!(long.contains("\n\n"), "{}: {long}", command.get_name());
        }
    }
}
