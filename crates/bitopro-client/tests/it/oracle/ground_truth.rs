use std::iter;

use bitopro_client::model::{Balance, Currency, Order, Timestamp, Trade};
use bitopro_sim::Simulator;

/// The simulator's account, with its orders as the network delivers them.
#[derive(Clone, Copy)]
pub(crate) struct GroundTruth<'a> {
    pub(super) simulator: &'a Simulator,
    /// The network truncates the times of orders to whole seconds.
    truncates_times: bool,
}

impl<'a> GroundTruth<'a> {
    pub(crate) fn new(simulator: &'a Simulator, truncates_times: bool) -> Self {
        Self { simulator, truncates_times }
    }

    /// Asserts that these are the simulator's balances, including their spelling.
    pub(crate) fn assert_balances<'b>(&self, known: impl IntoIterator<Item = &'b Balance>) {
        let truth = self.simulator.balances();
        let known: Vec<_> = known.into_iter().map(with_spelling).collect();
        assert_eq!(known, truth.values().map(with_spelling).collect::<Vec<_>>());
    }

    /// Asserts that these are the simulator's open orders, including their spelling.
    pub(super) fn assert_open_orders<'b>(&self, known: impl IntoIterator<Item = &'b Order>) {
        let known: Vec<_> = known.into_iter().map(with_spelling).collect();
        assert_eq!(known, self.open_orders().iter().map(with_spelling).collect::<Vec<_>>(), "open orders");
    }

    pub(super) fn open_orders(&self) -> Vec<Order> {
        self.as_delivered(self.simulator.open_orders())
    }

    pub(super) fn closed_orders(&self) -> Vec<Order> {
        self.as_delivered(self.simulator.closed_orders())
    }

    fn as_delivered(&self, mut orders: Vec<Order>) -> Vec<Order> {
        for order in orders.iter_mut().filter(|_| self.truncates_times) {
            let seconds = order.updated_timestamp.map(|updated| updated.as_millis() / 1_000 * 1_000);
            order.updated_timestamp = seconds.map(Timestamp::from_millis);
        }
        orders
    }
}

/// The spelling of a value's currencies and pair. It is compared separately, since comparing the value
/// ignores their case.
pub(super) trait Spelling {
    fn spelling(&self) -> Vec<&str>;
}

impl Spelling for Balance {
    fn spelling(&self) -> Vec<&str> {
        vec![self.currency.as_str()]
    }
}

impl Spelling for Order {
    fn spelling(&self) -> Vec<&str> {
        iter::once(self.pair.as_str()).chain(self.fee_symbol.as_ref().map(Currency::as_str)).collect()
    }
}

impl Spelling for Trade {
    fn spelling(&self) -> Vec<&str> {
        vec![self.base.as_str(), self.quote.as_str(), self.fee_currency.as_str()]
    }
}

pub(super) fn with_spelling<T: Spelling>(value: &T) -> (&T, Vec<&str>) {
    (value, value.spelling())
}
