//! The log of a link: a span for each dial and its connection, and an event for each item. docs/log.md lists
//! them.
//!
//! No event contains a secret or a part of a message. The error of an unreadable message quotes it, so only
//! its size is logged.

use bitopro_model::{Message, Pair, Stream};
use bitopro_transport::printable;
use http::Uri;
use tracing::{Level, Span, debug, error, error_span, info, trace, warn};

use crate::ErrorKind;
use crate::backfill::Backfilled;
use crate::item::{Closed, GapReason, Item, MAX_NAME, is_milestone};

/// Logs an event at a level that is determined at run time. The macros of `tracing` require a constant one.
macro_rules! event {
    ($level:expr, $($event:tt)+) => {
        match $level {
            Level::ERROR => error!($($event)+),
            Level::WARN => warn!($($event)+),
            Level::INFO => info!($($event)+),
            _ => debug!($($event)+),
        }
    };
}

#[derive(Debug)]
pub(super) struct Log {
    stream: Stream,
    /// The span of the last dial, and of its connection.
    span: Span,
    /// Number of dials since the last connection was opened.
    attempts: u32,
    /// Number of unreadable messages on the last connection.
    malformed: u32,
    /// Number of messages of an unknown kind on the last connection.
    unknown: u32,
}

impl Log {
    /// Creates the log of a link that has not dialled yet.
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, span: span(stream, 1, 0), attempts: 0, malformed: 0, unknown: 0 }
    }

    /// Enters the span of a dial, and logs the dial. `connection` is the number that its connection will have.
    pub(super) fn dial(&mut self, connection: u64, url: &Uri) {
        self.attempts = self.attempts.saturating_add(1);
        self.span = span(self.stream, connection, self.attempts);
        debug!(parent: &self.span, %url, "dial");
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Logs an item whose message has this size in bytes.
    pub(super) fn item(&mut self, item: &Item<Message>, bytes: usize) {
        let span = &self.span;
        match item {
            Item::Update(_) => trace!(parent: span, bytes, "update"),
            Item::Snapshot(_) => debug!(parent: span, bytes, "snapshot"),
            Item::Connected(connected) => {
                (self.attempts, self.malformed, self.unknown) = (0, 0, 0);
                info!(parent: span, url = %connected.url, "connected");
            }
            Item::Gap(gap) => match &gap.reason {
                GapReason::Reconnected { since, until } => {
                    warn!(parent: span, reason = "reconnected", %since, %until, "gap");
                }
                GapReason::NoOverlap { pair, .. } => {
                    warn!(parent: span, reason = "no_overlap", %pair, "gap");
                }
                // The queue creates and logs this gap.
                GapReason::Overrun { .. } => {}
            },
            Item::Malformed(_) => {
                self.malformed = self.malformed.saturating_add(1);
                let level = if is_milestone(self.malformed) { Level::WARN } else { Level::DEBUG };
                event!(level, parent: span, bytes, repeats = self.malformed, "malformed");
            }
            Item::Unknown(unknown) => {
                self.unknown = self.unknown.saturating_add(1);
                let level = if is_milestone(self.unknown) { Level::INFO } else { Level::DEBUG };
                let event = printable(unknown.event(), MAX_NAME);
                event!(level, parent: span, %event, bytes, repeats = self.unknown, "unknown event");
            }
            Item::MissingPairs(pairs) => {
                let pairs = pairs.iter().map(Pair::as_str).collect::<Vec<_>>().join(",");
                warn!(parent: span, %pairs, "missing pairs");
            }
            Item::Disconnected(disconnected) => {
                let (error, repeats) = (&disconnected.error, disconnected.repeats);
                let level = match error.kind() {
                    _ if !disconnected.is_milestone() => Level::DEBUG,
                    ErrorKind::Resync => Level::INFO,
                    _ => Level::WARN,
                };
                let kind = error.kind().name();
                let retry_in_ms = u64::try_from(disconnected.retry_in.as_millis()).unwrap_or(u64::MAX);
                // The text comes last, because it contains spaces.
                let error = format_args!("{error:#}");
                event!(level, parent: span, kind, retry_in_ms, repeats, error, "disconnected");
            }
            Item::RecoveredTrade(recovered) => {
                let (trade, order) = (&recovered.record.trade_id, &recovered.record.order_id);
                info!(parent: span, %trade, %order, "recovered trade");
            }
            Item::RecoveredOrder(order) => {
                info!(parent: span, order = %order.id, status = ?order.status, "recovered order");
            }
            Item::Backfilled(backfilled) => {
                let Backfilled { trades, orders, .. } = &**backfilled;
                let is_complete = backfilled.is_complete();
                let level = if is_complete { Level::INFO } else { Level::WARN };
                // The text comes last, because it contains spaces.
                event!(level, parent: span, is_complete, trades, orders, result = %backfilled, "backfilled");
            }
            Item::Closed(Closed::Requested) => info!(parent: span, "closed"),
            Item::Closed(Closed::Failed(error)) => {
                // Dropping a subscription is not a failure.
                let is_stopped = error.kind() == ErrorKind::Stopped;
                let level = if is_stopped { Level::INFO } else { Level::ERROR };
                let kind = error.kind().name();
                let error = format_args!("{error:#}");
                event!(level, parent: span, kind, error, "closed");
            }
        }
    }
}

/// Creates the span of a dial. Its level is ERROR, so that a filter such as `warn` does not remove the name of
/// the stream from the events.
fn span(stream: Stream, connection: u64, attempt: u32) -> Span {
    error_span!("connection", stream = stream.name(), connection, attempt)
}
