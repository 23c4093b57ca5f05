use rust_decimal::Decimal;

use crate::event::sealed::Sealed;
use crate::wire::wire_struct;
use crate::{
    Action, Currency, Event, EventData, Extra, MatchId, Message, OrderId, OrderType, Pair, PrivateStream,
    TradeSide, UnixSeconds,
};

/// The event `USER_TRADE`: one of the account's orders was matched.
///
/// As it is documented, the exchange sends each trade once: what is traded while there is no connection never
/// arrives here. [`Trade::is_same_match`] tells one that is sent again.
pub type UserTrade = Event<Trade>;

wire_struct! {
    /// One trade of the account.
    pub struct Trade ("a trade") {
        /// The base currency, lowercase.
        "base" => base: Currency,
        /// The quote currency, lowercase.
        "quote" => quote: Currency,
        /// The side of the account's order.
        "side" => side: TradeSide,
        /// The price of one unit of the base currency.
        "price" => price: Decimal,
        /// The amount of the base currency.
        "volume" => volume: Decimal,
        /// The fee, in `fee_currency`.
        "fee" => fee: Decimal,
        /// The currency of the fee, lowercase.
        "feeCurrency" => fee_currency: Currency,
        /// When it was matched. The exchange's only times in seconds are the two of this event.
        "transactionTimestamp" => transaction_timestamp: UnixSeconds,
        /// When it was processed.
        "eventTimestamp" => event_timestamp: Option<UnixSeconds>,
        /// The account's order.
        "orderID" => order_id: OrderId,
        /// The kind of that order.
        "orderType" => order_type: Option<OrderType>,
        /// The match. The exchange may leave it empty.
        "matchID" => match_id: Option<MatchId>,
        /// Whether the account's order was a market order.
        "isMarket" => is_market: Option<bool>,
        /// Whether the account's order was in the book first.
        "isMaker" => is_maker: Option<bool>,
    }
}

impl EventData for Trade {
    const STREAM: PrivateStream = PrivateStream::UserTrades;
}

impl Sealed for Trade {
    fn into_message(event: UserTrade) -> Message {
        Message::UserTrade(Box::new(event))
    }

    fn from_message(message: Message) -> Result<UserTrade, Message> {
        match message {
            Message::UserTrade(event) => Ok(*event),
            other => Err(other),
        }
    }
}

impl Trade {
    /// Creates a trade of a limit order that was in the order book first, without a fee, which would be in the currency
    /// that is received. Price and volume are zero, and the time the Unix epoch, until they are set.
    ///
    /// ```
    /// use bitopro_model::{Trade, TradeSide, UnixSeconds};
    ///
    /// let trade = Trade::new("8917255503", TradeSide::Bid, "btc", "twd")
    ///     .with_price(2_600_000.into())
    ///     .with_volume("0.01".parse()?)
    ///     .with_matched(UnixSeconds::from_secs(1_639_386_803));
    /// assert_eq!(trade.notional(), Some(26_000.into()));
    /// # Ok::<(), rust_decimal::Error>(())
    /// ```
    pub fn new(
        order_id: impl Into<OrderId>,
        side: TradeSide,
        base: impl Into<Currency>,
        quote: impl Into<Currency>,
    ) -> Self {
        let (base, quote) = (base.into(), quote.into());
        Self {
            fee_currency: if side == TradeSide::Bid { base.clone() } else { quote.clone() },
            base,
            quote,
            side,
            price: Decimal::ZERO,
            volume: Decimal::ZERO,
            fee: Decimal::ZERO,
            transaction_timestamp: UnixSeconds::from_secs(0),
            event_timestamp: Some(UnixSeconds::from_secs(0)),
            order_id: order_id.into(),
            order_type: Some(OrderType::Limit),
            match_id: Some(MatchId::new("")),
            is_market: Some(false),
            is_maker: Some(true),
            extra: Extra::default(),
        }
    }

