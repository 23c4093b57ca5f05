use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::num::NonZeroU64;
use std::time::Duration;

use bitopro_client::model::Stream;
use bitopro_client::{Closed, Disconnected, Error, ErrorKind, Item, StreamItem};
use futures_util::FutureExt;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

use super::printer::Printer;
use super::service::{self, Change};
use super::source::Source;
use crate::args::WatchArgs;
use crate::exit::{Failure, Status, causes};
use crate::output::Writer;
use crate::output::{OutputError, exit_status};
use crate::signals::{CLOSE_LIMIT, StopRequest};

/// Number of bytes after which no more items are added to a chunk. Later items can still be merged.
const CHUNK_BYTES: usize = 64 << 10;
/// Maximum time that `--once` waits for the next dial.
const MAX_ONCE_WAIT: Duration = Duration::from_secs(30);

/// Prints the items of a subscription.
pub(super) struct Watcher {
    source: Source,
    streams: &'static [Stream],
    printer: Printer,
    writer: Writer,
    /// The next chunk.
    lines: String,
    /// The streams that have not delivered a snapshot (trades: connected).
    awaited: BTreeSet<Stream>,
    once: bool,
    /// Number of messages until `--count` is complete.
    remaining: Option<u64>,
    /// The end of `--for`.
    deadline: Option<Instant>,
    heartbeat: Option<Duration>,
    next_heartbeat: Option<Instant>,
    /// The last error of each awaited stream.
    errors: BTreeMap<Stream, Error>,
    malformed_streams: BTreeSet<Stream>,
    /// The failure of the first stream that failed.
    failure: Option<Failure>,
}

/// The reason why the watcher stops.
enum StopReason {
    Signal,
    /// Every stream that `--once` waits for has sent its snapshot, has connected (trades), or has ended.
    OnceComplete,
    /// `--count` is complete.
    CountComplete,
    /// The time of `--for` has passed.
    TimeUp,
    /// Every stream has ended.
    StreamsEnded,
    /// The next dial of a stream is too far away for `--once`.
    RetryTooLate(Stream, Error),
}

impl Watcher {
    pub(super) fn new(
        source: Source,
        streams: &'static [Stream],
        printer: Printer,
        writer: Writer,
        args: &WatchArgs,
    ) -> Self {
        Self {
            awaited: awaited(streams),
            once: args.exit.once,
            remaining: args.exit.count.map(NonZeroU64::get),
            deadline: args.exit.r#for.and_then(after),
            heartbeat: args.heartbeat,
            next_heartbeat: args.heartbeat.and_then(after),
            errors: BTreeMap::new(),
            source,
            streams,
            printer,
            writer,
            lines: String::new(),
            malformed_streams: BTreeSet::new(),
            failure: None,
        }
    }

    /// Prints items until all streams have ended, a signal arrives, the pipe is closed, or `--once`,
    /// `--count` or `--for` is complete.
    ///
    /// Waits for the reader of the output as long as it takes: the thread of [`Signals`](crate::signals::Signals)
    /// limits the time after a signal.
    pub(super) async fn run(mut self, stop_request: &mut StopRequest) -> Result<Status, Failure> {
        let stop_reason = match self.print_items(stop_request).await {
            Ok(stop_reason) => stop_reason,
            Err(error) => return exit_status(Err(error), Status::Ok),
        };
        self.print_remaining(&stop_reason).await?;
        drop(self.source);
        exit_status(self.writer.finish(self.lines).await, Status::Ok)?;
        let is_signalled = matches!(stop_reason, StopReason::Signal);
        self.failure.filter(|_| !is_signalled).map_or(Ok(Status::Ok), Err)
    }

    async fn print_items(&mut self, stop_request: &mut StopRequest) -> Result<StopReason, OutputError> {
        loop {
            // Items are taken only when they can be printed. Until then, the client can merge them.
            tokio::select! {
                () = stop_request.requested() => return Ok(StopReason::Signal),
                ready = self.writer.ready() => ready?,
            }
            let mut next = tokio::select! {
                () = stop_request.requested() => return Ok(StopReason::Signal),
                error = self.writer.failed() => return Err(error),
                () = until(self.deadline) => return Ok(self.time_up()),
                () = until(self.next_heartbeat) => {
                    self.printer.print_heartbeat(&mut self.lines)?;
                    self.next_heartbeat = self.heartbeat.and_then(after);
                    None
                }
                item = self.source.next() => match item {
                    Some(item) => Some(item),
                    None => return Ok(StopReason::StreamsEnded),
                },
            };
            while let Some(item) = next {
                if let Some(stop_reason) = self.handle(item)? {
                    return Ok(stop_reason);
                }
                // Items that are already queued become part of the same chunk.
                let has_room = self.lines.len() < CHUNK_BYTES;
                next = if has_room { self.source.next().now_or_never().flatten() } else { None };
            }
            self.writer.send(std::mem::take(&mut self.lines));
        }
    }

