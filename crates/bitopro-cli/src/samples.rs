//! Messages and changes for tests of the output.

use jiff::tz::TimeZone;

use crate::table::balances::{Amounts, BalanceChanges};
use crate::table::{Appearance, EscapeCodes};

pub(crate) const BALANCES: &str = r#"{"event":"ACCOUNT_BALANCE","eventID":"b-1","timestamp":1639553303365,"data":{"BTC":{"currency":"BTC","amount":"1.10","available":"1.00","stake":"0","tradable":true},"TWD":{"currency":"TWD","amount":"0","available":"0","stake":"0","tradable":true}}}"#;

pub(crate) const ORDERS: &str = r#"{"event":"ACTIVE_ORDERS","timestamp":1639553303365,"data":{"btc_twd":[{"id":"8917255503","pair":"btc_twd","price":"3050000","avgExecutionPrice":"3049999.5","action":"BUY","type":"LIMIT","timestamp":1639553303000,"updatedTimestamp":1639553303000,"createdTimestamp":1639386803662,"status":1,"originalAmount":"0.0200","remainingAmount":"0.0150","executedAmount":"0.0050","fee":"0","feeSymbol":"btc","bitoFee":"0","total":"15249.9975","seq":"BTCTWD1","timeInForce":"POST_ONLY","futureField":1},{"id":"SL-7","pair":"btc_twd","price":"3100000","avgExecutionPrice":"0","action":"SELL","type":"STOP_LIMIT","timestamp":1639386803663,"status":-1,"originalAmount":"1","remainingAmount":"1","executedAmount":"0","fee":"0","feeSymbol":"twd","bitoFee":"0","total":"0","seq":"BTCTWD2","timeInForce":"GTC","stopPrice":"3150000","condition":">="}],"eth_usdt":[]}}"#;

pub(crate) const TRADE: &str = r#"{"event":"USER_TRADE","eventID":"t-1","timestamp":1694667358782,"data":{"base":"usdt","quote":"twd","side":"ask","price":"32.039","volume":"1.0","fee":"0.032039","feeCurrency":"twd","transactionTimestamp":1694667358,"eventTimestamp":1694667359,"orderID":"390733918","orderType":"MARKET","matchID":"","isMarket":true,"isMaker":false}}"#;

/// Parses the change of a balance, such as `BTC -0.25`.
pub(crate) fn changes(text: &str) -> BalanceChanges {
    let (currency, by) = text.split_once(' ').unwrap();
    let total = Some(by.parse().unwrap());
    BalanceChanges::from([(currency.into(), Amounts { total, available: total })])
}

/// Returns an appearance without colours, for a terminal of this width or for none.
pub(crate) fn look(width: fn() -> Option<usize>) -> Appearance {
    Appearance { escapes: EscapeCodes::None, width, time_zone: TimeZone::UTC }
}
