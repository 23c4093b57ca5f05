//! Backfill: what the client asks the REST API after a gap, and what it reports.

use std::fmt;
use std::time::Duration;

use bitopro_model::{Order, Pair, Timestamp, Trade};
use bitopro_rest::{OwnTrade, Unproved};

use crate::RestError;
use crate::account::MissingFills;

/// The settings of the backfill: how the client asks the REST API for the trades that a gap has lost.
///
/// After a gap in the trades, the client asks for the trades of each pair that may have any, and delivers those that
/// the stream has not sent as [`Item::RecoveredTrade`](crate::Item::RecoveredTrade). It also asks for orders that
/// are no longer open although no stream has reported how they ended. The statement
/// [`Item::Backfilled`](crate::Item::Backfilled) ends each backfill. A message of the trades that cannot be read is treated
/// like a gap of that moment. The backfill ends with the stream of the trades.
///
/// These pairs are asked for: those with open orders, with orders that closed during the gap, with balances of both
/// currencies that changed, and those that you [name](Self::with_pairs). If the subscription does not include the
/// balances, or if they are not known, all pairs of the exchange are asked for.
///
/// # Examples
///
/// ```
/// use bitopro_client::{Backfill, Client, Credentials};
///
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// let backfill = Backfill::new().with_pairs(["btc_twd"]).with_budget(30);
/// let builder = Client::builder(credentials).with_backfill(backfill); // `with_backfill(None)` turns it off
/// # let _ = builder;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) budget: u32,
    pub(crate) settling_time: Duration,
}

impl Default for Backfill {
    fn default() -> Self {
        Self { pairs: Vec::new(), budget: 60, settling_time: Duration::from_secs(5) }
    }
}

impl Backfill {
    /// Creates the default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets pairs that are always asked for.
    #[must_use]
    pub fn with_pairs<P: Into<Pair>>(mut self, pairs: impl IntoIterator<Item = P>) -> Self {
        self.pairs = pairs.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the maximum number of requests per minute, which all subscriptions of the client share.
    ///
    /// Defaults to 60 of the 600 that the exchange allows; 0 is an error.
    #[must_use]
    pub fn with_budget(mut self, requests: u32) -> Self {
        self.budget = requests;
        self
    }

    /// Sets the time after which the REST API is asked again, since it may be behind the streams, and the streams
    /// behind it.
    ///
    /// A trade is recovered if the REST API has listed it for this time and the stream has not sent it. Defaults to
    /// 5 s.
    #[must_use]
    pub fn with_settling_time(mut self, time: Duration) -> Self {
        self.settling_time = time;
        self
    }
}

/// A trade that the stream has not sent, but that the REST API lists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveredTrade {
    /// The trade, as far as the REST API knows it: `event_timestamp`, `order_type`, `match_id` and `is_market` are
    /// `None`.
    pub trade: Trade,
    /// The record of the REST API, with the trade's id and its time in milliseconds.
    pub record: OwnTrade,
}

/// The result of a backfill: what the REST API was asked, and whether this closes the gap.
///
/// A result with an error is not the last one. The client asks again, and reports when it has succeeded.
///
/// `Display` describes it in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backfilled {
    /// The time in which trades may have been missed, or `None` if only orders were asked for. Further gaps since the
    /// start of the backfill extend it.
    pub gap: Option<(Timestamp, Timestamp)>,
    /// The pairs whose trades in that time are complete. The client has not asked for pairs that are listed neither here
    /// nor as incomplete, because nothing has shown that they may have missing trades.
    pub pairs: Vec<Pair>,
    /// The pairs whose trades are not complete, and the reason.
    pub incomplete_pairs: Vec<(Pair, IncompleteReason)>,
    /// Number of recovered trades.
    pub trades: u64,
    /// Number of orders whose end was recovered.
    pub orders: u64,
    /// The orders with an executed amount that no known trade explains, although the REST API was asked. Trades beyond
    /// the [trade capacity](crate::ClientBuilder::with_trade_capacity) are not known.
    pub missing_fills: Vec<MissingFills>,
    /// The orders of which even the REST API does not report how they ended.
    pub unresolved_orders: Vec<Order>,
    /// The reason why the REST API could not be asked, and the time until it is asked again.
    pub failed: Option<(RestError, Duration)>,
}

/// The reason why the list of the trades of a pair is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IncompleteReason {
    /// The exchange has rejected the call.
    Rejected(RestError),
    /// The exchange's lists do not prove that they are complete.
    Unproved(Unproved),
    /// A record has no time or no valid pair, so it cannot be compared with the trades of the stream.
    Incomparable,
}

impl Backfilled {
    /// Returns whether the gap is closed: everything was asked for, and every executed amount is explained.
    pub fn is_complete(&self) -> bool {
        self.failed.is_none()
            && self.incomplete_pairs.is_empty()
            && self.missing_fills.is_empty()
            && self.unresolved_orders.is_empty()
    }
}

impl fmt::Display for IncompleteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(error) => write!(f, "{error:#}"),
            Self::Unproved(reason) => reason.fmt(f),
            Self::Incomparable => f.write_str("a record has no time, or the pair is not valid"),
        }
    }
}

impl fmt::Display for Backfilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_complete() { "closed" } else { "still open" };
        match &self.gap {
            Some((since, until)) => write!(f, "the gap from {since} to {until} is {state}")?,
            None if self.is_complete() => f.write_str("the missing orders are found")?,
            None => f.write_str("orders are still missing")?,
        }
        write!(f, ": {} and {} recovered", count(self.trades, "trade"), count(self.orders, "order"))?;
        if !self.pairs.is_empty() {
            f.write_str("; checked:")?;
            for pair in &self.pairs {
                write!(f, " {pair}")?;
            }
        }
        for (pair, reason) in &self.incomplete_pairs {
            write!(f, "; {pair} is not complete: {reason}")?;
        }
        for MissingFills { order, missing } in &self.missing_fills {
            match missing {
                Some(missing) => write!(f, "; {missing} executed of order {} without a trade", order.id)?,
                None => write!(f, "; order {} has executions without a trade", order.id)?,
            }
        }
        for order in &self.unresolved_orders {
            write!(f, "; how order {} ended is unknown", order.id)?;
        }
        if let Some((error, retry_in)) = &self.failed {
            write!(f, "; the REST API failed, next attempt in {:.1} s: {error:#}", retry_in.as_secs_f64())?;
        }
        Ok(())
    }
}

fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

impl fmt::Display for RecoveredTrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trade { order_id, price, volume, .. } = &self.trade;
        let (action, pair) = (self.trade.action(), self.trade.pair());
        write!(
            f,
            "recovered trade {}: {} {volume} {pair} at {price}, order {order_id}",
            self.record.trade_id,
            action.as_str()
        )
    }
}
