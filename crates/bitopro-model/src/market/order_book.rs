use std::borrow::Cow;

use rust_decimal::Decimal;

use super::market_event;
use crate::event::EventName;
use crate::wire::wire_struct;
use crate::{Action, Extra, Pair, Timestamp, exact_add, exact_mul, exact_sub};

market_event! {
    /// The event `ORDER_BOOK`: the best orders of a pair, merged by price.
    ///
    /// Each event replaces the whole book of its pair. The first one of a connection has exact amounts; the exchange
    /// rounds those of the later ones to the pair's `amountPrecision` (observed).
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_model::{MarketEvent, OrderBook};
    ///
    /// let book = OrderBook::from_json(
    ///     r#"{"event":"ORDER_BOOK","timestamp":1790000000123,"pair":"BTC_USDT","limit":1,"scale":0,
    ///     "bids":[{"price":"86000.50","amount":"0.2205","count":1,"total":"0.2205"}],
    ///     "asks":[{"price":"86010.00","amount":"0.0175","count":2,"total":"0.0175"}]}"#,
    /// )?;
    /// assert_eq!(book.best_bid().map(|bid| bid.price), Some("86000.50".parse()?));
    /// assert_eq!(book.spread(), Some("9.50".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct OrderBook ("an order book") on OrderBooks {
        /// The largest number of levels on each side: 1, 5, 10, 20, 30 or 50.
        "limit" => limit: Option<i64>,
        /// The number of decimal places of the prices that are merged. Always 0 (observed).
        "scale" => scale: Option<i64>,
        /// The levels of purchases, highest price first.
        "bids" => bids: Vec<BookLevel>,
        /// The levels of sales, lowest price first.
        "asks" => asks: Vec<BookLevel>,
    }
}

wire_struct! {
    /// All orders of one side of an order book at one price.
    pub struct BookLevel ("a price level") {
        /// The price.
        "price" => price: Decimal,
        /// The amount of all orders at this price, in the base currency.
        "amount" => amount: Decimal,
        /// Number of orders at this price.
        "count" => count: Option<i64>,
        /// The amount at this and all better prices. On a stream, it is the rounded sum of exact amounts, so it may
        /// differ in the last digit from the sum of the rounded ones.
        "total" => total: Option<Decimal>,
    }
}

impl BookLevel {
    /// Creates a level without a count and a total.
    pub fn new(price: Decimal, amount: Decimal) -> Self {
        Self { price, amount, count: None, total: None, extra: Extra::default() }
    }
}

/// The cost of buying an amount at the prices of an order book, or the proceeds of selling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quote {
    /// The sum of price times amount over the levels, in the quote currency and without fees.
    pub total: Decimal,
    /// The price of the last level that is needed: a limit order with this price could be filled completely.
    pub worst_price: Decimal,
}

impl OrderBook {
    /// Creates an empty book.
    pub fn new(pair: impl Into<Pair>, timestamp: Timestamp) -> Self {
        Self {
            event: EventName::default(),
            timestamp,
            datetime: None,
            event_id: None,
            pair: pair.into(),
            limit: None,
            scale: None,
            bids: Vec::new(),
            asks: Vec::new(),
            extra: Extra::default(),
        }
    }

    /// Returns the level with the highest price of a purchase, if any.
    pub fn best_bid(&self) -> Option<&BookLevel> {
        self.bids.iter().max_by_key(|level| level.price)
    }

    /// Returns the level with the lowest price of a sale, if any.
    pub fn best_ask(&self) -> Option<&BookLevel> {
        self.asks.iter().min_by_key(|level| level.price)
    }

    /// Returns the best ask minus the best bid, or `None` if one side is empty.
    pub fn spread(&self) -> Option<Decimal> {
        exact_sub(self.best_ask()?.price, self.best_bid()?.price)
    }

    /// Returns the prices that an order would meet, best first, each with the amount at this and all better prices.
    ///
    /// A buy order meets the asks, a sell order the bids, and an unknown action neither. The amounts are sums of
    /// [`BookLevel::amount`]; the list ends before a sum that [`Decimal`] cannot hold.
    pub fn depth(&self, action: &Action) -> Vec<(Decimal, Decimal)> {
        let levels = self.levels_for(action);
        let sums = levels.iter().scan(Decimal::ZERO, |sum, level| {
            *sum = exact_add(*sum, level.amount)?;
            Some((level.price, *sum))
        });
        sums.collect()
    }

