//! Any sequence of what can happen to two sessions of one client, at any times, and what must hold all the same.
//!
//! An input is a list of operations, each a byte for the session and the operation, and a byte for its detail; see
//! [`Bench::operate`]. A frame of the input's own is followed by its length (two bytes) and its text.

mod watcher;

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

use bitopro_client::model::{Balances, Trade};
use bitopro_client::session::{Action, Session};
use bitopro_client::transport::{
    self, Connection, Connector, ErrorKind, Frame, Refusal, Request, async_trait,
};
use bitopro_client::{Client, Credentials, Followed};
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use watcher::{Dials, LONGEST_WAIT, Watcher};

const BALANCE: &str = r#"{"event":"ACCOUNT_BALANCE","eventID":"e","timestamp":1,"data":{"TWD":{"currency":"TWD","amount":"1","available":"1","stake":"0","tradable":true}}}"#;
const TRADE: &str = r#"{"event":"USER_TRADE","timestamp":2,"data":{"base":"usdt","quote":"twd","side":"ask","price":"32.039","volume":"1","fee":"0","feeCurrency":"twd","transactionTimestamp":1,"eventTimestamp":1,"orderID":"7","orderType":"LIMIT","matchID":"m","isMarket":false,"isMaker":true}}"#;

/// Plays one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let client = client(input.byte());
    #[allow(clippy::disallowed_methods, reason = "any moment will do: time goes on by the input alone")]
    let start = Instant::now();
    let mut bench = Bench {
        now: start,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600),
        dials: Dials::default(),
        balances: Line::new(client.session(start)),
        trades: Line::new(client.session(start)),
    };
    bench.settle();
    while !input.0.is_empty() {
        bench.operate(&mut input);
        bench.settle();
    }
    bench.recover();
}

/// A client that never dials by itself, under one of several settings.
fn client(settings: u8) -> Client {
    struct Nowhere;

    #[async_trait]
    impl Connector for Nowhere {
        async fn connect(&self, _: Request) -> Result<Box<dyn Connection>, transport::Error> {
            Err(transport::Error::new(ErrorKind::Connect, "there is no network here"))
        }
    }

    let credentials = Credentials::new("me@example.com", "key", "secret").expect("they can be signed with");
    let mut builder = Client::builder(credentials)
        .with_endpoints(["wss://one.test/ws", "wss://two.test/ws"])
        .with_connector(Nowhere)
        .with_seed(settings.into());
    if settings & 1 == 1 {
        builder = builder.with_endpoint("wss://one.test/ws");
    }
    if settings & 2 == 2 {
        builder = builder.with_backoff(Duration::from_millis(1), Duration::from_millis(1));
    }
    builder.build().expect("the settings are sound")
}

/// What is left of an input. Beyond its end there are zeros.
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

    /// A text with its length before it.
    fn text(&mut self) -> String {
        let length = u16::from_be_bytes([self.byte(), self.byte()]);
        String::from_utf8_lossy(self.take(length.into())).into_owned()
    }
}

struct Bench {
    now: Instant,
    wall: SystemTime,
    dials: Dials,
    balances: Line<Balances>,
    trades: Line<Trade>,
}

impl Bench {
    /// One operation of the input.
    fn operate(&mut self, input: &mut Input<'_>) {
        let (what, detail) = (input.byte(), input.byte());
        match what & 0x7f {
            0 => self.pass(span(detail)),
            1 => self.wall += span(detail),
            2 => self.wall = self.wall.checked_sub(span(detail)).unwrap_or(self.wall),
            3 => self.pass_to_next(),
            _ if what & 0x80 == 0 => self.balances.operate(what, detail, input, self.now, self.wall),
            _ => self.trades.operate(what & 0x7f, detail, input, self.now, self.wall),
        }
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.wall += span;
    }

    /// Lets time pass until a session wants to be called, and calls it, as a driver would.
    fn pass_to_next(&mut self) {
        let next = [self.balances.session.poll_timeout(), self.trades.session.poll_timeout()];
        let Some(next) = next.into_iter().flatten().min() else { return };
        self.pass(next.saturating_duration_since(self.now));
        self.balances.time_out(self.now, &mut self.dials, self.wall);
        self.trades.time_out(self.now, &mut self.dials, self.wall);
    }

