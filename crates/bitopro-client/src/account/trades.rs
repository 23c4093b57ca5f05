use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use bitopro_model::{Decimal, Event, EventId, MatchId, Timestamp, UserTrade};

use super::StateIter;
use super::chunked_map::ChunkedMap;
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
#[derive(Debug, Clone, Default)]
pub struct RecentTrades(ChunkedMap<u64, KnownTrade>);

/// A trade, and for each of its [`ids`] the number of the previous trade with that id, or 0.
type KnownTrade = (Arc<UserTrade>, [u64; 2]);

impl<'a> IntoIterator for &'a RecentTrades {
    type Item = &'a UserTrade;
    type IntoIter = StateIter<'a, UserTrade>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl RecentTrades {
    /// Returns the trades with their envelopes, in order of arrival.
    pub fn iter(&self) -> StateIter<'_, UserTrade> {
        StateIter::new(self.0.iter().map(|(_, (trade, _))| &**trade), self.len())
    }

    /// Returns the trades of the order with this id, in order of arrival, by a linear search.
    pub fn of_order<'a>(&'a self, id: &'a str) -> impl DoubleEndedIterator<Item = &'a UserTrade> {
        self.iter().filter(move |trade| trade.data.order_id == id)
    }

    /// Returns the volumes of the trades of each order.
    pub(super) fn volumes(&self) -> HashMap<&str, Vec<Decimal>> {
        let mut volumes = HashMap::<_, Vec<_>>::new();
        for trade in self {
            volumes.entry(trade.data.order_id.as_str()).or_default().push(trade.data.volume);
        }
        volumes
    }

    /// Returns the number of trades.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no trades.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The recent trades, and the ids by which a repeated trade is found.
#[derive(Debug)]
pub(super) struct TradeLog {
    /// The trades, numbered from 1 in order of arrival.
    trades: Arc<RecentTrades>,
    /// The number of the last trade with each id.
    last_with_id: foldhash::HashMap<Id, u64>,
    arrivals: u64,
    capacity: usize,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Id {
    Event(EventId),
    Match(MatchId),
}

impl TradeLog {
    pub(super) fn new(capacity: usize) -> Self {
        Self { trades: Arc::default(), last_with_id: foldhash::HashMap::default(), arrivals: 0, capacity }
    }

    pub(super) fn trades(&self) -> &Arc<RecentTrades> {
        &self.trades
    }

    /// Adds a trade unless it is already known. Returns whether it was added.
    pub(super) fn add(&mut self, event: &UserTrade) -> bool {
        let is_known = ids(event)
            .iter()
            .enumerate()
            .any(|(kind, id)| self.with_id(kind, id.as_ref()).any(|known| is_repeat(known, event)));
        if !is_known {
            self.push(event.clone());
        }
        !is_known
    }

    /// Returns the trades with an id, latest first.
    fn with_id(&self, kind: usize, id: Option<&Id>) -> impl Iterator<Item = &UserTrade> {
        let mut next = id.and_then(|id| self.last_with_id.get(id).copied());
        iter::from_fn(move || {
            let (trade, previous) = self.trades.0.get(&next?)?;
            next = previous.get(kind).copied();
            Some(&**trade)
        })
    }

    /// Adds a recovered trade, whose event has the time of the trade and no id.
    pub(super) fn add_recovered(&mut self, recovered: &RecoveredTrade) {
        let time = recovered.record.created().unwrap_or(Timestamp::from_millis(0));
        self.push(Event::new(time, recovered.trade.clone()));
    }

    fn push(&mut self, event: UserTrade) {
        self.arrivals += 1;
        let number = self.arrivals;
        let previous =
            ids(&event).map(|id| id.and_then(|id| self.last_with_id.insert(id, number)).unwrap_or(0));
        let trades = &mut Arc::make_mut(&mut self.trades).0;
        trades.insert(number, (Arc::new(event), previous));
        if trades.len() > self.capacity
            && let Some((oldest, (event, _))) = trades.pop_first()
        {
            for id in ids(&event).into_iter().flatten() {
                if self.last_with_id.get(&id) == Some(&oldest) {
                    self.last_with_id.remove(&id);
                }
            }
        }
    }
}

/// Returns the ids by which a repetition of a trade is recognised.
fn ids(event: &UserTrade) -> [Option<Id>; 2] {
    let match_id = event.data.match_id.as_ref().filter(|id| !id.as_str().is_empty());
    [event.event_id.clone().map(Id::Event), match_id.cloned().map(Id::Match)]
}

/// Returns whether two events report the same trade.
fn is_repeat(known: &UserTrade, event: &UserTrade) -> bool {
    let is_same_event = known.event_id.is_some() && known.event_id == event.event_id;
    is_same_event && known.data.is_same_trade(&event.data) || known.data.is_same_match(&event.data)
}
