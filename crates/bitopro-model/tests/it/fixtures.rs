//! Every fixture of the manifest: read, pinned, written back, read again.

use std::fs;
use std::path::PathBuf;

use bitopro_model::{
    ActiveOrderStream, Balances, DecodeError, Event, EventData, HistoryOrderStream, Message, Orders,
    PrivateStream, Timestamp, Trade, decode,
};
use serde_json::Value;

/// A fixture, as the manifest lists it.
pub(crate) struct Fixture {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) stream: Stream,
    /// Whether it is written back token by token.
    canonical: bool,
}

/// The ways to read a text when its stream is known.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    /// Where its fixtures are.
    folder: &'static str,
    pub(crate) id: PrivateStream,
    pub(crate) decode: fn(&str) -> Result<Message, DecodeError>,
    from_json: fn(&str) -> Result<Message, DecodeError>,
    deserialize: fn(&str) -> serde_json::Result<Message>,
    /// To the stream's event and back, or the message itself if it is not such an event.
    convert: fn(Message) -> Result<Message, Message>,
}

impl Stream {
    fn of<D: EventData>(folder: &'static str) -> Self {
        Self {
            folder,
            id: D::STREAM,
            decode: |text| decode::<D>(text).map(Message::from),
            from_json: |text| Event::<D>::from_json(text).map(Message::from),
            deserialize: |text| serde_json::from_str::<Event<D>>(text).map(Message::from),
            convert: |message| Event::<D>::try_from(message).map(Message::from),
        }
    }

    fn all() -> [Self; 4] {
        [
            Self::of::<Balances>("account-balance"),
            Self::of::<Orders<ActiveOrderStream>>("active-orders"),
            Self::of::<Orders<HistoryOrderStream>>("history-orders"),
            Self::of::<Trade>("user-trade"),
        ]
    }
}

