//! Applies any sequence of events, at any times, to the four links of an account, and checks the rules that
//! always hold.
//!
//! An input is a list of operations. Each has a byte for the link (its upper two bits) and the operation, and
//! a byte for its detail; see [`Harness::operate`]. For a text frame, the length (two bytes) and the text
//! follow.

mod link;
#[path = "../../../crates/bitopro-client/tests/it/oracle/rules/mod.rs"]
#[allow(dead_code, reason = "the tests of bitopro-client use the rest")]
mod rules;

use std::time::{Duration, Instant, SystemTime};

use bitopro_client::auth::Payload;
use bitopro_client::engine::{Action, Engine, LinkId, SubscriberId};
use bitopro_client::model::{PrivateStream, Stream};
use bitopro_client::transport::{self, ErrorKind, Frame, Refusal, Request};
use bitopro_client::{Client, Credentials};
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::samples::{active, balances, event, history, text, trade, with_id};
use link::Link;
use rules::{AccountFromChanges, Dials, Items, freshness};

/// Runs one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let mut harness = Harness::new(input.byte());
    harness.settle();
    while !input.0.is_empty() {
        harness.operate(&mut input);
        harness.settle();
    }
    harness.recover();
}

/// Returns an engine with one of several combinations of settings.
fn engine(settings: u8) -> Engine {
    let credentials = Credentials::new("key", "secret", "me@example.com").expect("the credentials are valid");
    let mut builder = Client::builder(credentials)
        .with_endpoints(["wss://one.test/ws", "wss://two.test/ws"])
        .with_seed(settings.into());
    if settings & 1 == 1 {
        builder = builder.with_endpoint("wss://one.test/ws");
    }
    if settings & 2 == 2 {
        builder = builder.with_backoff(Duration::from_millis(1), Duration::from_millis(1));
    }
    if settings & 4 == 4 {
        builder = builder.with_queue_capacity(2);
    }
    builder.build_engine().expect("the settings are valid")
}

/// The unread rest of an input. Bytes beyond its end are zero.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(length.min(self.0.len()));
        self.0 = left;
        taken
    }

    /// Takes a length and a text of that length.
    fn text(&mut self) -> String {
        let length = u16::from_be_bytes([self.byte(), self.byte()]);
        String::from_utf8_lossy(self.take(length.into())).into_owned()
    }
}

/// An engine with one account, and its state as the driver and the subscriber see it.
struct Harness {
    engine: Engine,
    subscriber: SubscriberId,
    now: Instant,
    wall: SystemTime,
    dials: Dials,
    /// True if a link has been connected before.
    is_key_accepted: bool,
    /// One link for each stream, in the order of [`PrivateStream::ALL`].
    links: Vec<Link>,
    /// True if the subscriber does not read.
    is_stalled: bool,
    from_changes: AccountFromChanges,
}

