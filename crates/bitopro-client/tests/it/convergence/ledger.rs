use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{Balance, Currency, Decimal, Message, Order, OrderId, OrderStatus};
use bitopro_client::{AccountItem, Change, Changes, Item, OrderChange};
use bitopro_sim::Simulator;

/// An account kept by its changes alone, from what stood there at first.
pub(super) struct Ledger {
    changes: Changes,
    /// By currency: the balance, and the amount as all changes add up to.
    balances: Option<BTreeMap<Currency, (Balance, Decimal)>>,
    open: Option<BTreeMap<OrderId, Order>>,
    /// How each order ended.
    ended: BTreeMap<OrderId, OrderStatus>,
    /// What had ended before anybody looked.
    before: Option<BTreeSet<OrderId>>,
}

impl Ledger {
    pub(super) fn new(changes: Changes) -> Self {
        Self { changes, balances: None, open: None, ended: BTreeMap::new(), before: None }
    }

    pub(super) fn apply(&mut self, item: &AccountItem, what: &str) {
        for change in self.changes.apply(item) {
            self.change(change, what);
        }
        match item {
            AccountItem { item: Item::Snapshot(Message::AccountBalance(event)), .. } => {
                self.balances.get_or_insert_with(|| {
                    let each = event.data.iter();
                    each.map(|it| (it.currency.clone(), (it.clone(), it.amount))).collect()
                });
            }
            AccountItem { item: Item::Snapshot(Message::ActiveOrders(event)), .. } => {
                let (ended, before) = (&self.ended, self.before.iter().flatten().collect::<BTreeSet<_>>());
                self.open.get_or_insert_with(|| {
                    let open = event.data.iter().filter(|order| order.is_open());
                    let open = open.filter(|it| !ended.contains_key(&it.id) && !before.contains(&it.id));
                    open.map(|order| (order.id.clone(), order.clone())).collect()
                });
            }
            AccountItem { item: Item::Snapshot(Message::HistoryOrders(event)), .. } => {
                self.before.get_or_insert_with(|| event.data.iter().map(|order| order.id.clone()).collect());
            }
            _ => {}
        }
    }

    fn change(&mut self, change: Change, what: &str) {
        match change {
            Change::Balance(change) => {
                let balances = self.balances.as_mut().expect("a change from what nobody knows");
                let (before, sum) = balances.remove(&change.currency).unzip();
                assert_eq!(before, change.before, "{what}: {} did not stand so", change.currency);
                let sum = sum.unwrap_or(Decimal::ZERO) + change.by().unwrap();
                balances.extend(change.after.map(|after| (change.currency, (after, sum))));
            }
            Change::OrderOpened(change) => {
                let before = self.open_orders().insert(change.order.id.clone(), change.order.clone());
                assert_eq!(before, None, "{what}: {} was open already", change.order.id);
            }
            Change::OrderTriggered(change) => assert!(change.order.is_open(), "{what}: {change:?}"),
            Change::OrderPartlyFilled(change) => {
                assert!(change.executed().unwrap() > Decimal::ZERO, "{what}: {change:?}");
                assert!(change.order.is_open(), "{what}: {change:?}");
            }
            Change::OrderMissing(change) => {
                let known = self.open_orders().remove(&change.order.id);
                assert!(known.is_some(), "{what}: {change:?}");
            }
            Change::OrderFilled(change) => self.end(&change, OrderStatus::Completed, what),
            Change::OrderEndedPartlyFilled(change) => {
                self.end(&change, OrderStatus::CompletedPartialDeal, what);
            }
            Change::OrderCancelled(change) => self.end(&change, OrderStatus::Cancelled, what),
            Change::OrderRejectedPostOnly(change) => self.end(&change, OrderStatus::PostOnlyCancelled, what),
            other => panic!("{what}: {other:?}"),
        }
    }

    fn open_orders(&mut self) -> &mut BTreeMap<OrderId, Order> {
        self.open.as_mut().expect("a change of orders that nobody knows")
    }

    fn end(&mut self, change: &OrderChange, status: OrderStatus, what: &str) {
        let id = &change.order.id;
        if let Some(open) = &mut self.open {
            open.remove(id);
        }
        assert_eq!(change.order.status, status, "{what}: {change:?}");
        assert_eq!(self.ended.insert(id.clone(), status), None, "{what}: {id} ended twice");
    }

    /// Compares with the truth. `how` tells whether everything that ended can be known.
    pub(super) fn assert_agrees(&self, simulator: &Simulator, knows_all_ends: bool, what: &str) {
        let balances = self.balances.iter().flatten();
        let balances: BTreeMap<_, _> =
            balances.map(|(currency, (balance, _))| (currency.clone(), balance.clone())).collect();
        assert_eq!(balances, simulator.balances(), "{what}: the balances by their changes");
        for (currency, (balance, sum)) in self.balances.iter().flatten() {
            assert_eq!(balance.amount, *sum, "{what}: the changes of {currency} add up");
        }
        let open: BTreeSet<_> = self.open.iter().flatten().map(|(id, _)| id.clone()).collect();
        let truth: BTreeSet<_> = simulator.open_orders().into_iter().map(|order| order.id).collect();
        assert_eq!(open, truth, "{what}: the open orders by their changes");
        for order in simulator.history() {
            let id = &order.id;
            if self.before.as_ref().is_some_and(|before| before.contains(id)) {
                continue;
            }
            match self.ended.get(id) {
                Some(told) => assert_eq!(*told, order.status, "{what}: how {id} ended"),
                None => assert!(!knows_all_ends, "{what}: nothing told that {id} ended"),
            }
        }
    }
}
