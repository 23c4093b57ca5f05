//! Every fixture of the manifest: read, pinned, written back, read again.

use std::fs;
use std::path::PathBuf;

use bitopro_model::{AccountBalance, Balances, Decoded, Message, decode};
use serde_json::Value;

/// A fixture, as the manifest lists it.
pub(crate) struct Fixture {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether it is written back token by token.
    canonical: bool,
}

/// The fixtures of the account-balance stream.
pub(crate) fn account_balance() -> Vec<Fixture> {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"));
    let manifest = fs::read_to_string(dir.join("manifest.json")).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&manifest).unwrap();
    let fixtures: Vec<Fixture> = entries
        .iter()
        .map(|entry| (entry["path"].as_str().unwrap(), entry["canonical"].as_bool().unwrap()))
        .filter(|(path, _)| path.starts_with("account-balance/"))
        .map(|(path, canonical)| Fixture {
            path: path.to_owned(),
            text: fs::read_to_string(dir.join(path)).unwrap(),
            canonical,
        })
        .collect();
    assert!(!fixtures.is_empty());
    fixtures
}

/// JSON without the whitespace between its tokens, and otherwise untouched.
fn minified(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            in_string ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            in_string || !c.is_ascii_whitespace()
        })
        .collect()
}

#[test]
fn the_parsed_value_and_the_frame_written_back_are_pinned() {
    for fixture in account_balance() {
        let message = Message::from_json(&fixture.text).unwrap();
        let written = serde_json::to_string_pretty(&message).unwrap();
        let name = fixture.path.replace('/', "__").replace(".json", "");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, format!("{message:#?}\n\nwritten back:\n{written}"));
        });
    }
}

#[test]
fn a_canonical_fixture_is_written_back_token_by_token() {
    for fixture in account_balance() {
        let written = serde_json::to_string(&Message::from_json(&fixture.text).unwrap()).unwrap();
        let same = minified(&written) == minified(&fixture.text);
        assert_eq!(same, fixture.canonical, "{}: {written}", fixture.path);
    }
}

#[test]
fn nothing_of_any_fixture_is_lost() {
    for fixture in account_balance() {
        let written = serde_json::to_string(&Message::from_json(&fixture.text).unwrap()).unwrap();
        assert_eq!(sorted_bytes(&written), sorted_bytes(&fixture.text), "{}", fixture.path);
    }
}

/// What stays the same when only the order of fields changes.
fn sorted_bytes(json: &str) -> Vec<u8> {
    let mut bytes = minified(json).into_bytes();
    bytes.sort_unstable();
    bytes
}

#[test]
fn every_way_of_reading_gives_the_same() {
    for Fixture { path, text, .. } in account_balance() {
        let message = Message::from_json(&text).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message, "{path}");
        assert_eq!(serde_json::from_slice::<Message>(text.as_bytes()).unwrap(), message, "{path}");
        let decoded = decode::<Balances>(&text).unwrap();
        match (&message, decoded) {
            (Message::AccountBalance(event), Decoded::Event(decoded)) => {
                assert_eq!(decoded, *event, "{path}");
                assert_eq!(AccountBalance::from_json(&text).unwrap(), *event, "{path}");
                assert_eq!(serde_json::from_str::<AccountBalance>(&text).unwrap(), *event, "{path}");
            }
            (Message::Unknown(unknown), Decoded::Unknown(decoded)) => {
                assert_eq!(decoded, *unknown, "{path}");
                assert_eq!(decoded.event(), message.event(), "{path}");
            }
            (message, decoded) => panic!("{path}: {message:?} and {decoded:?}"),
        }
    }
}

/// A `Value` sorts keys and turns long numbers into floats, but keeps all that the model knows.
#[test]
fn a_value_in_between_loses_nothing_that_is_known() {
    for Fixture { path, text, .. } in account_balance() {
        let value: Value = serde_json::from_str(&text).unwrap();
        let message: Message = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), value, "{path}");
        if let (Message::AccountBalance(through), Message::AccountBalance(event)) =
            (message, Message::from_json(&text).unwrap())
        {
            assert_eq!((through.event_id, through.timestamp), (event.event_id, event.timestamp), "{path}");
            assert_eq!((through.datetime, through.data), (event.datetime, event.data), "{path}");
        }
    }
}
