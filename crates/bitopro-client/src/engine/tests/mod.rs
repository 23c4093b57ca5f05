//! The engine on a virtual clock.

mod account;
mod clock;
mod dials;
mod market;
mod multi_link;
mod patience;
mod repeats;
mod stream;
mod suspend;

use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::{Credentials, Payload, Signer};
use bitopro_model::{Message, PrivateStream, PublicStream};
use bitopro_transport::{self as transport, Frame, Refusal, Request};
use http::{HeaderName, StatusCode};

use super::{Action, Engine, LinkId, SubscriberId};
use crate::endpoints::{Endpoints, parse_base};
use crate::item::{Closed, Item};
use crate::samples::balance;
use crate::system::test_start;
use crate::{ErrorKind, Settings};

/// Creates an engine that dials these base URLs.
fn engine(settings: Settings, bases: &[&str]) -> Engine {
    let signer = Signer::new(Credentials::new("k3y", "s3cr3t", "me@example.com").unwrap());
    let endpoints = Endpoints::new(bases.iter().map(|base| parse_base(base).unwrap()).collect()).unwrap();
    Engine::new(settings, Some(signer), endpoints, 7)
}

/// An engine with a single link.
struct SingleLink {
    engine: Engine,
    subscriber: SubscriberId,
    link: LinkId,
}

impl SingleLink {
    fn new(mut engine: Engine, stream: PrivateStream, now: Instant, wall: SystemTime) -> Self {
        let subscriber = engine.subscribe(now, wall, &[stream]);
        Self { engine, subscriber, link: LinkId { subscriber, stream: stream.into() } }
    }

    fn poll_action(&mut self, now: Instant, wall: SystemTime) -> Option<Action> {
        self.engine.poll_action(now, wall).map(|(_, action)| action)
    }

    fn poll_item(&mut self) -> Option<Item<Message>> {
        self.engine.poll_item(self.subscriber).map(|item| item.item)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.engine.poll_timeout()
    }

    fn is_closed(&self) -> bool {
        self.engine.has_ended(self.subscriber)
    }

    fn handle_timeout(&mut self, now: Instant, wall: SystemTime) {
        self.engine.handle_timeout(now, wall);
    }

    fn handle_connected(&mut self, now: Instant, wall: SystemTime) {
        self.engine.handle_connected(now, wall, self.link);
    }

    fn handle_frame(&mut self, now: Instant, wall: SystemTime, frame: Frame) {
        self.engine.handle_frame(now, wall, self.link, frame);
    }

    fn handle_lost(&mut self, now: Instant, wall: SystemTime, error: transport::Error) {
        self.engine.handle_lost(now, wall, self.link, error);
    }

    fn handle_dial_failed(&mut self, now: Instant, wall: SystemTime, error: transport::Error) {
        self.engine.handle_dial_failed(now, wall, self.link, error);
    }

    fn handle_snapshot_request(&mut self, now: Instant, wall: SystemTime, reason: &'static str) {
        self.engine.with_link(now, wall, self.link, |link, cx| link.handle_snapshot_request(cx, reason));
    }

    fn is_open(&self) -> bool {
        self.engine.is_open(self.link)
    }

    fn handle_close(&mut self, now: Instant, wall: SystemTime) {
        self.engine.handle_close(now, wall, self.subscriber);
    }

    fn handle_resync(&mut self, now: Instant, wall: SystemTime) {
        self.engine.handle_resync(now, wall, self.subscriber);
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// The start of the wall clock, 2026-01-01. It is a whole second, since HTTP dates have no fractions.
const WALL_MS: u64 = 1_767_225_600_000;

/// A link on a virtual clock, with its actions and items that the test has not taken yet.
struct Bench {
    link: SingleLink,
    now: Instant,
    wall: SystemTime,
    actions: Vec<Action>,
    items: Vec<Item<Message>>,
    nonces: Vec<u64>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default(), &["wss://one/ws"])
    }

    fn with(settings: Settings, bases: &[&str]) -> Self {
        let now = test_start();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
        Self::of(
            SingleLink::new(engine(settings, bases), PrivateStream::AccountBalance, now, wall),
            now,
            wall,
        )
    }

    /// Follows a public stream, without credentials.
    fn public(settings: Settings, stream: PublicStream, pairs: &[&str]) -> Self {
        let now = test_start();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
        let mut engine = engine(settings, &["wss://one/ws"]);
        engine.signer = None;
        let pairs = pairs.iter().map(|pair| pair.parse().unwrap());
        let subscriber = engine.subscribe_market(now, wall, &[stream], pairs).unwrap();
        let link = LinkId { subscriber, stream: stream.into() };
        Self::of(SingleLink { engine, subscriber, link }, now, wall)
    }

