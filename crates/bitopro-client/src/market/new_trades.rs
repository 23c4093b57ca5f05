//! Finds the new trades in a list of recent ones, which have no ids.

use bitopro_model::{Decimal, MarketTrade, exact_sub};

/// Returns the number of new trades at the start of `list`, or `None` if none of its trades is in `known`, so that
/// trades between the two may be missing. Both lists begin with the newest trade.
///
/// The new list is a number of new trades followed by the newest known ones. The smallest such number is returned, so
/// equal trades that could be new or known count as known.
pub(super) fn new_trades(known: &[MarketTrade], list: &[MarketTrade]) -> Option<usize> {
    if known.is_empty() {
        return Some(list.len());
    }
    let shortest = list.len().saturating_sub(known.len());
    let overlaps =
        |new: &usize| list.iter().skip(*new).zip(known).all(|(listed, known)| is_same(listed, known));
    (shortest..list.len()).find(overlaps)
}

/// Returns whether two trades are the same, if one amount may be a rounded form of the other.
fn is_same(a: &MarketTrade, b: &MarketTrade) -> bool {
    a.timestamp == b.timestamp
        && a.price == b.price
        && a.is_buyer == b.is_buyer
        && (a.amount == b.amount || is_rounded(a.amount, b.amount))
}

/// Returns whether the amount with fewer decimals is the other one rounded to nearest, in either direction if it is
/// halfway between two.
fn is_rounded(a: Decimal, b: Decimal) -> bool {
    let (coarse, exact) = if a.scale() < b.scale() { (a, b) } else { (b, a) };
    coarse.scale() < exact.scale()
        && exact_sub(coarse, exact).is_some_and(|error| error.abs() <= Decimal::new(5, coarse.scale() + 1))
}

#[cfg(test)]
mod tests {
    use bitopro_model::{MarketTrade, UnixSeconds, parse_decimal};

    use super::new_trades;

    fn trades(list: &[(i64, &str)]) -> Vec<MarketTrade> {
        let trade = |(second, amount): &(i64, &str)| {
            MarketTrade::new(UnixSeconds::from_secs(*second), 7.into(), parse_decimal(amount).unwrap())
        };
        list.iter().map(trade).collect()
    }

    #[test]
    fn new_trades_are_those_before_the_longest_overlap() {
        let known = trades(&[(3, "1"), (2, "1"), (1, "1")]);
        for (list, expected) in [
            (&[(3, "1"), (2, "1"), (1, "1")][..], Some(0)),
            (&[(4, "1"), (3, "1"), (2, "1")][..], Some(1)),
            (&[(5, "1"), (4, "1"), (3, "1")][..], Some(2)),
            (&[(6, "1"), (5, "1"), (4, "1")][..], None),
            // The list grows.
            (&[(4, "1"), (3, "1"), (2, "1"), (1, "1")][..], Some(1)),
            // The list is shorter than before.
            (&[(3, "1"), (2, "1")][..], Some(0)),
            // Trades that interrupt the known ones show that something else has changed.
            (&[(4, "1"), (2, "1"), (1, "1")][..], None),
            (&[][..], None),
        ] {
            assert_eq!(new_trades(&known, &trades(list)), expected, "{list:?}");
        }
        assert_eq!(new_trades(&[], &trades(&[(1, "1")])), Some(1));
        assert_eq!(new_trades(&[], &[]), Some(0));
    }

    #[test]
    fn equal_trades_in_one_second_are_counted() {
        let known = trades(&[(1, "1")]);
        assert_eq!(new_trades(&known, &trades(&[(1, "1"), (1, "1")])), Some(1));
        assert_eq!(new_trades(&known, &trades(&[(1, "1"), (1, "1"), (1, "1")])), Some(2));
        let known = trades(&[(2, "1"), (2, "1"), (1, "1")]);
        assert_eq!(new_trades(&known, &trades(&[(2, "1"), (2, "1"), (2, "1")])), Some(1));
    }

    #[test]
    fn an_amount_matches_its_rounded_form_only() {
        let known = trades(&[(1, "0.00660001")]);
        assert_eq!(new_trades(&known, &trades(&[(1, "0.0066")])), Some(0));
        assert_eq!(new_trades(&known, &trades(&[(1, "0.0067")])), None);
        assert_eq!(new_trades(&known, &trades(&[(1, "0.00660002")])), None);
        let halfway = trades(&[(1, "862.5")]);
        for (rounded, expected) in [("862", Some(0)), ("863", Some(0)), ("861", None), ("864", None)] {
            assert_eq!(new_trades(&halfway, &trades(&[(1, rounded)])), expected, "{rounded}");
        }
        assert_eq!(new_trades(&trades(&[(1, "0.0160")]), &trades(&[(1, "0.016")])), Some(0));
    }
}
