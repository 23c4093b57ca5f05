use std::iter;

use bitopro_client::model::{Balance, Currency, Order, Trade};
use bitopro_sim::Simulator;

/// The simulator's account.
pub(crate) struct GroundTruth<'a> {
    pub(super) simulator: &'a Simulator,
}

impl<'a> GroundTruth<'a> {
    pub(crate) fn new(simulator: &'a Simulator) -> Self {
        Self { simulator }
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
        assert_eq!(
            known,
            self.simulator.open_orders().iter().map(with_spelling).collect::<Vec<_>>(),
            "open orders"
        );
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