    /// Sets the price of one unit of the base currency.
    #[must_use]
    pub fn with_price(mut self, price: Decimal) -> Self {
        self.price = price;
        self
    }

    /// Sets the amount of the base currency that was traded.
    #[must_use]
    pub fn with_volume(mut self, volume: Decimal) -> Self {
        self.volume = volume;
        self
    }

    /// Sets the time of the match, at which the event was also made.
    #[must_use]
    pub fn with_matched(mut self, matched: UnixSeconds) -> Self {
        self.transaction_timestamp = matched;
        self.event_timestamp = Some(matched);
        self
    }

    /// Whether the account bought or sold, in the words of orders.
    pub fn action(&self) -> Action {
        self.side.action()
    }

    /// The pair, spelled as in the messages about orders.
    pub fn pair(&self) -> Pair {
        Pair::new(format!("{}_{}", self.base, self.quote))
    }

    /// Returns whether both report the same execution: everything is equal but what the exchange may change when it sends
    /// a trade again, which is the processing time and what is not known to this version.
    ///
    /// Two executions in the same second can be equal in all of this, so `true` does not prove that they are one.
    pub fn is_same_trade(&self, other: &Self) -> bool {
        self.has_same_terms(other)
            && self.match_id == other.match_id
            && (self.fee, &self.fee_currency) == (other.fee, &other.fee_currency)
    }

    /// Returns whether both report the same match of the same order, as where the exchange sends a trade again: they
    /// have a `match_id`, and it and the terms of the deal are the same. Fee and processing time may differ.
    ///
    /// Without a `match_id` a trade cannot be distinguished from another one with the same terms, so this is `false`.
    pub fn is_same_match(&self, other: &Self) -> bool {
        let is_named = self.match_id.as_ref().is_some_and(|id| !id.as_str().is_empty());
        is_named && self.match_id == other.match_id && self.has_same_terms(other)
    }

    fn has_same_terms(&self, other: &Self) -> bool {
        self.order_id == other.order_id
            && (&self.base, &self.quote, &self.side) == (&other.base, &other.quote, &other.side)
            && (self.price, self.volume) == (other.price, other.volume)
            && self.transaction_timestamp == other.transaction_timestamp
    }

    /// The price times the volume, in the quote currency, if that can be held exactly.
    pub fn notional(&self) -> Option<Decimal> {
        let product = self.price.checked_mul(self.volume)?;
        // A product that does not fit is rounded by the library, and has then lost some of its scale.
        let is_exact = product.is_zero() || product.scale() == self.price.scale() + self.volume.scale();
        (is_exact && product.is_zero() == (self.price.is_zero() || self.volume.is_zero())).then_some(product)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Action, Currency, Decimal, MatchId, OrderId, Pair, Trade, TradeSide, UnixSeconds, UserTrade,
    };

