use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use bitopro_model::{Pair, PublicStream};
use bitopro_rest::GetOrderBook;
use thiserror::Error;

use crate::endpoints::MAX_PATH;

/// A pair whose order book to follow, and the number of its levels.
///
/// # Examples
///
/// ```
/// use bitopro_client::BookPair;
///
/// let [twenty, default]: [BookPair; 2] = [BookPair::new("BTC_TWD").with_depth(20), "ETH_TWD".into()];
/// assert_eq!(twenty.to_string(), "BTC_TWD:20");
/// assert_eq!("ETH_TWD".parse(), Ok(default));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookPair {
    pair: Pair,
    depth: Option<u32>,
}

impl BookPair {
    /// The numbers of levels that the exchange serves. It silently serves 5 in place of any other number.
    pub const DEPTHS: &'static [u32] = GetOrderBook::DEPTHS;

    /// Selects a pair. The exchange serves 5 levels on each side.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self { pair: pair.into(), depth: None }
    }

    /// Sets the number of levels on each side, one of [`DEPTHS`](Self::DEPTHS).
    #[must_use]
    pub fn with_depth(mut self, depth: u32) -> Self {
        self.depth = Some(depth);
        self
    }

    /// Returns the pair.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Returns the number of levels on each side, if it is set.
    pub fn depth(&self) -> Option<u32> {
        self.depth
    }
}

impl<P: Into<Pair>> From<P> for BookPair {
    fn from(pair: P) -> Self {
        Self::new(pair)
    }
}

impl std::fmt::Display for BookPair {
    /// Formats the pair as in a URL: `BTC_TWD:20`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.pair.as_str().to_ascii_uppercase())?;
        self.depth.map_or(Ok(()), |depth| write!(f, ":{depth}"))
    }
}

/// Parses a pair with an optional depth: `BTC_TWD` or `BTC_TWD:20`.
impl FromStr for BookPair {
    type Err = PairsError;

    fn from_str(text: &str) -> Result<Self, PairsError> {
        let (pair, depth) = text.split_once(':').map_or((text, None), |(pair, depth)| (pair, Some(depth)));
        let depth = depth.map(|depth| depth.parse().map_err(|_| depth)).transpose();
        let problems = match depth {
            Ok(depth) => {
                let pair = Self { pair: pair.into(), depth };
                match pair.problem() {
                    None => return Ok(pair),
                    Some(problem) => vec![problem],
                }
            }
            Err(depth) => vec![invalid_depth(pair, depth)],
        };
        Err(PairsError { problems })
    }
}

/// The error returned for pairs that cannot be followed. It lists every problem.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid pairs: {}", .problems.join("; "))]
pub struct PairsError {
    problems: Vec<String>,
}

impl PairsError {
    /// Returns a description of every problem.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl BookPair {
    fn problem(&self) -> Option<String> {
        let text = self.pair.as_str();
        let is_code = |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !text.split_once('_').is_some_and(|(base, quote)| is_code(base) && is_code(quote)) {
            let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
            return Some(format!("`{shown}` is not a pair such as `BTC_TWD`"));
        }
        self.depth.filter(|depth| !Self::DEPTHS.contains(depth)).map(|depth| invalid_depth(text, depth))
    }
}

fn invalid_depth(pair: &str, depth: impl std::fmt::Display) -> String {
    let known = BookPair::DEPTHS.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    format!("`{depth}` is not a number of levels of {pair}; use one of {known}")
}

/// The pairs that one socket follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection(Vec<BookPair>);

