use bitopro_model::PublicStream;

use super::assert_errors;

const EVENT_ID: &str = r#""eventID":"e""#;
const LEVEL: &str = r#""price":"107.50","amount":"2","count":1,"total":"2""#;
const TRADE: &str = r#""timestamp":1789999998,"price":"107.50","amount":"2","isBuyer":true"#;

/// Returns a message with these fields after those of the envelope.
fn event(stream: PublicStream, fields: &str) -> String {
    format!(r#"{{"event":"{}","timestamp":1,{EVENT_ID},"pair":"BTC_TWD",{fields}}}"#, stream.event())
}

/// Replaces the only `from` in a text.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

#[test]
fn fault_44_an_error_in_an_order_book_names_its_path() {
    let with = |bids: &str, asks: &str| {
        event(PublicStream::OrderBooks, &format!(r#""limit":5,"scale":0,"bids":{bids},"asks":{asks}"#))
    };
    let levels = format!("[{{{LEVEL}}},{{{LEVEL}}}]");
    let with_bid = |from: &str, to: &str| with(&format!("[{{{}}}]", replaced(LEVEL, from, to)), "[]");
    let with_ask =
        |from: &str, to: &str| with("[]", &format!("[{{{LEVEL}}},{{{}}}]", replaced(LEVEL, from, to)));
    let (price, amount, valid) = (r#""price":"107.50""#, r#""amount":"2""#, with(&levels, &levels));
    let table = [
        (
            with_bid(price, r#""price":107.50"#),
            "bids[0].price: invalid type: floating point `107.5`, expected a decimal as a string or an integer",
        ),
        (with_bid(r#""price":"107.50","#, ""), "bids[0]: missing field `price`"),
        (with_ask(r#""amount":"2","#, ""), "asks[1]: missing field `amount`"),
        (
            with_ask(amount, r#""amount":null"#),
            "asks[1].amount: invalid type: null, expected a decimal as a string or an integer",
        ),
        (
            with_ask(amount, r#""amount":"1e5""#),
            "asks[1].amount: `1e5`: expected digits with an optional minus sign and decimal point, such as `12.50`",
        ),
        (
            with_ask(amount, r#""amount":"79228162514264337593543950336""#),
            "asks[1].amount: `79228162514264337593543950336`: too many digits (29) to store exactly; up to 28 always fit",
        ),
        (with_bid(r#""count":1"#, r#""count":1,"count":1"#), "bids[0]: duplicate field `count`"),
        (with("[[]]", "[]"), "bids[0]: invalid type: sequence, expected a price level"),
        (with("[]", "[null]"), "asks[0]: invalid type: null, expected a price level"),
        (with("\"\"", "[]"), "bids: invalid type: string \"\", expected a list"),
        (with("[]", r#"{"107":"2"}"#), "asks: invalid type: map, expected a list"),
        (replaced(&valid, r#""asks""#, r#""offers""#), "missing field `asks`"),
        (replaced(&valid, r#""asks""#, r#""bids""#), "duplicate field `bids`"),
        (
            replaced(&valid, r#""pair":"BTC_TWD""#, r#""pair":7"#),
            "pair: invalid type: integer `7`, expected a string",
        ),
        (
            replaced(&valid, r#""pair":"BTC_TWD""#, r#""pair":["BTC_TWD"]"#),
            "pair: invalid type: sequence, expected a string",
        ),
        (
            replaced(&valid, r#""pair":"BTC_TWD""#, r#""pair":null,"pair":"BTC_TWD""#),
            "pair: invalid type: null, expected a string",
        ),
        (
            replaced(&valid, r#""pair":"BTC_TWD""#, r#""pair":"BTC_TWD","pair":"ETH_TWD""#),
            "duplicate field `pair`",
        ),
        (replaced(&valid, r#""timestamp":1,"#, ""), "missing field `timestamp`"),
        (replaced(&valid, EVENT_ID, r#""eventID":"e","eventId":"f""#), "duplicate field `eventID`"),
    ];
    assert_errors(PublicStream::OrderBooks, table);
}

#[test]
fn fault_44_an_error_in_a_ticker_names_its_path() {
    let with = |fields: &str| event(PublicStream::Tickers, fields);
    let last = r#""lastPrice":"107.50""#;
    let table = [
        (with(r#""isBuyer":true"#), "missing field `lastPrice`"),
        (
            with(r#""lastPrice":null"#),
            "lastPrice: invalid type: null, expected a decimal as a string or an integer",
        ),
        (
            with(r#""lastPrice":"""#),
            "lastPrice: ``: expected digits with an optional minus sign and decimal point, such as `12.50`",
        ),
        (
            with(r#""lastPrice":107.50"#),
            "lastPrice: invalid type: floating point `107.5`, expected a decimal as a string or an integer",
        ),
        (with(&format!(r#"{last},"high24hr":1,"high24hr":1"#)), "duplicate field `high24hr`"),
        (
            replaced(&with(last), r#""timestamp":1"#, r#""timestamp":"soon""#),
            "timestamp: invalid value: string \"soon\", expected a 64-bit integer",
        ),
        (
            replaced(&with(last), r#""BTC_TWD""#, r#"{"base":"BTC"}"#),
            "pair: invalid type: map, expected a string",
        ),
    ];
    assert_errors(PublicStream::Tickers, table);
}

#[test]
fn fault_44_an_error_in_a_list_of_market_trades_names_its_path() {
    let with = |data: &str| event(PublicStream::Trades, &format!(r#""data":{data}"#));
    let with_trade = |from: &str, to: &str| with(&format!("[{{{TRADE}}},{{{}}}]", replaced(TRADE, from, to)));
    let time = r#""timestamp":1789999998"#;
    let table = [
        (with_trade(r#""price":"107.50","#, ""), "data[1]: missing field `price`"),
        (with_trade(r#","amount":"2""#, ""), "data[1]: missing field `amount`"),
        (with_trade(r#""timestamp":1789999998,"#, ""), "data[1]: missing field `timestamp`"),
        (
            with_trade(time, r#""timestamp":1789999998.5"#),
            "data[1].timestamp: invalid type: floating point `1789999998.5`, expected a 64-bit integer",
        ),
        (
            with_trade(time, r#""timestamp":"2026-09-21""#),
            "data[1].timestamp: invalid value: string \"2026-09-21\", expected a 64-bit integer",
        ),
        (
            with_trade(r#""price":"107.50""#, r#""price":true"#),
            "data[1].price: invalid type: boolean `true`, expected a decimal as a string or an integer",
        ),
        (with_trade(r#""isBuyer":true"#, r#""isBuyer":1,"isBuyer":1"#), "data[1]: duplicate field `isBuyer`"),
        (with("[7]"), "data[0]: invalid type: integer `7`, expected a trade of the market"),
        (with(&format!("{{{TRADE}}}")), "data: invalid type: map, expected a list"),
        (with("true"), "data: invalid type: boolean `true`, expected a list"),
        (
            replaced(&with("[]"), r#""pair":"BTC_TWD""#, r#""pair":false"#),
            "pair: invalid type: boolean `false`, expected a string",
        ),
        (replaced(&with("[]"), r#""data":[]"#, r#""trades":[]"#), "missing field `data`"),
    ];
    assert_errors(PublicStream::Trades, table);
}
