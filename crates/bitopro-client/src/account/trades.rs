use std::collections::{VecDeque, vec_deque};

use bitopro_model::UserTrade;

/// The recent trades, the latest last, up to the number that the builder's `with_trade_capacity` sets.
///
/// A trade that happened without a connection is, as documented, never sent: the stream reports
/// the gap. A trade that arrives again is kept once, although the stream delivers it each time. It is recognised by its
/// content: under its event id by [`Trade::is_same_trade`](bitopro_model::Trade::is_same_trade), under a new one by
/// [`Trade::is_same_match`](bitopro_model::Trade::is_same_match). A different trade under a known event id is kept, and
/// so is an equal one without a `matchID` in a new event, since it may be another.
#[derive(Debug, Clone)]
pub struct RecentTrades {
    trades: VecDeque<UserTrade>,
    capacity: usize,
}

impl<'a> IntoIterator for &'a RecentTrades {
    type Item = &'a UserTrade;
    type IntoIter = vec_deque::Iter<'a, UserTrade>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl RecentTrades {
    pub(super) fn new(capacity: usize) -> Self {
        Self { trades: VecDeque::new(), capacity }
    }

    /// Returns the trades with their envelopes, the latest last.
    pub fn iter(&self) -> vec_deque::Iter<'_, UserTrade> {
        self.trades.iter()
    }

    /// Returns the trades of the order with this id, the latest last. Searches linearly.
    pub fn of_order<'a>(&'a self, id: &'a str) -> impl DoubleEndedIterator<Item = &'a UserTrade> {
        self.iter().filter(move |trade| trade.data.order_id == id)
    }

    /// Returns the number of trades.
    pub fn len(&self) -> usize {
        self.trades.len()
    }

    /// Returns whether there is no trade.
    pub fn is_empty(&self) -> bool {
        self.trades.is_empty()
    }

    /// Adds a trade, unless it is a repeat.
    pub(super) fn add(&mut self, event: &UserTrade) {
        let is_known = |known: &UserTrade| {
            let is_same_event = known.event_id.is_some() && known.event_id == event.event_id;
            is_same_event && known.data.is_same_trade(&event.data) || known.data.is_same_match(&event.data)
        };
        if self.trades.iter().rev().any(is_known) {
            return;
        }
        self.trades.push_back(event.clone());
        if self.trades.len() > self.capacity {
            self.trades.pop_front();
        }
    }
}
