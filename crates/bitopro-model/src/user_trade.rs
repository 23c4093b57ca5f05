use rust_decimal::Decimal;

use crate::event::sealed::Sealed;
use crate::wire::wire_struct;
use crate::{
    Action, Currency, Event, EventData, Extra, MatchId, Message, OrderId, OrderType, Pair, PrivateStream,
    TradeSide, UnixSeconds, exact_mul,
};

/// The event `USER_TRADE`: one of the account's orders was matched.
///
/// According to its documentation, the exchange sends each trade once, so trades made while disconnected are
/// never received. [`Trade::is_same_match`] recognises a trade that is sent again nevertheless.
pub type UserTrade = Event<Trade>;

wire_struct! {
    /// A trade of the account: one execution of one of its orders.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_model::{Action, UserTrade};
    ///
    /// let text = r#"{"event":"USER_TRADE","timestamp":1694667358782,"data":{"base":"usdt","quote":"twd",
    ///     "side":"ask","price":"32.039","volume":"10","fee":"0.64","feeCurrency":"twd",
    ///     "transactionTimestamp":1694667358,"orderID":"390733918"}}"#;
    /// let trade = UserTrade::from_json(text)?.data;
    /// assert_eq!((trade.action(), trade.pair()), (Action::Sell, "usdt_twd".into()));
    /// assert_eq!(trade.notional(), Some("320.39".parse()?));
    /// assert_eq!(trade.transaction_timestamp.to_string(), "2023-09-14T04:55:58Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct Trade ("a trade") {
        /// The base currency in lowercase.
        "base" => base: Currency,
        /// The quote currency in lowercase.
        "quote" => quote: Currency,
        /// The side of the account's order.
        "side" => side: TradeSide,
        /// The price of one unit of the base currency, in the quote currency.
        "price" => price: Decimal,
        /// The traded amount of the base currency.
        "volume" => volume: Decimal,
        /// The fee, in the currency `fee_currency`.
        "fee" => fee: Decimal,
        /// The currency of the fee in lowercase.
        "feeCurrency" => fee_currency: Currency,
        /// The time of the match. Unlike the event's `timestamp`, the times of a trade are in seconds.
        "transactionTimestamp" => transaction_timestamp: UnixSeconds,
        /// The time at which the exchange processed the trade.
        "eventTimestamp" => event_timestamp: Option<UnixSeconds>,
        /// The id of the account's order.
        "orderID" | "orderId" => order_id: OrderId,
        /// The type of the account's order.
        "orderType" => order_type: Option<OrderType>,
        /// The id of the match. May be empty.
        "matchID" | "matchId" => match_id: Option<MatchId>,
        /// `true` if the account's order was a market order.
        "isMarket" => is_market: Option<bool>,
        /// `true` if the account's order was the maker: it was in the order book first.
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
    /// Creates a trade of a limit order that was the maker, without a fee.
    ///
    /// The fee is in the currency that the account receives. Price and volume are zero, and the time is the
    /// Unix epoch, until they are set.
    ///
    /// # Examples
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

    /// Sets the time of the match, and the time of processing to the same value.
    #[must_use]
    pub fn with_matched(mut self, matched: UnixSeconds) -> Self {
        self.transaction_timestamp = matched;
        self.event_timestamp = Some(matched);
        self
    }

    /// Returns the side as the [`Action`] of an order: buy or sell.
    pub fn action(&self) -> Action {
        self.side.action()
    }

    /// Returns the pair, spelled as in order messages: `usdt_twd`.
    pub fn pair(&self) -> Pair {
        Pair::new(format!("{}_{}", self.base, self.quote))
    }

    /// Returns whether two trades agree in everything that identifies an execution, including the fee.
    ///
    /// Use it for trades whose events have the same `eventID`. To recognise a trade that the exchange sends
    /// again in another event, use [`is_same_match`](Self::is_same_match).
    ///
    /// Compares order, pair, side, price, volume, time of the match, match id and fee. Ignores fields that the
    /// exchange may change when it sends a trade again: the processing time, the order type, the flags and
    /// unknown fields. Two different executions in the same second can be equal, so `true` alone does not prove
    /// that they are the same.
    pub fn is_same_trade(&self, other: &Self) -> bool {
        self.has_same_terms(other)
            && self.match_id == other.match_id
            && (self.fee, &self.fee_currency) == (other.fee, &other.fee_currency)
    }

    /// Returns whether two trades report the same match of the same order.
    ///
    /// Use it to recognise a trade that the exchange sends again, in any event. To compare trades within one
    /// event, use [`is_same_trade`](Self::is_same_trade), which does not need a match id.
    ///
    /// Compares match id, order, pair, side, price, volume and time of the match, but not the fee and the
    /// processing time. Without a match id, equal trades cannot be distinguished, so the result is `false`.
    pub fn is_same_match(&self, other: &Self) -> bool {
        let has_match_id = self.match_id.as_ref().is_some_and(|id| !id.as_str().is_empty());
        has_match_id && self.match_id == other.match_id && self.has_same_terms(other)
    }

    fn has_same_terms(&self, other: &Self) -> bool {
        self.order_id == other.order_id
            && (&self.base, &self.quote, &self.side) == (&other.base, &other.quote, &other.side)
            && (self.price, self.volume) == (other.price, other.volume)
            && self.transaction_timestamp == other.transaction_timestamp
    }

    /// Returns the price times the volume, in the quote currency, or `None` if [`Decimal`] cannot hold it
    /// exactly.
    pub fn notional(&self) -> Option<Decimal> {
        exact_mul(self.price, self.volume)
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
    fn documented_variants_are_read_and_written_canonically() {
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
    fn a_new_trade_pays_its_fee_in_the_received_currency() {
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
    fn equal_matches_share_id_and_terms_and_equal_trades_also_share_the_fee() {
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
            let without_id = Trade { match_id, ..trade.clone() };
            assert!(!without_id.is_same_match(&without_id.clone()));
            assert!(without_id.is_same_trade(&without_id.clone()));
        }
    }

    #[test]
    fn a_notional_is_exact_or_none() {
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
