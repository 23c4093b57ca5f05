use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bitopro_client::model::{Balance, MatchId, Order, PrivateStream};
use bitopro_client::{Current, ErrorKind, OrderHistory, RecentTrades};
use bitopro_sim::HistoryOnConnect;

use super::road::Dialled;
use super::schedule::Schedule;
use super::world::World;

// The client's defaults.
pub(super) const RETRY_AFTER_CAP: Duration = Duration::from_secs(3_600);
const IDLE_LIMIT: Duration = Duration::from_secs(30);
const DIAL_DEADLINE: Duration = Duration::from_secs(10);
const BACKOFF_LONGEST: Duration = Duration::from_secs(30);
const PROVEN_AFTER: Duration = Duration::from_secs(30);
const DIAL_BUDGET: u32 = 30;
const DIAL_BUDGET_SPAN: Duration = Duration::from_secs(300);
const DIAL_SPACING: Duration = Duration::from_millis(100);

/// Grace period of a link after the deadline of a dial.
const DIAL_SLACK: Duration = Duration::from_secs(1);

/// How long after the last fault has healed the account is true again, at the latest:
///
/// - the wait that the exchange itself asked for, up to the cap;
/// - the idle limit, where a connection had fallen silent, or the dial's deadline, where a dial had: in a row,
///   since one stream's dial holds up the others';
/// - the longest backoff, and once more where each stream is first refused for a clock that is off;
/// - the even rate of the dial budget, one dial in `span / (budget - budget / 2)`: for the four streams, each
///   once more for the clock, and for the open orders that are listed anew after history;
/// - `proven_after`, the least time between two such lists.
fn bound(asked: Duration, is_clock_moved: bool) -> Duration {
    let rounds = if is_clock_moved { 2 } else { 1 };
    let dials = 4 * rounds + 1;
    let even = DIAL_BUDGET_SPAN / (DIAL_BUDGET - DIAL_BUDGET / 2);
    asked.min(RETRY_AFTER_CAP)
        + IDLE_LIMIT
        + DIAL_DEADLINE
        + DIAL_SLACK
        + BACKOFF_LONGEST * rounds
        + even * dials
        + PROVEN_AFTER
}

impl World {
    /// How long the world needs to be true again from now on.
    pub(super) fn bound(&self) -> Duration {
        bound(self.asked, self.is_clock_moved)
    }

    /// What says that it is true now, is. For that, what was sent must have had the time to arrive.
    pub(super) fn assert_honest(&self) {
        if self.road.is_cut() {
            // Nobody can know before the idle limit.
            return;
        }
        let current = self.account.current();
        if let Some(balances) = current.balances.filter(|balances| !balances.is_stale()) {
            let known: Vec<&Balance> = balances.state().iter().collect();
            let truth = self.simulator.balances();
            assert_eq!(known, truth.values().collect::<Vec<_>>(), "balances that are said to be true");
        }
        if let Some(orders) = current.open_orders.filter(|orders| !orders.is_stale()) {
            let known: Vec<Order> = orders.state().iter().cloned().collect();
            assert_eq!(known, self.open_orders(), "open orders that are said to be true");
        }
    }

    /// The streams that are out of date for no reason that the exchange gave. A message that could not be read
    /// is a reason, and so is the end of a stream that was refused for good.
    pub(super) fn needlessly_stale(&self) -> Vec<PrivateStream> {
        let excused = |stream: &PrivateStream| {
            self.replay.malformed.contains(stream) || self.replay.failed.contains_key(stream)
        };
        self.stale()
            .into_iter()
            .filter(|stream| {
                let told_by_history = *stream == PrivateStream::ActiveOrders;
                !(excused(stream) || told_by_history && excused(&PrivateStream::HistoryOrders))
            })
            .collect()
    }

    pub(super) fn stale(&self) -> Vec<PrivateStream> {
        let current = self.account.current();
        let mut stale = Vec::new();
        let mut look = |stream, is_fresh: Option<bool>| {
            if is_fresh != Some(true) {
                stale.push(stream);
            }
        };
        look(PrivateStream::AccountBalance, current.balances.map(|part| !part.is_stale()));
        look(PrivateStream::ActiveOrders, current.open_orders.map(|part| !part.is_stale()));
        look(PrivateStream::HistoryOrders, current.history.map(|part| !part.is_stale()));
        look(PrivateStream::UserTrades, current.trades.map(|part| !part.is_stale()));
        stale
    }

    /// The state is the simulator's, and so is what the items add up to.
    pub(super) fn assert_true(&mut self, schedule: &Schedule) {
        self.assert_holdings();
        let stale = self.stale();
        let is_true = |stream| !stale.contains(&stream);
        let current = self.account.current();
        if let Some(history) = current.history.filter(|_| is_true(PrivateStream::HistoryOrders)) {
            self.assert_history(schedule, &history);
        }
        if let Some(trades) = current.trades.filter(|_| is_true(PrivateStream::UserTrades)) {
            self.assert_trades(&trades);
        }
    }

