//! An exchange with one account, whose market price is an argument, for tests.

use std::ops::Deref;

use bitopro_model::{Currency, Decimal, Order, OrderId, Timestamp, Trade};

use super::MatchingEngine;
use crate::exchange::account::accounts::Accounts;
use crate::exchange::account::{Account, OrderChange, demo};
use crate::exchange::book::maker_quotes::MakerQuotes;
use crate::{AccountId, CommandError, Holdings, NewOrder, Quirks};

#[derive(Debug, Clone)]
pub(crate) struct SingleAccount(MatchingEngine);

/// The last change of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastChange {
    pub(crate) order: Order,
    pub(crate) trade: Option<Trade>,
}

impl From<OrderChange> for LastChange {
    fn from(change: OrderChange) -> Self {
        Self { order: change.record.order, trade: change.trade.map(|record| record.trade) }
    }
}

type Changed = Result<LastChange, CommandError>;

const ID: AccountId = AccountId::DEFAULT;

impl SingleAccount {
    pub(crate) fn new(holdings: Holdings, quirks: Quirks) -> Self {
        let account = Account::new(ID, "demo", holdings);
        Self(MatchingEngine::new(Accounts::new(account), quirks))
    }

    pub(crate) fn trade_like_demo(&mut self, now: Timestamp) {
        demo::trade(&mut self.0, now);
    }

    pub(crate) fn holdings(&self) -> &Holdings {
        self.balances()
    }

    pub(crate) fn set_holdings(&mut self, now: Timestamp, holdings: Holdings) -> Vec<LastChange> {
        self.0.set_holdings(now, ID, holdings).unwrap().into_iter().map(LastChange::from).collect()
    }

    pub(crate) fn deposit(&mut self, currency: &Currency, amount: Decimal) -> Result<(), CommandError> {
        self.0.deposit(Timestamp::from_millis(0), ID, currency.clone(), amount)
    }

    pub(crate) fn place(&mut self, now: Timestamp, new: &NewOrder, market: Option<Decimal>) -> Changed {
        self.0.quote(new.pair.clone(), MakerQuotes::at(market));
        self.0.place(now, ID, new).map(|(_, changes)| changes.last().unwrap().clone().into())
    }

    pub(crate) fn fill(&mut self, now: Timestamp, id: &OrderId, volume: Option<Decimal>) -> Changed {
        self.0.fill(now, ID, id, volume).map(LastChange::from)
    }

    pub(crate) fn cancel(&mut self, now: Timestamp, id: &OrderId) -> Changed {
        self.0.cancel(now, ID, id).map(LastChange::from)
    }

    pub(crate) fn trigger(&mut self, now: Timestamp, id: &OrderId) -> Changed {
        self.trigger_at(now, id, None)
    }

    pub(crate) fn trigger_at(&mut self, now: Timestamp, id: &OrderId, market: Option<Decimal>) -> Changed {
        let pair = self.order(id).map(|order| order.pair.clone());
        pair.map(|pair| self.0.quote(pair, MakerQuotes::at(market)));
        self.0.trigger(now, ID, id).map(|changes| changes.last().unwrap().clone().into())
    }
}

impl Deref for SingleAccount {
    type Target = Account;

    fn deref(&self) -> &Account {
        self.0.accounts().first()
    }
}
