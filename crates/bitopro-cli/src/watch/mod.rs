mod layout;
mod notes;
mod printer;
mod screen;
mod table;
mod watcher;

use std::time::Duration;

use bitopro_client::Client;
use bitopro_client::model::PrivateStream;
use bitopro_client::transport::Limits;
use bitopro_sim::Simulator;

use crate::args::{Format, WatchArgs, WatchStream};
use crate::client::{self, ca_file};
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
    let (credentials, url, ca_file) = if let Some(demo) = demo {
        let credentials = demo.credentials().to_credentials();
        let credentials = credentials.map_err(|error| Failure::new(Status::Unexpected, error.to_string()))?;
        (credentials, Some(demo.ws_url().to_string()), None)
    } else {
        let credentials = credentials::load(&args.credentials, DEMO_HINT)?;
        (credentials, args.url.clone(), ca_file(args.trust.ca_file.clone()))
    };
    let limits = Limits::default().with_message_bytes(args.message_limit);
    let mut builder = client::builder(credentials, url, ca_file.as_deref(), limits)?;
    if args.exit.once {
        builder = builder.with_retry_limit(MAX_ONCE_ATTEMPTS);
    }
    client::build(builder)
}
