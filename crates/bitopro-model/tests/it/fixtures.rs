//! Every fixture of the manifest is parsed, compared with an insta snapshot, written back and parsed again.

use std::fs;
use std::path::PathBuf;

use bitopro_model::__private::parse;
use bitopro_model::{
    ActiveOrderStream, Balances, DecodeError, Event, EventData, EventId, HistoryOrderStream, MarketEvent,
    MarketTrades, Message, OrderBook, Orders, Pair, Stream, Ticker, Timestamp, Trade, decode,
};
use serde_json::Value;

/// A fixture that is listed in the manifest.
pub(crate) struct Fixture {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) parser: Parser,
    /// `true` if the model writes the fixture back token by token.
    canonical: bool,
}

/// The parsing functions for texts of one stream.
#[derive(Clone, Copy)]
pub(crate) struct Parser {
    /// The folder of the stream's fixtures.
    folder: &'static str,
    pub(crate) stream: Stream,
    pub(crate) decode: fn(&str) -> Result<Message, DecodeError>,
    pub(crate) from_json: fn(&str) -> Result<Message, DecodeError>,
    /// Parses an event with the general parser, without a predicted layout.
    pub(crate) parse: fn(&str) -> Result<Message, DecodeError>,
    deserialize: fn(&str) -> serde_json::Result<Message>,
    /// Converts a message to the stream's event and back, or returns the message as the error.
    convert: fn(Message) -> Result<Message, Message>,
}

impl Parser {
    fn private<D: EventData>(folder: &'static str) -> Self {
        Self {
            folder,
            stream: D::STREAM.into(),
            decode: |text| decode::<D>(text).map(Message::from),
            from_json: |text| Event::<D>::from_json(text).map(Message::from),
            parse: |text| parse::<Event<D>>(text, Some(D::STREAM.into())).map(Message::from),
            deserialize: |text| serde_json::from_str::<Event<D>>(text).map(Message::from),
            convert: |message| Event::<D>::try_from(message).map(Message::from),
        }
    }

    /// A message is decoded as one of another pair's socket: its own pair takes precedence.
    fn public<E: MarketEvent>(folder: &'static str) -> Self {
        Self {
            folder,
            stream: E::PUBLIC_STREAM.into(),
            decode: |text| {
                let read = Message::from_public_stream(E::PUBLIC_STREAM, None, text);
                // Only a message without a pair depends on the pair of its socket.
                if !read.as_ref().is_ok_and(|message| message.stream().is_none()) {
                    let other = Pair::new("OTHER_PAIR");
                    assert_eq!(
                        Message::from_public_stream(E::PUBLIC_STREAM, Some(&other), text),
                        read,
                        "{text}"
                    );
                }
                read
            },
            from_json: |text| E::from_json(text).map(E::into),
            parse: |text| parse::<E>(text, Some(E::PUBLIC_STREAM.into())).map(E::into),
            deserialize: |text| serde_json::from_str::<E>(text).map(E::into),
            convert: |message| E::try_from(message).map(E::into),
        }
    }

    fn all() -> [Self; 7] {
        [
            Self::private::<Balances>("account-balance"),
            Self::private::<Orders<ActiveOrderStream>>("active-orders"),
            Self::private::<Orders<HistoryOrderStream>>("history-orders"),
            Self::private::<Trade>("user-trade"),
            Self::public::<OrderBook>("order-books"),
            Self::public::<Ticker>("tickers"),
            Self::public::<MarketTrades>("market-trades"),
        ]
    }

    pub(crate) fn of(stream: impl Into<Stream>) -> Self {
        let stream = stream.into();
        Self::all().into_iter().find(|parser| parser.stream == stream).unwrap()
    }
}

