use std::collections::BTreeMap;

use bitopro_model::{AccountBalance, Balance, Balances, Currency};

use super::{Followed, StreamState};
use crate::Settings;

/// The balances of an account, by currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceBook(BTreeMap<Currency, Balance>);

impl BalanceBook {
    /// The balance of a currency, by its uppercase code.
    pub fn get(&self, currency: &str) -> Option<&Balance> {
        self.0.get(currency)
    }

    /// All balances, by currency in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Balance> {
        self.0.values()
    }

    /// How many currencies there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no currency at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Followed for Balances {
    type State = BalanceBook;
}

impl StreamState for BalanceBook {
    type Data = Balances;

    fn new(_: &Settings) -> Self {
        Self(BTreeMap::new())
    }

    fn replace(&mut self, event: &AccountBalance) {
        self.0.clear();
        self.apply(event);
    }

    fn apply(&mut self, event: &AccountBalance) -> bool {
        for balance in &event.data {
            match self.0.get_mut(&balance.currency) {
                Some(known) => known.clone_from(balance),
                None => {
                    self.0.insert(balance.currency.clone(), balance.clone());
                }
            }
        }
        true
    }

    fn to_data(&self) -> Option<Balances> {
        Some(self.iter().cloned().collect())
    }
}
