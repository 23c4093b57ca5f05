use std::collections::BTreeMap;

use bitopro_model::{Balance, Balances, Currency};

/// The balances of an account, by currency.
pub type Holdings = BTreeMap<Currency, Balance>;

/// The balances of `after` that are new or not as they were in `before`.
///
/// A currency that is gone has no balance that could be sent: it shows in the next snapshot only.
pub(crate) fn changed(before: &Holdings, after: &Holdings) -> Balances {
    after.iter().filter(|(currency, balance)| before.get(*currency) != Some(*balance)).map(owned).collect()
}

pub(crate) fn all(holdings: &Holdings) -> Balances {
    holdings.iter().map(owned).collect()
}

/// Collects balances under their own currencies; of two of one currency, the later counts.
pub(crate) fn of(balances: impl IntoIterator<Item = Balance>) -> Holdings {
    balances.into_iter().map(|balance| (balance.currency.clone(), balance)).collect()
}

fn owned((_, balance): (&Currency, &Balance)) -> Balance {
    balance.clone()
}
