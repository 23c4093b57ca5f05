//! A replica of the account, which is rebuilt from the messages of all four streams.

use std::collections::BTreeMap;

use bitopro_model::{Balance, Currency, Message, Order, OrderId, Trade};
use bitopro_sim::ActiveUpdates;

#[derive(Debug, Default)]
pub(crate) struct Replica {
    pub(crate) balances: BTreeMap<Currency, Balance>,
    pub(crate) open: BTreeMap<OrderId, Order>,
    pub(crate) history: Vec<Order>,
    pub(crate) trades: Vec<Trade>,
}

impl Replica {
    pub(crate) fn open_orders(&self) -> Vec<Order> {
        self.open.values().cloned().collect()
    }

    /// Applies the first message of a connection.
    pub(crate) fn apply_snapshot(&mut self, text: &str) {
        match Message::from_json(text).unwrap() {
            Message::AccountBalance(_) => self.balances.clear(),
            Message::ActiveOrders(_) => self.open.clear(),
            Message::HistoryOrders(_) => self.history.clear(),
            Message::UserTrade(_) => {}
            other => panic!("unexpected first message {other:?}"),
        }
        self.apply_update(text, ActiveUpdates::Changed);
    }

    pub(crate) fn apply_update(&mut self, text: &str, updates: ActiveUpdates) {
        match Message::from_json(text).unwrap() {
            Message::AccountBalance(event) => {
                self.balances.extend(event.data.into_iter().map(|b| (b.currency.clone(), b)));
            }
            Message::ActiveOrders(event) => {
                if updates == ActiveUpdates::WholePair {
                    let (pair, _) = event.data.by_pair().next().unwrap();
                    self.open.retain(|_, order| order.pair != *pair);
                }
                for order in &event.data {
                    self.open.insert(order.id.clone(), order.clone());
                    if order.is_final() {
                        self.open.remove(&order.id);
                    }
                }
            }
            Message::HistoryOrders(event) => {
                for order in &event.data {
                    self.open.remove(&order.id);
                    self.history.push(order.clone());
                }
            }
            Message::UserTrade(event) => self.trades.push(event.data),
            other => panic!("unexpected message {other:?}"),
        }
    }
}
