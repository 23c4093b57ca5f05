use bitopro_model::{Action, Currency, Decimal, Order, OrderType, Timestamp, Trade, TradeSide, UnixSeconds};

use crate::exchange::account::execution::Execution;
use crate::exchange::account::fill::{Fill, Role};

/// A trade of an account, with what the stream of trades does not show of it.
///
/// A trade between two orders of the same account has two records with the same `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TradeRecord {
    /// The trade's id of ten digits. A later id may be smaller.
    pub id: String,
    /// The trade as its stream shows it.
    pub trade: Trade,
    /// The amount in the quote currency, truncated to 8 decimals.
    pub quote_amount: Decimal,
    /// The time of the trade in milliseconds.
    pub created: Timestamp,
}

impl TradeRecord {
    pub(crate) fn new(order: &Order, fill: &Fill, execution: &Execution) -> Self {
        let side = if order.action == Action::Buy { TradeSide::Bid } else { TradeSide::Ask };
        let lower = |text: &str| Currency::from(text.to_ascii_lowercase());
        let (base, quote) = (lower(fill.base.as_str()), lower(fill.quote.as_str()));
        let now = execution.now;
        let at = UnixSeconds::from_secs(now.as_millis().div_euclid(1000));
        let mut trade = Trade::new(order.id.clone(), side, base, quote)
            .with_price(fill.price)
            .with_volume(fill.volume)
            .with_matched(at);
        trade.fee = fill.fee;
        trade.order_type = Some(order.order_type.clone());
        trade.match_id = Some(execution.match_id.clone());
        trade.is_market = Some(order.order_type == OrderType::Market);
        trade.is_maker = Some(execution.role == Role::Maker);
        Self { id: execution.trade_id.clone(), trade, quote_amount: fill.total, created: now }
    }

    /// Returns whether the account's order was matched with one in the order book.
    pub fn is_taker(&self) -> bool {
        self.trade.is_maker != Some(true)
    }
}
