mod metrics;
mod notes;
mod printer;
mod service;
mod source;
mod state_tables;
mod table;
mod tui;
mod watcher;

use std::future::pending;

use bitopro_client::model::{PrivateStream, PublicStream, Stream};
use bitopro_client::transport::Limits;
use bitopro_client::{Client, PublicClient};
use bitopro_sim::Simulator;

use crate::args::{Format, WatchArgs, WatchStream};
use crate::client::{self, ca_file};
use crate::credentials;
use crate::demo;
use crate::exit::{Failure, Status};
use crate::filter::Filter;
use crate::output::Writer;
use crate::signals::Signals;
use crate::table::{Appearance, EscapeCodes};
use printer::{Printer, Renderer};
use source::{AnyClient, Source};
use state_tables::StateTables;
use table::Table;
use watcher::Watcher;

/// Number of consecutive failures that end `--once`.
const MAX_ONCE_ATTEMPTS: u32 = 3;
/// The advice to a user without credentials.
const DEMO_HINT: &str = "; `--demo` needs none";

pub(crate) fn run(args: WatchArgs, signals: &Signals) -> Result<Status, Failure> {
    // Standard output has its own thread.
    crate::block_on_one_thread(watch(args, signals))
}

async fn watch(args: WatchArgs, signals: &Signals) -> Result<Status, Failure> {
    let demo = if args.demo { Some(demo::start().await?) } else { None };
    let streams = streams(args.stream);
    let (source, client) = source(&args, streams, demo.as_ref())?;
    let listener = match args.metrics {
        Some(address) => Some(metrics::listen(address).await?),
        None => None,
    };
    let filter = Filter::new(args.filter.clone());
    let look = Appearance::of_stdout(args.times.time_zone());
    let mut stop_request = signals.stop_request();
    let watching = async {
        if is_live_view(&args, &look)? {
            return tui::run(source, &client, streams, filter, look, &mut stop_request).await;
        }
        let renderer = renderer(&args, look, streams.len() > 1);
        let printer = Printer::new(filter, renderer, streams, client.changes(), source.reader());
        Watcher::new(source, streams, printer, Writer::stdout()?, &args).run(&mut stop_request).await
    };
    let metrics = async {
        match listener {
            Some(listener) => metrics::serve(listener, || client.stats()).await,
            None => pending().await,
        }
    };
    let result = tokio::select! {
        result = watching => result,
        never = metrics => match never {},
        never = service::keep_alive() => match never {},
    };
    if let Some(demo) = demo {
        demo.stop().await;
    }
    result
}

fn streams(stream: WatchStream) -> &'static [Stream] {
    const BALANCES: Stream = Stream::Private(PrivateStream::AccountBalance);
    const ORDERS: Stream = Stream::Private(PrivateStream::ActiveOrders);
    const HISTORY: Stream = Stream::Private(PrivateStream::HistoryOrders);
    const TRADES: Stream = Stream::Private(PrivateStream::UserTrades);

    match stream {
        WatchStream::Balances => &[BALANCES],
        WatchStream::Orders => &[ORDERS],
        WatchStream::History => &[HISTORY],
        WatchStream::Trades => &[TRADES],
        WatchStream::All => &[BALANCES, ORDERS, HISTORY, TRADES],
        WatchStream::Book => &[Stream::Public(PublicStream::OrderBooks)],
        WatchStream::Ticker => &[Stream::Public(PublicStream::Tickers)],
        WatchStream::MarketTrades => &[Stream::Public(PublicStream::Trades)],
    }
}

/// Separates the private streams from the public ones.
fn by_kind(streams: &[Stream]) -> (Vec<PrivateStream>, Vec<PublicStream>) {
    let (mut private, mut public) = (Vec::new(), Vec::new());
    for stream in streams {
        match stream {
            Stream::Private(stream) => private.push(*stream),
            Stream::Public(stream) => public.push(*stream),
            _ => {}
        }
    }
    (private, public)
}

/// Subscribes to streams of one kind.
fn source(
    args: &WatchArgs,
    streams: &[Stream],
    demo: Option<&Simulator>,
) -> Result<(Source, AnyClient), Failure> {
    let usage = |message: &'static str| Err(Failure::new(Status::Usage, message));
    let (private, public) = by_kind(streams);
    if public.is_empty() {
        if !args.pairs.is_empty() {
            return usage(
                "a private stream is about the whole account; use `--filter` to print only one pair",
            );
        }
        let client = client(args, demo)?;
        return Ok((Source::Account(client.subscribe(&private)), AnyClient::Private(client)));
    }
    if args.pairs.is_empty() {
        return usage(
            "a public stream needs at least one PAIR, such as `btc_twd`; `bitopro pairs` lists the pairs",
        );
    }
    if args.stream != WatchStream::Book && args.pairs.iter().any(|pair| pair.depth().is_some()) {
        return usage("only `book` has a number of levels; remove the part after the `:`");
    }
    let client = public_client(args, demo)?;
    let subscription = client.subscribe(&public, args.pairs.iter().cloned());
    let subscription = subscription.map_err(|error| Failure::new(Status::Usage, error.to_string()))?;
    Ok((Source::Market(subscription), AnyClient::Public(client)))
}

/// Returns whether to show the live view: on request, or for `--state` on a terminal.
fn is_live_view(args: &WatchArgs, look: &Appearance) -> Result<bool, Failure> {
    let can_show = look.escapes != EscapeCodes::None;
    if args.tui && !can_show {
        let message = "`--tui` needs a terminal; leave it out, or set TERM if it is `dumb`";
        return Err(Failure::new(Status::Usage, message));
    }
    let is_live =
        args.tui || (args.state && can_show && args.format.format() == Format::Table && !ends(args));
    if is_live && crate::log::is_on_terminal() {
        let message =
            "RUST_LOG is set, and the log would overwrite the live view; add `2> bitopro.log`, or unset it";
        return Err(Failure::new(Status::Usage, message));
    }
    Ok(is_live)
}

/// Returns whether the command ends by itself.
fn ends(args: &WatchArgs) -> bool {
    args.exit.once || args.exit.count.is_some() || args.exit.r#for.is_some()
}

fn renderer(args: &WatchArgs, look: Appearance, is_mixed: bool) -> Renderer {
    match args.format.format() {
        Format::Ndjson => Renderer::Ndjson { state: args.state },
        Format::Table if args.state => Renderer::States(StateTables::new(look, is_mixed)),
        Format::Table => Renderer::Table(Box::new(Table::new(look, is_mixed))),
    }
}

fn client(args: &WatchArgs, demo: Option<&Simulator>) -> Result<Client, Failure> {
    let (credentials, url, ca_file) = if let Some(demo) = demo {
        (demo::credentials(demo)?, Some(demo.ws_url().to_string()), None)
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

fn public_client(args: &WatchArgs, demo: Option<&Simulator>) -> Result<PublicClient, Failure> {
    let (url, ca_file) = match demo {
        Some(demo) => (Some(demo.ws_url().to_string()), None),
        None => (args.url.clone(), ca_file(args.trust.ca_file.clone())),
    };
    let limits = Limits::default().with_message_bytes(args.message_limit);
    let mut builder = PublicClient::builder().with_connector(client::connector(ca_file.as_deref(), limits)?);
    if let Some(url) = client::base_url(url)? {
        builder = builder.with_endpoint(url);
    }
    if args.exit.once {
        builder = builder.with_retry_limit(MAX_ONCE_ATTEMPTS);
    }
    builder.build().map_err(|error| client::invalid_settings(&error))
}
