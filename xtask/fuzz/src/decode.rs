//! Any text as a message of every stream: it never panics, and what is read is written back as the same.

use bitopro_model::{
    ActiveOrderStream, Balances, DecodeError, Decoded, Event, EventData, HistoryOrderStream, Message, Orders,
    Trade, decode, parse_decimal,
};
use std::fmt::Debug;

/// The texts of one input, and so of one corpus.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = [
        by_stream::<Balances>(text),
        by_stream::<Orders<ActiveOrderStream>>(text),
        by_stream::<Orders<HistoryOrderStream>>(text),
        by_stream::<Trade>(text),
    ];
    match Message::from_json(text) {
        Ok(message) => {
            // What is readable without its stream is so with any: as its event, or as an unknown one.
            assert!(read.iter().all(Option::is_some), "a stream refuses what is a {}", message.event());
            let own = read.iter().flatten().filter(|own| **own).count();
            assert_eq!(own, usize::from(!matches!(message, Message::Unknown(_))), "{}", message.event());
            let written = json(&message);
            let again = Message::from_json(&written).expect("what was written can be read");
            assert_eq!(again, message);
            assert_eq!(json(&again), written);
        }
        Err(error) => assert_tame(&error),
    }
    if let Ok(decimal) = parse_decimal(text) {
        assert_eq!(decimal.to_string(), text, "a decimal changed");
    }
}

/// Whether the text is the stream's own event, or `None` where it cannot be read.
fn by_stream<D: EventData + PartialEq + Debug>(text: &str) -> Option<bool> {
    match decode::<D>(text) {
        Ok(Decoded::Event(event)) => {
            let written = json(&event);
            let again = Event::<D>::from_json(&written).expect("what was written can be read");
            assert_eq!(again, event);
            // `Decimal` calls 1.10 and 1.1 equal; their texts differ.
            assert_eq!(json(&again), written);
            Some(true)
        }
        Ok(Decoded::Unknown(unknown)) => {
            assert_eq!(
                unknown.raw(),
                text.trim_matches([' ', '\n', '\r', '\t']),
                "an unknown message changed"
            );
            Some(false)
        }
        Err(error) => {
            assert_tame(&error);
            None
        }
    }
}

/// What an error says is one bounded line.
fn assert_tame(error: &DecodeError) {
    let shown = error.to_string();
    assert!(shown.len() < 2_600 && !shown.contains(char::is_control), "{shown:?}");
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("every message can be written")
}
