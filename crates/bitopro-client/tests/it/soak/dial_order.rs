use std::time::Duration;

use bitopro_client::model::PrivateStream;
use bitopro_client::{AccountItem, Item};
use tokio::time::Instant;

use super::network::Dial;

/// The times at which each stream waited for a dial. They show whether each dial was made for the ready
/// stream whose last dial was the oldest.
#[derive(Default)]
pub(super) struct DialOrder {
    waits: Vec<Wait>,
    /// Items were read long after they arrived, so the times are unreliable.
    is_unreliable: bool,
}

/// A period in which a stream was disconnected and waited for its next dial.
struct Wait {
    stream: PrivateStream,
    since: Instant,
    /// The time of the stream's next event, if any.
    until: Option<Instant>,
    /// The end of the backoff.
    ready_at: Instant,
}

impl DialOrder {
    pub(super) fn apply(&mut self, item: &AccountItem) {
        // The backoff, if the item starts a wait.
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

    /// Disables the check, since items will be read long after they arrived.
    pub(super) fn disable(&mut self) {
        self.is_unreliable = true;
    }

    /// Asserts that no dial overtook another stream that was ready and whose last dial was older.
    pub(super) fn assert_oldest_first(&self, dials: &[Dial]) {
        // Items are read shortly after they arrive.
        const READ_DELAY: Duration = Duration::from_millis(5);
        if self.is_unreliable {
            return;
        }
        let last_dial = |stream, before| {
            dials.iter().rev().find(|dial| dial.stream == stream && dial.at < before).map(|dial| dial.at)
        };
        for dial in dials {
            for wait in &self.waits {
                let is_over = wait.until.is_some_and(|until| until <= dial.at);
                let waited = !is_over && wait.stream != dial.stream && wait.ready_at + READ_DELAY < dial.at;
                let last = last_dial(wait.stream, dial.at);
                let is_current = last.is_some_and(|last| last <= wait.since);
                if waited && is_current {
                    let own = last_dial(dial.stream, dial.at);
                    assert!(
                        own <= last,
                        "{dial:?} overtook {}, which was ready at {:?}",
                        wait.stream,
                        wait.ready_at
                    );
                }
            }
        }
    }
}
