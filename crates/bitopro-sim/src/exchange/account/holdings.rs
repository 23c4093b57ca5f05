use std::collections::BTreeMap;

use bitopro_model::{Balance, Balances, Currency};

/// The balances of an account, by currency.
pub type Holdings = BTreeMap<Currency, Balance>;

/// Returns the balances in `after` that are new or differ from `before`.
///
/// A removed currency has no balance to send, so only the next snapshot shows its removal.
pub(crate) fn changed(before: &Holdings, after: &Holdings) -> Balances {
    after
        .iter()
        .filter(|(currency, balance)| before.get(*currency) != Some(*balance))
        .map(cloned_balance)
        .collect()
}

pub(crate) fn all(holdings: &Holdings) -> Balances {
    holdings.iter().map(cloned_balance).collect()
}

/// Collects balances by currency. A later balance replaces an earlier one of the same currency.
pub(crate) fn by_currency(balances: impl IntoIterator<Item = Balance>) -> Holdings {
    balances.into_iter().map(|balance| (balance.currency.clone(), balance)).collect()
}

fn cloned_balance((_, balance): (&Currency, &Balance)) -> Balance {
    balance.clone()
}
