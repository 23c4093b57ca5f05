//! The requests of all calls, compared with a snapshot.

use std::fmt::Write;

use bitopro_auth::{API_KEY_HEADER, Credentials, PAYLOAD_HEADER, Payload, SIGNATURE_HEADER, Signer};
use bitopro_model::{Decimal, OrderStatus, Timestamp, UnixSeconds};
use bitopro_rest::{
    BaseUrl, Call, CancelAllOrders, CancelOrder, CancelOrders, CancelPairOrders, Endpoint, Error, ErrorKind,
    GetBalances, GetCandles, GetCurrencies, GetDeposits, GetFees, GetOpenOrders, GetOrder, GetOrderBook,
    GetOrderHistory, GetOwnTrades, GetTicker, GetTickers, GetTrades, GetTradingPairs, GetWithdrawals,
    LimitScope, PlaceBatch, PlaceOrder, PublicCall, Resolution, StatusKind, TransferStatus, Trigger,
};
use bytes::Bytes;
use http::Request;

use crate::{NOW_MS, signer};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Formats a request as method, URI, header names and body, and checks its signature.
fn shown(request: &Request<Bytes>, signer: &Signer) -> String {
    let headers: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
    let value = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
    let body = str::from_utf8(request.body()).unwrap();
    let mut shown = format!("{} {}\n  {}\n", request.method(), request.uri(), headers.join(", "));
    if !body.is_empty() {
        writeln!(shown, "  {body}").unwrap();
    }
    if let Some(payload) = value(PAYLOAD_HEADER) {
        let received = Payload::received(payload);
        let signature = value(SIGNATURE_HEADER).unwrap();
        assert_eq!(signer.credentials().verify(&received, signature), Ok(()), "{shown}");
        assert_eq!(value(API_KEY_HEADER), Some("the-key"));
        if body.is_empty() {
            assert!(received.identity_claim().unwrap().nonce >= NOW_MS, "{shown}");
        } else {
            assert_eq!(
                received,
                Payload::of_body(request.body()),
                "the signed bytes are not the body: {shown}"
            );
        }
        let debug = format!("{request:?}");
        for secret in ["the-key", payload, signature] {
            assert!(!debug.contains(secret), "{debug}");
        }
    }
    shown
}

fn add<C: Call>(all: &mut String, seen: &mut Vec<Endpoint>, signer: &Signer, call: &C) {
    let request = call.to_request(&BaseUrl::default(), signer, NOW_MS).unwrap();
    assert_eq!(request.method(), C::ENDPOINT.method());
    assert_eq!(request.headers().contains_key(SIGNATURE_HEADER), C::ENDPOINT.is_signed());
    seen.push(C::ENDPOINT);
    all.push_str(&shown(&request, signer));
}