    /// Prints an item. Returns the reason to stop after it, if any.
    fn handle(&mut self, item: StreamItem) -> Result<Option<StopReason>, Failure> {
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
            Item::Disconnected(lost) if self.once && lost.retry_in > MAX_ONCE_WAIT => {
                let Disconnected { error, retry_in, .. } = &**lost;
                let seconds = retry_in.as_secs();
                let limit = MAX_ONCE_WAIT.as_secs();
                let message =
                    format!("{error}; the next dial is in {seconds} s, but `--once` waits at most {limit} s");
                self.failure = Some(self.stream_failure(stream, Status::of(error), message, error));
                retry_too_late = Some(StopReason::RetryTooLate(stream, error.clone()));
            }
            Item::Disconnected(lost) => {
                self.errors.insert(stream, lost.error.clone());
            }
            _ => {}
        }
        let is_data = self.printer.print(item, &mut self.lines)?;
        if let Stream::Public(_) = stream
            && self.awaited.contains(&stream)
        {
            // Every pair has its own snapshot.
            has_arrived = (has_arrived && !is_data) || self.printer.is_market_fresh();
        }
        if has_arrived {
            let was_awaited = self.awaited.remove(&stream);
            if self.awaited.is_empty() {
                if was_awaited {
                    drop(service::notify(Change::Ready));
                }
                if self.once {
                    return Ok(Some(StopReason::OnceComplete));
                }
            }
        }
        if let Some(remaining) = self.remaining.as_mut().filter(|_| is_data) {
            *remaining -= 1;
            if *remaining == 0 {
                return Ok(Some(StopReason::CountComplete));
            }
        }
        Ok(retry_too_late)
    }

    /// Records a failure if a stream has delivered nothing in the time of `--for`.
    fn time_up(&mut self) -> StopReason {
        const MESSAGE: &str = "nothing arrived in the time of `--for`";

        if let Some(stream) = self.awaited.first().copied() {
            let failure = match self.errors.get(&stream) {
                Some(error) => {
                    self.stream_failure(stream, Status::of(error), format!("{MESSAGE}: {error}"), error)
                }
                None => Failure::new(Status::Network, MESSAGE),
            };
            self.failure.get_or_insert(failure);
        }
        StopReason::TimeUp
    }

    /// Closes all streams and prints the remaining items: all of them after a signal, otherwise only the ends
    /// of streams.
    ///
    /// Takes at most the close deadline, or the close limit after a signal, and therefore does not wait for
    /// the writer in between.
    async fn print_remaining(&mut self, stop_reason: &StopReason) -> Result<(), Failure> {
        drop(service::notify(Change::Stopping));
        self.source.request_close();
        let is_signalled = matches!(stop_reason, StopReason::Signal);
        let limit = if is_signalled { after(CLOSE_LIMIT) } else { None };
        loop {
            let next = tokio::select! {
                biased;
                // A flood of items uses up the cooperative budget of the task, which must not stop the timer.
                () = unconstrained(until(limit)) => None,
                item = self.source.next() => item,
            };
            let Some(mut item) = next else { return Ok(()) };
            if let (StopReason::RetryTooLate(stream, error), Item::Closed(closed)) =
                (stop_reason, &mut item.item)
                && *stream == item.stream
            {
                *closed = Closed::Failed(error.clone());
            }
            if is_signalled || matches!(item.item, Item::Closed(_)) {
                self.printer.print(item, &mut self.lines)?;
            }
        }
    }

    fn record_failure(&mut self, stream: Stream, closed: &Closed) {
        let (None, Closed::Failed(error)) = (&self.failure, closed) else { return };
        let status = match error.kind() {
            ErrorKind::NoSnapshot if self.malformed_streams.contains(&stream) => Status::BadData,
            _ => Status::of(error),
        };
        self.failure = Some(self.stream_failure(stream, status, error.to_string(), error));
    }

    fn stream_failure(&self, stream: Stream, status: Status, message: String, error: &Error) -> Failure {
        let message = if self.streams.len() > 1 { format!("{stream}: {message}") } else { message };
        let failure = Failure::new(status, message);
        match causes(error) {
            Some(causes) => failure.with_source(causes),
            None => failure,
        }
    }
}

