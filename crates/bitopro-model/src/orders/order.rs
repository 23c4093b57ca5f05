use rust_decimal::Decimal;

use super::ClientId;
use crate::wire::wire_struct;
use crate::{
    Action, Condition, Currency, Extra, OrderId, OrderSeq, OrderStatus, OrderType, Pair, TimeInForce,
    Timestamp,
};

wire_struct! {
    /// An order.
    pub struct Order ("an order") {
        /// The order's id.
        "id" => id: OrderId,
        /// The pair, lowercase.
        "pair" => pair: Pair,
        /// The price of one unit of the base currency.
        "price" => price: Decimal,
        /// The average price of what was executed.
        "avgExecutionPrice" => avg_execution_price: Option<Decimal>,
        /// Whether it buys or sells.
        "action" => action: Action,
        /// The kind of order.
        "type" => order_type: OrderType,
        /// Deprecated by the exchange: the same as `updatedTimestamp`. Verbatim: see [`Order::updated`].
        "timestamp" => timestamp: Option<Timestamp>,
        /// Time of the last change, verbatim. Absent in old messages: see [`Order::updated`].
        "updatedTimestamp" => updated_timestamp: Option<Timestamp>,
        /// Time at which it was placed, verbatim. Absent in old messages: see [`Order::created`].
        "createdTimestamp" => created_timestamp: Option<Timestamp>,
        /// How far it has come.
        "status" => status: OrderStatus,
        /// The amount of the base currency that was ordered.
        "originalAmount" => original_amount: Decimal,
        /// What of it is still open.
        "remainingAmount" => remaining_amount: Decimal,
        /// What of it was executed.
        "executedAmount" => executed_amount: Decimal,
        /// The fee so far, in `fee_symbol`.
        "fee" => fee: Option<Decimal>,
        /// The currency of the fee, lowercase.
        "feeSymbol" => fee_symbol: Option<Currency>,
        /// The part of the fee that was paid in BITO.
        "bitoFee" => bito_fee: Option<Decimal>,
        /// What was executed, in the quote currency.
        "total" => total: Option<Decimal>,
        /// The exchange's sequence name.
        "seq" => seq: Option<OrderSeq>,
        /// How long it may stand.
        "timeInForce" => time_in_force: Option<TimeInForce>,
        /// The price that triggers it. Only stop orders have one.
        "stopPrice" => stop_price: Option<Decimal>,
        /// How the market must stand to the stop price. Only stop orders have one.
        "condition" => condition: Option<Condition>,
        /// The id that the client gave it, 1 to 2,147,483,647. Older messages spell it `clientId`.
        "clientID" | "clientId" => client_id: Option<ClientId>,
    }
}

impl Order {
    /// Creates an order as it is right after it was placed: in progress, good till cancelled, nothing executed yet, its
    /// fee in the currency that it receives. Price and amount are zero and the times absent until they are set.
    ///
    /// ```
    /// use bitopro_model::{Action, Order, OrderType, Timestamp};
    ///
    /// let order = Order::new("8917255503", "btc_twd", Action::Buy, OrderType::Limit)
    ///     .with_price(2_600_000.into())
    ///     .with_amount("0.01".parse()?)
    ///     .with_created(Timestamp::from_millis(1_639_386_803_663));
    /// assert_eq!(order.remaining_amount, order.original_amount);
    /// # Ok::<(), rust_decimal::Error>(())
    /// ```
    pub fn new(id: impl Into<OrderId>, pair: impl Into<Pair>, action: Action, order_type: OrderType) -> Self {
        let pair = pair.into();
        let (base, quote) = pair.split().unwrap_or_else(|| (pair.as_str().into(), pair.as_str().into()));
        Self {
            id: id.into(),
            pair,
            price: Decimal::ZERO,
            avg_execution_price: Some(Decimal::ZERO),
            fee_symbol: Some(if action == Action::Buy { base } else { quote }),
            action,
            order_type,
            timestamp: None,
            updated_timestamp: None,
            created_timestamp: None,
            status: OrderStatus::InProgress,
            original_amount: Decimal::ZERO,
            remaining_amount: Decimal::ZERO,
            executed_amount: Decimal::ZERO,
            fee: Some(Decimal::ZERO),
            bito_fee: Some(Decimal::ZERO),
            total: Some(Decimal::ZERO),
            seq: Some(OrderSeq::new("")),
            time_in_force: Some(TimeInForce::GoodTillCancelled),
            stop_price: None,
            condition: None,
            client_id: None,
            extra: Extra::default(),
        }
    }

    /// Sets the price.
    #[must_use]
    pub fn with_price(mut self, price: Decimal) -> Self {
        self.price = price;
        self
    }

    /// Sets the amount of the base currency that was ordered, all of which remains.
    #[must_use]
    pub fn with_amount(mut self, amount: Decimal) -> Self {
        (self.original_amount, self.remaining_amount) = (amount, amount);
        self
    }

    /// Sets the time at which the order was placed and last changed.
    #[must_use]
    pub fn with_created(mut self, created: Timestamp) -> Self {
        self.created_timestamp = Some(created);
        (self.timestamp, self.updated_timestamp) = (Some(created), Some(created));
        self
    }

    /// Returns the time of the last change: `updatedTimestamp`, or else the deprecated `timestamp`.
    ///
    /// It is in milliseconds whatever the unit on the wire was: a number below 10^11 is taken for seconds. The times of
    /// the streams are multiples of 1,000 ms, and those of the REST interface's open orders are seconds, so
    /// compare them with [`Timestamp::compare_coarsely`].
    pub fn updated(&self) -> Option<Timestamp> {
        self.updated_timestamp.or(self.timestamp).map(Timestamp::in_millis)
    }

    /// Returns the time at which it was placed, in milliseconds as that of [`Order::updated`].
    pub fn created(&self) -> Option<Timestamp> {
        self.created_timestamp.map(Timestamp::in_millis)
    }

    /// Whether it may still execute or be triggered.
    pub fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// Whether nothing will happen to it any more.
    pub fn is_final(&self) -> bool {
        self.status.is_final()
    }

    /// Whether some of it was executed and some was not, however it ended.
    pub fn is_partially_filled(&self) -> bool {
        !self.executed_amount.is_zero() && self.executed_amount < self.original_amount
    }

    /// Whether all of it was executed.
    pub fn is_filled(&self) -> bool {
        self.status == OrderStatus::Completed
    }
}