#[test]
fn the_requests_of_all_calls_match_the_snapshot() {
    let (signer, mut all, mut seen) = (signer(), String::new(), Vec::new());
    let [start, end] = [1_795_226_400_000, 1_795_312_800_000].map(Timestamp::from_millis);
    let [from, to] = [1_795_226_400, 1_795_312_800].map(UnixSeconds::from_secs);
    let stop = || Trigger::at_or_below(decimal("4150"));
    let orders = [
        PlaceOrder::limit_buy("SOL_TWD", decimal("0.50"), decimal("4400")).with_client_id(41),
        PlaceOrder::post_only_sell("sol_twd", decimal("0.5"), decimal("4600.0")),
        PlaceOrder::market_buy_for_quote("btc_twd", decimal("1000")),
    ];
    macro_rules! add {
        ($($call:expr),* $(,)?) => { $(add(&mut all, &mut seen, &signer, &$call);)* };
    }
    add!(
        GetCurrencies::new(),
        GetTradingPairs::new(),
        GetFees::new(),
        GetOrderBook::new("sol_twd"),
        GetOrderBook::new("SOL_TWD").with_depth(50).with_scale(2),
        GetTickers::new(),
        GetTicker::new("Sol_Twd"),
        GetTrades::new("sol_twd"),
        GetCandles::new("sol_twd", Resolution::OneMonth, from, to),
        GetBalances::new(),
        orders[0],
        orders[1],
        orders[2],
        PlaceOrder::limit_sell("sol_twd", decimal("0.5"), decimal("4600")),
        PlaceOrder::post_only_buy("sol_twd", decimal("0.5"), decimal("4400")),
        PlaceOrder::stop_limit_sell("sol_twd", decimal("1"), decimal("4100"), stop()),
        PlaceOrder::stop_limit_buy(
            "sol_twd",
            decimal("1"),
            decimal("4700"),
            Trigger::at_or_above(decimal("4650"))
        ),
        PlaceOrder::market_sell("sol_twd", decimal("0.75")),
        PlaceBatch::new(orders.clone()),
        CancelOrder::new("sol_twd", "6120443789"),
        CancelOrder::new("SOL_TWD", "SL-5627877367").with_strategies_kept(),
        CancelPairOrders::new("sol_twd"),
        CancelAllOrders::new(),
        CancelOrders::new("sol_twd", ["1", "2"]).with_orders("btc_twd", ["3"]).with_orders("SOL_TWD", ["4"]),
        GetOrder::new("sol_twd", "SL-5627877367"),
        GetOpenOrders::new(),
        GetOpenOrders::new().with_pair("SOL_TWD"),
        GetOrderHistory::new("sol_twd"),
        GetOrderHistory::new("sol_twd")
            .with_start(start)
            .with_end(end)
            .with_status_kind(StatusKind::All)
            .with_status(OrderStatus::Cancelled)
            .with_from_order("5381594156")
            .with_limit(1_000)
            .with_client_id(41),
        GetOrderHistory::new("sol_twd").with_open_of_any_age(),
        GetOwnTrades::new("sol_twd"),
        GetOwnTrades::new("sol_twd")
            .with_start(start)
            .with_end(end)
            .with_order("5381594156")
            .with_from_trade("8923941255")
            .with_limit(1),
        GetDeposits::new("USDT"),
        GetWithdrawals::new("usdt")
            .with_start(start)
            .with_end(end)
            .with_limit(100)
            .with_from_id("71003")
            .with_statuses([TransferStatus::Complete, TransferStatus::EmailVerification])
            .with_tx_id("c0ffee & 01"),
    );
    for endpoint in Endpoint::ALL {
        assert!(seen.contains(endpoint), "no request for {endpoint}");
    }
    insta::assert_snapshot!(all);
}

/// The worked example of the exchange's documentation.
#[test]
fn the_documented_signature_is_that_of_a_get() {
    let signer = Signer::new(Credentials::new("key", "bitopro", "hcmlinj@gmail.com").unwrap());
    let request = GetBalances::new().to_request(&BaseUrl::default(), &signer, 1_554_380_909_131).unwrap();
    assert_eq!(
        request.headers()[SIGNATURE_HEADER],
        "01a85a9083db47c20da7196380598f3feacd3c76a9077aaf7ffaf08ce0091abf65b61778792607b010921adfe1c2941a"
    );
}

#[test]
fn a_public_call_needs_no_signer() {
    let request = GetTicker::new("sol_twd").to_public_request(&BaseUrl::default()).unwrap();
    assert_eq!(request.uri(), "https://api.bitopro.com/v3/tickers/sol_twd");
    assert_eq!(request.headers().keys().collect::<Vec<_>>(), ["accept"]);
}

#[test]
fn orders_placed_in_the_same_millisecond_have_different_times() {
    let signer = signer();
    let order = PlaceOrder::market_sell("sol_twd", Decimal::ONE);
    let bodies: Vec<Bytes> =
        (0..3).map(|_| order.to_request(&BaseUrl::default(), &signer, NOW_MS).unwrap().into_body()).collect();
    for (number, body) in (NOW_MS..).zip(&bodies) {
        let body = str::from_utf8(body).unwrap();
        assert!(body.contains(&format!("\"timestamp\":{number}")), "{body}");
    }
    let batch =
        PlaceBatch::new([order.clone(), order]).to_request(&BaseUrl::default(), &signer, NOW_MS).unwrap();
    let body = str::from_utf8(batch.body()).unwrap();
    assert!([3, 4].iter().all(|more| body.contains(&(NOW_MS + more).to_string())), "{body}");
}

