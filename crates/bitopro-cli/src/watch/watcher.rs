use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::{Account, AccountItem, Closed, Disconnected, Error, ErrorKind, Item, Subscription};
use futures_util::FutureExt;

use super::printer::Printer;
use crate::exit::{Failure, Status, causes};
use crate::output::{OutputError, exit_status};
use crate::signals::Signals;
use crate::writer::Writer;

/// Time after a signal in which the reader can read the remaining lines.
const GRACE_PERIOD: Duration = Duration::from_secs(1);
/// Number of bytes after which no more items are added to a chunk. Later items can still be merged.
const CHUNK_BYTES: usize = 64 << 10;
/// Maximum time that `--once` waits for the next dial.
const MAX_ONCE_WAIT: Duration = Duration::from_secs(30);

/// Prints the items of a subscription.
pub(super) struct Watcher {
    subscription: Subscription<Account>,
    streams: &'static [PrivateStream],
    printer: Printer,
    writer: Writer,
    /// The next chunk.
    lines: String,
    /// The streams that `--once` still waits for.
    awaited: Option<BTreeSet<PrivateStream>>,
    malformed_streams: BTreeSet<PrivateStream>,
    /// The failure of the first stream that failed.
    failure: Option<Failure>,
}

/// The reason why the watcher stops.
enum StopReason {
    Signal,
    /// Every stream that `--once` waits for has sent its snapshot, has connected (trades), or has ended.
    OnceComplete,
    /// Every stream has ended.
    StreamsEnded,
    /// The next dial of a stream is too far away for `--once`.
    RetryTooLate(PrivateStream, Error),
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
            malformed_streams: BTreeSet::new(),
            failure: None,
        }
    }

    /// Prints items until all streams have ended, a signal arrives, the pipe is closed or `--once` is
    /// complete.
    pub(super) async fn run(mut self, signals: &mut Signals) -> Result<Status, Failure> {
        let stop_reason = match self.print_items(signals).await {
            Ok(stop_reason) => stop_reason,
            Err(error) => return exit_status(Err(error), Status::Ok),
        };
        self.print_remaining(&stop_reason).await?;
        let is_signalled = matches!(stop_reason, StopReason::Signal);
        let failure = self.failure.filter(|_| !is_signalled);
        let mut written = pin!(self.writer.finish(self.lines));
        if !is_signalled {
            tokio::select! {
                written = &mut written => {
                    exit_status(written, Status::Ok)?;
                    return failure.map_or(Ok(Status::Ok), Err);
                }
                () = signals.next() => {}
            }
        }
        match tokio::time::timeout(GRACE_PERIOD, written).await {
            Ok(written) => exit_status(written, Status::Ok),
            // The reader does not read, and the signal takes precedence.
            Err(_) => Ok(Status::Ok),
        }
    }

    async fn print_items(&mut self, signals: &mut Signals) -> Result<StopReason, OutputError> {
        loop {
            // Items are taken only when they can be printed. Until then, the client can merge them.
            tokio::select! {
                () = signals.next() => return Ok(StopReason::Signal),
                ready = self.writer.ready() => ready?,
            }
            let first = tokio::select! {
                () = signals.next() => return Ok(StopReason::Signal),
                error = self.writer.failed() => return Err(error),
                item = self.subscription.next() => item,
            };
            if first.is_none() {
                return Ok(StopReason::StreamsEnded);
            }
            let mut next = first;
            while let Some(item) = next {
                if let Some(stop_reason) = self.handle(item)? {
                    return Ok(stop_reason);
                }
                // Items that are already queued become part of the same chunk.
                let has_room = self.lines.len() < CHUNK_BYTES;
                next = if has_room { self.subscription.next().now_or_never().flatten() } else { None };
            }
            self.printer.finish_chunk(&mut self.lines);
            self.writer.send(std::mem::take(&mut self.lines));
        }
    }

    /// Prints an item. Returns the reason to stop after it, if any.
    fn handle(&mut self, item: AccountItem) -> Result<Option<StopReason>, Failure> {
        let stream = item.stream;
        let mut has_arrived = false;
        let mut retry_too_late = None;
        match &item.item {
            Item::Snapshot(_) => has_arrived = true,
            Item::Connected(_) => has_arrived = !stream.has_snapshot(),
            Item::Closed(closed) => {
                has_arrived = true;
                self.record_failure(stream, closed);
            }
            Item::Malformed(_) => {
                self.malformed_streams.insert(stream);
            }
            Item::Disconnected(Disconnected { error, retry_in, .. })
                if self.awaited.is_some() && *retry_in > MAX_ONCE_WAIT =>
            {
                let seconds = retry_in.as_secs();
                let limit = MAX_ONCE_WAIT.as_secs();
                let message =
                    format!("{error}; the next dial is in {seconds} s, but `--once` waits at most {limit} s");
                self.failure = Some(self.stream_failure(stream, Status::of(error), message, error));
                retry_too_late = Some(StopReason::RetryTooLate(stream, error.clone()));
            }
            _ => {}
        }
        self.printer.print(item, &mut self.lines)?;
        if let Some(awaited) = self.awaited.as_mut().filter(|_| has_arrived) {
            awaited.remove(&stream);
            return Ok(awaited.is_empty().then_some(StopReason::OnceComplete));
        }
        Ok(retry_too_late)
    }

    /// Closes all streams and prints the remaining items: all of them after a signal, otherwise only the ends
    /// of streams.
    ///
    /// Takes at most the close deadline, and therefore does not wait for the writer in between.
    async fn print_remaining(&mut self, stop_reason: &StopReason) -> Result<(), Failure> {
        self.subscription.request_close();
        while let Some(mut item) = self.subscription.next().await {
            if let (StopReason::RetryTooLate(stream, error), Item::Closed(closed)) =
                (stop_reason, &mut item.item)
                && *stream == item.stream
            {
                *closed = Closed::Failed(error.clone());
            }
            if matches!((stop_reason, &item.item), (StopReason::Signal, _) | (_, Item::Closed(_))) {
                self.printer.print(item, &mut self.lines)?;
            }
        }
        self.printer.finish_chunk(&mut self.lines);
        Ok(())
    }

    fn record_failure(&mut self, stream: PrivateStream, closed: &Closed) {
        let (None, Closed::Failed(error)) = (&self.failure, closed) else { return };
        let status = match error.kind() {
            ErrorKind::NoSnapshot if self.malformed_streams.contains(&stream) => Status::BadData,
            _ => Status::of(error),
        };
        self.failure = Some(self.stream_failure(stream, status, error.to_string(), error));
    }

    fn stream_failure(
        &self,
        stream: PrivateStream,
        status: Status,
        message: String,
        error: &Error,
    ) -> Failure {
        let message = if self.streams.len() > 1 { format!("{stream}: {message}") } else { message };
        let failure = Failure::new(status, message);
        match causes(error) {
            Some(causes) => failure.with_source(causes),
            None => failure,
        }
    }
}

/// Returns the streams that `--once` waits for: those with a snapshot, or all if there are none.
fn awaited(streams: &[PrivateStream]) -> BTreeSet<PrivateStream> {
    let streams = streams.iter().copied();
    let with_snapshots: BTreeSet<_> = streams.clone().filter(|stream| stream.has_snapshot()).collect();
    if with_snapshots.is_empty() { streams.collect() } else { with_snapshots }
}
