use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::{Credentials, Payload, Signer};
use bitopro_model::Balances;
use bitopro_transport::{self as transport, Frame, Refusal, Request};
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderName, StatusCode};

use super::{Action, Session, unix_ms};
use crate::budget::DialBudget;
use crate::endpoints::{Endpoints, parse_base};
use crate::item::{Closed, GapReason, Item};
use crate::outside::test_start;
use crate::{ErrorKind, Settings};

type BalanceItem = Item<bitopro_model::AccountBalance>;

const SECOND: Duration = Duration::from_secs(1);
/// 2026-01-01, a whole second, since HTTP dates have no fractions.
const WALL_MS: u64 = 1_767_225_600_000;

/// A session on a virtual clock, with everything it asked for since the last look.
struct Bench {
    session: Session<Balances>,
    now: Instant,
    wall: SystemTime,
    actions: Vec<Action>,
    items: Vec<BalanceItem>,
    nonces: Vec<u64>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default(), &["wss://one/ws"])
    }

    fn with(settings: Settings, bases: &[&str]) -> Self {
        let now = test_start();
        let signer = Signer::new(Credentials::new("me@example.com", "k3y", "s3cr3t").unwrap());
        let budget = DialBudget::new(settings.dial_budget, settings.dial_budget_span, settings.dial_spacing);
        let endpoints = Endpoints::new(bases.iter().map(|base| parse_base(base).unwrap()).collect()).unwrap();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
        let session = Session::new(settings, signer, budget, endpoints, 7, now);
        let mut bench =
            Self { session, now, wall, actions: Vec::new(), items: Vec::new(), nonces: Vec::new() };
        bench.collect();
        bench
    }

    fn collect(&mut self) {
        while let Some(action) = self.session.poll_action(self.now, self.wall) {
            if let Action::Dial(request) = &action {
                let payload = request.headers()["x-bitopro-payload"].to_str().unwrap();
                self.nonces.push(Payload::received(payload).identity_claim().unwrap().nonce);
            }
            self.actions.push(action);
        }
        while let Some(item) = self.session.poll_item() {
            self.items.push(item);
        }
    }

    fn step(&mut self, handle: impl FnOnce(&mut Session<Balances>, Instant, SystemTime)) {
        handle(&mut self.session, self.now, self.wall);
        self.collect();
    }

    /// Lets time pass, with every deadline on its way.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.wall += due.saturating_duration_since(self.now);
            self.now = self.now.max(due);
            self.step(|session, now, _| session.handle_timeout(now));
            if matches!(self.actions.last(), Some(Action::Dial(_))) {
                break;
            }
        }
        self.wall += end.saturating_duration_since(self.now);
        self.now = end;
    }

    /// Lets time pass until the next dial, and tells how long that took.
    fn wait_for_dial(&mut self) -> (Request, Duration) {
        let start = self.now;
        loop {
            if let Some(request) = self.take_dial() {
                return (request, self.now - start);
            }
            let due = self.session.poll_timeout().expect("the session waits for something");
            self.pass(due.saturating_duration_since(self.now));
            self.step(|session, now, _| session.handle_timeout(now));
        }
    }

    fn take_dial(&mut self) -> Option<Request> {
        let dial = self.actions.iter().position(|action| matches!(action, Action::Dial(_)))?;
        match self.actions.remove(dial) {
            Action::Dial(request) => Some(request),
            _ => None,
        }
    }

    fn connect(&mut self) {
        self.wait_for_dial();
        self.step(|session, now, _| session.handle_connected(now));
    }

    fn text(&mut self, text: &str) {
        self.step(|session, now, _| session.handle_frame(now, Frame::text(text)));
    }

    /// Connects, and receives a snapshot of this amount at this time.
    fn settle(&mut self, amount: &str, timestamp: u64) {
        self.connect();
        self.text(&balance(amount, timestamp));
    }

    fn refuse(&mut self, status: u16, headers: &[(HeaderName, &str)]) {
        let mut refusal = Refusal::new(StatusCode::from_u16(status).unwrap());
        for (name, value) in headers {
            refusal.headers.insert(name, value.parse().unwrap());
        }
        self.fail(transport::Error::refused(refusal));
    }

    fn fail(&mut self, error: transport::Error) {
        self.take_dial();
        self.step(|session, now, wall| session.handle_dial_failed(now, wall, error));
    }

    fn fail_network(&mut self) {
        self.fail(transport::Error::new(transport::ErrorKind::Connect, "no connection"));
    }

    fn lose(&mut self) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "gone");
        self.step(|session, now, _| session.handle_lost(now, error));
    }

    /// The names of the items since the last look.
    fn names(&mut self) -> Vec<&'static str> {
        self.items.drain(..).map(|item| name(&item)).collect()
    }

    /// The kind of the error that the last item tells of.
    fn last_error(&self) -> ErrorKind {
        match self.items.last() {
            Some(Item::Disconnected(disconnected)) => disconnected.error.kind(),
            Some(Item::Closed(Closed::Failed(error))) => error.kind(),
            other => panic!("no error in {other:?}"),
        }
    }

    fn is_hung_up(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::HangUp))
    }
}

