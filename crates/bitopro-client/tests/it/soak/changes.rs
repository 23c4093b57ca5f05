use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{Balance, Currency, Message, OrderId};
use bitopro_client::{AccountItem, Change, Changes, CurrentAccount, Item};

/// An account kept by the changes of the delivered items alone.
pub(super) struct ByChanges {
    changes: Changes,
    balances: Option<BTreeMap<Currency, Balance>>,
    /// From the first comparison on.
    open: Option<BTreeSet<OrderId>>,
    has_list: bool,
}

impl ByChanges {
    pub(super) fn new(changes: Changes) -> Self {
        Self { changes, balances: None, open: None, has_list: false }
    }

    pub(super) fn apply(&mut self, item: &AccountItem) {
        for change in self.changes.apply(item) {
            self.change(change);
        }
        match &item.item {
            Item::Snapshot(Message::AccountBalance(event)) => {
                let each = event.data.iter().map(|balance| (balance.currency.clone(), balance.clone()));
                self.balances.get_or_insert_with(|| each.collect());
            }
            Item::Snapshot(Message::ActiveOrders(_)) => self.has_list = true,
            _ => {}
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Balance(change) => {
                let balances = self.balances.as_mut().expect("the first snapshot is not a change");
                assert_eq!(balances.remove(&change.currency), change.before, "{}", change.currency);
                balances.extend(change.after.map(|after| (change.currency, after)));
            }
            Change::OrderOpened(change) => {
                assert!(self.has_list, "the first list is not a change: {:?}", change.order);
                if let Some(open) = &mut self.open {
                    assert!(open.insert(change.order.id.clone()), "opened twice: {:?}", change.order);
                }
            }
            Change::OrderTriggered(_) | Change::OrderPartlyFilled(_) => {}
            Change::OrderFilled(change)
            | Change::OrderEndedPartlyFilled(change)
            | Change::OrderCancelled(change)
            | Change::OrderRejectedPostOnly(change)
            | Change::OrderMissing(change) => {
                if let Some(open) = &mut self.open {
                    open.remove(&change.order.id);
                }
            }
            other => panic!("an unknown change: {other:?}"),
        }
    }

    /// The changes add up to the state. Everything that was delivered must have been read.
    pub(super) fn assert_agrees(&mut self, current: &CurrentAccount) {
        if let (Some(known), Some(state)) = (&self.balances, &current.balances) {
            assert!(known.values().eq(state.state().iter()), "balances, by their changes: {known:?}");
        }
        if let Some(state) = &current.open_orders {
            let state: BTreeSet<OrderId> = state.state().iter().map(|order| order.id.clone()).collect();
            let known = self.open.get_or_insert_with(|| state.clone());
            assert_eq!(*known, state, "open orders, by their changes");
        }
    }
}
