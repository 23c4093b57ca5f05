use bitopro_model::__private::wire_struct;
use bitopro_model::{Decimal, Pair, UnixSeconds};

use crate::List;
use crate::call::call;

/// Gets the recent public trades of a pair, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetTrades {
    pair: Pair,
}

impl GetTrades {
    /// Creates the call.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self { pair: pair.into() }
    }
}

call!(GetTrades => Trades, List<PublicTrade>, |this, parts| { parts.pair(&this.pair); });

wire_struct! {
    /// A trade between any two accounts. It has no id.
    pub struct PublicTrade ("a public trade") {
        /// The time of the trade, in seconds.
        "timestamp" => timestamp: UnixSeconds,
        /// The price.
        "price" => price: Decimal,
        /// The amount of the base currency.
        "amount" => amount: Decimal,
        /// `true` for a purchase. By one page of the exchange, it is the taker who buys; by another, the maker.
        "isBuyer" => is_buyer: Option<bool>,
    }
}