fn name(item: &BalanceItem) -> &'static str {
    match item {
        Item::Connected(_) => "connected",
        Item::Snapshot(_) => "snapshot",
        Item::Update(_) => "update",
        Item::Gap(_) => "gap",
        Item::Malformed(_) => "malformed",
        Item::Unknown(_) => "unknown",
        Item::Disconnected(_) => "disconnected",
        Item::Closed(_) => "closed",
    }
}

fn balance(amount: &str, timestamp: u64) -> String {
    format!(
        r#"{{"event":"ACCOUNT_BALANCE","timestamp":{timestamp},"data":{{"TWD":{{"currency":"TWD","amount":"{amount}","available":"0","stake":"0","tradable":true}}}}}}"#
    )
}

#[test]
fn the_first_data_is_the_snapshot_and_the_rest_are_updates() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.text(&balance("2", 11));
    bench.text(&balance("2", 11));
    assert_eq!(bench.names(), ["connected", "snapshot", "update", "update"]);
}

#[test]
fn a_dial_is_signed_when_it_is_made_and_not_before() {
    let mut bench = Bench::new();
    let (request, waited) = bench.wait_for_dial();
    assert_eq!(request.url().as_str(), "wss://one/ws/v1/pub/auth/account-balance");
    assert_eq!(request.deadline(), 10 * SECOND);
    assert_eq!((waited, bench.nonces[0]), (Duration::ZERO, WALL_MS));
    bench.fail_network();
    let (_, waited) = bench.wait_for_dial();
    assert_eq!(u128::from(bench.nonces[1] - WALL_MS), waited.as_millis().max(1));
}

#[test]
fn a_clock_that_steps_back_does_not_take_the_nonce_with_it() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.wait_for_dial();
        bench.wall -= 10 * SECOND;
        bench.fail_network();
    }
    assert!(bench.nonces.is_sorted_by(|a, b| a < b), "{:?}", bench.nonces);
}

#[test]
fn a_reconnect_tells_the_gap_with_both_edges_before_its_snapshot() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.text(&balance("2", 11));
    bench.lose();
    assert!(bench.is_hung_up());
    bench.settle("3", 20);
    let items = std::mem::take(&mut bench.items);
    let names: Vec<_> = items.iter().map(name).collect();
    assert_eq!(names, ["connected", "snapshot", "update", "disconnected", "connected", "gap", "snapshot"]);
    let Item::Gap(gap) = &items[5] else { panic!("{items:?}") };
    assert_eq!(gap.reason, GapReason::Reconnected);
    assert_eq!(gap.before.as_ref().map(|edge| edge.timestamp.as_millis()), Some(11));
    assert_eq!(gap.after.as_ref().map(|edge| edge.timestamp.as_millis()), Some(20));
}

