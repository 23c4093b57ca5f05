use rust_decimal::Decimal;

use super::ClientId;
use crate::wire::wire_struct;
use crate::{
    Action, Condition, Currency, Extra, OrderId, OrderSeq, OrderStatus, OrderType, Pair, TimeInForce,
    Timestamp,
};

wire_struct! {
    /// An order of the account.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_model::{ActiveOrders, OrderStatus};
    ///
    /// let text = r#"{"event":"ACTIVE_ORDERS","timestamp":1639552073346,"data":{"btc_twd":[{
    ///     "id":"8917255503","pair":"btc_twd","price":"2600000","action":"BUY","type":"LIMIT","status":1,
    ///     "originalAmount":"0.010","remainingAmount":"0.006","executedAmount":"0.004"}]}}"#;
    /// let event = ActiveOrders::from_json(text)?;
    /// for order in &event.data {
    ///     assert_eq!(order.status, OrderStatus::InProgressPartialDeal);
    ///     assert!(order.is_open() && order.is_partially_filled());
    ///     assert_eq!(order.remaining_amount.to_string(), "0.006");
    /// }
    /// # Ok::<(), bitopro_model::DecodeError>(())
    /// ```
    pub struct Order ("an order") {
        /// The exchange's id for the order.
        "id" => id: OrderId,
        /// The pair in lowercase.
        "pair" => pair: Pair,
        /// The price of one unit of the base currency, in the quote currency.
        "price" => price: Decimal,
        /// The average price of the executed amount.
        "avgExecutionPrice" => avg_execution_price: Option<Decimal>,
        /// The side: buy or sell.
        "action" => action: Action,
        /// The order type, such as limit or market.
        "type" => order_type: OrderType,
        /// The same time as `updatedTimestamp`, in the unit on the wire. Deprecated by the exchange; see
        /// [`Order::updated`].
        "timestamp" => timestamp: Option<Timestamp>,
        /// The time of the last change, in the unit on the wire. Absent in old messages; see [`Order::updated`].
        "updatedTimestamp" => updated_timestamp: Option<Timestamp>,
        /// The time at which the order was placed, in the unit on the wire. Absent in old messages; see
        /// [`Order::created`].
        "createdTimestamp" => created_timestamp: Option<Timestamp>,
        /// The status, such as in progress or cancelled.
        "status" => status: OrderStatus,
        /// The ordered amount, in the base currency.
        "originalAmount" => original_amount: Decimal,
        /// The part of the ordered amount that is not executed yet.
        "remainingAmount" => remaining_amount: Decimal,
        /// The part of the ordered amount that was executed.
        "executedAmount" => executed_amount: Decimal,
        /// The fee charged so far, in the currency `fee_symbol`.
        "fee" => fee: Option<Decimal>,
        /// The currency of the fee in lowercase.
        "feeSymbol" => fee_symbol: Option<Currency>,
        /// The part of the fee that was paid in BITO.
        "bitoFee" => bito_fee: Option<Decimal>,
        /// The value of the executed amount, in the quote currency.
        "total" => total: Option<Decimal>,
        /// A sequence label without a documented meaning, such as `SOLUSDT3273528249`.
        "seq" => seq: Option<OrderSeq>,
        /// The time in force: how long the order remains open.
        "timeInForce" => time_in_force: Option<TimeInForce>,
        /// The price that triggers a stop order. Absent for other orders.
        "stopPrice" => stop_price: Option<Decimal>,
        /// The comparison with the stop price that triggers a stop order. Absent for other orders.
        "condition" => condition: Option<Condition>,
        /// The id that the client assigned, from 1 to 2,147,483,647. Spelled `clientId` in older messages.
        "clientID" | "clientId" => client_id: Option<ClientId>,
    }
}

impl Order {
    /// Creates a newly placed order: in progress, good till cancelled, with nothing executed.
    ///
    /// The fee is in the currency that the account receives. Price and amount are zero and the times are `None`
    /// until they are set.
    ///
    /// # Examples
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

    /// Sets the price of one unit of the base currency.
    #[must_use]
    pub fn with_price(mut self, price: Decimal) -> Self {
        self.price = price;
        self
    }

    /// Sets the original and the remaining amount, in the base currency, to the same value.
    #[must_use]
    pub fn with_amount(mut self, amount: Decimal) -> Self {
        (self.original_amount, self.remaining_amount) = (amount, amount);
        self
    }

    /// Sets the time at which the order was placed, and the time of the last change to the same value.
    #[must_use]
    pub fn with_created(mut self, created: Timestamp) -> Self {
        self.created_timestamp = Some(created);
        (self.timestamp, self.updated_timestamp) = (Some(created), Some(created));
        self
    }

    /// Returns the time of the last change: `updatedTimestamp`, or else the deprecated `timestamp`.
    ///
    /// The result is in milliseconds regardless of the unit on the wire: a number below 10^11 is interpreted
    /// as seconds. Times on the streams are multiples of 1,000 ms, and open orders of the REST API have times
    /// in seconds, so compare such times with [`Timestamp::compare_coarsely`].
    pub fn updated(&self) -> Option<Timestamp> {
        self.updated_timestamp.or(self.timestamp).map(Timestamp::normalized_to_millis)
    }

    /// Returns the time at which the order was placed, converted to milliseconds like [`Order::updated`].
    pub fn created(&self) -> Option<Timestamp> {
        self.created_timestamp.map(Timestamp::normalized_to_millis)
    }

    /// Returns whether the order can still be executed or triggered.
    pub fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// Returns whether the status is final, so the order will no longer change.
    pub fn is_final(&self) -> bool {
        self.status.is_final()
    }

    /// Returns whether the order was executed in part, but not completely. It may be open or closed.
    pub fn is_partially_filled(&self) -> bool {
        !self.executed_amount.is_zero() && self.executed_amount < self.original_amount
    }

    /// Returns whether the order was executed completely.
    pub fn is_filled(&self) -> bool {
        self.status == OrderStatus::Completed
    }
}
