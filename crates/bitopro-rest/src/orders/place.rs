use bitopro_model::__private::wire_struct;
use bitopro_model::{Action, ClientId, Condition, Decimal, OrderId, OrderType, Pair, TimeInForce, Timestamp};
use serde::Serialize;

use crate::call::{call, setters};
use crate::parts::Parts;

/// Places an order.
///
/// There is one constructor for each kind of order, so that invalid combinations cannot be expressed. The
/// amount is in the base currency, except for [`market_buy_for_quote`](Self::market_buy_for_quote).
///
/// # Examples
///
/// ```
/// use bitopro_rest::{PlaceOrder, Trigger};
///
/// let buy = PlaceOrder::limit_buy("btc_twd", "0.0100".parse()?, 2_600_000.into()).with_client_id(7);
/// let spend_1000_twd = PlaceOrder::market_buy_for_quote("btc_twd", 1_000.into());
/// let stop_loss = Trigger::at_or_below(2_500_000.into());
/// let sell = PlaceOrder::stop_limit_sell("btc_twd", "0.0100".parse()?, 2_490_000.into(), stop_loss);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    pair: Pair,
    action: Action,
    amount: Decimal,
    terms: Terms,
    client_id: Option<ClientId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Terms {
    Limit { price: Decimal },
    PostOnly { price: Decimal },
    StopLimit { price: Decimal, trigger: Trigger },
    Market,
}

/// The market price that triggers a stop-limit order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    condition: Condition,
    stop_price: Decimal,
}

impl Trigger {
    /// Triggers at this price or a higher one.
    pub const fn at_or_above(stop_price: Decimal) -> Self {
        Self { condition: Condition::AtOrAbove, stop_price }
    }

    /// Triggers at this price or a lower one.
    pub const fn at_or_below(stop_price: Decimal) -> Self {
        Self { condition: Condition::AtOrBelow, stop_price }
    }
}

impl PlaceOrder {
    fn new(pair: impl Into<Pair>, action: Action, amount: Decimal, terms: Terms) -> Self {
        Self { pair: pair.into(), action, amount, terms, client_id: None }
    }

    /// Buys the amount at the price or a lower one. Remains open until it is filled or cancelled.
    pub fn limit_buy(pair: impl Into<Pair>, amount: Decimal, price: Decimal) -> Self {
        Self::new(pair, Action::Buy, amount, Terms::Limit { price })
    }

    /// Sells the amount at the price or a higher one. Remains open until it is filled or cancelled.
    pub fn limit_sell(pair: impl Into<Pair>, amount: Decimal, price: Decimal) -> Self {
        Self::new(pair, Action::Sell, amount, Terms::Limit { price })
    }

    /// Buys like [`limit_buy`](Self::limit_buy), but only as the maker: the exchange cancels the order if it
    /// would match immediately.
    pub fn post_only_buy(pair: impl Into<Pair>, amount: Decimal, price: Decimal) -> Self {
        Self::new(pair, Action::Buy, amount, Terms::PostOnly { price })
    }

    /// Sells like [`limit_sell`](Self::limit_sell), but only as the maker: the exchange cancels the order if it
    /// would match immediately.
    pub fn post_only_sell(pair: impl Into<Pair>, amount: Decimal, price: Decimal) -> Self {
        Self::new(pair, Action::Sell, amount, Terms::PostOnly { price })
    }

    /// Buys like [`limit_buy`](Self::limit_buy), but only once the trigger is reached.
    pub fn stop_limit_buy(pair: impl Into<Pair>, amount: Decimal, price: Decimal, trigger: Trigger) -> Self {
        Self::new(pair, Action::Buy, amount, Terms::StopLimit { price, trigger })
    }

    /// Sells like [`limit_sell`](Self::limit_sell), but only once the trigger is reached.
    pub fn stop_limit_sell(pair: impl Into<Pair>, amount: Decimal, price: Decimal, trigger: Trigger) -> Self {
        Self::new(pair, Action::Sell, amount, Terms::StopLimit { price, trigger })
    }

    /// Buys immediately, at the best available prices, for this amount of the **quote** currency: `1000` with
    /// `btc_twd` spends 1,000 TWD.
    pub fn market_buy_for_quote(pair: impl Into<Pair>, quote_amount: Decimal) -> Self {
        Self::new(pair, Action::Buy, quote_amount, Terms::Market)
    }

    /// Sells this amount of the base currency immediately, at the best available prices.
    pub fn market_sell(pair: impl Into<Pair>, amount: Decimal) -> Self {
        Self::new(pair, Action::Sell, amount, Terms::Market)
    }

    /// Returns the pair.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Returns the side: buy or sell.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Returns the type: limit, stop-limit or market. A post-only order is a limit order.
    pub fn order_type(&self) -> OrderType {
        match self.terms {
            Terms::Limit { .. } | Terms::PostOnly { .. } => OrderType::Limit,
            Terms::StopLimit { .. } => OrderType::StopLimit,
            Terms::Market => OrderType::Market,
        }
    }

