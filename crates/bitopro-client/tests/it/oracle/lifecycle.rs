use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{Decimal, Message, Order, OrderId, OrderStatus};
use bitopro_client::{AccountItem, Change, Item, OrderChange};

use super::ground_truth::GroundTruth;
use super::rules::AccountFromChanges;

/// Checks the lifecycle of each order, as reported by the changes. These rules hold only for an exchange that
/// does not contradict itself.
#[derive(Default)]
pub(super) struct OrderLifecycles {
    closed: BTreeMap<OrderId, OrderStatus>,
    /// The orders in the first snapshot of the history.
    closed_before: Option<BTreeSet<OrderId>>,
}

impl OrderLifecycles {
    pub(super) fn apply(&mut self, item: &AccountItem, changes: &[Change], account: &mut AccountFromChanges) {
        for change in changes {
            self.apply_change(change, account);
        }
        match &item.item {
            Item::Snapshot(Message::ActiveOrders(event)) => {
                let is_closed = |id| self.closed.contains_key(id) || self.was_closed_before(id);
                let open = event.data.iter().filter(|order| order.is_open() && !is_closed(&order.id));
                account.set_initial_orders(open.map(|order| order.id.clone()));
            }
            Item::Snapshot(Message::HistoryOrders(event)) => {
                self.closed_before
                    .get_or_insert_with(|| event.data.iter().map(|order| order.id.clone()).collect());
            }
            _ => {}
        }
    }

    fn apply_change(&mut self, change: &Change, account: &AccountFromChanges) {
        match change {
            Change::Balance(change) => assert!(change.by().is_some(), "{change:?}"),
            Change::OrderOpened(change) => {
                assert!(
                    account.open_orders().is_some(),
                    "an order was opened by the first snapshot: {change:?}"
                );
                assert!(!self.closed.contains_key(&change.order.id), "a closed order was opened: {change:?}");
            }
            Change::OrderMissing(_) => {
                assert!(account.open_orders().is_some(), "missing before the first snapshot: {change:?}");
            }
            Change::OrderTriggered(change) => assert!(change.order.is_open(), "{change:?}"),
            Change::OrderPartiallyFilled(change) => {
                assert!(change.executed().is_some_and(|executed| executed > Decimal::ZERO), "{change:?}");
                assert!(change.order.is_open(), "{change:?}");
            }
            Change::OrderFilled(change) => self.close(change, OrderStatus::Completed),
            Change::OrderClosedPartiallyFilled(change) => {
                self.close(change, OrderStatus::CompletedPartialDeal);
            }
            Change::OrderCancelled(change) => self.close(change, OrderStatus::Cancelled),
            Change::OrderRejectedPostOnly(change) => self.close(change, OrderStatus::PostOnlyCancelled),
            other => panic!("unknown change {other:?}"),
        }
    }

    fn close(&mut self, OrderChange { order, .. }: &OrderChange, status: OrderStatus) {
        assert_eq!(order.status, status, "{order:?}");
        assert_eq!(self.closed.insert(order.id.clone(), status), None, "closed twice: {order:?}");
    }

    fn was_closed_before(&self, id: &OrderId) -> bool {
        self.closed_before.as_ref().is_some_and(|closed| closed.contains(id))
    }

    /// Asserts that every closed order was reported with its true status. `is_history_complete` says whether
    /// the exchange also lists orders that were closed during a disconnect.
    pub(super) fn assert_matches(&self, truth: &GroundTruth<'_>, is_history_complete: bool) {
        let closed =
            truth.simulator.closed_orders().into_iter().filter(|order| !self.was_closed_before(&order.id));
        for Order { id, status, .. } in closed {
            match self.closed.get(&id) {
                Some(reported) => assert_eq!(*reported, status, "the final status of {id}"),
                None => assert!(!is_history_complete, "no change closed {id}"),
            }
        }
    }

    pub(super) fn clear_records(&mut self) {
        self.closed.clear();
    }
}
