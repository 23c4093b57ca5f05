//! Describes connection events for people. A cause that repeats is counted, and an outage of several streams
//! is reported once.

use std::collections::BTreeMap;

use bitopro_client::model::{Message, PrivateStream, PublicStream, Stream};
use bitopro_client::{
    Backfilled, Closed, Connected, Disconnected, Error, ErrorKind, Gap, GapReason, Item, Malformed,
};

use crate::exit::with_causes;
use crate::table::{Appearance, Style};

/// A line about an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) style: Style,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Notes {
    /// True if there are several streams, so that a note has to name its stream.
    names_streams: bool,
    has_connected: bool,
    /// The streams that have connected or failed, and have not ended.
    links: BTreeMap<Stream, Link>,
    /// The kinds of error that have been described in this outage.
    causes: Vec<&'static str>,
    /// Number of failed dials in this outage, including connections without a snapshot.
    failed_dials: u32,
    /// Number of unreadable messages of each stream since its last snapshot or gap.
    unreadable: BTreeMap<Stream, u32>,
    /// The last error that a note described.
    last_error: Option<String>,
}

/// The connection of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    /// Connected for the first time, but nothing has arrived.
    Opened,
    /// Connected again, but nothing has arrived.
    Reopened,
    Usable,
}

impl Notes {
    pub(super) fn new(names_streams: bool) -> Self {
        Self {
            names_streams,
            has_connected: false,
            links: BTreeMap::new(),
            causes: Vec::new(),
            failed_dials: 0,
            unreadable: BTreeMap::new(),
            last_error: None,
        }
    }

    /// Returns the note about an item, if it needs one. Data needs one if it is the first after a reconnect.
    pub(super) fn describe(
        &mut self,
        stream: Stream,
        item: &Item<Message>,
        look: &Appearance,
    ) -> Option<Note> {
        if let Item::Snapshot(_) | Item::Gap(_) = item {
            self.unreadable.remove(&stream);
        }
        let (style, text) = match item {
            Item::Connected(connected) => return self.connected(stream, connected),
            Item::Disconnected(disconnected) => {
                (Style::Yellow, self.disconnected(stream, disconnected, look)?)
            }
            Item::Malformed(malformed) => {
                let text = self.unreadable(stream, malformed)?;
                (Style::Yellow, self.with_stream(stream, &text))
            }
            Item::RecoveredTrade(recovered) => {
                let time = recovered.record.created().map(|time| look.time_of_day(time));
                let at = time.map(|time| format!(", traded at {time}")).unwrap_or_default();
                (Style::Cyan, self.with_stream(stream, &format!("{item}{at}")))
            }
            Item::RecoveredOrder(_) => (Style::Cyan, self.with_stream(stream, &item.to_string())),
            Item::Backfilled(backfilled) => {
                let style = if backfilled.is_complete() { Style::Dim } else { Style::Yellow };
                (style, self.with_stream(stream, &describe_backfilled(backfilled, look)))
            }
            Item::Unknown(_) => (Style::Dim, self.with_stream(stream, &item.to_string())),
            Item::Closed(Closed::Failed(error)) => {
                let text = self.ended(stream, error);
                (Style::Red, self.with_stream(stream, &text))
            }
            Item::Gap(_) | Item::Snapshot(_) | Item::Update(_) => {
                let has_recovered = self.mark_usable(stream);
                let (style, text) = match item {
                    Item::Gap(gap) if has_recovered => (Style::Yellow, reconnected(gap, look)),
                    Item::Gap(_) => (Style::Yellow, item.to_string()),
                    _ if has_recovered => (Style::Dim, "connected again".to_owned()),
                    _ => return None,
                };
                (style, self.with_stream(stream, &text))
            }
            Item::Closed(Closed::Requested) => return None,
            _ => (Style::Yellow, self.with_stream(stream, &item.to_string())),
        };
        Some(Note { style, text })
    }

    fn with_stream(&self, stream: Stream, text: &str) -> String {
        if self.names_streams { format!("{}: {text}", label(stream)) } else { text.to_owned() }
    }

    /// Describes a first connection. The first item of a later one describes both.
    fn connected(&mut self, stream: Stream, connected: &Connected) -> Option<Note> {
        let link = if connected.number > 1 { Link::Reopened } else { Link::Opened };
        self.links.insert(stream, link);
        if link == Link::Reopened {
            return None;
        }
        if !stream.has_snapshot() {
            self.mark_usable(stream);
        }
        let text = if !std::mem::replace(&mut self.has_connected, true) {
            let url = &connected.url;
            let scheme = url.scheme_str().unwrap_or_default();
            format!("connected to {scheme}://{}", url.authority().map_or("", |authority| authority.as_str()))
        } else if stream.has_snapshot() {
            return None;
        } else {
            self.with_stream(stream, "connected")
        };
        Some(Note { style: Style::Dim, text })
    }

