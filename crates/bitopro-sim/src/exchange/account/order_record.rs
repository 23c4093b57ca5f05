use bitopro_model::{Action, Currency, Decimal, Order, OrderStatus, Pair, TimeInForce, Timestamp};

use crate::exchange::account::execution::order_after_fill;
use crate::exchange::account::fill::{Fill, tradable_balance};
use crate::exchange::account::order::{Kind, currencies};
use crate::exchange::exact::{difference, truncated_product};
use crate::exchange::id_sequence::IdSequence;
use crate::{CommandError, Holdings, NewOrder, OrderTimes};

/// An order with what the exchange does not show of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderRecord {
    pub(crate) order: Order,
    /// The order's position among all orders of the exchange, since ids are not ordered.
    pub(crate) number: u64,
    /// The order's position among the resting orders of its price. A stop order gets it when triggered.
    pub(crate) priority: u64,
    /// The exact time at which it was placed.
    pub(crate) placed: Timestamp,
    /// The currency that the order pays.
    pub(crate) currency: Currency,
    pub(crate) locked: Decimal,
}

impl OrderRecord {
    /// Validates a new order that executes at `price`, and assigns its ids, without locking anything yet.
    pub(crate) fn prepare(
        new: &NewOrder,
        price: Decimal,
        (now, order_times): (Timestamp, OrderTimes),
        holdings: &Holdings,
        ids: &mut IdSequence,
    ) -> Result<Self, CommandError> {
        let (base, quote) = currencies(&new.pair)?;
        let stop_price = match &new.kind {
            Kind::StopLimit { stop_price, .. } => *stop_price,
            _ => Decimal::ONE,
        };
        if [new.amount, price, stop_price].iter().any(|number| *number <= Decimal::ZERO) {
            return Err(CommandError::NotPositive);
        }
        let base_available = tradable_balance(holdings, &base)?.available;
        let quote_available = tradable_balance(holdings, &quote)?.available;
        let (amount, total) = new.amounts(price)?;
        let (currency, available, locked) = match &new.action {
            Action::Buy => (quote, quote_available, total),
            Action::Sell => (base, base_available, amount),
            unknown => return Err(CommandError::NotAnAction(unknown.clone())),
        };
        if available < locked {
            return Err(CommandError::Insufficient(currency));
        }
        let (id, seq) = ids.next_order(&new.pair, matches!(new.kind, Kind::StopLimit { .. }));
        let pair = Pair::new(new.pair.as_str().to_ascii_lowercase());
        let mut order = Order::new(id, pair, new.action.clone(), new.order_type())
            .with_price(new.price)
            .with_amount(amount)
            .with_created(order_times.truncate(now));
        order.seq = Some(seq);
        order.client_id = new.client_id.map(Into::into);
        match &new.kind {
            Kind::PostOnly => order.time_in_force = Some(TimeInForce::PostOnly),
            Kind::StopLimit { stop_price, condition } => {
                order.status = OrderStatus::NotTriggered;
                order.stop_price = Some(*stop_price);
                order.condition = Some(condition.clone());
            }
            Kind::Limit | Kind::Market => {}
        }
        let number = ids.next_number();
        Ok(Self { order, number, priority: number, placed: now, currency, locked })
    }

    /// Returns the order after a fill, and the locked amount that the fill releases.
    pub(crate) fn after_fill(
        &self,
        fill: &Fill,
        updated: Timestamp,
    ) -> Result<(Self, Decimal), CommandError> {
        let order = order_after_fill(&self.order, fill, updated)?;
        // Truncated parts never add up to more than the truncated whole, so the locked amount is always
        // enough. The last fill releases what remains of it.
        let released = if order.is_final() { Some(self.locked) } else { self.locked_for(fill) }
            .ok_or(CommandError::Inexact)?;
        let locked = difference(self.locked, released).ok_or(CommandError::Inexact)?;
        Ok((Self { order, locked, ..self.clone() }, released))
    }

    /// Returns the amount that was locked for the volume of a fill. It is more than the fill pays if the fill's
    /// price is better than the order's.
    fn locked_for(&self, fill: &Fill) -> Option<Decimal> {
        let is_limit_buy = self.order.action == Action::Buy && !self.order.price.is_zero();
        if is_limit_buy { truncated_product(fill.volume, self.order.price) } else { Some(fill.paid().1) }
    }
}
