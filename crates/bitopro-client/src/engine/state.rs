//! Reads the state of the subscribers of an engine.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use bitopro_model::Stream;

use super::subscriber::Subscriber;
use super::{Engine, SubscriberId};
use crate::account::CurrentAccount;
use crate::item::Closed;
use crate::market::CurrentMarket;

impl Engine {
    /// Returns the current state of a subscriber to public streams, which is empty after the subscriber has been removed.
    pub fn current_market(&self, now: Instant, wall: SystemTime, subscriber: SubscriberId) -> CurrentMarket {
        let Some(subscriber) = self.subscribers.get(&subscriber) else { return CurrentMarket::default() };
        let mut current = subscriber.current_market(now, wall);
        current.read_at = Some(self.dialer.read_clock(now, wall).time_at(now));
        current
    }

    /// Returns whether the state of every stream of a subscriber is known and fresh.
    pub(crate) fn is_fresh(&self, now: Instant, wall: SystemTime, subscriber: SubscriberId) -> bool {
        self.current(now, wall, subscriber).is_fresh()
            || self.current_market(now, wall, subscriber).is_fresh()
    }

    /// Returns the current state of a subscriber to an account, which is empty after the subscriber has been removed.
    pub fn current(&self, now: Instant, wall: SystemTime, subscriber: SubscriberId) -> CurrentAccount {
        let Some(subscriber) = self.subscribers.get(&subscriber) else { return CurrentAccount::default() };
        let mut current = subscriber.current_account(now, wall);
        current.read_at = Some(self.dialer.read_clock(now, wall).time_at(now));
        current
    }

    /// Returns the reason why each closed stream of a subscriber ended.
    pub fn closed_streams(&self, subscriber: SubscriberId) -> BTreeMap<Stream, Closed> {
        self.subscribers.get(&subscriber).map(Subscriber::closed_streams).unwrap_or_default()
    }

    /// Returns whether every stream of a subscriber has ended and no items remain.
    pub fn is_exhausted(&self, subscriber: SubscriberId) -> bool {
        self.subscribers.get(&subscriber).is_none_or(Subscriber::is_exhausted)
    }

    /// Returns a number that increases with every change of a subscriber's state.
    pub(crate) fn version(&self, subscriber: SubscriberId) -> u64 {
        self.subscribers.get(&subscriber).map_or(0, Subscriber::version)
    }
}