    fn of(link: SingleLink, now: Instant, wall: SystemTime) -> Self {
        let mut bench = Self { link, now, wall, actions: Vec::new(), items: Vec::new(), nonces: Vec::new() };
        bench.collect();
        bench
    }

    fn collect(&mut self) {
        while let Some(action) = self.link.poll_action(self.now, self.wall) {
            if let Action::Dial(request) = &action
                && let Some(payload) = request.headers().get("x-bitopro-payload")
            {
                let payload = payload.to_str().unwrap();
                self.nonces.push(Payload::received(payload).identity_claim().unwrap().nonce);
            }
            self.actions.push(action);
        }
        while let Some(item) = self.link.poll_item() {
            self.items.push(item);
        }
    }

    fn step(&mut self, handle: impl FnOnce(&mut SingleLink, Instant, SystemTime)) {
        handle(&mut self.link, self.now, self.wall);
        self.collect();
    }

    /// Advances the clock by `time`, and handles the deadlines on the way until a dial is requested.
    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.link.poll_timeout().filter(|due| *due <= end) {
            self.wall += due.saturating_duration_since(self.now);
            self.now = self.now.max(due);
            self.step(SingleLink::handle_timeout);
            if matches!(self.actions.last(), Some(Action::Dial(_))) {
                break;
            }
        }
        self.wall += end.saturating_duration_since(self.now);
        self.now = end;
    }

    /// Advances the clock to the next dial. Returns its request, and the time by which the clock advanced.
    fn wait_for_dial(&mut self) -> (Request, Duration) {
        let start = self.now;
        loop {
            if let Some(request) = self.take_dial() {
                return (request, self.now - start);
            }
            let due = self.link.poll_timeout().expect("the link has a deadline");
            self.advance(due.saturating_duration_since(self.now));
            self.step(SingleLink::handle_timeout);
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
        self.step(SingleLink::handle_connected);
    }

    fn receive_text(&mut self, text: &str) {
        self.step(|link, now, wall| link.handle_frame(now, wall, Frame::text(text)));
    }

    /// Connects, and receives a snapshot with this amount and timestamp.
    fn connect_with_snapshot(&mut self, amount: &str, timestamp: i64) {
        self.connect();
        self.receive_text(&balance(amount, timestamp));
    }

    fn refuse_dial(&mut self, status: u16, headers: &[(HeaderName, &str)]) {
        let mut refusal = Refusal::new(StatusCode::from_u16(status).unwrap());
        for (name, value) in headers {
            refusal.headers.insert(name, value.parse().unwrap());
        }
        self.fail_dial(transport::Error::refused(refusal));
    }

    fn fail_dial(&mut self, error: transport::Error) {
        self.take_dial();
        self.step(|link, now, wall| link.handle_dial_failed(now, wall, error));
    }

    fn fail_dial_on_network(&mut self) {
        self.fail_dial(transport::Error::new(transport::ErrorKind::Connect, "no connection"));
    }

    fn lose_connection(&mut self) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "connection lost");
        self.step(|link, now, wall| link.handle_lost(now, wall, error));
    }

    /// Removes all items and returns their names.
    fn take_names(&mut self) -> Vec<&'static str> {
        self.items.drain(..).map(|item| name(&item)).collect()
    }

    /// Returns the kind of the error in the last item.
    fn last_error(&self) -> ErrorKind {
        match self.items.last() {
            Some(Item::Disconnected(disconnected)) => disconnected.error.kind(),
            Some(Item::Closed(Closed::Failed(error))) => error.kind(),
            other => panic!("no error in {other:?}"),
        }
    }

    fn is_disconnected(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::Disconnect))
    }
}

fn name(item: &Item<Message>) -> &'static str {
    match item {
        Item::Connected(_) => "connected",
        Item::Snapshot(_) => "snapshot",
        Item::Update(_) => "update",
        Item::Gap(_) => "gap",
        Item::Malformed(_) => "malformed",
        Item::Unknown(_) => "unknown",
        Item::MissingPairs(_) => "missing pairs",
        Item::Disconnected(_) => "disconnected",
        Item::RecoveredTrade(_) => "recovered trade",
        Item::RecoveredOrder(_) => "recovered order",
        Item::Backfilled(_) => "backfilled",
        Item::Closed(_) => "closed",
    }
}
