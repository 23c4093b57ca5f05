//! Property tests with random balances and with randomly damaged fixtures of all streams.

use bitopro_model::{AccountBalance, Balance, Balances, Decimal, Message, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::fixtures;

fn decimal() -> impl Strategy<Value = Decimal> {
    // The range of `Decimal`: 96 bits, with at most 28 digits after the decimal point.
    (0..1_i128 << 96, 0..=28_u32, any::<bool>()).prop_map(|(digits, scale, negative)| {
        Decimal::from_i128_with_scale(if negative { -digits } else { digits }, scale)
    })
}

fn balances() -> impl Strategy<Value = Balances> {
    let fields = (decimal(), decimal(), prop::option::of(decimal()), any::<Option<bool>>());
    prop::collection::btree_map("[A-Z0-9]{1,10}", fields, 0..20).prop_map(|by_currency| {
        by_currency
            .into_iter()
            .map(|(currency, (amount, available, stake, tradable))| {
                let mut balance = Balance::new(currency.as_str(), amount);
                (balance.available, balance.stake, balance.tradable) = (available, stake, tradable);
                balance
            })
            .collect()
    })
}

/// A random change to a text.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    Cut(Index),
    Flip(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    /// Copies a slice to another position, which can duplicate keys and objects.
    Copy(Index, Index, Index),
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\.-0123456789eE \nntf\x1b"[..])];
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        (any::<Index>(), byte).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<(Index, Index, Index)>().prop_map(|(from, to, at)| Damage::Copy(from, to, at)),
    ]
}

pub(crate) fn damaged(text: &str, damages: &[Damage]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for damage in damages {
        let length = bytes.len().max(1);
        match damage {
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), *byte),
            _ if bytes.is_empty() => {}
            Damage::Flip(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Remove(at) => drop(bytes.remove(at.index(length))),
            Damage::Copy(from, to, at) => {
                let (from, to) = (from.index(length), to.index(length));
                let slice = bytes[from.min(to)..from.max(to)].to_vec();
                let at = at.index(length);
                bytes.splice(at..at, slice);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Generates the text of any JSON value, including numbers that a float cannot hold.
fn raw_json() -> impl Strategy<Value = String> {
    let leaf =
        prop::sample::select(vec!["null", "true", "7", "-1.50", "1e400", "\"\"", "\"1.10\"", "\"台\""]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            inner.prop_map(|value| format!("{{\"a\":{value}}}")),
        ]
    })
}

proptest! {
    /// The exchange adds fields to any object without notice.
    #[test]
    fn fault_31_a_new_field_is_kept_verbatim_and_the_other_fields_are_unchanged(
        index in any::<Index>(),
        position in any::<Index>(),
        value in raw_json(),
    ) {
        let fixtures = fixtures::all();
        let fixture = index.get(&fixtures);
        let message = Message::from_json(&fixture.text).unwrap();
        // Every envelope, balance, order, trade and price level has one of these fields, which marks a position in
        // it.
        let known = ["\"event\":", "\"currency\":", "\"pair\":", "\"matchID\":", "\"price\":"];
        let positions: Vec<usize> =
            known.iter().flat_map(|name| fixture.text.match_indices(name)).map(|(at, _)| at).collect();
        let member = format!("\"zzNew\":{value}");
        let mut text = fixture.text.clone();
        text.insert_str(*position.get(&positions), &format!("{member},"));
        let read = Message::from_json(&text).unwrap();
        prop_assert_eq!(read.event(), message.event());
        let written = serde_json::to_string(&read).unwrap();
        if !matches!(read, Message::Unknown(_)) {
            prop_assert_eq!(written.matches(&member).count(), 1, "{}", written);
            let without = written.replacen(&format!(",{member}"), "", 1);
            prop_assert_eq!(Message::from_json(&without).unwrap(), message);
        }
    }

    #[test]
    fn fault_33_random_balances_survive_a_round_trip_exactly(data in balances(), millis in any::<i64>(), id in any::<Option<String>>()) {
        let mut event = AccountBalance::new(Timestamp::from_millis(millis), data);
        event.event_id = id.map(Into::into);
        let written = serde_json::to_string(&event).unwrap();
        let read = AccountBalance::from_json(&written).unwrap();
        prop_assert_eq!(&read, &event);
        // `Decimal` compares 1.10 and 1.1 as equal, but their texts differ.
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }

    #[test]
    fn fault_32_a_damaged_fixture_never_panics_and_survives_a_round_trip(
        index in any::<Index>(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let fixtures = fixtures::all();
        let fixture = index.get(&fixtures);
        let text = damaged(&fixture.text, &damages);
        let by_stream = (fixture.parser.decode)(&text);
        match Message::from_json(&text) {
            Ok(message) => {
                prop_assert!(by_stream.is_ok());
                let written = serde_json::to_string(&message).unwrap();
                let reread = Message::from_json(&written).unwrap();
                prop_assert_eq!(&reread, &message);
                prop_assert_eq!(serde_json::to_string(&reread).unwrap(), written);
            }
            Err(error) => {
                prop_assert!(by_stream.is_err());
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
    }
}

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Message>();
    check::<AccountBalance>();
    check::<bitopro_model::ActiveOrders>();
    check::<bitopro_model::HistoryOrders>();
    check::<bitopro_model::UserTrade>();
    check::<bitopro_model::OrderBook>();
    check::<bitopro_model::Ticker>();
    check::<bitopro_model::MarketTrades>();
    check::<bitopro_model::DecodeError>();
    check::<bitopro_model::DecimalError>();
}