    /// Returns what buying or selling an amount of the base currency immediately would cost or bring, or `None` if
    /// the book is not deep enough or [`Decimal`] cannot hold the total.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_model::{Action, BookLevel, OrderBook, Timestamp};
    ///
    /// let mut book = OrderBook::new("BTC_TWD", Timestamp::from_millis(1_790_000_000_123));
    /// book.asks = vec![BookLevel::new(100.into(), 1.into()), BookLevel::new(110.into(), 3.into())];
    /// let quote = book.quote(&Action::Buy, 2.into()).ok_or("not deep enough")?;
    /// assert_eq!((quote.total, quote.worst_price), (210.into(), 110.into()));
    /// assert_eq!(book.quote(&Action::Buy, 5.into()), None);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn quote(&self, action: &Action, amount: Decimal) -> Option<Quote> {
        let (mut rest, mut total) = (amount, Decimal::ZERO);
        for level in self.levels_for(action).iter() {
            let part = rest.min(level.amount);
            total = exact_add(total, exact_mul(level.price, part)?)?;
            rest = exact_sub(rest, part)?;
            if rest <= Decimal::ZERO {
                return Some(Quote { total, worst_price: level.price });
            }
        }
        None
    }

    /// Returns the levels that an order would meet, best first. The exchange sends them in this order (observed).
    fn levels_for(&self, action: &Action) -> Cow<'_, [BookLevel]> {
        let (levels, is_buy) = match action {
            Action::Buy => (&self.asks, true),
            Action::Sell => (&self.bids, false),
            Action::Unknown(_) => return Cow::default(),
        };
        let is_better =
            |a: &BookLevel, b: &BookLevel| if is_buy { a.price <= b.price } else { a.price >= b.price };
        if levels.is_sorted_by(is_better) {
            return Cow::Borrowed(levels);
        }
        let mut sorted = levels.clone();
        sorted.sort_by_key(|level| if is_buy { level.price } else { -level.price });
        Cow::Owned(sorted)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Action, BookLevel, Decimal, OrderBook, Timestamp};

    fn book(bids: &[(&str, &str)], asks: &[(&str, &str)]) -> OrderBook {
        let decimal = |text: &str| crate::parse_decimal(text).unwrap();
        let levels = |side: &[(&str, &str)]| -> Vec<BookLevel> {
            side.iter().map(|(price, amount)| BookLevel::new(decimal(price), decimal(amount))).collect()
        };
        let mut book = OrderBook::new("BTC_TWD", Timestamp::from_millis(1));
        (book.bids, book.asks) = (levels(bids), levels(asks));
        book
    }

    fn text(value: Option<Decimal>) -> Option<String> {
        value.map(|value| value.to_string())
    }

    #[test]
    fn the_best_prices_do_not_depend_on_the_order_of_the_levels() {
        let sorted = book(&[("99", "1"), ("98", "2")], &[("100.50", "1"), ("101", "2")]);
        let reversed = book(&[("98", "2"), ("99", "1")], &[("101", "2"), ("100.50", "1")]);
        for book in [&sorted, &reversed] {
            assert_eq!(text(book.best_bid().map(|level| level.price)).as_deref(), Some("99"));
            assert_eq!(text(book.best_ask().map(|level| level.price)).as_deref(), Some("100.50"));
            assert_eq!(text(book.spread()).as_deref(), Some("1.50"));
            assert_eq!(book.depth(&Action::Buy), sorted.depth(&Action::Buy));
            let sold = book.quote(&Action::Sell, Decimal::TWO).unwrap();
            assert_eq!((sold.total, sold.worst_price), (197.into(), 98.into()));
        }
        let one_sided = book(&[("99", "1")], &[]);
        assert_eq!((one_sided.spread(), one_sided.best_ask()), (None, None));
    }

    #[test]
    fn depths_and_quotes_are_exact_or_absent() {
        let book = book(&[], &[("0.00000001", "0.10"), ("0.00000002", "79228162514264337593543950335")]);
        let depth = book.depth(&Action::Buy);
        assert_eq!(depth.len(), 1, "the second sum has too many digits");
        assert_eq!(depth[0].1.to_string(), "0.10");
        let quote = |amount: &str| book.quote(&Action::Buy, crate::parse_decimal(amount).unwrap());
        assert_eq!(quote("0.05").unwrap().total.to_string(), "0.0000000005");
        assert_eq!(quote("0.10").unwrap().worst_price.to_string(), "0.00000001");
        assert_eq!(quote("0.11").unwrap().worst_price.to_string(), "0.00000002");
        assert_eq!(quote("79228162514264337593543950334"), None, "the rest has too many digits");
        let precise = super::tests::book(&[], &[("0.123456789012345678", "1")]);
        let amount = crate::parse_decimal("0.12345678901").unwrap();
        assert_eq!(precise.quote(&Action::Buy, amount), None, "the total has too many digits");
    }
}
