//! The oracle: checks the items of an account against the client's state and the simulator.

mod ground_truth;
mod lifecycle;
mod record;
mod recovery;
mod replay;
pub(crate) mod rules;

use std::collections::BTreeMap;

use bitopro_client::model::PrivateStream;
use bitopro_client::{
    AccountItem, Changes, ClosedOrders, Current, CurrentAccount, OrderUpdates, RecentTrades,
};
use bitopro_sim::{EventIds, Quirks, SentMessage, TradesOnConnect};

pub(crate) use ground_truth::GroundTruth;
use ground_truth::with_spelling;
use lifecycle::OrderLifecycles;
pub(crate) use record::{Missing, Record};
pub(crate) use recovery::Recovery;
use replay::{ReplayedState, TradeKey, trade_key};
use rules::{AccountFromChanges, Items, freshness};

/// Folds the delivered items of an account independently of the client and compares the results with the
/// client's state and with the ground truth in the simulator.
pub(crate) struct Oracle {
    pub(crate) replay: ReplayedState,
    pub(crate) record: Record,
    pub(crate) recovery: Recovery,
    items: BTreeMap<PrivateStream, Items>,
    from_changes: AccountFromChanges,
    lifecycles: OrderLifecycles,
}

impl Oracle {
    pub(crate) fn new(changes: Changes, updates: OrderUpdates) -> Self {
        Self {
            replay: ReplayedState::new(updates),
            record: Record::default(),
            recovery: Recovery::default(),
            items: PrivateStream::ALL.iter().map(|stream| (*stream, Items::new(*stream))).collect(),
            from_changes: AccountFromChanges::new(changes),
            lifecycles: OrderLifecycles::default(),
        }
    }

    pub(crate) fn apply(&mut self, item: &AccountItem) {
        self.items.get_mut(&item.stream).expect("a stream of an account").apply(&item.item);
        self.replay.apply(item);
        self.record.apply(item);
        self.recovery.apply(item);
        let changes = self.from_changes.apply(item);
        self.lifecycles.apply(item, &changes, &mut self.from_changes);
    }

    /// Clears the records of a period that has been checked.
    pub(crate) fn clear_records(&mut self) {
        self.replay.clear_records();
        self.record = Record::default();
        self.lifecycles.clear_records();
    }

    /// Asserts that fresh state matches the ground truth. Sent messages must have had time to arrive.
    pub(crate) fn assert_fresh_state_matches(current: &CurrentAccount, truth: &GroundTruth<'_>) {
        if let Some(balances) = current.balances.as_ref().filter(|balances| !balances.is_stale()) {
            truth.assert_balances(balances.state());
        }
        if let Some(orders) = current.open_orders.as_ref().filter(|orders| !orders.is_stale()) {
            truth.assert_open_orders(orders.state());
        }
    }

    /// Asserts that the balances and open orders match the ground truth, unless they are stale: in the state,
    /// in the replayed items and in the changes.
    pub(crate) fn assert_balances_and_orders_match(
        &mut self,
        current: &CurrentAccount,
        truth: &GroundTruth<'_>,
    ) {
        Self::assert_fresh_state_matches(current, truth);
        self.from_changes.assert_matches(current);
        let [(_, are_balances_fresh), (_, are_orders_fresh), ..] = freshness(current);
        if are_balances_fresh {
            let truth = truth.simulator.balances();
            assert_eq!(self.replay.balances, truth, "replayed balances");
            assert_eq!(self.from_changes.balances(), Some(&truth), "balances from changes");
        }
        if are_orders_fresh {
            truth.assert_open_orders(self.replay.orders.values());
            let replayed = self.replay.orders.keys();
            assert!(
                replayed.eq(self.from_changes.open_orders().into_iter().flatten()),
                "open orders from changes"
            );
        }
    }