    /// Takes all that the sessions want and have to say.
    fn settle(&mut self) {
        self.balances.settle(self.now, &mut self.dials, self.wall);
        self.trades.settle(self.now, &mut self.dials, self.wall);
    }

    /// From here on nothing goes wrong any more, so every stream that is not over must come back, though it may
    /// have been asked to wait first.
    fn recover(&mut self) {
        let until = self.now + LONGEST_WAIT;
        while self.now < until {
            self.balances.answer_well(BALANCE, self.now, self.wall);
            self.trades.answer_well(TRADE, self.now, self.wall);
            self.settle();
            if self.balances.is_well() && self.trades.is_well() {
                return;
            }
            self.pass_to_next();
            self.settle();
        }
        panic!("a stream does not come back: {:?} {:?}", self.balances.session, self.trades.session);
    }
}

/// A session, with what its driver and its subscriber see of it.
struct Line<D: Followed> {
    session: Session<D>,
    watcher: Watcher,
}

impl<D: Followed + Debug> Line<D> {
    fn new(session: Session<D>) -> Self {
        Self { session, watcher: Watcher::new(D::HAS_SNAPSHOT) }
    }

    /// What happens to the session: possible things and impossible ones.
    fn operate(&mut self, what: u8, detail: u8, input: &mut Input<'_>, now: Instant, wall: SystemTime) {
        let session = &mut self.session;
        match what % 12 {
            0 | 1 => session.handle_connected(now),
            2 => {
                let error = failure(detail);
                self.watcher.fails(&error);
                session.handle_dial_failed(now, wall, error);
            }
            3 => session.handle_frame(now, wall, frame(detail)),
            4 => session.handle_frame(now, wall, Frame::text(input.text())),
            5 => session.handle_lost(now, failure(detail)),
            6 => session.handle_timeout(now, wall),
            7 | 8 => session.handle_resync(now),
            9 if detail == 0 => session.handle_close(now),
            _ => session.handle_frame(now, wall, Frame::text(if D::HAS_SNAPSHOT { BALANCE } else { TRADE })),
        }
    }

    fn settle(&mut self, now: Instant, dials: &mut Dials, wall: SystemTime) {
        while let Some(action) = self.session.poll_action(now, wall) {
            if let Action::Dial(request) = &action {
                dials.count(now, request);
            }
            self.watcher.acts(&action, dials);
        }
        while let Some(item) = self.session.poll_item() {
            self.watcher.sees(&item, dials);
        }
        let due = self.session.poll_timeout();
        assert_eq!(
            self.session.is_closed(),
            self.watcher.is_closed(),
            "closed, and the stream does not say so"
        );
        assert_eq!(due.is_none(), self.session.is_closed(), "nothing would ever happen again");
    }

    /// Calls the session if it wants to be called. It must not want that again at once.
    fn time_out(&mut self, now: Instant, dials: &mut Dials, wall: SystemTime) {
        if self.session.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        self.session.handle_timeout(now, wall);
        self.settle(now, dials, wall);
        assert!(
            self.session.poll_timeout().is_none_or(|due| due > now),
            "it wants to be called in a tight loop"
        );
    }

    /// What an exchange does to which nothing happens.
    fn answer_well(&mut self, text: &str, now: Instant, wall: SystemTime) {
        if self.watcher.is_dialing() {
            self.session.handle_connected(now);
        }
        self.session.handle_frame(now, wall, Frame::text(text));
    }

    fn is_well(&self) -> bool {
        self.session.is_closed() || self.watcher.has_data()
    }
}

/// From nothing to a day.
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
        6 => Frame::text(TRADE),
        7 => Frame::text("{"),
        _ => Frame::text(BALANCE),
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
        return transport::Error::new(*kind, "it failed");
    }
    let status = STATUSES.get(usize::from(detail & 0xf)).copied().unwrap_or(503);
    let mut refusal = Refusal::new(StatusCode::from_u16(status).expect("a status"));
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
