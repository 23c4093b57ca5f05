//! Several sessions of one key on one virtual clock.

use super::*;
use crate::dialer::SharedDialer;

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
    pub(super) sessions: Vec<Session<Balances>>,
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
    /// Every dial so far: when, and of which session.
    pub(super) dials: Vec<(Instant, usize)>,
    /// The items of each session so far, in short.
    pub(super) names: Vec<Vec<&'static str>>,
}

impl Pack {
    pub(super) fn new(size: usize, settings: &Settings) -> Self {
        let now = test_start();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(WALL_MS);
        let signer = Signer::new(Credentials::new("me@example.com", "k3y", "s3cr3t").unwrap());
        let dialer = SharedDialer::new(settings, None);
        let session = |seed| {
            let endpoints = Endpoints::new(vec![parse_base("wss://one/ws").unwrap()]).unwrap();
            Session::new(settings.clone(), signer.clone(), &dialer, endpoints, seed, now, wall)
        };
        let sessions = (0..size).map(|index| session(u64::try_from(index).unwrap())).collect();
        Self { sessions, now, wall, dials: Vec::new(), names: vec![Vec::new(); size] }
    }

    /// Plays for this time. `answer` gets each dial.
    pub(super) fn play(&mut self, span: Duration, answer: &mut dyn FnMut(usize) -> Answer) {
        let end = self.now + span;
        loop {
            self.settle(answer);
            let next = self.sessions.iter().filter_map(Session::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            assert!(next > self.now, "a deadline in the past is polling");
            self.wall += next - self.now;
            self.now = next;
            for session in &mut self.sessions {
                if session.poll_timeout().is_some_and(|due| due <= self.now) {
                    session.handle_timeout(self.now, self.wall);
                }
            }
            // The connections are alive.
            for session in self.sessions.iter_mut().filter(|session| session.is_open()) {
                session.handle_frame(self.now, self.wall, Frame::Ping(Bytes::new()));
            }
        }
        self.wall += end - self.now;
        self.now = end;
    }

    fn settle(&mut self, answer: &mut dyn FnMut(usize) -> Answer) {
        loop {
            let mut is_quiet = true;
            for index in 0..self.sessions.len() {
                let session = &mut self.sessions[index];
                while let Some(action) = session.poll_action(self.now, self.wall) {
                    is_quiet = false;
                    if let Action::Dial(_) = action {
                        self.dials.push((self.now, index));
                        let answer = answer(index);
                        reply(session, self.now, self.wall, answer);
                    }
                }
                while let Some(item) = session.poll_item() {
                    self.names[index].push(name(&item));
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    pub(super) fn lose(&mut self, index: usize) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "gone");
        self.sessions[index].handle_lost(self.now, error);
    }
}

fn reply(session: &mut Session<Balances>, now: Instant, wall: SystemTime, answer: Answer) {
    match answer {
        Answer::Accept => {
            session.handle_connected(now);
            session.handle_frame(now, wall, Frame::text(balance("1", 10)));
        }
        Answer::Flap => {
            session.handle_connected(now);
            session.handle_frame(now, wall, Frame::Close(None));
        }
        Answer::Refuse(status) => {
            let refusal = Refusal::new(StatusCode::from_u16(status).unwrap());
            session.handle_dial_failed(now, wall, transport::Error::refused(refusal));
        }
        Answer::Fail => {
            let error = transport::Error::new(transport::ErrorKind::Connect, "no connection");
            session.handle_dial_failed(now, wall, error);
        }
    }
}
