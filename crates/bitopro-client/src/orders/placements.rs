//! The orders that the client is placing or has placed, so that no order is found twice.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bitopro_model::{Order, OrderId};
use bitopro_rest::PlaceOrder;

use super::matching::{Fit, fit};

/// Maximum number of ids to keep: more than can be placed in eight minutes within the exchange's limit.
const CAPACITY: usize = 10_000;

/// The orders that are being placed, and the ids that belong to a known placement.
#[derive(Debug, Default)]
pub(super) struct Placements(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The orders that were sent, or are about to be sent, and have no outcome yet.
    in_flight: Vec<PlaceOrder>,
    /// The ids whose placement is known, latest last.
    attributed: VecDeque<OrderId>,
}

impl Placements {
    /// Starts to place an order.
    pub(super) fn begin<'a>(&'a self, order: &'a PlaceOrder) -> InFlight<'a> {
        self.with(|known| known.in_flight.push(order.clone()));
        InFlight { placements: self, order }
    }

    /// Selects the orders of a list that may be the result of this placement and belong to no known one.
    ///
    /// Returns `None` if one of them may also be the result of a placement whose outcome is still to come.
    pub(super) fn candidates(&self, order: &PlaceOrder, listed: Vec<Order>) -> Option<Vec<Order>> {
        self.with(|known| {
            let is_candidate = |listed: &Order| {
                fit(order, listed) != Fit::Different && !known.attributed.contains(&listed.id)
            };
            let candidates: Vec<_> = listed.into_iter().filter(is_candidate).collect();
            let is_clear =
                |listed: &Order| !known.in_flight.iter().any(|other| fit(other, listed) != Fit::Different);
            candidates.iter().all(is_clear).then_some(candidates)
        })
    }

    /// Attributes an id to a placement. Returns `false` if it belongs to another one.
    pub(super) fn attribute(&self, id: &OrderId) -> bool {
        self.with(|known| {
            if known.attributed.contains(id) {
                return false;
            }
            if known.attributed.len() >= CAPACITY {
                known.attributed.pop_front();
            }
            known.attributed.push_back(id.clone());
            true
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        // No code panics while it holds the lock, so the lists are consistent even if the lock is poisoned.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An order that is being placed, until this value is dropped.
#[must_use]
pub(super) struct InFlight<'a> {
    placements: &'a Placements,
    order: &'a PlaceOrder,
}

impl InFlight<'_> {
    /// Attributes the id that the exchange has assigned to this placement.
    pub(super) fn attribute(&self, id: &OrderId) {
        self.placements.attribute(id);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.placements.with(|known| {
            if let Some(position) = known.in_flight.iter().position(|order| order == self.order) {
                known.in_flight.swap_remove(position);
            }
        });
    }
}
