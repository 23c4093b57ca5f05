//! The exact text of decode errors: for balances here, and for the other events in their own modules.

mod market;
mod orders;
mod trades;

use bitopro_model::{
    AccountBalance, Balances, DecodeError, DecodeErrorKind, Message, PrivateStream, Stream, decode,
};

use crate::fixtures::Parser;

const ADA: &str = r#""currency":"ADA","amount":"1","available":"1","stake":"0","tradable":true"#;

/// Returns a message with this `data`.
fn with_data(data: &str) -> String {
    format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{data}}}"#)
}

/// Returns a message with the balance of one currency, in which `to` replaces the first `from`.
fn with_ada(from: &str, to: &str) -> String {
    assert!(ADA.contains(from), "{from}");
    with_data(&format!(r#"{{"ADA":{{{}}}}}"#, ADA.replacen(from, to, 1)))
}

fn error(text: &str) -> DecodeError {
    decode::<Balances>(text).expect_err(text)
}

#[test]
fn fault_44_an_error_in_a_balance_names_its_path() {
    let amount = r#""amount":"1""#;
    let twenty_nine = with_ada(amount, r#""amount":"79228162514264337593543950336""#);
    let forty = with_ada(amount, r#""amount":"1234567890123456789012345678901234567890""#);
    let duplicate =
        with_data(&format!(r#"{{"ADA":{{{ADA}}},"BTC":{{{}}},"ADA":{{{ADA}}}}}"#, ADA.replace("ADA", "BTC")));
    let table = [
        (with_ada(r#""amount":"1","#, ""), "data.ADA: missing field `amount`"),
        (with_ada(r#""available":"1","#, ""), "data.ADA: missing field `available`"),
        (
            with_ada(amount, r#""amount":null"#),
            "data.ADA.amount: invalid type: null, expected a decimal as a string or an integer",
        ),
        (
            with_ada(amount, r#""amount":1.5"#),
            "data.ADA.amount: invalid type: floating point `1.5`, expected a decimal as a string or an integer",
        ),
        (
            with_ada(amount, r#""amount":["1"]"#),
            "data.ADA.amount: invalid type: sequence, expected a decimal as a string or an integer",
        ),
        (with_ada(r#""ADA""#, "7"), "data.ADA.currency: invalid type: integer `7`, expected a string"),
        (with_ada("true", r#"true,"stake":"0""#), "data.ADA: duplicate field `stake`"),
        (
            twenty_nine,
            "data.ADA.amount: `79228162514264337593543950336`: too many digits (29) to store exactly; up to 28 always fit",
        ),
        (
            forty,
            "data.ADA.amount: `1234567890123456789012345678901234567890`: too many digits (40) to store exactly; \
             up to 28 always fit",
        ),
        (
            with_ada(amount, r#""amount":"1e5""#),
            "data.ADA.amount: `1e5`: expected digits with an optional minus sign and decimal point, such as `12.50`",
        ),
        (
            with_ada(amount, r#""amount":"NaN""#),
            "data.ADA.amount: `NaN`: expected digits with an optional minus sign and decimal point, such as `12.50`",
        ),
        (
            with_ada(amount, r#""amount":"""#),
            "data.ADA.amount: ``: expected digits with an optional minus sign and decimal point, such as `12.50`",
        ),
        (with_data(&format!(r#"{{"BTC":{{{ADA}}}}}"#)), "data: key `BTC` holds the balance for `ADA`"),
        (duplicate, "data: duplicate currency `ADA`"),
        (with_data(r#"{"ADA":null}"#), "data.ADA: invalid type: null, expected a balance"),
        (with_data(r#"{"ADA":[]}"#), "data.ADA: invalid type: sequence, expected a balance"),
        (with_data("null"), "data: invalid type: null, expected an object of balances by currency"),
        (with_data("[]"), "data: invalid type: sequence, expected an object of balances by currency"),
        (r#"{"event":"ACCOUNT_BALANCE","timestamp":1}"#.to_owned(), "missing field `data`"),
        (r#"{"event":"ACCOUNT_BALANCE","data":{}}"#.to_owned(), "missing field `timestamp`"),
        (
            r#"{"event":"ACCOUNT_BALANCE","timestamp":null,"data":{}}"#.to_owned(),
            "timestamp: invalid type: null, expected a 64-bit integer",
        ),
        (
            r#"{"event":"ACCOUNT_BALANCE","timestamp":"soon","data":{}}"#.to_owned(),
            "timestamp: invalid value: string \"soon\", expected a 64-bit integer",
        ),
        (
            r#"{"event":"ACCOUNT_BALANCE","timestamp":1.5,"data":{}}"#.to_owned(),
            "timestamp: invalid type: floating point `1.5`, expected a 64-bit integer",
        ),
        (with_data(r#"{},"timestamp":2"#), "duplicate field `timestamp`"),
    ];
    assert_errors(PrivateStream::AccountBalance, table);
}

/// Asserts that each text fails with this path and reason, followed by the excerpt.
fn assert_errors(stream: impl Into<Stream>, table: impl IntoIterator<Item = (String, &'static str)>) {
    let parser = Parser::of(stream);
    let stream = parser.stream;
    for (text, expected) in table {
        let error = (parser.decode)(&text).expect_err(&text);
        let shown = error.to_string();
        let location = format!(" (in {}, near `{}`)", stream.event(), error.excerpt());
        assert_eq!(shown, format!("{expected}{location}"), "{text}");
        assert_eq!((error.kind(), error.stream()), (DecodeErrorKind::Data, Some(stream)));
        assert!(expected.starts_with(error.path()), "{text}");

        // Parsing without a known stream, or with a known event, returns the same error.
        assert_eq!(Message::from_json(&text).expect_err(&text).to_string(), shown);
        assert_eq!((parser.from_json)(&text).expect_err(&text).to_string(), shown);
        assert_eq!(Message::from_stream(stream, &text).expect_err(&text), error);
    }
}

#[test]
fn fault_32_a_text_that_is_not_a_message_is_an_error_with_an_excerpt() {
    let valid = with_data(&format!(r#"{{"ADA":{{{ADA}}}}}"#));
    let table = [
        ("", "invalid JSON at column 0: EOF while parsing a value (in ACCOUNT_BALANCE, near ``)"),
        ("hello", "invalid JSON at column 1: expected value (in ACCOUNT_BALANCE, near `hello`)"),
        (
            &valid[..90],
            "data.ADA: invalid JSON at column 90: EOF while parsing a string (in ACCOUNT_BALANCE, near \
             `…ADA\":{\"currency\":\"ADA\",\"amount\":\"1\",\"ava`)",
        ),
        (
            "{\"event\":\"ACCOUNT_BALANCE\",\n\"data\":{]}",
            "data: invalid JSON at line 2 column 9: key must be a string (in ACCOUNT_BALANCE, near \
             `{\"event\":\"ACCOUNT_BALANCE\",\\n\"data\":{]}`)",
        ),
        (
            r#"{"event":"MARGIN","timestamp":1,"data":{"a":tru}}"#,
            "data: invalid JSON at column 48: expected ident (in ACCOUNT_BALANCE, near \
             `…:\"MARGIN\",\"timestamp\":1,\"data\":{\"a\":tru}}`)",
        ),
        (
            r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{}} x"#,
            "invalid JSON at column 53: trailing characters (in ACCOUNT_BALANCE, near \
             `…OUNT_BALANCE\",\"timestamp\":1,\"data\":{}} x`)",
        ),
        (
            "[1]",
            "invalid type: sequence, expected a message with an `event` (in ACCOUNT_BALANCE, near `[1]`)",
        ),
        ("null", "invalid type: null, expected a message with an `event` (in ACCOUNT_BALANCE, near `null`)"),
        (
            r#"{"timestamp":1,"data":{}}"#,
            "missing field `event` (in ACCOUNT_BALANCE, near `{\"timestamp\":1,\"data\":{}}`)",
        ),
        (
            r#"{"event":5}"#,
            "event: invalid type: integer `5`, expected a string (in ACCOUNT_BALANCE, near `{\"event\":5}`)",
        ),
        (
            r#"{"event":null}"#,
            "event: invalid type: null, expected a string (in ACCOUNT_BALANCE, near `{\"event\":null}`)",
        ),
        (
            r#"{"event":"X","event":"ACCOUNT_BALANCE"}"#,
            "duplicate field `event` (in ACCOUNT_BALANCE, near `{\"event\":\"X\",\"event\":\"ACCOUNT_BALANCE\"}`)",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(error(text).to_string(), expected);
        // The name of the event shows the stream if it comes first.
        let is_named = text.starts_with(r#"{"event":"ACCOUNT_BALANCE","#);
        let unknown_stream =
            if is_named { expected.to_owned() } else { expected.replace("in ACCOUNT_BALANCE, ", "") };
        assert_eq!(Message::from_json(text).expect_err(text).to_string(), unknown_stream);
    }
}

#[test]
fn the_kind_distinguishes_invalid_json_from_invalid_data() {
    for text in ["", "hello", "{", r#"{"event":"ACCOUNT_BALANCE","x":tru}"#, "{} {}"] {
        let [by_stream, by_event] = [error(text), AccountBalance::from_json(text).expect_err(text)];
        // The missing `event` of `{} {}` is reported before the trailing characters.
        let expected = if text == "{} {}" { DecodeErrorKind::Data } else { DecodeErrorKind::Syntax };
        assert_eq!((by_stream.kind(), by_event.kind()), (expected, expected), "{text}");
    }
}

#[test]
fn fault_32_deep_nesting_never_overflows_the_stack() {
    let deep = "[".repeat(100_000);
    for text in [
        deep.clone(),
        format!(r#"{{"event":{deep}"#),
        format!(r#"{{"x":{deep}"#),
        with_data(&deep),
        with_data(&format!(r#"{{"ADA":{deep}"#)),
        with_ada("true", &format!(r#"true,"x":{deep}"#)),
        with_ada("true", &deep),
    ] {
        assert!(decode::<Balances>(&text).is_err());
        assert!(AccountBalance::from_json(&text).is_err());
    }
    let balanced = format!(r#"{{"event":"DEEP","x":{deep}{}}}"#, "]".repeat(100_000));
    assert_eq!(Message::from_json(&balanced).unwrap().event(), "DEEP");
}

/// The parser's own recursion limit of 128 levels is never reached: a known field fails at the first bracket
/// because of its type, and the values of other fields are skipped in a loop.
#[test]
fn fault_32_nesting_of_any_depth_is_an_error_in_required_fields_and_kept_in_all_others() {
    for depth in [1, 127, 128, 129, 100_000] {
        for (open, inner, close) in [("[", "", "]"), (r#"{"a":"#, "1", "}")] {
            let deep = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            for (text, path) in [
                (deep.clone(), ""),
                (format!(r#"{{"event":{deep}}}"#), "event"),
                (format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":{deep}}}"#), "timestamp"),
                (with_data(&format!(r#"{{"ADA":{{"amount":{deep}}}}}"#)), "data.ADA.amount"),
            ] {
                let error = error(&text);
                assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Data, path), "{depth}: {error}");
            }

            for text in [
                with_data(&format!(r#"{{}},"x":{deep}"#)),
                with_ada("true", &format!(r#"true,"x":{deep}"#)),
                with_ada("true", &deep),
            ] {
                let event =
                    AccountBalance::from_json(&text).unwrap_or_else(|error| panic!("{depth}: {error}"));
                assert_eq!(serde_json::to_string(&event).unwrap(), text);
            }
            let unknown = format!(r#"{{"x":{deep},"event":"DEEP"}}"#);
            assert_eq!(serde_json::to_string(&Message::from_json(&unknown).unwrap()).unwrap(), unknown);
        }
    }
}

#[test]
fn fault_57_the_error_for_a_hostile_text_is_bounded_and_printable() {
    let long = "\\u001b[31m\\n台\u{202e}\u{2028}\u{3164}\u{7f}".repeat(1000);
    for text in [
        with_data(&format!(r#"{{"{long}":{{}}}}"#)),
        with_data(&format!(r#"{{"{long}":{{{ADA}}}}}"#)),
        with_ada(r#""ADA""#, &format!("\"{long}\"")),
        with_ada(r#""amount":"1""#, &format!(r#""amount":"{long}""#)),
        format!(r#"{{"event":"ACCOUNT_BALANCE","{long}":tru}}"#),
    ] {
        for error in [error(&text), AccountBalance::from_json(&text).expect_err(&text)] {
            let shown = error.to_string();
            assert!(shown.len() < 900, "{} bytes: {shown}", shown.len());
            assert!(!shown.contains(char::is_control), "{shown:?}");
            assert!(!shown.contains(['\u{202e}', '\u{2028}', '\u{3164}']), "{shown:?}");
        }
    }
    let name = format!(r#"{{"event":"{long}"}}"#);
    assert!(AccountBalance::from_json(&name).expect_err(&name).to_string().len() < 900);
}
