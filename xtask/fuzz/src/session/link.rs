use std::time::{Duration, Instant};

use bitopro_client::engine::Action;
use bitopro_client::model::PrivateStream;
use bitopro_client::transport;

use super::rules::Items;

/// The time after which a dial counts as lost.
const LONGEST_DIAL: Duration = Duration::from_secs(11);

/// Checks the guarantees of a link to its driver and its subscriber.
pub(super) struct Link {
    pub(super) stream: PrivateStream,
    pub(super) items: Items,
    state: State,
    dialed: Option<Instant>,
    /// Number of consecutive refusals of the key.
    refused: u32,
}

/// The state of a link's driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Down,
    Dialing,
    Up,
}

impl Link {
    pub(super) fn new(stream: PrivateStream) -> Self {
        Self { stream, items: Items::new(stream), state: State::Down, dialed: None, refused: 0 }
    }

    /// Returns whether a dial is in progress and does not count as lost yet.
    pub(super) fn is_dialing_at(&self, now: Instant) -> bool {
        self.is_dialing() && self.dialed.is_some_and(|dialed| now < dialed + LONGEST_DIAL)
    }

    pub(super) fn is_dialing(&self) -> bool {
        self.state == State::Dialing
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Handles the success of a dial, and returns whether one was in progress.
    pub(super) fn handle_connected(&mut self) -> bool {
        let is_dialing = self.is_dialing();
        if is_dialing {
            (self.state, self.refused) = (State::Up, 0);
        }
        is_dialing
    }

    /// Handles the failure of a dial, if one was in progress.
    pub(super) fn handle_dial_failed(&mut self, error: &transport::Error) {
        if self.is_dialing() {
            self.state = State::Down;
            let is_auth = error.refusal().is_some_and(|refusal| matches!(refusal.status.as_u16(), 401 | 403));
            self.refused += u32::from(is_auth);
        }
    }

    /// Handles an action of the engine.
    pub(super) fn handle_action(&mut self, action: &Action, now: Instant, is_key_accepted: bool) {
        match action {
            Action::Dial(_) => {
                assert!(!self.items.is_closed(), "a dial after the end");
                assert_eq!(self.state, State::Down, "a dial while the link is not down");
                let may_dial = self.refused < 2 || is_key_accepted;
                assert!(may_dial, "a dial after two refusals of a key that never worked");
                (self.state, self.dialed) = (State::Dialing, Some(now));
            }
            Action::Send(_) => {}
            Action::Disconnect => self.state = State::Down,
            other => panic!("unknown action {other:?}"),
        }
    }
}
