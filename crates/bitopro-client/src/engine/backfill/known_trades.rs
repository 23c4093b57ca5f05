//! Which records of the REST API are trades that the stream has sent.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bitopro_model::{Action, Currency, Decimal, OrderId, Trade, TradeId};
use bitopro_rest::OwnTrade;

/// Time for which a trade is kept. A gap starts at most this long before the trade, since its window starts a minute
/// before the last frame of the connection.
const RETENTION: Duration = Duration::from_secs(180);
/// Maximum difference between the times of a trade in the stream and in the REST API, in seconds. It is not
/// documented how the stream rounds.
const ROUNDING: i64 = 1;

/// The trades that the subscriber has received recently, or since the start of the gap.
#[derive(Debug, Default)]
pub(super) struct KnownTrades(VecDeque<KnownTrade>);

#[derive(Debug)]
struct KnownTrade {
    received: Instant,
    terms: Terms,
    second: i64,
    /// The id, if the trade was recovered.
    id: Option<TradeId>,
}

/// Everything by which a trade of the stream can be compared with a record of the REST API, except for the time.
/// They have no common id. Two executions of one order can have the same terms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Terms {
    order: OrderId,
    action: String,
    price: Decimal,
    volume: Decimal,
    fee: Decimal,
    fee_currency: Currency,
}

impl Terms {
    fn of_trade(trade: &Trade) -> Self {
        Self::new(
            &trade.order_id,
            &trade.action(),
            [trade.price, trade.volume, trade.fee],
            &trade.fee_currency,
        )
    }

    fn of_record(record: &OwnTrade) -> Self {
        let amounts = [record.price, record.base_amount, record.fee];
        Self::new(&record.order_id, &record.action, amounts, &record.fee_symbol)
    }

    fn new(
        order: &OrderId,
        action: &Action,
        [price, volume, fee]: [Decimal; 3],
        fee_currency: &Currency,
    ) -> Self {
        let (order, action, fee_currency) = (order.clone(), action.as_str().to_owned(), fee_currency.clone());
        Self { order, action, price, volume, fee, fee_currency }
    }
}

impl KnownTrades {
    /// Adds a trade of the stream. Forgets old ones unless a backfill is in progress.
    pub(super) fn add(&mut self, trade: &Trade, received: Instant, is_in_progress: bool) {
        while !is_in_progress && self.0.front().is_some_and(|oldest| received > oldest.received + RETENTION) {
            self.0.pop_front();
        }
        let second = trade.transaction_timestamp.as_secs();
        self.0.push_back(KnownTrade { received, terms: Terms::of_trade(trade), second, id: None });
    }

    /// Adds a recovered trade.
    pub(super) fn add_recovered(&mut self, record: &OwnTrade, now: Instant) {
        let (terms, second) = (Terms::of_record(record), second(record).unwrap_or_default());
        self.0.push_back(KnownTrade { received: now, terms, second, id: Some(record.trade_id.clone()) });
    }

    /// Returns the records that are not among the known trades.
    ///
    /// Recovered trades are recognised by their ids. The others are matched one to one: each trade explains one record
    /// with the same terms, whose time differs by at most a second.
    pub(super) fn missing<'a>(&self, records: impl IntoIterator<Item = &'a OwnTrade>) -> Vec<&'a OwnTrade> {
        let is_recovered = |record: &OwnTrade| {
            self.0.iter().any(|known| {
                known.id.as_ref() == Some(&record.trade_id) && known.terms.order == record.order_id
            })
        };
        let mut groups: BTreeMap<Terms, Vec<&OwnTrade>> = BTreeMap::new();
        for record in records.into_iter().filter(|record| !is_recovered(record)) {
            groups.entry(Terms::of_record(record)).or_default().push(record);
        }
        let missing = groups.into_iter().flat_map(|(terms, mut records)| {
            records.sort_by_key(|record| second(record));
            let same = self.0.iter().filter(|known| known.id.is_none() && known.terms == terms);
            let mut known: Vec<i64> = same.map(|known| known.second).collect();
            known.sort_unstable();
            let mut known = known.into_iter().peekable();
            records.retain(|record| {
                let Some(second) = second(record) else { return true };
                while known.next_if(|known| *known < second - ROUNDING).is_some() {}
                known.next_if(|known| *known <= second + ROUNDING).is_none()
            });
            records
        });
        let mut missing: Vec<&OwnTrade> = missing.collect();
        missing.sort_by_key(|record| record.created());
        missing
    }
}

/// Returns the second of a record's time.
fn second(record: &OwnTrade) -> Option<i64> {
    Some(record.created()?.as_millis().div_euclid(1_000))
}

#[cfg(test)]
mod tests;
