//! The order and the trade that result from an execution.

use bitopro_model::{
    Action, Currency, MatchId, Order, OrderId, OrderSeq, OrderStatus, OrderType, Pair, Timestamp, Trade,
    TradeSide, UnixSeconds,
};
use fastrand::Rng;

use crate::exchange::account::fill::Fill;
use crate::exchange::exact::{difference, sum, truncated_quotient};
use crate::exchange::uuid::random_uuid;
use crate::{CommandError, MatchIds, OrderIdSequence, OrderTimes, Quirks};

/// Generates ids in the exchange's format, beginning with the samples in its documentation.
#[derive(Debug, Clone)]
pub(crate) struct IdSequence {
    sequence: OrderIdSequence,
    match_ids: MatchIds,
    /// The distance of the next order's numbers from the first ones.
    orders: u64,
    matches: u64,
}

impl IdSequence {
    const FIRST_ORDER: u64 = 8_917_255_503;
    const FIRST_STOP: u64 = 1_133_804_403;
    const FIRST_SEQ: u64 = 3_273_528_249;
    const FIRST_MATCH: u64 = 2_000_000_001;
    /// Ids have at most ten digits.
    const MODULUS: u64 = 10_000_000_000;
    /// The distance of consecutive ids in the documentation's sample of trades, modulo [`MODULUS`](Self::MODULUS).
    /// Every other one is larger by one.
    const SCRAMBLED_STEP: u64 = 4_876_858_394;

    pub(crate) fn new(quirks: Quirks) -> Self {
        let Quirks { order_id_sequence: sequence, match_ids, .. } = quirks;
        Self { sequence, match_ids, orders: 0, matches: 0 }
    }

    pub(crate) fn next_order(&mut self, pair: &Pair, is_stop: bool) -> (OrderId, OrderSeq) {
        let distance = self.orders;
        let step = match self.sequence {
            OrderIdSequence::Scrambled => Self::SCRAMBLED_STEP,
            OrderIdSequence::Counted => 1,
        };
        self.orders = (distance + step) % Self::MODULUS;
        let number = |first| (first + distance) % Self::MODULUS;
        let id = if is_stop {
            format!("SL-{}", number(Self::FIRST_STOP))
        } else {
            number(Self::FIRST_ORDER).to_string()
        };
        let pair = pair.as_str().replace('_', "").to_ascii_uppercase();
        (OrderId::new(id), OrderSeq::new(format!("{pair}{}", number(Self::FIRST_SEQ))))
    }

    pub(crate) fn next_match(&mut self) -> MatchId {
        let number = self.matches;
        self.matches += 1;
        MatchId::new(match self.match_ids {
            MatchIds::Empty => String::new(),
            MatchIds::Uuid => random_uuid(&mut Rng::with_seed(number)),
            MatchIds::Counted => (Self::FIRST_MATCH + number).to_string(),
        })
    }
}

impl OrderTimes {
    /// Returns a time in the precision of the times of orders.
    pub(crate) fn truncate(self, time: Timestamp) -> Timestamp {
        let millis = time.as_millis();
        match self {
            Self::Seconds => Timestamp::from_millis(millis.saturating_sub(millis.rem_euclid(1000))),
            Self::Milliseconds => time,
        }
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
        truncated_quotient(total, after.executed_amount).ok_or(CommandError::Inexact)?
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

#[cfg(test)]
mod tests;
