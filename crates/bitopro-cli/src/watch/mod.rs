mod layout;
mod notes;
mod printer;
mod screen;
mod table;
mod watcher;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::transport::Limits;
use bitopro_client::{Client, WS_URL_VARIABLE};
use bitopro_sim::Simulator;

use crate::args::{Format, WatchArgs, WatchStream};
use crate::connector::connector;
use crate::credentials;
use crate::exit::{Failure, Status};
use crate::filter::Filter;
use crate::signals::Signals;
use crate::table::{Appearance, EscapeCodes};
use crate::writer::Writer;
use printer::{Printer, Renderer};
use screen::Screen;
use table::Table;
use watcher::Watcher;

/// The environment variable that names a PEM file of CA certificates to trust in addition to the platform's.
pub(crate) const CA_FILE_VARIABLE: &str = "BITOPRO_CA_FILE";

/// Number of consecutive failures that end `--once`.
const MAX_ONCE_ATTEMPTS: u32 = 3;
/// The advice to a user without credentials.
const DEMO_HINT: &str = "; `--demo` needs none";
/// Interval between market steps of the demo.
const DEMO_INTERVAL: Duration = Duration::from_millis(800);

pub(crate) fn run(args: WatchArgs, signals: &Signals) -> Result<Status, Failure> {
    crate::block_on(watch(args, signals))
}

async fn watch(args: WatchArgs, signals: &Signals) -> Result<Status, Failure> {
    let demo = if args.demo { Some(start_demo().await?) } else { None };
    let client = client(&args, demo.as_ref())?;
    let streams = streams(args.stream);
    let subscription = client.subscribe(streams);
    let renderer = renderer(&args, streams.len() > 1);
    let filter = Filter::new(args.filter.clone());
    let printer = Printer::new(filter, renderer, streams, client.changes(), subscription.reader());
    let watcher = Watcher::new(subscription, streams, printer, Writer::stdout()?, &args);
    let result = watcher.run(&mut signals.stop_request()).await;
    if let Some(demo) = demo {
        demo.stop().await;
    }
    result
}

fn streams(stream: WatchStream) -> &'static [PrivateStream] {
    match stream {
        WatchStream::Balances => &[PrivateStream::AccountBalance],
        WatchStream::Orders => &[PrivateStream::ActiveOrders],
        WatchStream::History => &[PrivateStream::HistoryOrders],
        WatchStream::Trades => &[PrivateStream::UserTrades],
        WatchStream::All => PrivateStream::ALL,
    }
}

fn renderer(args: &WatchArgs, is_mixed: bool) -> Renderer {
    let look = Appearance::of_stdout(args.times.time_zone());
    match args.format.format() {
        Format::Ndjson => Renderer::Ndjson { state: args.state },
        Format::Table if args.state => {
            let can_overwrite = look.escapes != EscapeCodes::None;
            Renderer::Screen(Screen::new(look, is_mixed, can_overwrite.then_some(terminal_height)))
        }
        Format::Table => Renderer::Table(Table::new(look, is_mixed)),
    }
}

/// Returns the current number of lines of the terminal, or 24 if it is unknown.
fn terminal_height() -> usize {
    const DEFAULT_HEIGHT: usize = 24;

    terminal_size::terminal_size_of(std::io::stdout())
        .map_or(DEFAULT_HEIGHT, |(_, height)| usize::from(height.0))
}

async fn start_demo() -> Result<Simulator, Failure> {
    Simulator::builder().with_market_interval(DEMO_INTERVAL).start().await.map_err(|error| {
        Failure::new(Status::Unexpected, "cannot start the simulated exchange of the demo").with_source(error)
    })
}

fn client(args: &WatchArgs, demo: Option<&Simulator>) -> Result<Client, Failure> {
    let (credentials, url) = match demo {
        Some(demo) => {
            let credentials = demo.credentials().to_credentials();
            let credentials =
                credentials.map_err(|error| Failure::new(Status::Unexpected, error.to_string()))?;
            (credentials, Some(demo.ws_url().to_string()))
        }
        None => (credentials::load(&args.credentials, DEMO_HINT)?, base_url(args.url.clone())?),
    };
    let mut builder = Client::builder(credentials);
    if let Some(url) = url {
        builder = builder.with_endpoint(url);
    }
    let limits = Limits::default().with_message_bytes(args.message_limit);
    let ca_file = ca_file(args.trust.ca_file.clone()).filter(|_| demo.is_none());
    builder = builder.with_connector(connector(ca_file, limits)?);
    if args.exit.once {
        builder = builder.with_retry_limit(MAX_ONCE_ATTEMPTS);
    }
    builder.build().map_err(|error| Failure::new(Status::Usage, error.to_string()))
}

/// Returns the base URL of a flag, or else of the environment, if any.
pub(crate) fn base_url(flag: Option<String>) -> Result<Option<String>, Failure> {
    let Some(value) = variable(WS_URL_VARIABLE).filter(|_| flag.is_none()) else { return Ok(flag) };
    let not_unicode = |_| Failure::new(Status::Usage, format!("{WS_URL_VARIABLE} is not valid Unicode"));
    value.into_string().map(Some).map_err(not_unicode)
}

/// Returns the CA file of a flag, or else of the environment, if any.
pub(crate) fn ca_file(flag: Option<PathBuf>) -> Option<PathBuf> {
    flag.or_else(|| variable(CA_FILE_VARIABLE).map(PathBuf::from))
}

/// Returns the value of an environment variable, if it is not empty.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