    /// Returns whether the order was created by [`market_buy_for_quote`](Self::market_buy_for_quote), so that its
    /// amount is in the quote currency.
    pub fn is_market_buy(&self) -> bool {
        self.action == Action::Buy && self.terms == Terms::Market
    }

    /// Returns the amount, in the base currency, or in the quote currency if [`is_market_buy`](Self::is_market_buy).
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// Returns the price, or `None` for a market order.
    pub fn price(&self) -> Option<Decimal> {
        match self.terms {
            Terms::Limit { price } | Terms::PostOnly { price } | Terms::StopLimit { price, .. } => {
                Some(price)
            }
            Terms::Market => None,
        }
    }

    /// Returns the price that triggers a stop-limit order, or `None` for other orders.
    pub fn stop_price(&self) -> Option<Decimal> {
        match &self.terms {
            Terms::StopLimit { trigger, .. } => Some(trigger.stop_price),
            _ => None,
        }
    }

    /// Returns the comparison of the market price with the [stop price](Self::stop_price), or `None` for other orders.
    pub fn condition(&self) -> Option<&Condition> {
        match &self.terms {
            Terms::StopLimit { trigger, .. } => Some(&trigger.condition),
            _ => None,
        }
    }

    /// Returns the time in force: post-only, or good till cancelled for every other order.
    pub fn time_in_force(&self) -> TimeInForce {
        match self.terms {
            Terms::PostOnly { .. } => TimeInForce::PostOnly,
            _ => TimeInForce::GoodTillCancelled,
        }
    }

    /// Returns the client id, if it is set.
    pub fn client_id(&self) -> Option<ClientId> {
        self.client_id
    }

    pub(super) fn is_stop_limit(&self) -> bool {
        matches!(self.terms, Terms::StopLimit { .. })
    }

    /// Returns the body, and reports problems with the amounts and the client id. The time is the next nonce.
    pub(super) fn body(&self, parts: &mut Parts<'_>, pair: Option<String>) -> OrderBody<'_> {
        let (price, trigger) = match &self.terms {
            Terms::Limit { price } | Terms::PostOnly { price } => (Some(price), None),
            Terms::StopLimit { price, trigger } => (Some(price), Some(trigger)),
            Terms::Market => (None, None),
        };
        let stop_price = trigger.map(|trigger| &trigger.stop_price);
        for (name, value) in [("amount", Some(&self.amount)), ("price", price), ("stop price", stop_price)] {
            if let Some(value) = value.filter(|value| value.is_zero() || value.is_sign_negative()) {
                parts.problem(format!("the {name} is {value}; expected a positive number"));
            }
        }
        if let Some(id) =
            self.client_id.filter(|id| !(1..=i32::MAX.unsigned_abs().into()).contains(&id.get()))
        {
            parts.problem(format!("the client id is {id}; expected 1 to {}", i32::MAX));
        }
        OrderBody {
            pair,
            action: &self.action,
            order_type: self.order_type(),
            amount: self.amount.to_string(),
            price: price.map(ToString::to_string),
            timestamp: parts.next_nonce(),
            stop_price: stop_price.map(ToString::to_string),
            condition: self.condition(),
            // Good till cancelled is the exchange's default.
            time_in_force: Some(self.time_in_force()).filter(|time| *time != TimeInForce::GoodTillCancelled),
            client_id: self.client_id,
        }
    }
}

setters! { PlaceOrder {
    /// Sets an id of your choice, from 1 to 2,147,483,647, which the order then has in every reply and message.
    ///
    /// The exchange does not require it to be unique, so it does not prevent an order from being placed twice.
    with_client_id(client_id: impl Into<ClientId>);
} }

call!(PlaceOrder => PlaceOrder, PlacedOrder, |this, parts| {
    parts.pair(&this.pair);
    let body = this.body(parts, None);
    parts.body(&body);
});

/// The body of an order, with the fields in the documented order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<String>,
    action: &'a Action,
    #[serde(rename = "type")]
    order_type: OrderType,
    amount: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'a Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_in_force: Option<TimeInForce>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<ClientId>,
}

wire_struct! {
    /// An order that the exchange has accepted. Its status and its trades are not part of the reply.
    ///
    /// Only the id is required: an order whose id is known can be asked for.
    pub struct PlacedOrder ("a placed order") {
        /// The exchange's id for the order.
        "orderId" => order_id: OrderId,
        /// The side: buy or sell.
        "action" => action: Option<Action>,
        /// The ordered amount.
        "amount" => amount: Option<Decimal>,
        /// The price, `0` for a market order.
        "price" => price: Option<Decimal>,
        /// The time at which the order was placed. The exchange sends whole seconds, in milliseconds.
        "timestamp" => timestamp: Option<Timestamp>,
        /// The time in force.
        "timeInForce" => time_in_force: Option<TimeInForce>,
        /// The id that the client has assigned.
        "clientId" | "clientID" => client_id: Option<ClientId>,
    }
}
