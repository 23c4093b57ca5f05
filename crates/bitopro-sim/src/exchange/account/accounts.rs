use std::iter;

use crate::exchange::account::Account;
use crate::{AccountId, CommandError};

/// The accounts of an exchange, of which there is at least one.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    first: Account,
    others: Vec<Account>,
}

impl Accounts {
    pub(crate) fn new(first: Account) -> Self {
        Self { first, others: Vec::new() }
    }

    /// Adds an account, which must have the next id.
    pub(crate) fn add(&mut self, account: Account) {
        self.others.push(account);
    }

    pub(crate) fn first(&self) -> &Account {
        &self.first
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        iter::once(&mut self.first).chain(&mut self.others)
    }

    pub(crate) fn get(&self, id: AccountId) -> Result<&Account, CommandError> {
        let other = id.index().checked_sub(1);
        let account = other.map_or(Some(&self.first), |other| self.others.get(other));
        account.ok_or_else(|| CommandError::UnknownAccount(id.index().to_string()))
    }

    pub(crate) fn get_mut(&mut self, id: AccountId) -> Result<&mut Account, CommandError> {
        let other = id.index().checked_sub(1);
        let account = match other {
            None => Some(&mut self.first),
            Some(other) => self.others.get_mut(other),
        };
        account.ok_or_else(|| CommandError::UnknownAccount(id.index().to_string()))
    }

    pub(crate) fn named(&self, name: &str) -> Result<&Account, CommandError> {
        let account = self.iter().find(|account| account.name() == name);
        account.ok_or_else(|| CommandError::UnknownAccount(name.to_owned()))
    }
}
