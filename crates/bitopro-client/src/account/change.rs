//! Changes of an account: an order was opened, filled or cancelled, a balance changed by an amount.

use std::fmt;

use bitopro_model::{Balance, Currency, Decimal, Order, exact_sub};

use super::Account;
use crate::Settings;
use crate::item::AccountItem;

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "change", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Change {
    /// A balance is not what it was.
    Balance(BalanceChange),
    /// An order is open that was not.
    OrderOpened(OrderChange),
    /// A stop order was triggered.
    OrderTriggered(OrderChange),
    /// More of an open order was executed.
    OrderPartiallyFilled(OrderChange),
    /// An order was executed whole.
    OrderFilled(OrderChange),
    /// An order is over, executed in part (status 3).
    OrderClosedPartiallyFilled(OrderChange),
    /// An order was cancelled.
    OrderCancelled(OrderChange),
    /// A post-only order was cancelled, since it would have matched immediately.
    OrderRejectedPostOnly(OrderChange),
    /// An order is no longer listed as open, or the history has it with an unknown status: it is closed, and the reason
    /// is not known. If the history reports the reason later, that is a separate change; if the order is listed again,
    /// it is opened again.
    OrderMissing(OrderChange),
}

/// The change of a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BalanceChange {
    /// The currency.
    pub currency: Currency,
    /// The balance as it was known before, if the currency was there.
    pub before: Option<Balance>,
    /// The balance as it is known now, unless the currency is gone.
    pub after: Option<Balance>,
    /// Set if something may have been missed in between, so that this may be the sum of several changes: the stream was
    /// without a connection, or since the last snapshot a message could not be read or contradicted another.
    pub across_gap: bool,
}

impl BalanceChange {
    /// Returns the change of the total, if it can be represented exactly. A currency that was not there counts as zero, as
    /// the exchange shows one that is not held.
    pub fn by(&self) -> Option<Decimal> {
        let amount =
            |balance: &Option<Balance>| balance.as_ref().map_or(Decimal::ZERO, |balance| balance.amount);
        exact_sub(amount(&self.after), amount(&self.before))
    }
}

/// The change of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OrderChange {
    /// The order as it is known now; of one that is missing, as it was last known.
    pub order: Order,
    /// The order as it was known before, if it was.
    pub before: Option<Order>,
    /// Set if something may have been missed in between, so that this may be the sum of several changes.
    pub across_gap: bool,
}

impl OrderChange {
    /// Returns the amount that was executed since the order was last known, if that can be represented exactly.
    pub fn executed(&self) -> Option<Decimal> {
        let before = self.before.as_ref().map_or(Decimal::ZERO, |before| before.executed_amount);
        exact_sub(self.order.executed_amount, before)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Balance(change) => change.fmt(f),
            Self::OrderOpened(change) => change.describe("opened", f),
            Self::OrderTriggered(change) => change.describe("triggered", f),
            Self::OrderPartiallyFilled(change) => change.describe("partly filled", f),
            Self::OrderFilled(change) => change.describe("filled", f),
            Self::OrderClosedPartiallyFilled(change) => change.describe("closed, partly filled", f),
            Self::OrderCancelled(change) => change.describe("cancelled", f),
            Self::OrderRejectedPostOnly(change) => change.describe("rejected (post-only)", f),
            Self::OrderMissing(change) => change.describe("no longer listed", f),
        }
    }
}

impl fmt::Display for BalanceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.currency)?;
        match &self.after {
            Some(after) => write!(f, "{} ({} available)", after.amount, after.available)?,
            None => f.write_str("no longer listed")?,
        }
        match self.by() {
            Some(by) if by.is_zero() => {}
            Some(by) if by.is_sign_negative() => write!(f, ", changed by {by}")?,
            Some(by) => write!(f, ", changed by +{by}")?,
            None => f.write_str(", changed by an amount that cannot be represented")?,
        }
        f.write_str(if self.across_gap { ", across a gap" } else { "" })
    }
}

impl OrderChange {
    fn describe(&self, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { id, pair, action, executed_amount, original_amount, .. } = &self.order;
        write!(
            f,
            "order {id} ({} {pair}) {what}: {executed_amount} of {original_amount} executed",
            action.as_str()
        )?;
        f.write_str(if self.across_gap { ", across a gap" } else { "" })
    }
}

/// The receiver of changes, if any.
pub(super) struct ChangeSink<'a>(Option<&'a mut Vec<Change>>);

impl ChangeSink<'_> {
    /// Creates a sink that wants no changes, so that none are made.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn push(&mut self, change: impl FnOnce() -> Change) {
        if let Some(changes) = &mut self.0 {
            changes.push(change());
        }
    }

    pub(super) fn reborrow(&mut self) -> ChangeSink<'_> {
        ChangeSink(self.0.as_deref_mut())
    }
}

/// Derives [`Change`]s from the items of an account. Each is derived from what was seen: what the first snapshot lists
/// is not a change, and what was found out after a gap is marked.
///
/// Created by [`Client::changes`](crate::Client::changes). The rules are those of the state, such as
/// [`OpenOrders`](crate::OpenOrders), but the items are those that were delivered.
#[derive(Debug)]
pub struct Changes(Account);

impl Changes {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Account::new(settings))
    }

    /// Returns what an item changed, in order. Pass every item of the account, in the order in which they arrived.
    pub fn apply(&mut self, item: &AccountItem) -> Vec<Change> {
        let mut changes = Vec::new();
        // A fresh snapshot, if one is needed, has been requested when the item arrived.
        let _ = self.0.apply_to(item.stream, &item.item, &mut ChangeSink(Some(&mut changes)));
        changes
    }
}
