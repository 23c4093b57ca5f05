use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::{AccountItem, Item};
use tokio::time::Instant;

use super::network::Dialled;

/// When each stream was seen to wait for a dial, to check that each dial went to the stream whose turn it was.
#[derive(Default)]
pub(super) struct Turns {
    waits: Vec<Wait>,
    /// Items were read long after they arrived, so that nothing can be said.
    is_blind: bool,
}

/// A stream that was without a connection at a moment, and wanted to dial from another one on.
struct Wait {
    stream: PrivateStream,
    since: Instant,
    /// The next thing that happened to it, if any.
    until: Option<Instant>,
    ready_at: Instant,
}

impl Turns {
    pub(super) fn apply(&mut self, item: &AccountItem) {
        // After which time the stream wants to dial, if the item begins a wait.
        let retry_in = match &item.item {
            Item::Disconnected(lost) => Some(lost.retry_in),
            Item::Connected(_) | Item::Closed(_) => None,
            _ => return,
        };
        let (now, stream) = (Instant::now(), item.stream);
        for wait in self.waits.iter_mut().filter(|wait| wait.stream == stream) {
            wait.until.get_or_insert(now);
        }
        let new = |retry_in| Wait { stream, since: now, until: None, ready_at: now + retry_in };
        self.waits.extend(retry_in.map(new));
    }

    pub(super) fn blind(&mut self) {
        self.is_blind = true;
    }

    /// No dial overtook one of another stream that was ready and whose last dial was older.
    pub(super) fn assert_kept(&self, dials: &[Dialled]) {
        // Items are read a moment after they came.
        const MOMENT: Duration = Duration::from_millis(5);
        if self.is_blind {
            return;
        }
        let last_dial = |stream, before| {
            dials.iter().rev().find(|dial| dial.stream == stream && dial.at < before).map(|dial| dial.at)
        };
        for dial in dials {
            for wait in &self.waits {
                let is_over = wait.until.is_some_and(|until| until <= dial.at);
                let waited = !is_over && wait.stream != dial.stream && wait.ready_at + MOMENT < dial.at;
                let last = last_dial(wait.stream, dial.at);
                let is_current = last.is_some_and(|last| last <= wait.since);
                if waited && is_current {
                    let own = last_dial(dial.stream, dial.at);
                    assert!(
                        own <= last,
                        "{dial:?} before {}, which was ready at {:?}",
                        wait.stream,
                        wait.ready_at
                    );
                }
            }
        }
    }
}
