//! Describes connection events for people. A cause that repeats is counted, and an outage of several streams
//! is reported once.

use std::collections::BTreeMap;

use bitopro_client::model::{Message, PrivateStream};
use bitopro_client::{Closed, Connected, Disconnected, Error, ErrorKind, Gap, GapReason, Item};

use super::appearance::{Appearance, Style};
use crate::exit::causes;

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
    /// The streams without a usable connection. True for those that have reconnected, but have not received
    /// anything yet.
    down: BTreeMap<PrivateStream, bool>,
    /// The kinds of error that have been described since a stream went down.
    causes: Vec<&'static str>,
    /// Number of failed dials since a stream went down.
    failed_dials: u32,
    /// The error of the last stream that ended.
    last_end: Option<String>,
}

impl Notes {
    pub(super) fn new(names_streams: bool) -> Self {
        Self {
            names_streams,
            has_connected: false,
            down: BTreeMap::new(),
            causes: Vec::new(),
            failed_dials: 0,
            last_end: None,
        }
    }

    /// Returns the note about an item, if it needs one. Data needs one if it is the first after a reconnect.
    pub(super) fn describe(
        &mut self,
        stream: PrivateStream,
        item: &Item<Message>,
        look: &Appearance,
    ) -> Option<Note> {
        let has_recovered = match item {
            Item::Connected(_) | Item::Disconnected(_) => false,
            _ => self.end_of_outage(stream, |is_connected| is_connected),
        };
        let (style, text) = match item {
            Item::Connected(connected) => return self.connected(stream, connected),
            Item::Disconnected(disconnected) => return self.disconnected(stream, disconnected),
            Item::Gap(gap) if has_recovered => (Style::Yellow, reconnected(gap, look)),
            Item::Snapshot(_) | Item::Update(_) if has_recovered => {
                (Style::Dim, "connected again".to_owned())
            }
            Item::Snapshot(_) | Item::Update(_) | Item::Closed(Closed::Requested) => return None,
            Item::Closed(Closed::Failed(error)) => (Style::Red, self.ended(stream, error)),
            Item::Unknown(_) => (Style::Dim, item.to_string()),
            _ => (Style::Yellow, item.to_string()),
        };
        Some(Note { style, text: self.with_stream(stream, text) })
    }

    fn with_stream(&self, stream: PrivateStream, text: String) -> String {
        if self.names_streams { format!("{}: {text}", label(stream)) } else { text }
    }

    /// Describes a first connection. The first item of a later one describes both.
    fn connected(&mut self, stream: PrivateStream, connected: &Connected) -> Option<Note> {
        if connected.number > 1 {
            self.down.entry(stream).and_modify(|is_connected| *is_connected = true);
            return None;
        }
        self.end_of_outage(stream, |_| true);
        let text = if !std::mem::replace(&mut self.has_connected, true) {
            let url = &connected.url;
            let scheme = url.scheme_str().unwrap_or_default();
            format!("connected to {scheme}://{}", url.authority().map_or("", |authority| authority.as_str()))
        } else if stream.has_snapshot() {
            return None;
        } else {
            self.with_stream(stream, "connected".to_owned())
        };
        Some(Note { style: Style::Dim, text })
    }

    fn disconnected(&mut self, stream: PrivateStream, disconnected: &Disconnected) -> Option<Note> {
        let was_down = self.down.insert(stream, false).is_some();
        self.failed_dials += u32::from(was_down || !self.has_connected);
        let error = &disconnected.error;
        let cause = error.kind().name();
        let text = if self.causes.contains(&cause) {
            if !was_down || !is_milestone(self.failed_dials) {
                return None;
            }
            let streams: Vec<&str> = self.down.keys().copied().map(label).collect();
            let of = match streams.len() {
                _ if !self.names_streams => String::new(),
                count if count == PrivateStream::ALL.len() => " of all streams".to_owned(),
                _ => format!(" of {}", streams.join(", ")),
            };
            let (dials, seconds) = (self.failed_dials, disconnected.retry_in.as_secs_f64());
            format!(
                "still no connection{of} after {dials} failed dials: {error}; next dial in {seconds:.1} s"
            )
        } else {
            self.causes.push(cause);
            let text = match error.kind() {
                ErrorKind::Resync => format!("reconnecting for a new snapshot: {error}"),
                _ => disconnected.to_string(),
            };
            self.with_stream(stream, text)
        };
        Some(Note { style: Style::Yellow, text: with_causes(text, error) })
    }

