use bitopro_model::{Decimal, Pair, Timestamp};

use crate::MarketTrade;
use crate::exchange::exact::{difference, sum, truncated_product, truncated_quotient};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Number of decimals of the change in percent, as in samples of the documentation.
const PERCENT_SCALE: u32 = 2;

/// The values of a pair in the last 24 hours, computed from its trades.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticker {
    /// The pair in lowercase.
    pub pair: Pair,
    /// The price of the last trade. Without one, it is the market's price, or 0.
    pub last_price: Decimal,
    /// `true` if the taker of the last trade bought.
    pub is_buyer: bool,
    /// The change of the price in percent, since the last trade that is older than 24 hours, or since the first
    /// one.
    pub change_percent: Decimal,
    /// The traded amount in the base currency.
    pub volume: Decimal,
    /// The highest price, or the last one without trades.
    pub high: Decimal,
    /// The lowest price, or the last one without trades.
    pub low: Decimal,
}

impl Ticker {
    /// Computes a ticker from trades, oldest first.
    pub(crate) fn new<'a>(
        pair: Pair,
        trades: impl DoubleEndedIterator<Item = &'a MarketTrade>,
        market: Option<Decimal>,
        now: Timestamp,
    ) -> Self {
        let mut newest_first = trades.rev().peekable();
        let last = newest_first.peek().copied();
        let last_price = last.map(|trade| trade.price).or(market).unwrap_or_default().normalize();
        let mut ticker = Self {
            pair,
            last_price,
            is_buyer: last.is_some_and(|trade| trade.is_buyer),
            change_percent: Decimal::ZERO,
            volume: Decimal::ZERO,
            high: last_price,
            low: last_price,
        };
        let mut opening = last_price;
        for trade in newest_first {
            opening = trade.price;
            if trade.created.as_millis() <= now.as_millis().saturating_sub(DAY_MS) {
                break;
            }
            ticker.volume = sum(ticker.volume, trade.amount).unwrap_or(ticker.volume);
            ticker.high = ticker.high.max(trade.price);
            ticker.low = ticker.low.min(trade.price);
        }
        let percent = difference(last_price, opening)
            .and_then(|change| truncated_quotient(change, opening))
            .and_then(|ratio| truncated_product(ratio, Decimal::ONE_HUNDRED));
        ticker.change_percent = percent.unwrap_or_default().round_dp(PERCENT_SCALE).normalize();
        ticker
    }
}
