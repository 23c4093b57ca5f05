//! Messages with the fields, the order of the fields and the size of those of the exchange.
#![allow(dead_code, reason = "each benchmark uses only a part of it")]

/// The time of every event, in Unix milliseconds.
pub(crate) const AT: i64 = 1_795_312_800_000;

/// Returns a message of a private stream.
fn envelope(event: &str, id: u64, data: &str) -> String {
    format!(
        r#"{{"event":"{event}","eventID":"{id:08x}-a8a4-4d91-9dd1-ac08f9cbbd2c","timestamp":{AT},"datetime":"2026-11-22T02:00:00.000Z","data":{{{data}}}}}"#
    )
}

/// Returns the balances of this number of currencies.
pub(crate) fn balances(id: u64, currencies: u32) -> String {
    let balance = |number| {
        format!(
            r#""C{number:03}":{{"currency":"C{number:03}","amount":"12345.67890123","available":"12345.67890123","stake":"0","tradable":true}}"#
        )
    };
    envelope("ACCOUNT_BALANCE", id, &(0..currencies).map(balance).collect::<Vec<_>>().join(","))
}

/// Returns an order with this status. Its last change was the given number of seconds after [`AT`].
pub(crate) fn order(id: u64, pair: &str, status: i64, seconds: u64) -> String {
    let updated = AT.saturating_add_unsigned(seconds * 1_000);
    format!(
        r#"{{"id":"{id}","pair":"{pair}","price":"32.016","avgExecutionPrice":"0","action":"SELL","type":"LIMIT","timestamp":{AT},"updatedTimestamp":{updated},"createdTimestamp":{AT},"status":{status},"originalAmount":"203.01080642","remainingAmount":"203.01080642","executedAmount":"0","fee":"0","feeSymbol":"twd","bitoFee":"0","total":"0","seq":"USDTTWD{id}","timeInForce":"GTC"}}"#
    )
}

/// Returns a message of open orders, each with the orders of one pair.
pub(crate) fn open_orders(id: u64, pairs: &[(String, Vec<String>)]) -> String {
    envelope("ACTIVE_ORDERS", id, &lists(pairs))
}

/// Returns a message of closed orders, each with the orders of one pair.
pub(crate) fn closed_orders(id: u64, pairs: &[(String, Vec<String>)]) -> String {
    envelope("RECENT_HISTORY_ORDERS", id, &lists(pairs))
}

fn lists(pairs: &[(String, Vec<String>)]) -> String {
    let list = |(pair, orders): &(String, Vec<String>)| format!(r#""{pair}":[{}]"#, orders.join(","));
    pairs.iter().map(list).collect::<Vec<_>>().join(",")
}

/// Returns a trade with this `matchID`.
pub(crate) fn trade(id: u64, match_id: u64) -> String {
    let data = format!(
        r#""base":"usdt","quote":"twd","side":"ask","price":"32.016","volume":"203.01080642","fee":"12.99918795","feeCurrency":"twd","transactionTimestamp":1795312801,"eventTimestamp":1795312801,"orderID":"2562697837","orderType":"LIMIT","matchID":"{match_id}","isMarket":false,"isMaker":false"#
    );
    envelope("USER_TRADE", id, &data)
}

/// Returns an order book with this number of levels on each side: 2.9 kB with 20.
pub(crate) fn book(id: u64, pair: &str, levels: u32) -> String {
    let level = |number: u32, ticks: u32| {
        let (whole, cents) = (ticks / 100, ticks % 100);
        format!(
            r#"{{"price":"{whole}.{cents:02}","amount":"0.{ticks}","count":1,"total":"{number}.{ticks}"}}"#
        )
    };
    let bids: Vec<_> = (1..=levels).map(|number| level(number, 8_666_264 - number)).collect();
    let asks: Vec<_> = (1..=levels).map(|number| level(number, 8_666_264 + number)).collect();
    format!(
        r#"{{"event":"ORDER_BOOK","timestamp":{AT},"datetime":"2026-11-22T02:00:00.000Z","eventID":"{id:08x}-8a3e-4c1b-9d47-0b6f2e93a101","pair":"{pair}","limit":{levels},"scale":0,"bids":[{}],"asks":[{}]}}"#,
        bids.join(","),
        asks.join(",")
    )
}
