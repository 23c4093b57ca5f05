//! The content of the messages of the public streams.

use bitopro_model::{self as model, Datetime, Decimal, EventId, Pair, Timestamp, UnixSeconds};
use serde::Serialize;
use serde_json::Value;

use crate::exchange::exact::truncated_product;
use crate::{
    BookLevel, CommandError, Exchange, MarketTrade, OrderBook, PairRules, Ticker, TickerPairs, TickerRange,
};

/// Number of trades in a message. An assumption: the exchange sends the recent ones, but how many is unknown.
const TRADES: usize = 20;
/// Number of decimals of volumes and of values in US dollars (observed).
const VALUE_SCALE: u32 = 4;

/// The `eventID`, the time, and the time as text.
pub(super) type Envelope = (Option<EventId>, Timestamp, Option<Datetime>);

/// Numbers of the first message of a socket about a pair are exact, and later ones rounded (measured).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    Exact,
    Rounded,
}

pub(super) fn order_book(
    book: &OrderBook,
    (rules, limit): (&PairRules, usize),
    precision: Precision,
    (event_id, now, datetime): Envelope,
) -> String {
    let level = |level: &BookLevel| {
        let amount = |exact: Decimal| match precision {
            Precision::Exact => rounded(exact, 8).normalize(),
            Precision::Rounded => rounded(exact, rules.amount_precision),
        };
        let mut shown =
            model::BookLevel::new(rounded(level.price, rules.quote_precision), amount(level.amount));
        shown.count = i64::try_from(level.count).ok();
        shown.total = Some(amount(level.total));
        shown
    };
    let mut event = model::OrderBook::new(uppercase(&rules.pair), now);
    (event.event_id, event.datetime) = (event_id, datetime);
    (event.limit, event.scale) = (i64::try_from(limit).ok(), Some(0));
    event.bids = book.bids.iter().map(level).collect();
    event.asks = book.asks.iter().map(level).collect();
    text(&event)
}

pub(super) fn trades<'a>(
    newest_first: impl Iterator<Item = &'a MarketTrade>,
    rules: &PairRules,
    (event_id, now, datetime): Envelope,
) -> String {
    let mut event = model::MarketTrades::new(uppercase(&rules.pair), now);
    (event.event_id, event.datetime) = (event_id, datetime);
    let trade = |trade: &MarketTrade| {
        let seconds = UnixSeconds::from_secs(trade.created.as_millis().div_euclid(1_000));
        let amount = rounded(trade.amount, rules.amount_precision);
        let mut shown = model::MarketTrade::new(seconds, trade.price.normalize(), amount);
        shown.is_buyer = Some(trade.is_buyer);
        shown
    };
    event.data = newest_first.take(TRADES).map(trade).collect();
    text(&event)
}

pub(super) fn ticker(
    exchange: &Exchange,
    rules: &PairRules,
    (range, pairs): (TickerRange, TickerPairs),
    (event_id, now, datetime): Envelope,
) -> Result<String, CommandError> {
    let ticker = exchange.ticker(&rules.pair, now)?;
    let mut event = model::Ticker::new(uppercase(&rules.pair), now, ticker.last_price);
    (event.event_id, event.datetime) = (event_id, datetime);
    event.is_buyer = Some(ticker.is_buyer);
    event.price_change_24h = Some(ticker.change_percent);
    event.volume_24h = Some(rounded(ticker.volume, VALUE_SCALE));
    let (usd, twd) = in_usd_and_twd(exchange, &ticker);
    let volume = |price: Option<Decimal>| price.and_then(|price| truncated_product(ticker.volume, price));
    event.last_price_usd = usd.map(|price| rounded(price, VALUE_SCALE));
    event.volume_24h_usd = volume(usd).map(|value| rounded(value, VALUE_SCALE));
    // A price in the pair's own currency has the pair's decimals.
    let twd_scale = if twd == Some(ticker.last_price) { ticker.last_price.scale() } else { 0 };
    event.last_price_twd = twd.map(|price| rounded(price, twd_scale));
    event.volume_24h_twd = volume(twd).map(|value| rounded(value, 0));
    let (high, low) = match range {
        TickerRange::LastPrice => (ticker.last_price, ticker.last_price),
        TickerRange::Real => (ticker.high, ticker.low),
    };
    (event.high_24h, event.low_24h) = (Some(high.normalize()), Some(low.normalize()));
    Ok(match pairs {
        TickerPairs::Present => text(&event),
        TickerPairs::Absent => {
            // Serialization cannot fail.
            let mut fields = serde_json::to_value(&event).unwrap_or_default();
            if let Value::Object(fields) = &mut fields {
                fields.remove("pair");
            }
            fields.to_string()
        }
    })
}

/// Converts the last price by that of `usdt_twd`. That a USDT is a US dollar is an assumption.
fn in_usd_and_twd(exchange: &Exchange, ticker: &Ticker) -> (Option<Decimal>, Option<Decimal>) {
    let usdt_twd = Pair::new("usdt_twd");
    let last_trade = exchange.market_trades(&usdt_twd).next().map(|trade| trade.price);
    let rate = last_trade.or_else(|| exchange.market_price(&usdt_twd));
    let price = ticker.last_price;
    match ticker.pair.as_str().rsplit_once('_') {
        Some((_, "twd")) => (rate.and_then(|rate| price.checked_div(rate)), Some(price)),
        Some((_, "usdt")) => (Some(price), rate.and_then(|rate| price.checked_mul(rate))),
        _ => (None, None),
    }
}

/// Returns a number rounded to the nearest one with this number of decimals, which it always has.
fn rounded(mut number: Decimal, scale: u32) -> Decimal {
    number.rescale(scale);
    number
}

fn uppercase(pair: &Pair) -> String {
    pair.as_str().to_ascii_uppercase()
}

fn text(event: &impl Serialize) -> String {
    // Serialization cannot fail: an event holds only strings, numbers and lists of them.
    serde_json::to_string(event).unwrap_or_default()
}
