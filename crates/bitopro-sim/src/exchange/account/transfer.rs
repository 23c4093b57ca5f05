use bitopro_model::{Currency, Decimal, Timestamp};

/// A deposit, or a withdrawal if the amount is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// The transfer's position among all transfers and orders of the exchange.
    pub(crate) number: u64,
    pub(crate) currency: Currency,
    pub(crate) amount: Decimal,
    pub(crate) time: Timestamp,
}
