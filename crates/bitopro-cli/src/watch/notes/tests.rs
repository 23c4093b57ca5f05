use std::time::{Duration, Instant, SystemTime};

use bitopro_client::engine::{Action, Engine, LinkId, SubscriberId};
use bitopro_client::model::{PrivateStream, Stream};
use bitopro_client::transport::{Error, ErrorKind, Frame};
use bitopro_client::{Client, Credentials};
use jiff::tz::Offset;

use super::Notes;
use crate::samples::look;
use crate::table::Appearance;

/// An engine whose dials all succeed or all fail.
struct Session {
    engine: Engine,
    subscriber: SubscriberId,
    notes: Notes,
    look: Appearance,
    now: Instant,
    wall: SystemTime,
    /// The `data` of the snapshots.
    data: &'static str,
}

impl Session {
    fn new(streams: &[PrivateStream]) -> Self {
        let credentials = Credentials::new("api-key", "api-secret", "me@example.com").unwrap();
        let builder = Client::builder(credentials).with_endpoint("wss://exchange.test:9/ws");
        let mut engine = builder.build_engine().unwrap();
        let (now, wall) =
            (tokio::time::Instant::now().into_std(), SystemTime::UNIX_EPOCH + Duration::from_secs(3_600));
        let subscriber = engine.subscribe(now, wall, streams);
        Self {
            engine,
            subscriber,
            notes: Notes::new(streams.len() > 1),
            look: look(|| None),
            now,
            wall,
            data: "{}",
        }
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
            Stream::Private(PrivateStream::AccountBalance) => "ACCOUNT_BALANCE",
            Stream::Private(PrivateStream::ActiveOrders) => "ACTIVE_ORDERS",
            Stream::Private(PrivateStream::HistoryOrders) => "RECENT_HISTORY_ORDERS",
            _ => return,
        };
        let data = self.data;
        let frame = Frame::text(format!(r#"{{"event":"{name}","timestamp":1,"data":{data}}}"#));
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
        let notes = items.filter_map(|item| self.notes.describe(item.stream, &item.item, &self.look));
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
    let streams = [PrivateStream::AccountBalance, PrivateStream::HistoryOrders, PrivateStream::UserTrades];
    let mut session = Session::new(&streams);
    session.pass(5, None);
    let lost = session.lose_all();
    let [first, all] = &lost[..] else { panic!("{lost:?}") };
    let cause = ": disconnected: the connection was lost; caused by: connection reset; next dial in ";
    assert!(first.contains(cause) && !first.starts_with("all streams"), "{lost:?}");
    assert!(all.starts_with("all streams: disconnected; next dial in "), "{lost:?}");
    let refused = unreachable("connection refused");
    let failed = session.pass_until(2, Some(&refused));
    assert!(failed[0].starts_with("no stream is connected after 3 failed dials: "), "{failed:?}");
    assert!(failed[1].contains(" after 10 failed dials: "), "{failed:?}");
    let invalid = Error::new(ErrorKind::Certificate, "expired");
    let other = session.pass_until(1, Some(&invalid));
    let cause = "all streams: disconnected: cannot connect to the exchange; caused by: expired; next dial";
    assert!(other[0].starts_with(cause), "{other:?}");
    let recovered = session.pass_until(3, None);
    assert_eq!(recovered.len(), 3, "{recovered:?}");
    for note in recovered {
        assert!(note.contains(": connected again after "), "{note}");
        assert!(note.contains("; events between 01:00:00 and 01:0"), "{note}");
    }
    assert_eq!(session.lose_all().len(), 2, "the next outage is described again");
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
fn failed_dials_are_counted_for_all_streams_although_none_has_ever_connected() {
    let mut session = Session::new(PrivateStream::ALL);
    let unresolved = Error::new(ErrorKind::TimedOut, "the name was not resolved within 10 s");
    let notes = session.pass_until(3, Some(&unresolved));
    let error = "cannot connect to the exchange; caused by: the name was not resolved within 10 s; next dial";
    assert!(notes[0].starts_with(&format!("all streams: disconnected: {error}")), "{notes:?}");
    for (note, dials) in notes[1..].iter().zip([3, 10]) {
        let expected = format!("no stream is connected after {dials} failed dials: {error}");
        assert!(note.starts_with(&expected), "{notes:?}");
    }
}

#[test]
fn an_unreadable_first_snapshot_is_described_once_and_then_counted() {
    let mut session = Session::new(&[PrivateStream::AccountBalance]);
    session.data = "7";
    let notes = session.pass_until(7, None);
    let starts = [
        "connected to ",
        "unreadable snapshot: ",
        "disconnected: no readable snapshot arrived within 10 s; next dial in ",
        "3 unreadable snapshots: ",
        "still no snapshot after 3 failed dials: no readable snapshot arrived within 10 s; next dial in ",
        "10 unreadable snapshots: ",
        "still no snapshot after 10 failed dials: ",
    ];
    assert!(notes.iter().zip(starts).all(|(note, start)| note.starts_with(start)), "{notes:#?}");
    assert_eq!(notes.len(), starts.len(), "{notes:#?}");
    session.data = "{}";
    let recovered = session.pass_until(1, None);
    assert!(recovered[0].starts_with("connected again"), "{recovered:?}");
}

#[test]
fn a_refusal_shows_the_local_time_of_the_first_one_from_the_second_on() {
    let mut session = Session::new(&[PrivateStream::AccountBalance]);
    session.look.time_zone = Offset::constant(8).to_time_zone();
    session.pass(5, None);
    session.lose_all();
    let expired = Error::new(ErrorKind::Certificate, "the certificate has expired");
    let first = session.pass_until(1, Some(&expired));
    session.notes.causes.clear();
    let later = session.pass_until(1, Some(&expired));
    let cause =
        "disconnected: cannot connect to the exchange; caused by: the certificate has expired; next dial in ";
    assert!(first[0].starts_with(cause) && !first[0].contains("refused"), "{first:?}");
    assert!(later[0].starts_with(cause) && later[0].contains(" times since 09:00:0"), "{later:?}");
}

#[test]
fn a_requested_close_needs_no_note() {
    let mut session = Session::new(PrivateStream::ALL);
    session.pass(5, None);
    session.engine.handle_close(session.now, session.wall, session.subscriber);
    assert!(session.pass(5, None).is_empty());
}