/// What is not written as it came: the fixture, and in it each place with what is written instead. Everything else
/// is written unchanged, though known fields come first and in their usual order.
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
            (r#""id": 8917255503"#, r#""id": "8917255503""#),
            (r#""id": 8917255504"#, r#""id": "8917255504""#),
            (r#""id": 8917255505"#, r#""id": "8917255505""#),
        ],
    ),
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
    ("user-trade/simulated-number-id.json", &[(r#""orderID": 8917255507"#, r#""orderID": "8917255507""#)]),
    ("user-trade/trade.json", &[(r#""orderID": 390733918"#, r#""orderID": "390733918""#)]),
];

impl Fixture {
    /// The text with what is known to be written in another way.
    fn normalised(&self) -> String {
        let places =
            NORMALISED.iter().find(|(path, _)| *path == self.path).map_or(&[][..], |(_, places)| places);
        places.iter().fold(self.text.clone(), |text, (came, written)| {
            assert_eq!(text.matches(came).count(), 1, "{}: {came}", self.path);
            text.replace(came, written)
        })
    }
}

/// The fixtures of all streams, each one message. Sessions are replayed in bitopro-client.
pub(crate) fn all() -> Vec<Fixture> {
    // A link to the workspace's folder, which is a copy in the published package.
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    let manifest = fs::read_to_string(dir.join("manifest.json")).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&manifest).unwrap();
    entries
        .iter()
        .filter(|entry| entry["canonical"].is_boolean())
        .map(|entry| {
            let path = entry["path"].as_str().unwrap();
            let folder = path.split('/').next().unwrap();
            Fixture {
                path: path.to_owned(),
                text: fs::read_to_string(dir.join(path)).unwrap(),
                stream: Stream::all().into_iter().find(|stream| stream.folder == folder).expect(path),
                canonical: entry["canonical"].as_bool().unwrap(),
            }
        })
        .collect()
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
fn every_stream_has_fixtures_of_its_own_event() {
    let fixtures = all();
    for &stream in PrivateStream::ALL {
        let mut own = fixtures.iter().filter(|fixture| fixture.stream.id == stream);
        assert!(
            own.any(|own| Message::from_json(&own.text).unwrap().event() == stream.event()),
            "no fixture of {stream}"
        );
    }
    for (path, _) in NORMALISED {
        let fixture = fixtures.iter().find(|fixture| fixture.path == *path).expect(path);
        assert!(!fixture.canonical, "{path}");
    }
}

#[test]
fn the_parsed_value_and_the_frame_written_back_are_pinned() {
    for fixture in all() {
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
    for fixture in all() {
        let written = serde_json::to_string(&Message::from_json(&fixture.text).unwrap()).unwrap();
        let same = minified(&written) == minified(&fixture.text);
        assert_eq!(same, fixture.canonical, "{}: {written}", fixture.path);
    }
}

#[test]
fn nothing_of_any_fixture_is_lost() {
    for fixture in all() {
        let written = serde_json::to_string(&Message::from_json(&fixture.text).unwrap()).unwrap();
        assert_eq!(sorted_tokens(&written), sorted_tokens(&fixture.normalised()), "{}", fixture.path);
    }
}

/// What stays the same when only the order of fields changes: the fields, and the marks around them.
fn sorted_tokens(json: &str) -> Vec<String> {
    let is_mark = |c: char| "{}[],".contains(c);
    let json = minified(json);
    let marks = json.matches(is_mark);
    let mut tokens: Vec<String> = json.split(is_mark).chain(marks).map(str::to_owned).collect();
    tokens.sort_unstable();
    tokens
}

#[test]
fn what_is_written_reads_as_the_same_and_is_written_in_the_same_way() {
    for Fixture { path, text, .. } in all() {
        let message = Message::from_json(&text).unwrap();
        let written = serde_json::to_string(&message).unwrap();
        let again = Message::from_json(&written).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), written, "{path}");
        assert_eq!(again, message, "{path}");
    }
}

#[test]
fn every_way_of_reading_gives_the_same() {
    for Fixture { path, text, stream, .. } in all() {
        let message = Message::from_json(&text).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message, "{path}");
        assert_eq!(serde_json::from_slice::<Message>(text.as_bytes()).unwrap(), message, "{path}");
        assert_eq!((stream.decode)(&text).unwrap(), message, "{path}");
        assert_eq!(Message::from_stream(stream.id, &text).unwrap(), message, "{path}");
        if message.event() == stream.id.event() {
            assert_eq!((stream.from_json)(&text).unwrap(), message, "{path}");
            assert_eq!((stream.deserialize)(&text).unwrap(), message, "{path}");
        } else {
            assert!((stream.from_json)(&text).is_err() && (stream.deserialize)(&text).is_err(), "{path}");
        }
    }
}

/// The other streams carry such an event as unknown, and lose nothing of it either.
#[test]
fn fault_31_a_stream_carries_the_events_of_others_as_unknown() {
    for Fixture { path, text, stream, .. } in all() {
        for other in Stream::all().iter().filter(|other| other.id != stream.id) {
            let decoded = (other.decode)(&text).unwrap();
            assert_eq!(Message::from_stream(other.id, &text).unwrap(), decoded, "{path}");
            let Message::Unknown(unknown) = decoded else { panic!("{path}") };
            assert_eq!(unknown.raw(), text.trim_ascii(), "{path}");
            assert!((other.from_json)(&text).is_err(), "{path}");
        }
    }
}

#[test]
fn a_message_converts_to_the_event_of_its_own_stream_only() {
    for Fixture { path, text, .. } in all() {
        let message = Message::from_json(&text).unwrap();
        for stream in Stream::all() {
            let converted = (stream.convert)(message.clone());
            let is_own = message.stream() == Some(stream.id);
            assert_eq!(converted, if is_own { Ok(message.clone()) } else { Err(message.clone()) }, "{path}");
        }
    }
}

#[test]
fn a_message_reports_what_its_envelope_holds() {
    for Fixture { path, text, .. } in all() {
        let message = Message::from_json(&text).unwrap();
        let wire: Value = serde_json::from_str(&text).unwrap();
        let stream = PrivateStream::ALL.iter().copied().find(|stream| wire["event"] == stream.event());
        assert_eq!(message.stream(), stream, "{path}");
        // An unknown event may be anything, so nothing of it is read.
        assert_eq!(
            message.timestamp().map(Timestamp::as_millis),
            stream.and_then(|_| wire["timestamp"].as_i64()),
            "{path}"
        );
        assert_eq!(message.event_id(), stream.and_then(|_| wire["eventID"].as_str()), "{path}");
    }
}

/// A `Value` sorts keys and turns long numbers into floats, but keeps all that the model knows.
#[test]
fn a_value_in_between_loses_nothing_that_is_known() {
    for fixture in all() {
        let value: Value = serde_json::from_str(&fixture.text).unwrap();
        let through: Message = serde_json::from_value(value).unwrap();
        let expected: Value = serde_json::from_str(&fixture.normalised()).unwrap();
        assert_eq!(serde_json::to_value(&through).unwrap(), expected, "{}", fixture.path);
        // In a `Value`, decimals are texts, so this is exact to the last zero.
        let direct = Message::from_json(&fixture.text).unwrap();
        assert_eq!(serde_json::to_value(&direct).unwrap(), expected, "{}", fixture.path);
    }
}
