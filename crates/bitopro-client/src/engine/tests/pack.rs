//! Several links of one key on one virtual clock.

use std::time::{Duration, Instant, SystemTime};

use bitopro_model::PrivateStream;
use bitopro_transport::{self as transport, Frame, Refusal};
use bytes::Bytes;
use http::StatusCode;

use super::{WALL_MS, engine, name};
use crate::Settings;
use crate::engine::{Action, Engine, LinkId};
use crate::samples::balance;
use crate::system::test_start;

/// The exchange's answer to a dial.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Accepts it, and sends a snapshot.
    Accept,
    /// Accepts it, and closes immediately.
    Flap,
    Refuse(u16),
    Fail,
}

pub(super) struct Pack {
    engine: Engine,
    links: Vec<LinkId>,
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
    /// Every dial so far: when, and of which link.
    pub(super) dials: Vec<(Instant, usize)>,
    /// The items of each link so far, in short.
    pub(super) names: Vec<Vec<&'static str>>,
}

impl Pack {
    pub(super) fn new(size: usize, settings: &Settings) -> Self {
        let now = test_start();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
        let mut engine = engine(settings.clone(), &["wss://one/ws"]);
        let stream = PrivateStream::AccountBalance;
        let links = (0..size)
            .map(|_| LinkId { subscriber: engine.subscribe(now, wall, &[stream]), stream })
            .collect();
        Self { engine, links, now, wall, dials: Vec::new(), names: vec![Vec::new(); size] }
    }

    /// Plays for this time. `answer` gets each dial.
    pub(super) fn play(&mut self, span: Duration, answer: &mut dyn FnMut(usize) -> Answer) {
        let end = self.now + span;
        loop {
            self.settle(answer);
            let next = self.engine.poll_timeout();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            assert!(next > self.now, "a deadline in the past is polling");
            self.wall += next - self.now;
            self.now = next;
            self.engine.handle_timeout(self.now, self.wall);
            // The connections are alive.
            for link in &self.links {
                if self.engine.is_open(*link) {
                    self.engine.handle_frame(self.now, self.wall, *link, Frame::Ping(Bytes::new()));
                }
            }
        }
        self.wall += end - self.now;
        self.now = end;
    }

    fn settle(&mut self, answer: &mut dyn FnMut(usize) -> Answer) {
        while let Some((link, action)) = self.engine.poll_action(self.now, self.wall) {
            if let Action::Dial(_) = action {
                let index = self.links.iter().position(|known| *known == link).unwrap();
                self.dials.push((self.now, index));
                self.reply(link, answer(index));
            }
        }
        for (link, names) in self.links.iter().zip(&mut self.names) {
            let items = std::iter::from_fn(|| self.engine.poll_item(link.subscriber));
            names.extend(items.map(|item| name(&item.item)));
        }
    }

    pub(super) fn is_open(&self, index: usize) -> bool {
        self.engine.is_open(self.links[index])
    }

    pub(super) fn is_closed(&self, index: usize) -> bool {
        self.engine.is_closed(self.links[index])
    }

    pub(super) fn lose(&mut self, index: usize) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "gone");
        self.engine.handle_lost(self.now, self.wall, self.links[index], error);
    }

    fn reply(&mut self, link: LinkId, answer: Answer) {
        let (engine, now, wall) = (&mut self.engine, self.now, self.wall);
        match answer {
            Answer::Accept => {
                engine.handle_connected(now, wall, link);
                engine.handle_frame(now, wall, link, Frame::text(balance("1", 10)));
            }
            Answer::Flap => {
                engine.handle_connected(now, wall, link);
                engine.handle_frame(now, wall, link, Frame::Close(None));
            }
            Answer::Refuse(status) => {
                let refusal = Refusal::new(StatusCode::from_u16(status).unwrap());
                engine.handle_dial_failed(now, wall, link, transport::Error::refused(refusal));
            }
            Answer::Fail => {
                let error = transport::Error::new(transport::ErrorKind::Connect, "no connection");
                engine.handle_dial_failed(now, wall, link, error);
            }
        }
    }
}