#[test]
fn a_gap_before_a_snapshot_that_cannot_be_read_is_told_before_what_follows() {
    let mut bench = Bench::new();
    bench.settle("1", 1);
    bench.lose();
    bench.connect();
    bench.names();
    bench.text("{");
    bench.text(&balance("5", 5));
    assert_eq!(bench.names(), ["malformed", "gap", "update"]);
    bench.lose();
    bench.settle("9", 9);
    let items = std::mem::take(&mut bench.items);
    let Some(Item::Gap(gap)) = items.iter().find(|item| name(item) == "gap") else { panic!("{items:?}") };
    assert_eq!(gap.before.as_ref().map(|edge| edge.timestamp.as_millis()), Some(5));
}

#[test]
fn a_gap_over_several_connections_is_told_once() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    for _ in 0..3 {
        bench.lose();
        bench.connect();
    }
    bench.text(&balance("2", 20));
    bench.text(&balance("3", 21));
    assert_eq!(bench.names().iter().filter(|name| **name == "gap").count(), 1);
}

#[test]
fn nothing_was_missed_before_the_first_event() {
    let mut bench = Bench::new();
    bench.connect();
    bench.lose();
    bench.settle("1", 10);
    assert_eq!(bench.names(), ["connected", "disconnected", "connected", "snapshot"]);
}

#[test]
fn a_message_that_cannot_be_read_is_an_item_and_the_connection_lives() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    for text in ["", "{", "[]", r#"{"event":"ACCOUNT_BALANCE"}"#, &balance("1e5", 3)] {
        bench.text(text);
        let Some(Item::Malformed(malformed)) = bench.items.last() else { panic!("{:?}", bench.items) };
        assert_eq!(malformed.raw, text.as_bytes());
    }
    bench.step(|session, now, _| session.handle_frame(now, Frame::Binary(vec![1, 2].into())));
    bench.text(&balance("2", 11));
    assert_eq!(bench.items.len(), 9);
    assert!(matches!(bench.items.last(), Some(Item::Update(_))));
    assert!(bench.session.is_open());
}

#[test]
fn a_snapshot_that_cannot_be_read_is_not_replaced_by_the_next_update() {
    let mut bench = Bench::new();
    bench.connect();
    bench.text("{");
    bench.text(&balance("1", 10));
    assert_eq!(bench.names(), ["connected", "malformed", "update"]);
    bench.pass(10 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::NoSnapshot);
    assert!(bench.is_hung_up());
}

#[test]
fn an_unknown_event_is_carried_and_is_no_snapshot() {
    let mut bench = Bench::new();
    bench.connect();
    bench.text(r#"{"event":"MARGIN_BALANCE_INFO","data":[]}"#);
    bench.text(&balance("1", 10));
    assert_eq!(bench.names(), ["connected", "unknown", "snapshot"]);
}

#[test]
fn a_snapshot_that_never_comes_ends_the_connection_although_pings_flow() {
    let mut bench = Bench::new();
    bench.connect();
    for _ in 0..9 {
        bench.pass(SECOND);
        bench.step(|session, now, _| session.handle_frame(now, Frame::Ping(vec![].into())));
    }
    assert!(bench.session.is_open());
    bench.pass(SECOND);
    assert_eq!(bench.last_error(), ErrorKind::NoSnapshot);
}

#[test]
fn pings_alone_keep_a_settled_connection_for_ever() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    for _ in 0..1_000 {
        bench.pass(29 * SECOND);
        bench.step(|session, now, _| session.handle_frame(now, Frame::Ping(vec![].into())));
    }
    assert_eq!(bench.names(), ["connected", "snapshot"]);
}

#[test]
fn silence_ends_the_connection_exactly_at_the_idle_limit() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.pass(20 * SECOND);
    bench.text(&balance("2", 11));
    bench.pass(Duration::from_millis(29_999));
    assert!(bench.session.is_open());
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Idle);
    assert!(bench.is_hung_up());
}

#[test]
fn a_close_by_the_server_leads_to_a_redial() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(|session, now, _| session.handle_frame(now, Frame::close(1001, "going\naway")));
    assert_eq!(bench.last_error(), ErrorKind::ClosedByServer { code: Some(1001) });
    let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
    assert_eq!(
        disconnected.error.to_string(),
        "the exchange closed the connection with code 1001: going\\naway"
    );
    bench.settle("2", 20);
    assert_eq!(bench.nonces.len(), 2);
}

