use std::iter;

use bitopro_client::model::{Balance, Currency, Order, Timestamp, Trade};
use bitopro_sim::Simulator;

/// The account in the simulator, with its orders as they are sent.
#[derive(Clone, Copy)]
pub(crate) struct GroundTruth<'a> {
    pub(super) simulator: &'a Simulator,
    /// The times of orders are sent in whole seconds.
    truncates_times: bool,
}

impl<'a> GroundTruth<'a> {
    pub(crate) fn new(simulator: &'a Simulator, truncates_times: bool) -> Self {
        Self { simulator, truncates_times }
    }

    /// Asserts that these are the balances, with the same spelling.
    pub(crate) fn assert_balances<'b>(&self, known: impl IntoIterator<Item = &'b Balance>) {
        let truth = self.simulator.balances();
        let known: Vec<_> = known.into_iter().map(spelled).collect();
        assert_eq!(known, truth.values().map(spelled).collect::<Vec<_>>());
    }

    /// Asserts that these are the open orders, with the same spelling.
    pub(super) fn assert_open_orders<'b>(&self, known: impl IntoIterator<Item = &'b Order>) {
        let known: Vec<_> = known.into_iter().map(spelled).collect();
        assert_eq!(known, self.open_orders().iter().map(spelled).collect::<Vec<_>>(), "open orders");
    }

    pub(super) fn open_orders(&self) -> Vec<Order> {
        self.as_sent(self.simulator.open_orders())
    }

    pub(super) fn closed_orders(&self) -> Vec<Order> {
        self.as_sent(self.simulator.closed_orders())
    }

    fn as_sent(&self, mut orders: Vec<Order>) -> Vec<Order> {
        for order in orders.iter_mut().filter(|_| self.truncates_times) {
            let seconds = order.updated_timestamp.map(|updated| updated.as_millis() / 1_000 * 1_000);
            order.updated_timestamp = seconds.map(Timestamp::from_millis);
        }
        orders
    }
}

/// The spelling of a value's currencies and pair. Comparing the value itself ignores their case.
pub(super) trait Spelled {
    fn spelling(&self) -> Vec<&str>;
}

impl Spelled for Balance {
    fn spelling(&self) -> Vec<&str> {
        vec![self.currency.as_str()]
    }
}

impl Spelled for Order {
    fn spelling(&self) -> Vec<&str> {
        iter::once(self.pair.as_str()).chain(self.fee_symbol.as_ref().map(Currency::as_str)).collect()
    }
}

impl Spelled for Trade {
    fn spelling(&self) -> Vec<&str> {
        vec![self.base.as_str(), self.quote.as_str(), self.fee_currency.as_str()]
    }
}

pub(super) fn spelled<T: Spelled>(value: &T) -> (&T, Vec<&str>) {
    (value, value.spelling())
}
