use bitopro_model::{Action, Currency, Decimal, Order, OrderStatus, Pair, TimeInForce, Timestamp};

use crate::exchange::account::execution::IdSequence;
use crate::exchange::account::fill::tradable_balance;
use crate::exchange::account::order::{Kind, currencies};
use crate::{CommandError, Holdings, NewOrder};

/// An open order, and the amount of a currency that it locks.
#[derive(Debug, Clone)]
pub(crate) struct OpenOrder {
    pub(crate) order: Order,
    pub(crate) currency: Currency,
    pub(crate) locked: Decimal,
}

impl OpenOrder {
    /// Validates a new order that executes at `price`, and assigns its ids, without locking anything yet.
    pub(crate) fn prepare(
        new: &NewOrder,
        price: Decimal,
        now: Timestamp,
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
            .with_created(now);
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
        Ok(Self { order, currency, locked })
    }
}
