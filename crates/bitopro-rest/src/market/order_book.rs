use bitopro_model::__private::wire_struct;
use bitopro_model::{BookLevel, Pair};

use crate::call::{call, setters};

/// Gets the order book of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetOrderBook {
    pair: Pair,
    depth: Option<u32>,
    scale: Option<u32>,
}

impl GetOrderBook {
    /// The depths that the exchange accepts.
    pub const DEPTHS: &'static [u32] = &[1, 5, 10, 20, 30, 50];

    /// Creates the call.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self { pair: pair.into(), depth: None, scale: None }
    }
}

setters! { GetOrderBook {
    /// Sets the number of price levels per side, one of [`DEPTHS`](Self::DEPTHS). Defaults to 5.
    with_depth(depth: u32);
    /// Merges price levels: drops this many decimal places of the prices, at most
    /// [`TradingPair::order_book_quote_scale_level`](crate::TradingPair::order_book_quote_scale_level). Defaults to 0.
    with_scale(scale: u32);
} }

call!(GetOrderBook => OrderBook, OrderBook, |this, parts| {
    parts.pair(&this.pair);
    if let Some(depth) = this.depth.filter(|depth| !Self::DEPTHS.contains(depth)) {
        parts.problem(format!("`limit` is {depth}; expected one of {:?}", Self::DEPTHS));
    }
    parts.query("limit", this.depth);
    parts.query("scale", this.scale);
});

wire_struct! {
    /// The order book of a pair. It has no time and no sequence number.
    pub struct OrderBook ("an order book") {
        /// The price levels of purchases, highest price first.
        "bids" => bids: Vec<BookLevel>,
        /// The price levels of sales, lowest price first.
        "asks" => asks: Vec<BookLevel>,
    }
}
