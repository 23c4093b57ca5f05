//! Decodes any text as a message of every stream. Decoding never panics, a message is written back unchanged, and the
//! predicted layout reads each text as the general parser does.

use bitopro_model::__private::parse;
use bitopro_model::{
    ActiveOrderStream, Balances, DecodeError, Event, EventData, HistoryOrderStream, MarketEvent,
    MarketTrades, Message, OrderBook, Orders, Pair, PublicStream, Stream, Ticker, Trade, parse_decimal,
};
use serde::Serialize;

/// Runs one input, which is a text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read: Vec<_> = Stream::all().map(|stream| is_event_of(stream, text)).collect();
    for stream in PublicStream::ALL {
        check_with_pair(*stream, text);
    }
    for text in [text, &compact(text)] {
        check_private::<Balances>(text);
        check_private::<Orders<ActiveOrderStream>>(text);
        check_private::<Orders<HistoryOrderStream>>(text);
        check_private::<Trade>(text);
        check_public::<OrderBook>(text);
        check_public::<Ticker>(text);
        check_public::<MarketTrades>(text);
    }
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
fn is_event_of(stream: Stream, text: &str) -> Option<bool> {
    match Message::from_stream(stream, text) {
        Ok(Message::Unknown(unknown)) => {
            assert_eq!(
                unknown.raw(),
                text.trim_matches([' ', '\n', '\r', '\t']),
                "an unknown message changed"
            );
            Some(false)
        }
        Ok(message) => {
            let written = json(&message);
            let again = Message::from_stream(stream, &written).expect("a written message can be read");
            assert_eq!(again, message);
            // `Decimal` compares 1.10 and 1.1 as equal, but their texts differ.
            assert_eq!(json(&again), written);
            Some(true)
        }
        Err(error) => {
            assert_bounded_line(&error);
            None
        }
    }
}

/// Checks that the pair of a socket changes only messages without a pair.
fn check_with_pair(stream: PublicStream, text: &str) {
    let pair = Pair::new("ONLY_PAIR");
    let (alone, read) =
        (Message::from_stream(stream, text), Message::from_public_stream(stream, Some(&pair), text));
    match (&alone, &read) {
        (Ok(Message::Unknown(_)), Ok(message)) if message.market_pair() == Some(&pair) => {
            assert_eq!(message.stream(), Some(stream.into()));
            let again = Message::from_json(&json(message)).expect("a written message can be read");
            assert_eq!(again, *message);
        }
        (Ok(Message::Unknown(unknown)), Err(error)) => {
            assert_eq!(unknown.event(), stream.event());
            assert_bounded_line(error);
        }
        _ => assert_eq!(alone, read),
    }
}

fn check_private<D: EventData>(text: &str) {
    assert_same(&Event::<D>::from_json(text), &parse::<Event<D>>(text, Some(D::STREAM.into())));
}

fn check_public<E: MarketEvent>(text: &str) {
    let general = parse::<E>(text, Some(E::PUBLIC_STREAM.into()));
    // `from_json` also rejects an empty pair.
    if general.as_ref().is_ok_and(|event| event.pair().as_str().is_empty()) {
        assert!(E::from_json(text).is_err());
    } else {
        assert_same(&E::from_json(text), &general);
    }
}

/// Asserts that the predicted layout and the general parser have read the same event, or report the same error.
fn assert_same(
    predicted: &Result<impl Serialize, DecodeError>,
    general: &Result<impl Serialize, DecodeError>,
) {
    match (predicted, general) {
        (Ok(predicted), Ok(general)) => assert_eq!(json(predicted), json(general)),
        (predicted, general) => assert_eq!(predicted.as_ref().err(), general.as_ref().err()),
    }
}

/// Removes the whitespace between tokens, as the exchange sends messages.
fn compact(text: &str) -> String {
    let (mut is_string, mut is_escaped) = (false, false);
    let is_token = |character: &char| {
        is_string ^= *character == '"' && !is_escaped;
        is_escaped = *character == '\\' && !is_escaped;
        is_string || !character.is_ascii_whitespace()
    };
    text.chars().filter(is_token).collect()
}

/// Asserts that the text of an error is a single line of bounded length.
fn assert_bounded_line(error: &DecodeError) {
    let shown = error.to_string();
    assert!(shown.len() < 2_600 && !shown.contains(char::is_control), "{shown:?}");
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("every message can be written")
}
