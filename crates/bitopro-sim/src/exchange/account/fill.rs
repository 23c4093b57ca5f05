//! The settlement of an execution: the amounts paid and received, and the fee.

use bitopro_model::{Action, Balance, Currency, Decimal};

use crate::exchange::exact::{difference, sum, truncated_product};
use crate::{CommandError, Holdings};

/// The part that an order has in a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The order was in the order book first.
    Maker,
    /// The order was matched with one in the order book.
    Taker,
}

/// The amounts of an execution of one of the account's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fill {
    /// In upper case, like `quote`.
    pub(crate) base: Currency,
    pub(crate) quote: Currency,
    pub(crate) action: Action,
    pub(crate) price: Decimal,
    /// The amount in the base currency.
    pub(crate) volume: Decimal,
    /// The amount in the quote currency.
    pub(crate) total: Decimal,
    /// In the currency that the account receives.
    pub(crate) fee: Decimal,
}

impl Fill {
    /// `fee_rate` is a fraction of the amount received.
    pub(crate) fn new(
        (base, quote): (Currency, Currency),
        action: Action,
        price: Decimal,
        volume: Decimal,
        fee_rate: Decimal,
    ) -> Result<Self, CommandError> {
        let total = truncated_product(volume, price).ok_or(CommandError::Inexact)?;
        let received = match action {
            Action::Buy => volume,
            Action::Sell => total,
            unknown => return Err(CommandError::NotAnAction(unknown)),
        };
        let fee = truncated_product(received, fee_rate).ok_or(CommandError::Inexact)?;
        Ok(Self { base, quote, action, price, volume, total, fee })
    }

    fn is_buy(&self) -> bool {
        self.action == Action::Buy
    }

    /// Returns the currency that is paid, and its amount.
    pub(crate) fn paid(&self) -> (&Currency, Decimal) {
        if self.is_buy() { (&self.quote, self.total) } else { (&self.base, self.volume) }
    }

    /// Returns the currency that is received, and its amount before the fee.
    fn received(&self) -> (&Currency, Decimal) {
        if self.is_buy() { (&self.base, self.volume) } else { (&self.quote, self.total) }
    }

    /// Updates both balances, or neither on an error. `released` is the amount that was locked for the
    /// payment.
    pub(crate) fn settle(&self, holdings: &mut Holdings, released: Decimal) -> Result<(), CommandError> {
        let (currency, paid) = self.paid();
        let payer = tradable_balance(holdings, currency)?;
        let available = difference(released, paid).ok_or(CommandError::Inexact)?;
        let debited = adjusted(payer, -paid, available)?;
        let (currency, received) = self.received();
        let net = difference(received, self.fee).ok_or(CommandError::Inexact)?;
        let credited = adjusted(tradable_balance(holdings, currency)?, net, net)?;
        for balance in [debited, credited] {
            holdings.insert(balance.currency.clone(), balance);
        }
        Ok(())
    }
}

/// Returns the balance of a currency, if it can be traded.
pub(crate) fn tradable_balance<'a>(
    holdings: &'a Holdings,
    currency: &Currency,
) -> Result<&'a Balance, CommandError> {
    let balance = holdings.get(currency).filter(|balance| balance.tradable != Some(false));
    balance.ok_or_else(|| CommandError::NotTradable(currency.clone()))
}

/// Returns the balance with these values added to its amount and its available amount.
pub(crate) fn adjusted(
    balance: &Balance,
    amount: Decimal,
    available: Decimal,
) -> Result<Balance, CommandError> {
    let mut adjusted = balance.clone();
    adjusted.amount = sum(balance.amount, amount).ok_or(CommandError::Inexact)?;
    adjusted.available = sum(balance.available, available).ok_or(CommandError::Inexact)?;
    if adjusted.available < Decimal::ZERO || adjusted.available > adjusted.amount {
        return Err(CommandError::Insufficient(balance.currency.clone()));
    }
    Ok(adjusted)
}