    /// Balances and open orders, in the state, by their items and by their changes.
    pub(super) fn assert_holdings(&mut self) {
        self.assert_honest();
        self.by_changes.assert_agrees(&self.account.current());
        let stale = self.stale();
        let is_true = |stream| !stale.contains(&stream);
        if is_true(PrivateStream::AccountBalance) {
            assert_eq!(self.replay.balances, self.simulator.balances(), "balances, replayed");
        }
        if is_true(PrivateStream::ActiveOrders) {
            let replayed: Vec<Order> = self.replay.orders.values().cloned().collect();
            assert_eq!(replayed, self.open_orders(), "open orders, replayed");
        }
    }

    fn assert_history(&self, schedule: &Schedule, history: &Current<OrderHistory>) {
        let known: BTreeMap<_, _> =
            history.state().iter().map(|order| (order.id.clone(), order.clone())).collect();
        assert_eq!(known, self.replay.history, "history, replayed");
        let lists_what_was_missed = schedule.exchange.doubts.history_on_connect == HistoryOnConnect::Recent;
        for order in self.simulator.history() {
            match history.state().get(order.id.as_str()) {
                Some(known) => assert_eq!(*known, self.as_sent(order), "an order of history"),
                None => assert!(!lists_what_was_missed, "{order:?} is missing from history"),
            }
        }
    }

    fn assert_trades(&self, trades: &Current<RecentTrades>) {
        let truth: BTreeMap<MatchId, _> = self
            .simulator
            .trades()
            .into_iter()
            .map(|trade| (trade.match_id.clone().unwrap(), trade))
            .collect();
        for trade in trades.state().iter().map(|event| &event.data).chain(self.replay.trades.values()) {
            assert_eq!(truth.get(trade.match_id.as_ref().unwrap()), Some(trade), "a trade");
        }
        // From the first that was told on, a trade that was not told is announced.
        let ids: Vec<_> = self.simulator.trades().into_iter().filter_map(|trade| trade.match_id).collect();
        let told = |id: &MatchId| self.replay.trades.contains_key(id);
        let missing = ids.iter().skip_while(|id| !told(id)).filter(|id| !told(id)).count();
        let is_announced = self.replay.gaps.contains(&PrivateStream::UserTrades);
        assert!(missing == 0 || is_announced, "{missing} trades are missing without a gap");
    }

    /// Nonces never repeat nor go back, and dials keep to the budget and its spacing.
    pub(super) fn assert_calm_dials(&self) {
        let dials = self.road.dials();
        assert!(dials.is_sorted_by(|a, b| a.nonce < b.nonce), "nonces: {dials:?}");
        let (budget, span) = (DIAL_BUDGET as usize, DIAL_BUDGET_SPAN);
        let keeps = |window: &[Dialled]| match window {
            [first, .., last] => first.at + span <= last.at,
            _ => true,
        };
        assert!(dials.windows(budget + 1).all(keeps), "more than {budget} dials in {span:?}: {dials:?}");
        let spacing = DIAL_SPACING;
        let is_spaced = dials.is_sorted_by(|a, b| a.at + spacing <= b.at);
        assert!(is_spaced, "dials without space between them: {dials:?}");
        self.turns.assert_kept(&dials);
        let seen: Vec<u64> = self.simulator.dials().into_iter().filter_map(|dial| dial.nonce).collect();
        assert!(seen.is_sorted_by(|a, b| a < b), "nonces at the simulator: {seen:?}");
    }

    /// Asserts that every event that was sent and not delivered lies in a gap. Of a stream that is still down, the gap is still to come.
    pub(super) fn assert_complete(&self) {
        let (sent, stale) = (self.simulator.sent(), self.stale());
        for stream in PrivateStream::ALL.iter().filter(|stream| !stale.contains(stream)) {
            let missing = self.record.missing(*stream, &sent);
            assert_eq!(missing.without_a_gap, 0, "of {stream}, {missing:?}");
        }
    }

    /// A stream ends by itself only where its path was refused, which no retry can mend.
    pub(super) fn assert_only_due_ends(&self) {
        let refused: BTreeSet<PrivateStream> = self
            .road
            .dials()
            .iter()
            .filter(|dial| dial.refused == Some(200))
            .map(|dial| dial.stream)
            .collect();
        for (stream, kind) in &self.replay.failed {
            assert!(*kind == ErrorKind::WrongPath && refused.contains(stream), "{stream} ended: {kind:?}");
        }
    }
}
