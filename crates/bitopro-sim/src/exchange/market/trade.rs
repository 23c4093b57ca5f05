use bitopro_model::{Action, Decimal, Timestamp};

use crate::TradeRecord;

/// A trade as the market shows it, without its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarketTrade {
    /// The price.
    pub price: Decimal,
    /// The amount in the base currency.
    pub amount: Decimal,
    /// `true` if the taker bought. That it is the taker and not the maker is an assumption.
    pub is_buyer: bool,
    /// The time of the trade in milliseconds.
    pub created: Timestamp,
}

impl MarketTrade {
    /// Creates it from one of the trade's records.
    pub(crate) fn new(record: &TradeRecord) -> Self {
        let trade = &record.trade;
        let is_buyer = (trade.action() == Action::Buy) == record.is_taker();
        Self { price: trade.price, amount: trade.volume, is_buyer, created: record.created }
    }
}
