use bitopro_model::PrivateStream;

use super::assert_errors;

const TRADE: &str = r#""base":"usdt","quote":"twd","side":"ask","price":"32.039","volume":"1","fee":"0","feeCurrency":"twd","transactionTimestamp":1694667358,"eventTimestamp":1694667359,"orderID":7,"orderType":"LIMIT","matchID":"m","isMarket":false,"isMaker":true"#;

/// Returns a message with this `data`.
fn with_trade_data(data: &str) -> String {
    format!(r#"{{"event":"USER_TRADE","timestamp":1,"data":{data}}}"#)
}

/// Returns a message with a trade, in which `to` replaces the only `from`.
fn with_trade(from: &str, to: &str) -> String {
    assert_eq!(TRADE.matches(from).count(), 1, "{from}");
    with_trade_data(&format!("{{{}}}", TRADE.replace(from, to)))
}

#[test]
fn fault_44_an_error_in_a_trade_names_its_path() {
    let maker = r#""isMaker":true"#;
    let time = r#""transactionTimestamp":1694667358"#;
    let table = [
        (with_trade(r#""price":"32.039","#, ""), "data: missing field `price`"),
        (with_trade(r#""orderID":7,"#, ""), "data: missing field `orderID`"),
        (
            with_trade(r#""price":"32.039""#, r#""price":32.039"#),
            "data.price: invalid type: floating point `32.039`, expected a decimal as a string or an integer",
        ),
        (
            with_trade(r#""volume":"1""#, r#""volume":true"#),
            "data.volume: invalid type: boolean `true`, expected a decimal as a string or an integer",
        ),
        (
            with_trade(r#""fee":"0""#, r#""fee":"0 TWD""#),
            "data.fee: `0 TWD`: expected digits with an optional minus sign and decimal point, such as `12.50`",
        ),
        (
            with_trade(time, r#""transactionTimestamp":"2023-09-14""#),
            "data.transactionTimestamp: invalid value: string \"2023-09-14\", expected a 64-bit integer",
        ),
        (
            with_trade(time, r#""transactionTimestamp":1694667358.5"#),
            "data.transactionTimestamp: invalid type: floating point `1694667358.5`, expected a 64-bit integer",
        ),
        (
            with_trade(r#""side":"ask""#, r#""side":0"#),
            "data.side: invalid type: integer `0`, expected a string",
        ),
        (
            with_trade(r#""orderID":7"#, r#""orderID":true"#),
            "data.orderID: invalid type: boolean `true`, expected an id as a string or an integer",
        ),
        (with_trade(maker, r#""isMaker":true,"isMaker":true"#), "data: duplicate field `isMaker`"),
        (with_trade_data(&format!("[{{{TRADE}}}]")), "data: invalid type: sequence, expected a trade"),
        (with_trade_data("null"), "data: invalid type: null, expected a trade"),
        (with_trade_data("{}"), "data: missing field `base`"),
        (r#"{"event":"USER_TRADE","timestamp":1}"#.to_owned(), "missing field `data`"),
        (format!(r#"{{"event":"USER_TRADE","data":{{{TRADE}}}}}"#), "missing field `timestamp`"),
    ];
    assert_errors(PrivateStream::UserTrades, table);
}