    /// Asserts that everything matches the ground truth, unless it is stale. `is_history_complete` says
    /// whether the exchange also lists orders that were closed during a disconnect.
    pub(crate) fn assert_matches(
        &mut self,
        current: &CurrentAccount,
        truth: &GroundTruth<'_>,
        is_history_complete: bool,
    ) {
        self.assert_balances_and_orders_match(current, truth);
        if let Some(history) = current.closed_orders.as_ref().filter(|history| !history.is_stale()) {
            self.assert_history_matches(history, truth, is_history_complete);
            self.lifecycles.assert_matches(truth, is_history_complete);
        }
        if let Some(trades) = current.trades.as_ref().filter(|trades| !trades.is_stale()) {
            self.assert_trades_match(trades, truth);
        }
    }

    fn assert_history_matches(
        &self,
        history: &Current<ClosedOrders>,
        truth: &GroundTruth<'_>,
        is_history_complete: bool,
    ) {
        let known: BTreeMap<_, _> =
            history.state().iter().map(|order| (order.id.clone(), order.clone())).collect();
        assert_eq!(known, self.replay.history, "the replayed history");
        for order in truth.simulator.closed_orders() {
            match known.get(&order.id) {
                Some(known) => assert_eq!(with_spelling(known), with_spelling(&order), "a closed order"),
                None => assert!(!is_history_complete, "{order:?} is missing from the history"),
            }
        }
    }

    fn assert_trades_match(&self, trades: &Current<RecentTrades>, truth: &GroundTruth<'_>) {
        let trades_made = truth.simulator.trades();
        let keys: Vec<TradeKey> = trades_made.iter().map(trade_key).collect();
        let truth: BTreeMap<&TradeKey, _> = keys.iter().zip(&trades_made).collect();
        let sent = trades.state().iter().map(|event| &event.data).filter(|trade| trade.match_id.is_some());
        for trade in sent.chain(self.replay.trades.values()) {
            let made = truth.get(&trade_key(trade)).copied();
            assert_eq!(made.map(with_spelling), Some(with_spelling(trade)), "a trade");
        }
        // Each undelivered trade after the first delivered one must be covered by a gap.
        let is_delivered = |key: &&TradeKey| self.replay.trades.contains_key(*key);
        let missing =
            keys.iter().skip_while(|key| !is_delivered(key)).filter(|key| !is_delivered(key)).count();
        let has_gap = self.replay.gaps.contains(&PrivateStream::UserTrades);
        assert!(missing == 0 || has_gap, "{missing} trades are missing without a gap");
    }

    /// Asserts that every trade is known, once the backfill has ended.
    pub(crate) fn assert_trades_are_known(
        &self,
        current: &CurrentAccount,
        truth: &GroundTruth<'_>,
        quirks: Quirks,
    ) {
        if let Some(trades) = current.trades.as_ref().filter(|trades| !trades.is_stale()) {
            let is_exact =
                quirks.trades_on_connect == TradesOnConnect::Nothing && quirks.event_ids == EventIds::Present;
            // Without the open orders, it is not known which executions are older than the subscription.
            let is_provable = self.replay.failed.is_empty();
            self.recovery.assert_gap_is_closed(is_provable);
            self.recovery.assert_trades_are_known(trades.state(), &truth.simulator.trades(), is_exact);
        }
    }

    /// Asserts that every event that was sent but not delivered lies in a gap. Returns the number of missing
    /// events.
    ///
    /// Skips stale streams, since a disconnected stream emits its gap only after the reconnect.
    pub(crate) fn assert_gaps_cover_missing_events(
        &self,
        current: &CurrentAccount,
        sent: &[SentMessage],
    ) -> Missing {
        let mut all = Missing::default();
        for (stream, _) in freshness(current).into_iter().filter(|(_, is_fresh)| *is_fresh) {
            let missing = self.record.missing(stream, sent);
            assert_eq!(missing.without_a_gap, 0, "{stream} has missing events outside of gaps: {missing:?}");
            all.add(missing);
        }
        all
    }
}
