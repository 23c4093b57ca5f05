use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitopro_model::OrderId;

use crate::item::Connected;

/// Recently closed orders. A later message about one of them is overtaken, a repetition or a contradiction.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecentlyClosed {
    by_id: BTreeMap<OrderId, CloseRecord>,
    order: VecDeque<OrderId>,
}

/// The source of what is known about the end of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CloseRecord {
    by: Reporter,
    /// It was known before the present connection of the open orders was dialled.
    is_before_dial: bool,
}

/// The stream that reported the end of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reporter {
    ActiveOrders,
    HistoryOrders,
}

/// The meaning of an update of the open orders for an order, given what is known about its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownState {
    /// It is not known to be closed.
    Open,
    /// It is closed, and the update is a repetition or was overtaken.
    Closed,
    /// The same connection reported it as closed: the update takes that back.
    Reopened,
}

impl RecentlyClosed {
    /// Number of orders that are remembered: far more than close while a message is on its way.
    pub(crate) const CAPACITY: usize = 4096;

    pub(crate) fn contains(&self, id: &OrderId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(crate) fn insert(&mut self, id: &OrderId, by: Reporter) {
        let record = CloseRecord { by, is_before_dial: false };
        match self.by_id.get_mut(id) {
            Some(known) if known.is_before_dial || by == Reporter::ActiveOrders => *known = record,
            Some(_) => {}
            None => {
                self.by_id.insert(id.clone(), record);
                self.order.push_back(id.clone());
                if self.order.len() > Self::CAPACITY
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.by_id.remove(&oldest);
                }
            }
        }
    }

    /// Handles a new connection of the open orders. Its snapshot overrides what was known before its dial.
    pub(crate) fn connect(&mut self, connected: &Connected) {
        let since_dial: BTreeSet<&OrderId> = connected.ended_since_dial.iter().collect();
        for (id, record) in &mut self.by_id {
            record.is_before_dial = !since_dial.contains(id);
        }
    }

    /// Opens an order again that a new connection lists, unless its end was reported after the dial. Returns whether the
    /// order is open.
    pub(crate) fn reopen(&mut self, id: &OrderId) -> bool {
        match self.by_id.get(id) {
            None => true,
            Some(record) if record.is_before_dial => {
                self.by_id.remove(id);
                self.order.retain(|known| known != id);
                true
            }
            Some(_) => false,
        }
    }

    /// Returns what an update of the open orders means that lists this order with a status that is not final.
    pub(crate) fn known_state(&self, id: &OrderId) -> KnownState {
        match self.by_id.get(id) {
            // Whatever this connection says is newer than what was known before its dial.
            None | Some(CloseRecord { is_before_dial: true, .. }) => KnownState::Open,
            Some(CloseRecord { by: Reporter::ActiveOrders, .. }) => KnownState::Reopened,
            Some(CloseRecord { by: Reporter::HistoryOrders, .. }) => KnownState::Closed,
        }
    }
}
