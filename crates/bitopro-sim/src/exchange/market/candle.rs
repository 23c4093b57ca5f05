use std::collections::BTreeMap;

use bitopro_model::{Decimal, Timestamp};

use crate::MarketTrade;
use crate::exchange::exact::sum;

const MINUTE_MS: i64 = 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
/// The first Monday of the Unix epoch.
const FIRST_MONDAY_MS: i64 = 4 * DAY_MS;

/// The prices and the volume of a pair in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candle {
    /// The start of the span.
    pub start: Timestamp,
    /// The first price.
    pub open: Decimal,
    /// The highest price.
    pub high: Decimal,
    /// The lowest price.
    pub low: Decimal,
    /// The last price.
    pub close: Decimal,
    /// The traded amount in the base currency.
    pub volume: Decimal,
}

/// The length of the span of a [`Candle`].
///
/// Spans begin at multiples of their length in UTC, weeks on Mondays: an assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CandleSpan {
    /// A number of minutes.
    Minutes(u32),
    /// A week.
    Week,
    /// A calendar month.
    Month,
}

impl CandleSpan {
    /// The spans of the exchange with their names.
    pub const ALL: [(&str, Self); 12] = [
        ("1m", Self::Minutes(1)),
        ("5m", Self::Minutes(5)),
        ("15m", Self::Minutes(15)),
        ("30m", Self::Minutes(30)),
        ("1h", Self::Minutes(60)),
        ("3h", Self::Minutes(3 * 60)),
        ("4h", Self::Minutes(4 * 60)),
        ("6h", Self::Minutes(6 * 60)),
        ("12h", Self::Minutes(12 * 60)),
        ("1d", Self::Minutes(24 * 60)),
        ("1w", Self::Week),
        ("1M", Self::Month),
    ];

    /// Returns the start of the span that contains a time.
    fn start(self, time: Timestamp) -> Timestamp {
        let ms = time.as_millis();
        let elapsed = match self {
            Self::Minutes(minutes) => ms.rem_euclid(i64::from(minutes.max(1)) * MINUTE_MS),
            Self::Week => ms.saturating_sub(FIRST_MONDAY_MS).rem_euclid(WEEK_MS),
            Self::Month => {
                let day = time.to_rfc3339().and_then(|date| date.get(8..10)?.parse::<i64>().ok());
                day.unwrap_or(1).saturating_sub(1) * DAY_MS + ms.rem_euclid(DAY_MS)
            }
        };
        Timestamp::from_millis(ms.saturating_sub(elapsed))
    }
}

/// Computes candles from trades, oldest first. Spans without trades have none.
pub(crate) fn candles<'a>(trades: impl Iterator<Item = &'a MarketTrade>, span: CandleSpan) -> Vec<Candle> {
    let mut candles: BTreeMap<Timestamp, Candle> = BTreeMap::new();
    for &MarketTrade { price, amount, created, .. } in trades {
        let start = span.start(created);
        let candle = candles.entry(start).or_insert(Candle {
            start,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Decimal::ZERO,
        });
        candle.high = candle.high.max(price);
        candle.low = candle.low.min(price);
        candle.close = price;
        candle.volume = sum(candle.volume, amount).unwrap_or(candle.volume);
    }
    candles.into_values().collect()
}

#[cfg(test)]
mod tests {
    use bitopro_model::{Decimal, Timestamp};

    use super::{CandleSpan, candles};
    use crate::{MarketTrade, Ticker};

    /// Wednesday, 2021-12-15T07:28:23.365Z.
    const NOW: i64 = 1_639_553_303_365;

    fn trade(ms: i64, price: i64, amount: i64, is_buyer: bool) -> MarketTrade {
        let created = Timestamp::from_millis(ms);
        MarketTrade { price: price.into(), amount: Decimal::new(amount, 1), is_buyer, created }
    }

    #[test]
    fn a_candle_starts_at_a_multiple_of_its_length() {
        for (name, expected) in [
            ("1m", "2021-12-15T07:28:00.000Z"),
            ("15m", "2021-12-15T07:15:00.000Z"),
            ("4h", "2021-12-15T04:00:00.000Z"),
            ("1d", "2021-12-15T00:00:00.000Z"),
            ("1w", "2021-12-13T00:00:00.000Z"),
            ("1M", "2021-12-01T00:00:00.000Z"),
        ] {
            let span = CandleSpan::ALL.iter().find(|(known, _)| *known == name).unwrap().1;
            assert_eq!(
                span.start(Timestamp::from_millis(NOW)).to_rfc3339().as_deref(),
                Some(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn a_candle_has_the_prices_of_its_trades_and_a_span_without_trades_has_none() {
        let trades = [
            trade(NOW, 10, 5, true),
            trade(NOW + 1, 12, 5, true),
            trade(NOW + 2, 9, 5, false),
            trade(NOW + 600_000, 11, 1, true),
        ];
        let candles = candles(trades.iter(), CandleSpan::Minutes(1));
        let values: Vec<_> = candles
            .iter()
            .map(|candle| {
                [candle.open, candle.high, candle.low, candle.close, candle.volume].map(|v| v.to_string())
            })
            .collect();
        assert_eq!(values, [["10", "12", "9", "9", "1.5"], ["11", "11", "11", "11", "0.1"]]);
    }

    #[test]
    fn a_ticker_covers_the_last_24_hours() {
        let day = 86_400_000;
        let trades = [
            trade(NOW - day - 1, 8, 9, true),
            trade(NOW - day, 8, 9, true),
            trade(NOW - 5, 12, 3, true),
            trade(NOW, 10, 4, false),
        ];
        let ticker = |count: usize, market| {
            Ticker::new("btc_twd".into(), trades.iter().take(count), market, Timestamp::from_millis(NOW))
        };
        let full = ticker(4, None);
        assert_eq!((full.last_price, full.is_buyer, full.change_percent), (10.into(), false, 25.into()));
        assert_eq!((full.volume.to_string().as_str(), full.high, full.low), ("0.7", 12.into(), 10.into()));
        let quiet = ticker(2, Some(7.into()));
        assert_eq!((quiet.last_price, quiet.high, quiet.volume), (8.into(), 8.into(), Decimal::ZERO));
        assert_eq!(ticker(0, Some(7.into())).last_price, 7.into());
        assert_eq!(ticker(0, None).last_price, Decimal::ZERO);
    }
}
