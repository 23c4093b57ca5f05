use rust_decimal::Decimal;

use super::market_event;
use crate::event::EventName;
use crate::{Extra, Pair, Timestamp};

market_event! {
    /// The event `TICKER`: the last price of a pair, and how it changed within 24 hours.
    ///
    /// It has no best bid and ask. For these, follow the order book with a depth of 1.
    pub struct Ticker ("a ticker") on Tickers {
        /// The price of the last trade.
        "lastPrice" => last_price: Decimal,
        /// The last price in US dollars. Not documented.
        "lastPriceUSD" => last_price_usd: Option<Decimal>,
        /// The last price in Taiwan dollars. Not documented.
        "lastPriceTWD" => last_price_twd: Option<Decimal>,
        /// `true` if the last trade was, by the ticker's page, a purchase by the taker. Another page of the exchange
        /// states the opposite.
        "isBuyer" => is_buyer: Option<bool>,
        /// The change of the price within 24 hours, in percent.
        "priceChange24hr" => price_change_24h: Option<Decimal>,
        /// The volume of 24 hours, in the base currency. Rounded to 4 decimals (observed).
        "volume24hr" => volume_24h: Option<Decimal>,
        /// The volume of 24 hours in US dollars. Not documented.
        "volume24hrUSD" => volume_24h_usd: Option<Decimal>,
        /// The volume of 24 hours in Taiwan dollars. Not documented.
        "volume24hrTWD" => volume_24h_twd: Option<Decimal>,
        /// The highest price of 24 hours by the documentation.
        ///
        /// **Do not trust it**: in every event observed in September 2026, it equalled the last price, while the REST
        /// API returned a real range.
        "high24hr" => high_24h: Option<Decimal>,
        /// The lowest price of 24 hours by the documentation. **Do not trust it**, like [`high_24h`](Self::high_24h).
        "low24hr" => low_24h: Option<Decimal>,
    }
}

impl Ticker {
    /// Creates a ticker with only a last price.
    pub fn new(pair: impl Into<Pair>, timestamp: Timestamp, last_price: Decimal) -> Self {
        Self {
            event: EventName::default(),
            timestamp,
            datetime: None,
            event_id: None,
            pair: pair.into(),
            last_price,
            last_price_usd: None,
            last_price_twd: None,
            is_buyer: None,
            price_change_24h: None,
            volume_24h: None,
            volume_24h_usd: None,
            volume_24h_twd: None,
            high_24h: None,
            low_24h: None,
            extra: Extra::default(),
        }
    }
}
