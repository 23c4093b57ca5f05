//! Messages of public streams without a pair, which belong to the only pair of their socket.

use bitopro_model::{Message, Pair, PublicStream};

const FIELDS: &[(PublicStream, &str)] = &[
    (PublicStream::OrderBooks, r#""bids":[],"asks":[]"#),
    (PublicStream::Tickers, r#""lastPrice":"107.50""#),
    (PublicStream::Trades, r#""data":[]"#),
];

/// Values of a `pair` that is missing, each as it is written in front of the next field.
const MISSING: &[&str] = &["", r#""pair":null,"#, r#""pair":"","#];

fn event(stream: PublicStream, pair: &str, fields: &str) -> String {
    format!(r#"{{"event":"{}","timestamp":1,{pair}{fields},"x":[1.50]}}"#, stream.event())
}

#[test]
fn a_missing_pair_is_that_of_a_socket_that_follows_one() {
    let pair = Pair::new("BTC_TWD");
    for (stream, fields) in FIELDS {
        let with_pair = event(*stream, r#""pair":"BTC_TWD","#, fields);
        for missing in MISSING {
            let text = event(*stream, missing, fields);
            let filled = Message::from_public_stream(*stream, Some(&pair), &text).unwrap();
            assert_eq!(filled.market_pair(), Some(&pair), "{text}");
            assert_eq!(serde_json::to_string(&filled).unwrap(), with_pair, "{text}");
        }
        let other = Pair::new("ETH_TWD");
        let read = Message::from_public_stream(*stream, Some(&other), &with_pair).unwrap();
        assert_eq!(read.market_pair(), Some(&pair));
    }
}

#[test]
fn a_message_without_any_pair_is_unknown_and_verbatim() {
    for (stream, fields) in FIELDS {
        for missing in MISSING {
            let text = event(*stream, missing, fields);
            for read in [
                Message::from_json(&text),
                Message::from_stream(*stream, &text),
                Message::from_public_stream(*stream, None, &text),
            ] {
                let Ok(Message::Unknown(unknown)) = read else { panic!("{read:?}") };
                assert_eq!((unknown.event(), unknown.raw()), (stream.event(), text.as_str()));
            }
        }
    }
}

#[test]
fn fault_44_a_missing_pair_hides_no_other_error() {
    let pair = Pair::new("BTC_TWD");
    for (stream, fields) in FIELDS {
        for missing in MISSING {
            let text = event(*stream, missing, fields).replace(r#""timestamp":1,"#, "");
            let error = Message::from_public_stream(*stream, Some(&pair), &text).unwrap_err().to_string();
            let expected = format!("missing field `timestamp` (in {}, ", stream.event());
            assert!(error.starts_with(&expected), "{error}");
        }
        for wrong in ["7", "true", "[]", "{}"] {
            let text = event(*stream, &format!(r#""pair":{wrong},"#), fields);
            for only_pair in [None, Some(&pair)] {
                let error = Message::from_public_stream(*stream, only_pair, &text).unwrap_err();
                assert_eq!(error.path(), "pair", "{error}");
            }
        }
    }
}

#[test]
fn fault_44_an_event_of_a_known_kind_needs_a_pair() {
    for (stream, fields) in FIELDS {
        let parser = crate::fixtures::Parser::of(*stream);
        for missing in ["", r#""pair":"","#] {
            let error = (parser.from_json)(&event(*stream, missing, fields)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("missing field `pair` (in {}, ", stream.event())), "{error}");
        }
    }
}
