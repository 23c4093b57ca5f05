//! Adds subscribers to an engine.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use bitopro_model::{PrivateStream, PublicStream};

use super::account_state::AccountState;
use super::link::{Context, Link};
use super::subscriber::{State, Subscriber};
use super::target::Target;
use super::{Engine, SubscriberId};
use crate::market::{BookPair, Market, PairsError, Selection};

impl Engine {
    /// Adds a subscriber to these private streams of the account.
    ///
    /// Each stream has a separate connection, and they are dialled one at a time. In an engine without credentials, the
    /// streams end immediately, with an error.
    pub fn subscribe(&mut self, now: Instant, wall: SystemTime, streams: &[PrivateStream]) -> SubscriberId {
        let state = State::Account(Box::new(AccountState::new(&self.settings)));
        self.add_subscriber(now, wall, state, dial_order(streams).map(Target::from))
    }

    /// Adds a subscriber to these public streams, each for all of these pairs.
    ///
    /// Each stream has a separate connection. Only the order books use the depths of the pairs.
    ///
    /// # Errors
    ///
    /// Returns a [`PairsError`] that lists every problem with the pairs.
    pub fn subscribe_market(
        &mut self,
        now: Instant,
        wall: SystemTime,
        streams: &[PublicStream],
        pairs: impl IntoIterator<Item = BookPair>,
    ) -> Result<SubscriberId, PairsError> {
        Ok(self.subscribe_selection(now, wall, streams, &Selection::new(pairs)?))
    }

    pub(crate) fn subscribe_selection(
        &mut self,
        now: Instant,
        wall: SystemTime,
        streams: &[PublicStream],
        pairs: &Selection,
    ) -> SubscriberId {
        let streams = streams.iter().copied().collect::<BTreeSet<_>>();
        let market = Market::new(&streams, pairs);
        let targets = streams.iter().map(|&stream| Target {
            stream: stream.into(),
            path: pairs.path(stream),
            pairs: pairs.pairs(),
        });
        self.add_subscriber(now, wall, State::Market(Box::new(market)), targets)
    }

    fn add_subscriber(
        &mut self,
        now: Instant,
        wall: SystemTime,
        state: State,
        targets: impl Iterator<Item = Target>,
    ) -> SubscriberId {
        let subscriber = SubscriberId(self.next_id);
        self.next_id += 1;
        let Self { settings, signer, endpoints, dialer, seed, .. } = self;
        let signer = signer.as_ref();
        let mut cx = Context { settings, signer, dialer, limiter: None, now, wall };
        let links = targets.map(|target| Link::new(subscriber, target, endpoints.clone(), *seed, &mut cx));
        let links = links.collect();
        self.subscribers.insert(subscriber, Subscriber::new(settings.queue_capacity, state, links));
        subscriber
    }
}

/// Returns the streams in the order of their first dials. The history comes first, because a list of open
/// orders is fresh only if it is younger than the connection of the history.
fn dial_order(streams: &[PrivateStream]) -> impl Iterator<Item = PrivateStream> {
    let mut streams = streams.to_vec();
    streams.sort_by_key(|stream| match stream {
        PrivateStream::HistoryOrders => 0,
        PrivateStream::ActiveOrders => 1,
        PrivateStream::AccountBalance => 2,
        _ => 3,
    });
    streams.dedup();
    streams.into_iter()
}
