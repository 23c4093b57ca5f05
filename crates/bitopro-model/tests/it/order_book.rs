//! Property tests of order books, against integer arithmetic.

use bitopro_model::{Action, BookLevel, Decimal, OrderBook, Timestamp};
use proptest::prelude::*;

/// Digits after the point of prices and amounts.
const SCALE: u32 = 8;

fn decimal(units: i128) -> Decimal {
    Decimal::from_i128_with_scale(units, SCALE)
}

/// Generates the price and the amount of levels with different prices, unsorted.
fn levels() -> impl Strategy<Value = Vec<(i128, i128)>> {
    let levels = prop::collection::btree_map(1..10_i128.pow(15), 0..10_i128.pow(10), 0..12);
    levels.prop_map(|levels| levels.into_iter().collect::<Vec<_>>()).prop_shuffle()
}

/// Returns a book with these levels on both sides.
fn book(levels: &[(i128, i128)]) -> OrderBook {
    let mut book = OrderBook::new("BTC_TWD", Timestamp::from_millis(1));
    book.bids =
        levels.iter().map(|(price, amount)| BookLevel::new(decimal(*price), decimal(*amount))).collect();
    book.asks.clone_from(&book.bids);
    book
}

/// Sorts levels in the order in which an order meets them.
fn sorted(mut levels: Vec<(i128, i128)>, action: &Action) -> Vec<(i128, i128)> {
    levels.sort_unstable();
    if *action == Action::Sell {
        levels.reverse();
    }
    levels
}

/// Returns the total in units of 10^-16 and the worst price.
fn quote(levels: &[(i128, i128)], amount: i128) -> Option<(i128, i128)> {
    let (mut rest, mut total) = (amount, 0);
    for (price, available) in levels {
        let part = rest.min(*available);
        (rest, total) = (rest - part, total + price * part);
        if rest == 0 {
            return Some((total, *price));
        }
    }
    None
}

proptest! {
    #[test]
    fn best_prices_depths_and_quotes_match_integer_arithmetic(
        levels in levels(),
        amount in 0..10_i128.pow(11),
        more in 0..10_i128.pow(10),
    ) {
        let book = book(&levels);
        prop_assert_eq!(book.best_bid().map(|level| level.price), levels.iter().map(|(price, _)| decimal(*price)).max());
        prop_assert_eq!(book.best_ask().map(|level| level.price), levels.iter().map(|(price, _)| decimal(*price)).min());
        for action in [Action::Buy, Action::Sell] {
            let levels = sorted(levels.clone(), &action);
            let mut sum = 0;
            let depth: Vec<_> = levels
                .iter()
                .map(|(price, amount)| {
                    sum += amount;
                    (decimal(*price), decimal(sum))
                })
                .collect();
            prop_assert_eq!(book.depth(&action), depth);
            let found = book.quote(&action, decimal(amount));
            let expected = quote(&levels, amount);
            prop_assert_eq!(
                found.map(|quote| (quote.total, quote.worst_price)),
                expected.map(|(total, price)| (Decimal::from_i128_with_scale(total, 2 * SCALE), decimal(price)))
            );
            if let (Some(first), Some(both)) = (found, book.quote(&action, decimal(amount + more))) {
                prop_assert!(both.total >= first.total);
            }
        }
    }

    #[test]
    fn an_unknown_action_meets_no_levels(levels in levels()) {
        let (book, action) = (book(&levels), Action::Unknown("RFQ".into()));
        prop_assert!(book.depth(&action).is_empty());
        prop_assert_eq!(book.quote(&action, Decimal::ZERO), None);
    }
}
