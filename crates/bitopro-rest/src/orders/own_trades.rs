use bitopro_model::__private::wire_struct;
use bitopro_model::{
    Action, Currency, Decimal, OrderId, Pair, Timestamp, Trade, TradeId, TradeSide, UnixSeconds,
};

use crate::List;
use crate::call::{call, setters};

/// Gets the account's trades of a pair within the last 90 days.
///
/// Their order is not documented. [`Pager`](crate::Pager) reads a window that does not fit into one reply, and
/// sorts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetOwnTrades {
    pair: Pair,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    order: Option<OrderId>,
    from_trade: Option<TradeId>,
    limit: Option<u32>,
}

impl GetOwnTrades {
    /// Creates the call.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self { pair: pair.into(), start: None, end: None, order: None, from_trade: None, limit: None }
    }
}

setters! { GetOwnTrades {
    /// Sets the start of the window. Defaults to 90 days before its end, which is also the maximum.
    with_start(start: Timestamp);
    /// Sets the end of the window. Defaults to the exchange's time.
    with_end(end: Timestamp);
    /// Restricts the list to trades of an order. Whether the window then still applies is not documented.
    with_order(order: impl Into<OrderId>);
    /// Starts the list at this trade, inclusive.
    with_from_trade(from_trade: impl Into<TradeId>);
    /// Sets the maximum number of trades, from 1 to 1,000. Defaults to 100.
    with_limit(limit: u32);
} }

call!(GetOwnTrades => OwnTrades, List<OwnTrade>, |this, parts| {
    parts.pair(&this.pair);
    parts.query("startTimestamp", this.start.map(Timestamp::as_millis));
    parts.query("endTimestamp", this.end.map(Timestamp::as_millis));
    parts.query("orderId", this.order.as_ref());
    parts.query("tradeId", this.from_trade.as_ref());
    parts.query_in("limit", this.limit, 1, 1_000);
});

wire_struct! {
    /// A trade of the account, as the REST API records it.
    ///
    /// It differs from the [`Trade`] of the stream: it has an id and the value, but neither the pair nor the type of
    /// the order. If the account trades with itself, two records have the same `trade_id`, so only trade and order
    /// together identify a record.
    pub struct OwnTrade ("a trade of the account") {
        /// The id of the trade.
        "tradeId" => trade_id: TradeId,
        /// The id of the account's order.
        "orderId" | "orderID" => order_id: OrderId,
        /// The price of one unit of the base currency, in the quote currency.
        "price" => price: Decimal,
        /// The side of the account's order.
        "action" => action: Action,
        /// The traded amount of the base currency.
        "baseAmount" => base_amount: Decimal,
        /// The traded amount of the quote currency: the price times the base amount, rounded in an unknown way.
        "quoteAmount" => quote_amount: Option<Decimal>,
        /// The fee, in the currency `fee_symbol`.
        "fee" => fee: Decimal,
        /// The currency of the fee.
        "feeSymbol" => fee_symbol: Currency,
        /// `true` if the account's order was the taker: it matched when it was placed.
        "isTaker" => is_taker: Option<bool>,
        /// The same time as `createdTimestamp`. Deprecated by the exchange; see [`OwnTrade::created`].
        "timestamp" => timestamp: Option<Timestamp>,
        /// The time of the trade in milliseconds; see [`OwnTrade::created`].
        "createdTimestamp" => created_timestamp: Option<Timestamp>,
    }
}

impl OwnTrade {
    /// Returns the time of the trade: `createdTimestamp`, or else the deprecated `timestamp`.
    pub fn created(&self) -> Option<Timestamp> {
        self.created_timestamp.or(self.timestamp)
    }

    /// Converts the record to a trade of the stream. The pair is that of the call.
    ///
    /// The REST API does not know `event_timestamp`, `order_type`, `match_id` and `is_market`, which are `None`.
    /// The time is rounded down to a second. The trade's id, the value and unknown fields are lost.
    ///
    /// Returns `None` if the pair has no underscore or the record has no time.
    pub fn to_trade(&self, pair: &Pair) -> Option<Trade> {
        let (base, quote) = pair.split()?;
        let side = match &self.action {
            Action::Buy => TradeSide::Bid,
            Action::Sell => TradeSide::Ask,
            other => TradeSide::Unknown(other.as_str().into()),
        };
        let mut trade = Trade::new(self.order_id.clone(), side, base, quote);
        trade.price = self.price;
        trade.volume = self.base_amount;
        trade.fee = self.fee;
        trade.fee_currency = self.fee_symbol.clone();
        trade.transaction_timestamp = UnixSeconds::from_secs(self.created()?.as_millis().div_euclid(1_000));
        trade.is_maker = self.is_taker.map(|is_taker| !is_taker);
        (trade.event_timestamp, trade.order_type, trade.match_id, trade.is_market) = (None, None, None, None);
        Some(trade)
    }
}
