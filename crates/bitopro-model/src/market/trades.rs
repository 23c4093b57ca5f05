use rust_decimal::Decimal;

use super::market_event;
use crate::event::EventName;
use crate::wire::wire_struct;
use crate::{Extra, Pair, Timestamp, UnixSeconds};

market_event! {
    /// The event `TRADE`: the recent trades of a pair, between any two accounts.
    ///
    /// Each event lists the recent trades again, not only the new ones. They have no ids, so new ones can be found only
    /// by comparing the lists.
    pub struct MarketTrades ("a list of trades") on Trades {
        /// The recent trades, newest first.
        "data" => data: Vec<MarketTrade>,
    }
}

wire_struct! {
    /// A trade between any two accounts. It has no id.
    ///
    /// Two equal trades in the same second cannot be distinguished.
    pub struct MarketTrade ("a trade of the market") {
        /// The time of the trade, in seconds (observed, and in the documentation's sample). The documentation's table
        /// says milliseconds; [`traded`](Self::traded) reads both.
        "timestamp" => timestamp: UnixSeconds,
        /// The price.
        "price" => price: Decimal,
        /// The amount of the base currency. A stream rounds it to the pair's `amountPrecision` (observed).
        "amount" => amount: Decimal,
        /// `true` for a purchase. By one page of the exchange, it is the taker who buys; by another, the maker.
        "isBuyer" => is_buyer: Option<bool>,
    }
}

impl MarketTrades {
    /// Creates an event without trades.
    pub fn new(pair: impl Into<Pair>, timestamp: Timestamp) -> Self {
        Self {
            event: EventName::default(),
            timestamp,
            datetime: None,
            event_id: None,
            pair: pair.into(),
            data: Vec::new(),
            extra: Extra::default(),
        }
    }
}

impl MarketTrade {
    /// Creates a trade without a side.
    pub fn new(timestamp: UnixSeconds, price: Decimal, amount: Decimal) -> Self {
        Self { timestamp, price, amount, is_buyer: None, extra: Extra::default() }
    }

    /// Returns the time of the trade.
    ///
    /// A number of 10^11 or more is interpreted as milliseconds, and a smaller one as seconds.
    pub fn traded(&self) -> Timestamp {
        Timestamp::from_millis(self.timestamp.as_secs()).normalized_to_millis()
    }
}

#[cfg(test)]
mod tests {
    use crate::{MarketTrade, Timestamp, UnixSeconds};

    #[test]
    fn the_time_of_a_trade_is_read_in_seconds_and_in_milliseconds() {
        for (number, millis) in [(1_789_999_998, 1_789_999_998_000), (1_789_999_998_123, 1_789_999_998_123)] {
            let trade = MarketTrade::new(UnixSeconds::from_secs(number), 1.into(), 1.into());
            assert_eq!(trade.traded(), Timestamp::from_millis(millis));
        }
    }
}
