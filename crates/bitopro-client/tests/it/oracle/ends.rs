use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{Decimal, Message, Order, OrderId, OrderStatus};
use bitopro_client::{AccountItem, Change, Item, OrderChange};

use super::rules::Ledger;
use super::truth::Truth;

/// The lives of the orders by the changes. An exchange that contradicts itself would break these rules.
#[derive(Default)]
pub(super) struct Ends {
    ended: BTreeMap<OrderId, OrderStatus>,
    /// The first list of history.
    before: Option<BTreeSet<OrderId>>,
}

impl Ends {
    /// Applies an item and its changes.
    pub(super) fn apply(&mut self, item: &AccountItem, changes: &[Change], ledger: &mut Ledger) {
        for change in changes {
            self.change(change, ledger);
        }
        match &item.item {
            Item::Snapshot(Message::ActiveOrders(event)) => {
                let is_over = |id| self.ended.contains_key(id) || self.is_from_before(id);
                let open = event.data.iter().filter(|order| order.is_open() && !is_over(&order.id));
                ledger.start_with(open.map(|order| order.id.clone()));
            }
            Item::Snapshot(Message::HistoryOrders(event)) => {
                self.before.get_or_insert_with(|| event.data.iter().map(|order| order.id.clone()).collect());
            }
            _ => {}
        }
    }

    fn change(&mut self, change: &Change, ledger: &Ledger) {
        match change {
            Change::Balance(change) => assert!(change.by().is_some(), "{change:?}"),
            Change::OrderOpened(change) => {
                assert!(ledger.open_orders().is_some(), "the first list is not a change: {change:?}");
                assert!(!self.ended.contains_key(&change.order.id), "{change:?} had ended");
            }
            Change::OrderMissing(_) => {
                assert!(ledger.open_orders().is_some(), "nothing was listed: {change:?}");
            }
            Change::OrderTriggered(change) => assert!(change.order.is_open(), "{change:?}"),
            Change::OrderPartiallyFilled(change) => {
                assert!(change.executed().is_some_and(|executed| executed > Decimal::ZERO), "{change:?}");
                assert!(change.order.is_open(), "{change:?}");
            }
            Change::OrderFilled(change) => self.end(change, OrderStatus::Completed),
            Change::OrderClosedPartiallyFilled(change) => self.end(change, OrderStatus::CompletedPartialDeal),
            Change::OrderCancelled(change) => self.end(change, OrderStatus::Cancelled),
            Change::OrderRejectedPostOnly(change) => self.end(change, OrderStatus::PostOnlyCancelled),
            other => panic!("unknown change {other:?}"),
        }
    }

    fn end(&mut self, OrderChange { order, .. }: &OrderChange, status: OrderStatus) {
        assert_eq!(order.status, status, "{order:?}");
        assert_eq!(self.ended.insert(order.id.clone(), status), None, "{order:?} ended twice");
    }

    fn is_from_before(&self, id: &OrderId) -> bool {
        self.before.as_ref().is_some_and(|before| before.contains(id))
    }

    /// Every order ended as the truth say. `knows_all` if the exchange lists what ended without a connection.
    pub(super) fn assert_agree(&self, truth: &Truth<'_>, knows_all: bool) {
        let ended = truth.closed_orders().into_iter().filter(|order| !self.is_from_before(&order.id));
        for Order { id, status, .. } in ended {
            match self.ended.get(&id) {
                Some(reported) => assert_eq!(*reported, status, "how {id} ended"),
                None => assert!(!knows_all, "no change reported that {id} ended"),
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.ended.clear();
    }
}
