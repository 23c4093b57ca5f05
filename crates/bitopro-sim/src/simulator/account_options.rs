use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use bitopro_auth::Credentials;
use bitopro_model::{Balance, Currency, Decimal};

use crate::exchange::account::accounts::Accounts;
use crate::exchange::account::rank::Rank;
use crate::exchange::account::{demo, holdings};
use crate::{Account, AccountId, SimCredentials};

/// The accounts of a simulator, of which there is at least one.
#[derive(Debug, Clone)]
pub(super) struct AccountOptions {
    pub(super) first: AccountOption,
    others: Vec<AccountOption>,
    /// The ranks by the names of accounts.
    ranks: BTreeMap<String, u8>,
}

#[derive(Debug, Clone)]
pub(super) struct AccountOption {
    name: String,
    pub(super) credentials: SimCredentials,
    /// `None` for those of the first account.
    balances: Option<Vec<Balance>>,
}

impl AccountOptions {
    pub(super) fn demo() -> Self {
        let (name, balances) = ("demo".to_owned(), Some(demo::balances(demo::COUNT)));
        let first = AccountOption { name, credentials: SimCredentials::demo(), balances };
        Self { first, others: Vec::new(), ranks: BTreeMap::new() }
    }

    pub(super) fn set_first_balances(&mut self, balances: Vec<Balance>) {
        self.first.balances = Some(balances);
    }

    pub(super) fn add(&mut self, name: String, credentials: SimCredentials, balances: Option<Vec<Balance>>) {
        self.others.push(AccountOption { name, credentials, balances });
    }

    pub(super) fn set_rank(&mut self, name: String, rank: u8) {
        self.ranks.insert(name, rank);
    }

    /// Returns the credentials of an account, which must be one of these.
    pub(super) fn credentials_of(&self, account: AccountId) -> &SimCredentials {
        let option = self.iter().nth(account.index()).unwrap_or(&self.first);
        &option.credentials
    }

    pub(super) fn to_accounts(&self) -> Accounts {
        let account = |index, option: &AccountOption| {
            let balances = option.balances.as_ref().or(self.first.balances.as_ref());
            let holdings = holdings::by_currency(balances.into_iter().flatten().cloned());
            let rank = self.ranks.get(&option.name).and_then(|rank| Rank::from_number(*rank));
            Account::new(AccountId::from_index(index), option.name.as_str(), holdings)
                .with_rank(rank.unwrap_or(Rank::LOWEST))
        };
        let mut accounts = Accounts::new(account(0, &self.first));
        for (index, option) in (1..).zip(&self.others) {
            accounts.add(account(index, option));
        }
        accounts
    }

    /// Returns the credentials of the accounts in order, and adds every problem with the options.
    pub(super) fn check(&self, problems: &mut Vec<String>) -> Vec<Credentials> {
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        let mut valid = Vec::new();
        for AccountOption { name, credentials, balances } in self.iter() {
            if name.is_empty() || name.contains(char::is_whitespace) {
                problems.push(format!("account name `{name}` is not a single word"));
            }
            if !names.insert(name) {
                problems.push(format!("duplicate account name `{name}`"));
            }
            if !keys.insert(&credentials.api_key) {
                problems.push(format!("duplicate API key of account `{name}`"));
            }
            check_balances(balances.as_deref().unwrap_or_default(), problems);
            match credentials.to_credentials() {
                Ok(credentials) => valid.push(credentials),
                Err(error) => problems.push(error.to_string()),
            }
        }
        for (name, rank) in &self.ranks {
            if !names.contains(name) {
                problems.push(format!("unknown account `{name}` with rank {rank}"));
            }
            if Rank::from_number(*rank).is_none() {
                problems.push(format!("rank {rank} of account `{name}` is not from 0 to 6"));
            }
        }
        valid
    }

    fn iter(&self) -> impl Iterator<Item = &AccountOption> {
        iter::once(&self.first).chain(&self.others)
    }
}

fn check_balances(balances: &[Balance], problems: &mut Vec<String>) {
    let mut seen: BTreeSet<&Currency> = BTreeSet::new();
    for Balance { currency, amount, available, .. } in balances {
        if !seen.insert(currency) {
            problems.push(format!("duplicate currency `{currency}` in `balances`"));
        }
        if !(Decimal::ZERO..=*amount).contains(available) {
            problems.push(format!(
                "available amount {available} of `{currency}` in `balances` is not between 0 and {amount}"
            ));
        }
    }
}
