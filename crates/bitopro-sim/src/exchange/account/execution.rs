//! The order and the trade that result from an execution.

use bitopro_model::{
    Action, Currency, MatchId, Order, OrderId, OrderSeq, OrderStatus, OrderType, Pair, Timestamp, Trade,
    TradeSide, UnixSeconds,
};

use crate::CommandError;
use crate::exchange::account::fill::Fill;
use crate::exchange::exact::{AMOUNT_SCALE, difference, sum};

/// Generates ids in the exchange's format, counting up from the samples in its documentation.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdSequence {
    orders: u64,
    matches: u64,
}

impl IdSequence {
    const FIRST_ORDER: u64 = 8_917_255_503;
    const FIRST_STOP: u64 = 1_133_804_403;
    const FIRST_SEQ: u64 = 3_273_528_249;
    const FIRST_MATCH: u64 = 2_000_000_001;

    pub(crate) fn next_order(&mut self, pair: &Pair, is_stop: bool) -> (OrderId, OrderSeq) {
        let number = self.orders;
        self.orders += 1;
        let id = if is_stop {
            format!("SL-{}", Self::FIRST_STOP + number)
        } else {
            (Self::FIRST_ORDER + number).to_string()
        };
        let pair = pair.as_str().replace('_', "").to_ascii_uppercase();
        (OrderId::new(id), OrderSeq::new(format!("{pair}{}", Self::FIRST_SEQ + number)))
    }

    pub(crate) fn next_match(&mut self) -> MatchId {
        let number = self.matches;
        self.matches += 1;
        MatchId::new((Self::FIRST_MATCH + number).to_string())
    }
}

pub(crate) fn order_after_fill(order: &Order, fill: &Fill, now: Timestamp) -> Result<Order, CommandError> {
    let mut after = order.clone();
    let add = |a, b| sum(a, b).ok_or(CommandError::Inexact);
    after.executed_amount = add(order.executed_amount, fill.volume)?;
    after.remaining_amount = difference(order.remaining_amount, fill.volume).ok_or(CommandError::Inexact)?;
    let total = add(order.total.unwrap_or_default(), fill.total)?;
    after.total = Some(total);
    after.fee = Some(add(order.fee.unwrap_or_default(), fill.fee)?);
    // Dividing truncated totals would not give back the price of an order whose fills all have the same
    // price.
    let is_one_price = order.executed_amount.is_zero() || order.avg_execution_price == Some(fill.price);
    after.avg_execution_price = Some(if is_one_price {
        fill.price
    } else {
        let average = total.checked_div(after.executed_amount).ok_or(CommandError::Inexact)?;
        average.trunc_with_scale(AMOUNT_SCALE).normalize()
    });
    after.status = if after.remaining_amount.is_zero() {
        OrderStatus::Completed
    } else {
        OrderStatus::InProgressPartialDeal
    };
    set_updated(&mut after, now);
    Ok(after)
}

/// Returns the final status of a cancelled order. Status 3 for a partly filled one is an assumption.
pub(crate) fn cancelled_status(order: &Order) -> OrderStatus {
    if order.executed_amount.is_zero() { OrderStatus::Cancelled } else { OrderStatus::CompletedPartialDeal }
}

/// Sets the time of an order's last change. It never goes back, even if the exchange's clock does.
pub(crate) fn set_updated(order: &mut Order, now: Timestamp) {
    let now = order.updated_timestamp.max(Some(now));
    (order.timestamp, order.updated_timestamp) = (now, now);
}

pub(crate) fn new_trade(order: &Order, fill: &Fill, id: MatchId, is_maker: bool, now: Timestamp) -> Trade {
    let side = if order.action == Action::Buy { TradeSide::Bid } else { TradeSide::Ask };
    let lower = |text: &str| Currency::from(text.to_ascii_lowercase());
    let (base, quote) = (lower(fill.base.as_str()), lower(fill.quote.as_str()));
    let at = UnixSeconds::from_secs(now.as_millis().div_euclid(1000));
    let mut trade = Trade::new(order.id.clone(), side, base, quote)
        .with_price(fill.price)
        .with_volume(fill.volume)
        .with_matched(at);
    trade.fee = fill.fee;
    trade.order_type = Some(order.order_type.clone());
    trade.match_id = Some(id);
    trade.is_market = Some(order.order_type == OrderType::Market);
    trade.is_maker = Some(is_maker);
    trade
}
