//! The settlement of a match: what is paid, what is received, and the fee.

use bitopro_model::{Action, Balance, Currency, Decimal};

use crate::exchange::exact::{difference, product_cut_off, sum};
use crate::{CommandError, Holdings};

/// The fee of a trade, taken from what is received: 0.1 %.
pub(crate) const FEE: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// A match of one of the account's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fill {
    /// In upper case, as `quote` is.
    pub(crate) base: Currency,
    pub(crate) quote: Currency,
    pub(crate) action: Action,
    pub(crate) price: Decimal,
    /// The amount of the base currency.
    pub(crate) volume: Decimal,
    /// The amount of the quote currency.
    pub(crate) total: Decimal,
    /// In the currency that the account receives.
    pub(crate) fee: Decimal,
}

impl Fill {
    pub(crate) fn new(
        base: Currency,
        quote: Currency,
        action: Action,
        price: Decimal,
        volume: Decimal,
    ) -> Result<Self, CommandError> {
        let total = product_cut_off(volume, price).ok_or(CommandError::Inexact)?;
        let received = match action {
            Action::Buy => volume,
            Action::Sell => total,
            unknown => return Err(CommandError::NotAnAction(unknown)),
        };
        let fee = product_cut_off(received, FEE).ok_or(CommandError::Inexact)?;
        Ok(Self { base, quote, action, price, volume, total, fee })
    }

    fn buys(&self) -> bool {
        self.action == Action::Buy
    }

    /// The currency that is paid, and how much of it.
    pub(crate) fn paid(&self) -> (&Currency, Decimal) {
        if self.buys() { (&self.quote, self.total) } else { (&self.base, self.volume) }
    }

    /// The currency that is received, and how much of it before the fee.
    fn received(&self) -> (&Currency, Decimal) {
        if self.buys() { (&self.base, self.volume) } else { (&self.quote, self.total) }
    }

    /// Moves both balances, of which `released` was locked for what is paid; or neither, if they cannot.
    pub(crate) fn settle(&self, holdings: &mut Holdings, released: Decimal) -> Result<(), CommandError> {
        let (currency, paid) = self.paid();
        let payer = tradable(holdings, currency)?;
        let freed = difference(released, paid).ok_or(CommandError::Inexact)?;
        let payer = moved(payer, -paid, freed)?;
        let (currency, gained) = self.received();
        let gained = difference(gained, self.fee).ok_or(CommandError::Inexact)?;
        let gainer = moved(tradable(holdings, currency)?, gained, gained)?;
        for balance in [payer, gainer] {
            holdings.insert(balance.currency.clone(), balance);
        }
        Ok(())
    }
}

/// The balance of a currency, if it can be traded.
pub(crate) fn tradable<'a>(holdings: &'a Holdings, currency: &Currency) -> Result<&'a Balance, CommandError> {
    let balance = holdings.get(currency).filter(|balance| balance.tradable != Some(false));
    balance.ok_or_else(|| CommandError::NotTradable(currency.clone()))
}

/// Returns the balance after these changes of the whole and of what is available.
pub(crate) fn moved(balance: &Balance, amount: Decimal, available: Decimal) -> Result<Balance, CommandError> {
    let mut moved = balance.clone();
    moved.amount = sum(balance.amount, amount).ok_or(CommandError::Inexact)?;
    moved.available = sum(balance.available, available).ok_or(CommandError::Inexact)?;
    if moved.available < Decimal::ZERO || moved.available > moved.amount {
        return Err(CommandError::Insufficient(balance.currency.clone()));
    }
    Ok(moved)
}
