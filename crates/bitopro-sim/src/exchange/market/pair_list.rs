//! The list of the pairs that an exchange trades.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::LazyLock;

use bitopro_model::__private::slice_for_display;
use bitopro_model::{Decimal, Pair, parse_decimal};
use bitopro_rest::{List, TradingPair};
use serde_json::value::RawValue;

use crate::exchange::account::order::currencies;
use crate::exchange::exact::AMOUNT_SCALE;
use crate::{Error, ErrorKind, PairRules};

/// The largest scale to which an order book can be grouped.
const MAX_BOOK_SCALE: u32 = 18;
/// Maximum number of bytes of a value that a problem shows.
const SHOWN: usize = 40;
/// The largest initial price, in the smallest unit of the pair's prices.
const MAX_PRICE_UNITS: i64 = 1_000_000_000_000_000;

/// The pairs of a simulated exchange, with their rules and the initial prices of the simulated market.
///
/// By default, these are the 35 pairs that the exchange had in September 2026. `pairs.json`, next to the source of
/// this type, has their values, each pair with the source of its values; many are assumptions.
///
/// [`FromStr`] parses the reply of the exchange to `GET /provisioning/trading-pairs`. A pair may have a further field
/// `initialPrice`, a decimal, or `null` if only accounts trade the pair. Without this field, the price is that of the
/// default list, if the list has the pair. Other unknown fields are ignored.
///
/// # Examples
///
/// ```
/// use bitopro_model::Timestamp;
/// use bitopro_sim::{PairList, Simulator};
///
/// let reply = r#"{"data":[{"pair":"doge_twd","base":"doge","quote":"twd","basePrecision":"8","quotePrecision":"3",
///     "minLimitBaseAmount":"10","maxLimitBaseAmount":"1000000","minMarketBuyQuoteAmount":"190",
///     "orderOpenLimit":"200","maintain":false,"orderBookQuotePrecision":"3","orderBookQuoteScaleLevel":"5",
///     "amountPrecision":"4"}]}"#;
/// let pairs: PairList = reply.parse()?;
/// let exchange = Simulator::builder().with_pairs(pairs).build_exchange(Timestamp::from_millis(0))?;
/// assert_eq!(exchange.pairs().len(), 1);
/// assert!(exchange.market_price(&"doge_twd".into()).is_some());
/// # Ok::<(), bitopro_sim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairList(pub(crate) Vec<ListedPair>);

/// A pair of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedPair {
    pub(crate) rules: PairRules,
    /// The market's initial price, or `None` if only accounts trade the pair.
    pub(crate) initial_price: Option<Decimal>,
}

/// The default list. A test checks that the file is valid.
static DEFAULT: LazyLock<PairList> =
    LazyLock::new(|| parse(include_str!("pairs.json"), |_| None).unwrap_or(PairList(Vec::new())));

impl Default for PairList {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl FromStr for PairList {
    type Err = Error;

    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`ErrorKind::Options`] that names the pair and the field of each problem.
    fn from_str(text: &str) -> Result<Self, Error> {
        let known_price = |pair: &Pair| {
            let listed = DEFAULT.0.iter().find(|listed| listed.rules.pair == *pair);
            listed.and_then(|listed| listed.initial_price)
        };
        parse(text, known_price).map_err(|problems| Error::new(ErrorKind::Options, problems.join("; ")))
    }
}

/// Parses a list, or returns every problem.
fn parse(text: &str, known_price: impl Fn(&Pair) -> Option<Decimal>) -> Result<PairList, Vec<String>> {
    let rows: List<Box<RawValue>> = serde_json::from_str(text)
        .map_err(|error| vec![format!("not a reply of `GET /provisioning/trading-pairs`: {error}")])?;
    if rows.is_empty() {
        return Err(vec!["`data` lists no pair".to_owned()]);
    }
    let (mut pairs, mut problems, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (number, row) in (1..).zip(&rows) {
        let pair: TradingPair = match serde_json::from_str(row.get()) {
            Ok(pair) => pair,
            Err(error) => {
                problems.push(format!("pair {number} of `data`: {error}"));
                continue;
            }
        };
        if !seen.insert(pair.pair.clone()) {
            problems.push(format!("duplicate pair `{}`", pair.pair));
        }
        let mut row = Row { pair: &pair, problems: &mut problems };
        if let Some(rules) = row.rules() {
            let initial_price = row.initial_price(&rules, &known_price);
            pairs.push(ListedPair { rules, initial_price });
        }
    }
    if problems.is_empty() { Ok(PairList(pairs)) } else { Err(problems) }
}

/// A pair of a reply, and the problems found so far.
struct Row<'a> {
    pair: &'a TradingPair,
    problems: &'a mut Vec<String>,
}

