use std::collections::BTreeSet;
use std::time::Duration;

use bitopro_client::ErrorKind;
use bitopro_client::model::PrivateStream;
use bitopro_sim::HistoryOnConnect;

use super::harness::Harness;
use super::schedule::Schedule;
use crate::oracle::rules::{Dials, freshness};
use crate::oracle::{GroundTruth, Oracle};

// The client's defaults.
pub(super) const RETRY_AFTER_CAP: Duration = Duration::from_secs(3_600);
const IDLE_LIMIT: Duration = Duration::from_secs(30);
const DIAL_DEADLINE: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Grace period of a link after the deadline of a dial.
const DIAL_SLACK: Duration = Duration::from_secs(1);

/// Returns the longest time between the end of the last fault and the recovery of the account. It is the sum
/// of:
///
/// - the longest delay that the exchange requested, up to the cap;
/// - the idle limit for a silent connection and the deadline of an unanswered dial, one after the other,
///   since the dial of one stream delays those of the others;
/// - the longest backoff, twice if the exchange's clock was moved and first refuses each stream;
/// - the steady rate of the dial budget, one dial in `span / (budget - budget / 2)`: a dial for each of the
///   four streams, again for each if the clock was moved, and one more for the open orders, which are listed
///   again after the history;
/// - `stable_after`, the shortest time between two such lists.
fn bound(requested_delay: Duration, is_clock_moved: bool) -> Duration {
    let rounds = if is_clock_moved { 2 } else { 1 };
    let dials = 4 * rounds + 1;
    let dial_interval = Dials::SPAN / (Dials::BUDGET - Dials::BUDGET / 2);
    requested_delay.min(RETRY_AFTER_CAP)
        + IDLE_LIMIT
        + DIAL_DEADLINE
        + DIAL_SLACK
        + MAX_BACKOFF * rounds
        + dial_interval * dials
        + STABLE_AFTER
}

impl Harness {
    /// Returns the longest time from now until the account has recovered.
    pub(super) fn bound(&self) -> Duration {
        bound(self.requested_delay, self.is_clock_moved)
    }

    /// Asserts that fresh state matches the exchange, unless a connection was cut, which the client detects
    /// only at the idle limit.
    pub(super) fn assert_fresh_state_matches(&self) {
        if !self.network.has_cut_connection() {
            let truth = GroundTruth::new(&self.simulator);
            Oracle::assert_fresh_state_matches(&self.account.current(), &truth);
        }
    }

    /// Returns the streams that are stale without an expected reason, which is an unreadable message or a
    /// final refusal.
    pub(super) fn unexpectedly_stale(&self) -> Vec<PrivateStream> {
        let has_reason = |stream: &PrivateStream| {
            self.oracle.replay.malformed.contains(stream) || self.oracle.replay.failed.contains_key(stream)
        };
        self.stale()
            .into_iter()
            .filter(|stream| {
                let needs_history = *stream == PrivateStream::ActiveOrders;
                !(has_reason(stream) || needs_history && has_reason(&PrivateStream::HistoryOrders))
            })
            .collect()
    }

    pub(super) fn stale(&self) -> Vec<PrivateStream> {
        let current = self.account.current();
        freshness(&current).into_iter().filter(|(_, is_fresh)| !is_fresh).map(|(stream, _)| stream).collect()
    }

    /// Asserts that the balances and open orders match the exchange.
    pub(super) fn assert_balances_and_orders_match(&mut self) {
        let truth = GroundTruth::new(&self.simulator);
        self.oracle.assert_balances_and_orders_match(&self.account.current(), &truth);
    }

    /// Asserts that everything matches the exchange, and that all missing events lie in gaps.
    pub(super) fn assert_matches(&mut self, schedule: &Schedule) {
        let truth = GroundTruth::new(&self.simulator);
        let current = self.account.current();
        let is_history_complete = schedule.exchange.quirks.history_on_connect == HistoryOnConnect::Recent;
        self.oracle.assert_matches(&current, &truth, is_history_complete);
        self.oracle.assert_gaps_cover_missing_events(&current, &self.simulator.sent());
        self.oracle.assert_trades_are_known(&current, &truth, schedule.exchange.quirks);
    }

    /// Asserts that nonces increase and that dials respect the budget, the spacing and their order.
    pub(super) fn assert_dials_keep_to_the_rules(&self) {
        let dials = self.network.dials();
        let mut rules = Dials::default();
        for dial in &dials {
            rules.apply(dial.nonce, dial.at.into_std());
        }
        self.dial_order.assert_oldest_first(&dials);
        let seen: Vec<u64> =
            self.simulator.upgrade_attempts().into_iter().filter_map(|dial| dial.nonce).collect();
        assert!(seen.is_sorted_by(|a, b| a < b), "nonces at the simulator: {seen:?}");
    }

    /// Asserts that only streams whose path was refused have ended, since no retry can fix that.
    pub(super) fn assert_only_refused_streams_ended(&self) {
        let refused: BTreeSet<PrivateStream> = self
            .network
            .dials()
            .iter()
            .filter(|dial| dial.refused == Some(200))
            .map(|dial| dial.stream)
            .collect();
        for (stream, kind) in &self.oracle.replay.failed {
            assert!(*kind == ErrorKind::WrongPath && refused.contains(stream), "{stream} ended: {kind:?}");
        }
    }
}