/// Returns the problems of an invalid call.
fn problems(call: &impl Call) -> String {
    let error: Error = call.to_request(&BaseUrl::default(), &signer(), NOW_MS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCall, "{error}");
    assert!(error.kind().is_invalid() && error.status().is_none());
    assert!(error.to_string().contains(": invalid call: "), "{error}");
    error.words().to_owned()
}

#[test]
fn every_problem_of_an_invalid_call_is_reported() {
    let order = PlaceOrder::limit_buy("sol", decimal("0"), decimal("-1"));
    assert_eq!(
        problems(&order.with_client_id(0)),
        "`sol` is not a pair; expected two currencies such as `btc_twd`; the amount is 0; expected a positive number; \
         the price is -1; expected a positive number; the client id is 0; expected 1 to 2147483647"
    );
    let too_large = PlaceOrder::market_sell("sol_twd", Decimal::ONE).with_client_id(2_147_483_648);
    assert_eq!(problems(&too_large), "the client id is 2147483648; expected 1 to 2147483647");
    let order = PlaceOrder::market_sell("sol_twd", Decimal::ONE);
    assert_eq!(problems(&PlaceBatch::new(vec![order.clone(); 11])), "11 orders; expected 1 to 10");
    assert_eq!(problems(&PlaceBatch::new([])), "0 orders; expected 1 to 10");
    let stop = PlaceOrder::stop_limit_buy(
        "sol_twd",
        Decimal::ONE,
        Decimal::ONE,
        Trigger::at_or_above(Decimal::ZERO),
    );
    assert_eq!(
        problems(&PlaceBatch::new([order, stop])),
        "a batch cannot contain a stop-limit order; place it on its own; the stop price is 0; expected a positive number"
    );
    assert_eq!(
        problems(&GetOrderBook::new("sol_twd").with_depth(7)),
        "`limit` is 7; expected one of [1, 5, 10, 20, 30, 50]"
    );
    assert_eq!(
        problems(&GetOwnTrades::new("sol_twd").with_limit(1_001)),
        "`limit` is 1001; expected 1 to 1000"
    );
    assert_eq!(problems(&GetOrderHistory::new("sol_twd").with_limit(0)), "`limit` is 0; expected 1 to 1000");
    assert_eq!(problems(&GetDeposits::new("btc").with_limit(101)), "`limit` is 101; expected 1 to 100");
    let [from, to] = [1, 0].map(UnixSeconds::from_secs);
    let candles = GetCandles::new("sol_twd", Resolution::OneDay, from, to);
    assert_eq!(problems(&candles), "`from` is 1970-01-01T00:00:01Z, after `to`, 1970-01-01T00:00:00Z");
    assert_eq!(problems(&CancelOrders::new::<&str>("sol_twd", [])), "no orders; expected at least one id");
}

/// Each of these would be the path of a call that cancels more orders, or of another call.
#[test]
fn a_parameter_never_turns_a_call_into_another_one() {
    for pair in
        ["all", "", "open", "batch", "_", "sol_", "_twd", "a/b_c", "..", "sol_twd/1", "sol_twd?", "sol_twd_"]
    {
        problems(&CancelPairOrders::new(pair));
        problems(&CancelOrder::new(pair, "1"));
        problems(&GetOrder::new(pair, "1"));
        problems(&GetOpenOrders::new().with_pair(pair));
        problems(&CancelOrders::new(pair, ["1"]));
    }
    for id in ["", " ", ".", "..", "\t"] {
        problems(&CancelOrder::new("sol_twd", id));
        problems(&GetOrder::new("sol_twd", id));
    }
    problems(&CancelOrders::new("sol_twd", ["1", ""]));
    let request =
        CancelOrder::new("sol_twd", "1/../2?a=b#c 台").to_request(&BaseUrl::default(), &signer(), 0);
    assert_eq!(
        request.unwrap().uri(),
        "https://api.bitopro.com/v3/orders/sol_twd/1%2F..%2F2%3Fa%3Db%23c%20%E5%8F%B0"
    );
}

