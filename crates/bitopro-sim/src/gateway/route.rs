//! The stream that a path names, and the pairs that a client follows on a public one.

use std::borrow::Cow;

use bitopro_model::{Pair, PrivateStream, PublicStream};
use percent_encoding::percent_decode_str;

use crate::PairRules;
use crate::exchange::feed::series::{BOOK_LIMITS, DEFAULT_BOOK_LIMIT, Series};
use crate::gateway::channel::{Channel, Topic};

#[derive(Debug)]
pub(crate) enum Route {
    /// A stream of the account that has signed the request.
    Private(PrivateStream),
    /// Pairs of a public stream, which needs no account.
    Public(Channel),
}

/// Returns what a request for a path is about.
///
/// Unknown pairs among known ones are ignored without notice (measured). If a pair is listed twice, its last limit
/// applies (an assumption).
///
/// # Errors
///
/// Returns the reason, for the log, if the path names no stream, or only unknown pairs.
pub(crate) fn find(path: &str, query: Option<&str>, pairs: &[PairRules]) -> Result<Route, &'static str> {
    if let Some(stream) = PrivateStream::ALL.iter().find(|stream| stream.path() == path) {
        return Ok(Route::Private(*stream));
    }
    let named = PublicStream::ALL.iter().find_map(|stream| {
        let rest = path.strip_prefix(stream.path())?;
        (rest.is_empty() || rest.starts_with('/')).then_some((*stream, rest))
    });
    let (stream, rest) = named.ok_or("unknown path")?;
    let mut requested: Vec<Series> = Vec::new();
    for item in list(rest, query).split(',') {
        let Some(series) = series(stream, item, pairs) else { continue };
        match requested.iter_mut().find(|known| known.pair == series.pair) {
            Some(known) => *known = series,
            None => requested.push(series),
        }
    }
    if requested.is_empty() {
        return Err("no known pair");
    }
    let topics = requested.into_iter().map(Topic::Market).collect();
    Ok(Route::Public(Channel { stream: stream.into(), topics }))
}

/// Returns the list of pairs: the rest of the path or, if it is empty, the parameter `pairs` of the query.
fn list<'a>(rest: &'a str, query: Option<&'a str>) -> Cow<'a, str> {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if !rest.is_empty() {
        return percent_decode_str(rest).decode_utf8_lossy();
    }
    let mut parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    parameters.find(|(name, _)| name == "pairs").map(|(_, value)| value).unwrap_or_default()
}

/// Parses a pair in any case, which a limit may follow on the stream of order books: `BTC_TWD:20`.
fn series(stream: PublicStream, item: &str, pairs: &[PairRules]) -> Option<Series> {
    let (pair, limit) = match item.split_once(':') {
        Some((pair, limit)) if stream == PublicStream::OrderBooks => (pair, limit),
        _ => (item, ""),
    };
    let limit = limit.parse().ok().filter(|limit| BOOK_LIMITS.contains(limit)).unwrap_or(DEFAULT_BOOK_LIMIT);
    let pair = Pair::new(pair);
    let rules = pairs.iter().find(|rules| rules.pair == pair)?;
    let limit = if stream == PublicStream::OrderBooks { limit } else { 0 };
    Some(Series { stream, pair: rules.pair.clone(), limit })
}
