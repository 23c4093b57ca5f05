//! Rules that hold for any input from an exchange. The fuzz target `session` includes this module too.

mod changes;
mod dials;
mod items;

use bitopro_client::CurrentAccount;
use bitopro_client::model::PrivateStream;

pub(crate) use changes::AccountFromChanges;
pub(crate) use dials::Dials;
pub(crate) use items::Items;

/// Returns whether the state of each stream is known and fresh.
pub(crate) fn freshness(current: &CurrentAccount) -> [(PrivateStream, bool); 4] {
    let CurrentAccount { balances, open_orders, closed_orders, trades, .. } = current;
    [
        (PrivateStream::AccountBalance, balances.as_ref().is_some_and(|part| !part.is_stale())),
        (PrivateStream::ActiveOrders, open_orders.as_ref().is_some_and(|part| !part.is_stale())),
        (PrivateStream::HistoryOrders, closed_orders.as_ref().is_some_and(|part| !part.is_stale())),
        (PrivateStream::UserTrades, trades.as_ref().is_some_and(|part| !part.is_stale())),
    ]
}
