use bitopro_client::model::{Balance, Order, Timestamp};
use bitopro_sim::Simulator;

/// The simulator's account, its orders as they are sent.
#[derive(Clone, Copy)]
pub(crate) struct Books<'a> {
    pub(super) simulator: &'a Simulator,
    /// The times of orders are sent in whole seconds.
    is_coarse: bool,
}

impl<'a> Books<'a> {
    pub(crate) fn new(simulator: &'a Simulator, is_coarse: bool) -> Self {
        Self { simulator, is_coarse }
    }

    /// These are the balances.
    pub(crate) fn assert_balances<'b>(&self, known: impl IntoIterator<Item = &'b Balance>) {
        let truth = self.simulator.balances();
        assert_eq!(known.into_iter().collect::<Vec<_>>(), truth.values().collect::<Vec<_>>());
    }

    pub(super) fn open_orders(&self) -> Vec<Order> {
        self.as_sent(self.simulator.open_orders())
    }

    pub(super) fn history(&self) -> Vec<Order> {
        self.as_sent(self.simulator.history())
    }

    fn as_sent(&self, mut orders: Vec<Order>) -> Vec<Order> {
        for order in orders.iter_mut().filter(|_| self.is_coarse) {
            let seconds = order.updated_timestamp.map(|updated| updated.as_millis() / 1_000 * 1_000);
            order.updated_timestamp = seconds.map(Timestamp::from_millis);
        }
        orders
    }
}
