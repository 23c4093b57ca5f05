//! What the documentation leaves open, or what changed over the years: one switch each.

/// Which balances an update holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BalanceUpdates {
    /// Those that changed, as the exchange documents it.
    #[default]
    Changed,
    /// All of them each time, as an older FAQ of the exchange has it.
    All,
}

/// Which orders an update of the active orders holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ActiveUpdates {
    /// The order that changed, as documented since v3.5.13 (January 2024).
    #[default]
    Changed,
    /// All open orders of its pair, as before.
    WholePair,
}

/// How the active orders tell that an order has ended. This is an assumption either way: it is not
/// documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FinalOrders {
    /// The order is sent once more, with its final status.
    #[default]
    Shown,
    /// The order is sent no more: only the history tells. A list of the whole pair is sent without it.
    Vanish,
}

/// What the stream of history begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HistoryOnConnect {
    /// The orders that ended lately, as documented.
    #[default]
    Recent,
    /// An empty object, whatever ended before.
    Empty,
}

/// What the stream of trades begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TradesOnConnect {
    /// Nothing, as documented: what is traded without a connection is never sent.
    #[default]
    Nothing,
    /// The last trade once more, if there was one: the same data in an event like any other, with an `eventID`
    /// and a `timestamp` of its own.
    Last,
}

/// How the ids of orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OrderIds {
    /// As texts, as documented.
    #[default]
    Texts,
    /// As numbers where they are digits only, as in older documentation and in samples of trades.
    Numbers,
}

/// All of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Doubts {
    pub(crate) balance_updates: BalanceUpdates,
    pub(crate) active_updates: ActiveUpdates,
    pub(crate) final_orders: FinalOrders,
    pub(crate) history_on_connect: HistoryOnConnect,
    pub(crate) trades_on_connect: TradesOnConnect,
    pub(crate) order_ids: OrderIds,
}
