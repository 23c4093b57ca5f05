//! Decodes any text as a message of every stream. Decoding never panics, and a message is written back
//! unchanged.

use bitopro_model::{
    ActiveOrderStream, Balances, DecodeError, DecodedMessage, Event, EventData, HistoryOrderStream, Message,
    Orders, Trade, decode, parse_decimal,
};
use std::fmt::Debug;

/// Runs one input, which is a text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = [
        is_event_of::<Balances>(text),
        is_event_of::<Orders<ActiveOrderStream>>(text),
        is_event_of::<Orders<HistoryOrderStream>>(text),
        is_event_of::<Trade>(text),
    ];
    match Message::from_json(text) {
        Ok(message) => {
            // A message that is readable without its stream is readable with any stream: as that stream's
            // event, or as an unknown one.
            assert!(read.iter().all(Option::is_some), "a stream cannot read a {}", message.event());
            let own = read.iter().flatten().filter(|own| **own).count();
            assert_eq!(own, usize::from(!matches!(message, Message::Unknown(_))), "{}", message.event());
            let written = json(&message);
            let again = Message::from_json(&written).expect("a written message can be read");
            assert_eq!(again, message);
            assert_eq!(json(&again), written);
        }
        Err(error) => assert_bounded_line(&error),
    }
    if let Ok(decimal) = parse_decimal(text) {
        assert_eq!(decimal.to_string(), text, "a decimal changed");
    }
}

/// Returns whether the text is the stream's own event, or `None` if it cannot be read.
fn is_event_of<D: EventData + PartialEq + Debug>(text: &str) -> Option<bool> {
    match decode::<D>(text) {
        Ok(DecodedMessage::Event(event)) => {
            let written = json(&event);
            let again = Event::<D>::from_json(&written).expect("a written message can be read");
            assert_eq!(again, event);
            // `Decimal` compares 1.10 and 1.1 as equal, but their texts differ.
            assert_eq!(json(&again), written);
            Some(true)
        }
        Ok(DecodedMessage::Unknown(unknown)) => {
            assert_eq!(
                unknown.raw(),
                text.trim_matches([' ', '\n', '\r', '\t']),
                "an unknown message changed"
            );
            Some(false)
        }
        Err(error) => {
            assert_bounded_line(&error);
            None
        }
    }
}

/// Asserts that the text of an error is a single line of bounded length.
fn assert_bounded_line(error: &DecodeError) {
    let shown = error.to_string();
    assert!(shown.len() < 2_600 && !shown.contains(char::is_control), "{shown:?}");
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("every message can be written")
}