#[test]
fn delays_grow_until_a_connection_has_proved_itself() {
    let mut bench = Bench::new();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        bench.settle("1", 10);
        bench.pass(29 * SECOND);
        bench.lose();
        longest = longest.max(bench.session.poll_timeout().unwrap() - bench.now);
    }
    assert!(longest > 15 * SECOND && longest <= 30 * SECOND, "{longest:?}");
    bench.settle("1", 10);
    bench.pass(Duration::from_millis(29_999));
    bench.text(&balance("1", 11));
    bench.pass(Duration::from_millis(1));
    bench.lose();
    let delay = bench.session.poll_timeout().unwrap() - bench.now;
    assert!(delay <= SECOND, "{delay:?}");
}

#[test]
fn a_server_that_accepts_and_closes_is_dialled_within_the_budget() {
    let mut bench = Bench::new();
    let start = bench.now;
    let mut dials = Vec::new();
    for _ in 0..1_000 {
        bench.connect();
        dials.push(bench.now - start);
        bench.step(|session, now, _| session.handle_frame(now, Frame::Close(None)));
        bench.items.clear();
    }
    assert!(dials.windows(31).all(|window| window[0] + 300 * SECOND <= window[30]));
}

#[test]
fn a_key_that_is_not_accepted_twice_is_final() {
    for (status, kind) in [(401, ErrorKind::Unauthorized), (403, ErrorKind::Forbidden)] {
        let mut bench = Bench::new();
        bench.refuse(status, &[]);
        assert_eq!(bench.names(), ["disconnected"]);
        bench.wait_for_dial();
        bench.refuse(status, &[]);
        assert_eq!(bench.last_error(), kind);
        assert_eq!(bench.names(), ["closed"]);
        assert!(bench.session.is_closed());
        bench.pass(3_600 * SECOND);
        assert_eq!(bench.nonces.len(), 2, "no dial after the end");
    }
}

#[test]
fn how_often_a_refusal_is_tried_again_can_be_set() {
    let settings =
        Settings { auth_attempts: 3, clock_attempts: 2, certificate_attempts: 4, ..Settings::default() };
    let certificate = |_: u32| transport::Error::new(transport::ErrorKind::Certificate, "expired");
    let refused = |status| transport::Error::refused(Refusal::new(StatusCode::from_u16(status).unwrap()));
    let failures: [(&dyn Fn(u32) -> transport::Error, u32); 3] =
        [(&|_| refused(401), 3), (&|_| refused(409), 2), (&certificate, 4)];
    for (failure, attempts) in failures {
        let mut bench = Bench::with(settings.clone(), &["wss://one/ws"]);
        for attempt in 1..=attempts {
            bench.wait_for_dial();
            bench.fail(failure(attempt));
            assert_eq!(bench.session.is_closed(), attempt == attempts);
        }
    }
}

#[test]
fn the_dial_s_deadline_can_be_set() {
    let settings = Settings { dial_deadline: 3 * SECOND, ..Settings::default() };
    assert_eq!(Bench::with(settings, &["wss://one/ws"]).wait_for_dial().0.deadline(), 3 * SECOND);
}

