//! The oracle: checks what the items of an account add up to, whatever happens to its connections.

mod ends;
mod record;
mod replay;
pub(crate) mod rules;
mod truth;

use std::collections::BTreeMap;

use bitopro_client::model::{MatchId, PrivateStream};
use bitopro_client::{
    AccountItem, Changes, ClosedOrders, Current, CurrentAccount, OrderUpdates, RecentTrades,
};
use bitopro_sim::SentMessage;

use ends::Ends;
pub(crate) use record::{Missing, Record};
use replay::ReplayedState;
use rules::{Items, Ledger, freshness};
pub(crate) use truth::Truth;
use truth::spelled;

/// Folds the delivered items of an account independently of the client, and compares the results with the client's
/// state and with the simulator's truth.
pub(crate) struct Oracle {
    pub(crate) replay: ReplayedState,
    pub(crate) record: Record,
    items: BTreeMap<PrivateStream, Items>,
    ledger: Ledger,
    ends: Ends,
}

impl Oracle {
    pub(crate) fn new(changes: Changes, updates: OrderUpdates) -> Self {
        Self {
            replay: ReplayedState::new(updates),
            record: Record::default(),
            items: PrivateStream::ALL.iter().map(|stream| (*stream, Items::new(*stream))).collect(),
            ledger: Ledger::new(changes),
            ends: Ends::default(),
        }
    }

    pub(crate) fn apply(&mut self, item: &AccountItem) {
        self.items.get_mut(&item.stream).expect("a stream of an account").apply(&item.item);
        self.replay.apply(item);
        self.record.apply(item);
        let changes = self.ledger.apply(item);
        self.ends.apply(item, &changes, &mut self.ledger);
    }

    /// Forgets what was recorded of times that are over and were checked.
    pub(crate) fn forget(&mut self) {
        self.replay.forget();
        self.record = Record::default();
        self.ends.forget();
    }

    /// State that is fresh is true. What was sent must have had the time to arrive.
    pub(crate) fn assert_honest(current: &CurrentAccount, truth: &Truth<'_>) {
        if let Some(balances) = current.balances.as_ref().filter(|balances| !balances.is_stale()) {
            truth.assert_balances(balances.state());
        }
        if let Some(orders) = current.open_orders.as_ref().filter(|orders| !orders.is_stale()) {
            truth.assert_open_orders(orders.state());
        }
    }

    /// Balances and open orders are true in the state, by the items and by their changes, unless they are stale.
    pub(crate) fn assert_holdings(&mut self, current: &CurrentAccount, truth: &Truth<'_>) {
        Self::assert_honest(current, truth);
        self.ledger.assert_agrees(current);
        let [(_, has_balances), (_, has_orders), ..] = freshness(current);
        if has_balances {
            let truth = truth.simulator.balances();
            assert_eq!(self.replay.balances, truth, "balances, replayed");
            assert_eq!(self.ledger.balances(), Some(&truth), "balances, by their changes");
        }
        if has_orders {
            truth.assert_open_orders(self.replay.orders.values());
            let replayed = self.replay.orders.keys();
            assert!(
                replayed.eq(self.ledger.open_orders().into_iter().flatten()),
                "open orders, by their changes"
            );
        }
    }

    /// Everything that is not stale is true. `knows_all_ends` if the exchange lists what ended without a connection.
    pub(crate) fn assert_true(&mut self, current: &CurrentAccount, truth: &Truth<'_>, knows_all_ends: bool) {
        self.assert_holdings(current, truth);
        if let Some(history) = current.closed_orders.as_ref().filter(|history| !history.is_stale()) {
            self.assert_history(history, truth, knows_all_ends);
            self.ends.assert_agree(truth, knows_all_ends);
        }
        if let Some(trades) = current.trades.as_ref().filter(|trades| !trades.is_stale()) {
            self.assert_trades(trades, truth);
        }
    }

    fn assert_history(&self, history: &Current<ClosedOrders>, truth: &Truth<'_>, knows_all_ends: bool) {
        let known: BTreeMap<_, _> =
            history.state().iter().map(|order| (order.id.clone(), order.clone())).collect();
        assert_eq!(known, self.replay.history, "history, replayed");
        for order in truth.closed_orders() {
            match known.get(&order.id) {
                Some(known) => assert_eq!(spelled(known), spelled(&order), "an order of history"),
                None => assert!(!knows_all_ends, "{order:?} is missing from history"),
            }
        }
    }

    fn assert_trades(&self, trades: &Current<RecentTrades>, truth: &Truth<'_>) {
        let trades_made = truth.simulator.trades();
        let ids: Vec<&MatchId> = trades_made.iter().filter_map(|trade| trade.match_id.as_ref()).collect();
        let truth: BTreeMap<&MatchId, _> = ids.iter().copied().zip(&trades_made).collect();
        for trade in trades.state().iter().map(|event| &event.data).chain(self.replay.trades.values()) {
            let made = truth.get(trade.match_id.as_ref().unwrap()).copied();
            assert_eq!(made.map(spelled), Some(spelled(trade)), "a trade");
        }
        // From the first one that was delivered on, a gap announces each trade that was not.
        let is_delivered = |id: &&&MatchId| self.replay.trades.contains_key(**id);
        let missing = ids.iter().skip_while(|id| !is_delivered(id)).filter(|id| !is_delivered(id)).count();
        let is_announced = self.replay.gaps.contains(&PrivateStream::UserTrades);
        assert!(missing == 0 || is_announced, "{missing} trades are missing without a gap");
    }

    /// Every event that was sent and not delivered lies in a gap. Counts what is missing.
    ///
    /// The gap of a stream without a connection is still to come, so stale streams are left out.
    pub(crate) fn assert_complete(&self, current: &CurrentAccount, sent: &[SentMessage]) -> Missing {
        let mut all = Missing::default();
        for (stream, _) in freshness(current).into_iter().filter(|(_, is_fresh)| *is_fresh) {
            let missing = self.record.missing(stream, sent);
            assert_eq!(missing.without_a_gap, 0, "of {stream}, {missing:?}");
            all.add(missing);
        }
        all
    }
}
