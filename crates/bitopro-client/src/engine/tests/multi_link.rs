//! Several links of one API key on one virtual clock.

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

/// The result of a dial.
#[derive(Debug, Clone, Copy)]
pub(super) enum DialOutcome {
    /// The exchange accepts the connection and sends a snapshot.
    Accept,
    /// The exchange accepts the connection and closes it immediately.
    AcceptThenClose,
    /// The exchange refuses the upgrade with this status.
    Refuse(u16),
    /// The network fails.
    Fail,
}

pub(super) struct MultiLinkBench {
    engine: Engine,
    links: Vec<LinkId>,
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
    /// The time and the link of every dial so far.
    pub(super) dials: Vec<(Instant, usize)>,
    /// The names of the items of each link so far.
    pub(super) names: Vec<Vec<&'static str>>,
}

impl MultiLinkBench {
    pub(super) fn new(size: usize, settings: &Settings) -> Self {
        let now = test_start();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
        let mut engine = engine(settings.clone(), &["wss://one/ws"]);
        let stream = PrivateStream::AccountBalance;
        let links = (0..size)
            .map(|_| LinkId { subscriber: engine.subscribe(now, wall, &[stream]), stream: stream.into() })
            .collect();
        Self { engine, links, now, wall, dials: Vec::new(), names: vec![Vec::new(); size] }
    }

    /// Runs all links for `span`. `outcome` decides the result of each dial, by the index of its link.
    pub(super) fn run_for(&mut self, span: Duration, outcome: &mut dyn FnMut(usize) -> DialOutcome) {
        let end = self.now + span;
        loop {
            self.perform_actions(outcome);
            let next = self.engine.poll_timeout();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            assert!(next > self.now, "a deadline must not be in the past");
            self.wall += next - self.now;
            self.now = next;
            self.engine.handle_timeout(self.now, self.wall);
            // Keeps the open connections from becoming idle.
            for link in &self.links {
                if self.engine.is_open(*link) {
                    self.engine.handle_frame(self.now, self.wall, *link, Frame::Ping(Bytes::new()));
                }
            }
        }
        self.wall += end - self.now;
        self.now = end;
    }

    fn perform_actions(&mut self, outcome: &mut dyn FnMut(usize) -> DialOutcome) {
        while let Some((link, action)) = self.engine.poll_action(self.now, self.wall) {
            if let Action::Dial(_) = action {
                let index = self.links.iter().position(|known| *known == link).unwrap();
                self.dials.push((self.now, index));
                self.finish_dial(link, outcome(index));
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

    pub(super) fn lose_connection(&mut self, index: usize) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "connection lost");
        self.engine.handle_lost(self.now, self.wall, self.links[index], error);
    }

    fn finish_dial(&mut self, link: LinkId, outcome: DialOutcome) {
        let (engine, now, wall) = (&mut self.engine, self.now, self.wall);
        match outcome {
            DialOutcome::Accept => {
                engine.handle_connected(now, wall, link);
                engine.handle_frame(now, wall, link, Frame::text(balance("1", 10)));
            }
            DialOutcome::AcceptThenClose => {
                engine.handle_connected(now, wall, link);
                engine.handle_frame(now, wall, link, Frame::Close(None));
            }
            DialOutcome::Refuse(status) => {
                let refusal = Refusal::new(StatusCode::from_u16(status).unwrap());
                engine.handle_dial_failed(now, wall, link, transport::Error::refused(refusal));
            }
            DialOutcome::Fail => {
                let error = transport::Error::new(transport::ErrorKind::Connect, "no connection");
                engine.handle_dial_failed(now, wall, link, error);
            }
        }
    }
}
