use std::collections::{BTreeSet, VecDeque};

use bitopro_model::OrderId;

use crate::item::Connected;

/// Recently closed orders. A later message that lists one of them as open was overtaken, is a repetition, or
/// contradicts an earlier message.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecentlyClosed {
    by_id: foldhash::HashMap<OrderId, CloseRecord>,
    /// The ids in the order of insertion.
    queue: VecDeque<OrderId>,
}

/// The source and the time of the report that an order was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CloseRecord {
    reporter: Reporter,
    /// True if the report arrived before the dial of the current connection of the open orders.
    is_before_dial: bool,
}

/// The stream that reported an order as closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reporter {
    ActiveOrders,
    HistoryOrders,
}

/// The known state of an order that an update of the open orders lists as open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownState {
    /// The order is not known to be closed.
    Open,
    /// The order is closed. The update is a repetition or was overtaken.
    Closed,
    /// The same connection reported the order as closed, which the update contradicts.
    Reopened,
}

impl RecentlyClosed {
    /// Maximum number of remembered orders. Far fewer orders close while a message is in transit.
    pub(crate) const CAPACITY: usize = 4096;

    pub(crate) fn contains(&self, id: &OrderId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(crate) fn insert(&mut self, id: &OrderId, reporter: Reporter) {
        let record = CloseRecord { reporter, is_before_dial: false };
        match self.by_id.get_mut(id) {
            Some(known) if known.is_before_dial || reporter == Reporter::ActiveOrders => *known = record,
            Some(_) => {}
            None => {
                self.by_id.insert(id.clone(), record);
                self.queue.push_back(id.clone());
                if self.queue.len() > Self::CAPACITY
                    && let Some(oldest) = self.queue.pop_front()
                {
                    self.by_id.remove(&oldest);
                }
            }
        }
    }

    /// Handles a new connection of the open orders, whose snapshot overrides everything that was known before
    /// its dial.
    pub(crate) fn connect(&mut self, connected: &Connected) {
        let closed_since_dial: BTreeSet<&OrderId> = connected.closed_since_dial.iter().collect();
        for (id, record) in &mut self.by_id {
            record.is_before_dial = !closed_since_dial.contains(id);
        }
    }

    /// Forgets that an order was closed, because a new connection lists it as open, unless it was reported as
    /// closed after the dial. Returns whether the order is open.
    pub(crate) fn reopen(&mut self, id: &OrderId) -> bool {
        match self.by_id.get(id) {
            None => true,
            Some(record) if record.is_before_dial => {
                self.by_id.remove(id);
                self.queue.retain(|known| known != id);
                true
            }
            Some(_) => false,
        }
    }

    /// Returns the known state of an order that an update of the open orders lists without a final status.
    pub(crate) fn known_state(&self, id: &OrderId) -> KnownState {
        match self.by_id.get(id) {
            // Every message of this connection is newer than a report from before its dial.
            None | Some(CloseRecord { is_before_dial: true, .. }) => KnownState::Open,
            Some(CloseRecord { reporter: Reporter::ActiveOrders, .. }) => KnownState::Reopened,
            Some(CloseRecord { reporter: Reporter::HistoryOrders, .. }) => KnownState::Closed,
        }
    }
}