#[test]
fn a_base_url_is_https_or_loopback() {
    for (text, shown, is_loopback) in [
        ("https://api.bitopro.com/v3", "https://api.bitopro.com/v3", false),
        ("https://proxy.example:8443/a/b//", "https://proxy.example:8443/a/b", false),
        ("https://localhost.example.com", "https://localhost.example.com", false),
        ("https://10.0.0.1/v3", "https://10.0.0.1/v3", false),
        ("https://127.0.0.1:8443/v3", "https://127.0.0.1:8443/v3", true),
        ("http://localhost:1/", "http://localhost:1", true),
        ("http://127.8.9.1", "http://127.8.9.1", true),
        ("http://[::1]:80/v3", "http://[::1]:80/v3", true),
    ] {
        let base: BaseUrl = text.parse().unwrap();
        assert_eq!((base.to_string().as_str(), base.is_loopback()), (shown, is_loopback));
        let request = GetTickers::new().to_public_request(&base).unwrap();
        assert_eq!(request.uri().to_string(), format!("{shown}/tickers"));
    }
    for (text, problem) in [
        ("", "expected a URL"),
        ("api.bitopro.com", "the scheme or the host is missing"),
        ("/v3", "the scheme or the host is missing"),
        ("wss://api.bitopro.com", "the scheme is neither"),
        ("http://api.bitopro.com/v3", "`http` is allowed only for a loopback address"),
        ("http://127.0.0.1.example.com", "`http` is allowed only for a loopback address"),
        ("http://localhost.example.com", "`http` is allowed only for a loopback address"),
        ("http://localhost@example.com", "`http` is allowed only for a loopback address"),
        ("https://user:secret@api.bitopro.com", "a user name or a password is not supported"),
        ("https://api.bitopro.com/v3?a", "a query or a fragment"),
        ("https://api.bitopro.com/v3#a", "a query or a fragment"),
    ] {
        let error = text.parse::<BaseUrl>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidBaseUrl);
        assert!(error.words().starts_with(problem), "{text}: {error}");
        assert!(!error.to_string().contains("secret") && error.endpoint().is_none(), "{error}");
    }
}

#[test]
fn endpoints_are_distinct_and_a_public_one_has_no_limit_per_account() {
    for (number, endpoint) in Endpoint::ALL.iter().enumerate() {
        assert!(
            Endpoint::ALL[..number].iter().all(|other| other.to_string() != endpoint.to_string()),
            "{endpoint}"
        );
        let limits: Vec<_> = endpoint.limits().collect();
        assert!(limits.iter().any(|limit| (limit.scope, limit.count) == (LimitScope::Address, 600)));
        let per_account = limits.iter().any(|limit| limit.scope == LimitScope::Account);
        assert_eq!(per_account, endpoint.is_signed(), "{endpoint}");
        assert_eq!(endpoint.is_repeatable(), endpoint.method() == http::Method::GET);
        let readme = include_str!("../../README.md");
        assert!(readme.contains(&format!("` | `{endpoint}` | `")), "the README does not list {endpoint}");
    }
    let limits: Vec<String> = Endpoint::ALL
        .iter()
        .flat_map(|endpoint| endpoint.limits().skip(2).map(move |limit| format!("{endpoint}: {limit}")))
        .collect();
    insta::assert_snapshot!(limits.join("\n"));
    assert_eq!(Endpoint::CancelAllOrders.limits().last(), Endpoint::CancelPairOrders.limits().last());
}

#[test]
fn resolutions_are_read_back_and_a_month_is_not_a_minute() {
    for resolution in Resolution::ALL {
        assert_eq!(resolution.to_string().parse::<Resolution>().unwrap(), *resolution);
    }
    assert_ne!("1m".parse::<Resolution>().unwrap(), "1M".parse::<Resolution>().unwrap());
    let error = "2m".parse::<Resolution>().unwrap_err();
    assert!(error.words().starts_with("unknown resolution `2m`; expected one of 1m, 5m"), "{error}");
}
