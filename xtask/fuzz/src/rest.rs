//! Reads any bytes, with any status, as the reply to every call of the REST API. Reading never panics, and an
//! error is bounded and printable.
//!
//! The first byte of an input selects the status, the others are the body.

use std::error::Error as _;

use bitopro_model::UnixSeconds;
use bitopro_rest::{
    Call, CancelAllOrders, CancelOrder, CancelOrders, CancelPairOrders, Error, GetBalances, GetCandles,
    GetCurrencies, GetDeposits, GetFees, GetOpenOrders, GetOrder, GetOrderBook, GetOrderHistory,
    GetOwnTrades, GetTicker, GetTickers, GetTrades, GetTradingPairs, GetWithdrawals, PlaceBatch, PlaceOrder,
    Resolution,
};
use bytes::Bytes;
use http::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

const STATUSES: [u16; 12] = [200, 201, 422, 400, 401, 403, 404, 502, 429, 409, 302, 999];

/// Runs one input.
pub fn check(data: &[u8]) {
    let Some((status, body)) = data.split_first() else { return };
    let mut response = Response::new(Bytes::copy_from_slice(body));
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    *response.status_mut() = status.try_into().expect("a status has three digits");
    let (pair, one, time) = ("btc_twd", 1.into(), UnixSeconds::from_secs(0));
    reads(&GetCurrencies::new(), &response);
    reads(&GetTradingPairs::new(), &response);
    reads(&GetFees::new(), &response);
    reads(&GetOrderBook::new(pair), &response);
    reads(&GetTickers::new(), &response);
    reads(&GetTicker::new(pair), &response);
    reads(&GetTrades::new(pair), &response);
    reads(&GetCandles::new(pair, Resolution::OneDay, time, time), &response);
    reads(&GetBalances::new(), &response);
    reads(&PlaceOrder::market_sell(pair, one), &response);
    reads(&PlaceBatch::new([PlaceOrder::market_sell(pair, one)]), &response);
    reads(&CancelOrder::new(pair, "1"), &response);
    reads(&CancelPairOrders::new(pair), &response);
    reads(&CancelAllOrders::new(), &response);
    reads(&CancelOrders::new(pair, ["1"]), &response);
    reads(&GetOrder::new(pair, "1"), &response);
    reads(&GetOpenOrders::new(), &response);
    reads(&GetOrderHistory::new(pair), &response);
    reads(&GetOwnTrades::new(pair), &response);
    reads(&GetDeposits::new("btc"), &response);
    reads(&GetWithdrawals::new("btc"), &response);
}

fn reads<C: Call>(call: &C, response: &Response<Bytes>)
where
    C::Reply: Serialize + DeserializeOwned + PartialEq,
{
    match call.read_reply(response) {
        Ok(reply) => {
            assert!(response.status().is_success(), "read a refusal as a reply");
            let written = serde_json::to_string(&reply).expect("every reply can be written");
            let again: C::Reply = serde_json::from_str(&written).expect("a written reply can be read");
            assert_eq!(again, reply);
        }
        Err(error) => assert_bounded_line(&error),
    }
}

/// Asserts that the texts of an error are single lines of bounded length.
fn assert_bounded_line(error: &Error) {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    for shown in [error.to_string(), error.words().to_owned(), source] {
        assert!(shown.len() < 2_600 && !shown.contains(char::is_control), "{shown:?}");
    }
}
