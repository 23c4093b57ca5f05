//! One match of an order, and the order after it.

use bitopro_model::{Decimal, MatchId, Order, OrderStatus, Timestamp};

use crate::exchange::account::fill::{Fill, Role};
use crate::exchange::exact::{difference, sum, truncated_quotient};
use crate::{CommandError, OrderTimes};

/// One match, from the side of one of its orders.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) price: Decimal,
    /// The amount in the base currency.
    pub(crate) volume: Decimal,
    pub(crate) role: Role,
    pub(crate) trade_id: String,
    pub(crate) match_id: MatchId,
    pub(crate) now: Timestamp,
    /// The time in the precision of the times of orders.
    pub(crate) updated: Timestamp,
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

#[cfg(test)]
mod tests {
    use bitopro_model::Timestamp;

    use crate::OrderTimes;

    #[test]
    fn times_in_seconds_are_multiples_of_a_thousand() {
        for (millis, expected) in
            [(1_639_553_303_365, 1_639_553_303_000), (0, 0), (-1, -1_000), (i64::MIN, i64::MIN)]
        {
            let time = Timestamp::from_millis(millis);
            assert_eq!(OrderTimes::Seconds.truncate(time).as_millis(), expected);
            assert_eq!(OrderTimes::Milliseconds.truncate(time), time);
        }
    }
}
