use std::collections::BTreeSet;
use std::time::Duration;

use bitopro_client::ErrorKind;
use bitopro_client::model::PrivateStream;
use bitopro_sim::HistoryOnConnect;

use super::schedule::Schedule;
use super::world::World;
use crate::oracle::rules::{Dials, freshness};
use crate::oracle::{Oracle, Truth};

// The client's defaults.
pub(super) const RETRY_AFTER_CAP: Duration = Duration::from_secs(3_600);
const IDLE_LIMIT: Duration = Duration::from_secs(30);
const DIAL_DEADLINE: Duration = Duration::from_secs(10);
const BACKOFF_LONGEST: Duration = Duration::from_secs(30);
const PROVEN_AFTER: Duration = Duration::from_secs(30);

/// Grace period of a link after the deadline of a dial.
const DIAL_SLACK: Duration = Duration::from_secs(1);

/// The time after the last fault has healed in which the account becomes true again, at the latest:
///
/// - the wait that the exchange itself asked for, up to the cap;
/// - the idle limit, where a connection had fallen silent, or the dial's deadline, where a dial had: in a row,
///   since one stream's dial holds up the others';
/// - the longest backoff, and once more where each stream is first refused for a clock that is off;
/// - the even rate of the dial budget, one dial in `span / (budget - budget / 2)`: for the four streams, each
///   once more for the clock, and for the open orders that are listed again after history;
/// - `stable_after`, the least time between two such lists.
fn bound(asked: Duration, is_clock_moved: bool) -> Duration {
    let rounds = if is_clock_moved { 2 } else { 1 };
    let dials = 4 * rounds + 1;
    let even = Dials::SPAN / (Dials::BUDGET - Dials::BUDGET / 2);
    asked.min(RETRY_AFTER_CAP)
        + IDLE_LIMIT
        + DIAL_DEADLINE
        + DIAL_SLACK
        + BACKOFF_LONGEST * rounds
        + even * dials
        + PROVEN_AFTER
}

impl World {
    /// The time in which the world becomes true again from now on.
    pub(super) fn bound(&self) -> Duration {
        bound(self.asked, self.is_clock_moved)
    }

    /// State that is fresh is true, unless a connection was cut: that is not known before the idle limit.
    pub(super) fn assert_honest(&self) {
        if !self.network.is_cut() {
            Oracle::assert_honest(
                &self.account.current(),
                &Truth::new(&self.simulator, self.network.is_coarse()),
            );
        }
    }

    /// The streams that are out of date for no reason that the exchange gave. A message that could not be read
    /// is a reason, and so is the end of a stream that was refused for good.
    pub(super) fn needlessly_stale(&self) -> Vec<PrivateStream> {
        let excused = |stream: &PrivateStream| {
            self.oracle.replay.malformed.contains(stream) || self.oracle.replay.failed.contains_key(stream)
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
        freshness(&current).into_iter().filter(|(_, is_fresh)| !is_fresh).map(|(stream, _)| stream).collect()
    }

    /// Balances and open orders are true.
    pub(super) fn assert_holdings(&mut self) {
        let truth = Truth::new(&self.simulator, self.network.is_coarse());
        self.oracle.assert_holdings(&self.account.current(), &truth);
    }

    /// Everything is true, and nothing is missing without a gap.
    pub(super) fn assert_true(&mut self, schedule: &Schedule) {
        let truth = Truth::new(&self.simulator, self.network.is_coarse());
        let current = self.account.current();
        let knows_all_ends = schedule.exchange.quirks.history_on_connect == HistoryOnConnect::Recent;
        self.oracle.assert_true(&current, &truth, knows_all_ends);
        self.oracle.assert_complete(&current, &self.simulator.sent());
    }

    /// Nonces never repeat nor go back, and dials keep to the budget, its spacing and their turns.
    pub(super) fn assert_calm_dials(&self) {
        let dials = self.network.upgrade_attempts();
        let mut counted = Dials::default();
        for dial in &dials {
            counted.count(dial.nonce, dial.at.into_std());
        }
        self.turns.assert_kept(&dials);
        let seen: Vec<u64> =
            self.simulator.upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect();
        assert!(seen.is_sorted_by(|a, b| a < b), "nonces at the simulator: {seen:?}");
    }

    /// A stream ends by itself only if its path was refused, which no retry can fix.
    pub(super) fn assert_only_due_ends(&self) {
        let refused: BTreeSet<PrivateStream> = self
            .network
            .upgrade_attempts()
            .iter()
            .filter(|dial| dial.refused == Some(200))
            .map(|dial| dial.stream)
            .collect();
        for (stream, kind) in &self.oracle.replay.failed {
            assert!(*kind == ErrorKind::WrongPath && refused.contains(stream), "{stream} ended: {kind:?}");
        }
    }
}
