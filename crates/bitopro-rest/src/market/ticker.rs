use bitopro_model::__private::wire_struct;
use bitopro_model::{Decimal, Pair};

use crate::List;
use crate::call::{call, plain_calls};
use crate::list::{Envelope, Single};

plain_calls! {
    /// Gets the tickers of all pairs.
    GetTickers => Tickers, List<Ticker>;
}

/// Gets the ticker of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetTicker {
    pair: Pair,
}

impl GetTicker {
    /// Creates the call.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self { pair: pair.into() }
    }
}

// The documentation shows a list, but the exchange sends the ticker itself. Both are read.
call!(
    GetTicker => Ticker,
    Ticker,
    |this, parts| { parts.pair(&this.pair); },
    Envelope<Single<Ticker>>,
    into_ticker
);

fn into_ticker(envelope: Envelope<Single<Ticker>>) -> Option<Ticker> {
    envelope.data.0
}

wire_struct! {
    /// The last price of a pair, and how it changed within 24 hours.
    pub struct Ticker ("a ticker") {
        /// The pair in lowercase.
        "pair" => pair: Pair,
        /// The price of the last trade.
        "lastPrice" => last_price: Decimal,
        /// `true` if the last trade was, by the ticker's page, a purchase by the taker. Another page of the exchange
        /// states the opposite.
        "isBuyer" => is_buyer: Option<bool>,
        /// The change of the price within 24 hours, in percent.
        "priceChange24hr" => price_change_24h: Option<Decimal>,
        /// The volume of 24 hours, in the base currency.
        "volume24hr" => volume_24h: Option<Decimal>,
        /// The highest price of 24 hours.
        "high24hr" => high_24h: Option<Decimal>,
        /// The lowest price of 24 hours.
        "low24hr" => low_24h: Option<Decimal>,
    }
}
