use std::collections::{VecDeque, vec_deque};

use bitopro_model::{Event, Timestamp, UserTrade};

use crate::backfill::RecoveredTrade;

/// The recent trades of an account, in order of arrival.
///
/// [`ClientBuilder::with_trade_capacity`](crate::ClientBuilder::with_trade_capacity) sets their maximum
/// number. As documented, the exchange never sends the trades made while disconnected; the stream reports a
/// gap instead, and the [backfill](crate::Backfill) adds the trades that it recovers, in an event without an id.
///
/// A trade that arrives again is kept only once, although the stream delivers it each time. It is recognised
/// by its content: in an event with the same id by
/// [`Trade::is_same_trade`](bitopro_model::Trade::is_same_trade), in another event by
/// [`Trade::is_same_match`](bitopro_model::Trade::is_same_match). A different trade in an event with a known
/// id is kept. So is an equal trade without a `matchID` in another event, because it may be a different one.
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

    /// Returns the trades with their envelopes, in order of arrival.
    pub fn iter(&self) -> vec_deque::Iter<'_, UserTrade> {
        self.trades.iter()
    }

    /// Returns the trades of the order with this id, in order of arrival, by a linear search.
    pub fn of_order<'a>(&'a self, id: &'a str) -> impl DoubleEndedIterator<Item = &'a UserTrade> {
        self.iter().filter(move |trade| trade.data.order_id == id)
    }

    /// Returns the number of trades.
    pub fn len(&self) -> usize {
        self.trades.len()
    }

    /// Returns whether there are no trades.
    pub fn is_empty(&self) -> bool {
        self.trades.is_empty()
    }

    /// Adds a trade unless it is already known. Returns whether it was added.
    pub(super) fn add(&mut self, event: &UserTrade) -> bool {
        let is_known = |known: &UserTrade| {
            let is_same_event = known.event_id.is_some() && known.event_id == event.event_id;
            is_same_event && known.data.is_same_trade(&event.data) || known.data.is_same_match(&event.data)
        };
        if self.trades.iter().rev().any(is_known) {
            return false;
        }
        self.push(event.clone());
        true
    }

    /// Adds a recovered trade, whose event has the time of the trade and no id.
    pub(super) fn add_recovered(&mut self, recovered: &RecoveredTrade) {
        let time = recovered.record.created().unwrap_or(Timestamp::from_millis(0));
        self.push(Event::new(time, recovered.trade.clone()));
    }

    fn push(&mut self, event: UserTrade) {
        self.trades.push_back(event);
        if self.trades.len() > self.capacity {
            self.trades.pop_front();
        }
    }
}
