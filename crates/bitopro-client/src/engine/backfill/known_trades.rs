//! Finds the records of the REST API that are not trades of the stream.

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
pub(super) struct KnownTrades {
    trades: VecDeque<KnownTrade>,
    /// The time of the latest trade that was forgotten, in seconds. Everything up to it is known.
    forgotten: Option<i64>,
}

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
        let is_old = |oldest: &&KnownTrade| received > oldest.received + RETENTION;
        while !is_in_progress && let Some(oldest) = self.trades.front().filter(is_old) {
            self.forgotten = self.forgotten.max(Some(oldest.second));
            self.trades.pop_front();
        }
        let second = trade.transaction_timestamp.as_secs();
        self.trades.push_back(KnownTrade { received, terms: Terms::of_trade(trade), second, id: None });
    }

    /// Adds a recovered trade.
    pub(super) fn add_recovered(&mut self, record: &OwnTrade, now: Instant) {
        let (terms, second) = (Terms::of_record(record), second(record).unwrap_or_default());
        self.trades.push_back(KnownTrade { received: now, terms, second, id: Some(record.trade_id.clone()) });
    }

    /// Returns the records that are not among the known trades.
    ///
    /// Recovered trades are recognised by their ids. The others are matched one to one: each trade explains one record
    /// with the same terms, whose time differs by at most a second.
    pub(super) fn missing<'a>(&self, records: impl IntoIterator<Item = &'a OwnTrade>) -> Vec<&'a OwnTrade> {
        let is_recovered = |record: &OwnTrade| {
            self.trades.iter().any(|known| {
                known.id.as_ref() == Some(&record.trade_id) && known.terms.order == record.order_id
            })
        };
        let mut groups: BTreeMap<Terms, Vec<&OwnTrade>> = BTreeMap::new();
        let is_forgotten =
            |record: &OwnTrade| second(record).is_some_and(|second| Some(second) <= self.forgotten);
        for record in records.into_iter().filter(|record| !is_recovered(record) && !is_forgotten(record)) {
            groups.entry(Terms::of_record(record)).or_default().push(record);
        }
        let missing = groups.into_iter().flat_map(|(terms, mut records)| {
            records.sort_by_key(|record| second(record));
            let same = self.trades.iter().filter(|known| known.id.is_none() && known.terms == terms);
            let mut known: Vec<i64> = same.map(|known| known.second).collect();
            known.sort_unstable();
            let seconds: Vec<Option<i64>> = records.iter().map(|record| second(record)).collect();
            let mut is_explained = explained(&seconds, &known).into_iter();
            records.retain(|_| !is_explained.next().unwrap_or_default());
            records
        });
        let mut missing: Vec<&OwnTrade> = missing.collect();
        missing.sort_by_key(|record| record.created());
        missing
    }
}

/// Returns for each record whether a trade explains it. Both lists are sorted.
///
/// As many as possible are matched. If that is also possible with equal times first, those are matched first.
fn explained(records: &[Option<i64>], known: &[i64]) -> Vec<bool> {
    let count = |matched: &[bool]| matched.iter().filter(|is_matched| **is_matched).count();
    let [equal_first, most] = [&[0, ROUNDING][..], &[ROUNDING]].map(|steps| matched(records, known, steps));
    if count(&equal_first) < count(&most) { most } else { equal_first }
}

/// Matches each record to a trade in steps, of which each allows a difference in seconds.
fn matched(records: &[Option<i64>], known: &[i64], steps: &[i64]) -> Vec<bool> {
    let mut is_matched = vec![false; records.len()];
    let mut known = known.to_vec();
    for difference in steps {
        let mut unused = Vec::new();
        let mut rest = known.into_iter().peekable();
        for (record, is_matched) in records.iter().zip(&mut is_matched) {
            let Some(second) = record.filter(|_| !*is_matched) else { continue };
            unused.extend(std::iter::from_fn(|| rest.next_if(|known| *known < second - difference)));
            *is_matched = rest.next_if(|known| *known <= second + difference).is_some();
        }
        known = unused.into_iter().chain(rest).collect();
    }
    is_matched
}

/// Returns the second of a record's time.
fn second(record: &OwnTrade) -> Option<i64> {
    Some(record.created()?.as_millis().div_euclid(1_000))
}

#[cfg(test)]
mod tests;