/// Returns the time after a delay, or `None` if it is too far away.
fn after(delay: Duration) -> Option<Instant> {
    Instant::now().checked_add(delay)
}

/// Waits until a time. Never completes without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Returns the streams that `--once` waits for: those with a snapshot, or all if there are none.
fn awaited(streams: &[Stream]) -> BTreeSet<Stream> {
    let streams = streams.iter().copied();
    let with_snapshots: BTreeSet<_> = streams.clone().filter(|stream| stream.has_snapshot()).collect();
    if with_snapshots.is_empty() { streams.collect() } else { with_snapshots }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bitopro_client::Client;
    use bitopro_client::transport::{Connector, Refusal, memory};
    use bitopro_sim::{SimCredentials, Simulator};
    use clap::Parser;
    use http::StatusCode;
    use tokio::time::Instant;

    use super::{Source, Watcher, Writer};
    use crate::args::{Args, Command};
    use crate::exit::{Failure, Status};
    use crate::filter::Filter;
    use crate::signals::StopRequest;
    use crate::watch::printer::{Printer, Renderer};
    use crate::watch::{by_kind, streams};

    /// Watches an account on a simulator, in virtual time.
    async fn watch(simulator: &Simulator, args: &[&str]) -> Result<Status, Failure> {
        watch_over(simulator.connector(), args, StopRequest::never()).await
    }

    /// Watches the demo account over a connector.
    async fn watch_over(
        connector: impl Connector + 'static,
        args: &[&str],
        mut stop_request: StopRequest,
    ) -> Result<Status, Failure> {
        let args = Args::parse_from([&["bitopro", "watch"], args].concat());
        let Command::Watch(args) = args.command else { panic!("{args:?}") };
        let credentials = SimCredentials::demo().to_credentials().unwrap();
        let client = Client::builder(credentials).with_connector(connector).build().unwrap();
        let streams = streams(args.stream);
        let source = Source::Account(client.subscribe(&by_kind(streams).0));
        let renderer = Renderer::Ndjson { state: false };
        let reader = source.reader();
        let printer = Printer::new(Filter::default(), renderer, streams, Some(client.changes()), reader);
        let watcher = Watcher::new(source, streams, printer, Writer::stdout().unwrap(), &args);
        watcher.run(&mut stop_request).await
    }

    #[tokio::test(start_paused = true)]
    async fn fault_56_a_signal_ends_the_command_within_a_second_although_no_server_answers() {
        let (connector, mut server) = memory::network();
        let stop_request = StopRequest::after(Duration::from_secs(5));
        let watching = tokio::spawn(watch_over(connector, &["balances"], stop_request));
        let start = Instant::now();
        let _silent = server.next_dial().await.unwrap().accept();
        assert_eq!(watching.await.unwrap().unwrap(), Status::Ok);
        assert_eq!(start.elapsed(), Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn for_ends_successfully_if_every_snapshot_has_arrived() {
        let simulator = Simulator::builder().start_in_memory().unwrap();
        let start = Instant::now();
        assert_eq!(watch(&simulator, &["all", "--for", "90s"]).await.unwrap(), Status::Ok);
        // No upper bound: a paused clock advances while the thread that writes the output is busy.
        assert!(start.elapsed() >= Duration::from_secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn for_fails_with_the_last_error_if_nothing_has_arrived() {
        let simulator = Simulator::builder().start_in_memory().unwrap();
        simulator.refuse_next(999, Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
        let failure = watch(&simulator, &["trades", "--for", "1h"]).await.unwrap_err();
        assert_eq!(failure.kind(), Status::Network);
        let expected = "nothing arrived in the time of `--for`: the server is temporarily unavailable";
        assert!(failure.to_string().starts_with(expected), "{failure}");
    }
}
