use std::collections::BTreeMap;
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

    /// Asserts that no dial overtook another stream that was ready and whose last dial was older, except that the
    /// history may exchange its turn with that of the open orders if both are ready.
    pub(super) fn assert_oldest_first(&self, dials: &[Dial]) {
        // Items are read shortly after they arrive.
        const READ_DELAY: Duration = Duration::from_millis(5);
        if self.is_unreliable {
            return;
        }
        let mut last_dials: BTreeMap<PrivateStream, Instant> = BTreeMap::new();
        // The earliest and the latest possible last turn. They differ from the last dial after the history may have
        // exchanged its turn with the open orders, which depends on whether the backoff of these had ended.
        let mut last_turns: BTreeMap<PrivateStream, [Option<Instant>; 2]> = BTreeMap::new();
        for dial in dials {
            let waiting: Vec<&Wait> = self
                .waits
                .iter()
                .filter(|wait| {
                    let is_over = wait.until.is_some_and(|until| until <= dial.at);
                    let is_current = last_dials.get(&wait.stream).is_some_and(|last| *last <= wait.since);
                    !is_over && is_current && wait.stream != dial.stream
                })
                .collect();
            let turns = |last_turns: &BTreeMap<_, _>, stream: PrivateStream| {
                last_turns.get(&stream).copied().unwrap_or([None; 2])
            };
            let (history, orders) = (PrivateStream::HistoryOrders, PrivateStream::ActiveOrders);
            let orders_wait =
                waiting.iter().any(|wait| wait.stream == orders) || !last_dials.contains_key(&orders);
            if dial.stream == history && orders_wait {
                let [own, other] = [history, orders].map(|stream| turns(&last_turns, stream));
                let either = [own[0].min(other[0]), own[1].max(other[1])];
                last_turns.extend([(history, either), (orders, either)]);
            }
            let [earliest, _] = turns(&last_turns, dial.stream);
            for Wait { stream, ready_at, .. } in waiting {
                let has_waited = *ready_at + READ_DELAY < dial.at;
                let [_, latest] = turns(&last_turns, *stream);
                assert!(
                    !has_waited || earliest <= latest,
                    "{dial:?} overtook {stream}, which was ready at {ready_at:?}"
                );
            }
            last_dials.insert(dial.stream, dial.at);
            last_turns.insert(dial.stream, [Some(dial.at); 2]);
        }
    }
}