    fn ended(&mut self, stream: PrivateStream, error: &Error) -> String {
        self.end_of_outage(stream, |_| true);
        let text = with_causes(format!("closed: {error}"), error);
        if self.last_end.as_ref() == Some(&text) {
            return "closed for the same reason".to_owned();
        }
        self.last_end.insert(text).clone()
    }

    /// Records that a stream is no longer down, if `has_ended` is true for it. Returns whether that was so.
    fn end_of_outage(&mut self, stream: PrivateStream, has_ended: impl FnOnce(bool) -> bool) -> bool {
        let has_ended = self.down.get(&stream).is_some_and(|is_connected| has_ended(*is_connected));
        if has_ended {
            self.down.remove(&stream);
            if self.down.is_empty() {
                (self.causes, self.failed_dials) = (Vec::new(), 0);
            }
        }
        has_ended
    }
}

/// Describes the gap after a reconnect.
fn reconnected(gap: &Gap, look: &Appearance) -> String {
    let GapReason::Reconnected { since, until, .. } = &gap.reason else { return format!("gap: {gap}") };
    let away = duration(until.as_millis().saturating_sub(since.as_millis()).max(0));
    let [since, until] = [since, until].map(|time| look.time_of_day(*time));
    format!("connected again after {away}; events between {since} and {until} may be missing")
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
pub(super) fn label(stream: PrivateStream) -> &'static str {
    match stream {
        PrivateStream::AccountBalance => "balances",
        PrivateStream::ActiveOrders => "orders",
        PrivateStream::HistoryOrders => "history",
        PrivateStream::UserTrades => "trades",
        other => other.name(),
    }
}

fn with_causes(text: String, error: &Error) -> String {
    match causes(error) {
        Some(causes) => format!("{text}; caused by: {causes}"),
        None => text,
    }
}