    const SAMPLE: &str = r#"{"event":"USER_TRADE","timestamp":1694667358782,"data":{"base":"usdt","quote":"twd","side":"ask",
        "price":"32.039","volume":"1","fee":"6407800","feeCurrency":"twd","transactionTimestamp":1694667358,
        "eventTimestamp":1694667359,"orderID":390733918,"orderType":"Market","matchID":"","isMarket":"true","isMaker":false}}"#;

    #[test]
    fn the_documented_variations_are_read_and_written_in_one_way() {
        let event = UserTrade::from_json(SAMPLE).unwrap();
        let trade = &event.data;
        assert_eq!((trade.action(), trade.pair()), (Action::Sell, Pair::new("usdt_twd")));
        assert_eq!(trade.transaction_timestamp.to_timestamp().unwrap().as_millis(), 1_694_667_358_000);
        assert_eq!((trade.is_market, trade.is_maker), (Some(true), Some(false)));
        assert_eq!(trade.match_id, Some(MatchId::new("")));
        let written = serde_json::to_string(&event).unwrap();
        for canonical in [r#""orderID":"390733918""#, r#""orderType":"MARKET""#, r#""isMarket":true"#] {
            assert!(written.contains(canonical), "{written}");
        }
        assert_eq!(UserTrade::from_json(&written).unwrap(), event);
    }

    #[test]
    fn a_new_trade_pays_its_fee_in_what_it_receives() {
        let (usdt, twd, one) = (Currency::new("usdt"), Currency::new("twd"), Decimal::ONE);
        for (side, fee_currency) in [(TradeSide::Ask, &twd), (TradeSide::Bid, &usdt)] {
            let at = UnixSeconds::from_secs(7);
            let trade = Trade::new("1", side, usdt.clone(), twd.clone())
                .with_price(one)
                .with_volume(one)
                .with_matched(at);
            assert_eq!((&trade.fee_currency, trade.fee), (fee_currency, Decimal::ZERO));
            let text = serde_json::to_string(&trade).unwrap();
            assert_eq!(serde_json::from_str::<Trade>(&text).unwrap(), trade);
        }
    }

    #[test]
    fn a_match_is_the_same_only_if_its_id_and_terms_are_and_a_trade_only_if_its_fee_is_too() {
        let match_id = |id: &str| Some(MatchId::new(id));
        let trade = Trade { match_id: match_id("m"), ..UserTrade::from_json(SAMPLE).unwrap().data };
        let same = |other: &Trade| (trade.is_same_match(other), trade.is_same_trade(other));
        let later = Some(UnixSeconds::from_secs(1_694_667_400));
        let again = Trade { event_timestamp: later, is_maker: None, ..trade.clone() };
        assert_eq!(same(&again), (true, true));
        assert_eq!((again.is_same_match(&trade), again.is_same_trade(&trade)), (true, true));
        let one = Decimal::ONE;
        for other in [
            Trade { match_id: match_id("n"), ..trade.clone() },
            Trade { match_id: None, ..trade.clone() },
            Trade { order_id: OrderId::new("1"), ..trade.clone() },
            Trade { base: Currency::new("btc"), ..trade.clone() },
            Trade { quote: Currency::new("usdc"), ..trade.clone() },
            Trade { side: TradeSide::Bid, ..trade.clone() },
            Trade { price: trade.price + one, ..trade.clone() },
            Trade { volume: trade.volume + one, ..trade.clone() },
            Trade { transaction_timestamp: UnixSeconds::from_secs(7), ..trade.clone() },
        ] {
            assert_eq!(same(&other), (false, false), "{other:?}");
        }
        for other in [
            Trade { fee: trade.fee + one, ..trade.clone() },
            Trade { fee_currency: Currency::new("bito"), ..trade.clone() },
        ] {
            assert_eq!(same(&other), (true, false), "{other:?}");
        }
        for match_id in [match_id(""), None] {
            let nameless = Trade { match_id, ..trade.clone() };
            assert!(!nameless.is_same_match(&nameless.clone()) && nameless.is_same_trade(&nameless.clone()));
        }
    }

    #[test]
    fn a_notional_is_exact_or_not_told() {
        let mut trade = UserTrade::from_json(SAMPLE).unwrap().data;
        for (price, volume, expected) in [
            ("32.039", "1.0", Some("32.0390")),
            ("0.00000001", "0.00000001", Some("0.0000000000000001")),
            ("999999999999.99999999", "1", Some("999999999999.99999999")),
            ("999999999999.99999999", "999999999999.99999999", None),
            ("0.00000000000001", "0.000000000000001", None),
            ("0.000", "5", Some("0.000")),
        ] {
            trade.price = crate::parse_decimal(price).unwrap();
            trade.volume = crate::parse_decimal(volume).unwrap();
            let expected = expected.map(|text| crate::parse_decimal(text).unwrap());
            assert_eq!(trade.notional(), expected, "{price} * {volume}");
        }
    }
}