/// The fixtures that are not written back verbatim, each with its replacements: the original and the written
/// text. Everything else is unchanged, except that known fields come first and in their canonical order.
const NORMALISED: &[(&str, &[(&str, &str)])] = &[
    ("active-orders/client-id-old-spelling.json", &[(r#""clientId": 1234"#, r#""clientID": 1234"#)]),
    ("active-orders/market-order.json", &[(r#""type": "Market""#, r#""type": "MARKET""#)]),
    (
        "active-orders/number-ids.json",
        &[(r#""id": 8917255503"#, r#""id": "8917255503""#), (r#""id": 3452766477"#, r#""id": "3452766477""#)],
    ),
    (
        "active-orders/simulated-number-ids.json",
        &[
            (r#""id": 3055264261"#, r#""id": "3055264261""#),
            (r#""id": 8178405867"#, r#""id": "8178405867""#),
            (r#""id": 7932122655"#, r#""id": "7932122655""#),
        ],
    ),
    ("order-books/event-id-other-spelling.json", &[(r#""eventId""#, r#""eventID""#)]),
    (
        "history-orders/old-spellings.json",
        &[
            (r#""id": 8917255503"#, r#""id": "8917255503""#),
            (r#""type": "Market""#, r#""type": "MARKET""#),
            (r#""clientId": 1234"#, r#""clientID": 1234"#),
        ],
    ),
    (
        "user-trade/booleans-as-texts.json",
        &[(r#""isMarket": "false""#, r#""isMarket": false"#), (r#""isMaker": "true""#, r#""isMaker": true"#)],
    ),
    ("user-trade/market-order.json", &[(r#""orderType": "Market""#, r#""orderType": "MARKET""#)]),
    ("user-trade/simulated-number-id.json", &[(r#""orderID": 2562697837"#, r#""orderID": "2562697837""#)]),
    ("user-trade/trade.json", &[(r#""orderID": 390733918"#, r#""orderID": "390733918""#)]),
];

impl Fixture {
    /// Returns the text after the replacements in [`NORMALISED`].
    fn normalised(&self) -> String {
        let replacements = NORMALISED
            .iter()
            .find(|(path, _)| *path == self.path)
            .map_or(&[][..], |(_, replacements)| replacements);
        replacements.iter().fold(self.text.clone(), |text, (original, written)| {
            assert_eq!(text.matches(original).count(), 1, "{}: {original}", self.path);
            text.replace(original, written)
        })
    }
}

/// Returns all fixtures that contain a single message of a stream. bitopro-rest reads those in `rest/`, and
/// bitopro-client replays the sessions.
pub(crate) fn all() -> Vec<Fixture> {
    // A symbolic link to the workspace's folder. The published package contains a copy.
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    let manifest = fs::read_to_string(dir.join("manifest.json")).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&manifest).unwrap();
    entries
        .iter()
        .filter(|entry| entry["canonical"].is_boolean())
        .filter(|entry| !entry["path"].as_str().unwrap().starts_with("rest/"))
        .map(|entry| {
            let path = entry["path"].as_str().unwrap();
            let folder = path.split('/').next().unwrap();
            Fixture {
                path: path.to_owned(),
                text: fs::read_to_string(dir.join(path)).unwrap(),
                parser: Parser::all().into_iter().find(|parser| parser.folder == folder).expect(path),
                canonical: entry["canonical"].as_bool().unwrap(),
            }
        })
        .collect()
}

/// Removes whitespace between tokens.
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
fn every_stream_has_a_fixture_of_its_event() {
    let fixtures = all();
    for stream in Stream::all() {
        let mut candidates = fixtures.iter().filter(|fixture| fixture.parser.stream == stream);
        assert!(
            candidates.any(|fixture| Message::from_json(&fixture.text).unwrap().stream() == Some(stream)),
            "no fixture for {stream}"
        );
    }
    for (path, _) in NORMALISED {
        let fixture = fixtures.iter().find(|fixture| fixture.path == *path).expect(path);
        assert!(!fixture.canonical, "{path}");
    }
}

#[test]
fn the_parsed_value_and_the_written_frame_match_the_snapshots() {
    for fixture in all() {
        let message = Message::from_json(&fixture.text).unwrap();
        let written = serde_json::to_string_pretty(&message).unwrap();
        let name = fixture.path.replace('/', "__").replace(".json", "");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, format!("{}\n\nwritten back:\n{written}", without_none(&message)));
        });
    }
}

/// Formats a message without its absent fields, so that a new optional field changes no snapshot of another
/// message.
fn without_none(message: &Message) -> String {
    let lines = format!("{message:#?}");
    lines.lines().filter(|line| !line.ends_with(": None,")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_canonical_fixture_is_written_back_token_by_token() {
    for fixture in all() {
        let written = serde_json::to_string(&Message::from_json(&fixture.text).unwrap()).unwrap();
        let same = minified(&written) == minified(&fixture.text);
        assert_eq!(same, fixture.canonical, "{}: {written}", fixture.path);
    }
}

#[test]
fn every_token_of_a_fixture_is_written_back() {
    for fixture in all() {
        let written = serde_json::to_string(&Message::from_json(&fixture.text).unwrap()).unwrap();
        assert_eq!(sorted_tokens(&written), sorted_tokens(&fixture.normalised()), "{}", fixture.path);
    }
}

/// Returns the tokens in sorted order, so that texts with a different field order compare equal.
fn sorted_tokens(json: &str) -> Vec<String> {
    let is_punctuation = |c: char| "{}[],".contains(c);
    let json = minified(json);
    let punctuation = json.matches(is_punctuation);
    let mut tokens: Vec<String> = json.split(is_punctuation).chain(punctuation).map(str::to_owned).collect();
    tokens.sort_unstable();
    tokens
}

#[test]
fn a_written_message_reads_back_equal_and_is_written_identically() {
    for Fixture { path, text, .. } in all() {
        let message = Message::from_json(&text).unwrap();
        let written = serde_json::to_string(&message).unwrap();
        let again = Message::from_json(&written).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), written, "{path}");
        assert_eq!(again, message, "{path}");
    }
}

#[test]
fn all_parsing_functions_return_the_same_message() {
    for Fixture { path, text, parser, .. } in all() {
        let message = Message::from_json(&text).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message, "{path}");
        assert_eq!(serde_json::from_slice::<Message>(text.as_bytes()).unwrap(), message, "{path}");
        assert_eq!((parser.decode)(&text).unwrap(), message, "{path}");
        assert_eq!(Message::from_stream(parser.stream, &text).unwrap(), message, "{path}");
        if message.stream().is_some() {
            assert_eq!((parser.from_json)(&text).unwrap(), message, "{path}");
            assert_eq!((parser.deserialize)(&text).unwrap(), message, "{path}");
        } else {
            assert!((parser.from_json)(&text).is_err() && (parser.deserialize)(&text).is_err(), "{path}");
        }
    }
}

#[test]
fn fault_31_an_event_of_another_stream_is_an_unknown_message_with_the_whole_text() {
    for Fixture { path, text, parser, .. } in all() {
        for other in Parser::all().iter().filter(|other| other.stream != parser.stream) {
            let decoded = (other.decode)(&text).unwrap();
            assert_eq!(Message::from_stream(other.stream, &text).unwrap(), decoded, "{path}");
            let Message::Unknown(unknown) = decoded else { panic!("{path}") };
            assert_eq!(unknown.raw(), text.trim_ascii(), "{path}");
            assert!((other.from_json)(&text).is_err(), "{path}");
        }
    }
}

#[test]
fn a_message_converts_only_to_the_event_of_its_stream() {
    for Fixture { path, text, .. } in all() {
        let message = Message::from_json(&text).unwrap();
        for parser in Parser::all() {
            let converted = (parser.convert)(message.clone());
            let is_same_stream = message.stream() == Some(parser.stream);
            assert_eq!(
                converted,
                if is_same_stream { Ok(message.clone()) } else { Err(message.clone()) },
                "{path}"
            );
        }
    }
}

#[test]
fn a_message_returns_the_fields_of_its_envelope() {
    for fixture in all() {
        let path = &fixture.path;
        let message = Message::from_json(&fixture.text).unwrap();
        let wire: Value = serde_json::from_str(&fixture.normalised()).unwrap();
        let needs_pair = |stream| matches!(stream, Stream::Public(_));
        let stream = Stream::all().find(|stream| wire["event"] == stream.event());
        let stream = stream.filter(|stream| !needs_pair(*stream) || wire["pair"].is_string());
        assert_eq!(message.stream(), stream, "{path}");
        // The envelope of an unknown event is not parsed, since its format may be different.
        assert_eq!(
            message.timestamp().map(Timestamp::as_millis),
            stream.and_then(|_| wire["timestamp"].as_i64()),
            "{path}"
        );
        assert_eq!(
            message.event_id().map(EventId::as_str),
            stream.and_then(|_| wire["eventID"].as_str()),
            "{path}"
        );
        let pair = stream.filter(|stream| needs_pair(*stream)).and_then(|_| wire["pair"].as_str());
        assert_eq!(message.market_pair().map(Pair::as_str), pair, "{path}");
    }
}

/// A `Value` sorts keys and converts long numbers to floats, but known fields survive.
#[test]
fn known_fields_survive_a_round_trip_through_a_value() {
    for fixture in all() {
        let value: Value = serde_json::from_str(&fixture.text).unwrap();
        let through: Message = serde_json::from_value(value).unwrap();
        let expected: Value = serde_json::from_str(&fixture.normalised()).unwrap();
        assert_eq!(serde_json::to_value(&through).unwrap(), expected, "{}", fixture.path);
        // Decimals are strings in a `Value`, so the comparison includes trailing zeros.
        let direct = Message::from_json(&fixture.text).unwrap();
        assert_eq!(serde_json::to_value(&direct).unwrap(), expected, "{}", fixture.path);
    }
}
