use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{Balance, Currency, Decimal, Message, OrderId};
use bitopro_client::{AccountItem, BalanceChange, Change, Changes, CurrentAccount, Item};

/// An account rebuilt from the changes of the delivered items alone.
pub(crate) struct AccountFromChanges {
    changes: Changes,
    balances: Option<BTreeMap<Currency, Balance>>,
    open: Option<BTreeSet<OrderId>>,
}

impl AccountFromChanges {
    pub(crate) fn new(changes: Changes) -> Self {
        Self { changes, balances: None, open: None }
    }

    /// Applies the changes of an item, and returns them.
    pub(crate) fn apply(&mut self, item: &AccountItem) -> Vec<Change> {
        let changes = self.changes.apply(item);
        for change in &changes {
            self.apply_change(change);
        }
        if let Item::Snapshot(Message::AccountBalance(event)) = &item.item {
            let each = event.data.iter().map(|balance| (balance.currency.clone(), balance.clone()));
            self.balances.get_or_insert_with(|| each.collect());
        }
        changes
    }

    fn apply_change(&mut self, change: &Change) {
        match change {
            Change::Balance(change) => self.apply_balance(change),
            Change::OrderOpened(change) => {
                if let Some(open) = &mut self.open {
                    assert!(open.insert(change.order.id.clone()), "opened twice: {:?}", change.order);
                }
            }
            Change::OrderTriggered(_) | Change::OrderPartiallyFilled(_) => {}
            Change::OrderFilled(change)
            | Change::OrderClosedPartiallyFilled(change)
            | Change::OrderCancelled(change)
            | Change::OrderRejectedPostOnly(change) => {
                if let Some(open) = &mut self.open {
                    open.remove(&change.order.id);
                }
            }
            Change::OrderMissing(change) => {
                let was_open = self.open.as_mut().is_none_or(|open| open.remove(&change.order.id));
                assert!(was_open, "missing, but not open: {:?}", change.order);
            }
            other => panic!("unknown change {other:?}"),
        }
    }

    fn apply_balance(&mut self, change: &BalanceChange) {
        let balances = self.balances.as_mut().expect("balances change only after the first snapshot");
        assert_eq!(
            balances.remove(&change.currency),
            change.before,
            "the balance of {} before the change",
            change.currency
        );
        balances.extend(change.after.clone().map(|after| (change.currency.clone(), after)));
        let amount = |balance: &Option<Balance>| balance.as_ref().map_or(Decimal::ZERO, |it| it.amount);
        if let Some(by) = change.by() {
            let sum = amount(&change.before).checked_add(by);
            assert_eq!(sum, Some(amount(&change.after)), "{change:?}");
        }
    }

    /// Asserts that the changes add up to the state. All delivered items must have been read.
    pub(crate) fn assert_matches(&mut self, current: &CurrentAccount) {
        if let (Some(known), Some(state)) = (&self.balances, &current.balances) {
            assert!(known.values().eq(state.state().iter()), "balances from changes: {known:?}");
        }
        if let Some(state) = &current.open_orders {
            let state: BTreeSet<OrderId> = state.state().iter().map(|order| order.id.clone()).collect();
            let known = self.open.get_or_insert_with(|| state.clone());
            assert_eq!(*known, state, "open orders from changes");
        }
    }

    /// Sets the open orders of the first snapshot. Without it, the first comparison with the state sets them.
    pub(crate) fn set_initial_orders(&mut self, open: impl Iterator<Item = OrderId>) {
        self.open.get_or_insert_with(|| open.collect());
    }

    pub(crate) fn balances(&self) -> Option<&BTreeMap<Currency, Balance>> {
        self.balances.as_ref()
    }

    pub(crate) fn open_orders(&self) -> Option<&BTreeSet<OrderId>> {
        self.open.as_ref()
    }
}
