//! Public data about pairs, and the rules for orders.

use bitopro_model::{Action, Decimal, Pair, Timestamp};

use crate::exchange::book::{group, levels};
use crate::exchange::market::candle::candles;
use crate::{
    AccountId, Candle, CandleSpan, CommandError, Exchange, MarketTrade, NewOrder, OrderBook, PairRules,
    Ticker,
};

/// Public data about the pairs, and the rules for orders.
impl Exchange {
    /// Returns the rules of all supported pairs.
    pub fn pairs(&self) -> &[PairRules] {
        &self.pairs
    }

    /// Returns the rules of a pair.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError::UnsupportedPair`] if the exchange does not list the pair.
    pub fn pair_rules(&self, pair: &Pair) -> Result<&PairRules, CommandError> {
        let rules = self.pairs.iter().find(|rules| rules.pair == *pair);
        rules.ok_or_else(|| CommandError::UnsupportedPair(pair.clone()))
    }

    /// Checks whether an order follows the rules of its pair, and whether the available balance covers it.
    ///
    /// [`place`](Self::place) does not enforce the rules, so that commands can place any order.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] that names the broken rule.
    pub fn check_rules(&self, account: AccountId, order: &NewOrder) -> Result<(), CommandError> {
        self.pair_rules(&order.pair)?.check(self.engine.accounts().get(account)?, order)
    }

    /// Returns the recent trades of all accounts in a pair, the last one first.
    pub fn market_trades(&self, pair: &Pair) -> impl Iterator<Item = &MarketTrade> {
        self.engine.market_trades(pair).rev()
    }

    /// Returns the number of all trades in a pair so far, including those that are no longer kept.
    pub(crate) fn market_trade_count(&self, pair: &Pair) -> u64 {
        self.engine.market_trade_count(pair)
    }

    /// Returns the values of a pair in the last 24 hours.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError::UnsupportedPair`] if the exchange does not list the pair.
    pub fn ticker(&self, pair: &Pair, now: Timestamp) -> Result<Ticker, CommandError> {
        let rules = self.pair_rules(pair)?;
        let trades = self.engine.market_trades(pair);
        Ok(Ticker::new(rules.pair.clone(), trades, self.market_price(pair), now))
    }

    /// Returns the candles of a pair that start in a range of time, both ends included, oldest first.
    ///
    /// A span without trades has no candle.
    pub fn candles(&self, pair: &Pair, span: CandleSpan, (from, to): (Timestamp, Timestamp)) -> Vec<Candle> {
        let candles = candles(self.engine.market_trades(pair), span).into_iter();
        candles.filter(|candle| (from..=to).contains(&candle.start)).collect()
    }

    /// Returns up to `limit` levels on each side of a pair's order book, grouped by 10^`scale` units of the price.
    ///
    /// # Errors
    ///
    /// Returns [`CommandError::UnsupportedPair`] or [`CommandError::InvalidScale`].
    pub fn order_book(&self, pair: &Pair, limit: usize, scale: u32) -> Result<OrderBook, CommandError> {
        let rules = self.pair_rules(pair)?;
        if scale > rules.book_scale_levels {
            return Err(CommandError::InvalidScale(scale));
        }
        let levels = |side: &Action| {
            let is_bid = *side == Action::Buy;
            let offers = self.engine.offers(pair, side).into_iter();
            let grouped = offers.map(|offer| (group(offer.price, is_bid, scale, rules), offer.amount));
            levels(grouped.filter(|(price, _)| *price > Decimal::ZERO), limit)
        };
        Ok(OrderBook { bids: levels(&Action::Buy), asks: levels(&Action::Sell) })
    }
}

#[cfg(test)]
mod tests;
