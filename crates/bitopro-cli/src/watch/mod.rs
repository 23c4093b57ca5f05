mod ndjson;
mod table;

use std::fs;
use std::io::IsTerminal;
use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balances};
use bitopro_client::transport::TungsteniteConnector;
use bitopro_client::{Client, Closed, Error, ErrorKind, Item, Subscription};
use bitopro_sim::Simulator;
use futures_util::{FutureExt, StreamExt};

use crate::args::{Format, WatchArgs, WatchStream};
use crate::credentials;
use crate::exit::{Failure, Status};
use crate::output::{Output, Unprintable, settle};
use crate::signals::Signals;
use table::Table;

/// The base endpoint to use instead of the exchange's own.
pub(crate) const URL_VARIABLE: &str = "BITOPRO_WS_URL";
/// A PEM file with certificates to trust beside the platform's.
pub(crate) const CA_FILE_VARIABLE: &str = "BITOPRO_CA_FILE";

/// How many failures `--once` puts up with.
const ATTEMPTS_OF_ONCE: u32 = 3;
/// How often the market of the demo moves.
const DEMO_INTERVAL: Duration = Duration::from_millis(800);

pub(crate) fn run(args: WatchArgs) -> Result<Status, Failure> {
    crate::runtime()?.block_on(watch(args))
}

async fn watch(args: WatchArgs) -> Result<Status, Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::new(Status::Unexpected, "signals cannot be awaited").because(error))?;
    let demo = if args.demo { Some(start_demo().await?) } else { None };
    let client = client(&args, demo.as_ref())?;
    let terminal = std::io::stdout().is_terminal();
    let format = args.format.unwrap_or(if terminal { Format::Table } else { Format::Ndjson });
    let printer = match format {
        Format::Ndjson => Printer::Ndjson,
        Format::Table => Printer::Table(Table::new(terminal && std::env::var_os("NO_COLOR").is_none())),
    };
    let WatchStream::Balances = args.stream;
    let mut follower = Follower { printer, output: Output::stdout(), once: args.once, saw_malformed: false };
    let ended = follower.follow(client.balances(), &mut signals).await;
    if let Some(demo) = demo {
        demo.stop().await;
    }
    match ended {
        Ok(closed) => follower.judge(closed),
        Err(unprintable) => settle(Err(unprintable)),
    }
}

async fn start_demo() -> Result<Simulator, Failure> {
    Simulator::builder().with_market_interval(DEMO_INTERVAL).start().await.map_err(|error| {
        Failure::new(Status::Unexpected, "the demo's exchange cannot be started").because(error)
    })
}

fn client(args: &WatchArgs, demo: Option<&Simulator>) -> Result<Client, Failure> {
    let usage = |message: String| Failure::new(Status::Usage, message);
    let (credentials, url) = match demo {
        Some(demo) => {
            let credentials = demo.credentials().to_credentials();
            let credentials =
                credentials.map_err(|error| Failure::new(Status::Unexpected, error.to_string()))?;
            (credentials, Some(demo.ws_url().to_string()))
        }
        None => (credentials::load(&args.credentials)?, setting(args.url.clone(), URL_VARIABLE)),
    };
    let mut builder = Client::builder(credentials);
    if let Some(url) = url {
        builder = builder.with_endpoint(url);
    }
    if let Some(path) = setting(args.ca_file.clone(), CA_FILE_VARIABLE).filter(|_| demo.is_none()) {
        let shown = path.display();
        let pem = fs::read(&path).map_err(|error| usage(format!("{shown} cannot be read")).because(error))?;
        let connector = TungsteniteConnector::new().with_extra_roots(pem);
        builder = builder.with_connector(connector.map_err(|error| usage(format!("{shown}: {error}")))?);
    }
    if args.once {
        builder = builder.with_retry_limit(ATTEMPTS_OF_ONCE);
    }
    builder.build().map_err(|error| usage(error.to_string()))
}

/// What a flag says, or else the environment.
fn setting<T: From<String>>(flag: Option<T>, variable: &str) -> Option<T> {
    flag.or_else(|| std::env::var(variable).ok().filter(|value| !value.is_empty()).map(T::from))
}

enum Printer {
    Ndjson,
    Table(Table),
}

struct Follower {
    printer: Printer,
    output: Output,
    once: bool,
    saw_malformed: bool,
}

impl Follower {
    /// Prints items to the end of the stream, which a signal brings about, or the first snapshot of `--once`.
    async fn follow(
        &mut self,
        mut balances: Subscription<Balances>,
        signals: &mut Signals,
    ) -> Result<Closed, Unprintable> {
        loop {
            let item = tokio::select! {
                item = balances.next() => item,
                () = signals.next() => {
                    balances.request_close();
                    continue;
                }
            };
            let mut next = item;
            // What is already there is printed before the pipe is bothered.
            while let Some(item) = next {
                self.print(&item)?;
                match item {
                    Item::Closed(closed) => {
                        self.output.flush()?;
                        return Ok(closed);
                    }
                    Item::Snapshot(_) if self.once => {
                        self.output.flush()?;
                        return self.finish(balances).await;
                    }
                    Item::Malformed(_) => self.saw_malformed = true,
                    _ => {}
                }
                next = balances.next().now_or_never().flatten();
            }
            self.output.flush()?;
        }
    }

    /// Closes politely, and prints nothing of what still comes but the end.
    async fn finish(&mut self, balances: Subscription<Balances>) -> Result<Closed, Unprintable> {
        let closed = balances.close().await;
        self.print(&Item::Closed(closed.clone()))?;
        self.output.flush()?;
        Ok(closed)
    }

    fn print(&mut self, item: &Item<AccountBalance>) -> Result<(), Unprintable> {
        match &mut self.printer {
            Printer::Ndjson => self.output.json(&ndjson::Line::new(item)),
            Printer::Table(table) => table.print(item, &mut self.output),
        }
    }

    fn judge(&self, closed: Closed) -> Result<Status, Failure> {
        match closed {
            Closed::Failed(error) => {
                let status = self.status(&error);
                let failure = Failure::new(status, error.to_string());
                Err(match std::error::Error::source(&error) {
                    Some(beneath) => failure.because(crate::exit::chain(beneath)),
                    None => failure,
                })
            }
            _ => Ok(Status::Ok),
        }
    }

    fn status(&self, error: &Error) -> Status {
        match error.kind() {
            ErrorKind::NoSnapshot if self.saw_malformed => Status::BadData,
            _ => Status::of(error),
        }
    }
}
