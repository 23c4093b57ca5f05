use bitopro_model::{MarketTrade, Pair};

use crate::List;
use crate::call::call;

/// Gets the recent public trades of a pair, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetTrades {
    pair: Pair,
}

impl GetTrades {
    /// Creates the call.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self { pair: pair.into() }
    }
}

call!(GetTrades => Trades, List<MarketTrade>, |this, parts| { parts.pair(&this.pair); });