impl Row<'_> {
    /// Returns the rules of the pair, or `None` after adding every problem with its fields.
    fn rules(&mut self) -> Option<PairRules> {
        let known = self.problems.len();
        let pair = self.pair;
        let name = Pair::new(pair.pair.as_str().to_ascii_lowercase());
        let parts = format!("{}_{}", pair.base, pair.quote).to_ascii_lowercase();
        if name.as_str() != parts || currencies(&name).is_err() {
            self.problem("pair", &format!("does not consist of `base` and `quote`, which are `{parts}`"));
        }
        let rules = PairRules {
            pair: name,
            base_precision: self.number("basePrecision", pair.base_precision, AMOUNT_SCALE),
            quote_precision: self.number("quotePrecision", pair.quote_precision, AMOUNT_SCALE),
            amount_precision: self.number("amountPrecision", pair.amount_precision, AMOUNT_SCALE),
            min_amount: self.amount("minLimitBaseAmount", pair.min_limit_base_amount),
            max_amount: self.amount("maxLimitBaseAmount", pair.max_limit_base_amount),
            min_market_buy: self.amount("minMarketBuyQuoteAmount", pair.min_market_buy_quote_amount),
            open_order_limit: usize::try_from(self.number("orderOpenLimit", pair.order_open_limit, u32::MAX))
                .unwrap_or(usize::MAX),
            book_precision: self.number(
                "orderBookQuotePrecision",
                pair.order_book_quote_precision,
                AMOUNT_SCALE,
            ),
            book_scale_levels: self.number(
                "orderBookQuoteScaleLevel",
                pair.order_book_quote_scale_level,
                MAX_BOOK_SCALE,
            ),
            is_in_maintenance: self
                .present("maintain", pair.maintain, "`true` or `false`")
                .unwrap_or_default(),
        };
        if self.problems.len() == known && rules.min_amount > rules.max_amount {
            self.problem("minLimitBaseAmount", "is above `maxLimitBaseAmount`");
        }
        (self.problems.len() == known).then_some(rules)
    }

    fn initial_price(
        &mut self,
        rules: &PairRules,
        known_price: impl Fn(&Pair) -> Option<Decimal>,
    ) -> Option<Decimal> {
        let has_units = |price: &Decimal| units(*price, rules.quote_precision).is_some();
        match self.pair.extra.get("initialPrice") {
            None => known_price(&rules.pair).filter(has_units),
            Some("null") => None,
            Some(raw) => {
                let price = parse_decimal(raw.trim_matches('"')).ok().filter(has_units);
                if price.is_none() {
                    let decimals = rules.quote_precision;
                    let expected = format!("a price above 0 with at most {decimals} decimals");
                    self.unexpected("initialPrice", raw, &expected);
                }
                price
            }
        }
    }

    fn number(&mut self, field: &'static str, value: Option<u32>, max: u32) -> u32 {
        let number = self.present(field, value, "a whole number").unwrap_or_default();
        if number > max {
            self.unexpected(field, &number.to_string(), &format!("at most {max}"));
        }
        number
    }

    fn amount(&mut self, field: &'static str, value: Option<Decimal>) -> Decimal {
        let Some(amount) = self.present(field, value, "a decimal") else { return Decimal::ZERO };
        if amount <= Decimal::ZERO {
            self.unexpected(field, &amount.to_string(), "more than 0");
        }
        amount.normalize()
    }

    /// Returns the value of a field. A field that is missing or cannot be read is a problem.
    fn present<T>(&mut self, field: &'static str, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            match self.pair.extra.get(field) {
                Some(raw) => self.unexpected(field, raw, expected),
                None => self.problem(field, "is missing"),
            }
        }
        value
    }

    fn unexpected(&mut self, field: &str, value: &str, expected: &str) {
        let value = slice_for_display(value, 0, SHOWN);
        self.problem(field, &format!("is `{value}`; expected {expected}"));
    }

    fn problem(&mut self, field: &str, problem: &str) {
        self.problems.push(format!("`{field}` of `{}` {problem}", self.pair.pair));
    }
}

/// Returns a price in units of 10^-`scale`, or `None` if it is not a whole number of them, not above zero, or too
/// large.
pub(crate) fn units(price: Decimal, scale: u32) -> Option<i64> {
    let price = price.normalize();
    let factor = 10_i128.checked_pow(scale.checked_sub(price.scale())?)?;
    let units = i64::try_from(price.mantissa().checked_mul(factor)?).ok()?;
    (1..=MAX_PRICE_UNITS).contains(&units).then_some(units)
}

#[cfg(test)]
mod tests;
