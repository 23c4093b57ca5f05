use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::{Account, AccountItem, Closed, Disconnected, Error, ErrorKind, Item, Subscription};
use futures_util::FutureExt;

use super::printer::Printer;
use crate::exit::{Failure, Status, causes};
use crate::output::{OutputError, settle};
use crate::signals::Signals;
use crate::writer::Writer;

/// How long the reader may take, after a signal, to read what is left.
const GRACE: Duration = Duration::from_secs(1);
/// Number of bytes after which a chunk is printed, with the rest of its item. Later items can still be merged.
const CHUNK: usize = 64 << 10;
/// How long `--once` waits for the next try.
const LONGEST_WAIT_OF_ONCE: Duration = Duration::from_secs(30);

/// Prints the items of a subscription.
pub(super) struct Watcher {
    subscription: Subscription<Account>,
    streams: &'static [PrivateStream],
    printer: Printer,
    writer: Writer,
    /// What is printed next.
    lines: String,
    /// The streams that `--once` waits for.
    awaited: Option<BTreeSet<PrivateStream>>,
    saw_malformed: BTreeSet<PrivateStream>,
    /// Why the first stream that failed did.
    failure: Option<Failure>,
}

/// Why nothing more is followed.
enum End {
    Signal,
    /// Everything that `--once` waited for is there, or will not come.
    Enough,
    /// Every stream has ended.
    Over,
    /// The next try of a stream is too far off for `--once`.
    TooLong(PrivateStream, Error),
}

impl Watcher {
    pub(super) fn new(
        subscription: Subscription<Account>,
        streams: &'static [PrivateStream],
        printer: Printer,
        writer: Writer,
        once: bool,
    ) -> Self {
        Self {
            awaited: once.then(|| awaited(streams)),
            subscription,
            streams,
            printer,
            writer,
            lines: String::new(),
            saw_malformed: BTreeSet::new(),
            failure: None,
        }
    }

    /// Prints to the end of all streams, a signal, a closed pipe, or what `--once` waits for.
    pub(super) async fn run(mut self, signals: &mut Signals) -> Result<Status, Failure> {
        let end = match self.print_items(signals).await {
            Ok(end) => end,
            Err(unprintable) => return settle(Err(unprintable), Status::Ok),
        };
        self.print_rest(&end).await?;
        let is_signalled = matches!(end, End::Signal);
        let failure = self.failure.filter(|_| !is_signalled);
        let mut written = pin!(self.writer.finish(self.lines));
        if !is_signalled {
            tokio::select! {
                written = &mut written => {
                    settle(written, Status::Ok)?;
                    return failure.map_or(Ok(Status::Ok), Err);
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

    async fn print_items(&mut self, signals: &mut Signals) -> Result<End, OutputError> {
        loop {
            // Items are taken only when they can be printed: until then the client merges them.
            tokio::select! {
                () = signals.next() => return Ok(End::Signal),
                room = self.writer.room() => room?,
            }
            let first = tokio::select! {
                () = signals.next() => return Ok(End::Signal),
                broken = self.writer.broken() => return Err(broken),
                item = self.subscription.next() => item,
            };
            if first.is_none() {
                return Ok(End::Over);
            }
            let mut next = first;
            while let Some(item) = next {
                if let Some(end) = self.take(item)? {
                    return Ok(end);
                }
                // What is there already goes into the same chunk.
                let has_room = self.lines.len() < CHUNK;
                next = if has_room { self.subscription.next().now_or_never().flatten() } else { None };
            }
            self.printer.complete(&mut self.lines);
            self.writer.put(std::mem::take(&mut self.lines));
        }
    }

    /// Prints an item. Returns why it was the last that is wanted, if it was.
    fn take(&mut self, item: AccountItem) -> Result<Option<End>, Failure> {
        let stream = item.stream;
        let mut is_there = false;
        let mut too_long = None;
        match &item.item {
            Item::Snapshot(_) => is_there = true,
            Item::Connected(_) => is_there = stream == PrivateStream::UserTrades,
            Item::Closed(closed) => {
                is_there = true;
                self.note_end(stream, closed);
            }
            Item::Malformed(_) => {
                self.saw_malformed.insert(stream);
            }
            Item::Disconnected(Disconnected { error, retry_in, .. })
                if self.awaited.is_some() && *retry_in > LONGEST_WAIT_OF_ONCE =>
            {
                let seconds = retry_in.as_secs();
                let message =
                    format!("{error} (the next try is in {seconds} s, for which --once does not wait)");
                self.failure = Some(self.failure_of(stream, Status::of(error), message, error));
                too_long = Some(End::TooLong(stream, error.clone()));
            }
            _ => {}
        }
        self.printer.print(item, &mut self.lines)?;
        if let Some(awaited) = self.awaited.as_mut().filter(|_| is_there) {
            awaited.remove(&stream);
            return Ok(awaited.is_empty().then_some(End::Enough));
        }
        Ok(too_long)
    }

    /// Closes everything, and prints what still comes: after a signal all of it, else the ends alone. It takes
    /// no longer than the close deadline, so the writer need not be waited for in between.
    async fn print_rest(&mut self, end: &End) -> Result<(), Failure> {
        self.subscription.request_close();
        while let Some(mut item) = self.subscription.next().await {
            if let (End::TooLong(stream, error), Item::Closed(closed)) = (end, &mut item.item)
                && *stream == item.stream
            {
                *closed = Closed::Failed(error.clone());
            }
            if matches!((end, &item.item), (End::Signal, _) | (_, Item::Closed(_))) {
                self.printer.print(item, &mut self.lines)?;
            }
        }
        self.printer.complete(&mut self.lines);
        Ok(())
    }

    fn note_end(&mut self, stream: PrivateStream, closed: &Closed) {
        let (None, Closed::Failed(error)) = (&self.failure, closed) else { return };
        let status = match error.kind() {
            ErrorKind::NoSnapshot if self.saw_malformed.contains(&stream) => Status::BadData,
            _ => Status::of(error),
        };
        self.failure = Some(self.failure_of(stream, status, error.to_string(), error));
    }

    fn failure_of(&self, stream: PrivateStream, status: Status, message: String, error: &Error) -> Failure {
        let message = if self.streams.len() > 1 { format!("{stream}: {message}") } else { message };
        let failure = Failure::new(status, message);
        match causes(error) {
            Some(causes) => failure.with_source(causes),
            None => failure,
        }
    }
}

/// The streams that `--once` waits for: those that begin with a snapshot, or else the first connection.
fn awaited(streams: &[PrivateStream]) -> BTreeSet<PrivateStream> {
    let streams = streams.iter().copied();
    let with_snapshots: BTreeSet<_> =
        streams.clone().filter(|stream| *stream != PrivateStream::UserTrades).collect();
    if with_snapshots.is_empty() { streams.collect() } else { with_snapshots }
}
