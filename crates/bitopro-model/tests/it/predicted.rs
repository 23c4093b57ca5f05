//! The predicted layout and the general parser read every text alike: the same value, or the same error.

use bitopro_model::{DecodeError, Message};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::fixtures::{self, Parser};
use crate::properties::{damage, damaged};

/// Removes the whitespace between the tokens of a fixture, which is how the exchange sends it.
fn compact(text: &str) -> String {
    let mut compact = String::new();
    let (mut is_string, mut is_escaped) = (false, false);
    for character in text.chars() {
        if is_string || !character.is_ascii_whitespace() {
            compact.push(character);
        }
        is_string ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
    }
    compact
}

/// `Decimal` compares 1.10 and 1.1 as equal, so the texts are compared too.
fn with_text(read: Result<Message, DecodeError>) -> Result<(Message, String), DecodeError> {
    read.map(|message| {
        let text = serde_json::to_string(&message).unwrap();
        (message, text)
    })
}

fn assert_same(parser: Parser, text: &str) {
    let (read, general) = (with_text((parser.from_json)(text)), with_text((parser.parse)(text)));
    let is_without_pair =
        |message: &Message| message.market_pair().is_some_and(|pair| pair.as_str().is_empty());
    if general.as_ref().is_ok_and(|(message, _)| is_without_pair(message)) {
        // Only the predicted layout's caller rejects an empty pair.
        assert!(read.is_err(), "{text}");
    } else {
        assert_eq!(read, general, "{text}");
    }
}

#[test]
fn every_fixture_is_read_alike_with_and_without_whitespace_and_truncated_anywhere() {
    for fixture in fixtures::all() {
        for text in [fixture.text.clone(), compact(&fixture.text)] {
            assert_same(fixture.parser, &text);
        }
        let text = compact(&fixture.text);
        for length in (0..text.len()).filter(|length| text.is_char_boundary(*length)).step_by(7) {
            assert_same(fixture.parser, &text[..length]);
        }
    }
}

#[test]
fn misplaced_brackets_and_commas_are_reported_alike() {
    for fixture in fixtures::all() {
        let text = compact(&fixture.text);
        // The last brackets of a snapshot of 150 currencies are like the first ones.
        for (end, _) in text.match_indices(['[', ']', '{', '}']).take(40) {
            for (before, after) in [(",", ""), ("5", ""), ("", ","), ("", "5"), ("", "{},"), ("", "null,")] {
                let (start, rest) = text.split_at(end);
                let (bracket, rest) = rest.split_at(1);
                assert_same(fixture.parser, &[start, before, bracket, after, rest].concat());
            }
            let (start, rest) = (&text[..end], &text[end + 1..]);
            for replacement in ["", ",", "[", "]", "{", "}"] {
                assert_same(fixture.parser, &[start, replacement, rest].concat());
            }
        }
    }
}

proptest! {
    #[test]
    fn a_damaged_message_is_read_alike(
        index in any::<Index>(),
        is_compact in prop::bool::weighted(0.9),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let fixtures = fixtures::all();
        let fixture = index.get(&fixtures);
        let text = if is_compact { compact(&fixture.text) } else { fixture.text.clone() };
        assert_same(fixture.parser, &damaged(&text, &damages));
    }
}
