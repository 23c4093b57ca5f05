//! Asks the REST API for what a gap has lost. Makes no calls itself; the driver makes them.

mod budget;
mod known_trades;
mod run;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bitopro_model::{AccountBalance, Currency, Message, Order, OrderId, Pair, PrivateStream, Timestamp};
use bitopro_rest::{GetOrder, GetOwnTrades, GetTradingPairs, List, OwnTrade, TradingPair};

use crate::RestError;
use crate::account::Account;
use crate::backfill::Backfill;
use crate::item::{GapReason, Item};
use known_trades::KnownTrades;
use run::{Next, Run};

pub(super) use budget::Shared;

/// A call of the REST API that an [`Engine`](super::Engine) requests. None of them changes anything at the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestCall {
    /// Read the trades of a pair.
    OwnTrades(GetOwnTrades),
    /// Read an order.
    Order(GetOrder),
    /// Read the list of all pairs.
    TradingPairs(GetTradingPairs),
}

/// The reply to a [`RestCall`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestReply {
    /// The reply to [`RestCall::OwnTrades`].
    OwnTrades(List<OwnTrade>),
    /// The reply to [`RestCall::Order`].
    Order(Box<Order>),
    /// The reply to [`RestCall::TradingPairs`].
    TradingPairs(List<TradingPair>),
}

/// The backfill of a subscriber.
#[derive(Debug)]
pub(super) struct BackfillState {
    settings: Backfill,
    known: KnownTrades,
    /// The time of the last event before the trades were first connected. Earlier trades are not missing.
    not_before: Option<Timestamp>,
    has_started: bool,
    /// The last change of each currency's total amount.
    moved: BTreeMap<Currency, Instant>,
    /// The time of the first snapshot of the balances. Earlier changes are not known.
    balances_since: Option<Instant>,
    /// The orders that are no longer open although no stream has reported how they ended, and since when.
    ended: BTreeMap<OrderId, (Order, Instant)>,
    /// The orders that the REST API does not know either. They are not asked for again.
    unresolved: BTreeSet<OrderId>,
    run: Option<Run>,
    in_flight: Option<InFlight>,
}

/// The call that the driver is making.
#[derive(Debug)]
enum InFlight {
    Trades(Pair),
    Order(OrderId),
    Pairs,
}

/// The state of the subscriber's streams, by which the backfill decides what to do.
pub(super) struct Situation<'a> {
    pub(super) account: &'a Account,
    pub(super) shared: &'a Shared,
    pub(super) now: Instant,
    /// For each stream that has not ended, the time of the last frame of its connection, if its first data message
    /// has arrived.
    pub(super) alive: BTreeMap<PrivateStream, Option<Instant>>,
}

impl Situation<'_> {
    /// Returns whether every stream has received a frame since this time, so that nothing from before it is missing.
    fn is_alive_since(&self, at: Instant) -> bool {
        self.alive.values().all(|last| last.is_some_and(|last| last >= at))
    }
}

/// The result of [`BackfillState::poll`].
pub(super) enum Poll {
    Call(RestCall),
    Items(Vec<Item<Message>>),
    Pending,
}