    fn disconnected(
        &mut self,
        stream: Stream,
        Disconnected { error, retry_in, refusals, .. }: &Disconnected,
        look: &Appearance,
    ) -> Option<String> {
        let before = self.links.insert(stream, Link::Down);
        let are_all_down = self.names_streams && self.links.values().all(|link| *link == Link::Down);
        let next_dial = format!("next dial in {:.1} s", retry_in.as_secs_f64());
        if before != Some(Link::Usable) {
            self.failed_dials += 1;
        }
        let cause = error.kind().name();
        if !self.causes.contains(&cause) {
            self.causes.push(cause);
            let described = with_causes(error);
            let text = match error.kind() {
                ErrorKind::Resync => format!("reconnecting for a new snapshot: {described}"),
                _ => format!("disconnected: {described}; {next_dial}"),
            };
            self.last_error = Some(described);
            let since = refusals.as_ref().filter(|refusals| refusals.count > 1).map(|refusals| {
                format!("; refused {} times since {}", refusals.count, look.time_of_day(refusals.first))
            });
            let text = text + &since.unwrap_or_default();
            let is_of_all = are_all_down && error.kind() != ErrorKind::Resync;
            return Some(if is_of_all { format!("{ALL}: {text}") } else { self.with_stream(stream, &text) });
        }
        if before == Some(Link::Usable) {
            return are_all_down.then(|| format!("{ALL}: disconnected; {next_dial}"));
        }
        if !is_milestone(self.failed_dials) {
            return None;
        }
        let missing = match error.kind() {
            ErrorKind::NoSnapshot => self.with_stream(stream, "still no snapshot"),
            _ if are_all_down => "no stream is connected".to_owned(),
            _ if self.names_streams => {
                let down = self.links.iter().filter(|(_, link)| **link != Link::Usable);
                let streams: Vec<&str> = down.map(|(stream, _)| label(*stream)).collect();
                format!("still no connection of {}", streams.join(", "))
            }
            _ => "still no connection".to_owned(),
        };
        Some(format!(
            "{missing} after {} failed dials: {}; {next_dial}",
            self.failed_dials,
            with_causes(error)
        ))
    }

    /// Describes the first unreadable message since a snapshot or gap, and counts further ones.
    fn unreadable(&mut self, stream: Stream, malformed: &Malformed) -> Option<String> {
        let count = self.unreadable.entry(stream).or_default();
        *count = count.saturating_add(1);
        let is_snapshot = stream.has_snapshot() && self.links.get(&stream) != Some(&Link::Usable);
        let noun = if is_snapshot { "snapshot" } else { "message" };
        let reason = &malformed.reason;
        Some(match *count {
            1 if is_snapshot => format!("unreadable {noun}: {reason}"),
            1 => format!("unreadable {noun}: {reason}; the state is stale until the stream reconnects"),
            count if is_milestone(count) => format!("{count} unreadable {noun}s: {reason}"),
            _ => return None,
        })
    }

    fn ended(&mut self, stream: Stream, error: &Error) -> String {
        self.links.remove(&stream);
        self.end_outage();
        let text = with_causes(error);
        if self.last_error.as_ref() == Some(&text) {
            return "closed for the same reason".to_owned();
        }
        format!("closed: {}", self.last_error.insert(text))
    }

    /// Records that data has arrived on the connection of a stream. Returns whether the stream has recovered.
    fn mark_usable(&mut self, stream: Stream) -> bool {
        let before = self.links.insert(stream, Link::Usable);
        if before != Some(Link::Usable) {
            self.last_error = None;
            self.end_outage();
        }
        before == Some(Link::Reopened)
    }

    /// Forgets an outage that no stream is part of any more.
    fn end_outage(&mut self) {
        if self.links.values().all(|link| *link == Link::Usable) {
            (self.causes, self.failed_dials) = (Vec::new(), 0);
        }
    }
}

/// The subject of a note about all streams.
const ALL: &str = "all streams";

/// Describes the gap after a reconnect.
fn reconnected(gap: &Gap, look: &Appearance) -> String {
    let GapReason::Reconnected { since, until, .. } = &gap.reason else { return format!("gap: {gap}") };
    let away = duration(until.as_millis().saturating_sub(since.as_millis()).max(0));
    let [since, until] = [since, until].map(|time| look.time_of_day(*time));
    format!("connected again after {away}; events between {since} and {until} may be missing")
}

/// Describes a backfill, with the times of this command's time zone.
fn describe_backfilled(backfilled: &Backfilled, look: &Appearance) -> String {
    let mut text = backfilled.to_string();
    for time in backfilled.gap.iter().flat_map(|(since, until)| [since, until]) {
        text = text.replace(&time.to_string(), &look.time_of_day(*time));
    }
    text
}

/// Returns a duration such as `0.4 s`, `12.0 s`, `3 min 18 s` or `2 h 5 min`.
fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds / 1_000;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Returns the name of a stream in the command's arguments.
pub(super) fn label(stream: Stream) -> &'static str {
    match stream {
        Stream::Private(PrivateStream::AccountBalance) => "balances",
        Stream::Private(PrivateStream::ActiveOrders) => "orders",
        Stream::Private(PrivateStream::HistoryOrders) => "history",
        Stream::Private(PrivateStream::UserTrades) => "trades",
        Stream::Public(PublicStream::OrderBooks) => "book",
        Stream::Public(PublicStream::Tickers) => "ticker",
        Stream::Public(PublicStream::Trades) => "market-trades",
        other => other.name(),
    }
}

/// Returns whether a count is 3, 10, 30, 100 and so on.
fn is_milestone(count: u32) -> bool {
    let power = count.checked_ilog10().map_or(0, |digits| 10_u32.pow(digits));
    count > 1 && (count == power || count == 3 * power)
}

#[cfg(test)]
mod tests;
