//! Changes of an account, such as a filled order or a balance that changed by an amount.

use std::fmt;

use bitopro_model::{Balance, Currency, Decimal, Order, Stream, exact_sub};

use super::Account;
use crate::Settings;
use crate::item::StreamItem;

/// A difference that an item made to an account, derived by [`Changes`].
///
/// `Display` describes a change in one line.
///
/// # Examples
///
/// ```
/// use bitopro_client::Change;
///
/// /// Returns a line for each fill, and ignores other changes.
/// fn describe_fill(change: &Change) -> Option<String> {
///     match change {
///         Change::OrderPartiallyFilled(change)
///         | Change::OrderFilled(change)
///         | Change::OrderClosedPartiallyFilled(change) => {
///             let amount = change.executed().filter(|amount| !amount.is_zero())?;
///             Some(format!("order {} of {}: {amount} executed", change.order.id, change.order.pair))
///         }
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "change", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Change {
    /// A balance changed.
    Balance(BalanceChange),
    /// An order was opened, or is listed as open again.
    OrderOpened(OrderChange),
    /// A stop order was triggered.
    OrderTriggered(OrderChange),
    /// The executed amount of an open order increased.
    OrderPartiallyFilled(OrderChange),
    /// An order was executed completely.
    OrderFilled(OrderChange),
    /// An order was closed after a partial execution (status 3).
    OrderClosedPartiallyFilled(OrderChange),
    /// An order was cancelled.
    OrderCancelled(OrderChange),
    /// A post-only order was cancelled because it would have matched immediately.
    OrderRejectedPostOnly(OrderChange),
    /// An order was closed for an unknown reason: it is no longer listed as open, or the history lists it
    /// with an unknown status.
    ///
    /// If the history reports the reason later, that is a separate change. If the order is listed as open
    /// again, that is an [`OrderOpened`](Self::OrderOpened).
    OrderMissing(OrderChange),
}

/// A change of a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BalanceChange {
    /// The currency.
    pub currency: Currency,
    /// The balance before the change, or `None` if the currency was not listed.
    pub before: Option<Balance>,
    /// The balance after the change, or `None` if the currency is no longer listed.
    pub after: Option<Balance>,
    /// Set if something may have been missed before the change, so that it may be the sum of several changes.
    ///
    /// This is the case if the stream was disconnected, or if a message since the last snapshot could not be
    /// read or contradicted another one.
    pub across_gap: bool,
}

impl BalanceChange {
    /// Returns the change of the total amount, if it can be represented exactly.
    ///
    /// A currency that is not listed counts as zero, because the exchange lists currencies that are not held
    /// as zero.
    pub fn by(&self) -> Option<Decimal> {
        self.difference(|balance| balance.amount)
    }

    /// Returns the change of the available amount, like [`by`](Self::by).
    pub fn available_by(&self) -> Option<Decimal> {
        self.difference(|balance| balance.available)
    }

    fn difference(&self, amount: impl Fn(&Balance) -> Decimal) -> Option<Decimal> {
        let [before, after] =
            [&self.before, &self.after].map(|balance| balance.as_ref().map_or(Decimal::ZERO, &amount));
        exact_sub(after, before)
    }
}

/// A change of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OrderChange {
    /// The order after the change. If it is no longer listed, the order as last known.
    pub order: Order,
    /// The order before the change, or `None` if it was not known.
    pub before: Option<Order>,
    /// Set if something may have been missed before the change, so that it may be the sum of several changes.
    pub across_gap: bool,
}

impl OrderChange {
    /// Returns the amount that was executed between `before` and `order`, if it can be represented exactly.
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
        match &self.after {
            Some(after) => after.fmt(f)?,
            None => write!(f, "{}: no longer listed", self.currency)?,
        }
        match self.by() {
            Some(by) if by.is_zero() => {}
            Some(by) if by.is_sign_negative() => write!(f, ", changed by {by}")?,
            Some(by) => write!(f, ", changed by +{by}")?,
            None => f.write_str(", changed by an amount that cannot be represented exactly")?,
        }
        f.write_str(if self.across_gap { ", across a gap" } else { "" })
    }
}

impl OrderChange {
    fn describe(&self, event: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { id, pair, action, executed_amount, original_amount, .. } = &self.order;
        write!(
            f,
            "order {id} ({} {pair}) {event}: {executed_amount} of {original_amount} executed",
            action.as_str()
        )?;
        f.write_str(if self.across_gap { ", across a gap" } else { "" })
    }
}

/// Collects changes. If it is disabled, no changes are created.
pub(super) struct ChangeSink<'a>(Option<&'a mut Vec<Change>>);

impl<'a> ChangeSink<'a> {
    pub(super) fn new(changes: &'a mut Vec<Change>) -> Self {
        Self(Some(changes))
    }

    pub(super) fn disabled() -> Self {
        Self(None)
    }

    pub(super) fn is_enabled(&self) -> bool {
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

/// Derives [`Change`]s from the items of an account.
///
/// [`Client::changes`](crate::Client::changes) creates it. It applies the delivered items by the same rules
/// as the current state; [`OpenOrders`](crate::OpenOrders) describes these rules. Only observed differences
/// are changes: the content of the first snapshot is not a change, and changes found after a gap have
/// `across_gap` set.
///
/// # Examples
///
/// ```
/// use bitopro_client::model::{AccountBalance, Balance, Event, Timestamp};
/// use bitopro_client::{Client, Credentials, Item};
///
/// /// Creates a message like those that `Client::account` delivers.
/// fn balance(time: i64, amount: i64) -> AccountBalance {
///     Event::new(Timestamp::from_millis(time), [Balance::new("BTC", amount.into())].into_iter().collect())
/// }
///
/// # let (connector, _server) = bitopro_client::transport::memory::network();
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let mut changes = client.changes();
/// assert!(changes.apply(&Item::Snapshot(balance(1, 3)).into()).is_empty());
/// let found = changes.apply(&Item::Update(balance(2, 5)).into());
/// assert_eq!(found[0].to_string(), "BTC: 5 (5 available), changed by +2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Changes(Account);

impl Changes {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Account::new(settings))
    }

    /// Returns the changes that an item makes, in order.
    ///
    /// Pass every item of the account, in the order of delivery.
    pub fn apply<S: Copy + Into<Stream>>(&mut self, item: &StreamItem<S>) -> Vec<Change> {
        let mut changes = Vec::new();
        // Public streams do not change the account.
        let Stream::Private(stream) = item.stream.into() else { return changes };
        // If the item requires a new snapshot, the client requested that when the item arrived.
        let _ = self.0.apply_to(stream, &item.item, &mut ChangeSink::new(&mut changes));
        changes
    }
}
