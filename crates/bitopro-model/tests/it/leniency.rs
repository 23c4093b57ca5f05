//! Optional fields: a message is read regardless of their values, and unreadable values are written back
//! verbatim.

use bitopro_model::{
    ActiveOrderStream, Balance, Decimal, DecodedMessage, Event, Message, OrderSeq, Orders, Timestamp, decode,
};
use serde::Deserialize;

const BALANCE: &str = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"ADA":{"currency":"ADA","amount":"1","available":"1"}}}"#;
const ORDER: &str = r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{"btc_twd":[{"id":"7","pair":"btc_twd","price":"107","action":"SELL","type":"LIMIT","status":0,"originalAmount":"2","remainingAmount":"2","executedAmount":"0"}]}}"#;
const TRADE: &str = r#"{"event":"USER_TRADE","timestamp":1,"data":{"base":"usdt","quote":"twd","side":"ask","price":"32","volume":"1","fee":"0","feeCurrency":"twd","transactionTimestamp":1,"orderID":"7"}}"#;

const BOOK: &str = r#"{"event":"ORDER_BOOK","timestamp":1,"pair":"BTC_TWD","bids":[{"price":"107","amount":"2"}],"asks":[{"price":"108","amount":"1"}]}"#;
const TICKER: &str = r#"{"event":"TICKER","timestamp":1,"pair":"BTC_TWD","lastPrice":"107"}"#;
const MARKET_TRADES: &str =
    r#"{"event":"TRADE","timestamp":1,"pair":"BTC_TWD","data":[{"timestamp":1,"price":"107","amount":"2"}]}"#;

/// A value that is not written back verbatim: its text, and the written text or `None` if it is omitted.
type RewrittenValue = (&'static str, Option<&'static str>);