/// Maximum number of orders that are requested in one backfill. Further ones wait.
const ENDED_CAPACITY: usize = 1_000;
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl BackfillState {
    pub(super) fn new(settings: Backfill) -> Self {
        Self {
            settings,
            known: KnownTrades::default(),
            not_before: None,
            has_started: false,
            moved: BTreeMap::new(),
            balances_since: None,
            ended: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            run: None,
            in_flight: None,
        }
    }

    /// Records an item before it is applied to the account. `gap_start` is the start of the last gap of its stream.
    pub(super) fn observe(
        &mut self,
        account: &Account,
        item: &Item<Message>,
        gap_start: Option<Instant>,
        now: Instant,
    ) {
        match item {
            Item::Gap(gap) => {
                if let GapReason::Reconnected { since, until } = gap.reason
                    && gap.after.is_none()
                {
                    self.start((since, until), gap_start.unwrap_or(now), now);
                }
            }
            Item::Snapshot(Message::AccountBalance(event)) => {
                if self.balances_since.is_none() {
                    self.balances_since = Some(now);
                    return;
                }
                let listed: BTreeSet<&Currency> =
                    event.data.iter().map(|balance| &balance.currency).collect();
                let missing = account.balances().iter().map(|balance| &balance.currency);
                let missing = missing.filter(|currency| !listed.contains(currency)).cloned();
                self.moved.extend(missing.map(|currency| (currency, now)));
                self.observe_balances(account, event, now);
            }
            Item::Update(Message::AccountBalance(event)) => self.observe_balances(account, event, now),
            _ => {}
        }
    }

    fn observe_balances(&mut self, account: &Account, event: &AccountBalance, now: Instant) {
        let moved = event.data.iter().filter(|balance| {
            account
                .balances()
                .get(balance.currency.as_str())
                .is_none_or(|known| known.amount != balance.amount)
        });
        self.moved.extend(moved.map(|balance| (balance.currency.clone(), now)));
    }

    /// Records an item after it was applied to the account.
    pub(super) fn observe_applied(
        &mut self,
        account: &Account,
        stream: PrivateStream,
        item: &Item<Message>,
        now: Instant,
        time: Timestamp,
    ) {
        if let Item::Snapshot(message) | Item::Update(message) = item
            && !self.has_started
        {
            self.not_before = self.not_before.max(message.timestamp());
        }
        match (stream, item) {
            (PrivateStream::UserTrades, Item::Connected(_)) => self.has_started = true,
            (_, Item::Update(Message::UserTrade(event))) if account.has_added_trade() => {
                self.known.add(&event.data, now, self.run.is_some());
            }
            // The message may have been a trade.
            (PrivateStream::UserTrades, Item::Malformed(_)) => self.start((time, time), now, now),
            (PrivateStream::ActiveOrders | PrivateStream::HistoryOrders, _) => {
                self.update_ended(account, now);
            }
            _ => {}
        }
    }

    fn update_ended(&mut self, account: &Account, now: Instant) {
        let missing = account.missing_orders();
        if missing.is_empty() && self.ended.is_empty() {
            return;
        }
        self.ended.retain(|id, _| missing.contains_key(id));
        self.unresolved.retain(|id| missing.contains_key(id));
        for (id, order) in missing {
            if self.ended.len() < ENDED_CAPACITY && !self.unresolved.contains(id) {
                self.ended.entry(id.clone()).or_insert_with(|| (order.clone(), now));
            }
        }
    }

    /// Returns whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.run.is_none() && self.ended.is_empty()
    }

    /// Starts a run for a gap, or extends the run in progress.
    fn start(&mut self, gap: (Timestamp, Timestamp), gap_start: Instant, now: Instant) {
        match &mut self.run {
            Some(run) => run.extend(gap, gap_start, now),
            None => self.run = Some(Run::new(Some(gap), gap_start, now)),
        }
    }

    /// Returns the time at which to call [`poll`](Self::poll), if any.
    pub(super) fn poll_timeout(&self, situation: &Situation<'_>) -> Option<Instant> {
        if self.in_flight.is_some() {
            return None;
        }
        let due = match &self.run {
            Some(run) => run.due(situation)?,
            None => self.ended.values().map(|(_, at)| *at).min()? + self.settings.settling_time,
        };
        let allowed = situation.shared.allowed_from(self.settings.budget);
        Some(allowed.map_or(due, |allowed| due.max(allowed)))
    }

    /// Returns the next call or the next items, if any.
    pub(super) fn poll(&mut self, situation: &Situation<'_>) -> Poll {
        if self.poll_timeout(situation).is_none_or(|due| due > situation.now) {
            return Poll::Pending;
        }
        let run = self.run.get_or_insert_with(|| Run::new(None, situation.now, situation.now));
        let context = run::Context {
            settings: &self.settings,
            known: &mut self.known,
            not_before: self.not_before,
            moved: &self.moved,
            balances_since: self.balances_since,
            ended: &mut self.ended,
            unresolved: &mut self.unresolved,
        };
        match run.next(context, situation) {
            Next::Call(in_flight, call) => {
                self.in_flight = Some(in_flight);
                Poll::Call(call)
            }
            Next::Pending => Poll::Pending,
            Next::Items { items, is_finished } => {
                if is_finished {
                    self.run = None;
                }
                Poll::Items(items)
            }
        }
    }

    /// Handles the reply to the last call.
    pub(super) fn handle_reply(
        &mut self,
        reply: Result<RestReply, RestError>,
        shared: &mut Shared,
        now: Instant,
    ) {
        let (Some(in_flight), Some(run)) = (self.in_flight.take(), &mut self.run) else { return };
        match (in_flight, reply) {
            (InFlight::Trades(pair), Ok(RestReply::OwnTrades(page))) => run.handle_page(&pair, page),
            (InFlight::Order(id), Ok(RestReply::Order(reply))) => run.handle_order(id, Some(*reply)),
            (InFlight::Pairs, Ok(RestReply::TradingPairs(pairs))) => shared.set_pairs(pairs, now),
            (InFlight::Order(id), Err(error)) if run.is_final(&error) => run.handle_order(id, None),
            (InFlight::Trades(pair), Err(error)) if run.is_final(&error) => {
                run.handle_rejected(pair, error);
            }
            (_, Err(error)) => run.handle_failure(error, self.settings.settling_time),
            // A reply to another call.
            (_, Ok(_)) => {}
        }
    }
}