#[test]
fn a_connection_without_a_snapshot_has_proved_nothing() {
    let settings =
        Settings { snapshot_deadline: 100 * SECOND, idle_limit: 200 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    for _ in 0..8 {
        bench.connect();
        bench.pass(60 * SECOND);
        bench.lose();
    }
    let delays: Vec<Duration> = (0..5)
        .map(|_| {
            bench.connect();
            bench.pass(60 * SECOND);
            bench.lose();
            bench.session.poll_timeout().unwrap() - bench.now
        })
        .collect();
    assert!(delays.iter().any(|delay| *delay > 2 * SECOND), "{delays:?}");
}

#[test]
fn silence_is_noticed_before_the_snapshot_too() {
    let settings = Settings { snapshot_deadline: 100 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    bench.connect();
    bench.pass(30 * SECOND);
    assert_eq!(bench.last_error(), ErrorKind::Idle);
}

#[test]
fn a_connection_that_is_lost_while_it_closes_is_closed() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(|session, now, _| session.handle_close(now));
    bench.lose();
    assert!(bench.session.is_closed());
    assert!(matches!(bench.items.last(), Some(Item::Closed(Closed::Requested))));
}

#[test]
fn a_key_that_was_just_rotated_recovers() {
    let mut bench = Bench::new();
    bench.refuse(401, &[]);
    bench.settle("1", 10);
    bench.lose();
    bench.wait_for_dial();
    bench.refuse(401, &[]);
    assert!(!bench.session.is_closed(), "the refusals were not in a row");
}

#[test]
fn what_no_retry_can_mend_ends_at_once() {
    for (status, kind) in [
        (200, ErrorKind::WrongPath),
        (404, ErrorKind::WrongPath),
        (400, ErrorKind::BadRequest),
        (422, ErrorKind::BadRequest),
        (301, ErrorKind::Redirected),
        (307, ErrorKind::Redirected),
    ] {
        let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
        bench.refuse(status, &[]);
        assert_eq!(bench.last_error(), kind, "{status}");
        assert_eq!(bench.names(), ["closed"], "{status}");
        assert_eq!(bench.nonces.len(), 1);
    }
    for (beneath, kind) in [
        (transport::ErrorKind::InsecureUrl, ErrorKind::InvalidUrl),
        (transport::ErrorKind::InvalidRequest, ErrorKind::InvalidUrl),
        (transport::ErrorKind::Setup, ErrorKind::Setup),
    ] {
        let mut bench = Bench::new();
        bench.fail(transport::Error::new(beneath, "here"));
        assert_eq!((bench.last_error(), bench.session.is_closed()), (kind, true));
    }
}

#[test]
fn a_server_that_is_down_is_tried_again_without_end() {
    for status in [408, 500, 502, 503, 418] {
        let mut bench = Bench::new();
        for _ in 0..100 {
            bench.refuse(status, &[]);
            assert!(!bench.session.is_closed());
            bench.wait_for_dial();
        }
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_kept_and_capped() {
    for (asked, least, most) in [("7", 7, 8), ("0", 0, 1), ("99999999999", 3600, 3601), ("soon", 0, 1)] {
        for status in [429, 503] {
            let mut bench = Bench::new();
            bench.refuse(status, &[(RETRY_AFTER, asked)]);
            let Some(Item::Disconnected(told)) = bench.items.last() else { panic!() };
            let told = told.retry_in;
            let (_, waited) = bench.wait_for_dial();
            assert!((least..=most).contains(&waited.as_secs()), "{asked}: {waited:?}");
            assert_eq!(told, waited);
        }
    }
}

/// The nonce of the last dial, less the session's idea of the time by this clock.
fn last_nonce_beyond(bench: &Bench, clock: SystemTime) -> i64 {
    i64::try_from(*bench.nonces.last().unwrap()).unwrap() - unix_ms(clock)
}

#[test]
fn a_clock_that_is_behind_is_corrected_once_from_the_server_s() {
    let mut bench = Bench::new();
    let ahead = bench.wall + 3_600 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(ahead))]);
    assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: Some(3_600_000) });
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 3_600_000);
    let further = bench.wall + 7_200 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(further))]);
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 3_600_000, "not corrected again");
    bench.refuse(409, &[]);
    assert!(bench.session.is_closed());
    assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: None });
}

#[test]
fn a_clock_that_is_set_right_after_it_was_corrected_does_no_harm() {
    let mut bench = Bench::new();
    let server = bench.wall + 3_600 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(server))]);
    bench.settle("1", 10);
    bench.wall += 3_600 * SECOND;
    bench.lose();
    bench.wait_for_dial();
    assert_eq!(last_nonce_beyond(&bench, bench.wall), 0);
    // After a connection, a clock that is off again is corrected again.
    bench.step(|session, now, _| session.handle_connected(now));
    bench.lose();
    bench.wait_for_dial();
    let server = bench.wall + 60 * SECOND;
    bench.refuse(409, &[(DATE, &httpdate::fmt_http_date(server))]);
    bench.wait_for_dial();
    assert!((59_000..=60_000).contains(&last_nonce_beyond(&bench, bench.wall)));
}

