use bitopro_model::{ActiveOrderStream, ActiveOrders, HistoryOrderStream, OrderStream, Orders, decode};

use super::assert_errors;

const ORDER: &str = r#""id":"7","pair":"sol_usdt","price":"107","avgExecutionPrice":"0","action":"SELL","type":"LIMIT","timestamp":1,"updatedTimestamp":1,"createdTimestamp":1,"status":0,"originalAmount":"0.02","remainingAmount":"0.02","executedAmount":"0","fee":"0","feeSymbol":"usdt","bitoFee":"0","total":"0","seq":"S7","timeInForce":"GTC""#;

/// Returns a message of the stream `K` with this `data`.
fn with_orders<K: OrderStream>(data: &str) -> String {
    format!(r#"{{"event":"{}","timestamp":1,"data":{data}}}"#, K::STREAM.event())
}

/// Returns a message of the stream `K` with one order, in which `to` replaces the only `from`.
fn with_order<K: OrderStream>(from: &str, to: &str) -> String {
    assert_eq!(ORDER.matches(from).count(), 1, "{from}");
    with_orders::<K>(&format!(r#"{{"sol_usdt":[{{{}}}]}}"#, ORDER.replace(from, to)))
}

#[test]
fn fault_44_an_error_in_an_open_order_names_its_path() {
    assert_order_errors::<ActiveOrderStream>();
}

#[test]
fn fault_44_an_error_in_a_closed_order_names_its_path() {
    assert_order_errors::<HistoryOrderStream>();
}

fn assert_order_errors<K: OrderStream>() {
    let (with, with_order) = (with_orders::<K>, with_order::<K>);
    let (price, id, gtc) = (r#""price":"107""#, r#""id":"7""#, r#""timeInForce":"GTC""#);
    let event = K::STREAM.event();
    let table = [
        (with_order(r#""price":"107","#, ""), "data.sol_usdt[0]: missing field `price`"),
        (with_order(r#""status":0,"#, ""), "data.sol_usdt[0]: missing field `status`"),
        (
            with_order(price, r#""price":107.5"#),
            "data.sol_usdt[0].price: invalid type: floating point `107.5`, expected a decimal as a string or an integer",
        ),
        (
            with_order(price, r#""price":null"#),
            "data.sol_usdt[0].price: invalid type: null, expected a decimal as a string or an integer",
        ),
        (
            with_order(price, r#""price":"market""#),
            "data.sol_usdt[0].price: `market`: expected digits with an optional minus sign and decimal point, such as `12.50`",
        ),
        (
            with_order(id, r#""id":7.5"#),
            "data.sol_usdt[0].id: invalid type: floating point `7.5`, expected an id as a string or an integer",
        ),
        (
            with_order(id, r#""id":null"#),
            "data.sol_usdt[0].id: invalid type: null, expected an id as a string or an integer",
        ),
        (
            with_order(r#""pair":"sol_usdt""#, r#""pair":5"#),
            "data.sol_usdt[0].pair: invalid type: integer `5`, expected a string",
        ),
        (
            with_order(r#""status":0"#, r#""status":"open""#),
            "data.sol_usdt[0].status: invalid value: string \"open\", expected a 64-bit integer",
        ),
        (
            with_order(r#""type":"LIMIT""#, r#""type":1"#),
            "data.sol_usdt[0].type: invalid type: integer `1`, expected a string",
        ),
        (
            with_order(r#""action":"SELL""#, r#""action":null"#),
            "data.sol_usdt[0].action: invalid type: null, expected a string",
        ),
        (
            with_order(gtc, r#""timeInForce":"GTC","clientId":7,"clientID":8"#),
            "data.sol_usdt[0]: duplicate field `clientID`",
        ),
        (with_order(gtc, r#""timeInForce":"GTC","price":"1""#), "data.sol_usdt[0]: duplicate field `price`"),
        (
            with_order(gtc, r#""timeInForce":7,"timeInForce":null"#),
            "data.sol_usdt[0]: duplicate field `timeInForce`",
        ),
        (with(&format!(r#"{{"sol_usdt":[{{{ORDER}}},{{}}]}}"#)), "data.sol_usdt[1]: missing field `id`"),
        (
            with(&format!(r#"{{"btc_twd":[{{{ORDER}}}]}}"#)),
            "data: order `7` under `btc_twd` has the pair `sol_usdt`",
        ),
        (with(&format!(r#"{{"sol_usdt":[{{{ORDER}}}],"sol_usdt":[]}}"#)), "data: duplicate pair `sol_usdt`"),
        (
            with(&format!(r#"{{"sol_usdt":{{{ORDER}}}}}"#)),
            "data.sol_usdt: invalid type: map, expected a sequence",
        ),
        (with(r#"{"sol_usdt":""}"#), "data.sol_usdt: invalid type: string \"\", expected a sequence"),
        (with(r#"{"sol_usdt":[[]]}"#), "data.sol_usdt[0]: invalid type: sequence, expected an order"),
        (with(r#"{"sol_usdt":[null]}"#), "data.sol_usdt[0]: invalid type: null, expected an order"),
        (
            with(&format!("[{{{ORDER}}}]")),
            "data: invalid type: sequence, expected an object of orders by pair",
        ),
        (with("null"), "data: invalid type: null, expected an object of orders by pair"),
        (format!(r#"{{"event":"{event}","timestamp":1}}"#), "missing field `data`"),
        (format!(r#"{{"event":"{event}","data":{{}}}}"#), "missing field `timestamp`"),
    ];
    assert_errors(K::STREAM, table);
}

#[test]
fn fault_32_deep_nesting_in_an_order_never_overflows_the_stack() {
    let deep = "[".repeat(100_000);
    for text in [
        with_orders::<ActiveOrderStream>(&format!(r#"{{"sol_usdt":{deep}"#)),
        with_order::<ActiveOrderStream>(r#""status":0"#, &format!(r#""x":{deep}"#)),
        with_order::<ActiveOrderStream>(r#""status":0"#, &format!(r#""status":{deep}"#)),
        with_order::<ActiveOrderStream>(r#""fee":"0""#, &format!(r#""fee":{deep}"#)),
    ] {
        assert!(decode::<Orders<ActiveOrderStream>>(&text).is_err());
        assert!(ActiveOrders::from_json(&text).is_err());
    }
}
