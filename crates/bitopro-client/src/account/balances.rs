use std::collections::{BTreeMap, BTreeSet, btree_map};

use bitopro_model::{AccountBalance, Balance, Currency};

use super::change::{BalanceChange, Change, ChangeSink};

/// The balances of an account, by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalanceMap(BTreeMap<Currency, Balance>);

impl BalanceMap {
    /// Returns the balance of a currency. The case of its code is ignored.
    pub fn get(&self, currency: &str) -> Option<&Balance> {
        self.0.get(&Currency::new(currency))
    }

    /// Returns all balances, in alphabetical order of their currencies.
    pub fn iter(&self) -> btree_map::Values<'_, Currency, Balance> {
        self.0.values()
    }

    /// Returns the number of currencies.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no balances.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces all balances with those of a snapshot.
    pub(super) fn replace(&mut self, event: &AccountBalance, sink: &mut ChangeSink<'_>) {
        let new = || event.data.iter().map(|balance| (balance.currency.clone(), balance.clone()));
        if !sink.is_enabled() {
            self.0.clear();
            return self.0.extend(new());
        }
        let old = std::mem::replace(&mut self.0, new().collect());
        let currencies: BTreeSet<&Currency> = old.keys().chain(self.0.keys()).collect();
        for currency in currencies {
            let (before, after) = (old.get(currency), self.0.get(currency));
            if before != after {
                sink.push(|| change(currency, before, after, true));
            }
        }
    }

    /// Applies the balances of an update.
    pub(super) fn update(&mut self, event: &AccountBalance, across_gap: bool, sink: &mut ChangeSink<'_>) {
        for balance in &event.data {
            let known = self.0.get_mut(&balance.currency);
            if sink.is_enabled() && known.as_deref() != Some(balance) {
                sink.push(|| change(&balance.currency, known.as_deref(), Some(balance), across_gap));
            }
            match known {
                Some(known) => known.clone_from(balance),
                None => {
                    self.0.insert(balance.currency.clone(), balance.clone());
                }
            }
        }
    }
}

impl<'a> IntoIterator for &'a BalanceMap {
    type Item = &'a Balance;
    type IntoIter = btree_map::Values<'a, Currency, Balance>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn change(
    currency: &Currency,
    before: Option<&Balance>,
    after: Option<&Balance>,
    across_gap: bool,
) -> Change {
    let (before, after) = (before.cloned(), after.cloned());
    Change::Balance(BalanceChange { currency: currency.clone(), before, after, across_gap })
}
