use std::collections::{BTreeSet, VecDeque};

use bitopro_model::OrderId;

/// Orders that ended lately: what is heard of them later is older news that was overtaken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    ids: BTreeSet<OrderId>,
    order: VecDeque<OrderId>,
}

impl Ended {
    /// How many are remembered. News are overtaken by moments, not by thousands of orders.
    pub(super) const CAPACITY: usize = 4096;

    pub(crate) fn contains(&self, id: &OrderId) -> bool {
        self.ids.contains(id)
    }

    pub(crate) fn insert(&mut self, id: &OrderId) {
        if self.ids.insert(id.clone()) {
            self.order.push_back(id.clone());
            if self.order.len() > Self::CAPACITY
                && let Some(oldest) = self.order.pop_front()
            {
                self.ids.remove(&oldest);
            }
        }
    }
}
