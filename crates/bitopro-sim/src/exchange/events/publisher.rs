//! The messages of each stream: snapshots for new connections, and updates after changes.

use bitopro_model::{ActiveOrderStream, HistoryOrderStream, Order, Orders, PrivateStream, Timestamp};
use fastrand::Rng;

use crate::exchange::account::OrderChange;
use crate::exchange::account::holdings;
use crate::exchange::events::envelope::Envelopes;
use crate::{
    Account, AccountId, ActiveUpdates, BalanceUpdates, FinalOrders, HistoryOnConnect, Holdings, Push, Quirks,
    TradesOnConnect,
};

#[derive(Debug)]
pub(crate) struct Publisher {
    envelopes: Envelopes,
    quirks: Quirks,
}

impl Publisher {
    pub(crate) fn new(account: AccountId, ids: Rng, quirks: Quirks) -> Self {
        Self { envelopes: Envelopes::new(account, ids, quirks), quirks }
    }

    /// Returns the first message of a connection to a stream, if any.
    pub(crate) fn snapshot(
        &mut self,
        account: &Account,
        stream: PrivateStream,
        now: Timestamp,
    ) -> Option<Push> {
        let Self { envelopes, quirks } = self;
        match stream {
            PrivateStream::AccountBalance => Some(envelopes.push(now, holdings::all(account.balances()))),
            PrivateStream::ActiveOrders => {
                let open: Orders<ActiveOrderStream> = account.open_orders().cloned().collect();
                Some(envelopes.push(now, open))
            }
            PrivateStream::HistoryOrders => {
                let recent: Orders<HistoryOrderStream> = match quirks.history_on_connect {
                    HistoryOnConnect::Recent => account.closed_orders().cloned().collect(),
                    HistoryOnConnect::Empty => Orders::default(),
                };
                Some(envelopes.push(now, recent))
            }
            PrivateStream::UserTrades => match quirks.trades_on_connect {
                TradesOnConnect::Nothing => None,
                TradesOnConnect::Last => {
                    account.trades().next_back().map(|trade| envelopes.push(now, trade.clone()))
                }
            },
            _ => None,
        }
    }

    /// Returns the messages about a changed account, in order. `before` contains its previous balances.
    pub(crate) fn updates<'a>(
        &mut self,
        account: &Account,
        now: Timestamp,
        before: &Holdings,
        changes: impl Iterator<Item = &'a OrderChange>,
    ) -> Vec<Push> {
        let mut pushes = Vec::new();
        for change in changes {
            self.order_updates(account, now, change, &mut pushes);
        }
        pushes.extend(self.balance_update(account, now, before));
        pushes
    }

    /// Adds the messages about an order and its trade. That trades precede orders is an assumption.
    fn order_updates(
        &mut self,
        account: &Account,
        now: Timestamp,
        change: &OrderChange,
        pushes: &mut Vec<Push>,
    ) {
        let Self { envelopes, quirks } = self;
        let order = &change.record.order;
        pushes.extend(change.trade.as_ref().map(|record| envelopes.push(now, record.trade.clone())));
        let is_shown = !order.is_final() || quirks.final_orders == FinalOrders::Shown;
        let orders: Option<Vec<Order>> = match quirks.active_updates {
            ActiveUpdates::Changed => is_shown.then(|| vec![order.clone()]),
            ActiveUpdates::WholePair => {
                let open = account.open_orders().filter(|open| open.pair == order.pair);
                let closed = Some(order).filter(|order| order.is_final() && is_shown);
                Some(open.chain(closed).cloned().collect())
            }
        };
        if let Some(orders) = orders {
            let active: Orders<ActiveOrderStream> = [(order.pair.clone(), orders)].into_iter().collect();
            pushes.push(envelopes.push(now, active));
        }
        if order.is_final() {
            let closed: Orders<HistoryOrderStream> = [order.clone()].into_iter().collect();
            pushes.push(envelopes.push(now, closed));
        }
    }

    fn balance_update(&mut self, account: &Account, now: Timestamp, before: &Holdings) -> Option<Push> {
        let changed = holdings::changed(before, account.balances());
        if changed.is_empty() {
            return None;
        }
        let balances = match self.quirks.balance_updates {
            BalanceUpdates::Changed => changed,
            BalanceUpdates::All => holdings::all(account.balances()),
        };
        Some(self.envelopes.push(now, balances))
    }
}