impl Harness {
    fn new(settings: u8) -> Self {
        #[allow(
            clippy::disallowed_methods,
            reason = "an arbitrary start, since only the input lets time pass"
        )]
        let now = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let mut engine = engine(settings);
        let subscriber = engine.subscribe(now, wall, PrivateStream::ALL);
        let from_changes = AccountFromChanges::new(engine.changes());
        let links = PrivateStream::ALL.iter().map(|stream| Link::new(*stream)).collect();
        let (dials, is_key_accepted, is_stalled) = (Dials::default(), false, false);
        Self { engine, subscriber, now, wall, dials, is_key_accepted, links, is_stalled, from_changes }
    }

    fn id(&self, stream: PrivateStream) -> LinkId {
        let links = self.engine.links_of(self.subscriber);
        links.into_iter().find(|link| link.stream == stream).expect("every stream is subscribed")
    }

    fn link(&mut self, stream: impl Into<Stream>) -> &mut Link {
        let stream = stream.into();
        self.links.iter_mut().find(|link| stream == link.stream).expect("every stream has a link")
    }

    /// Performs the next operation of the input, even if it is impossible in practice.
    fn operate(&mut self, input: &mut Input<'_>) {
        let (operation, detail) = (input.byte(), input.byte());
        let stream = *PrivateStream::ALL.get(usize::from(operation >> 6)).expect("there are four streams");
        let (link, now, wall) = (self.id(stream), self.now, self.wall);
        match operation & 0x3f {
            0 => self.pass(span(detail)),
            1 => self.wall += span(detail),
            2 => self.wall = self.wall.checked_sub(span(detail)).unwrap_or(self.wall),
            3 => self.pass_to_timeout(),
            4 => self.is_stalled = detail & 1 == 1,
            5 => self.engine.handle_timeout(now, wall),
            6 => self.engine.handle_resync(now, wall, self.subscriber),
            7 if detail == 0 => self.engine.handle_close(now, wall, self.subscriber),
            other => match other % 6 {
                0 | 1 => self.connect(link),
                2 => {
                    let error = failure(detail);
                    self.link(stream).handle_dial_failed(&error);
                    self.engine.handle_dial_failed(now, wall, link, error);
                }
                3 => self.engine.handle_frame(now, wall, link, frame(detail)),
                4 => self.engine.handle_frame(now, wall, link, Frame::text(input.text())),
                _ => self.engine.handle_lost(now, wall, link, failure(detail)),
            },
        }
    }

    fn connect(&mut self, link: LinkId) {
        if self.link(link.stream).handle_connected() {
            self.is_key_accepted = true;
        }
        self.engine.handle_connected(self.now, self.wall, link);
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.wall += span;
    }

    /// Lets time pass until the engine's next timeout and handles it as a driver would.
    fn pass_to_timeout(&mut self) {
        let Some(next) = self.engine.poll_timeout() else { return };
        self.pass(next.saturating_duration_since(self.now));
        self.engine.handle_timeout(self.now, self.wall);
        self.settle();
        let next = self.engine.poll_timeout();
        assert!(
            next.is_none_or(|due| due > self.now),
            "the next timeout is already due, which would be a tight loop"
        );
    }

    /// Takes all actions and items of the engine and checks them.
    fn settle(&mut self) {
        while let Some((link, action)) = self.engine.poll_action(self.now, self.wall) {
            let now = self.now;
            if let Action::Dial(request) = &action {
                assert!(!self.links.iter().any(|link| link.is_dialing_at(now)), "two dials are in progress");
                self.dials.apply(nonce(request), now);
            }
            let is_key_accepted = self.is_key_accepted;
            self.link(link.stream).handle_action(&action, now, is_key_accepted);
        }
        let current = self.engine.current(self.now, self.wall, self.subscriber);
        if !self.is_stalled {
            while let Some(item) = self.engine.poll_item(self.subscriber) {
                self.link(item.stream).items.apply(&item.item);
                let item = item.into_account().expect("only private streams are subscribed");
                self.from_changes.apply(&item);
            }
            self.from_changes.assert_matches(&current);
        }
        for (stream, is_fresh) in freshness(&current) {
            assert!(!is_fresh || self.link(stream).is_up(), "{stream} is fresh without a connection");
        }
    }

    /// Lets everything succeed and asserts that every stream that has not ended recovers, perhaps after a
    /// delay that the server requested.
    fn recover(&mut self) {
        self.is_stalled = false;
        // An unreadable message makes the state stale until the next connection.
        self.engine.handle_resync(self.now, self.wall, self.subscriber);
        self.settle();
        let until = self.now + Items::LONGEST_WAIT;
        while self.now < until {
            for stream in PrivateStream::ALL {
                self.answer(*stream);
                self.settle();
            }
            let ends = self.engine.closed_streams(self.subscriber);
            for link in &self.links {
                assert_eq!(ends.contains_key(&link.stream.into()), link.items.is_closed(), "{}", link.stream);
            }
            let current = self.engine.current(self.now, self.wall, self.subscriber);
            let has_recovered = self.links.iter().all(|link| link.items.is_closed() || link.items.has_data());
            if has_recovered && (!ends.is_empty() || current.is_fresh()) {
                return;
            }
            self.pass_to_timeout();
        }
        panic!(
            "the account does not recover: {:?}",
            self.engine.current(self.now, self.wall, self.subscriber)
        );
    }

    /// Answers a stream as a healthy exchange does.
    fn answer(&mut self, stream: PrivateStream) {
        let link = self.id(stream);
        if self.link(stream).is_dialing() {
            self.connect(link);
        }
        let text = match stream {
            PrivateStream::AccountBalance => balance(),
            PrivateStream::ActiveOrders => text(&active([])),
            PrivateStream::HistoryOrders => text(&history([])),
            PrivateStream::UserTrades => user_trade(),
            other => panic!("unknown stream {other}"),
        };
        self.engine.handle_frame(self.now, self.wall, link, Frame::text(text));
    }
}

