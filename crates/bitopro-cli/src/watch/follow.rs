use std::pin::pin;
use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balances};
use bitopro_client::{Closed, Disconnected, Error, ErrorKind, Item, Subscription};
use futures_util::{FutureExt, StreamExt};

use super::ndjson;
use super::table::Table;
use crate::exit::{Failure, Status, chain};
use crate::output::{Unprintable, json, settle};
use crate::signals::Signals;
use crate::writer::Writer;

/// How long the reader may take, after a signal, to read what is left.
const GRACE: Duration = Duration::from_secs(1);
/// How many bytes are printed at once, and then the rest of the item. What comes beyond can still be merged.
const CHUNK: usize = 64 << 10;
/// How long `--once` waits for the next try.
const LONGEST_WAIT_OF_ONCE: Duration = Duration::from_secs(30);

pub(super) enum Printer {
    Ndjson,
    Table(Table),
}

impl Printer {
    fn print(&mut self, item: &Item<AccountBalance>, lines: &mut String) -> Result<(), Failure> {
        match self {
            Self::Ndjson => {
                lines.push_str(&json(&ndjson::Line::new(item))?);
                lines.push('\n');
            }
            Self::Table(table) => table.print(item, lines),
        }
        Ok(())
    }
}

/// Prints what a subscription tells.
pub(super) struct Follower {
    printer: Printer,
    writer: Writer,
    once: bool,
    /// What is printed next.
    lines: String,
    saw_malformed: bool,
}

/// Why nothing more is followed.
enum End {
    Signal,
    /// What `--once` waited for is there.
    Enough,
    Closed(Closed),
    /// The next try is too far off for `--once`.
    TooLong(Disconnected),
}

impl Follower {
    pub(super) fn new(printer: Printer, writer: Writer, once: bool) -> Self {
        Self { printer, writer, once, lines: String::new(), saw_malformed: false }
    }

    /// Prints to the end of the stream, a signal, a closed pipe, or the first snapshot of `--once`.
    pub(super) async fn follow(
        mut self,
        mut items: Subscription<Balances>,
        signals: &mut Signals,
    ) -> Result<Status, Failure> {
        let end = match self.print_items(&mut items, signals).await {
            Ok(end) => end,
            Err(unprintable) => return settle(Err(unprintable), Status::Ok),
        };
        // This takes no longer than the close deadline, so the writer need not be waited for in between.
        items.request_close();
        while let Some(item) = items.next().await {
            let item = match (&end, item) {
                (End::TooLong(disconnected), Item::Closed(_)) => {
                    Item::Closed(Closed::Failed(disconnected.error.clone()))
                }
                (End::Signal, item) | (_, item @ Item::Closed(_)) => item,
                _ => continue,
            };
            self.printer.print(&item, &mut self.lines)?;
        }
        let Self { writer, lines, saw_malformed, .. } = self;
        let mut written = pin!(writer.finish(lines));
        if !matches!(end, End::Signal) {
            tokio::select! {
                written = &mut written => {
                    settle(written, Status::Ok)?;
                    return judge(end, saw_malformed);
                }
                () = signals.next() => {}
            }
        }
        match tokio::time::timeout(GRACE, written).await {
            Ok(written) => settle(written, Status::Ok),
            // Nobody reads, and the command was told to end.
            Err(_) => Ok(Status::Ok),
        }
    }

    async fn print_items(
        &mut self,
        items: &mut Subscription<Balances>,
        signals: &mut Signals,
    ) -> Result<End, Unprintable> {
        loop {
            // Items are taken only when they can be printed: until then the subscription merges them.
            tokio::select! {
                () = signals.next() => return Ok(End::Signal),
                room = self.writer.room() => room?,
            }
            let mut next = tokio::select! {
                () = signals.next() => return Ok(End::Signal),
                broken = self.writer.broken() => return Err(broken),
                item = items.next() => item,
            };
            while let Some(item) = next {
                self.printer.print(&item, &mut self.lines)?;
                match item {
                    Item::Closed(closed) => return Ok(End::Closed(closed)),
                    Item::Snapshot(_) if self.once => return Ok(End::Enough),
                    Item::Disconnected(disconnected)
                        if self.once && disconnected.retry_in > LONGEST_WAIT_OF_ONCE =>
                    {
                        return Ok(End::TooLong(disconnected));
                    }
                    Item::Malformed(_) => self.saw_malformed = true,
                    _ => {}
                }
                // What is there already goes into the same chunk.
                let has_room = self.lines.len() < CHUNK;
                next = if has_room { items.next().now_or_never().flatten() } else { None };
            }
            self.writer.put(std::mem::take(&mut self.lines));
        }
    }
}

fn judge(end: End, saw_malformed: bool) -> Result<Status, Failure> {
    match end {
        End::Closed(Closed::Failed(error)) => {
            let status = match error.kind() {
                ErrorKind::NoSnapshot if saw_malformed => Status::BadData,
                _ => Status::of(&error),
            };
            Err(failure(status, error.to_string(), &error))
        }
        End::TooLong(Disconnected { error, retry_in, .. }) => {
            let seconds = retry_in.as_secs();
            let message = format!("{error} (the next try is in {seconds} s, for which --once does not wait)");
            Err(failure(Status::of(&error), message, &error))
        }
        _ => Ok(Status::Ok),
    }
}

fn failure(status: Status, message: String, error: &Error) -> Failure {
    let failure = Failure::new(status, message);
    match std::error::Error::source(error) {
        Some(beneath) => failure.because(chain(beneath)),
        None => failure,
    }
}
