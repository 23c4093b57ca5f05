//! Reads lists that do not fit into one reply.

mod pager;

pub use pager::Pager;

use std::fmt;

use bitopro_model::{Order, OrderId, Timestamp, TradeId};

use crate::{Call, GetOrderHistory, GetOwnTrades, List, OwnTrade};

/// A call that a [`Pager`] can read: [`GetOwnTrades`] and [`GetOrderHistory`]. Sealed, like every [`Call`].
pub trait PagedCall: Call<Reply = List<Self::Item>> {
    /// An item of the list.
    type Item: fmt::Debug;

    #[doc(hidden)]
    type Key: Ord;

    /// Returns the call for the part of the window that starts at the cursor.
    #[doc(hidden)]
    #[must_use]
    fn page(&self, window: (Timestamp, Timestamp), cursor: Option<&str>, limit: u32) -> Self;

    #[doc(hidden)]
    fn key(item: &Self::Item) -> Self::Key;

    /// Returns the id by which a page can start at this item.
    #[doc(hidden)]
    fn cursor(item: &Self::Item) -> &str;

    /// Returns the time of creation in milliseconds.
    #[doc(hidden)]
    fn created(item: &Self::Item) -> Option<Timestamp>;
}

impl PagedCall for GetOwnTrades {
    type Item = OwnTrade;
    type Key = (TradeId, OrderId);

    fn page(&self, (start, end): (Timestamp, Timestamp), cursor: Option<&str>, limit: u32) -> Self {
        let call = self.clone().with_start(start).with_end(end).with_limit(limit);
        match cursor {
            Some(id) => call.with_from_trade(id),
            None => call,
        }
    }

    fn key(trade: &OwnTrade) -> Self::Key {
        (trade.trade_id.clone(), trade.order_id.clone())
    }

    fn cursor(trade: &OwnTrade) -> &str {
        trade.trade_id.as_str()
    }

    fn created(trade: &OwnTrade) -> Option<Timestamp> {
        trade.created()
    }
}

impl PagedCall for GetOrderHistory {
    type Item = Order;
    type Key = OrderId;

    fn page(&self, (start, end): (Timestamp, Timestamp), cursor: Option<&str>, limit: u32) -> Self {
        let call = self.clone().with_start(start).with_end(end).with_limit(limit);
        match cursor {
            Some(id) => call.with_from_order(id),
            None => call,
        }
    }

    fn key(order: &Order) -> OrderId {
        order.id.clone()
    }

    fn cursor(order: &Order) -> &str {
        order.id.as_str()
    }

    fn created(order: &Order) -> Option<Timestamp> {
        order.created()
    }
}

/// The items that a [`Pager`] has read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pages<T> {
    /// The items, oldest first, each once.
    pub items: Vec<T>,
    /// States whether these are all items of the window.
    pub completeness: Completeness,
    /// Number of pages that were read.
    pub pages: u32,
}

/// States whether a [`Pager`] has read all items of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Completeness {
    /// The exchange has returned all items of the window, as far as its documentation is correct.
    Complete,
    /// Items may be missing.
    NotProvedComplete(Unproved),
}

/// The reason why a [`Pager`] cannot prove that it has read all items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unproved {
    /// The window is longer than 90 days. Only its last 90 days were read.
    WindowTooLong,
    /// A full page contained nothing new, even for a window of two seconds.
    StuckCursor,
    /// The maximum number of pages was read.
    PageBudget,
    /// The last page was not read, for example because of an error.
    Unfinished,
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.pad("complete"),
            Self::NotProvedComplete(reason) => write!(f, "not proved complete: {reason}"),
        }
    }
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WindowTooLong => "the window is longer than 90 days, so only its end was read",
            Self::StuckCursor => "a full page contained nothing new",
            Self::PageBudget => "the maximum number of pages was read",
            Self::Unfinished => "not all pages were read",
        })
    }
}
