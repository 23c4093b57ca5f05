//! The messages of the public streams: the current state for new sockets, and then what changes.

mod frames;
pub(crate) mod series;

use std::collections::{BTreeMap, BTreeSet};

use bitopro_model::{Decimal, EventId, PublicStream, Timestamp};
use fastrand::Rng;

use crate::exchange::feed::frames::{Envelope, Precision};
use crate::exchange::feed::series::Series;
use crate::exchange::uuid::random_uuid;
use crate::{BookRepeats, CommandError, EventIds, Exchange, OrderBook, Quirks};

/// One message in this many repeats the one before, with [`BookRepeats::Sometimes`]. 373 of 2,310 did (measured).
const REPEATED: u32 = 6;

/// A message of a public stream.
#[derive(Debug)]
pub(crate) struct MarketPush {
    pub(crate) series: Series,
    pub(crate) event_id: Option<EventId>,
    pub(crate) text: String,
}

/// Creates the messages of the series that sockets follow.
#[derive(Debug)]
pub(crate) struct MarketFeed {
    /// One generator per stream, as for the private streams. `None` if messages have no ids.
    ids: Option<BTreeMap<PublicStream, Rng>>,
    quirks: Quirks,
    followed: BTreeMap<Series, Published>,
}

/// The last message about a series.
#[derive(Debug)]
struct Published {
    last: Content,
    /// Number of messages since the first one.
    updates: u32,
}

/// The content of a message. If it has not changed, nothing is published.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Book(OrderBook),
    /// The number of trades so far, and the price if there are none yet.
    Trades(u64, Option<Decimal>),
}

impl MarketFeed {
    pub(crate) fn new(seed: u64, quirks: Quirks) -> Self {
        // Independent of the generators of the accounts and of the market, so that a socket does not change those.
        let mut parent = Rng::with_seed(seed.rotate_left(32));
        let ids = PublicStream::ALL.iter().map(|stream| (*stream, parent.fork())).collect();
        let ids = (quirks.event_ids == EventIds::Present).then_some(ids);
        Self { ids, quirks, followed: BTreeMap::new() }
    }

    /// Returns the first message to a socket about a series, whose numbers are exact.
    pub(crate) fn first(
        &mut self,
        exchange: &Exchange,
        series: &Series,
        now: Timestamp,
    ) -> Result<MarketPush, CommandError> {
        let content = content(exchange, series)?;
        let push = self.push(exchange, (series, &content), Precision::Exact, now)?;
        self.followed.entry(series.clone()).or_insert(Published { last: content, updates: 0 });
        Ok(push)
    }

    /// Returns the messages about what has changed in the series that sockets follow. Forgets all others.
    pub(crate) fn updates(
        &mut self,
        exchange: &Exchange,
        followed: &BTreeSet<&Series>,
        now: Timestamp,
    ) -> Vec<MarketPush> {
        self.followed.retain(|series, _| followed.contains(series));
        let mut pushes = Vec::new();
        for series in followed {
            // The pairs of all series are listed, so that no step fails.
            let Ok(content) = content(exchange, series) else { continue };
            let Some(published) = self.followed.get_mut(series).filter(|known| known.last != content) else {
                continue;
            };
            published.updates += 1;
            let repeats = self.quirks.book_repeats == BookRepeats::Sometimes
                && series.stream == PublicStream::OrderBooks
                && published.updates.is_multiple_of(REPEATED - 1);
            for _ in 0..=u32::from(repeats) {
                pushes.extend(self.push(exchange, (series, &content), Precision::Rounded, now));
            }
            if let Some(published) = self.followed.get_mut(series) {
                published.last = content;
            }
        }
        pushes
    }

    fn push(
        &mut self,
        exchange: &Exchange,
        (series, content): (&Series, &Content),
        precision: Precision,
        now: Timestamp,
    ) -> Result<MarketPush, CommandError> {
        let rules = exchange.pair_rules(&series.pair)?;
        let event_id =
            self.ids.as_mut().and_then(|ids| ids.get_mut(&series.stream)).map(random_uuid).map(EventId::from);
        let envelope: Envelope = (event_id.clone(), now, self.quirks.datetimes.format(now));
        let text = match content {
            Content::Book(book) => frames::order_book(book, (rules, series.limit), precision, envelope),
            Content::Trades(..) if series.stream == PublicStream::Trades => {
                frames::trades(exchange.market_trades(&series.pair), rules, envelope)
            }
            Content::Trades(..) => {
                let Quirks { ticker_range, ticker_pairs, .. } = self.quirks;
                frames::ticker(exchange, rules, (ticker_range, ticker_pairs), envelope)?
            }
        };
        Ok(MarketPush { series: series.clone(), event_id, text })
    }
}

fn content(exchange: &Exchange, series: &Series) -> Result<Content, CommandError> {
    let pair = &series.pair;
    if series.stream == PublicStream::OrderBooks {
        return Ok(Content::Book(exchange.order_book(pair, series.limit, 0)?));
    }
    let count = exchange.market_trade_count(pair);
    let shows_price = series.stream == PublicStream::Tickers && count == 0;
    Ok(Content::Trades(count, exchange.market_price(pair).filter(|_| shows_price)))
}