/// Returns the nonce of a dial's request.
fn nonce(request: &Request) -> u64 {
    let payload = request.headers().get("x-bitopro-payload").and_then(|payload| payload.to_str().ok());
    let claim = Payload::received(payload.expect("a dial is signed")).identity_claim();
    claim.expect("a payload can be read").nonce
}

fn balance() -> String {
    text(&with_id("e", balances(1, &[("TWD", 1)])))
}

fn user_trade() -> String {
    text(&event(2, trade(7, "m")))
}

/// Returns a span between zero and 16 days.
fn span(detail: u8) -> Duration {
    const MILLIS: [u64; 16] = [
        0, 1, 9, 10, 99, 100, 999, 1_000, 2_000, 9_999, 10_000, 11_000, 29_999, 30_000, 3_600_000, 86_400_000,
    ];
    let millis = MILLIS.get(usize::from(detail & 0xf)).copied().unwrap_or(0);
    Duration::from_millis(millis) * u32::from(1 + (detail >> 4))
}

fn frame(detail: u8) -> Frame {
    match detail {
        0 => Frame::Ping(vec![].into()),
        1 => Frame::Pong(vec![].into()),
        2 => Frame::Binary(vec![0xff].into()),
        3 => Frame::Close(None),
        4 => Frame::close(1001, "going\naway"),
        5 => Frame::text(r#"{"event":"MARGIN_BALANCE_INFO"}"#),
        6 => Frame::text(user_trade()),
        7 => Frame::text("{"),
        _ => Frame::text(balance()),
    }
}

fn failure(detail: u8) -> transport::Error {
    use ErrorKind::{
        Certificate, Connect, Disconnected, Handshake, InsecureUrl, InvalidRequest, Protocol, Setup,
        TimedOut, Tls, TooLarge,
    };
    const KINDS: [ErrorKind; 11] = [
        Connect,
        TimedOut,
        Tls,
        Certificate,
        Handshake,
        Disconnected,
        Protocol,
        TooLarge,
        Setup,
        InsecureUrl,
        InvalidRequest,
    ];
    const STATUSES: [u16; 16] =
        [200, 301, 400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504, 599];
    if let Some(kind) = KINDS.get(usize::from(detail)) {
        return transport::Error::new(*kind, "a simulated failure");
    }
    let status = STATUSES.get(usize::from(detail & 0xf)).copied().unwrap_or(503);
    let mut refusal = Refusal::new(StatusCode::from_u16(status).expect("the status is valid"));
    let dates = ["Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "yesterday"];
    let waits = ["7", "0", "99999999999999999999", "Thu, 01 Jan 2026 01:00:00 GMT", "soon", "3600", "86400"];
    let chosen = usize::from(detail >> 4);
    if let Some(date) = dates.get(chosen % 4) {
        refusal.headers.insert(DATE, HeaderValue::from_static(date));
    }
    if let Some(wait) = waits.get(chosen % 8) {
        refusal.headers.insert(RETRY_AFTER, HeaderValue::from_static(wait));
    }
    transport::Error::refused(refusal)
}