/// The path of a field, a valid value, and the values that are rewritten.
type Field = (&'static str, &'static str, &'static [RewrittenValue]);

const TEXT: &[RewrittenValue] = &[];
const ID: &[RewrittenValue] = &[("7", Some(r#""7""#)), (r#""a \"b\" \u0041""#, Some(r#""a \"b\" A""#))];
const DECIMAL: &[RewrittenValue] = &[(r#""""#, None), ("7", Some(r#""7""#))];
const INTEGER: &[RewrittenValue] = &[(r#""""#, None), ("7", Some("7")), (r#""7""#, Some("7"))];
const FLAG: &[RewrittenValue] = &[
    (r#""""#, None),
    (r#""true""#, Some("true")),
    (r#""True""#, Some("true")),
    (r#" "false" "#, Some("false")),
];

/// Messages without optional fields, each with its optional fields. A value that is not listed as rewritten
/// is unreadable, unless the field is a text.
const MESSAGES: &[(&str, &[Field])] = &[
    (
        BALANCE,
        &[
            ("eventID", r#""e""#, TEXT),
            ("datetime", r#""2021-12-15""#, TEXT),
            ("data.*.stake", r#""1.10""#, DECIMAL),
            ("data.*.tradable", "false", FLAG),
        ],
    ),
    (
        ORDER,
        &[
            ("data.*[].avgExecutionPrice", r#""1.10""#, DECIMAL),
            ("data.*[].timestamp", "1639386803663", INTEGER),
            ("data.*[].updatedTimestamp", "1639386803", INTEGER),
            ("data.*[].createdTimestamp", "1639386803000", INTEGER),
            ("data.*[].fee", r#""-0.00""#, DECIMAL),
            ("data.*[].feeSymbol", r#""twd""#, TEXT),
            ("data.*[].bitoFee", r#""0""#, DECIMAL),
            ("data.*[].total", r#""79228162514264337593543950335""#, DECIMAL),
            ("data.*[].seq", r#""BTCTWD1""#, ID),
            ("data.*[].timeInForce", r#""POST_ONLY""#, TEXT),
            ("data.*[].stopPrice", r#""0""#, DECIMAL),
            ("data.*[].condition", r#""<=""#, TEXT),
            ("data.*[].clientID", "18446744073709551615", INTEGER),
            ("data.*[].clientId", "1", INTEGER),
        ],
    ),
    (
        TRADE,
        &[
            ("data.eventTimestamp", "1694667359", INTEGER),
            ("data.orderType", r#""MARKET""#, TEXT),
            ("data.matchID", r#""m""#, ID),
            ("data.isMarket", "true", FLAG),
            ("data.isMaker", "false", FLAG),
        ],
    ),
    (
        BOOK,
        &[
            ("eventId", r#""e""#, TEXT),
            ("datetime", r#""2026-09-21""#, TEXT),
            ("limit", "5", INTEGER),
            ("scale", "0", INTEGER),
            ("bids[].count", "3", INTEGER),
            ("bids[].total", r#""2.00""#, DECIMAL),
            ("asks[].count", "-1", INTEGER),
            ("asks[].total", r#""0""#, DECIMAL),
        ],
    ),
    (
        TICKER,
        &[
            ("eventID", r#""e""#, TEXT),
            ("lastPriceUSD", r#""107.00""#, DECIMAL),
            ("lastPriceTWD", r#""107""#, DECIMAL),
            ("isBuyer", "true", FLAG),
            ("priceChange24hr", r#""-1.20""#, DECIMAL),
            ("volume24hr", r#""0.0000""#, DECIMAL),
            ("volume24hrUSD", r#""7""#, DECIMAL),
            ("volume24hrTWD", r#""7.0""#, DECIMAL),
            ("high24hr", r#""108""#, DECIMAL),
            ("low24hr", r#""79228162514264337593543950335""#, DECIMAL),
        ],
    ),
    (
        MARKET_TRADES,
        &[
            ("eventId", r#""e""#, TEXT),
            ("datetime", r#""2026-09-21""#, TEXT),
            ("data[].isBuyer", "false", FLAG),
        ],
    ),
];

/// Returns the patterns of all optional fields.
pub(crate) fn optional_fields() -> impl Iterator<Item = &'static str> {
    MESSAGES.iter().flat_map(|(_, fields)| fields.iter().map(|(path, ..)| *path))
}

/// Values of every JSON type, including some that no Rust type can hold.
const VALUES: &[&str] = &[
    r#""""#,
    r#""\ud800""#,
    r#""a \"b\" \u0041""#,
    r#""1234567890123456789012345678901234567890""#,
    r#""1e5""#,
    r#""true""#,
    r#""True""#,
    r#" "false" "#,
    r#""7""#,
    r#""007""#,
    r#""+7""#,
    "7",
    "1234567890123456789012345678901234567890",
    "1.50",
    "1e999",
    "-0",
    "true",
    r#"[1, {"a": null}]"#,
    r#"{"amount": "1", "amount": "2"}"#,
];

/// Inserts a member at the start of the innermost object.
fn with_member(message: &str, path: &str, value: &str) -> String {
    let name = path.rsplit('.').next().unwrap();
    let member = format!(r#""{name}":{value},"#);
    let before = match path.split_once('.') {
        None => r#""event":"#.to_owned(),
        Some(("data", _)) => {
            let first = ["\"currency\":", "\"id\":", "\"base\":"].into_iter();
            first.clone().find(|key| message.contains(key)).unwrap().to_owned()
        }
        Some((list, _)) => {
            let start = format!(r#""{}":[{{"#, list.trim_end_matches("[]"));
            return message.replacen(&start, &format!("{start}{member}"), 1);
        }
    };
    message.replacen(&before, &format!("{member}{before}"), 1)
}

/// Returns the member as it is written.
fn member(path: &str, value: &str) -> String {
    let name = path.rsplit('.').next().unwrap();
    format!(r#""{name}":{value}"#)
}

/// Parses a message in several ways, writes it and checks that it reads back equal. Returns the written text.
fn round_trip(message: &str) -> String {
    let parsed = Message::from_json(message).unwrap_or_else(|error| panic!("{error}: {message}"));
    let value: serde_json::Result<serde_json::Value> = serde_json::from_str(message);
    if let Ok(from_value) = value.and_then(serde_json::from_value::<Message>) {
        assert_eq!(from_value.event(), parsed.event());
    }
    let from_reader: Message = serde_json::from_reader(message.as_bytes()).unwrap();
    assert_eq!(from_reader, parsed);
    let written = serde_json::to_string(&parsed).unwrap();
    assert_eq!(Message::from_json(&written).unwrap(), parsed, "{written}");
    written
}

#[test]
fn fault_54_an_optional_field_with_any_value_is_read_or_kept() {
    for (message, fields) in MESSAGES {
        assert_eq!(round_trip(message), *message, "absent");
        for (path, valid, rewritten) in *fields {
            let canonical = &*path.replace("Id", "ID");
            let written = round_trip(&with_member(message, path, valid));
            assert!(written.contains(&member(canonical, valid)), "{path}");
            assert_eq!(round_trip(&with_member(message, path, "null")), *message, "{path}");
            for value in VALUES {
                let written = round_trip(&with_member(message, path, value));
                match rewritten.iter().find(|(original, _)| original == value) {
                    Some((_, None)) => assert_eq!(written, *message, "{path}: {value}"),
                    Some((_, Some(replacement))) => {
                        assert!(
                            written.contains(&member(canonical, replacement)),
                            "{path}: {value}: {written}"
                        );
                    }
                    None => {
                        let text = serde_json::from_str::<String>(value)
                            .ok()
                            .filter(|_| rewritten.is_empty())
                            .map(|text| serde_json::to_string(&text).unwrap());
                        let kept = match text {
                            Some(text) => member(canonical, &text),
                            None => member(path, value.trim()),
                        };
                        assert!(written.contains(&kept), "{path}: {value}: {written}");
                    }
                }
            }
        }
    }
}

fn order(fields: &str) -> Event<Orders<ActiveOrderStream>> {
    let text = format!(
        r#"{{"event":"ACTIVE_ORDERS","timestamp":1764170000900,"data":{{"btc_twd":[{{"id":"7001","pair":"btc_twd","price":"2600000","action":"BUY","type":"LIMIT","status":1,"originalAmount":"0.01","remainingAmount":"0.006","executedAmount":"0.004"{fields}}}]}}}}"#
    );
    match decode(&text) {
        Ok(DecodedMessage::Event(event)) => event,
        other => panic!("{other:?}: {text}"),
    }
}

#[test]
fn fault_54_an_unreadable_optional_field_is_none_and_kept_in_extra() {
    let event = order(r#","fee":0.5,"total":"","bitoFee":null,"seq":"","clientId":"mine","stopPrice":"0""#);
    let order = event.data.get("7001").unwrap();
    assert_eq!((order.fee, order.total, order.bito_fee, order.client_id), (None, None, None, None));
    assert_eq!(order.seq.as_ref().map(OrderSeq::as_str), Some(""));
    assert_eq!(order.stop_price, Some(Decimal::ZERO));
    let kept: Vec<_> = order.extra.iter().collect();
    assert_eq!(kept, [("fee", "0.5"), ("clientId", r#""mine""#)]);
}

#[test]
fn fault_54_an_order_without_its_deprecated_timestamp_is_read() {
    let event = order(r#","createdTimestamp":1764170000000,"updatedTimestamp":1764170000858"#);
    let order = event.data.get("7001").unwrap();
    assert_eq!((order.timestamp, order.updated().map(Timestamp::as_millis)), (None, Some(1_764_170_000_858)));
}

#[test]
fn fault_54_old_messages_and_messages_of_other_accounts_are_read() {
    for text in [
        // Messages before November 2024 have no `eventID`. Before 2021, ids were numbers and orders had only
        // one time.
        r#"{"event":"ACTIVE_ORDERS","timestamp":1566209000200,"datetime":"2019-08-19T10:03:20.200Z","data":{"eth_twd":[{"id":2451234567,"pair":"eth_twd","price":"6200","avgExecutionPrice":"0","action":"BUY","type":"LIMIT","timestamp":1566209000000,"status":0,"originalAmount":"0.5","remainingAmount":"0.5","executedAmount":"0","fee":"0","feeSymbol":"eth","bitoFee":"0","total":"0","seq":"ETHTWD11","timeInForce":"GTC","clientId":12}]}}"#,
        r#"{"event":"RECENT_HISTORY_ORDERS","timestamp":1604300000000,"datetime":"2020-11-02T06:53:20.000Z","data":{"btc_usdt":[{"id":3452766477,"pair":"btc_usdt","price":"0","avgExecutionPrice":"13500.1","action":"SELL","type":"Market","timestamp":1604299999000,"status":2,"originalAmount":"0.01","remainingAmount":"0","executedAmount":"0.01","fee":"0.27","feeSymbol":"usdt","bitoFee":"0","total":"135.001","seq":"BTCUSDT5","timeInForce":"GTC"}]}}"#,
        r#"{"event":"USER_TRADE","timestamp":1621500000000,"datetime":"2021-05-20T08:40:00.000Z","data":{"base":"usdt","quote":"twd","side":"bid","price":"28.1","volume":"100","fee":"0.2","feeCurrency":"usdt","transactionTimestamp":1621500000,"eventTimestamp":1621500000,"orderID":390733918,"orderType":"Market","matchID":"","isMarket":"true","isMaker":"false"}}"#,
        // A currency key in lowercase, a fee paid in BITO, and an order with a strategy.
        r#"{"event":"ACCOUNT_BALANCE","timestamp":1764170000900,"data":{"eth":{"currency":"ETH","amount":"2.5","available":"2","stake":"0.5","tradable":true}}}"#,
        r#"{"event":"USER_TRADE","timestamp":1706062784500,"datetime":"x","data":{"base":"eth","quote":"twd","side":"bid","price":"70673","volume":"0.0009","fee":"184","feeCurrency":"BITO","transactionTimestamp":1706062784,"orderID":"4869968086","orderType":"MARKET","matchID":"","isMarket":true,"isMaker":false}}"#,
        r#"{"event":"ACTIVE_ORDERS","timestamp":1764170000900,"data":{"btc_twd":[{"id":"7001","pair":"btc_twd","price":"2600000","action":"BUY","type":"LIMIT","status":0,"originalAmount":"0.01","remainingAmount":"0.01","executedAmount":"0","clientID":"","stopProfitSetting":{"stopPrice":"100","orderID":"SL-1"}}]}}"#,
    ] {
        round_trip(text);
    }
}

/// Replaces the only `from` in a message.
fn replaced(message: &str, from: &str, to: &str) -> String {
    assert_eq!(message.matches(from).count(), 1, "{from}");
    message.replace(from, to)
}

#[test]
fn fault_54_a_required_value_of_another_type_or_case_is_read_if_its_meaning_is_certain() {
    for (message, from, to, written) in [
        (BALANCE, r#""timestamp":1"#, r#""timestamp":"1""#, r#""timestamp":1"#),
        (
            BALANCE,
            r#""amount":"1""#,
            r#""amount":18446744073709551615"#,
            r#""amount":"18446744073709551615""#,
        ),
        (BALANCE, r#""available":"1""#, r#""available":-5"#, r#""available":"-5""#),
        (ORDER, r#""id":"7""#, r#""id":7"#, r#""id":"7""#),
        (ORDER, r#""price":"107""#, r#""price":0"#, r#""price":"0""#),
        (ORDER, r#""status":0"#, r#""status":"-1""#, r#""status":-1"#),
        (ORDER, r#""action":"SELL""#, r#""action":"Sell""#, r#""action":"SELL""#),
        (ORDER, r#""type":"LIMIT""#, r#""type":"sl_oco_StopLimit""#, r#""type":"SL_OCO_STOPLIMIT""#),
        (ORDER, r#""pair":"btc_twd""#, r#""pair":"BTC_TWD""#, r#""pair":"BTC_TWD""#),
        (TRADE, r#""side":"ask""#, r#""side":"BID""#, r#""side":"bid""#),
        (TRADE, r#""fee":"0""#, r#""fee":0"#, r#""fee":"0""#),
        (
            TRADE,
            r#""transactionTimestamp":1"#,
            r#""transactionTimestamp":"1""#,
            r#""transactionTimestamp":1"#,
        ),
        (TRADE, r#""orderID":"7""#, r#""orderId":7"#, r#""orderID":"7""#),
    ] {
        assert_eq!(round_trip(&replaced(message, from, to)), replaced(message, from, written), "{to}");
    }
    let order = ORDER.split_once('[').unwrap().1.rsplit_once(']').unwrap().0;
    let null = replaced(ORDER, &format!("[{order}]"), "null");
    assert_eq!(round_trip(&null), replaced(&null, "null", "[]"));
}

#[test]
fn fault_54_a_required_value_whose_meaning_is_uncertain_is_an_error() {
    let (price, status) = (r#""price":"107""#, r#""status":0"#);
    for (message, from, to) in [
        // The parser converts these numbers to floats, which may change their digits.
        (ORDER, price, r#""price":107.50"#),
        (ORDER, price, r#""price":107.0"#),
        (ORDER, price, r#""price":1e2"#),
        (ORDER, price, r#""price":-0"#),
        (ORDER, price, r#""price":18446744073709551616"#),
        (ORDER, price, r#""price":"""#),
        (ORDER, price, r#""price":true"#),
        (ORDER, status, r#""status":"""#),
        (ORDER, status, r#""status":"+1""#),
        (ORDER, status, r#""status":"01""#),
        (ORDER, status, r#""status":" 1""#),
        (ORDER, status, r#""status":"1.0""#),
        (ORDER, status, r#""status":1.0"#),
        (ORDER, status, r#""status":"-0""#),
        (ORDER, status, r#""status":"9223372036854775808""#),
        (ORDER, status, r#""status":9223372036854775808"#),
        (ORDER, r#""pair":"btc_twd""#, r#""pair":7"#),
        (ORDER, r#""btc_twd":["#, r#""btc_twd":[null,"#),
        (TRADE, r#""orderID":"7""#, r#""orderID":"7","orderId":"8""#),
        (TRADE, r#""orderID":"7""#, r#""orderID":"7","orderId":null"#),
        (TRADE, r#""orderID":"7""#, r#""orderId":"7","orderId":"7""#),
    ] {
        let text = replaced(message, from, to);
        assert!(Message::from_json(&text).is_err(), "{text}");
    }
}

#[test]
fn fault_54_a_name_may_be_spelled_in_two_ways_whose_values_agree() {
    let order_id = r#""orderID":"7""#;
    for (fields, written) in [
        (r#""clientId":7"#, Some(r#","clientID":7"#)),
        (r#""clientID":7,"clientId":"7""#, Some(r#","clientID":7"#)),
        (r#""clientId":7,"clientID":null"#, Some(r#","clientID":7"#)),
        (r#""clientId":"","clientID":7"#, Some(r#","clientID":7"#)),
        (r#""clientId":null,"clientID":"""#, Some("")),
        (r#""clientID":7,"clientId":"mine""#, Some(r#","clientID":7,"clientId":"mine""#)),
        (r#""clientID":"a","clientId":"b""#, Some(r#","clientID":"a","clientId":"b""#)),
        (r#""clientID":"mine","clientId":7"#, None),
        (r#""clientID":7,"clientId":8"#, None),
        (r#""clientId":7,"clientId":7"#, None),
    ] {
        let text = replaced(ORDER, r#"{"id""#, &format!(r#"{{{fields},"id""#));
        if let Some(written) = written {
            assert_eq!(round_trip(&text), replaced(ORDER, "}]", &format!("{written}}}]")));
        } else {
            let error = Message::from_json(&text).unwrap_err().to_string();
            assert!(error.starts_with("data.btc_twd[0]: duplicate field `clientID` ("), "{error}");
        }
    }
    let both = replaced(TRADE, order_id, r#""orderId":7,"orderID":"7","matchId":"m""#);
    assert_eq!(round_trip(&both), replaced(TRADE, order_id, r#""orderID":"7","matchID":"m""#));
    let event = r#"{"event":"ACCOUNT_BALANCE","#;
    let both = replaced(BALANCE, event, &format!(r#"{event}"eventId":"e","eventID":"e","#));
    assert_eq!(round_trip(&both), replaced(BALANCE, event, &format!(r#"{event}"eventID":"e","#)));
}

/// `serde(flatten)` buffers the values, so their raw JSON is not available.
#[test]
fn fault_54_a_valid_optional_field_is_read_by_any_deserializer() {
    #[derive(Deserialize)]
    struct Named {
        name: String,
        #[serde(flatten)]
        balance: Balance,
    }

    let text = r#"{"currency":"ADA","amount":"1","available":"1","stake":"0","tradable":"true"}"#;
    let named: Named = serde_json::from_str(&text.replacen('{', r#"{"name":"n","#, 1)).unwrap();
    assert_eq!((named.name.as_str(), named.balance), ("n", serde_json::from_str(text).unwrap()));
}
