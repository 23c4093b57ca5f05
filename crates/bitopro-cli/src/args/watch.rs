//! The arguments of `watch`.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use bitopro_client::transport::Limits;
use bitopro_client::{BookPair, PairsError};
use clap::{Args as ClapArgs, ValueEnum};

use super::{CredentialArgs, FormatArgs, TimeArgs, TrustArgs, currency_or_pair, duration, help, number};

#[derive(Debug, ClapArgs)]
#[command(after_help = help::WATCH)]
pub(crate) struct WatchArgs {
    /// Stream to watch
    pub(crate) stream: WatchStream,

    /// Pair of a public stream, such as btc_twd; can be repeated. For `book`, with a number of levels: btc_twd:20
    /// (1, 5, 10, 20, 30 or 50)
    #[arg(value_name = "PAIR", value_parser = book_pair)]
    pub(crate) pairs: Vec<BookPair>,

    /// Watch an account on a built-in simulated exchange, without credentials or a network
    #[arg(long, conflicts_with_all = ["url", "credentials", "ca_file"])]
    pub(crate) demo: bool,

    /// Base URL, such as wss://host:port/ws [env: BITOPRO_WS_URL] [default:
    /// wss://stream.bitopro.com:443/ws, then port 9443]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) exit: ExitArgs,

    /// Maximum message size in bytes; a larger message ends the connection
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value_t = Limits::default().message_bytes)]
    pub(crate) message_limit: usize,

    /// Print only this currency and its pairs (btc), or this pair and its two currencies (btc_twd); can be
    /// repeated
    #[arg(long, value_name = "CODE", value_parser = currency_or_pair)]
    pub(crate) filter: Vec<String>,

    /// Print the complete state of a stream after each change: in addition to the change (ndjson), or
    /// instead of it (table). On a terminal, show it in the live view
    #[arg(long)]
    pub(crate) state: bool,

    /// Show the live view: the state and the health of each stream on the whole terminal; `?` lists its keys
    #[arg(long, conflicts_with_all = ["once", "count", "for", "heartbeat", "format", "json"])]
    pub(crate) tui: bool,

    /// Print how current each stream is, in this interval, such as 30s
    #[arg(long, value_name = "INTERVAL", value_parser = duration)]
    pub(crate) heartbeat: Option<Duration>,

    /// Serve metrics for Prometheus at this address, such as 127.0.0.1:9100, under the path /metrics. They contain no
    /// amounts and no secrets
    #[arg(long, value_name = "ADDRESS", value_parser = socket_address)]
    pub(crate) metrics: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) times: TimeArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// When `watch` exits, other than on a signal or a failure.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExitArgs {
    /// Exit after the first snapshot of each stream (`watch trades`: once connected). Also exit after three
    /// failures (a failure of both default URLs counts as one), or if the next dial is more than 30 s away
    #[arg(long)]
    pub(crate) once: bool,

    /// Exit after this many messages (snapshots and updates that match the filter)
    #[arg(long, value_name = "NUMBER", value_parser = number::<NonZeroU64>("a number of messages, at least 1"))]
    pub(crate) count: Option<NonZeroU64>,

    /// Exit after this time, such as 30s, 5m or 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) r#for: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchStream {
    /// Account balances
    #[value(alias = "account-balance")]
    Balances,
    /// Open orders
    #[value(alias = "active-orders")]
    Orders,
    /// Recently closed orders, then each order when it closes
    #[value(alias = "history-orders")]
    History,
    /// Executions of your orders, from now on
    #[value(alias = "user-trades")]
    Trades,
    /// All four private streams
    All,
    /// Order books of the market; needs no credentials
    #[value(alias = "order-books")]
    Book,
    /// Last prices; needs no credentials
    #[value(alias = "tickers")]
    Ticker,
    /// Trades of the whole market; needs no credentials
    MarketTrades,
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:9100".to_owned())
}

fn book_pair(text: &str) -> Result<BookPair, String> {
    text.parse().map_err(|error: PairsError| error.problems().join("; "))
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a number of bytes, at least 1".to_owned())
}