#[test]
fn an_absurd_time_of_the_server_corrects_nothing() {
    for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let mut bench = Bench::new();
        bench.refuse(409, &[(DATE, date)]);
        assert_eq!(bench.last_error(), ErrorKind::ClockSkew { ahead_ms: None });
        bench.wait_for_dial();
        assert_eq!(i64::try_from(bench.nonces[1]).unwrap(), unix_ms(bench.wall));
    }
}

#[test]
fn a_dial_that_fails_on_the_network_moves_on_and_the_one_that_worked_is_kept() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    let host = |request: &Request| request.url().host_str().unwrap().to_owned();
    let (first, _) = bench.wait_for_dial();
    bench.fail_network();
    let (second, waited) = bench.wait_for_dial();
    assert_eq!(
        (host(&first).as_str(), host(&second).as_str(), waited),
        ("one", "two", Duration::from_millis(100))
    );
    bench.step(|session, now, _| session.handle_connected(now));
    bench.text(&balance("1", 10));
    bench.lose();
    assert_eq!(host(&bench.wait_for_dial().0), "two");
    bench.refuse(503, &[]);
    assert_eq!(host(&bench.wait_for_dial().0), "two", "a refusal does not move on");
    bench.fail_network();
    assert_eq!(host(&bench.wait_for_dial().0), "one");
    bench.fail_network();
    let (after_a_round, waited) = bench.wait_for_dial();
    assert_eq!(host(&after_a_round), "two");
    assert!(waited > Duration::from_millis(100), "a whole round failed, so there is a pause: {waited:?}");
}

#[test]
fn an_endpoint_whose_certificate_is_wrong_is_left_for_the_next() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    bench.fail(transport::Error::new(transport::ErrorKind::Certificate, "expired"));
    assert_eq!(bench.wait_for_dial().0.url().host_str(), Some("two"));
}

#[test]
fn the_wait_that_is_told_is_the_wait_there_is_although_the_budget_is_spent() {
    let settings = Settings { dial_budget: 3, dial_budget_span: 300 * SECOND, ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    for _ in 0..4 {
        bench.wait_for_dial();
        bench.fail_network();
        let Some(Item::Disconnected(disconnected)) = bench.items.last() else { panic!() };
        let told = disconnected.retry_in;
        assert!(told > 100 * SECOND, "{told:?}");
        let (_, waited) = bench.wait_for_dial();
        assert_eq!(told, waited);
        bench.fail_network();
    }
}

#[test]
fn a_wait_that_the_server_asks_for_holds_for_every_stream_of_the_client() {
    let mut bench = Bench::new();
    let budget = bench.session.budget.clone();
    bench.refuse(429, &[(RETRY_AFTER, "100")]);
    assert_eq!(budget.free_at(bench.now), bench.now + 100 * SECOND);
}

#[test]
fn certificate_errors_in_a_row_are_final() {
    let certificate = || transport::Error::new(transport::ErrorKind::Certificate, "expired");
    let mut bench = Bench::new();
    bench.fail(certificate());
    assert!(!bench.session.is_closed());
    bench.settle("1", 10);
    bench.lose();
    bench.wait_for_dial();
    bench.fail(certificate());
    assert!(!bench.session.is_closed(), "there was a connection between them");
    bench.wait_for_dial();
    bench.fail_network();
    bench.wait_for_dial();
    bench.fail(certificate());
    assert_eq!((bench.last_error(), bench.session.is_closed()), (ErrorKind::Certificate, true));
}

#[test]
fn a_retry_limit_counts_rounds_without_a_snapshot() {
    let settings = Settings { retry_limit: Some(2), ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws", "wss://two/ws"]);
    for _ in 0..2 {
        bench.fail_network();
        bench.wait_for_dial();
        assert!(!bench.session.is_closed());
        bench.fail_network();
        if !bench.session.is_closed() {
            bench.settle("1", 10);
            bench.lose();
            bench.wait_for_dial();
        }
    }
    assert_eq!(bench.last_error(), ErrorKind::Network);
    assert!(bench.session.is_closed());
}

#[test]
fn a_close_is_polite_and_bounded() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(|session, now, _| session.handle_close(now));
    assert!(
        matches!(bench.actions.last(), Some(Action::Send(Frame::Close(Some(close)))) if close.code == 1000)
    );
    let mut answered = Bench::new();
    std::mem::swap(&mut bench, &mut answered);
    answered.step(|session, now, _| session.handle_frame(now, Frame::close(1000, "")));
    assert!(answered.session.is_closed() && answered.is_hung_up());

    bench.settle("1", 10);
    bench.step(|session, now, _| session.handle_close(now));
    bench.text(&balance("2", 11));
    bench.pass(2 * SECOND);
    assert!(bench.session.is_closed() && bench.is_hung_up());
    assert_eq!(bench.names(), ["connected", "snapshot", "closed"]);
}

#[test]
fn a_close_before_there_is_a_connection_is_at_once() {
    let mut dialing = Bench::new();
    let mut waiting = Bench::new();
    waiting.fail_network();
    for bench in [&mut dialing, &mut waiting] {
        bench.step(|session, now, _| session.handle_close(now));
        assert!(bench.session.is_closed() && bench.is_hung_up());
        assert!(matches!(bench.items.last(), Some(Item::Closed(Closed::Requested))));
    }
}

#[test]
fn a_resync_is_a_new_connection() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.step(|session, now, _| session.handle_resync(now));
    assert_eq!(bench.last_error(), ErrorKind::Resync);
    bench.settle("2", 20);
    assert_eq!(bench.names(), ["connected", "snapshot", "disconnected", "connected", "gap", "snapshot"]);
}

