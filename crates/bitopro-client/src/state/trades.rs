use std::collections::VecDeque;

use bitopro_model::{Trade, UserTrade};

use super::{Followed, StreamState};
use crate::Settings;

/// The recent trades, the latest last: at most [`Settings::trade_capacity`] of them.
///
/// A trade that happened without a connection is, as documented, never sent: the stream reports
/// the gap. A trade that arrives again is kept once, although the stream delivers it each time. It is recognised by its
/// content: under its event id by [`Trade::is_same_trade`], under a new one by [`Trade::is_same_match`]. A different
/// trade under a known event id is kept, and so is an equal one without a `matchID` in a new event, since it may be
/// another.
#[derive(Debug, Clone)]
pub struct RecentTrades {
    trades: VecDeque<UserTrade>,
    capacity: usize,
}

impl RecentTrades {
    /// The trades with their envelopes, the latest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &UserTrade> {
        self.trades.iter()
    }

    /// The trades of the order with this id, the latest last. Looks at one after the other.
    pub fn of_order<'a>(&'a self, id: &'a str) -> impl DoubleEndedIterator<Item = &'a UserTrade> {
        self.iter().filter(move |trade| trade.data.order_id == id)
    }

    /// How many trades there are.
    pub fn len(&self) -> usize {
        self.trades.len()
    }

    /// Whether there is no trade.
    pub fn is_empty(&self) -> bool {
        self.trades.is_empty()
    }
}

impl Followed for Trade {
    type State = RecentTrades;

    const HAS_SNAPSHOT: bool = false;
}

impl StreamState for RecentTrades {
    type Data = Trade;

    fn new(settings: &Settings) -> Self {
        Self { trades: VecDeque::new(), capacity: settings.trade_capacity }
    }

    fn replace(&mut self, event: &UserTrade) {
        self.apply(event);
    }

    fn apply(&mut self, event: &UserTrade) -> bool {
        let is_known = |known: &UserTrade| {
            let is_same_event = known.event_id.is_some() && known.event_id == event.event_id;
            is_same_event && known.data.is_same_trade(&event.data) || known.data.is_same_match(&event.data)
        };
        if self.trades.iter().rev().any(is_known) {
            return true;
        }
        self.trades.push_back(event.clone());
        if self.trades.len() > self.capacity {
            self.trades.pop_front();
        }
        true
    }

    fn to_data(&self) -> Option<Trade> {
        None
    }
}
