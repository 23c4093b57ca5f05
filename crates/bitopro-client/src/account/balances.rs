use std::collections::BTreeSet;
use std::slice;

use bitopro_model::{AccountBalance, Balance, Currency};

use super::change::{BalanceChange, Change, ChangeSink};

/// The balances of an account, by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalanceMap(Vec<Balance>);

impl BalanceMap {
    /// Returns the balance of a currency. The case of its code is ignored.
    pub fn get(&self, currency: &str) -> Option<&Balance> {
        let known = self.position(&Currency::new(currency)).ok()?;
        self.0.get(known)
    }

    /// Returns all balances, in alphabetical order of their currencies.
    pub fn iter(&self) -> slice::Iter<'_, Balance> {
        self.0.iter()
    }

    /// Returns the number of currencies.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no balances.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, currency: &Currency) -> Result<usize, usize> {
        self.0.binary_search_by(|balance| balance.currency.cmp(currency))
    }

    /// Replaces all balances with those of a snapshot.
    pub(super) fn replace(&mut self, event: &AccountBalance, sink: &mut ChangeSink<'_>) {
        let old = if sink.is_enabled() { std::mem::take(self) } else { Self::default() };
        self.0.clear();
        self.0.extend(event.data.iter().cloned());
        self.0.sort_by(|a, b| a.currency.cmp(&b.currency));
        // The last one of several balances of a currency remains.
        self.0.dedup_by(|later, earlier| {
            let is_same = later.currency == earlier.currency;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        if !sink.is_enabled() {
            return;
        }
        let currencies: BTreeSet<&Currency> =
            old.iter().chain(self.iter()).map(|balance| &balance.currency).collect();
        for currency in currencies {
            let (before, after) = (old.get(currency.as_str()), self.get(currency.as_str()));
            if before != after {
                sink.push(|| change(currency, before, after, true));
            }
        }
    }

    /// Applies the balances of an update.
    pub(super) fn update(&mut self, event: &AccountBalance, across_gap: bool, sink: &mut ChangeSink<'_>) {
        for balance in &event.data {
            let position = self.position(&balance.currency);
            let known = position.ok().and_then(|known| self.0.get_mut(known));
            if sink.is_enabled() && known.as_deref() != Some(balance) {
                sink.push(|| change(&balance.currency, known.as_deref(), Some(balance), across_gap));
            }
            match (known, position) {
                (Some(known), _) => known.clone_from(balance),
                (None, Ok(place) | Err(place)) => self.0.insert(place, balance.clone()),
            }
        }
    }
}

impl<'a> IntoIterator for &'a BalanceMap {
    type Item = &'a Balance;
    type IntoIter = slice::Iter<'a, Balance>;

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