#[test]
fn a_resync_is_no_failure() {
    let settings = Settings { retry_limit: Some(1), ..Settings::default() };
    let mut bench = Bench::with(settings, &["wss://one/ws"]);
    bench.settle("1", 10);
    for _ in 0..5 {
        bench.pass(SECOND);
        bench.step(|session, now, _| session.handle_resync(now));
        let (_, waited) = bench.wait_for_dial();
        assert_eq!(waited, Duration::ZERO);
        bench.step(|session, now, _| session.handle_connected(now));
        bench.text(&balance("1", 11));
    }
    assert!(bench.session.is_open());
    bench.lose();
    assert!(bench.session.is_closed(), "a loss is one");
}

#[test]
fn a_connector_that_does_not_keep_the_deadline_is_given_up() {
    let mut bench = Bench::new();
    bench.wait_for_dial();
    bench.pass(Duration::from_millis(10_999));
    assert_eq!(bench.names(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.last_error(), ErrorKind::Network);
    assert!(bench.is_hung_up());
}

#[test]
fn an_outage_of_any_length_is_over_within_the_longest_backoff() {
    let mut bench = Bench::with(Settings::default(), &["wss://one/ws", "wss://two/ws"]);
    let mut longest = Duration::ZERO;
    for _ in 0..500 {
        bench.wait_for_dial();
        bench.fail_network();
        longest = longest.max(bench.session.poll_timeout().unwrap().saturating_duration_since(bench.now));
    }
    assert!(longest <= 30 * SECOND, "{longest:?}");
}

#[test]
fn what_comes_from_an_old_connection_is_ignored() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.lose();
    bench.names();
    bench.text(&balance("2", 11));
    bench.lose();
    bench.step(|session, now, _| session.handle_connected(now));
    assert_eq!(bench.names(), [""; 0]);
}

#[test]
fn nothing_of_a_session_shows_a_secret() {
    let mut bench = Bench::new();
    bench.refuse(401, &[]);
    let shown = format!("{:?} {:#?} {:?} {:?}", bench.session, bench.session, bench.actions, bench.items);
    for secret in ["s3cr3t", "k3y", "me@example.com", "eyJ"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