impl Selection {
    pub(crate) fn new(pairs: impl IntoIterator<Item = BookPair>) -> Result<Self, PairsError> {
        let mut depths: BTreeMap<Pair, Option<u32>> = BTreeMap::new();
        let (mut selected, mut problems) = (Vec::new(), Vec::new());
        for pair in pairs {
            problems.extend(pair.problem());
            match depths.insert(pair.pair.clone(), pair.depth) {
                None => selected.push(pair),
                Some(depth) if depth == pair.depth => {}
                Some(_) => problems.push(format!("{} is listed with two numbers of levels", pair.pair)),
            }
        }
        let selection = Self(selected);
        if selection.0.is_empty() {
            problems.push("no pair is listed".to_owned());
        }
        if PublicStream::ALL.iter().any(|stream| selection.path(*stream).len() > MAX_PATH) {
            problems.push("the list is too long for a URL; use several subscriptions".to_owned());
        }
        if problems.is_empty() { Ok(selection) } else { Err(PairsError { problems }) }
    }

    pub(crate) fn pairs(&self) -> BTreeSet<Pair> {
        self.0.iter().map(|pair| pair.pair.clone()).collect()
    }

    /// Returns the path and query of a stream with these pairs, in the documented forms.
    pub(crate) fn path(&self, stream: PublicStream) -> String {
        let name = |pair: &BookPair| match stream {
            PublicStream::OrderBooks => pair.to_string(),
            _ => BookPair::new(pair.pair.clone()).to_string(),
        };
        let pairs: Vec<String> = self.0.iter().map(name).collect();
        let pairs = pairs.join(",");
        let separator = if self.0.len() == 1 { "/" } else { "?pairs=" };
        format!("{}{separator}{pairs}", stream.path())
    }
}

#[cfg(test)]
mod tests {
    use bitopro_model::PublicStream;

    use super::{BookPair, Selection};

    fn path(stream: PublicStream, pairs: &[&str]) -> Result<String, String> {
        let pairs = pairs.iter().map(|pair| pair.parse::<BookPair>().unwrap());
        Selection::new(pairs).map(|selection| selection.path(stream)).map_err(|error| error.to_string())
    }

    #[test]
    fn one_pair_is_in_the_path_and_several_are_in_the_query() {
        let books = |pairs: &[&str]| path(PublicStream::OrderBooks, pairs).unwrap();
        assert_eq!(books(&["btc_twd"]), "/v1/pub/order-books/BTC_TWD");
        assert_eq!(books(&["BTC_TWD:20", "btc_twd:20"]), "/v1/pub/order-books/BTC_TWD:20");
        assert_eq!(books(&["BTC_TWD:1", "BITO_ETH"]), "/v1/pub/order-books?pairs=BTC_TWD:1,BITO_ETH");
        let trades = path(PublicStream::Trades, &["BTC_TWD:20", "ETH_TWD"]);
        assert_eq!(trades.unwrap(), "/v1/pub/trades?pairs=BTC_TWD,ETH_TWD");
    }

    #[test]
    fn invalid_pairs_are_all_reported() {
        let error = path(PublicStream::OrderBooks, &["BTC_TWD:1", "BTC_TWD:5"]).unwrap_err();
        assert_eq!(error, "invalid pairs: BTC_TWD is listed with two numbers of levels");
        let error = path(PublicStream::Tickers, &[]).unwrap_err();
        assert_eq!(error, "invalid pairs: no pair is listed");
        let pairs = ["BTC/TWD", "", "BTC_TWD?x=1", "BTC_"].map(BookPair::new);
        let pairs = pairs.into_iter().chain([BookPair::new("BTC_TWD").with_depth(7)]);
        let error = Selection::new(pairs).unwrap_err();
        assert_eq!(error.problems().len(), 5, "{error}");
        let depth = "`7` is not a number of levels of BTC_TWD; use one of 1, 5, 10, 20, 30, 50";
        assert_eq!(error.problems().last().unwrap(), depth);
        assert!("BTC_TWD:x".parse::<BookPair>().unwrap_err().to_string().contains("`x` is not a number"));
        let many = (0..2_000).map(|number| BookPair::new(format!("A{number}_TWD")));
        assert!(Selection::new(many).unwrap_err().to_string().contains("several subscriptions"));
    }
}
