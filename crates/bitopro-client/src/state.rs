use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitopro_model::{AccountBalance, Balance, Balances, Currency, Event, EventData, Timestamp};

/// What a stream's events add up to.
///
/// Implemented here for each stream; it is public to be named, not to be implemented elsewhere.
pub trait StreamState: Default + Send + 'static {
    /// The data of the stream's events.
    type Data: EventData + Send + 'static;
    /// The state as a reader sees it.
    type View;

    /// Replaces everything by a snapshot.
    fn replace(&mut self, event: &Event<Self::Data>);

    /// Applies an update.
    fn apply(&mut self, event: &Event<Self::Data>);

    /// The whole state as one event, if anything is known.
    fn to_event(&self) -> Option<Event<Self::Data>>;

    /// The state as a reader sees it, if anything is known.
    fn view(&self, age: Duration, is_stale: bool) -> Option<Self::View>;
}

/// The data of a stream that can be subscribed to.
pub trait Followed: EventData + Send + Sized + 'static {
    /// What its events add up to.
    type State: StreamState<Data = Self>;
}

impl Followed for Balances {
    type State = BalanceState;
}

/// The balances of an account, as its events add up to them.
#[derive(Debug, Default)]
pub struct BalanceState {
    balances: Arc<BTreeMap<Currency, Balance>>,
    as_of: Option<Timestamp>,
}

impl StreamState for BalanceState {
    type Data = Balances;
    type View = CurrentBalances;

    fn replace(&mut self, event: &AccountBalance) {
        self.balances = Arc::default();
        self.apply(event);
    }

    fn apply(&mut self, event: &AccountBalance) {
        // Copied only while a reader still holds the last state.
        let balances = Arc::make_mut(&mut self.balances);
        for balance in &event.data {
            match balances.get_mut(&balance.currency) {
                Some(known) => known.clone_from(balance),
                None => {
                    balances.insert(balance.currency.clone(), balance.clone());
                }
            }
        }
        self.as_of = Some(event.timestamp);
    }

    fn to_event(&self) -> Option<AccountBalance> {
        Some(Event::new(self.as_of?, self.balances.values().cloned().collect()))
    }

    fn view(&self, age: Duration, is_stale: bool) -> Option<CurrentBalances> {
        Some(CurrentBalances { balances: Arc::clone(&self.balances), as_of: self.as_of?, age, is_stale })
    }
}

/// The balances as they were last known: one consistent picture, which does not change while it is looked at.
#[derive(Clone)]
pub struct CurrentBalances {
    balances: Arc<BTreeMap<Currency, Balance>>,
    as_of: Timestamp,
    age: Duration,
    is_stale: bool,
}

impl CurrentBalances {
    /// The balance of a currency, by its uppercase code.
    pub fn get(&self, currency: &str) -> Option<&Balance> {
        self.balances.get(currency)
    }

    /// All balances, by currency in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Balance> {
        self.balances.values()
    }

    /// How many currencies there are.
    pub fn len(&self) -> usize {
        self.balances.len()
    }

    /// Whether the account has no currency at all.
    pub fn is_empty(&self) -> bool {
        self.balances.is_empty()
    }

    /// The time of the last event in it, by the exchange's clock.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// How long before the reading the last event arrived.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Whether it may be out of date: there is no connection, its snapshot has not come yet, or a message
    /// since could not be read.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }
}

impl fmt::Debug for CurrentBalances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentBalances")
            .field("as_of", &self.as_of)
            .field("age", &self.age)
            .field("is_stale", &self.is_stale)
            .field("balances", &self.balances)
            .finish()
    }
}

/// A stream's state with what there is to know about its freshness.
#[derive(Debug, Default)]
pub(crate) struct Tracked<S> {
    state: S,
    received: Option<Instant>,
    /// Whether everything since the last snapshot is in it.
    is_sure: bool,
}

impl<S: StreamState> Tracked<S> {
    pub(crate) fn replace(&mut self, event: &Event<S::Data>, now: Instant) {
        self.state.replace(event);
        self.received = Some(now);
        self.is_sure = true;
    }

    /// Without a snapshot beneath it, an update would pass for the whole state, so it is left out.
    pub(crate) fn apply(&mut self, event: &Event<S::Data>, now: Instant) {
        if let Some(received) = &mut self.received {
            self.state.apply(event);
            *received = now;
        }
    }

    pub(crate) fn doubt(&mut self) {
        self.is_sure = false;
    }

    pub(crate) fn is_sure(&self) -> bool {
        self.is_sure
    }

    pub(crate) fn to_event(&self) -> Option<Event<S::Data>> {
        self.state.to_event()
    }

    pub(crate) fn view(&self, now: Instant) -> Option<S::View> {
        self.state.view(now.saturating_duration_since(self.received?), !self.is_sure)
    }
}
