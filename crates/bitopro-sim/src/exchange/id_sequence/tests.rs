use std::collections::BTreeSet;

use bitopro_model::OrderId;

use super::IdSequence;
use crate::{MatchIds, OrderIdSequence, Quirks};

#[test]
fn order_ids_are_scrambled_or_counted() {
    for (sequence, expected) in [
        // The second id is smaller than the first one, and the third is larger than the second.
        (OrderIdSequence::Scrambled, ["8917255503", "3794113897", "8670972291", "SL-5764379585"]),
        (OrderIdSequence::Counted, ["8917255503", "8917255504", "8917255505", "SL-1133804406"]),
    ] {
        let mut ids = IdSequence::new(Quirks::default().with(sequence));
        let next = |is_stop| ids.next_order(&"btc_twd".into(), is_stop).0.to_string();
        assert_eq!([false, false, false, true].map(next), expected);
    }
}

#[test]
fn scrambled_ids_do_not_repeat() {
    let mut ids = IdSequence::new(Quirks::default());
    let pair = "btc_twd".into();
    let ids: BTreeSet<OrderId> = (0..100_000).map(|_| ids.next_order(&pair, false).0).collect();
    assert_eq!(ids.len(), 100_000);
}

#[test]
fn match_ids_are_empty_counted_or_uuids() {
    let three = |match_ids| {
        let mut ids = IdSequence::new(Quirks::default().with(match_ids));
        [(); 3].map(|()| ids.next_match().to_string())
    };
    assert_eq!(three(MatchIds::Empty), [""; 3]);
    assert_eq!(three(MatchIds::Counted), ["2000000001", "2000000002", "2000000003"]);
    let ids = BTreeSet::from(three(MatchIds::Uuid));
    assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 36 && &id[14..15] == "4"), "{ids:?}");
}

#[test]
fn ids_of_trades_are_scrambled_have_ten_digits_and_do_not_repeat() {
    let mut ids = IdSequence::new(Quirks::default());
    let first: Vec<String> = (0..3).map(|_| ids.next_trade()).collect();
    // Every other id is smaller by about the distance in the documentation's samples.
    assert_eq!(first, ["4000000000", "8376858394", "3753716788"]);
    let rest: BTreeSet<String> = (0..100_000).map(|_| ids.next_trade()).collect();
    assert!(rest.len() == 100_000 && rest.iter().all(|id| id.len() == 10));
}
