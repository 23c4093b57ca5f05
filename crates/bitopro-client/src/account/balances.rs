use std::collections::BTreeSet;
use std::slice;

use bitopro_model::{AccountBalance, Balance, Currency};

use super::change::{BalanceChange, Change, ChangeSink};

/// The balances of an account, by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalanceMap {
    /// In alphabetical order of their currencies.
    balances: Vec<Balance>,
    /// The [`search_key`] of each balance. Searching these numbers is several times faster than comparing texts.
    keys: Vec<u64>,
}

impl BalanceMap {
    /// Returns the balance of a currency. The case of its code is ignored.
    pub fn get(&self, currency: &str) -> Option<&Balance> {
        let known = self.position(&Currency::new(currency)).ok()?;
        self.balances.get(known)
    }

    /// Returns all balances, in alphabetical order of their currencies.
    pub fn iter(&self) -> slice::Iter<'_, Balance> {
        self.balances.iter()
    }

    /// Returns the number of currencies.
    pub fn len(&self) -> usize {
        self.balances.len()
    }

    /// Returns whether there are no balances.
    pub fn is_empty(&self) -> bool {
        self.balances.is_empty()
    }

    fn position(&self, currency: &Currency) -> Result<usize, usize> {
        let key = search_key(currency);
        let first = self.keys.partition_point(|known| *known < key);
        let is_before = |(known, balance): &(&u64, &Balance)| **known == key && balance.currency < *currency;
        let others = self.keys.iter().zip(&self.balances).skip(first).take_while(is_before).count();
        let place = first + others;
        match self.balances.get(place) {
            Some(balance) if balance.currency == *currency => Ok(place),
            _ => Err(place),
        }
    }

    /// Replaces all balances with those of a snapshot.
    pub(super) fn replace(&mut self, event: &AccountBalance, sink: &mut ChangeSink<'_>) {
        let old = if sink.is_enabled() { std::mem::take(self) } else { Self::default() };
        self.balances.clear();
        self.balances.extend(event.data.iter().cloned());
        self.balances.sort_by(|a, b| a.currency.cmp(&b.currency));
        // The last one of several balances of a currency remains.
        self.balances.dedup_by(|later, earlier| {
            let is_same = later.currency == earlier.currency;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        self.keys.clear();
        self.keys.extend(self.balances.iter().map(|balance| search_key(&balance.currency)));
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
            let known = position.ok().and_then(|known| self.balances.get_mut(known));
            if sink.is_enabled() && known.as_deref() != Some(balance) {
                sink.push(|| change(&balance.currency, known.as_deref(), Some(balance), across_gap));
            }
            match (known, position) {
                (Some(known), _) => known.clone_from(balance),
                (None, Ok(place) | Err(place)) => {
                    self.balances.insert(place, balance.clone());
                    self.keys.insert(place, search_key(&balance.currency));
                }
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

/// Returns the first eight bytes of a code in lowercase as a number, so that numbers have the order of their codes.
fn search_key(currency: &Currency) -> u64 {
    let mut key = [0; 8];
    for (byte, code) in key.iter_mut().zip(currency.as_str().bytes()) {
        *byte = code.to_ascii_lowercase();
    }
    u64::from_be_bytes(key)
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