/// Returns whether a count is 3, 10, 30, 100 and so on.
fn is_milestone(count: u32) -> bool {
    let power = count.checked_ilog10().map_or(0, |digits| 10_u32.pow(digits));
    count > 1 && (count == power || count == 3 * power)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use bitopro_client::engine::{Action, Engine, LinkId, SubscriberId};
    use bitopro_client::model::PrivateStream;
    use bitopro_client::transport::{Error, ErrorKind, Frame};
    use bitopro_client::{Client, Credentials};

    use super::Notes;
    use crate::watch::samples::look;

    /// An engine whose dials all succeed or all fail.
    struct Session {
        engine: Engine,
        subscriber: SubscriberId,
        notes: Notes,
        now: Instant,
        wall: SystemTime,
    }

    impl Session {
        fn new(streams: &[PrivateStream]) -> Self {
            let credentials = Credentials::new("api-key", "api-secret", "me@example.com").unwrap();
            let builder = Client::builder(credentials).with_endpoint("wss://exchange.test:9/ws");
            let mut engine = builder.build_engine().unwrap();
            let (now, wall) =
                (tokio::time::Instant::now().into_std(), SystemTime::UNIX_EPOCH + Duration::from_secs(3_600));
            let subscriber = engine.subscribe(now, wall, streams);
            Self { engine, subscriber, notes: Notes::new(streams.len() > 1), now, wall }
        }

        /// Lets this time pass, in which every dial succeeds or fails with this error.
        fn pass(&mut self, seconds: u64, error: Option<&Error>) -> Vec<String> {
            for link in self.engine.links_of(self.subscriber) {
                self.engine.handle_frame(self.now, self.wall, link, Frame::Ping(Vec::new().into()));
            }
            let end = self.now + Duration::from_secs(seconds);
            loop {
                while let Some((link, action)) = self.engine.poll_action(self.now, self.wall) {
                    match (action, error) {
                        (Action::Dial(_), None) => {
                            self.engine.handle_connected(self.now, self.wall, link);
                            self.send_snapshot(link);
                        }
                        (Action::Dial(_), Some(error)) => {
                            self.engine.handle_dial_failed(self.now, self.wall, link, error.clone());
                        }
                        _ => {}
                    }
                }
                let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) else { break };
                self.wall += due - self.now;
                self.now = due;
                self.engine.handle_timeout(self.now, self.wall);
            }
            self.wall += end - self.now;
            self.now = end;
            self.notes()
        }

        /// Lets time pass until there are this many notes.
        fn pass_until(&mut self, notes: usize, error: Option<&Error>) -> Vec<String> {
            let mut all = Vec::new();
            while all.len() < notes {
                all.extend(self.pass(5, error));
            }
            all
        }

        fn send_snapshot(&mut self, link: LinkId) {
            let name = match link.stream {
                PrivateStream::AccountBalance => "ACCOUNT_BALANCE",
                PrivateStream::ActiveOrders => "ACTIVE_ORDERS",
                PrivateStream::HistoryOrders => "RECENT_HISTORY_ORDERS",
                _ => return,
            };
            let frame = Frame::text(format!(r#"{{"event":"{name}","timestamp":1,"data":{{}}}}"#));
            self.engine.handle_frame(self.now, self.wall, link, frame);
        }

        fn lose_all(&mut self) -> Vec<String> {
            for link in self.engine.links_of(self.subscriber) {
                self.engine.handle_lost(self.now, self.wall, link, unreachable("connection reset"));
            }
            self.notes()
        }

        fn notes(&mut self) -> Vec<String> {
            let items = std::iter::from_fn(|| self.engine.poll_item(self.subscriber));
            let notes = items.filter_map(|item| self.notes.describe(item.stream, &item.item, &look(|| None)));
            notes.map(|note| note.text).collect()
        }
    }

    fn unreachable(message: &'static str) -> Error {
        Error::new(ErrorKind::Disconnected, message)
    }

    #[test]
    fn the_first_connections_are_one_line_and_one_for_the_stream_without_a_snapshot() {
        let mut session = Session::new(PrivateStream::ALL);
        assert_eq!(session.pass(5, None), ["connected to wss://exchange.test:9", "trades: connected"]);
    }

    #[test]
    fn an_outage_is_one_line_its_dials_are_counted_and_each_stream_recovers_in_one_line() {
        // Without the open orders, which reconnect once more if they were faster than the history.
        let streams =
            [PrivateStream::AccountBalance, PrivateStream::HistoryOrders, PrivateStream::UserTrades];
        let mut session = Session::new(&streams);
        session.pass(5, None);
        let lost = session.lose_all();
        let [lost] = &lost[..] else { panic!("{lost:?}") };
        assert!(lost.contains("disconnected: the connection was lost; next dial in "), "{lost}");
        assert!(lost.ends_with("; caused by: connection reset"), "{lost}");
        let refused = unreachable("connection refused");
        let failed = session.pass_until(2, Some(&refused));
        let all = "balances, history, trades";
        let start = format!("still no connection of {all} after 3 failed dials: ");
        assert!(failed[0].starts_with(&start), "{failed:?}");
        assert!(failed[1].contains(" after 10 failed dials: "), "{failed:?}");
        let invalid = Error::new(ErrorKind::Certificate, "expired");
        let other = session.pass_until(1, Some(&invalid));
        assert!(other[0].contains(": disconnected: cannot connect to the exchange"), "{other:?}");
        let recovered = session.pass_until(3, None);
        assert_eq!(recovered.len(), 3, "{recovered:?}");
        for note in recovered {
            assert!(note.contains(": connected again after "), "{note}");
            assert!(note.contains("; events between 01:00:00 and 01:0"), "{note}");
        }
        assert_eq!(session.lose_all().len(), 1, "the next outage is described again");
    }

    #[test]
    fn streams_that_end_for_the_same_reason_repeat_it_briefly() {
        let mut session = Session::new(PrivateStream::ALL);
        let ended = session.pass(60, Some(&Error::new(ErrorKind::InvalidRequest, "no host")));
        assert!(ended[0].ends_with(": closed: the URL cannot be dialled; caused by: no host"), "{ended:?}");
        assert!(ended[1..].iter().all(|note| note.ends_with(": closed for the same reason")), "{ended:?}");
        assert_eq!(ended.len(), 4);
    }

    #[test]
    fn a_requested_close_needs_no_note() {
        let mut session = Session::new(PrivateStream::ALL);
        session.pass(5, None);
        session.engine.handle_close(session.now, session.wall, session.subscriber);
        assert!(session.pass(5, None).is_empty());
    }
}
